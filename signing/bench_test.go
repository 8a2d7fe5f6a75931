package signing

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"testing"

	"github.com/watchwordauth/watchword/verify"
)

var benchmarked = []verify.Algorithm{verify.ES256, verify.Ed25519, verify.RS256, verify.HS256}

// BenchmarkMint is to be read beside BenchmarkRaw: what an access token costs
// more than its signature.
func BenchmarkMint(b *testing.B) {
	for _, algorithm := range benchmarked {
		b.Run(string(algorithm), func(b *testing.B) {
			r, c := fixedRing(b, algorithm), ada()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := r.Mint(c); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRaw signs the same bytes with the standard library alone.
func BenchmarkRaw(b *testing.B) {
	c := ada()
	for _, algorithm := range benchmarked {
		b.Run(string(algorithm), func(b *testing.B) {
			r := fixedRing(b, algorithm)
			token, err := r.Mint(c)
			if err != nil {
				b.Fatal(err)
			}
			message := []byte(token[:len(token)-86])
			var raw func() error
			p256, ed, rsaKey, secret := rfc7515P256(b), rfc8037Ed25519(b), rfc7515RSA(b), rfc7515HMAC(b)
			switch algorithm {
			case verify.ES256:
				raw = func() error {
					digest := sha256.Sum256(message)
					_, err := p256.Sign(nil, digest[:], crypto.SHA256)
					return err
				}
			case verify.Ed25519:
				raw = func() error { ed25519.Sign(ed, message); return nil }
			case verify.RS256:
				raw = func() error {
					digest := sha256.Sum256(message)
					_, err := rsa.SignPKCS1v15(nil, rsaKey, crypto.SHA256, digest[:])
					return err
				}
			case verify.HS256:
				raw = func() error {
					mac := hmac.New(sha256.New, secret)
					mac.Write(message)
					var sum [sha256.Size]byte
					mac.Sum(sum[:0])
					return nil
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := raw(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkPayload compares the encoder with encoding/json.
func BenchmarkPayload(b *testing.B) {
	c := ada()
	b.Run("append", func(b *testing.B) {
		b.ReportAllocs()
		space := make([]byte, 0, 1024)
		for b.Loop() {
			appendClaims(space, &c)
		}
	})
	b.Run("encoding/json", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := json.Marshal(referenceOf(&c)); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkKey is asked at every verification.
func BenchmarkKey(b *testing.B) {
	r := fixedRing(b, verify.ES256)
	id := r.List()[0].ID
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Key(b.Context(), id); err != nil {
			b.Fatal(err)
		}
	}
}

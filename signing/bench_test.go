package signing

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/json"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/verify"
)

// BenchmarkMint mints a token and, by turns, signs the same bytes with the
// standard library alone. It reports the fastest of each, and their ratio: what a
// token costs more than its signature, whatever else the machine is doing.
func BenchmarkMint(b *testing.B) {
	p256, ed, rsaKey, shared := rfc7515P256(b), rfc8037Ed25519(b), rfc7515RSA(b), rfc7515HMAC(b)
	raw := map[verify.Algorithm]func(message []byte) error{
		verify.ES256: func(message []byte) error {
			digest := sha256.Sum256(message)
			_, err := p256.Sign(nil, digest[:], crypto.SHA256)
			return err
		},
		verify.Ed25519: func(message []byte) error { ed25519.Sign(ed, message); return nil },
		verify.RS256: func(message []byte) error {
			digest := sha256.Sum256(message)
			_, err := rsa.SignPKCS1v15(nil, rsaKey, crypto.SHA256, digest[:])
			return err
		},
		verify.HS256: func(message []byte) error {
			mac := hmac.New(sha256.New, shared)
			mac.Write(message)
			var sum [sha256.Size]byte
			mac.Sum(sum[:0])
			return nil
		},
	}
	for algorithm, sign := range raw {
		b.Run(string(algorithm), func(b *testing.B) {
			r, c := fixedRing(b, algorithm), ada()
			token, err := r.Mint(c)
			if err != nil {
				b.Fatal(err)
			}
			_, _, signature := parts(b, token)
			message := []byte(token[:len(token)-len(signature)-1])
			const batch = 10
			fastest := [2]time.Duration{time.Hour, time.Hour}
			b.ReportAllocs()
			for b.Loop() {
				began := time.Now()
				for range batch {
					if err := sign(message); err != nil {
						b.Fatal(err)
					}
				}
				half := time.Now()
				for range batch {
					if _, err := r.Mint(c); err != nil {
						b.Fatal(err)
					}
				}
				fastest[0], fastest[1] = min(fastest[0], half.Sub(began)), min(fastest[1], time.Since(half))
			}
			b.ReportMetric(float64(fastest[0])/batch, "raw-ns")
			b.ReportMetric(float64(fastest[1])/batch, "mint-ns")
			b.ReportMetric(float64(fastest[1])/float64(fastest[0]), "mint/raw")
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

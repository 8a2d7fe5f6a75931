package verify_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/verify"
	"github.com/watchwordauth/watchword/verify/verifytest"
)

// duel measures a subject beside its limit: short rounds of both by turns, the
// best round of each, so that whatever else the machine does hurts neither. It
// reports both and their ratio, and fails if the subject breaks its bound.
func duel(b *testing.B, limit, subject func(n int), bound func(limit, subject float64) string) {
	b.Helper()
	round := func(run func(int), n int) float64 {
		start := time.Now()
		for i := range n {
			run(i)
		}
		return float64(time.Since(start)) / float64(n)
	}
	size := func(run func(int)) int { return max(1, int(float64(3*time.Millisecond)/round(run, 100))) }
	limitSize, subjectSize := size(limit), size(subject)
	best := [2]float64{math.Inf(1), math.Inf(1)}
	for b.Loop() {
		best[0] = min(best[0], round(limit, limitSize))
		best[1] = min(best[1], round(subject, subjectSize))
	}
	b.ReportMetric(0, "ns/op") // of a round: says nothing
	b.ReportMetric(best[0], "limit-ns")
	b.ReportMetric(best[1], "subject-ns")
	b.ReportMetric(best[1]/best[0], "ratio")
	b.ReportMetric(testing.AllocsPerRun(100, func() { subject(0) }), "allocs")
	if complaint := bound(best[0], best[1]); complaint != "" && b.Elapsed() > 100*time.Millisecond {
		b.Error(complaint)
	}
}

// atMost is the bound of a ratio.
func atMost(ratio float64) func(limit, subject float64) string {
	return func(limit, subject float64) string {
		if subject <= ratio*limit {
			return ""
		}
		return fmt.Sprintf("%.0f ns are %.2f of the limit, which is above %.2f", subject, subject/limit, ratio)
	}
}

// BenchmarkUncached compares a whole verification with what it cannot save: the
// signature check of the standard library, and for HMAC, which hardly costs
// anything, decoding the claims by encoding/json, too.
func BenchmarkUncached(b *testing.B) {
	bounds := map[verify.Algorithm]float64{verify.HS256: 2, verify.ES256: 1.05, verify.Ed25519: 1.05, verify.RS256: 1.1}
	for _, algorithm := range []verify.Algorithm{verify.HS256, verify.ES256, verify.Ed25519, verify.RS256} {
		b.Run(string(algorithm), func(b *testing.B) {
			s := signers()[algorithm]
			token := s.token(b, claims(nil))
			last := strings.LastIndexByte(token, '.')
			input := []byte(token[:last])
			signature, err := base64.RawURLEncoding.DecodeString(token[last+1:])
			if err != nil {
				b.Fatal(err)
			}
			payload := []byte(jsonText(b, claims(nil)))
			v := s.verifier(b, verify.WithCacheSize(0))
			duel(b, func(int) {
				if !raw(s, input, signature) {
					b.Fatal("refused")
				}
				if algorithm == verify.HS256 {
					var c plainClaims
					if err := json.Unmarshal(payload, &c); err != nil {
						b.Fatal(err)
					}
				}
			}, func(int) {
				if _, err := v.Verify(context.Background(), token); err != nil {
					b.Fatal(err)
				}
			}, atMost(bounds[algorithm]))
		})
	}
	b.Run("HS256 beside the MAC alone", func(b *testing.B) {
		s := signers()[verify.HS256]
		token := s.token(b, claims(nil))
		last := strings.LastIndexByte(token, '.')
		input := []byte(token[:last])
		signature, err := base64.RawURLEncoding.DecodeString(token[last+1:])
		if err != nil {
			b.Fatal(err)
		}
		v := s.verifier(b, verify.WithCacheSize(0))
		duel(b, func(int) {
			if !raw(s, input, signature) {
				b.Fatal("refused")
			}
		}, func(int) {
			if _, err := v.Verify(context.Background(), token); err != nil {
				b.Fatal(err)
			}
		}, atMost(3.5))
	})
}

// plainClaims are what encoding/json decodes for comparison.
type plainClaims struct {
	Iss      string   `json:"iss"`
	Sub      string   `json:"sub"`
	Aud      string   `json:"aud"`
	ClientID string   `json:"client_id"`
	Iat      int64    `json:"iat"`
	Exp      int64    `json:"exp"`
	Jti      string   `json:"jti"`
	Sid      string   `json:"sid"`
	AuthTime int64    `json:"auth_time"`
	Roles    []string `json:"roles"`
	Epoch    uint64   `json:"epoch"`
	Username string   `json:"preferred_username"`
	Email    string   `json:"email"`
}

// raw is the bare signature check of the standard library.
func raw(s signer, input, signature []byte) bool {
	switch public := s.key.Public.(type) {
	case *ecdsa.PublicKey:
		digest := sha256.Sum256(input)
		return ecdsa.Verify(public, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:]))
	case ed25519.PublicKey:
		return ed25519.Verify(public, input, signature)
	case *rsa.PublicKey:
		digest := sha256.Sum256(input)
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest[:], signature) == nil
	}
	mac := hmac.New(sha256.New, s.key.Secret)
	mac.Write(input)
	return hmac.Equal(mac.Sum(nil), signature)
}

// BenchmarkCached verifies 10,000 remembered tokens in turn. The limit is a
// look-up in one map and a look at the clock.
func BenchmarkCached(b *testing.B) {
	s := signers()[verify.HS256]
	tokens := make([]string, 10_000)
	known := make(map[string]*verify.Claims, len(tokens))
	for n := range tokens {
		tokens[n] = s.token(b, claims(map[string]any{"jti": fmt.Sprint(n), "sid": fmt.Sprintf("%032x", n), "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}))
		known[tokens[n]] = &verify.Claims{}
	}
	v := s.verifier(b, verify.WithNow(time.Now), verify.WithCacheSize(30_000))
	for range 2 {
		for _, token := range tokens {
			mustAccept(b, v, token)
		}
	}
	limit := func(n int) {
		if known[tokens[n%len(tokens)]] == nil || time.Now().IsZero() {
			b.Fatal("unknown")
		}
	}
	subject := func(n int) {
		if _, err := v.Verify(context.Background(), tokens[n%len(tokens)]); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("10000", func(b *testing.B) { duel(b, limit, subject, within200) })
	b.Run("one", func(b *testing.B) {
		duel(b, func(int) { limit(0) }, func(int) { subject(0) }, within200)
	})
}

// within200 is the bound of a cached verification.
func within200(_, subject float64) string {
	if subject <= 200 {
		return ""
	}
	return fmt.Sprintf("%.0f ns, which is above 200", subject)
}

// BenchmarkFeed verifies 1,000 remembered tokens while following a feed with
// 10,000 live revocations. The limit is the same without a feed.
func BenchmarkFeed(b *testing.B) {
	i := verifytest.New(b)
	for n := range 10_000 {
		i.Revoke(fmt.Sprintf("%032x", 1_000_000+n))
	}
	with := func(options ...verify.Option) *verify.Verifier {
		v, err := verify.New(b.Context(), i.URL, i.Audience, options...)
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = v.Close() })
		return v
	}
	without, following := with(verify.WithoutFeed()), with()
	if held := following.Status().Revocations; held != 10_000 {
		b.Fatalf("%d revocations are held", held)
	}
	tokens := make([]string, 1000)
	for n := range tokens {
		tokens[n] = i.Mint(verify.Claims{})
	}
	subject := func(v *verify.Verifier) func(int) {
		return func(n int) {
			if _, err := v.Verify(context.Background(), tokens[n%len(tokens)]); err != nil {
				b.Fatal(err)
			}
		}
	}
	within50 := func(limit, subject float64) string {
		if subject-limit <= 50 {
			return ""
		}
		return fmt.Sprintf("%.0f ns more, which is above 50", subject-limit)
	}
	b.Run("steady", func(b *testing.B) { duel(b, subject(without), subject(following), within50) })
	b.Run("each token compared with a new set", func(b *testing.B) {
		duel(b, subject(without), func(n int) {
			if n%len(tokens) == 0 {
				verify.Touch(following)
			}
			subject(following)(n)
		}, func(float64, float64) string { return "" })
	})
}

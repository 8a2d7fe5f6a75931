package verify_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/verify"
)

func TestEveryAlgorithmVerifiesWhatItsOwnKeySigned(t *testing.T) {
	t.Parallel()
	for algorithm, s := range signers() {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			v := s.verifier(t)
			token := s.token(t, claims(nil))
			want := &verify.Claims{
				Issuer: issuer, Subject: "019aa3c1-0000-7000-8000-000000000001", Audience: []string{audience},
				ClientID: "web", IssuedAt: noon, Expiry: noon.Add(10 * time.Minute),
				ID: "token-1", SessionID: "0123456789abcdef0123456789abcdef", AuthTime: noon,
				Roles: []string{"user"}, Epoch: 3, Username: "ada", Email: "ada@example.com",
			}
			for _, visit := range []string{"first", "from memory"} {
				got, err := v.Verify(t.Context(), token)
				if err != nil {
					t.Fatalf("%s: %v", visit, err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", visit, diff)
				}
			}
		})
	}
}

func TestNoKeyVerifiesAnotherAlgorithm(t *testing.T) {
	t.Parallel()
	for signs, s := range signers() {
		for header, other := range signers() {
			if header == signs {
				continue
			}
			// Signed as `signs` does it, but announced as `header`, whose key the
			// verifier holds under the id that the token names.
			key := other.key
			key.ID = s.key.ID
			forged := s.sign(t, map[string]any{"alg": header, "kid": s.key.ID, "typ": "at+jwt"}, claims(nil))
			honest := s.token(t, claims(nil))
			holder := signer{key: key}
			_, err := holder.verifier(t).Verify(t.Context(), honest)
			if !errors.Is(err, verify.ErrAlgorithm) {
				t.Errorf("%s token for a %s key: %v", signs, header, err)
			}
			_, err = holder.verifier(t).Verify(t.Context(), forged)
			if sameEdwards := isEdwards(signs) && isEdwards(header); !sameEdwards && !errors.Is(err, verify.ErrSignature) {
				t.Errorf("%s signature announced as %s: %v", signs, header, err)
			}
		}
	}
}

func isEdwards(a verify.Algorithm) bool { return a == verify.Ed25519 || a == verify.EdDSA }

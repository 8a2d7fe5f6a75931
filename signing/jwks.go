package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"

	"github.com/watchwordauth/watchword/verify"
)

// JWKSType is the media type of JWKS (RFC 7517 section 8.5).
const JWKSType = "application/jwk-set+json"

// JWKS returns the public keys that verify now, and the next one, as a JWK Set
// (RFC 7517 section 5), in the order of their numbers. With HS256 the set is
// empty. It may be cached for Config.MaxAge, which Ring.MaxAge returns.
func (r *Ring) JWKS() []byte { return append([]byte(nil), r.state.Load().jwks...) }

// ETag is a strong entity tag (RFC 9110 section 8.8.3) for a JWKS: equal ones have
// equal tags, on every node.
func ETag(jwks []byte) string {
	sum := sha256.Sum256(jwks)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// jwk is a public key as the JWKS has it (RFC 7517 section 4, RFC 7518 section 6,
// RFC 8037 section 2).
type jwk struct {
	Type      string `json:"kty"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	Curve     string `json:"crv,omitempty"`
	X         string `json:"x,omitempty"`
	Y         string `json:"y,omitempty"`
	N         string `json:"n,omitempty"`
	E         string `json:"e,omitempty"`
}

// newJWK describes a public key; use, algorithm and id are left to the caller.
func newJWK(public crypto.PublicKey) (jwk, error) {
	text := base64.RawURLEncoding.EncodeToString
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes() // 4, x, y
		if err != nil || public.Curve != elliptic.P256() {
			return jwk{}, fmt.Errorf("not a key on P-256")
		}
		return jwk{Type: "EC", Curve: "P-256", X: text(point[1:33]), Y: text(point[33:])}, nil
	case ed25519.PublicKey:
		return jwk{Type: "OKP", Curve: "Ed25519", X: text(public)}, nil
	case *rsa.PublicKey:
		return jwk{Type: "RSA", N: text(public.N.Bytes()), E: text(big.NewInt(int64(public.E)).Bytes())}, nil
	}
	return jwk{}, fmt.Errorf("no JWK for a %T", public)
}

// thumbprint is the key's id: RFC 7638, with SHA-256. All values are of letters
// that JSON does not escape.
func (j jwk) thumbprint() string {
	var canonical string
	switch j.Type {
	case "EC":
		canonical = fmt.Sprintf(`{"crv":"%s","kty":"EC","x":"%s","y":"%s"}`, j.Curve, j.X, j.Y)
	case "OKP":
		canonical = fmt.Sprintf(`{"crv":"%s","kty":"OKP","x":"%s"}`, j.Curve, j.X)
	case "RSA":
		canonical = fmt.Sprintf(`{"e":"%s","kty":"RSA","n":"%s"}`, j.E, j.N)
	}
	sum := sha256.Sum256([]byte(canonical))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// encodeJWKS writes the set of the keys.
func encodeJWKS(keys []*key) ([]byte, error) {
	set := struct {
		Keys []jwk `json:"keys"`
	}{Keys: []jwk{}}
	for _, k := range keys {
		if k.public.Algorithm == verify.HS256 {
			continue
		}
		j, err := newJWK(k.public.Public)
		if err != nil {
			return nil, err
		}
		j.Use, j.Algorithm, j.ID = "sig", string(k.public.Algorithm), k.public.ID
		set.Keys = append(set.Keys, j)
	}
	return json.Marshal(set)
}

package signing

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/watchwordauth/watchword/internal/secret"
	"github.com/watchwordauth/watchword/verify"
)

// rsaBits is the size of new RSA keys: as strong as the 128 bits of the others.
const rsaBits = 3072

// sealPurpose is what private keys are sealed for; a key's id is the id.
const sealPurpose = "signing key"

// signer appends the signature of a message to a slice: for ECDSA r and s, 32
// bytes each (RFC 7518 section 3.4). It is a function because a private key that
// is a field gets printed sooner or later; of a function fmt prints the address.
type signer func(into, message []byte) ([]byte, error)

// key is a signing key in use.
type key struct {
	record Record
	public verify.Key
	header []byte // of access tokens: encoded, with its dot
	sign   signer
	size   int // of a signature, in bytes
}

// generate makes a private key. RSA keys are drawn from the system's randomness
// whatever random is; crypto/rsa knows no other.
func generate(a verify.Algorithm, random io.Reader) (crypto.Signer, error) {
	switch a {
	case verify.ES256:
		for {
			var raw [32]byte
			if _, err := io.ReadFull(random, raw[:]); err != nil {
				return nil, err
			}
			// One number in 2³² is not below the order of the curve, or zero.
			if private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), raw[:]); err == nil {
				return private, nil
			}
		}
	case verify.Ed25519:
		var seed [ed25519.SeedSize]byte
		if _, err := io.ReadFull(random, seed[:]); err != nil {
			return nil, err
		}
		return ed25519.NewKeyFromSeed(seed[:]), nil
	case verify.RS256:
		return rsa.GenerateKey(random, rsaBits)
	}
	return nil, unsupported(a)
}

func unsupported(a verify.Algorithm) error {
	return fmt.Errorf("access tokens are not signed with %q: choose ES256, Ed25519, RS256 or HS256", string(a))
}

// newRecord makes a key for the store.
func newRecord(a verify.Algorithm, random io.Reader, master *secret.Master, number int, created, active time.Time) (Record, error) {
	private, err := generate(a, random)
	if err != nil {
		return Record{}, fmt.Errorf("make a key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		return Record{}, fmt.Errorf("encode a public key: %w", err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Record{}, fmt.Errorf("encode a private key: %w", err)
	}
	defer clear(plain)
	j, err := newJWK(private.Public())
	if err != nil {
		return Record{}, err
	}
	id := j.thumbprint()
	return Record{
		Number: number, ID: id, Algorithm: string(a), Public: public, Sealed: master.Seal(sealPurpose, id, plain),
		CreatedAt: created, ActiveAt: active,
	}, nil
}

// open makes a record of the store usable. It fails unless the private part opens
// and belongs to the public part and the algorithm: the record may come from
// anybody who can write to the database.
func open(r Record, master *secret.Master) (*key, error) {
	plain, err := master.Open(sealPurpose, r.ID, r.Sealed)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	parsed, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, errors.New("the private part is no key") // the cause may quote it
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, errors.New("the private part does not sign")
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil || !bytes.Equal(public, r.Public) {
		return nil, errors.New("the public part does not belong to the private part")
	}
	sign, err := signWith(verify.Algorithm(r.Algorithm), private)
	if err != nil {
		return nil, err
	}
	return newKey(r, verify.Key{ID: r.ID, Algorithm: verify.Algorithm(r.Algorithm), Public: private.Public()}, sign), nil
}

// shared makes the key of HS256. Its tokens name no key: there is no other.
func shared(material []byte) *key {
	material = bytes.Clone(material)
	sign := func(into, message []byte) ([]byte, error) {
		mac := hmac.New(sha256.New, material)
		mac.Write(message)
		return mac.Sum(into), nil
	}
	return newKey(Record{Algorithm: string(verify.HS256)}, verify.Key{Algorithm: verify.HS256, Secret: material}, sign)
}

func newKey(r Record, public verify.Key, sign signer) *key {
	k := &key{record: r, public: public, sign: sign, header: appendHeader(nil, r, accessTokenType)}
	switch public := public.Public.(type) {
	case nil:
		k.size = sha256.Size
	case *rsa.PublicKey:
		k.size = public.Size()
	default: // ECDSA on P-256, Ed25519
		k.size = 64
	}
	return k
}

// signWith hides a private key in a function, if it is one for the algorithm.
func signWith(a verify.Algorithm, private crypto.Signer) (signer, error) {
	switch private := private.(type) {
	case *ecdsa.PrivateKey:
		if a == verify.ES256 && private.Curve == elliptic.P256() {
			return func(into, message []byte) ([]byte, error) {
				digest := sha256.Sum256(message)
				// Without randomness the signature is that of RFC 6979: it needs none,
				// and is a quarter faster.
				der, err := private.Sign(nil, digest[:], crypto.SHA256)
				if err != nil {
					return nil, err
				}
				return appendRaw(into, der)
			}, nil
		}
	case ed25519.PrivateKey:
		if a == verify.Ed25519 {
			return func(into, message []byte) ([]byte, error) {
				return append(into, ed25519.Sign(private, message)...), nil
			}, nil
		}
	case *rsa.PrivateKey:
		if a == verify.RS256 && private.N.BitLen() >= 2048 {
			return func(into, message []byte) ([]byte, error) {
				digest := sha256.Sum256(message)
				signature, err := rsa.SignPKCS1v15(nil, private, crypto.SHA256, digest[:])
				return append(into, signature...), err
			}, nil
		}
	}
	return nil, fmt.Errorf("the key is not one for %q", string(a))
}

// errSignature is returned for what is no signature of the key's kind.
var errSignature = errors.New("not a signature of this algorithm")

// appendRaw turns an ECDSA signature from DER (a sequence of two integers) into
// the two numbers that a JWS holds, 32 bytes each.
func appendRaw(into, der []byte) ([]byte, error) {
	// All lengths are below 128 and so of one byte: 2·(2+33) and the head.
	if len(der) < 2 || der[0] != 0x30 || int(der[1]) != len(der)-2 || der[1] >= 0x80 {
		return nil, errSignature
	}
	rest := der[2:]
	for range 2 {
		if len(rest) < 2 || rest[0] != 0x02 || rest[1] == 0 || int(rest[1]) > len(rest)-2 {
			return nil, errSignature
		}
		number := rest[2 : 2+rest[1]]
		rest = rest[2+rest[1]:]
		if number[0] >= 0x80 || len(number) > 1 && number[0] == 0 && number[1] < 0x80 {
			return nil, errSignature // negative, or not the shortest form
		}
		if number[0] == 0 {
			number = number[1:]
		}
		if len(number) > 32 {
			return nil, errSignature
		}
		var padded [32]byte
		copy(padded[32-len(number):], number)
		into = append(into, padded[:]...)
	}
	if len(rest) != 0 {
		return nil, errSignature
	}
	return into, nil
}

package signing

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"

	"github.com/watchwordauth/watchword/internal/secret"
	"github.com/watchwordauth/watchword/verify"
)

// The keys of the tests are those of the standards' examples: known to everybody,
// and so good for nothing else.

func decode(t testing.TB, text string) []byte {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return decoded
}

// rfc7515P256 is the key of RFC 7515 appendix A.3.
func rfc7515P256(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), decode(t, "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"))
	if err != nil {
		t.Fatal(err)
	}
	return private
}

// rfc8037Ed25519 is the key of RFC 8037 appendix A.1.
func rfc8037Ed25519(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	return ed25519.NewKeyFromSeed(decode(t, "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"))
}

// rfc7515RSA is the key of RFC 7515 appendix A.2.
func rfc7515RSA(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	number := func(text string) *big.Int { return new(big.Int).SetBytes(decode(t, text)) }
	private := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{E: 65537, N: number(`
			ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ
			S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2
			R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD
			TW9gb54h4FRWyuXpoQ`)},
		D: number(`
			Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_G
			O-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQl
			BjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0
			QU91p1DhOVRuOopznQ`),
		Primes: []*big.Int{
			number("4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc"),
			number("uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc"),
		},
	}
	private.Precompute()
	if err := private.Validate(); err != nil {
		t.Fatal(err)
	}
	return private
}

// rfc7515HMAC is the key of RFC 7515 appendix A.1.
func rfc7515HMAC(t testing.TB) []byte {
	t.Helper()
	return decode(t, "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow")
}

func newMaster(t testing.TB, n byte, old ...byte) *secret.Master {
	t.Helper()
	material := func(n byte) []byte {
		sum := sha256.Sum256([]byte{n})
		return sum[:]
	}
	var olds [][]byte
	for _, n := range old {
		olds = append(olds, material(n))
	}
	m, err := secret.New(material(n), olds...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// sealedRecord is a record of a key, as the store has it.
func sealedRecord(t testing.TB, a verify.Algorithm, private crypto.Signer, master *secret.Master) Record {
	t.Helper()
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	j, err := newJWK(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	id := j.thumbprint()
	return Record{Number: 1, ID: id, Algorithm: string(a), Public: public, Sealed: master.Seal("signing key", id, plain), CreatedAt: start, ActiveAt: start}
}

func TestSignaturesAreThoseOfTheStandards(t *testing.T) {
	t.Parallel()
	// RFC 6979 appendix A.2.5.
	p256, err := hex.DecodeString("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721")
	if err != nil {
		t.Fatal(err)
	}
	rfc6979, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), p256)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := hex.DecodeString("EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8")
	if err != nil {
		t.Fatal(err)
	}
	const rfc7515Payload = ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
	tests := map[string]struct {
		algorithm verify.Algorithm
		private   crypto.Signer
		message   string
		want      string
	}{
		"ES256 (RFC 6979 A.2.5)": {verify.ES256, rfc6979, "sample", base64.RawURLEncoding.EncodeToString(rs)},
		"Ed25519 (RFC 8037 A.4)": {verify.Ed25519, rfc8037Ed25519(t), "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc", "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
		"RS256 (RFC 7515 A.2.1)": {verify.RS256, rfc7515RSA(t), "eyJhbGciOiJSUzI1NiJ9" + rfc7515Payload, "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
		"HS256 (RFC 7515 A.1.1)": {verify.HS256, nil, "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9" + rfc7515Payload, "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sign := shared(rfc7515HMAC(t)).sign
			if tt.private != nil {
				var err error
				if sign, err = signWith(tt.algorithm, tt.private); err != nil {
					t.Fatal(err)
				}
			}
			got, err := sign([]byte("before"), []byte(tt.message))
			if err != nil || !bytes.Equal(got, append([]byte("before"), decode(t, tt.want)...)) {
				t.Errorf("sign = %x, %v; want %s after what was there", got, err, tt.want)
			}
		})
	}
}

func TestThumbprintsAreThoseOfTheStandards(t *testing.T) {
	t.Parallel()
	rfc7638 := &rsa.PublicKey{E: 65537, N: new(big.Int).SetBytes(decode(t, `
		0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj
		hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ
		vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK
		nqDKgw`))}
	tests := map[string]struct {
		public crypto.PublicKey
		want   string
	}{
		"RSA (RFC 7638 section 3.1)": {rfc7638, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"},
		"Ed25519 (RFC 8037 A.3)":     {rfc8037Ed25519(t).Public(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			j, err := newJWK(tt.public)
			if err != nil || j.thumbprint() != tt.want {
				t.Errorf("thumbprint = %s, %v; want %s", j.thumbprint(), err, tt.want)
			}
		})
	}
}

// A source that repeats gives the same key again, so that simulations can be
// repeated.
func TestAKeyFollowsFromItsRandomness(t *testing.T) {
	t.Parallel()
	for _, a := range []verify.Algorithm{verify.ES256, verify.Ed25519} {
		var ids []string
		for range 2 {
			// The first 32 bytes are no number below the order of P-256.
			source := io.MultiReader(bytes.NewReader(bytes.Repeat([]byte{0xff}, 32)), bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
			record, err := newRecord(a, source, newMaster(t, 1), 1, start, start)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, record.ID)
		}
		if ids[0] != ids[1] {
			t.Errorf("%s: keys %v", a, ids)
		}
		if _, err := newRecord(a, strings.NewReader("short"), newMaster(t, 1), 1, start, start); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: without randomness newRecord = %v", a, err)
		}
	}
}

func TestNewKeysOpenAgain(t *testing.T) {
	t.Parallel()
	for _, a := range []verify.Algorithm{verify.ES256, verify.Ed25519, verify.RS256} {
		t.Run(string(a), func(t *testing.T) {
			t.Parallel()
			record, err := newRecord(a, rand.Reader, newMaster(t, 1), 3, start, after(day))
			if err != nil {
				t.Fatal(err)
			}
			if record.Number != 3 || record.Algorithm != string(a) || !record.CreatedAt.Equal(start) || !record.ActiveAt.Equal(after(day)) {
				t.Errorf("record %+v", record)
			}
			k, err := open(record, newMaster(t, 2, 1))
			if err != nil {
				t.Fatal(err)
			}
			if public, ok := k.public.Public.(*rsa.PublicKey); ok && public.N.BitLen() != 3072 {
				t.Errorf("an RSA key of %d bits", public.N.BitLen())
			}
			jws, err := k.token(appendHeader(nil, record, "test+jwt"), []byte("{}"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := k.public.Verify(jws); err != nil {
				t.Errorf("its signature does not verify: %v", err)
			}
		})
	}
}

func TestARecordThatWasTamperedWithDoesNotOpen(t *testing.T) {
	t.Parallel()
	master := newMaster(t, 1)
	good := sealedRecord(t, verify.ES256, rfc7515P256(t), master)
	other := sealedRecord(t, verify.Ed25519, rfc8037Ed25519(t), master)
	noKey := []byte("not PKCS #8, and not to be told")
	tests := map[string]func(r *Record){
		"nothing changed":           func(*Record) {},
		"another public part":       func(r *Record) { r.Public = other.Public },
		"another private part":      func(r *Record) { r.Sealed = other.Sealed },
		"another id":                func(r *Record) { r.ID = other.ID },
		"another algorithm":         func(r *Record) { r.Algorithm = "RS256" },
		"HS256":                     func(r *Record) { r.Algorithm = "HS256" },
		"none":                      func(r *Record) { r.Algorithm = "none" },
		"a damaged private part":    func(r *Record) { r.Sealed[20] ^= 1 },
		"no private part":           func(r *Record) { r.Sealed = nil },
		"a private part in clear":   func(r *Record) { r.Sealed = noKey },
		"something else sealed":     func(r *Record) { r.Sealed = master.Seal("signing key", r.ID, noKey) },
		"sealed for another use":    func(r *Record) { r.Sealed = master.Seal("other", r.ID, noKey) },
		"a key of somebody else's":  func(r *Record) { *r = sealedRecord(t, verify.ES256, rfc7515P256(t), newMaster(t, 2)) },
		"a key that is not for JWS": func(r *Record) { *r = agreementRecord(t, master) },
		"a key on another curve":    func(r *Record) { *r = p384Record(t, master) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := good
			r.Sealed = bytes.Clone(good.Sealed)
			change(&r)
			_, err := open(r, master)
			if (err == nil) != (name == "nothing changed") {
				t.Fatalf("open = %v", err)
			}
			if err != nil && strings.Contains(err.Error(), string(noKey)) {
				t.Errorf("the error tells what was sealed: %v", err)
			}
		})
	}
}

// agreementRecord holds a key that agrees on secrets and does not sign.
func agreementRecord(t *testing.T, master *secret.Master) Record {
	t.Helper()
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return Record{ID: "x", Algorithm: "ES256", Public: public, Sealed: master.Seal("signing key", "x", plain)}
}

func p384Record(t *testing.T, master *secret.Master) Record {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return Record{ID: "x", Algorithm: "ES256", Public: public, Sealed: master.Seal("signing key", "x", plain)}
}

func TestOnlyTheAlgorithmsOfAccessTokensMakeKeys(t *testing.T) {
	t.Parallel()
	for _, a := range []verify.Algorithm{"", "none", "ES384", "EdDSA", "HS256", "es256"} {
		if _, err := generate(a, rand.Reader); err == nil {
			t.Errorf("generate(%q) makes a key", a)
		}
	}
}

// What appendRaw reads, the ASN.1 package of the standard library reads too, as
// the same two numbers.
func FuzzAppendRaw(f *testing.F) {
	for _, message := range []string{"", "a", "sample"} {
		digest := sha256.Sum256([]byte(message))
		der, err := rfc7515P256(f).Sign(nil, digest[:], crypto.SHA256)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	for _, seed := range []string{"", "3000", "3006020100020100", "30060201ff020101", "3007020200010201ff", "308106020101020101", "300602010102010100", "30080202008002020080"} {
		der, err := hex.DecodeString(seed)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(der)
	}
	f.Fuzz(func(t *testing.T, der []byte) {
		var want struct{ R, S *big.Int }
		rest, wantErr := asn1.Unmarshal(der, &want)
		readable := wantErr == nil && len(rest) == 0 && want.R.Sign() >= 0 && want.S.Sign() >= 0 && want.R.BitLen() <= 256 && want.S.BitLen() <= 256
		raw, err := appendRaw(nil, der)
		if err != nil {
			// The package accepts longer sequences than the two numbers fill.
			if readable && len(der) <= 72 && int(der[1]) == 4+int(der[3])+int(der[5+der[3]]) {
				t.Errorf("%x is refused", der)
			}
			return
		}
		if !readable {
			t.Fatalf("%x is read as %x", der, raw)
		}
		wantRaw := append(want.R.FillBytes(make([]byte, 32)), want.S.FillBytes(make([]byte, 32))...)
		if !bytes.Equal(raw, wantRaw) {
			t.Errorf("%x is read as %x, want %x", der, raw, wantRaw)
		}
	})
}

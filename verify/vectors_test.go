package verify_test

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/verify"
)

// The payload of RFC 7515 appendix A.1 to A.3, as it is encoded there.
const joe = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

// standards are the signed examples of the RFCs, each with the key that is
// printed beside it.
var standards = map[string]struct{ key, jws, payload string }{
	"RFC 7515 A.1, HS256": {
		`{"kty":"oct","alg":"HS256","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`,
		"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + joe + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
		"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}",
	},
	"RFC 7515 A.2, RS256": {
		`{"kty":"RSA","e":"AQAB","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ"}`,
		"eyJhbGciOiJSUzI1NiJ9." + joe + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
		"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}",
	},
	"RFC 7515 A.3, ES256": {
		`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`,
		"eyJhbGciOiJFUzI1NiJ9." + joe + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
		"{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}",
	},
	"RFC 7515 A.4, ES512": {
		`{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}`,
		"eyJhbGciOiJFUzUxMiJ9.UGF5bG9hZA.AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9ERBXukOXolLzeO_Jn",
		"Payload",
	},
	"RFC 8037 A.4, EdDSA": {
		`{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
		"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
		"Example of Ed25519 signing",
	},
}

func TestTheExamplesOfTheStandardsVerify(t *testing.T) {
	t.Parallel()
	for name, test := range standards {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys, err := verify.ParseKeys([]byte(`{"keys":[` + test.key + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			payload, err := keys[0].Verify(test.jws)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.payload, string(payload)); diff != "" {
				t.Error(diff)
			}
			// Another character anywhere is noticed. Every seventh is tried, beginning
			// anywhere, as some of these signatures cost a millisecond.
			for at := rand.N(7); at < len(test.jws); at += 7 {
				flipped := []byte(test.jws)
				flipped[at] = neighbour(flipped[at])
				if _, err := keys[0].Verify(string(flipped)); err == nil {
					t.Errorf("accepted with another character at %d", at)
				}
			}
		})
	}
}

// neighbour returns another character of base64url, far away in value.
func neighbour(c byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[(strings.IndexByte(alphabet, c)+32)%64]
}

func TestTheUnsecuredExampleIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range signers() { // RFC 7515 A.5
		if _, err := s.key.Verify("eyJhbGciOiJub25lIn0." + joe + "."); !errors.Is(err, verify.ErrAlgorithm) {
			t.Errorf("%s: %v", s.key.ID, err)
		}
	}
}

func TestARepeatedECDSASignatureStaysOne(t *testing.T) {
	t.Parallel()
	// The same signature as DER, as OpenSSL writes it, is not a JWS signature.
	const der = "MEUCIA7RIVN5Y2xIPC9_FVgH1AKjsigDOvl8fheBmsMWnqZlAiEAxQoH04w8cOXY8S2vCEpUgKZlkMXyk1Cajz9_ioOjVNU"
	keys, err := verify.ParseKeys([]byte(`{"keys":[` + standards["RFC 7515 A.3, ES256"].key + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys[0].Verify("eyJhbGciOiJFUzI1NiJ9." + joe + "." + der); !errors.Is(err, verify.ErrSignature) {
		t.Error(err)
	}
}

package conformance

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
	"testing"

	"github.com/c2sp/wycheproof"

	"github.com/watchwordauth/watchword/verify"
)

// vectors is the part of a Wycheproof file that counts here.
type vectors struct {
	NumberOfTests int `json:"numberOfTests"`
	TestGroups    []struct {
		Comment string          `json:"comment"`
		Private json.RawMessage `json:"private"` // a JWK or a JWK Set
		Public  json.RawMessage `json:"public"`  // of asymmetric keys
		Tests   []struct {
			ID      int    `json:"tcId"`
			Comment string `json:"comment"`
			JWS     any    `json:"jws"` // a string, but for tokens that are JSON
			Result  string `json:"result"`
		} `json:"tests"`
	} `json:"testGroups"`
}

func load(t *testing.T, name string) vectors {
	t.Helper()
	text, err := fs.ReadFile(wycheproof.TestVectors, name)
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// accepts reports whether any key of the set verifies the token, as a resource
// server that holds this set would.
func accepts(set []byte, jws string) bool {
	keys, err := verify.ParseKeys(set)
	if err != nil {
		return false
	}
	for _, key := range keys {
		if _, err := key.Verify(jws); err == nil {
			return true
		}
	}
	return false
}

// compact is the token as it would arrive: tokens that are JSON as their text.
func compact(t *testing.T, jws any) string {
	t.Helper()
	if text, ok := jws.(string); ok {
		return text
	}
	text, err := json.Marshal(jws)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// exceptions are the vectors with which we do not agree, each with the reason.
var exceptions = map[int]string{
	346: "marked valid; a token of PS384 with a key that says PS256: one key, one algorithm (RFC 8725 section 3.1)",
	350: "the same with key_ops",
	347: "marked valid; the key says ES521, which is no algorithm (it means ES512)",
	351: "the same with key_ops",
	372: "marked valid; a question mark in the header, which base64url does not have (RFC 7515 section 2)",
	373: "the same in the payload",
	367: "marked invalid for its padding, which the file lost: it is the valid token of 357, byte by byte",
	370: "the same for the payload",
}

func TestWycheproofJWS(t *testing.T) {
	t.Parallel()
	v := load(t, "json_web_signature_test.json")
	agreed, seen, byID := 0, 0, map[int]string{}
	for _, group := range v.TestGroups {
		key := group.Public
		if key == nil {
			key = group.Private
		}
		for _, test := range group.Tests {
			seen++
			jws := compact(t, test.JWS)
			byID[test.ID] = jws
			got := accepts(fmt.Appendf(nil, `{"keys":[%s]}`, key), jws)
			agree := got == (test.Result == "valid")
			if agree {
				agreed++
			}
			switch reason := exceptions[test.ID]; {
			case agree && reason != "":
				t.Errorf("%d %s: we agree, so it is no exception (%s)", test.ID, test.Comment, reason)
			case !agree && reason == "":
				t.Errorf("%d %s, %s: accepted: %v, marked %s", test.ID, group.Comment, test.Comment, got, test.Result)
			case !agree && got && byID[test.ID] != byID[357]:
				t.Errorf("%d %s: an exception must not accept what is marked invalid", test.ID, test.Comment)
			}
		}
	}
	if seen != 401 || v.NumberOfTests != 401 || agreed != 393 {
		t.Errorf("we agree with %d of %d, want 393 of 401", agreed, seen)
	}
}

func TestWycheproofJWK(t *testing.T) {
	t.Parallel()
	v := load(t, "json_web_key_test.json")
	agreed, seen := 0, 0
	for _, group := range v.TestGroups {
		set := group.Public
		if set == nil {
			set = group.Private
		}
		for _, test := range group.Tests {
			seen++
			if got := accepts(set, compact(t, test.JWS)); got == (test.Result == "valid") {
				agreed++
			} else {
				t.Errorf("%d %s, %s: accepted: %v, marked %s", test.ID, group.Comment, test.Comment, got, test.Result)
			}
		}
	}
	if seen != 26 || agreed != 26 {
		t.Errorf("we agree with %d of %d, want 26 of 26", agreed, seen)
	}
}

// TestEachWeakKeyIsRefusedForItsOwnReason shows that the weak keys of the JWK
// file fall to rules: none of them is refused for a token that is bad anyway.
func TestEachWeakKeyIsRefusedForItsOwnReason(t *testing.T) {
	t.Parallel()
	reasons := map[int]string{
		1:  "secrets and public keys in one set",
		4:  "two keys of the set have the same id",
		6:  `for the use "enc"`,
		7:  "CVE-2017-15361",
		8:  "an RSA key of 1024 bits",
		9:  "the exponent 1;",
		10: "HS256 needs a secret of 32 bytes",
		11: "HS384 needs a secret of 48 bytes",
		12: "HS512 needs a secret of 64 bytes",
		16: "HS256 needs a secret of 32 bytes",
		17: "HS384 needs a secret of 48 bytes",
		18: "HS512 needs a secret of 64 bytes",
		19: `"ES521" is not verified here`,
		20: `"ES224" is not verified here`,
		21: `for the use "enc"`,
		22: "not on its curve",
		23: "a coordinate that does not fit its curve",
		24: "a modulus that cannot be read",
		25: `"A256GCM" is not verified here`,
		26: `"A256KW" is not verified here`,
	}
	for _, group := range load(t, "json_web_key_test.json").TestGroups {
		set := group.Public
		if set == nil {
			set = group.Private
		}
		for _, test := range group.Tests {
			_, err := verify.ParseKeys(set)
			if want := reasons[test.ID]; (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("%d %s: %v, want %q", test.ID, test.Comment, err, want)
			}
		}
	}
}

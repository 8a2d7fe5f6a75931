package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestParseReadsEverySpelling(t *testing.T) {
	t.Parallel()
	long := append(material(1), material(2)...)
	tests := map[string]struct {
		text string
		want []byte
	}{
		"hexadecimal":            {hex.EncodeToString(material(1)), material(1)},
		"upper case":             {strings.ToUpper(hex.EncodeToString(material(1))), material(1)},
		"base64":                 {base64.StdEncoding.EncodeToString(material(1)), material(1)},
		"base64, unpadded":       {base64.RawStdEncoding.EncodeToString(material(1)), material(1)},
		"base64url":              {base64.URLEncoding.EncodeToString(long), long},
		"base64url, unpadded":    {base64.RawURLEncoding.EncodeToString(material(1)), material(1)},
		"plain":                  {"kT7#vQ2m!xZ9@pL4&wR6^nB8*cY3$hJ5", []byte("kT7#vQ2m!xZ9@pL4&wR6^nB8*cY3$hJ5")},
		"letters and digits":     {"kT7vQ2mxZ9pL4wR6nB8cY3hJ5gD1fS0a", []byte("kT7vQ2mxZ9pL4wR6nB8cY3hJ5gD1fS0a")},
		"white space around it":  {" " + hex.EncodeToString(material(1)) + "\r\n", material(1)},
		"digits with dashes":     {"3f9a-c04e-71bd-5862-e0b7-19d4-8cf3-a65e", []byte("3f9a-c04e-71bd-5862-e0b7-19d4-8cf3-a65e")},
		"words with four dashes": {"gravel-otter-mimic-dusk-yonder-plaza", []byte("gravel-otter-mimic-dusk-yonder-plaza")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse("WATCHWORD_MASTER_SECRET", tt.text)
			if err != nil || !bytes.Equal(got, tt.want) {
				t.Errorf("Parse = %x, %v; want %x", got, err, tt.want)
			}
			if err := Check("ACCESS_TOKEN_SECRET", strings.TrimSpace(tt.text)); err != nil {
				t.Errorf("Check = %v", err)
			}
		})
	}
}

func TestParseRefusesWhatCouldBeGuessed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ text, says string }{
		"nothing":                             {"", "empty"},
		"white space":                         {" \n", "empty"},
		"31 bytes":                            {"kT7#vQ2m!xZ9@pL4&wR6^nB8*cY3$hJ", "31 bytes"},
		"a short password":                    {"hunter2", "7 bytes"},
		"16 bytes in hexadecimal":             {hex.EncodeToString(material(1)[:16]), "hold 16 bytes"},
		"31 bytes in hexadecimal":             {hex.EncodeToString(material(1)[:31]), "hold 31 bytes"},
		"24 bytes in base64, as a UUID":       {"0192f5c4-3b1e-7d3a-9c51-8f6e2d4b7a90", "hold 16 bytes"},
		"the second seed's":                   {"bezkoder-secret-key", "19 bytes"},
		"the second seed's, made longer":      {"bezkoder-secret-key-bezkoder-key!", "sample"},
		"jwt.io's":                            {"a-string-secret-at-least-256-bits-long", "sample"},
		"a README's":                          {"your_super_secret_jwt_key_change_this_in_production", "sample"},
		"FastAPI's":                           {"09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7", "sample"},
		"a Spring guide's":                    {"404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970", "sample"},
		"RFC 7515's":                          {"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow", "sample"},
		"changeme":                            {"changeme-changeme-changeme-changeme", "sample"},
		"Change Me":                           {"Please Change Me Before You Go Live!", "sample"},
		"a sample in base64":                  {base64.StdEncoding.EncodeToString([]byte("please change this passphrase soon")), "sample"},
		"a password with digits":              {"P4ssw0rd-for-the-login-service-2026", "sample"},
		"one character":                       {strings.Repeat("x", 40), "repeats"},
		"abcd1234":                            {strings.Repeat("abcd1234", 5), "hold 20 bytes"},
		"abcd1234, long":                      {strings.Repeat("abcd1234", 8), "sample"},
		"a word, twice":                       {"gravel-otter-mimic!gravel-otter-mimic!", "repeats"},
		"a word, twice and a half":            {"gravel-otter-gravel-otter-gravel", "repeats"},
		"zeros in hexadecimal":                {strings.Repeat("00", 32), "repeats"},
		"zeros in base64":                     {base64.StdEncoding.EncodeToString(make([]byte, 32)), "repeats"},
		"few characters":                      {"abbaababbabaabbaabbabaababbaabab", "hold 16 bytes"},
		"few letters":                         {"xyzzyxzyxyzzxyzyxzzyxyxzyzxyxzyyx", "few different"},
		"few bytes":                           {hex.EncodeToString([]byte("xyzzyxzyxyzzxyzyxzzyxyxzyzxyxzyyx")), "few different"},
		"digits":                              {"31415926535897932384626433832795028841!", "few different"},
		"the alphabet, from the middle":       {"mnopqrstuvwxyzabcdefghijkl!!!!!!!!", "sample"},
		"the alphabet, backwards":             {"zyxwvutsrqponmlkjihgfedcbaZYXWVUTSR", "sequence"},
		"bytes that count up, in hexadecimal": {hex.EncodeToString([]byte("\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f\x70\x71\x72\x73\x74\x75\x76\x77\x78\x79\x7a\x7b\x7c\x7d\x7e\x7f")), "sample"},
		"bytes that count down":               {hex.EncodeToString([]byte("\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7\xf6\xf5\xf4\xf3\xf2\xf1\xf0\xef\xee\xed\xec\xeb\xea\xe9\xe8\xe7\xe6\xe5\xe4\xe3\xe2\xe1\xe0")), "sequence"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("WATCHWORD_MASTER_SECRET", tt.text)
			if !errors.Is(err, ErrWeak) {
				t.Fatalf("Parse = %v, want ErrWeak", err)
			}
			for _, want := range []string{"WATCHWORD_MASTER_SECRET", tt.says, "watchword secret"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the error does not say %q: %v", want, err)
				}
			}
			if len(tt.text) > 2 && strings.Contains(err.Error(), tt.text) {
				t.Errorf("the error tells the secret: %v", err)
			}
			if err := Check("ACCESS_TOKEN_SECRET", tt.text); !errors.Is(err, ErrWeak) {
				t.Errorf("Check = %v, want ErrWeak", err)
			}
		})
	}
}

func TestCheckRefusesWhiteSpaceThatOthersMayKeep(t *testing.T) {
	t.Parallel()
	if err := Check("ACCESS_TOKEN_SECRET", hex.EncodeToString(material(1))+"\n"); !errors.Is(err, ErrWeak) {
		t.Errorf("Check = %v, want ErrWeak", err)
	}
}

func TestGenerateMakesWhatParseAccepts(t *testing.T) {
	t.Parallel()
	for range 1000 {
		text, err := Generate(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if material, err := Parse("it", text); err != nil || len(material) != Size {
			t.Fatalf("Parse = %d bytes, %v", len(material), err)
		}
	}
}

func TestGenerateDrawsAgainWhatLooksLikeASample(t *testing.T) {
	t.Parallel()
	text, err := Generate(io.MultiReader(bytes.NewReader(make([]byte, 32)), bytes.NewReader(material(1))))
	if err != nil || text != hex.EncodeToString(material(1)) {
		t.Errorf("Generate = %s, %v; want the second draw", text, err)
	}
}

func TestGenerateFailsWithoutRandomness(t *testing.T) {
	t.Parallel()
	if _, err := Generate(strings.NewReader("too short")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Generate = %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", "bezkoder-secret-key", strings.Repeat("x", 40), hex.EncodeToString(material(1)), base64.StdEncoding.EncodeToString(material(1)), "kT7#vQ2m!xZ9@pL4&wR6^nB8*cY3$hJ5", "0192f5c4-3b1e-7d3a-9c51-8f6e2d4b7a90", strings.Repeat("A", 43) + "\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		material, err := Parse("IT", text)
		trimmed := strings.TrimSpace(text)
		switch {
		case err == nil && len(material) < Size:
			t.Errorf("%q gives %d bytes", text, len(material))
		case err == nil && distinct(string(material)) < minDistinct:
			t.Errorf("%q gives few different bytes", text)
		case err != nil && len(trimmed) > 12 && strings.Contains(err.Error(), trimmed):
			t.Errorf("the error tells the secret: %v", err)
		}
		if (err == nil) != (Check("IT", trimmed) == nil) {
			t.Errorf("Parse and Check differ about %q", text)
		}
	})
}

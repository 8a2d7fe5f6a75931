package httpapi

import (
	"crypto/rand"
	"strings"
	"testing"
)

func TestAClientIsReadAsItWasWritten(t *testing.T) {
	t.Parallel()
	c, secret, err := NewClient("orders", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ParseClient(c.String())
	if err != nil || again != c {
		t.Errorf("%s is read as %v, %v", c, again, err)
	}
	if !strings.HasPrefix(secret, "wws_") || len(secret) < 40 || strings.Contains(c.String(), secret) {
		t.Errorf("the secret %q, the client %s", secret, c)
	}
	other, anothers, err := NewClient("orders", rand.Reader)
	if err != nil || other == c || anothers == secret {
		t.Errorf("drawn twice: %v", err)
	}
}

func TestAClientThatIsMiswrittenIsRefusedWithoutRepeatingIt(t *testing.T) {
	t.Parallel()
	c, secret, err := NewClient("orders", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, digest, _ := strings.Cut(c.String(), ":")
	for name, text := range map[string]string{
		"empty":                "",
		"no digest":            "orders",
		"an empty digest":      "orders=sha256:",
		"a short digest":       "orders=sha256:" + digest[2:],
		"a long digest":        "orders=sha256:" + digest + "00",
		"half a byte more":     "orders=sha256:" + digest + "0",
		"no hexadecimal":       "orders=sha256:" + digest[1:] + "x",
		"another hash":         "orders=sha512:" + digest,
		"a bare digest":        "orders=" + digest,
		"the secret":           "orders=" + secret,
		"the secret alone":     secret,
		"no id":                "=sha256:" + digest,
		"an empty secret":      "orders=sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"the public client":    "watchword=sha256:" + digest,
		"an id that is a UUID": "0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6=sha256:" + digest,
	} {
		_, err := ParseClient(text)
		if err == nil {
			t.Errorf("%s is taken", name)
			continue
		}
		if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), digest) {
			t.Errorf("%s: the error repeats it: %v", name, err)
		}
	}
}

func FuzzParseClient(f *testing.F) {
	f.Add("orders=sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
	f.Add("=sha256:")
	f.Add("orders=wws_")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseClient(text)
		if err != nil {
			return
		}
		if !strings.EqualFold(c.String(), text) {
			t.Errorf("%q is read as %s", text, c)
		}
	})
}

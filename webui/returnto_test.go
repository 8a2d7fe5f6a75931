package webui

import (
	"net/url"
	"strings"
	"testing"
)

var someReturns = returns{own: "https://id.example", listed: []string{"https://app.example", "http://localhost:5173"}}

func TestPeopleAreSentBackToListedOriginsOnly(t *testing.T) {
	t.Parallel()
	for address, origin := range map[string]string{
		"/account":                             "",
		"/account?tab=sessions#x":              "",
		"/%2F%2Fevil.example":                  "", // an encoded slash is no slash
		"/.//evil.example":                     "", // a path of ours, whatever it looks like
		"https://id.example":                   "",
		"https://id.example/admin":             "",
		"https://app.example":                  "https://app.example",
		"https://app.example/":                 "https://app.example",
		"https://app.example/a/b?c=d&e=%2F#f":  "https://app.example",
		"https://app.example?x":                "https://app.example",
		"https://app.example#@evil.example":    "https://app.example",
		"https://app.example/@evil.example":    "https://app.example",
		"https://app.example//evil.example":    "https://app.example",
		"http://localhost:5173/after?x=%5Cy":   "http://localhost:5173",
		"https://app.example/r?to=//evil.test": "https://app.example",
	} {
		if got, ok := someReturns.check(address); !ok || got != origin {
			t.Errorf("%q: got %q, %v; want %q", address, got, ok, origin)
		}
	}
	for _, address := range []string{
		"", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example", "https:evil.example",
		"https:/evil.example", "https:///evil.example", "https:\\\\evil.example", "HTTPS://app.example/", "https://APP.example/",
		"https://app.example@evil.example", "https://app.example:443@evil.example/", "https://app.example.evil.example",
		"https://app.examplexevil", "https://app.example:8443/", "https://app.example:443/", "https://app.example\\@evil.example",
		"https://app.example%2F@evil.example", "https://app.example%00.evil.example", "https://app.example.", "https://app.example,evil.example",
		"https://user@app.example/", "http://app.example/", "ftp://app.example/", "javascript:alert(1)", "JaVaScRiPt:alert(1)",
		"data:text/html,x", "blob:https://app.example/x", "evil.example", "account", "?x", "#x", ".", "./x", "../x",
		"/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "\t//evil.example", " //evil.example", "/ /x", "https://app.example\t@evil.example",
		"https://app.example/\r\nSet-Cookie: x=y", "/\x00", "/\x7f", "/é", "https://аpp.example/", "https://app。example/",
		"/" + strings.Repeat("a", maxReturn),
		"http://localhost:51730/", "http://localhost:5173.evil.example/", "http://localhost:5173@evil.example/",
	} {
		if origin, ok := someReturns.check(address); ok {
			t.Errorf("%q leads to %q", address, origin)
		}
	}
}

// What is let through, a parser of URLs must read as leading to one of the
// origins, too; whatever the text.
func FuzzReturnTo(f *testing.F) {
	for _, seed := range []string{
		"/account", "//evil", "https://app.example/x", "https://app.example@evil", "https:evil", "/\\evil", "https://app.example\\@evil", "/%2f/evil", "https://id.example",
	} {
		f.Add(seed)
	}
	own, _ := url.Parse(someReturns.own + "/signin")
	f.Fuzz(func(t *testing.T, address string) {
		origin, ok := someReturns.check(address)
		if !ok {
			return
		}
		if origin == "" {
			origin = someReturns.own
		}
		relative, err := url.Parse(address)
		if err != nil {
			if strings.HasPrefix(address, "/") || strings.HasPrefix(address, origin) {
				return // a stray % in the path, say: browsers do not mind
			}
			t.Fatalf("%q: %v", address, err)
		}
		there := own.ResolveReference(relative)
		if got := there.Scheme + "://" + there.Host; got != origin || there.User != nil || there.Opaque != "" {
			t.Fatalf("%q leads to %q, not to %q", address, there, origin)
		}
	})
}

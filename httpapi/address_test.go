package httpapi

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestClientAddress(t *testing.T) {
	t.Parallel()
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	tests := map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"nobody in front":                    {"192.0.2.1:5000", nil, "192.0.2.1"},
		"a stranger claims to be another":    {"192.0.2.1:5000", []string{"198.51.100.7"}, "192.0.2.1"},
		"a proxy tells":                      {"10.1.2.3:5000", []string{"192.0.2.1"}, "192.0.2.1"},
		"a proxy appends to a forged header": {"10.1.2.3:5000", []string{"198.51.100.7, 192.0.2.1"}, "192.0.2.1"},
		"two proxies":                        {"10.1.2.3:5000", []string{"198.51.100.7, 192.0.2.1, 10.9.9.9"}, "192.0.2.1"},
		"two header lines":                   {"10.1.2.3:5000", []string{"198.51.100.7", "192.0.2.1"}, "192.0.2.1"},
		"a proxy says nothing":               {"10.1.2.3:5000", nil, "10.1.2.3"},
		"a proxy passes garbage on":          {"10.1.2.3:5000", []string{"192.0.2.1, unknown"}, "10.1.2.3"},
		"garbage before a proxy":             {"10.1.2.3:5000", []string{"unknown, 10.9.9.9"}, "10.9.9.9"},
		"proxies alone":                      {"10.1.2.3:5000", []string{"10.9.9.9"}, "10.9.9.9"},
		"with a port":                        {"10.1.2.3:5000", []string{"192.0.2.1:1234"}, "192.0.2.1"},
		"IPv6":                               {"[2001:db8::1]:5000", nil, "2001:db8::1"},
		"IPv6 behind a proxy":                {"[fd00::1]:5000", []string{"[2001:db8::1]:1234"}, "2001:db8::1"},
		"IPv4 as IPv6":                       {"[::ffff:10.1.2.3]:5000", []string{"192.0.2.1"}, "192.0.2.1"},
		"a zone":                             {"[fe80::1%eth0]:5000", nil, "fe80::1"},
		"a Unix socket":                      {"@", []string{"192.0.2.1"}, "invalid IP"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.RemoteAddr = test.peer
			for _, line := range test.forwarded {
				r.Header.Add("X-Forwarded-For", line)
			}
			if got := clientAddress(r, proxies).String(); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestOriginsAreReadAsBrowsersWriteThem(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"https://app.example.com":      "https://app.example.com",
		"https://APP.example.com/":     "https://app.example.com",
		"https://app.example.com:443":  "https://app.example.com",
		"http://localhost:8081":        "http://localhost:8081",
		"http://app.example.com:80":    "http://app.example.com",
		"http://[::1]:3000":            "http://[::1]:3000",
		"*":                            "",
		"null":                         "",
		"app.example.com":              "",
		"https://app.example.com/path": "",
		"https://ada@app.example.com":  "",
		"https://app.example.com?x=1":  "",
		"ftp://app.example.com":        "",
		"https://":                     "",
		"":                             "",
	} {
		got, err := ParseOrigin(text)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("ParseOrigin(%q) = %q, %v; want %q", text, got, err, want)
		}
	}
}

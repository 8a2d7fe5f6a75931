package webui_test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/webui"
)

// Whoever asks for the console gets the same page, which holds nothing; what it
// shows, the API gives to administrators only.
func TestTheConsoleIsOnePageForAllItsAddresses(t *testing.T) {
	t.Parallel()
	b := open(t, nil)
	var first string
	for _, path := range []string{"/admin", "/admin/users", "/admin/users/0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6", "/admin/audit?type=x", "/admin/keys"} {
		answer, text := b.do("GET", path, nil, nil)
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Cache-Control") != "no-store" || answer.Header.Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: %d, %v", path, answer.StatusCode, answer.Header)
		}
		if policy := answer.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
		if first == "" {
			first = text
		}
		if text != first {
			t.Errorf("%s is another page", path)
		}
		if inline := regexp.MustCompile(`<style| style=| on\w+=|<script[^>]*>[^<]`).FindString(text); inline != "" {
			t.Errorf("%s: inline %q", path, inline)
		}
	}
	for _, path := range []string{"/admin/nothing", "/admin/users/a/b", "/administrator"} {
		if answer, _ := b.do("GET", path, nil, nil); answer.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
	}
	if answer, _ := b.do("POST", "/admin", nil, nil); answer.StatusCode != http.StatusMethodNotAllowed && answer.StatusCode != http.StatusNotFound {
		t.Errorf("POST: %d", answer.StatusCode)
	}
}

func TestThePagesOfLinksThatWorkOnceAskForAScript(t *testing.T) {
	t.Parallel()
	b := open(t, func(c *watchword.Config) { c.SignupClosed = true })
	for _, path := range []string{"/setup", "/reset"} {
		answer, text := b.do("GET", path, nil, nil)
		if answer.StatusCode != http.StatusOK || !strings.Contains(text, "<noscript>") || !strings.Contains(text, "novalidate hidden") {
			t.Errorf("%s: %d", path, answer.StatusCode)
		}
		// Where the form leads without the script there is nothing that takes it.
		if answer, _ := b.do("POST", path, map[string][]string{"password": {password}}, nil); answer.StatusCode < 400 {
			t.Errorf("POST %s: %d", path, answer.StatusCode)
		}
	}
}

// Every text that the console's scripts name is there, and every text that is
// there is named.
func TestTheConsolesTextsAreThere(t *testing.T) {
	t.Parallel()
	var all map[string]string
	if err := json.Unmarshal(webui.English(), &all); err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("assets/admin*.js")
	if err != nil || len(scripts) < 10 {
		t.Fatalf("%d scripts (%v)", len(scripts), err)
	}
	scripts = append(scripts, "admin.html", "setup.html", "reset.html")
	var source strings.Builder
	for _, name := range scripts {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		source.Write(text)
	}
	code := source.String()
	for _, call := range regexp.MustCompile(`\bt\("([\w.]+)"`).FindAllStringSubmatch(code, -1) {
		if all[call[1]] == "" && all["admin."+call[1]] == "" {
			t.Errorf("no text %q", call[1])
		}
	}
	for _, call := range regexp.MustCompile(`\bcount\("([\w.]+)"`).FindAllStringSubmatch(code, -1) {
		if all["admin."+call[1]+".one"] == "" || all["admin."+call[1]+".other"] == "" {
			t.Errorf("no text %q for one, or for several", call[1])
		}
	}
	// These are put together of parts.
	made := regexp.MustCompile(`^admin\.(event|type|end|failure|rotation|by|key|problem|act|rotate|rotate_now|dashboard\.plot|series|end_all\.done)\.`)
	for key := range all {
		name, ours := strings.CutPrefix(key, "admin.")
		if ours && !made.MatchString(key) && !strings.Contains(code, `"`+name+`"`) && !strings.Contains(code, `"`+key+`"`) {
			t.Errorf("nobody says %q", key)
		}
	}
	events, err := os.ReadFile("../audit/event.go")
	if err != nil {
		t.Fatal(err)
	}
	known := regexp.MustCompile(`Type = "([\w.]+)"`).FindAllSubmatch(events, -1)
	offered := regexp.MustCompile(`(?s)export const types = \[(.*?)\]`).FindStringSubmatch(code)[1]
	if len(known) < 20 || strings.Count(offered, `",`) != len(known) {
		t.Errorf("%d types of events, of which %d are offered", len(known), strings.Count(offered, `",`))
	}
	for _, event := range known {
		name := string(event[1])
		if all["admin.event."+name] == "" || all["admin.type."+name] == "" || !strings.Contains(offered, `"`+name+`"`) {
			t.Errorf("the console does not know the event %s", name)
		}
	}
}

package watchword_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/journal"
)

// While the journal cannot be written, whoever signs out is signed out and told to try
// again; the server says that it is not ready. When the journal is back it catches up.
func TestWithoutTheJournalNoRevocationIsAcknowledgedAndNoneIsLost(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "journal")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	j, err := journal.Open(folder, journal.Options{Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { j.Close() })
	s := open(t, watchword.Config{Journal: j})
	ada := create(t, s)
	goes, stays := begin(t, s, ada), begin(t, s, ada)
	ask := func(method, path, body string) (int, string) {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code == http.StatusServiceUnavailable && path != "/readyz" && w.Header().Get("Retry-After") == "" {
			t.Errorf("%s: 503 without Retry-After", path)
		}
		return w.Code, w.Body.String()
	}
	body, err := json.Marshal(map[string]string{"refreshToken": goes.RefreshToken})
	if err != nil {
		t.Fatal(err)
	}
	signOut := func() int {
		status, _ := ask("POST", "/api/auth/signout", string(body))
		return status
	}
	ready := func() (int, string) { return ask("GET", "/readyz", "") }

	if status, text := ready(); status != http.StatusOK {
		t.Fatalf("ready: %d %s", status, text)
	}
	if err := os.Rename(folder, folder+".away"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if status := signOut(); status != http.StatusServiceUnavailable {
			t.Errorf("a sign-out that is not in the journal gets %d", status)
		}
	}
	if err := refresh(t, s, goes); err == nil {
		t.Error("the session goes on")
	}
	if err := refresh(t, s, stays); err != nil {
		t.Errorf("another session does not: %v", err)
	}
	if status, text := ready(); status != http.StatusServiceUnavailable || !strings.Contains(text, "journal") {
		t.Errorf("ready: %d %s", status, text)
	}

	if err := os.Rename(folder+".away", folder); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); signOut() != http.StatusOK; time.Sleep(50 * time.Millisecond) {
		if time.Since(start) > 10*journal.FollowEvery {
			t.Fatal("it does not catch up")
		}
	}
	if status, text := ready(); status != http.StatusOK {
		t.Errorf("ready: %d %s", status, text)
	}
	c, err := journal.Read(folder)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, r := range c.Records {
		found = found || r.Kind == journal.SessionEnded && r.Session == goes.Session.ID && r.Reason == "signed_out"
	}
	if !found {
		t.Errorf("the sign-out is not in the journal: %+v", c.Records)
	}
}

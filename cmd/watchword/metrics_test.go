package main

import (
	"io"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// metricsAddress is where a node said that its metrics are.
func metricsAddress(t *testing.T, n *node) string {
	t.Helper()
	line := regexp.MustCompile(`address=(http://\S+/metrics)`)
	var found []string
	if err := n.Until(t.Context(), func() bool { // it is there, or on its way
		found = line.FindStringSubmatch(n.log.String())
		return found != nil
	}); err != nil {
		t.Fatalf("the server does not say where its metrics are: %v\n%s", err, n.log)
	}
	return found[1]
}

func fetch(t *testing.T, url string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestThePublicListenerNeverServesTheMetrics(t *testing.T) {
	t.Parallel()
	n := startNode(t, "watchword", filepath.Join(t.TempDir(), "data"), "--metrics-listen", "127.0.0.1:0")
	metrics := metricsAddress(t, n)
	if status, _ := fetch(t, n.url+"/metrics"); status != http.StatusNotFound {
		t.Errorf("the public listener answers /metrics with %d", status)
	}
	if status, text := fetch(t, metrics); status != http.StatusOK || !strings.Contains(text, `watchword_http_requests_total{route="none",status="4xx"} 1`) {
		t.Errorf("the metrics are answered with %d and\n%s", status, text)
	}
	for _, path := range []string{"/", "/healthz", "/api/auth/signin", "/debug/pprof/"} {
		if status, _ := fetch(t, strings.TrimSuffix(metrics, "/metrics")+path); status != http.StatusNotFound {
			t.Errorf("the metrics' listener answers %s with %d", path, status)
		}
	}
	if err := n.stop(t); err != nil {
		t.Errorf("the server ended with %v:\n%s", err, n.log)
	}
}

func TestWithoutASettingThereIsNoListenerForMetrics(t *testing.T) {
	t.Parallel()
	n := startNode(t, "watchword", filepath.Join(t.TempDir(), "data"))
	if strings.Contains(n.log.String(), "metrics") {
		t.Errorf("it speaks of metrics:\n%s", n.log)
	}
}

package lint

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// dashboard is what matters here of Grafana's JSON.
type dashboard struct {
	UID, Title string
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
	Panels []struct {
		ID      int
		Title   string
		Type    string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ RefID, Expr string }
	}
}

func readDashboard(t *testing.T) dashboard {
	t.Helper()
	text, err := os.ReadFile("../grafana/watchword.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestEveryPanelShowsSomething evaluates every query of the dashboard over the
// metrics of a real server.
func TestEveryPanelShowsSomething(t *testing.T) {
	t.Parallel()
	stored, end := recorded(t)
	s := serve(t)
	s.live("ada")
	known := metricsOf(t, s.scrape())
	// What nothing goes wrong with shows nothing.
	healthy := map[string]bool{"Failures": true}
	variables := strings.NewReplacer("$__rate_interval", "1m", "$instance", ".*")
	queries := 0
	for _, panel := range readDashboard(t).Panels {
		if panel.Type != "row" && len(panel.Targets) == 0 {
			t.Errorf("%s asks for nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			queries++
			query := variables.Replace(target.Expr)
			if strings.Contains(query, "$") {
				t.Errorf("%s: no such variable in %s", panel.Title, target.Expr)
				continue
			}
			known.check(t, panel.Title, strings.ReplaceAll(query, `status="5xx"`, `status="4xx"`))
			if got := evaluate(t, stored, query, end); len(got) == 0 && !healthy[panel.Title] {
				t.Errorf("%s shows nothing: %s", panel.Title, query)
			}
		}
	}
	if queries < 30 {
		t.Errorf("there are %d queries only", queries)
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	t.Parallel()
	type cell struct{ x, y int }
	taken, ids := map[cell]string{}, map[int]string{}
	for _, p := range readDashboard(t).Panels {
		if other, ok := ids[p.ID]; ok {
			t.Errorf("%s and %s have one id", p.Title, other)
		}
		ids[p.ID] = p.Title
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W == 0 || p.GridPos.H == 0 {
			t.Errorf("%s is not on the page: %+v", p.Title, p.GridPos)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other, ok := taken[cell{x, y}]; ok {
					t.Fatalf("%s lies over %s", p.Title, other)
				}
				taken[cell{x, y}] = p.Title
			}
		}
	}
}

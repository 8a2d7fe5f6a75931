package lint

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/teststorage"
	"sigs.k8s.io/yaml"
)

func families(t testing.TB, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parse := expfmt.NewTextParser(model.LegacyValidation)
	found, err := parse.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("Prometheus cannot read the metrics: %v", err)
	}
	return found
}

func TestPrometheusReadsTheMetrics(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.live("ada")
	text := s.scrape()
	if found := families(t, text); len(found) < 20 {
		t.Errorf("it reads %d metrics only", len(found))
	}
	problems, err := promlint.New(strings.NewReader(text)).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if !strings.HasPrefix(p.Metric, "go_") { // named by those who named them first
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// exists is what a real server has: names, with the labels and their values.
type exists map[string]map[string][]string

func metricsOf(t testing.TB, text string) exists {
	t.Helper()
	e := exists{"up": {}}
	for name, family := range families(t, text) {
		names := []string{name}
		if family.GetType() == dto.MetricType_HISTOGRAM {
			names = []string{name + "_bucket", name + "_sum", name + "_count"}
		}
		for _, name := range names {
			e[name] = map[string][]string{"job": nil, "instance": nil, "le": nil}
			for _, m := range family.Metric {
				for _, pair := range m.Label {
					e[name][pair.GetName()] = append(e[name][pair.GetName()], pair.GetValue())
				}
			}
		}
	}
	return e
}

// check reports what an expression asks for that no server has.
func (e exists) check(t testing.TB, what, query string) {
	t.Helper()
	expr, err := parser.ParseExpr(query)
	if err != nil {
		t.Errorf("%s: %v in %s", what, err, query)
		return
	}
	var within map[string][]string // the labels of the selectors
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		known, ok := e[selector.Name]
		if !ok {
			t.Errorf("%s: no server has the metric %s", what, selector.Name)
			return nil
		}
		within = known
		for _, matcher := range selector.LabelMatchers {
			if matcher.Name == model.MetricNameLabel || matcher.Name == "job" || matcher.Name == "instance" {
				continue
			}
			values, ok := known[matcher.Name]
			if !ok {
				t.Errorf("%s: %s has no label %s", what, selector.Name, matcher.Name)
			} else if !slices.ContainsFunc(values, matcher.Matches) {
				t.Errorf("%s: no %s has %s", what, selector.Name, matcher)
			}
		}
		return nil
	})
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if aggregate, ok := node.(*parser.AggregateExpr); ok {
			for _, label := range aggregate.Grouping {
				if _, ok := within[label]; !ok {
					t.Errorf("%s: it groups by %s, which nothing has", what, label)
				}
			}
		}
		return nil
	})
}

// rules are the alerts, as Prometheus reads them.
func rules(t *testing.T) []rulefmt.Rule {
	t.Helper()
	groups, errs := rulefmt.ParseFile("../prometheus/watchword.rules.yml", false, model.LegacyValidation)
	for _, err := range errs {
		t.Fatal(err)
	}
	var all []rulefmt.Rule
	for _, group := range groups.Groups {
		all = append(all, group.Rules...)
	}
	return all
}

func TestAlertsAskForWhatExistsAndAreDocumented(t *testing.T) {
	t.Parallel()
	s := serve(t)
	s.live("ada")
	known := metricsOf(t, s.scrape())
	page, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := regexp.MustCompile("(?m)^\\| `(Watchword[A-Za-z]+)` \\|").FindAllStringSubmatch(string(page), -1)
	var told, names []string
	for _, match := range documented {
		told = append(told, match[1])
	}
	for _, rule := range rules(t) {
		names = append(names, rule.Alert)
		expr := rule.Expr
		if strings.Contains(expr, `status="5xx"`) { // which this server never had to answer
			expr = strings.ReplaceAll(expr, `status="5xx"`, `status="4xx"`)
		}
		known.check(t, rule.Alert, expr)
		if !slices.Contains(told, rule.Alert) {
			t.Errorf("docs/operations.md does not tell what to do at %s", rule.Alert)
		}
	}
	for _, name := range told {
		if !slices.Contains(names, name) {
			t.Errorf("docs/operations.md tells of %s, which does not exist", name)
		}
	}
}

// TestAlertsFire lets each happen, and then what looks alike and is well.
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	const quietly = `
		up{job="watchword",instance="a"} 1x120
		watchword_refreshes_total{verdict="rotate",instance="a"} 0+1500x120
		watchword_refreshes_total{verdict="reuse",instance="a"} 0x120
		watchword_refreshes_total{verdict="ahead",instance="a"} 0x120
		watchword_heals_total{instance="a"} 0x120
		watchword_store_failures_total{store="sessions",verb="find",instance="a"} 3x120
		watchword_store_duration_seconds_bucket{store="sessions",verb="find",le="0.005",instance="a"} 0+1500x120
		watchword_store_duration_seconds_bucket{store="sessions",verb="find",le="1",instance="a"} 0+1500x120
		watchword_store_duration_seconds_bucket{store="sessions",verb="find",le="+Inf",instance="a"} 0+1500x120
		watchword_hashing_refused_total{instance="a"} 7x120
		watchword_sign_ins_total{outcome="success",instance="a"} 0+30x120
		watchword_sign_ins_total{outcome="credentials",instance="a"} 0+15x120
		watchword_http_requests_total{route="/x",status="2xx",instance="a"} 0+1500x120
		watchword_http_requests_total{route="/x",status="5xx",instance="a"} 0+1x120
		watchword_revocations_age_seconds{instance="a"} 0.4x120
		watchword_signing_key_age_seconds{instance="a"} 2500000x120
	`
	trouble := map[string]string{
		"WatchwordDown":             `up{job="watchword",instance="b"} 0x120`,
		"WatchwordReuseDetected":    `watchword_refreshes_total{verdict="reuse",instance="b"} 0x110 1x10`,
		"WatchwordReuseStorm":       `watchword_refreshes_total{verdict="reuse",instance="b"} 0+30x120`,
		"WatchwordHeals":            `watchword_heals_total{instance="b"} 0x110 4x10`,
		"WatchwordTokensAhead":      `watchword_refreshes_total{verdict="ahead",instance="b"} 0x110 2x10`,
		"WatchwordStoreFails":       `watchword_store_failures_total{store="users",verb="find",instance="b"} 0+1x120`,
		"WatchwordStoreSlow":        `watchword_store_duration_seconds_bucket{store="sessions",verb="advance",le="0.005",instance="b"} 0x120` + "\n" + `watchword_store_duration_seconds_bucket{store="sessions",verb="advance",le="1",instance="b"} 0+100x120` + "\n" + `watchword_store_duration_seconds_bucket{store="sessions",verb="advance",le="+Inf",instance="b"} 0+100x120`,
		"WatchwordHashingQueueFull": `watchword_hashing_refused_total{instance="b"} 0x110 5x10`,
		"WatchwordSignInsFail":      `watchword_sign_ins_total{outcome="throttled",instance="b"} 0+3000x120`,
		"WatchwordErrors":           `watchword_http_requests_total{route="/x",status="5xx",instance="b"} 0+100x120`,
		"WatchwordRevocationsStale": `watchword_revocations_age_seconds{instance="b"} 600x120`,
		"WatchwordSigningKeyOld":    `watchword_signing_key_age_seconds{instance="b"} 4000000x120`,
	}
	for _, rule := range rules(t) {
		t.Run(rule.Alert, func(t *testing.T) {
			t.Parallel()
			more, ok := trouble[rule.Alert]
			if !ok {
				t.Fatal("nothing here lets it happen")
			}
			if got := ask(t, quietly, rule.Expr); len(got) != 0 {
				t.Errorf("it fires while all is well: %v", got)
			}
			if got := ask(t, quietly+more, rule.Expr); len(got) == 0 {
				t.Error("it does not fire")
			}
		})
	}
}

// ask evaluates a query at the end of half an hour in which these series were
// scraped every 15 seconds.
func ask(t *testing.T, series, query string) promql.Vector {
	t.Helper()
	var load strings.Builder
	load.WriteString("load 15s\n")
	for line := range strings.Lines(series) {
		if line = strings.TrimSpace(line); line != "" {
			load.WriteString("  " + line + "\n")
		}
	}
	stored := promqltest.LoadedStorage(t, load.String())
	return evaluate(t, stored, query, time.Unix(120*15, 0))
}

func evaluate(t testing.TB, stored storage.Queryable, query string, at time.Time) promql.Vector {
	t.Helper()
	engine := promqltest.NewTestEngine(t, false, 0, 1_000_000)
	q, err := engine.NewInstantQuery(t.Context(), stored, nil, query, at)
	if err != nil {
		t.Fatalf("%v: %s", err, query)
	}
	defer q.Close()
	result := q.Exec(t.Context())
	vector, err := result.Vector()
	if err != nil {
		t.Fatalf("%v: %s", err, query)
	}
	return slices.Clone(vector)
}

// recorded is the metrics of a real server that lives for ten minutes, as
// Prometheus keeps them.
func recorded(t *testing.T) (storage.Queryable, time.Time) {
	t.Helper()
	s := serve(t)
	stored := teststorage.New(t)
	end := time.Unix(0, 0)
	for i := range 6 {
		s.live("user" + strconv.Itoa(i))
		end = time.Unix(int64(i)*15, 0)
		app := stored.Appender(t.Context())
		for _, family := range families(t, s.scrape()) {
			appendFamily(t, app, family, end.UnixMilli())
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return stored, end
}

func appendFamily(t *testing.T, app storage.Appender, family *dto.MetricFamily, at int64) {
	for _, m := range family.Metric {
		add := func(suffix string, value float64, more ...string) {
			of := labels.NewBuilder(labels.EmptyLabels()).Set(model.MetricNameLabel, family.GetName()+suffix).Set("job", "watchword").Set("instance", "node1:9090")
			for _, pair := range m.Label {
				of.Set(pair.GetName(), pair.GetValue())
			}
			if len(more) == 2 {
				of.Set(more[0], more[1])
			}
			if _, err := app.Append(0, of.Labels(), at, value); err != nil {
				t.Fatal(err)
			}
		}
		switch family.GetType() {
		case dto.MetricType_COUNTER:
			add("", m.Counter.GetValue())
		case dto.MetricType_GAUGE:
			add("", m.Gauge.GetValue())
		case dto.MetricType_HISTOGRAM:
			for _, b := range m.Histogram.Bucket {
				add("_bucket", float64(b.GetCumulativeCount()), "le", fmt.Sprint(b.GetUpperBound()))
			}
			add("_sum", m.Histogram.GetSampleSum())
			add("_count", float64(m.Histogram.GetSampleCount()))
		default:
			t.Fatalf("%s is a %v", family.GetName(), family.GetType())
		}
	}
}

func TestTheScrapeConfigurationNamesTheRulesAndTheNodes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../prometheus/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	var c struct {
		Global        map[string]string `json:"global"`
		RuleFiles     []string          `json:"rule_files"`
		ScrapeConfigs []struct {
			JobName       string `json:"job_name"`
			StaticConfigs []struct {
				Targets []string `json:"targets"`
			} `json:"static_configs"`
		} `json:"scrape_configs"`
	}
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		t.Fatal(err)
	}
	for _, name := range c.RuleFiles {
		if _, err := os.Stat(filepath.Join("../prometheus", name)); err != nil {
			t.Error(err)
		}
	}
	project, err := load(t, "../compose.cluster.yaml", secretsMade(t))
	if err != nil {
		t.Fatal(err)
	}
	targets := c.ScrapeConfigs[0].StaticConfigs[0].Targets
	var nodes []string
	for _, service := range project.Services {
		if address := service.Environment["WATCHWORD_METRICS_LISTEN"]; address != nil {
			nodes = append(nodes, service.Name+strings.TrimPrefix(*address, "0.0.0.0"))
		}
	}
	slices.Sort(nodes)
	if !slices.Equal(targets, nodes) || len(nodes) != 2 {
		t.Errorf("it scrapes %v, and there are %v", targets, nodes)
	}
	if c.ScrapeConfigs[0].JobName != "watchword" {
		t.Error("the rules are about the job watchword")
	}
}

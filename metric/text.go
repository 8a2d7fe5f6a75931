package metric

import (
	"strconv"
	"strings"
	"time"
)

// ContentType is of the text that WriteText writes: Prometheus' exposition format,
// version 0.0.4.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// text is metrics in that format, as they are written one after the other.
type text struct{ b []byte }

// The types of metrics.
const (
	counts     = "counter"   // goes up only; its name ends in _total
	level      = "gauge"     // goes up and down
	histograms = "histogram" // counts by size
)

// family begins a metric. Samples follow, all of this name.
func (t *text) family(name, kind, help string) {
	t.b = append(t.b, "# HELP "...)
	t.b = append(t.b, name...)
	t.b = append(t.b, ' ')
	t.b = append(t.b, help...)
	t.b = append(t.b, "\n# TYPE "...)
	t.b = append(t.b, name...)
	t.b = append(t.b, ' ')
	t.b = append(t.b, kind...)
	t.b = append(t.b, '\n')
}

// labels are what tells samples of one name apart, as they are written.
type labels string

// label adds one. The values are words of ours; they are escaped all the same.
func (l labels) label(name, value string) labels {
	pair := labels(name + `="` + escaper.Replace(value) + `"`)
	if l == "" {
		return pair
	}
	return l + "," + pair
}

var escaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

func (t *text) sample(name string, l labels, value float64) {
	t.b = append(t.b, name...)
	if l != "" {
		t.b = append(t.b, '{')
		t.b = append(t.b, l...)
		t.b = append(t.b, '}')
	}
	t.b = append(t.b, ' ')
	t.b = strconv.AppendFloat(t.b, value, 'g', -1, 64)
	t.b = append(t.b, '\n')
}

// single writes a metric that has one sample.
func (t *text) single(name, kind, help string, value float64) {
	t.family(name, kind, help)
	t.sample(name, "", value)
}

// histogram writes the samples of a histogram: how many were at most each bound,
// how many there were, and their sum.
func (t *text) histogram(name string, l labels, bounds []float64, in []uint64, sum float64) {
	var total uint64
	for i, n := range in {
		total += n
		bound := "+Inf"
		if i < len(bounds) {
			bound = strconv.FormatFloat(bounds[i], 'g', -1, 64)
		}
		t.sample(name+"_bucket", l.label("le", bound), float64(total))
	}
	t.sample(name+"_sum", l, sum)
	t.sample(name+"_count", l, float64(total))
}

// took writes the samples of a Histogram, in seconds.
func (t *text) took(name string, l labels, h *Histogram) {
	var in spread
	h.load(&in)
	t.histogram(name, l, seconds, in[:], time.Duration(h.sum.Load()).Seconds())
}

// seconds is the bounds of durations, as Prometheus has them.
var seconds = func() (bounds []float64) {
	for _, d := range durations {
		bounds = append(bounds, d.Seconds())
	}
	return bounds
}()

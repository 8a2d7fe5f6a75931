package trace_test

import (
	"strings"
	"testing"

	"github.com/watchwordauth/watchword/trace"
)

const header = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func TestParentsAreReadAsTheStandardSays(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		header  string
		good    bool
		sampled bool
	}{
		"sampled":                     {header, true, true},
		"not sampled":                 {header[:53] + "00", true, false},
		"other flags":                 {header[:53] + "fe", true, false},
		"a later version":             {"cc" + header[2:], true, true},
		"a later version, with more":  {"cc" + header[2:] + "-what-comes", true, true},
		"this version, with more":     {header + "-more", false, false},
		"a later version, with less":  {"cc" + header[2:] + "more", false, false},
		"the version that never is":   {"ff" + header[2:], false, false},
		"no trace":                    {"00-00000000000000000000000000000000-b7ad6b7169203331-01", false, false},
		"no span":                     {"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false, false},
		"upper case":                  {strings.ToUpper(header), false, false},
		"too short":                   {header[:54], false, false},
		"nothing":                     {"", false, false},
		"a dash too many":             {"00-0af7651916cd43dd8448eb211c8031-c-b7ad6b7169203331-01", false, false},
		"not hexadecimal":             {strings.Replace(header, "f", "g", 1), false, false},
		"an underscore for a dash":    {strings.Replace(header, "-", "_", 1), false, false},
		"a space before what is good": {" " + header, false, false},
	} {
		got, err := trace.ParseParent(row.header)
		if (err == nil) != row.good || got.Sampled != row.sampled {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
		if !row.good && got != (trace.Parent{}) {
			t.Errorf("%s: something was read from it: %+v", name, got)
		}
	}
	p, err := trace.ParseParent(header)
	if err != nil || p.String() != header || p.Trace.String() != header[3:35] || p.Span.String() != header[36:52] {
		t.Errorf("%s became %s, %v", header, p, err)
	}
}

func FuzzParent(f *testing.F) {
	f.Add(header)
	f.Add("cc" + header[2:] + "-x")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := trace.ParseParent(text)
		if err != nil {
			return
		}
		again, err := trace.ParseParent(p.String())
		if err != nil || again != p {
			t.Errorf("%q is %+v, and written it is %+v, %v", text, p, again, err)
		}
	})
}

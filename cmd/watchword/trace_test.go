package main

import (
	"log/slog"
	"strings"
	"testing"
)

func TestWhatIsTracedIsChosenOnPurpose(t *testing.T) {
	t.Parallel()
	quiet := slog.New(slog.DiscardHandler)
	for name, row := range map[string]struct {
		args   []string
		traced bool
		says   string // in the error
	}{
		"nothing":          {nil, false, ""},
		"everything":       {[]string{"--trace-endpoint", "http://127.0.0.1:4318"}, true, ""},
		"some":             {[]string{"--trace-endpoint", "https://collector.example", "--trace-sample", "0.01"}, true, ""},
		"a share alone":    {[]string{"--trace-sample", "1"}, false, ""},
		"more than all":    {[]string{"--trace-sample", "1.5"}, false, "a number from 0 to 1"},
		"not a number":     {[]string{"--trace-sample", "NaN"}, false, "a number from 0 to 1"},
		"OTLP by gRPC":     {[]string{"--trace-endpoint", "grpc://127.0.0.1:4317"}, false, "write it as http://127.0.0.1:4318"},
		"with a password":  {[]string{"--trace-endpoint", "http://me:topsecret@127.0.0.1:4318"}, false, "must not have a user"},
		"without a scheme": {[]string{"--trace-endpoint", "127.0.0.1:4318"}, false, "write it as http://127.0.0.1:4318"},
	} {
		c, err := places{args: row.args}.load(t)
		if row.says == "" && err != nil || row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says)) {
			t.Errorf("%s: got %v, want an error that says %q", name, err, row.says)
		}
		if err != nil && strings.Contains(err.Error(), "topsecret") {
			t.Errorf("%s: the error tells the password: %v", name, err)
		}
		if err == nil && (c.tracer(quiet) != nil) != row.traced {
			t.Errorf("%s: traced is %v", name, !row.traced)
		}
	}
}

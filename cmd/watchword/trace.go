package main

import (
	"errors"
	"log/slog"
	"os"
	"strconv"

	"github.com/watchwordauth/watchword/trace"
)

// tracer is who traces requests, or nil if nobody was told to.
func (c config) tracer(logger *slog.Logger) *trace.Tracer {
	if c.TraceEndpoint == "" {
		return nil
	}
	host, err := os.Hostname()
	if err != nil {
		host = "" // the collector knows who asks
	}
	export, err := trace.OTLP(c.TraceEndpoint, trace.Resource{Service: "watchword", Version: readBuild().Version, Instance: host}, nil)
	if err != nil {
		panic(err) // the table of settings allows only what is an endpoint
	}
	return trace.New(trace.Config{Export: export, Sample: c.TraceSample, Logger: logger})
}

// isCollector checks the address of a collector of traces.
func isCollector(text string) error {
	_, err := trace.OTLP(text, trace.Resource{}, nil)
	return err
}

// share takes a part of a whole.
func share(field func(*config) *float64) parser {
	return func(c *config, value string) error {
		part, err := strconv.ParseFloat(value, 64)
		if err != nil || !(part >= 0 && part <= 1) {
			return errors.New("it is a number from 0 to 1: 0.01 is one of a hundred")
		}
		*field(c) = part
		return nil
	}
}

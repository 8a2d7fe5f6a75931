package mongostore

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/mongo"
)

func TestAnAddressNamesADatabase(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"mongodb://127.0.0.1/app":                                  "app",
		"mongodb://u:p@a:1,b:2/app?replicaSet=rs0&authSource=x/y":  "app",
		"mongodb+srv://u:p%2Fq@cluster.example/our%20app?tls=true": "our app",
		"mongodb://127.0.0.1/?authSource=admin":                    "",
		"mongodb://127.0.0.1":                                      "",
		"mongodb:app":                                              "",
		"postgres://127.0.0.1/app":                                 "",
	} {
		got, err := databaseOf(address)
		if got != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, ErrAddress) {
			t.Errorf("%s names %q, %v; want %q", address, got, err, want)
		}
	}
}

// What is wrong with an address is told, but not what might be a password.
func TestAMalformedAddressIsToldWithoutItsPassword(t *testing.T) {
	t.Parallel()
	const secret = "c0rrect-h0rse"
	for _, address := range []string{
		"mongodb://user:" + secret + "@x@127.0.0.1/app",
		"mongodb://user:" + secret + "/1@127.0.0.1/app",
		"mongodb://user:" + secret + "%zz@127.0.0.1/app",
		"mongodb://user:" + secret + "@127.0.0.1:port/app",
		"mongodb://user:" + secret + "@127.0.0.1/app?w=all&tlsCAFile=/nowhere",
	} {
		_, err := Open(t.Context(), address, Options{})
		if !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v, want %v", address, err, ErrAddress)
			continue
		}
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds the password: %v", err)
		}
	}
}

func TestSettingsHaveLimitsUnlessTheAddressDoes(t *testing.T) {
	t.Parallel()
	type settings struct {
		selection, connect, heartbeat, idle, timeout time.Duration
		connections                                  uint64
		name                                         string
	}
	ours := settings{patience, connectWithin, heartbeat, idleWithin, limit, connections, "watchword"}
	with := func(change func(*settings)) settings {
		s := ours
		change(&s)
		return s
	}
	for parameters, want := range map[string]settings{
		"":                              ours,
		"serverSelectionTimeoutMS=1000": with(func(s *settings) { s.selection = time.Second }),
		"connectTimeoutMS=4000":         with(func(s *settings) { s.connect = 4 * time.Second }),
		"heartbeatFrequencyMS=10000":    with(func(s *settings) { s.heartbeat = 10 * time.Second }),
		"maxIdleTimeMS=6000":            with(func(s *settings) { s.idle = 6 * time.Second }),
		"timeoutMS=2000":                with(func(s *settings) { s.timeout = 2 * time.Second }),
		"maxPoolSize=7":                 with(func(s *settings) { s.connections = 7 }),
		"maxPoolSize=0":                 with(func(s *settings) { s.connections = 0 }), // as many as it likes
		"minPoolSize=50":                with(func(s *settings) { s.connections = 50 }),
		"minPoolSize=5":                 ours,
		"appName=x":                     with(func(s *settings) { s.name = "x" }),
	} {
		o, err := settingsOf("mongodb://127.0.0.1/app?" + parameters)
		if err != nil {
			t.Errorf("%s: %v", parameters, err)
			continue
		}
		got := settings{*o.ServerSelectionTimeout, *o.ConnectTimeout, *o.HeartbeatInterval, *o.MaxConnIdleTime, *o.Timeout, *o.MaxPoolSize, *o.AppName}
		if got != want {
			t.Errorf("%s: %+v, want %+v", parameters, got, want)
		}
		if err := o.Validate(); err != nil {
			t.Errorf("%s: the driver does not take it: %v", parameters, err)
		}
	}
	// A server that falls silent is known to have done so when patience ends.
	if heartbeat+connectWithin > patience {
		t.Errorf("it takes %v to notice that a server is silent, and patience is %v", heartbeat+connectWithin, patience)
	}
}

// What a server says decides whether trying again may help.
func TestServersAreUnderstood(t *testing.T) {
	t.Parallel()
	db := &DB{logger: slog.New(slog.DiscardHandler)}
	for name, row := range map[string]struct {
		err         error
		unavailable bool
		advice      string
	}{
		"another is the primary": {mongo.CommandError{Code: 10107}, true, ""},
		"shutting down":          {mongo.CommandError{Code: 91}, true, ""},
		"the time was up":        {mongo.CommandError{Code: 50}, true, ""},
		"the line broke":         {mongo.CommandError{Labels: []string{"NetworkError"}}, true, ""},
		"too few members":        {mongo.WriteException{WriteConcernError: &mongo.WriteConcernError{Code: 100}}, true, ""},
		"the disk is full":       {mongo.CommandError{Code: 14031}, true, "free some space"},
		"a wrong password":       {mongo.CommandError{Code: 18}, false, "authSource=admin"},
		"no permission":          {mongo.CommandError{Code: 13}, false, "grant"},
		"a mistake":              {mongo.CommandError{Code: 2}, false, ""},
		"closed":                 {mongo.ErrClientDisconnected, true, ""},
		"something else":         {errors.New("other"), false, ""},
	} {
		err := db.fault(t.Context(), row.err)
		if errors.Is(err, ErrUnavailable) != row.unavailable || !strings.Contains(err.Error(), row.advice) {
			t.Errorf("%s: %v, want unavailable: %v, and %q", name, err, row.unavailable, row.advice)
		}
	}
}

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
	o, err := settingsOf("mongodb://127.0.0.1/app")
	if err != nil || *o.ServerSelectionTimeout != patience || *o.Timeout != limit || *o.ConnectTimeout != patience || *o.AppName != "watchword" {
		t.Errorf("without parameters: %+v, %v", o, err)
	}
	o, err = settingsOf("mongodb://127.0.0.1/app?serverSelectionTimeoutMS=1000&timeoutMS=2000&connectTimeoutMS=3000&appName=x&maxPoolSize=7")
	if err != nil || *o.ServerSelectionTimeout != time.Second || *o.Timeout != 2*time.Second || *o.ConnectTimeout != 3*time.Second || *o.AppName != "x" || *o.MaxPoolSize != 7 {
		t.Errorf("with parameters: %+v, %v", o, err)
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

package redisstore

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// ErrAddress is wrapped by the errors of Open that another address mends.
var ErrAddress = errors.New("the address of Redis")

// form is how an address is written, for errors. No error repeats an address: it
// may hold a password.
const form = "write it as redis://USER:PASSWORD@HOST:6379, or rediss:// for TLS"

// target is what an address says.
type target struct {
	client  rueidis.ClientOption
	prefix  string
	timeout time.Duration
}

// parameters are what may follow the question mark of an address. Those that are not
// ours are of rueidis.ParseURL.
var parameters = map[string]func(t *target, values []string) error{
	"addr":          nil, // another node of the Cluster, or another Sentinel
	"db":            nil,
	"dial_timeout":  nil,
	"write_timeout": nil,
	"client_name":   nil,
	"master_set":    nil, // the address is that of a Sentinel
	"skip_verify":   nil,
	"timeout": func(t *target, values []string) (err error) {
		if t.timeout, err = time.ParseDuration(values[0]); err == nil && t.timeout <= 0 {
			err = errors.New("it is a duration, such as 5s")
		}
		return err
	},
	"prefix": func(t *target, values []string) error {
		if t.prefix = values[0]; !regexp.MustCompile(`^[A-Za-z0-9:._-]{1,64}$`).MatchString(t.prefix) {
			return errors.New("it has letters, digits, and : . _ - alone")
		}
		return nil
	},
	"ca_file":   func(t *target, values []string) error { return t.trust(values[0]) },
	"cert_file": func(*target, []string) error { return nil }, // with key_file
	"key_file":  func(*target, []string) error { return nil },
}

// parseAddress reads an address.
func parseAddress(address string) (target, error) {
	bad := func(format string, args ...any) (target, error) {
		return target{}, fmt.Errorf("%w %s", ErrAddress, fmt.Sprintf(format, args...))
	}
	u, err := url.Parse(address)
	if err != nil || strings.Contains(u.Host, ",") {
		return bad("cannot be read: %s; the other nodes of a Cluster follow as ?addr=HOST:PORT&addr=HOST:PORT", form)
	}
	if !slices.Contains([]string{"redis", "rediss", "valkey", "valkeys"}, u.Scheme) || u.Hostname() == "" {
		return bad("is not complete: %s", form)
	}
	if database := strings.Trim(u.Path, "/"); database != "" {
		if _, err := strconv.ParseUint(database, 10, 16); err != nil {
			return bad("ends with a path that is no number of a database, such as /0: %s", form)
		}
	}
	q := u.Query()
	for name := range q {
		if _, known := parameters[name]; !known {
			return bad("has a parameter %q that is not known: there are %s", name, strings.Join(slices.Sorted(maps.Keys(parameters)), ", "))
		}
	}
	t := target{prefix: "ww:", timeout: 5 * time.Second}
	if t.client, err = rueidis.ParseURL(address); err != nil {
		return bad("has a parameter that cannot be read: durations are written as 5s, numbers in digits")
	}
	if t.client.TLSConfig == nil && (q.Has("ca_file") || q.Has("cert_file") || q.Has("key_file") || q.Has("skip_verify")) {
		return bad("says something about TLS, and does not ask for it: begin it with rediss://")
	}
	if t.client.TLSConfig != nil {
		t.client.TLSConfig.ServerName = "" // each node is asked for the name by which it is called
	}
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if read := parameters[name]; read != nil {
			if err := read(&t, q[name]); err != nil {
				return bad("has a %s that cannot be used: %v", name, err)
			}
		}
	}
	if q.Has("cert_file") || q.Has("key_file") {
		pair, err := tls.LoadX509KeyPair(q.Get("cert_file"), q.Get("key_file"))
		if err != nil {
			return bad("has a cert_file and key_file that cannot be used: %v", err)
		}
		t.client.TLSConfig.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// trust takes the certificates of authorities from a file, instead of the system's.
func (t *target) trust(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	t.client.TLSConfig.RootCAs = x509.NewCertPool()
	if !t.client.TLSConfig.RootCAs.AppendCertsFromPEM(content) {
		return errors.New("it holds no certificate in PEM form")
	}
	return nil
}

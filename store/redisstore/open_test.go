package redisstore_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/servertest"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store/redisstore"
)

func TestAnAddressThatCannotBeUsedIsRefused(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"http://ada:canary@host":                       "is not complete: write it as redis://",
		"redis://":                                     "is not complete",
		"redis://ada:canary@host:port":                 "cannot be read",
		"redis://ada:canary@one:1,two:2":               "?addr=HOST:PORT",
		"redis://ada:canary@host/canary":               "no number of a database, such as /0: write it as redis://",
		"redis://ada:canary@host?cluster=true":         `"cluster" that is not known: there are addr,`,
		"redis://ada:canary@host?timeout=soon":         "timeout that cannot be used",
		"redis://ada:canary@host?timeout=-1s":          "timeout that cannot be used",
		"redis://ada:canary@host?dial_timeout=soon":    "durations are written as 5s",
		"redis://ada:canary@host?prefix=a*":            "prefix that cannot be used",
		"redis://ada:canary@host?ca_file=x":            "begin it with rediss://",
		"rediss://ada:canary@host?ca_file=none.pem":    "ca_file that cannot be used",
		"rediss://ada:canary@host?cert_file=none.pem":  "cert_file and key_file that cannot be used",
		"rediss://ada:canary@host?skip_verify=perhaps": "cannot be read",
	} {
		_, err := redisstore.Open(t.Context(), address, redisstore.Options{})
		if !errors.Is(err, redisstore.ErrAddress) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %v, and: %s", address, err, redisstore.ErrAddress, want)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("the error holds the password: %v", err)
		}
	}
}

func TestAServerThatIsNotThereIsUnavailable(t *testing.T) {
	t.Parallel()
	host := "127.0.0.1:" + servertest.FreePort(t)
	_, err := redisstore.Open(t.Context(), "redis://ada:canary@"+host, redisstore.Options{})
	if !errors.Is(err, redisstore.ErrUnavailable) || !strings.Contains(err.Error(), host) || strings.Contains(err.Error(), "canary") {
		t.Errorf("Open = %v; want %v, and where", err, redisstore.ErrUnavailable)
	}

	// One that takes the connection and says nothing.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	began := time.Now()
	_, err = redisstore.Open(t.Context(), "redis://"+listener.Addr().String()+"?timeout=300ms", redisstore.Options{})
	if !errors.Is(err, redisstore.ErrUnavailable) || time.Since(began) > 3*time.Second {
		t.Errorf("Open = %v after %v; want %v", err, time.Since(began), redisstore.ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := redisstore.Open(ctx, "redis://"+listener.Addr().String(), redisstore.Options{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open = %v; want %v", err, context.DeadlineExceeded)
	}
}

func TestAWrongPasswordIsSaid(t *testing.T) {
	t.Parallel()
	m := servertest.StartRedis(t, "--requirepass", "right")
	for address, want := range map[string]string{
		m.Address(): "it wants a password",
		"redis://default:canary@" + m.Host() + "/0": "user or password are wrong",
	} {
		_, err := redisstore.Open(t.Context(), address, redisstore.Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("Open = %v; want: %s", err, want)
		}
	}
	connect(t, "redis://default:right@"+m.Host())
}

func TestWhatAServerDoesNotPromiseIsSaid(t *testing.T) {
	t.Parallel()
	for what, row := range map[string]struct {
		settings []string
		want     string // in the log; "" is nothing at all
	}{
		"all is well":          {[]string{"--appendonly", "yes", "--appendfsync", "everysec"}, ""},
		"nothing is kept":      {nil, "set appendonly yes"},
		"the system may wait":  {[]string{"--appendonly", "yes", "--appendfsync", "no"}, "set appendfsync everysec"},
		"sessions are dropped": {[]string{"--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"}, "set maxmemory-policy noeviction"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			m := servertest.StartRedis(t, row.settings...)
			var log bytes.Buffer
			s, err := redisstore.Open(t.Context(), m.Address(), redisstore.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if got := log.String(); !strings.Contains(got, row.want) || row.want == "" && got != "" {
				t.Errorf("the log says %q; want %q", got, row.want)
			}
		})
	}
}

func TestRotationsThatMustBeDurableNeedAServerThatSyncsAlways(t *testing.T) {
	t.Parallel()
	for setting, want := range map[string]error{"everysec": redisstore.ErrRelaxed, "always": nil} {
		m := servertest.StartRedis(t, "--appendonly", "yes", "--appendfsync", setting)
		s, err := redisstore.Open(t.Context(), m.Address(), redisstore.Options{DurableRotations: true})
		if !errors.Is(err, want) {
			t.Errorf("with appendfsync %s Open = %v; want %v", setting, err, want)
		}
		if err == nil {
			s.Close()
		}
	}
}

func TestTLS(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certificate, key := filepath.Join(folder, "certificate.pem"), filepath.Join(folder, "key.pem")
	selfSigned(t, certificate, key)
	secure := servertest.FreePort(t)
	servertest.StartRedis(t, "--tls-port", secure, "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate)
	// The server wants the client's certificate, too.
	s := connect(t, "rediss://127.0.0.1:"+secure+"?ca_file="+certificate+"&cert_file="+certificate+"&key_file="+key)
	if err := s.Begin(t.Context(), birth(account.ID{1})); err != nil {
		t.Error(err)
	}
	for what, address := range map[string]string{
		"an authority that is not trusted": "rediss://127.0.0.1:" + secure,
		"another name":                     "rediss://localhost:" + secure + "?ca_file=" + certificate,
		"no TLS":                           "redis://127.0.0.1:" + secure,
	} {
		if _, err := redisstore.Open(t.Context(), address, redisstore.Options{}); !errors.Is(err, redisstore.ErrUnavailable) {
			t.Errorf("%s: Open = %v; want %v", what, err, redisstore.ErrUnavailable)
		}
	}
}

// selfSigned makes a certificate for 127.0.0.1.
func selfSigned(t *testing.T, certificate, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// What a session leaves in Redis goes by itself.
func TestKeysExpire(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, address string) {
		address = empty(t, address)
		s := connect(t, address)
		one := birth(account.ID{1})
		one.ExpiresAt = one.CreatedAt.Add(2 * time.Hour)
		if err := s.Begin(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		if did, err := s.Advance(t.Context(), one.ID, 1, following(one.Register)); !did || err != nil {
			t.Fatal(did, err)
		}
		if did, err := s.Revoke(t.Context(), one.ID, session.Tombstone{At: one.CreatedAt, Reason: session.SignedOut}); !did || err != nil {
			t.Fatal(did, err)
		}
		client := raw(t, address)
		defer client.Close()
		found := keys(t, client, prefixOf(t, address))
		if len(found) != 4 {
			t.Errorf("there are %d keys: %q", len(found), found)
		}
		for _, key := range found {
			left, err := client.Do(t.Context(), client.B().Pttl().Key(key).Build()).AsInt64()
			if err != nil {
				t.Fatal(err)
			}
			index := strings.Contains(key, "{r}:") // which Forget cleans
			if within := left > (3*time.Hour-time.Minute).Milliseconds() && left <= (3*time.Hour).Milliseconds(); within == index {
				t.Errorf("%q lives for %v more", key, time.Duration(left)*time.Millisecond)
			}
		}
		if n, err := s.Forget(t.Context(), one.ExpiresAt.Add(time.Microsecond), 10); n != 1 || err != nil {
			t.Errorf("Forget = %d, %v", n, err)
		}
		if left := keys(t, client, prefixOf(t, address)); len(left) != 1 { // the user's index, until it expires
			t.Errorf("afterwards there are %q", left)
		}
	})
}

package main

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/watchwordauth/watchword/session"
)

// places are the four places where settings may be given.
type places struct {
	args    []string
	environ []string
	dotenv  string
	file    string // watchword.toml, named in the arguments
}

func (p places) load(t *testing.T) (config, error) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if p.dotenv != "" {
		write(".env", p.dotenv)
	}
	if p.file != "" {
		p.args = append(p.args, "--config", write("watchword.toml", p.file))
	}
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	register(flags, func(setting) bool { return true })
	if err := flags.Parse(p.args); err != nil {
		t.Fatal(err)
	}
	return load(flags, p.environ, dir)
}

func TestFlagsOverEnvironmentOverDotenvOverFileOverDefaults(t *testing.T) {
	t.Parallel()
	everywhere := places{
		args:    []string{"--access-ttl", "1m"},
		environ: []string{"WATCHWORD_ACCESS_TTL=2m"},
		dotenv:  "WATCHWORD_ACCESS_TTL=3m",
		file:    `access-ttl = "4m"`,
	}
	noFlag, noEnvironment, noDotenv := everywhere, everywhere, everywhere
	noFlag.args = nil
	noEnvironment.args, noEnvironment.environ = nil, nil
	noDotenv.args, noDotenv.environ, noDotenv.dotenv = nil, nil, ""
	for _, row := range []struct {
		name  string
		given places
		want  time.Duration
	}{
		{"a flag wins", everywhere, time.Minute},
		{"then the environment", noFlag, 2 * time.Minute},
		{"then .env", noEnvironment, 3 * time.Minute},
		{"then the file", noDotenv, 4 * time.Minute},
		{"then the default", places{}, 10 * time.Minute},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c, err := row.given.load(t)
			if err != nil {
				t.Fatal(err)
			}
			if c.Policy.AccessTTL != row.want {
				t.Errorf("access-ttl is %v, want %v", c.Policy.AccessTTL, row.want)
			}
		})
	}
}

func TestSettingsOfEachKind(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		given places
		got   func(config) any
		want  any
	}{
		{"days", places{args: []string{"--refresh-ttl", "45d12h"}}, func(c config) any { return c.Policy.TTL }, 45*24*time.Hour + 12*time.Hour},
		{"a switch without a value", places{args: []string{"--demo"}}, func(c config) any { return c.Demo }, true},
		{"a switch in TOML", places{file: "demo = true"}, func(c config) any { return c.Demo }, true},
		{"a switch by its words", places{args: []string{"--rotation", "off"}}, func(c config) any { return c.Policy.Rotation }, false},
		{"a number in TOML", places{file: "max-sessions = 3"}, func(c config) any { return c.Policy.PerUser }, 3},
		{"a repeated flag", places{args: []string{"--allow-origin", "https://a.example", "--allow-origin", "https://b.example"}}, func(c config) any { return c.AllowOrigins }, []string{"https://a.example", "https://b.example"}},
		{"a list in the environment", places{environ: []string{"WATCHWORD_ALLOW_ORIGIN=https://a.example, https://b.example"}}, func(c config) any { return c.AllowOrigins }, []string{"https://a.example", "https://b.example"}},
		{"a list in TOML", places{file: `allow-origin = ["https://a.example", "https://b.example"]`}, func(c config) any { return c.AllowOrigins }, []string{"https://a.example", "https://b.example"}},
		{"a list is replaced, not joined", places{args: []string{"--extra-role", "writer"}, environ: []string{"WATCHWORD_EXTRA_ROLE=editor"}}, func(c config) any { return c.ExtraRoles }, []string{"writer"}},
		{"a proxy and a network", places{args: []string{"--trusted-proxy", "10.1.2.3,fd00::/8"}}, func(c config) any {
			return cmp.Diff(c.TrustedProxies, prefixes("10.1.2.3/32", "fd00::/8"), comparePrefixes)
		}, ""},
		{"a port alone stays on this machine", places{args: []string{"--listen", "9000"}}, func(c config) any { return c.Listen }, "127.0.0.1:9000"},
		{"an empty variable is none", places{environ: []string{"WATCHWORD_ACCESS_TTL="}}, func(c config) any { return c.Policy.AccessTTL }, 10 * time.Minute},
		{"the tutorials' port", places{dotenv: "PORT=5000"}, func(c config) any { return c.Listen }, "127.0.0.1:5000"},
		{"our name before the tutorials'", places{dotenv: "PORT=5000\nWATCHWORD_LISTEN=[::1]:6000"}, func(c config) any { return c.Listen }, "[::1]:6000"},
		{"the tutorials' secret chooses HS256", places{dotenv: "ACCESS_TOKEN_SECRET=" + goodSecret}, func(c config) any { return c.Algorithm }, "HS256"},
		{"a dollar in .env is a dollar", places{dotenv: `WATCHWORD_AUDIENCE=a$HOME"b${C}`}, func(c config) any { return c.Audience }, `a$HOME"b${C}`},
		{"quotes and comments in .env", places{dotenv: "# mine\nexport WATCHWORD_AUDIENCE='a # b' # c\n"}, func(c config) any { return c.Audience }, "a # b"},
		{"others' names in .env", places{dotenv: "DB_URL=mongodb://x\nPORT=1\n"}, func(c config) any { return c.Listen }, "127.0.0.1:1"},
		{"what Kubernetes sets beside a service of our name", places{environ: []string{"WATCHWORD_PORT=tcp://10.0.0.1:80", "WATCHWORD_SERVICE_HOST=10.0.0.1", "WATCHWORD_SERVICE_PORT_HTTP=80", "WATCHWORD_PORT_80_TCP_ADDR=10.0.0.1"}}, func(c config) any { return c.Listen }, "127.0.0.1:8080"},
		{"a database's password in the environment", places{environ: []string{"WATCHWORD_DATABASE=postgres://u:p@localhost/w"}}, func(c config) any { return c.Database }, "postgres://u:p@localhost/w"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			c, err := row.given.load(t)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(row.want, row.got(c)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

var comparePrefixes = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

const goodSecret = "a3d1f0c97b2e48655c0e9f7d1b3a8642e07c95d4f86b21a3c9d0e5f7b8a16243"

func TestWrongSettingsAreRefusedWithTheWayToMendThem(t *testing.T) {
	t.Parallel()
	const canary = "hunter2-canary"
	for _, row := range []struct {
		name         string
		given        places
		says, advise string
	}{
		{"a misspelt variable", places{environ: []string{"WATCHWORD_ACCES_TTL=5m"}}, "unknown setting WATCHWORD_ACCES_TTL", "did you mean WATCHWORD_ACCESS_TTL?"},
		{"a misspelt name in .env", places{dotenv: "WATCHWORD_ROTATOIN=off"}, "unknown setting WATCHWORD_ROTATOIN in .env", "did you mean WATCHWORD_ROTATION?"},
		{"a misspelt name in the file", places{file: `access_ttl = "5m"`}, "unknown setting access_ttl in ", "did you mean access-ttl?"},
		{"a section in the file", places{file: "[zzzzzzzzzzzz]\nlisten = \"x\""}, "unknown setting zzzzzzzzzzzz in ", "'watchword serve --help' lists"},
		{"a file that names a file", places{file: `config = "other.toml"`}, "unknown setting config in ", ""},
		{"a file that is no TOML", places{file: "a = 1\nlisten: x"}, "watchword.toml, line 2: ", "write TOML"},
		{"no such file", places{args: []string{"--config", "nowhere.toml"}}, "no such file", "with --config"},
		{"a table for a value", places{file: "listen = { host = 1 }"}, "it takes text", "listen = \"value\""},
		{"a list for a value", places{file: `listen = ["a"]`}, "one value, not a list", ""},
		{"no unit", places{args: []string{"--access-ttl", "300"}}, `--access-ttl is "300", but it needs a unit: 300s, 300m`, "access-ttl: how long"},
		{"no duration", places{environ: []string{"WATCHWORD_ACCESS_TTL=soon"}}, "it is a duration, such as 30s", ""},
		{"a negative duration", places{args: []string{"--retry-window", "-5s"}}, "it is a duration", ""},
		{"no such word", places{args: []string{"--algorithm", "none"}}, "it is ES256, Ed25519, RS256 or HS256", ""},
		{"neither on nor off", places{args: []string{"--rotation", "perhaps"}}, "it is on or off", ""},
		{"no number", places{args: []string{"--max-sessions", "0"}}, "at least 1", ""},
		{"no address", places{args: []string{"--listen", "localhost"}}, "it is host:port", ""},
		{"a wildcard origin", places{args: []string{"--allow-origin", "https://*.example"}}, "one exact origin", ""},
		{"an origin with a path", places{args: []string{"--allow-origin", "https://app.example/"}}, "scheme, host and port alone: https://app.example", ""},
		{"an issuer with a slash", places{args: []string{"--issuer", "https://id.example/"}}, "no slash at its end", ""},
		{"a proxy that is everybody", places{args: []string{"--trusted-proxy", "0.0.0.0/0"}}, "it would trust everybody", ""},
		{"a secret in the file", places{file: `master-secret = "` + canary + `"`}, "master-secret in ", "put it into WATCHWORD_MASTER_SECRET or .env"},
		{"a password in argv", places{args: []string{"--database", "postgres://u:" + canary + "@localhost/w"}}, "--database holds a password", "put the address into WATCHWORD_DATABASE"},
		{"a password in argv, of an address that lacks a slash", places{args: []string{"--database", "postgres:/u:" + canary + "@localhost/w"}}, "--database holds a password", "WATCHWORD_DATABASE"},
		{"a password in argv, which begins with #", places{args: []string{"--database", "postgres://u:#" + canary + "@localhost/w"}}, "--database holds a password", "WATCHWORD_DATABASE"},
		{"a password in argv's query", places{args: []string{"--sessions", "postgres://localhost/w?password=" + canary}}, "--sessions holds a password", "WATCHWORD_SESSIONS"},
		{"a password in argv, of several hosts", places{args: []string{"--database", "mongodb://u:" + canary + "@a:1,b:2/w"}}, "--database holds a password", "put the address into WATCHWORD_DATABASE"},
		{"a key's password in argv", places{args: []string{"--database", "mongodb://a/w?tlsCertificateKeyFilePassword=" + canary}}, "--database holds a password", "WATCHWORD_DATABASE"},
		{"a collector with a password", places{environ: []string{"WATCHWORD_TRACE_ENDPOINT=https://u:" + canary + "@otel.example"}}, "WATCHWORD_TRACE_ENDPOINT is not valid: ", "trace-endpoint"},
		{"an issuer with a password", places{environ: []string{"WATCHWORD_ISSUER=https://u:" + canary + "@id.example"}}, "it is a URL, such as", "issuer"},
		{"an origin with a password", places{environ: []string{"WATCHWORD_ALLOW_ORIGIN=https://u:" + canary + "@app.example"}}, "scheme, host and port alone: https://app.example", "allow-origin"},
		{"a broken .env", places{dotenv: "PORT=1\nREFRESH_TOKEN_SECRET='" + canary + "\n"}, ".env cannot be read from line 2 on", "one NAME=value a line"},
		{"two algorithms", places{args: []string{"--algorithm", "ES256"}, environ: []string{"ACCESS_TOKEN_SECRET=" + canary}}, "ACCESS_TOKEN_SECRET is for HS256, but the algorithm is ES256", "unset one"},
		{"a short secret", places{dotenv: "REFRESH_TOKEN_SECRET=" + canary}, "REFRESH_TOKEN_SECRET in .env: ", ""},
		{"a short master secret", places{environ: []string{"WATCHWORD_MASTER_SECRET=" + goodSecret + "," + canary}}, "WATCHWORD_MASTER_SECRET: ", ""},
		{"no such database", places{args: []string{"--database", "oracle:" + canary}}, "no kind of database", "mongodb:, "},
		{"HS256 without a secret", places{args: []string{"--algorithm", "HS256"}}, "there is none", "watchword secret"},
		{"two master secrets", places{args: []string{"--master-secret-file", "m"}, environ: []string{"WATCHWORD_MASTER_SECRET=" + canary}}, "given twice: by WATCHWORD_MASTER_SECRET and by --master-secret-file", "unset one"},
		{"SameSite=None for nobody", places{args: []string{"--cookie-same-site", "none"}}, "no origin is allowed", "--allow-origin"},
		{"an access token that outlives its session", places{args: []string{"--access-ttl", "2h", "--refresh-idle-ttl", "1h"}}, "must not be shorter", "--help"},
		{"a drain without end", places{args: []string{"--drain", "1h"}}, "at most 10m", "grace period"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, err := row.given.load(t)
			if err == nil {
				t.Fatal("it is taken")
			}
			var told strings.Builder
			report(&told, new(cobra.Command), err)
			what, hint, _ := strings.Cut(told.String(), "\nhint: ")
			if !strings.Contains(what, row.says) {
				t.Errorf("it says %q, want %q in it", what, row.says)
			}
			if hint == "" || !strings.Contains(hint, row.advise) {
				t.Errorf("its hint is %q, want %q in it", hint, row.advise)
			}
			if strings.Contains(told.String(), canary) {
				t.Error("the error tells the secret")
			}
		})
	}
}

// A wrong flag is a mistake in the command line, status 2; a wrong variable is not.
func TestOnlyAWrongFlagIsMisuse(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		given places
		want  bool
	}{
		{places{args: []string{"--access-ttl", "x"}}, true},
		{places{environ: []string{"WATCHWORD_ACCESS_TTL=x"}}, false},
	} {
		_, err := row.given.load(t)
		if _, got := errors.AsType[*misuse](err); got != row.want {
			t.Errorf("%v: misuse is %v, want %v", err, got, row.want)
		}
	}
}

func TestDefaultsAreThoseOfTheSessionPolicy(t *testing.T) {
	t.Parallel()
	c, err := places{}.load(t)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(session.DefaultPolicy(), c.Policy); diff != "" {
		t.Errorf("the table's defaults differ (-policy +table):\n%s", diff)
	}
}

func TestSettingsTable(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for _, s := range settings {
		for _, name := range []string{s.name, s.env(), s.seed} {
			if name != "" && seen[name] {
				t.Errorf("%s is there twice", name)
			}
			seen[name] = true
		}
		if s.help == "" || s.form == "" || s.group == "" || s.parse == nil {
			t.Errorf("%s: help, form, group and parse are needed", s.name)
		}
		if strings.ContainsFunc(s.form, func(r rune) bool { return r >= 0x80 }) {
			t.Errorf("%s: the help's columns count bytes, and %q would shift one", s.name, s.form)
		}
		if foreign.MatchString(s.env()) {
			t.Errorf("%s is taken for somebody else's", s.env())
		}
		if strings.HasSuffix(s.help, ".") {
			t.Errorf("%s: the help ends with a full stop", s.name)
		}
	}
}

func TestTheReferencePageIsThatOfTheTable(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	writeReference(&want)
	got, err := os.ReadFile(filepath.Join("..", "..", "docs", "configuration.md"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), string(got)); diff != "" {
		t.Errorf("run 'go generate ./cmd/watchword' (-table +page):\n%s", diff)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	names := []string{"access-ttl", "refresh-ttl", "rotation", "data"}
	for _, row := range []struct{ name, want string }{
		{"acces-ttl", "access-ttl"},
		{"roattion", "rotation"},
		{"dat", "data"},
		{"adta", "data"},
		{"zzzz", ""},
		{"", ""},
	} {
		if got := nearest(row.name, names); got != row.want {
			t.Errorf("nearest(%q) = %q, want %q", row.name, got, row.want)
		}
	}
}

func TestMySQLAddressesAreURLs(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ address, want string }{
		{"mysql://ada:p%40ss@db.example:3307/watchword?tls=true", "ada:p@ss@tcp(db.example:3307)/watchword?tls=true"},
		{"mariadb://db.example/watchword", "tcp(db.example:3306)/watchword"},
		{"mysql://[::1]/watchword", "tcp([::1]:3306)/watchword"},
	} {
		if got, err := mysqlAddress(row.address); err != nil || got != row.want {
			t.Errorf("%s is %q, %v; want %q", row.address, got, err, row.want)
		}
	}
	for _, address := range []string{"mysql:", "mysql://db.example", "mysql:ada:canary@tcp(db:3306)/w", "mysql://ada:canary@/w"} {
		if _, err := mysqlAddress(address); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v, want an error without the password", address, err)
		}
	}
}

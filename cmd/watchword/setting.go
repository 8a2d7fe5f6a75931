package main

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/httpapi"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/webui"
)

// setting is one thing that an operator may choose. The table below is the only
// place that knows a setting's name: flags, environment, .env, file, help and
// docs/configuration.md are made from it.
type setting struct {
	name     string // the flag, and the name in the file
	seed     string // the name in the tutorials' .env, if they had one
	fallback string // the default, as one would write it
	form     string // what a value looks like: "duration", "on|off" …
	group    group
	help     string // one sentence without a full stop, for --help
	more     string // further sentences, for the reference page

	secret bool   // only from the environment or .env: never in argv or in a file that is shared
	list   bool   // may be given more than once, or as a list
	bare   bool   // a flag without a value means "true"
	also   string // the other commands that take it: "all" that open the store, those about a "user" or a "key", or "ready"

	parse func(c *config, text string) error
}

// env is the setting's name in the environment.
func (s setting) env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.name, "-", "_"))
}

const envPrefix = "WATCHWORD_"

// group is a heading in the help and in the reference page.
type group string

const (
	serving  group = "Serving"
	storage  group = "Storage"
	tokens   group = "Tokens and sessions"
	browsers group = "Browsers"
	pages    group = "Pages"
	people   group = "Users"
	secrets  group = "Secrets"
)

// groups is the order in which they are shown.
var groups = []group{serving, storage, tokens, browsers, pages, people, secrets}

// settings is the table.
var settings = []setting{
	{
		name: "listen", seed: "PORT", group: serving, form: "host:port", fallback: "127.0.0.1:8080", also: "ready",
		help:  "where to serve; :0 picks a free port",
		more:  "The default is reached from this machine only, and so is a port without a host, as in the tutorials' `PORT=5000`. To be reached from outside say `0.0.0.0:8080`, behind a proxy that speaks HTTPS.",
		parse: address(func(c *config) *string { return &c.Listen }),
	},
	{
		name: "port-file", group: serving, form: "file",
		help:  "write the address that is served to this file when it is ready",
		more:  "For scripts that start a server on a free port. The file appears whole, when the server is ready, and is removed when it ends.",
		parse: text(func(c *config) *string { return &c.PortFile }),
	},
	{
		name: "metrics-listen", group: serving, form: "host:port",
		help:  "where to serve Prometheus' /metrics (default: nowhere)",
		more:  "A listener of its own, such as `127.0.0.1:9090`, so that the public one never serves them. Whoever reaches it reads them: docs/operations.md.",
		parse: address(func(c *config) *string { return &c.MetricsListen }),
	},
	{
		name: "trace-endpoint", group: serving, form: "URL",
		help:  "export traces to this OpenTelemetry collector, by OTLP/HTTP (default: nowhere)",
		more:  "`http://127.0.0.1:4318`; spans go to `/v1/traces` there. They hold routes, verbs and times: no names, no addresses, no tokens.",
		parse: text(func(c *config) *string { return &c.TraceEndpoint }, isCollector),
	},
	{
		name: "trace-sample", group: serving, form: "0..1", fallback: "1",
		help:  "the share of requests that are traced, if traces are exported",
		more:  "Where a trusted proxy sends a `traceparent` header, that decides instead.",
		parse: share(func(c *config) *float64 { return &c.TraceSample }),
	},
	{
		name: "trusted-proxy", group: serving, form: "address|network", list: true,
		help:  "believe X-Forwarded-For from this proxy; repeatable",
		more:  "Without it the address of a client is the one that connects, which is right without a proxy and safe with one. `10.0.0.0/8` names a network.",
		parse: networks(func(c *config) *[]netip.Prefix { return &c.TrustedProxies }),
	},
	{
		name: "demo", group: serving, form: "on|off", fallback: "off", bare: true,
		help:  "serve the tutorials' protected resources at /api/test/{all,user,mod,admin}",
		parse: either(func(c *config) *bool { return &c.Demo }, "on", "off"),
	},
	{
		name: "drain", group: serving, form: "duration", fallback: "15s",
		help:  "at SIGTERM, let requests in flight finish for at most so long",
		parse: duration(func(c *config) *time.Duration { return &c.Drain }),
	},
	{
		name: "log-format", group: serving, form: "text|json", fallback: "text",
		help:  "how to write the log, to standard error",
		parse: text(func(c *config) *string { return &c.LogFormat }, oneOf("text", "json")),
	},
	{
		name: "log-level", group: serving, form: "debug|info|warn|error", fallback: "info",
		help:  "what to leave out of the log",
		parse: text(func(c *config) *string { return &c.LogLevel }, oneOf("debug", "info", "warn", "error")),
	},
	{
		name: "config", group: serving, form: "file", also: "all",
		help:  "read settings from this TOML file",
		more:  "Names are those of the flags, without a section: `access-ttl = \"5m\"`. A setting that repeats is a list: `allow-origin = [\"https://app.example\"]`.",
		parse: text(func(c *config) *string { return &c.File }),
	},

	{
		name: "data", group: storage, form: "folder", fallback: "watchword-data", also: "all",
		help:  "the folder of the database and the master secret; made at the first start",
		more:  "It is made with mode 0700 and opened by one server at a time; the other commands work on it while the server runs.",
		parse: text(func(c *config) *string { return &c.Data }),
	},
	{
		name: "database", group: storage, form: "address", fallback: "sqlite:", also: "all",
		help:  "where everything is kept: sqlite:PATH, memory:, postgres://…, mysql://… or mongodb://…",
		more:  "`sqlite:` alone is `watchword.db` in the data folder. `postgres://USER:PASSWORD@HOST/DATABASE` and `mysql://USER:PASSWORD@HOST/DATABASE` (MariaDB too) may be shared by several nodes, which then need one master secret. So may `mongodb://USER:PASSWORD@HOST/DATABASE?authSource=admin` and `mongodb+srv://…`: the collections begin with `watchword_`, so that an application may have its own beside them. An address with a password belongs in `WATCHWORD_DATABASE` or in a file: other users of a machine can read a command line, so there it is refused.",
		parse: text(func(c *config) *string { return &c.Database }),
	},
	{
		name: "sessions", group: storage, form: "address", also: "all",
		help:  "where sessions are kept, if not in the database: redis://…, or any that --database takes",
		more:  "Sessions are written far more often than everything else; this gives them a place of their own. `redis://USER:PASSWORD@HOST:6379` is Redis or Valkey, `rediss://` the same over TLS; a Cluster is recognised by itself, and more of its nodes are named as `?addr=HOST:PORT&addr=HOST:PORT`; with `?master_set=NAME` the address is that of a Sentinel. Births and ends of sessions are kept in the database as well, so that a crash of Redis brings back none that was revoked and signs nobody out. [redis.md](redis.md) has the rest.",
		parse: text(func(c *config) *string { return &c.Sessions }),
	},
	{
		name: "revocation-journal", group: storage, form: "folder", list: true, also: "all",
		help:  "record in this folder, too, what a restore from a backup must not bring back",
		more:  "What ends a session, or changes a user's password, roles or block, is written there before it is acknowledged. Name a folder that exists, on another disk than the database's; give it to the server and to the other commands. Only `watchword restore` reads several: docs/backup.md.",
		parse: texts(func(c *config) *[]string { return &c.Journals }, anything),
	},

	{
		name: "issuer", group: tokens, form: "URL",
		help:  "the address by which clients know this server (default: the one it serves)",
		more:  "It is the `iss` of access tokens, and the prefix of the metadata's addresses. Set it as soon as anything but this machine is to be served: `https://sign-in.example`.",
		parse: text(func(c *config) *string { return &c.Issuer }, isIssuer),
	},
	{
		name: "audience", group: tokens, form: "text", fallback: "watchword",
		help:  "the aud of access tokens: whom they are for",
		parse: text(func(c *config) *string { return &c.Audience }),
	},
	{
		name: "algorithm", group: tokens, form: "ES256|Ed25519|RS256|HS256", fallback: "ES256", also: "key",
		help:  "how access tokens are signed",
		more:  "`HS256` shares one secret with every resource server, as the tutorials do, and is implied by `ACCESS_TOKEN_SECRET`. The others publish a key that can only verify.",
		parse: text(func(c *config) *string { return &c.Algorithm }, oneOf("ES256", "Ed25519", "RS256", "HS256")),
	},
	{
		name: "access-ttl", group: tokens, form: "duration", fallback: "10m",
		help:  "how long an access token lives",
		parse: duration(func(c *config) *time.Duration { return &c.Policy.AccessTTL }),
	},
	{
		name: "refresh-idle-ttl", group: tokens, form: "duration", fallback: "7d",
		help:  "a session ends if it is not refreshed for so long",
		parse: duration(func(c *config) *time.Duration { return &c.Policy.IdleTTL }),
	},
	{
		name: "refresh-ttl", group: tokens, form: "duration", fallback: "30d",
		help:  "a session ends after so long, whatever happens",
		parse: duration(func(c *config) *time.Duration { return &c.Policy.TTL }),
	},
	{
		name: "rotation", group: tokens, form: "on|off", fallback: "on",
		help:  "replace the refresh token at its use; off for the tutorials' front ends",
		more:  "Front ends that keep the first refresh token for ever need `off`. Theft of a refresh token then goes unnoticed.",
		parse: either(func(c *config) *bool { return &c.Policy.Rotation }, "on", "off"),
	},
	{
		name: "min-token-age", group: tokens, form: "duration", fallback: "30s",
		help:  "a refresh token handed out less than this ago is not replaced yet",
		more:  "Below 5s every rotation is written through to the disk before it is answered, which costs throughput.",
		parse: duration(func(c *config) *time.Duration { return &c.Policy.MinAge }),
	},
	{
		name: "retry-window", group: tokens, form: "duration", fallback: "15s",
		help:  "for so long after a rotation an old token is taken for a late request, not for theft",
		parse: duration(func(c *config) *time.Duration { return &c.Policy.RetryWindow }),
	},
	{
		name: "max-sessions", group: tokens, form: "number", fallback: "100",
		help:  "live sessions of one user; beyond it the quietest ends",
		parse: number(func(c *config) *int { return &c.Policy.PerUser }),
	},

	{
		name: "allow-origin", group: browsers, form: "origin", list: true,
		help:  "let pages of this origin call the API; repeatable",
		more:  "An exact origin such as `https://app.example` or `http://localhost:8081`, no wildcard: these pages may send cookies.",
		parse: texts(func(c *config) *[]string { return &c.AllowOrigins }, isOrigin),
	},
	{
		name: "cookie-same-site", group: browsers, form: "strict|lax|none", fallback: "strict",
		help:  "when browsers send the refresh cookie; none needs --allow-origin",
		more:  "`lax` for pages rendered by a server that refreshes during navigation; `none` for a front end on another site.",
		parse: text(func(c *config) *string { return &c.CookieSameSite }, oneOf("strict", "lax", "none")),
	},

	{
		name: "pages", group: pages, form: "on|off", fallback: "on",
		help:  "show pages to people: /signin, /signup, /account, /admin",
		more:  "With `off` there is the API alone. People are sent back after signing in to this server's own address and to the origins of `--allow-origin`, and nowhere else.",
		parse: either(func(c *config) *bool { return &c.Pages }, "on", "off"),
	},
	{
		name: "brand-name", group: pages, form: "text",
		help:  "your name on the pages (default: Watchword)",
		parse: text(func(c *config) *string { return &c.Brand.Name }),
	},
	{
		name: "brand-logo", group: pages, form: "file",
		help:  "your logo on the pages: SVG, PNG, JPEG or WebP, at most 256 KiB",
		more:  "It is shown 30 pixels high, on light and on dark. An SVG may adapt itself by `prefers-color-scheme`.",
		parse: text(func(c *config) *string { return &c.LogoFile }),
	},
	{
		name: "brand-color", group: pages, form: "#rrggbb",
		help:  "the colour of the pages' buttons and links",
		more:  "Any colour will do: the text on it becomes white or black, and where the colour itself is text it is darkened, or lightened, until it can be read (WCAG 2.2 AA).",
		parse: text(func(c *config) *string { return &c.Brand.Color }),
	},
	{
		name: "texts", group: pages, form: "file",
		help:  "the words of the pages, in another language",
		more:  "A JSON file as [webui/texts.json](../webui/texts.json). What it lacks stays English; what nobody knows is refused.",
		parse: text(func(c *config) *string { return &c.TextsFile }),
	},

	{
		name: "signup", group: people, form: "open|closed", fallback: "open",
		help:  "may strangers make themselves an account",
		parse: either(func(c *config) *bool { return &c.SignupOpen }, "open", "closed"),
	},
	{
		name: "extra-role", group: people, form: "name", list: true, also: "user",
		help:  "a role beside user, moderator and admin; repeatable",
		parse: texts(func(c *config) *[]string { return &c.ExtraRoles }, anything),
	},

	{
		name: "client", group: secrets, form: "ID=sha256:HEX", list: true,
		help:  "let this program ask about tokens; 'watchword client new' makes one; repeatable",
		more:  "It is the digest of the program's secret, from which nobody finds the secret, so that it may stand anywhere. A program that is listed twice may use either secret: so one takes the other's place.",
		parse: clients,
	},
	{
		name: "master-secret-file", group: secrets, form: "file", also: "key",
		help:  "the file that holds the master secret (default: master.key in the data folder)",
		more:  "The master secret seals the signing keys and authenticates refresh tokens. It is made at the first start with mode 0600. Several nodes on one database need the same one. Keep a copy apart from the database's backup: together they are everything.",
		parse: text(func(c *config) *string { return &c.MasterSecretFile }),
	},
	{
		name: "master-secret", group: secrets, form: "secret", secret: true, list: true,
		help:  "the master secret itself, in place of a file; 'watchword secret' makes one",
		more:  "To replace it, name the new one first and the old one after it: the old one still opens what it sealed.",
		parse: texts(func(c *config) *[]string { return &c.MasterSecrets }, anything),
	},
	{
		name: "access-token-secret", seed: "ACCESS_TOKEN_SECRET", group: secrets, form: "secret", secret: true,
		help:  "sign access tokens with this shared secret (HS256)",
		parse: text(func(c *config) *string { return &c.AccessTokenSecret }),
	},
	{
		name: "refresh-token-secret", seed: "REFRESH_TOKEN_SECRET", group: secrets, form: "secret", secret: true,
		help:  "authenticate refresh tokens with this secret",
		more:  "Without it the key is derived from the master secret.",
		parse: text(func(c *config) *string { return &c.RefreshTokenSecret }),
	},
}

// find returns the setting of a name.
func find(name string) (setting, bool) {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
	if i < 0 {
		return setting{}, false
	}
	return settings[i], true
}

// config is what an operator chose, parsed and checked. See settings for what
// each field means.
type config struct {
	Listen, PortFile    string
	MetricsListen       string
	TraceEndpoint       string
	TraceSample         float64
	TrustedProxies      []netip.Prefix
	Demo                bool
	Drain               time.Duration
	LogFormat, LogLevel string
	File                string

	Data, Database, Sessions string
	Journals                 []string

	Issuer, Audience, Algorithm string
	Policy                      session.Policy

	AllowOrigins   []string
	CookieSameSite string

	Pages               bool
	Brand               webui.Brand
	LogoFile, TextsFile string
	Texts               []byte

	SignupOpen bool
	ExtraRoles []string

	Clients                               []httpapi.Client
	MasterSecretFile                      string
	MasterSecrets                         []string
	AccessTokenSecret, RefreshTokenSecret string

	given map[string]string // setting → where it was given, for those that were
}

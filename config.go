package watchword

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/httpapi"
	"github.com/watchwordauth/watchword/internal/secret"
	"github.com/watchwordauth/watchword/journal"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/memory"
	"github.com/watchwordauth/watchword/trace"
	"github.com/watchwordauth/watchword/verify"
	"github.com/watchwordauth/watchword/webui"
)

// Config is what may be chosen. The zero value works: it keeps everything in
// memory and serves http://localhost:8080.
type Config struct {
	// Store keeps users, sessions, keys and events. Default: memory, which forgets
	// everything when the process ends.
	Store store.Set

	// MasterSecretFile holds the master secret, under which signing keys are sealed
	// and from which the key of refresh tokens is derived. It is made at the first
	// start. Keep a copy apart from the database's backup.
	MasterSecretFile string

	// MasterSecrets is used instead of a file: the current secret, then those it
	// replaced, 32 bytes or more each, in hexadecimal or base64. Several nodes share
	// it. Default, with the memory store only: a random one.
	MasterSecrets []string

	// Journal keeps revocations in a second place, for a restore from an old backup: they
	// are in it before they are acknowledged. The caller closes it, after the Server.
	// Default: none.
	Journal *journal.Journal

	// Issuer is the public address of this server, without a slash at its end: the
	// `iss` of access tokens and the prefix of the metadata's addresses. Cookies
	// are Secure unless it is http on this machine. Default: http://localhost:8080.
	Issuer string

	// Audience is the `aud` of access tokens. Default: watchword.
	Audience string

	// Policy says how long tokens and sessions live and how refresh tokens are
	// replaced. Default: session.DefaultPolicy().
	Policy session.Policy

	// Algorithm signs access tokens. Default: ES256, or HS256 if AccessTokenSecret
	// is set.
	Algorithm verify.Algorithm

	// AccessTokenSecret is shared with the resource servers, for HS256: the bytes of
	// this text as it stands.
	AccessTokenSecret string

	// RefreshTokenSecret authenticates refresh tokens. Default: derived from the
	// master secret.
	RefreshTokenSecret string

	// Roles that users may have beside user, moderator and admin.
	Roles []string

	// SignupClosed lets administrators alone create users.
	SignupClosed bool

	// AllowOrigins are the origins whose scripts may call this server, with cookies:
	// https://app.example.com. Default: none but its own.
	AllowOrigins []string

	// CookieSameSite of the refresh token's cookie: Strict, Lax for pages that a
	// server renders, None for front ends on other sites, which needs AllowOrigins.
	// Default: Strict.
	CookieSameSite http.SameSite

	// TrustedProxies may say by X-Forwarded-For where a request came from.
	// Default: none.
	TrustedProxies []netip.Prefix

	// Clients are the programs that keep a secret: resource servers that ask about
	// tokens (RFC 7662), for example. See httpapi.NewClient. Sessions that the
	// sign-in routes begin belong to the public client "watchword"; begin those of
	// another client by Sessions().Begin.
	Clients []httpapi.Client

	// Demo serves the tutorials' resources at /api/test/{all,user,mod,admin}.
	Demo bool

	// PagesOff leaves out the pages for people: /signin, /signup, /account and the rest
	// of package webui. The API is the same without.
	PagesOff bool

	// Brand is the name, the logo and the colour of the pages. Default: Watchword's.
	Brand webui.Brand

	// Texts are the words of the pages in another language: a JSON object as
	// webui.English returns it. Default: English.
	Texts []byte

	// Observe, if set, is told every verdict about a refresh token. The server
	// counts them anyhow: see Server.Metrics.
	Observe func(kind session.Kind, healed bool)

	// Tracer follows requests, while the Server runs. Default: nothing is traced.
	Tracer *trace.Tracer

	Logger *slog.Logger     // default: slog.Default()
	Now    func() time.Time // default: time.Now
	Rand   io.Reader        // default: crypto/rand
}

// DefaultIssuer is the address of a server that was told none.
const DefaultIssuer = "http://localhost:8080"

// DefaultAudience is the `aud` of access tokens unless another is chosen.
const DefaultAudience = "watchword"

// ErrConfig is wrapped by the errors of New that a change of Config mends.
var ErrConfig = errors.New("watchword: configuration")

// settle fills in the defaults, then reports the first thing that cannot be
// meant, and how to mend it.
func (c Config) settle() (Config, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Issuer == "" {
		c.Issuer = DefaultIssuer
	}
	if c.Audience == "" {
		c.Audience = DefaultAudience
	}
	if c.Policy == (session.Policy{}) {
		c.Policy = session.DefaultPolicy()
	}
	if c.CookieSameSite == 0 || c.CookieSameSite == http.SameSiteDefaultMode {
		c.CookieSameSite = http.SameSiteStrictMode
	}
	if c.Algorithm == "" {
		c.Algorithm = verify.ES256
		if c.AccessTokenSecret != "" {
			c.Algorithm = verify.HS256
		}
	}
	forgetful := c.Store.Users == nil && c.Store.Sessions == nil && c.Store.Keys == nil && c.Store.Events == nil
	if forgetful {
		c.Store = memory.New()
	}

	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		issuer = &url.URL{} // which the table refuses
	}
	complete := c.Store.Users != nil && c.Store.Sessions != nil && c.Store.Keys != nil && c.Store.Events != nil
	for _, row := range []struct {
		bad     bool
		message string
	}{
		{!complete, "Store has only some of its four stores: set all, or none for memory"},
		{!forgetful && c.MasterSecretFile == "" && len(c.MasterSecrets) == 0, "a store that lasts needs a master secret that lasts: set MasterSecretFile or MasterSecrets"},
		{c.MasterSecretFile != "" && len(c.MasterSecrets) > 0, "MasterSecretFile and MasterSecrets are both set: choose one"},
		{issuer.Host == "" || issuer.Scheme != "https" && issuer.Scheme != "http", "Issuer must be a URL as https://id.example.com"},
		{issuer.User != nil || issuer.RawQuery != "" || issuer.Fragment != "", "Issuer must not have a user, a query or a fragment"},
		{strings.HasSuffix(c.Issuer, "/"), "Issuer must not end with a slash: it is compared letter by letter"},
		{c.Algorithm != verify.ES256 && c.Algorithm != verify.Ed25519 && c.Algorithm != verify.RS256 && c.Algorithm != verify.HS256, "Algorithm must be ES256, Ed25519, RS256 or HS256"},
		{c.Algorithm == verify.HS256 && c.AccessTokenSecret == "", "HS256 needs an AccessTokenSecret: make one with \"watchword secret\""},
		{c.Algorithm != verify.HS256 && c.AccessTokenSecret != "", "AccessTokenSecret is for HS256: choose that, or leave the secret out"},
		{c.AccessTokenSecret != "" && slices.ContainsFunc(append([]string{c.RefreshTokenSecret}, c.MasterSecrets...), same(c.AccessTokenSecret)), "AccessTokenSecret is known to every resource server: make another for RefreshTokenSecret and MasterSecrets, with \"watchword secret\""},
		{c.CookieSameSite == http.SameSiteNoneMode && len(c.AllowOrigins) == 0, "SameSite=None lets every site send the cookie: list in AllowOrigins those that may"},
		{c.CookieSameSite < http.SameSiteDefaultMode || c.CookieSameSite > http.SameSiteNoneMode, "CookieSameSite must be Strict, Lax or None"},
	} {
		if row.bad {
			return Config{}, fmt.Errorf("%w: %s", ErrConfig, row.message)
		}
	}
	if err := c.Policy.Validate(); err != nil {
		return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	origins := make([]string, 0, len(c.AllowOrigins))
	for _, text := range c.AllowOrigins {
		origin, err := httpapi.ParseOrigin(text)
		if err != nil {
			return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		origins = append(origins, origin)
	}
	c.AllowOrigins = origins
	if c.AccessTokenSecret != "" {
		if err := secret.Check("AccessTokenSecret", c.AccessTokenSecret); err != nil {
			return Config{}, fmt.Errorf("%w: %w", ErrConfig, err)
		}
	}
	c.warn(forgetful, issuer)
	return c, nil
}

// same tells a text that differs in white space around it at most.
func same(secret string) func(string) bool {
	return func(other string) bool { return strings.TrimSpace(other) == strings.TrimSpace(secret) }
}

// warn says in the log what is right for development only.
func (c Config) warn(forgetful bool, issuer *url.URL) {
	plain := issuer.Scheme == "http"
	local := httpapi.Loopback(issuer.Hostname())
	if forgetful {
		c.Logger.Warn("everything is kept in memory and forgotten when the process ends; set Store for more")
	}
	switch {
	case plain && local:
		c.Logger.Info("plain http on this machine: cookies have a development name and are not Secure", "issuer", c.Issuer)
	case plain:
		c.Logger.Warn("the issuer is plain http on another machine: tokens travel in clear, and browsers drop the Secure cookie", "issuer", c.Issuer)
	}
	if c.Policy.Rotation && c.Policy.RetryWindow >= c.Policy.MinAge && c.Policy.RetryWindow > 0 {
		c.Logger.Warn("a thief who refreshes all the time keeps every other use of the session within the retry window, where it passes for late: make the retry window shorter than the minimum age of a refresh token",
			"retry_window", c.Policy.RetryWindow, "min_token_age", c.Policy.MinAge)
	}
	if c.Demo {
		c.Logger.Warn("the demo resources are served")
	}
}

// master is the master secret that the configuration names.
func (c Config) master() (*secret.Master, error) {
	if c.MasterSecretFile != "" {
		m, err := secret.LoadOrCreate(c.MasterSecretFile)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		return m, nil
	}
	texts := c.MasterSecrets
	if len(texts) == 0 {
		text, err := secret.Generate(c.Rand)
		if err != nil {
			return nil, err
		}
		texts = []string{text}
	}
	materials := make([][]byte, 0, len(texts))
	for _, text := range texts {
		material, err := secret.Parse("MasterSecrets", text)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		materials = append(materials, material)
	}
	return secret.New(materials[0], materials[1:]...)
}

// sharedSecret signs access tokens with HS256; nil for the other algorithms.
func (c Config) sharedSecret() secret.Bytes {
	if c.AccessTokenSecret == "" {
		return nil
	}
	return secret.Bytes(c.AccessTokenSecret)
}

// tokenKeys are the keys of refresh tokens. A key is named by a byte of its own
// digest, so that all nodes agree. Those that were replaced still open the
// tokens they sealed: nobody is signed out by a change of secret.
func (c Config) tokenKeys(m *secret.Master) (*session.TokenKeys, error) {
	const purpose = "refresh tokens"
	materials := append([][]byte{m.Derive(purpose)}, m.DeriveOld(purpose)...)
	if c.RefreshTokenSecret != "" {
		material, err := secret.Parse("RefreshTokenSecret", c.RefreshTokenSecret)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrConfig, err)
		}
		materials = append([][]byte{material}, materials...)
	}
	keys := make([]session.TokenKey, len(materials))
	for i, material := range materials {
		keys[i] = session.TokenKey{ID: keyID(material), Secret: material}
	}
	return session.NewTokenKeys(keys[0], keys[1:]...)
}

// resetKeys are the keys of the codes with which users choose a new password.
func (c Config) resetKeys(m *secret.Master) [][]byte {
	const purpose = "reset codes"
	return append([][]byte{m.Derive(purpose)}, m.DeriveOld(purpose)...)
}

// keyID names a key of refresh tokens.
func keyID(material []byte) byte {
	return sha256.Sum256(append([]byte("watchword/refresh-key/1"), material...))[0]
}

// incarnation tells followers of the revocations that what they hold may have
// been forgotten here: it is the same on all nodes and through restarts, and
// another after a restore that the operator declared.
func (c Config) incarnation(m *secret.Master) string {
	name := hex.EncodeToString(m.Derive("incarnation")[:8])
	if restored := c.Policy.Recovery.ReopenedAt; !restored.IsZero() {
		name += restored.UTC().Format("-20060102T150405Z")
	}
	return name
}

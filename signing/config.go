package signing

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/secret"
	"github.com/watchwordauth/watchword/verify"
)

// How often the owner of a Ring calls Maintain and Reload. So late at most a node
// does what is due, and learns of a key that another one added or revoked.
const (
	MaintainEvery = time.Minute
	ReloadEvery   = 5 * time.Second
)

// Config is what a Ring needs: a Store and a Master or, for HS256, a Secret. The
// zero value of everything else is a sensible default.
type Config struct {
	Store  Store          // not used for HS256
	Master *secret.Master // seals and opens private keys; not used for HS256

	// Algorithm is that of new keys: ES256 (the default), Ed25519 or RS256, or
	// HS256 with a Secret. When it is another than that of the newest key, opening
	// a Ring adds a key, which is published before it replaces the others.
	Algorithm verify.Algorithm
	Secret    secret.Bytes // HS256: 32 bytes or more, checked for strength by the caller

	// AccessTTL is the longest life of a token that is minted. A replaced key
	// verifies for that long, but for an hour at least, so that the setting may be
	// lowered. Default: 10 minutes.
	AccessTTL time.Duration

	RotateEvery time.Duration // how long a key signs; default: 30 days
	MaxAge      time.Duration // how long the JWKS may be cached; default: 10 minutes

	Events audit.Store      // is told of new keys; may be nil
	Now    func() time.Time // default: time.Now
	Rand   io.Reader        // draws keys, but RSA keys; default: crypto/rand
	Logger *slog.Logger     // default: slog.Default
}

// withDefaults checks the configuration and fills in what is not set.
func (c Config) withDefaults() (Config, error) {
	set := func(d *time.Duration, value time.Duration) {
		if *d == 0 {
			*d = value
		}
	}
	set(&c.AccessTTL, 10*time.Minute)
	set(&c.RotateEvery, 30*24*time.Hour)
	set(&c.MaxAge, 10*time.Minute)
	if c.Algorithm == "" {
		c.Algorithm = verify.ES256
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.AccessTTL < 0 || c.MaxAge < 0 {
		return Config{}, fmt.Errorf("access tokens that live %s, a JWKS cached for %s: both must be positive", c.AccessTTL, c.MaxAge)
	}
	switch c.Algorithm {
	case verify.HS256:
		if len(c.Secret) < secret.Size {
			return Config{}, fmt.Errorf("the secret of HS256 has %d bytes, needs %d (RFC 7518 section 3.2)", len(c.Secret), secret.Size)
		}
		return c, nil
	case verify.ES256, verify.Ed25519, verify.RS256:
	default:
		return Config{}, unsupported(c.Algorithm)
	}
	if c.Secret != nil {
		return Config{}, fmt.Errorf("a shared secret is for HS256, but the algorithm is %s", c.Algorithm)
	}
	if c.Store == nil || c.Master == nil {
		return Config{}, errors.New("a store and a master secret are needed")
	}
	if least := 2 * c.policy().publish; c.RotateEvery < least {
		return Config{}, fmt.Errorf("keys that are replaced every %s: choose %s or more, as each is published for half of that before it signs", c.RotateEvery, least)
	}
	return c, nil
}

// policy derives when keys are replaced. Nodes learn of a key within a round, or
// two if one fails, and their clocks differ by verify.Skew.
func (c Config) policy() policy {
	publish := 2*c.MaxAge + 2*MaintainEvery + verify.Skew
	return policy{
		algorithm: c.Algorithm,
		every:     c.RotateEvery,
		publish:   publish,
		// Some gateways cache a JWKS for hours, whatever its max-age: they get a day.
		ahead:  max(publish, min(24*time.Hour, c.RotateEvery/10)),
		retain: max(c.AccessTTL, time.Hour) + 3*verify.Skew,
	}
}

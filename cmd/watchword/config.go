package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/watchwordauth/watchword/internal/secret"
	"github.com/watchwordauth/watchword/session"
)

// source is one place where settings are given, by their names.
type source map[string]given

// given is a setting as somebody wrote it.
type given struct {
	where string // as an error names it: "--access-ttl", "PORT in .env"
	texts []string
}

// load gathers the settings: flags over environment over .env over file over
// defaults. A setting that nobody knows is refused wherever it stands, with the
// nearest name, so that a misspelt one never leaves its default in force unseen.
// dir is where .env is looked for.
func load(flags *pflag.FlagSet, environ []string, dir string) (config, error) {
	dotenv, err := readDotenv(dir)
	if err != nil {
		return config{}, err
	}
	fromEnvironment, err := environment(environ, "")
	if err != nil {
		return config{}, err
	}
	fromDotenv, err := environment(dotenv, " in .env")
	if err != nil {
		return config{}, err
	}
	sources := []source{flagged(flags), fromEnvironment, fromDotenv}
	if path, ok := first(sources, "config"); ok {
		fromFile, err := readFile(path.texts[0])
		if err != nil {
			return config{}, err
		}
		sources = append(sources, fromFile)
	}

	c := config{Policy: session.DefaultPolicy(), given: make(map[string]string)}
	for _, s := range settings {
		g, ok := first(sources, s.name)
		if !ok {
			if s.fallback == "" {
				continue
			}
			g = given{where: "the default of " + s.name, texts: []string{s.fallback}}
		} else {
			c.given[s.name] = g.where
		}
		for _, value := range g.texts {
			if err := s.parse(&c, value); err != nil {
				return config{}, wrongValue(s, g, value, err)
			}
		}
	}
	if _, inArgv := sources[0]["database"]; inArgv && hasPassword(c.Database) {
		return config{}, errPasswordInArgv("database")
	}
	if _, inArgv := sources[0]["sessions"]; inArgv && hasPassword(c.Sessions) {
		return config{}, errPasswordInArgv("sessions")
	}
	return c, c.validate()
}

// first finds a setting in the first source that has it.
func first(sources []source, name string) (given, bool) {
	for _, s := range sources {
		if g, ok := s[name]; ok {
			return g, true
		}
	}
	return given{}, false
}

// wrongValue says what a value should have been. Secrets are not repeated, nor are
// addresses of databases and whatever has an @: they may hold a password.
func wrongValue(s setting, g given, value string, err error) error {
	if s.secret || s.group == secrets || s.group == storage || strings.Contains(value, "@") {
		err = fmt.Errorf("%s is not valid: %w", g.where, err)
	} else {
		err = fmt.Errorf("%s is %q, but %w", g.where, value, err)
	}
	if strings.HasPrefix(g.where, "--") {
		err = &misuse{err}
	}
	return mend(err, "%s: %s", s.name, s.help)
}

func errPasswordInArgv(name string) error {
	return mend(&misuse{fmt.Errorf("--%s holds a password, which every user of this machine can read in the list of processes", name)},
		"put the address into %s, .env or a --config file", setting{name: name}.env())
}

// hasPassword reports whether a database's address holds a password.
func hasPassword(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return strings.Contains(address, "@")
	}
	_, inUser := u.User.Password()
	if inUser || !local(address) && astray(u) {
		return true
	}
	for name := range u.Query() { // password, sslpassword, tlsCertificateKeyFilePassword …
		if strings.Contains(strings.ToLower(name), "password") {
			return true
		}
	}
	return false
}

// astray reports whether a password may stand where a URL has none: postgres:/USER:PASSWORD@HOST
// lacks a slash, and a # in a password begins what browsers call a fragment.
func astray(u *url.URL) bool { return strings.Contains(u.Opaque+u.Path+u.Fragment, "@") }

// validate checks what no single setting can know.
func (c *config) validate() error {
	if c.AccessTokenSecret != "" && c.given["algorithm"] == "" {
		c.Algorithm = "HS256"
	}
	for _, row := range []struct {
		bad           bool
		message, hint string
	}{
		{
			c.AccessTokenSecret != "" && c.Algorithm != "HS256",
			c.given["access-token-secret"] + " is for HS256, but the algorithm is " + c.Algorithm,
			"unset one of the two",
		},
		{
			c.Algorithm == "HS256" && c.AccessTokenSecret == "",
			"HS256 signs with a secret that resource servers share, and there is none",
			"set ACCESS_TOKEN_SECRET, for example to what 'watchword secret' prints",
		},
		{
			len(c.MasterSecrets) > 0 && c.MasterSecretFile != "",
			"the master secret is given twice: by " + c.given["master-secret"] + " and by " + c.given["master-secret-file"],
			"unset one of the two",
		},
		{
			c.CookieSameSite == "none" && len(c.AllowOrigins) == 0,
			"SameSite=None lets every site send the cookie, and no origin is allowed",
			"name the front end's origin: --allow-origin https://app.example",
		},
		{
			c.Drain > maxDrain,
			"drain is " + c.Drain.String() + ", but it is at most " + maxDrain.String(),
			"the platform kills what does not end: choose less than its grace period",
		},
	} {
		if row.bad {
			return mend(errors.New(row.message), "%s", row.hint)
		}
	}
	if err := c.checkSecrets(); err != nil {
		return err
	}
	for name, address := range map[string]string{"database": c.Database, "sessions": c.Sessions} {
		if address != "" {
			if _, _, err := driverOf(name, address); err != nil {
				return err
			}
		}
	}
	if err := c.Policy.Validate(); err != nil {
		return mend(err, "'watchword serve --help' names the defaults, which fit together")
	}
	return nil
}

// checkNodes checks what only a server needs, which may be one of several.
func (c *config) checkNodes() error {
	shared := !local(c.Database) || c.Sessions != "" && !local(c.Sessions)
	if shared && len(c.MasterSecrets) == 0 && c.MasterSecretFile == "" {
		return mend(errors.New("a database that several nodes may share needs a master secret that they share"),
			"make one with 'watchword secret', and give it to every node: WATCHWORD_MASTER_SECRET, or --master-secret-file")
	}
	return nil
}

// checkSecrets judges the secrets that were given as text, before anything is
// made. No error repeats one.
func (c *config) checkSecrets() error {
	if c.AccessTokenSecret != "" {
		if err := secret.Check(c.given["access-token-secret"], c.AccessTokenSecret); err != nil {
			return err
		}
	}
	if c.RefreshTokenSecret != "" {
		if _, err := secret.Parse(c.given["refresh-token-secret"], c.RefreshTokenSecret); err != nil {
			return err
		}
	}
	_, err := c.masterSecrets()
	return err
}

// masterSecrets are the master secrets that were given as text, the current one first.
func (c *config) masterSecrets() ([][]byte, error) {
	var materials [][]byte
	for _, text := range c.MasterSecrets {
		material, err := secret.Parse(c.given["master-secret"], text)
		if err != nil {
			return nil, err
		}
		materials = append(materials, material)
	}
	return materials, nil
}

const maxDrain = 10 * time.Minute

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/secret"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/verify"
)

// desk is where commands work on the data that the settings name, whether a
// server runs on it or not: users and sessions need no secret.
type desk struct {
	config   config
	folder   folder
	set      store.Set // with the journal, if there is one
	accounts *account.Service
	sessions *session.Service
	program  *program
}

// actor is who does what is done at the desk, in events and tombstones.
const actor = account.ByCLI

// atDesk makes a command of what is done at the desk.
func (p *program) atDesk(do func(ctx context.Context, d *desk, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) (err error) {
		c, err := load(cmd.Flags(), p.environ, p.dir)
		if err != nil {
			return err
		}
		d := &desk{config: c, program: p}
		if c.databaseInFolder() {
			d.folder, err = openFolder(c.Data, false)
		} else {
			d.folder.path, err = filepath.Abs(c.Data)
		}
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		stores, err := openStores(ctx, c, d.folder, false, p.logger())
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stores.close()) }()
		d.set = stores.set
		journal, err := c.openJournal(d.folder, p.now, p.logger())
		if err != nil {
			return err
		}
		if journal != nil {
			defer func() { err = errors.Join(err, journal.Close()) }()
			d.set = journal.Keep(d.set)
		}
		if err := d.seat(); err != nil {
			return err
		}
		return do(ctx, d, args)
	}
}

// registerStore adds the flags of the settings that a command about a "user", a
// "session" or a "key" needs.
func registerStore(cmd *cobra.Command, about string) {
	register(cmd.Flags(), func(s setting) bool { return s.also == "all" || s.also == about })
}

// seat wires the services. Those sessions begin and refresh none, so their
// tokens are sealed by a key that nobody has and signed by nobody.
func (d *desk) seat() (err error) {
	tokens, err := session.NewTokenKeys(session.TokenKey{Secret: make([]byte, 32)})
	if err != nil {
		return err
	}
	logger := d.program.logger()
	d.sessions, err = session.New(session.Config{
		Store: d.set.Sessions, Users: d.set.Users, Events: d.set.Events, Tokens: tokens, Minter: noMinter{},
		Policy: d.config.Policy, Now: d.program.now, Logger: logger,
	})
	if err != nil {
		return err
	}
	d.accounts, err = account.New(account.Config{
		Store: d.set.Users, Sessions: ender{d.sessions}, Events: d.set.Events, Roles: d.config.ExtraRoles,
		Now: d.program.now, Logger: logger,
	})
	return err
}

type noMinter struct{}

func (noMinter) Mint(verify.Claims) (string, error) {
	return "", errors.New("commands mint no tokens")
}

// ender ends sessions for package account, which does not know of them.
type ender struct{ sessions *session.Service }

// EndUser implements account.Sessions. A command is in no session to be spared.
func (e ender) EndUser(ctx context.Context, user account.ID, _, reason, by string) (int, error) {
	return e.sessions.EndUser(ctx, user, session.ID{}, session.Reason(reason), by)
}

// findUser finds a user by username, e-mail address or id.
func (d *desk) findUser(ctx context.Context, who string) (account.User, error) {
	user, err := d.accounts.Lookup(ctx, who)
	if errors.Is(err, account.ErrNotFound) {
		return account.User{}, mend(fmt.Errorf("there is no user %q", who), "'watchword user list' shows them; a user is named by username, e-mail address or id")
	}
	return user, err
}

// names returns a function that finds the username of an id and remembers it.
func (d *desk) names(ctx context.Context) func(id string) string {
	known := make(map[string]string)
	return func(id string) string {
		if name, ok := known[id]; ok {
			return name
		}
		known[id] = id
		if user, err := d.accounts.Lookup(ctx, id); err == nil {
			known[id] = plain(user.Username)
		}
		return known[id]
	}
}

// signing is the settings of the ring of signing keys. The algorithm is that of
// the newest key, unless another is asked for: a command must not change what
// the server was told.
func (d *desk) signing(ctx context.Context) (signing.Config, error) {
	c := signing.Config{
		Store: d.set.Keys, Algorithm: verify.Algorithm(d.config.Algorithm), AccessTTL: d.config.Policy.AccessTTL,
		Events: d.set.Events, Now: d.program.now, Logger: d.program.logger(),
	}
	if c.Algorithm == verify.HS256 {
		c.Secret = secret.Bytes(d.config.AccessTokenSecret)
		return c, nil
	}
	records, err := d.set.Keys.Keys(ctx)
	if err != nil {
		return signing.Config{}, err
	}
	if len(records) > 0 && d.config.given["algorithm"] == "" {
		c.Algorithm = verify.Algorithm(records[len(records)-1].Algorithm)
	}
	c.Master, err = d.master()
	return c, err
}

// master reads the master secret. Unlike the server, a command never makes one.
func (d *desk) master() (*secret.Master, error) {
	materials, err := d.config.masterSecrets()
	if err != nil {
		return nil, err
	}
	if len(materials) == 0 {
		return secret.Load(d.config.masterFile(d.folder))
	}
	return secret.New(materials[0], materials[1:]...)
}

// masterFile is where the master secret is, if it is in a file.
func (c config) masterFile(f folder) string {
	if c.MasterSecretFile != "" {
		return c.MasterSecretFile
	}
	return f.file(masterFile)
}

// ring opens the signing keys.
func (d *desk) ring(ctx context.Context) (*signing.Ring, error) {
	c, err := d.signing(ctx)
	if err != nil {
		return nil, err
	}
	return signing.Open(ctx, c)
}

// logger writes what a command has to report beside its output: only trouble.
func (p *program) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(p.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

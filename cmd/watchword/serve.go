package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/httpapi"
	"github.com/watchwordauth/watchword/verify"
)

func (p *program) serve() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the sign-in API.",
		Long: `Serve the sign-in API. No setting is needed: the first start makes the folder
watchword-data for the database and the master secret, and prints what to do
next.

SIGTERM and Ctrl-C end it in peace: requests in flight are answered first. A
second signal ends it at once; nothing that was answered is lost either way.`,
		Example: `  watchword serve
  watchword serve --listen 0.0.0.0:8080 --issuer https://id.example.org --trusted-proxy 10.0.0.7
  watchword serve --demo --rotation off --allow-origin http://localhost:8081`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := load(cmd.Flags(), p.environ, p.dir)
			if err == nil {
				err = c.checkNodes()
			}
			if err == nil {
				err = c.readPages()
			}
			if err != nil {
				return err
			}
			ctx, cancel := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer cancel()
			collectLess(p.environ)
			// Once it is stopping a second signal does what signals do.
			context.AfterFunc(ctx, cancel)
			return p.serveWith(ctx, c)
		},
	}
	register(cmd.Flags(), func(setting) bool { return true })
	return cmd
}

// serveWith serves until the context ends. What can fail early fails before
// anything is made.
func (p *program) serveWith(ctx context.Context, c config) (err error) {
	logger := p.serverLogger(c)
	listener, err := listen(ctx, "listen", c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	metrics, err := openMetrics(ctx, c.MetricsListen)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, metrics.close()) }()
	if c.PortFile != "" {
		_ = os.Remove(c.PortFile) // of a server that was killed: nobody must take it for this one's
	}

	var data folder
	var lock *os.File
	if c.needsFolder() {
		if data, err = openFolder(c.Data, true); err != nil {
			return err
		}
		if lock, err = data.lock(); err != nil {
			return err
		}
		defer lock.Close()
	}
	stores, err := openStores(ctx, c, data, true, logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stores.close()) }()

	if c.Issuer == "" {
		c.Issuer = issuerOf(listener)
	}
	journal, err := c.openJournal(data, p.now, logger)
	if err != nil {
		return err
	}
	settings := c.forServer(stores, data, logger)
	if journal != nil {
		defer func() { err = errors.Join(err, journal.Close()) }()
		settings.Journal = journal
	}
	server, err := watchword.New(ctx, settings)
	if errors.Is(err, watchword.ErrConfig) {
		return errors.New(strings.TrimPrefix(err.Error(), watchword.ErrConfig.Error()+": "))
	}
	if err != nil {
		return journalTrouble(err)
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	metrics.serve(server.Metrics(readBuild().Version), logger)

	address := addressOf(listener)
	if lock != nil {
		if err := sign(lock, address); err != nil {
			return unusable(data.path, err)
		}
	}
	users, _, err := server.Accounts().Count(ctx)
	if err != nil {
		return err
	}
	setup := ""
	if users == 0 && c.Pages && c.LogFormat != "json" { // a log for programs is kept and shipped
		code, _, err := server.Accounts().OfferSetup()
		if err != nil {
			return err
		}
		setup = httpapi.SetupLink(c.Issuer, code)
	}
	p.greet(c, data, address, users == 0, setup, logger)
	if c.PortFile != "" {
		if err := writePortFile(c.PortFile, address); err != nil {
			return err
		}
		defer os.Remove(c.PortFile)
	}
	web := newServer(server, logger)
	web.RegisterOnShutdown(server.Drain)
	return serveHTTP(ctx, web, listener, c.Drain, logger)
}

// forServer puts the settings into the words of package watchword.
func (c config) forServer(stores opened, data folder, logger *slog.Logger) watchword.Config {
	w := watchword.Config{
		MasterSecrets: c.MasterSecrets,
		Issuer:        c.Issuer, Audience: c.Audience, Policy: c.Policy,
		Algorithm: verify.Algorithm(c.Algorithm), AccessTokenSecret: c.AccessTokenSecret, RefreshTokenSecret: c.RefreshTokenSecret,
		Roles: c.ExtraRoles, SignupClosed: !c.SignupOpen,
		AllowOrigins: c.AllowOrigins, TrustedProxies: c.TrustedProxies, Clients: c.Clients, Demo: c.Demo,
		PagesOff: !c.Pages, Brand: c.Brand, Texts: c.Texts,
		CookieSameSite: map[string]http.SameSite{
			"strict": http.SameSiteStrictMode, "lax": http.SameSiteLaxMode, "none": http.SameSiteNoneMode,
		}[c.CookieSameSite],
		Tracer: c.tracer(logger), Logger: logger,
	}
	if !c.forgetful() {
		w.Store = stores.set
	}
	if len(c.MasterSecrets) == 0 && (data.path != "" || c.MasterSecretFile != "") {
		w.MasterSecretFile = c.masterFile(data)
	}
	return w
}

// serverLogger writes what a server has to say, in the format and of the level
// that were chosen.
func (p *program) serverLogger(c config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		panic(err) // the table of settings allows only what is a level
	}
	options := &slog.HandlerOptions{Level: level}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(p.err, options))
	}
	return slog.New(slog.NewTextHandler(p.err, options))
}

// greet tells that the server is ready, where its data is and, while there are no
// users, what to do first; setup is the link for that, if there is one. With a log for
// programs it is one line of that.
func (p *program) greet(c config, data folder, address string, empty bool, setup string, logger *slog.Logger) {
	if c.LogFormat == "json" {
		logger.Info("serving", "address", address, "issuer", c.Issuer, "data", data.path)
		return
	}
	fmt.Fprintf(p.out, "\nWatchword serves %s\n", address)
	if data.path != "" {
		made := ""
		if data.made {
			made = " (made just now, for the database and the master secret)"
		}
		fmt.Fprintf(p.out, "Its data is in   %s%s\n", data.path, made)
	}
	if !empty {
		return
	}
	if setup != "" {
		setup = fmt.Sprintf("with this link, which works once and for an hour:\n     %s\n\n     or ", setup)
	}
	command := invocation()
	where := ""
	if c.given["data"] != "" {
		where = " --data " + data.path
	}
	fmt.Fprintf(p.out, `
Three things to do first:

  1. Make yourself an administrator, %sin another terminal:
     %s user add --role admin%s --email you@example.org you

  2. Sign in:
     curl -s %s/api/auth/signin -H 'Content-Type: application/json' \
       -d '{"username": "you", "password": "…"}'

`, setup, command, where, address)
	if c.MasterSecretFile == "" && len(c.MasterSecrets) == 0 && data.path != "" {
		fmt.Fprintf(p.out, "  3. Keep a copy of the master secret, apart from the backups of the database:\n     without it everybody is signed out.\n     %s\n\n", data.file(masterFile))
	} else {
		fmt.Fprintf(p.out, "  3. Read what else can be set:\n     %s serve --help\n\n", command)
	}
}

// invocation is how to call this program again.
func invocation() string {
	if strings.Contains(os.Args[0], "go-build") {
		return "go run ./cmd/watchword"
	}
	return os.Args[0]
}

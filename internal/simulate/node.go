package simulate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/verify"
)

// clientID is the client that all tokens are for.
const clientID = "simulated"

// node is one server: a session.Service on the shared store, with a clock of its own.
type node struct {
	*session.Service
	town    *town
	name    string
	serving []*process
	down    bool
}

// request is a refresh as it travels.
type request struct {
	token    string
	delivery session.Delivery
	key      string
	from     *device // whose answer it is; nil: the thief's
}

// response is its answer as it travels.
type response struct {
	Answer
	cookie string // Set-Cookie; "" none
	access string
	err    error // for the witness only: no client sees it
}

// newNode makes a node, whose store takes steps or has each verb called by itself.
func (t *town) newNode(name string, skew time.Duration, p session.Policy, steps bool) *node {
	n := &node{town: t, name: name}
	store := session.Store(t.store)
	if !steps {
		store = struct{ session.Store }{t.store}
	}
	service, err := session.New(session.Config{
		Store: store, Users: users{t}, Minter: minter{t}, Tokens: t.keys, Events: events{t},
		Policy: p, Issuer: "https://id.example", Audience: "api",
		Announce: func(r session.Revocation) { t.witness.overhear(fmt.Sprint(r)) },
		Observe:  func(kind session.Kind, healed bool) { t.outcome.count(kind, healed) },
		Now:      func() time.Time { return t.now.Add(skew) },
		Rand:     t.random,
		Logger:   slog.New(slog.NewTextHandler(&t.witness.heard, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		panic(err) // a scenario's policy makes no sense
	}
	n.Service = service
	return n
}

// serve answers a request as httpapi does, in a process of its own; hangUp is
// called if the client has gone.
func (n *node) serve(r request, reply func(response)) (hangUp func()) {
	if n.down {
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	this := n.town.spawn(func(p *process) {
		defer cancel()
		before := n.town.witness.asked(r)
		key, err := session.NewRequestKey(r.key)
		if err != nil {
			panic(err)
		}
		grant, err := n.Refresh(withProcess(ctx, p), session.Presented{
			Token: r.token, ClientID: clientID, Delivery: r.delivery, Key: key,
			From: session.Origin{IP: "192.0.2.1", UserAgent: n.name},
		})
		answer := n.answer(r, grant, err)
		n.town.witness.answered(n, r, before, grant, answer)
		reply(answer)
	})
	n.serving = append(n.serving, this)
	return cancel
}

func (n *node) answer(r request, g session.Grant, err error) response {
	if err != nil {
		a := response{err: err, Answer: Answer{Ended: errors.Is(err, session.ErrEnded) || errors.Is(err, session.ErrToken)}}
		if a.Ended && n.town.clearsCookies && r.delivery == session.Cookie {
			a.cookie = noCookie
		}
		return a
	}
	a := response{access: g.AccessToken, Answer: Answer{Granted: true, Renewed: g.Renewed}}
	switch {
	case r.delivery == session.Body:
		a.Token = g.RefreshToken
	case g.Renewed || n.town.setsAgain:
		a.cookie = g.RefreshToken
	}
	return a
}

// powerCut ends what the node is doing, between any two steps.
func (n *node) powerCut() {
	for _, p := range n.serving {
		p.kill()
	}
	n.serving = nil
}

// A context carries the process that calls, so that the store can give way.
type processKey struct{}

func withProcess(ctx context.Context, p *process) context.Context {
	return context.WithValue(ctx, processKey{}, p)
}

func processOf(ctx context.Context) *process { return ctx.Value(processKey{}).(*process) }

// users, events and minter are what else a service needs. They work, but events
// fail when the store does.

type users struct{ town *town }

func (u users) Find(_ context.Context, id account.ID) (account.User, error) {
	return u.town.set.Users.Find(context.Background(), id)
}

type events struct{ town *town }

func (e events) Record(_ context.Context, all ...audit.Event) error {
	e.town.witness.overhear(fmt.Sprintf("%+v", all))
	if e.town.chance(e.town.store.failure) {
		return fmt.Errorf("insert %+v: %w", all, errRefused)
	}
	return e.town.set.Events.Record(context.Background(), all...)
}

func (e events) Events(_ context.Context, q audit.Query) ([]audit.Event, error) {
	return e.town.set.Events.Events(context.Background(), q)
}

func (e events) Forget(context.Context, time.Time, int) (int, error) { return 0, nil }

// minter signs nothing: its tokens are secrets to be recognised where they leak.
type minter struct{ town *town }

func (m minter) Mint(verify.Claims) (string, error) {
	token := fmt.Sprintf("access-%016x%016x", m.town.Uint64(), m.town.Uint64())
	m.town.witness.secret(token)
	return token, nil
}

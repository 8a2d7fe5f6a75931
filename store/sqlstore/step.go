package sqlstore

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// step is one call of Step, waiting to be taken with others.
type step struct {
	session session.ID
	rule    session.Rule
}

// stepped is what became of it.
type stepped struct {
	won bool
	err error // the session or its user is unknown
}

// pair is a session and its user.
type pair struct {
	session session.Session
	user    account.User // the zero User if there is none
}

// Beside implements session.Stepper.
func (s sessions) Beside(others session.Users) bool {
	mine, ok := others.(users)
	return ok && mine.DB == s.DB
}

// Step implements session.Stepper: in this process, in one transaction with others,
// so that nobody is ever faster; else by one look for both, and an Advance.
func (s sessions) Step(ctx context.Context, id session.ID, rule session.Rule) (bool, error) {
	if s.dialect.embedded {
		answer, err := s.steps.Do(ctx, step{id, rule})
		if err != nil {
			return false, s.fault(ctx, err)
		}
		return answer.won, answer.err
	}
	answer, err := s.pairs.Do(ctx, id)
	switch {
	case err != nil:
		return false, s.fault(ctx, err)
	case !answer.known:
		return false, session.ErrNotFound
	case answer.value.user.ID.IsZero():
		return false, account.ErrNotFound
	}
	next, advance := rule(answer.value.session, answer.value.user)
	if !advance {
		return true, nil
	}
	if next.Generation <= answer.value.session.Generation {
		return false, nil // a step goes forward
	}
	return s.Advance(ctx, id, answer.value.session.Generation, next)
}

// pairs finds sessions by their ids, and their users.
func (d *dialect) pairs(ids [][16]byte) (string, []any) {
	among, args := d.amongSessions(ids)
	theirs := `s.user_id`
	if d.narrow {
		theirs = `uuid_send(s.user_id)`
	}
	return `SELECT ` + d.pairRow() + ` FROM watchword_sessions AS s LEFT JOIN watchword_users AS u ON u.id = ` + theirs + ` WHERE s.` + among, args
}

// pairRow is a pair's columns as scanPair wants them.
func (d *dialect) pairRow() string {
	if d.narrow {
		return narrowPair
	}
	return widePair
}

var (
	widePair   = qualified("s.", sessionColumns) + `, ` + besideRow
	narrowPair = qualified("s.", narrowRow) + `, ` + besideRow

	// besideRow is a user's columns, where there may be no user. Only a number must not be NULL.
	besideRow = strings.Replace(qualified("u.", userColumns), "u.epoch,", "coalesce(u.epoch, 0),", 1)
)

// qualified puts a table's name before each column of a list.
func qualified(table, columns string) string {
	list := strings.Split(columns, ",")
	for i, column := range list {
		column = strings.TrimSpace(column)
		if function, argument, called := strings.Cut(column, "("); called {
			list[i] = function + "(" + table + argument
			continue
		}
		list[i] = table + column
	}
	return strings.Join(list, ", ")
}

func (d *dialect) scanPair(r row) (p pair, err error) {
	p.session, err = d.scanSession(scanner(func(targets ...any) error {
		return r.Scan(append(targets, userTargets(&p.user)...)...)
	}))
	return p, err
}

// scanner is a row.
type scanner func(targets ...any) error

// Scan implements row.
func (s scanner) Scan(targets ...any) error { return s(targets...) }

// findPairs is the batch behind Step where Advance is another.
func (s sessions) findPairs(ctx context.Context, ids []session.ID) ([]found[pair], error) {
	query, args := s.dialect.pairs(flat(ids))
	list, err := byID(ctx, s.DB, s.dialect.scanPair, query, args)
	if err != nil {
		return nil, err
	}
	known := make(map[session.ID]pair, len(list))
	for _, one := range list {
		known[one.session.ID] = one
	}
	answers := make([]found[pair], len(ids))
	for i, id := range ids {
		answers[i].value, answers[i].known = known[id]
		answers[i].value.user.Roles = slices.Clone(answers[i].value.user.Roles)
	}
	return answers, nil
}

// stepAll is the batch behind Step in this process: all in one transaction.
func (s sessions) stepAll(ctx context.Context, steps []step) ([]stepped, error) {
	outcomes := make([]stepped, len(steps))
	ids := make([][16]byte, len(steps))
	for i := range steps {
		ids[i] = steps[i].session
	}
	query, args := s.dialect.pairs(ids)
	err := s.attempt(ctx, func() error {
		// Each statement is short. Watching the context would cost a goroutine for each.
		ctx := context.WithoutCancel(ctx)
		look, err := s.relaxed.statement(ctx, query)
		if err != nil {
			return err
		}
		update, err := s.relaxed.statement(ctx, rotateSQLite)
		if err != nil {
			return err
		}
		return transact(ctx, s.relaxed, func(tx *sql.Tx) error {
			rows, err := tx.StmtContext(ctx, look).QueryContext(ctx, args...)
			if err != nil {
				return err
			}
			list, err := collect(rows, s.dialect.scanPair)
			if err != nil {
				return err
			}
			known := make(map[session.ID]*pair, len(list))
			for i := range list {
				known[list[i].session.ID] = &list[i]
			}
			update := tx.StmtContext(ctx, update)
			for i, step := range steps {
				if outcomes[i], err = s.take(ctx, update, step, known[step.session]); err != nil {
					return err
				}
			}
			return nil
		})
	})
	return outcomes, err
}

// take takes one step, on what is there now.
func (s sessions) take(ctx context.Context, update *sql.Stmt, step step, there *pair) (stepped, error) {
	switch {
	case there == nil:
		return stepped{err: session.ErrNotFound}, nil
	case there.user.ID.IsZero():
		return stepped{err: account.ErrNotFound}, nil
	}
	lent := there.user
	lent.Roles = slices.Clone(lent.Roles) // another step may be given this user, too
	next, advance := step.rule(there.session, lent)
	if !advance {
		return stepped{won: true}, nil
	}
	from := there.session.Generation
	if next.Generation <= from { // a step goes forward
		return stepped{}, nil
	}
	s.keeper.owe()
	won, err := rotate(ctx, update, rotation{step.session, from, next})
	if won {
		there.session.Register = kept(next)
	}
	return stepped{won: won}, err
}

// kept is a register as it will be read.
func kept(r session.Register) session.Register {
	for _, at := range []*time.Time{&r.RotatedAt, &r.EmittedAt, &r.IdleUntil} {
		*at = time.UnixMicro(micros(*at)).UTC()
	}
	return r
}

package sqlstore

import (
	"context"
	"slices"
	"strings"

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
	won     bool
	unknown error // that there is no such session, or no such user
	failed  error // the database's
}

// pair is a session and its user.
type pair struct {
	session session.Session
	user    account.User // the zero User if there is none
	taken   bool         // an answer has it
}

// Beside implements session.Stepper.
func (s sessions) Beside(others session.Users) bool {
	mine, ok := others.(users)
	return ok && mine.DB == s.DB
}

// Step implements session.Stepper by a look for both, and an Advance. What is here
// in this process needs no round trips: there it is one batch that does both.
func (s sessions) Step(ctx context.Context, id session.ID, rule session.Rule) (bool, error) {
	if s.dialect.embedded {
		answer, err := s.steps.Do(ctx, step{id, rule})
		if err == nil {
			err = answer.failed
		}
		if err != nil {
			return false, s.fault(ctx, err)
		}
		return answer.won, answer.unknown
	}
	there, err := s.pairs.Do(ctx, id)
	if err != nil {
		return false, s.fault(ctx, err)
	}
	rotation, outcome := judge(there, rule)
	if rotation == nil {
		return outcome.won, outcome.unknown
	}
	return s.Advance(ctx, id, rotation.from, rotation.next)
}

// judge has a rule decide on what was found. There is an outcome, or a rotation to be tried.
func judge(there *pair, rule session.Rule) (*rotation, stepped) {
	switch {
	case there == nil:
		return nil, stepped{unknown: session.ErrNotFound}
	case there.user.ID.IsZero():
		return nil, stepped{unknown: account.ErrNotFound}
	}
	next, advance := rule(there.session, there.user)
	switch from := there.session.Generation; {
	case !advance:
		return nil, stepped{won: true}
	case next.Generation <= from: // a step goes forward
		return nil, stepped{}
	default:
		return &rotation{there.session.ID, from, next}, stepped{}
	}
}

// stepAll is the batch behind Step in this process. Those that change nothing neither
// wait for the disk nor fail with it.
func (s sessions) stepAll(ctx context.Context, steps []step) ([]stepped, error) {
	ids := make([]session.ID, len(steps))
	for i := range steps {
		ids[i] = steps[i].session
	}
	pairs, err := s.findPairs(ctx, ids)
	if err != nil {
		return nil, err
	}
	outcomes := make([]stepped, len(steps))
	var rotations []rotation
	var rotating []int // whose they are
	for i, step := range steps {
		var r *rotation
		if r, outcomes[i] = judge(pairs[i], step.rule); r != nil {
			rotations, rotating = append(rotations, *r), append(rotating, i)
		}
	}
	if len(rotations) == 0 {
		return outcomes, nil
	}
	won, err := s.advanceAll(ctx, rotations)
	for n, i := range rotating {
		outcomes[i] = stepped{won: err == nil && won[n], failed: err}
	}
	return outcomes, nil
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

func (d *dialect) scanPair(r row) (*pair, error) {
	var p pair
	var err error
	p.session, err = d.scanSession(scanner(func(targets ...any) error {
		return r.Scan(append(targets, userTargets(&p.user)...)...)
	}))
	return &p, err
}

// scanner is a row.
type scanner func(targets ...any) error

// Scan implements row.
func (s scanner) Scan(targets ...any) error { return s(targets...) }

// findPairs is the batch behind Step elsewhere, and its beginning here. Who is not
// found is nil; who is asked for twice is found twice.
func (s sessions) findPairs(ctx context.Context, ids []session.ID) ([]*pair, error) {
	query, args := s.dialect.pairs(flat(ids))
	list, err := byID(ctx, s.DB, s.dialect.scanPair, query, args)
	if err != nil {
		return nil, err
	}
	known := make(map[session.ID]*pair, len(list))
	for _, one := range list {
		known[one.session.ID] = one
	}
	answers := make([]*pair, len(ids))
	for i, id := range ids {
		there := known[id]
		if there != nil && there.taken {
			another := *there
			another.user.Roles = slices.Clone(there.user.Roles)
			there = &another
		}
		if there != nil {
			there.taken = true
		}
		answers[i] = there
	}
	return answers, nil
}

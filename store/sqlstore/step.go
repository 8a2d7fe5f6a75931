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
	won      bool
	rotation *rotation // still to be tried
	err      error     // there is no such session, or no such user
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

// Step implements session.Stepper by a look for both, and an Advance. What is in this
// process needs no round trips: as a rule there is one batch for both.
func (s sessions) Step(ctx context.Context, id session.ID, rule session.Rule) (bool, error) {
	var outcome stepped
	var err error
	if s.dialect.embedded {
		outcome, err = s.steps.Do(ctx, step{id, rule})
	} else {
		var there *pair
		if there, err = s.pairs.Do(ctx, id); err == nil {
			outcome = decide(there, rule)
		}
	}
	if err != nil {
		return false, s.fault(ctx, err)
	}
	if r := outcome.rotation; r != nil {
		return s.Advance(ctx, id, r.from, r.next)
	}
	return outcome.won, outcome.err
}

// decide has the rule decide on what was found.
func decide(there *pair, rule session.Rule) stepped {
	switch {
	case there == nil:
		return stepped{err: session.ErrNotFound}
	case there.user.ID.IsZero():
		return stepped{err: account.ErrNotFound}
	}
	next, advance := rule(there.session, there.user)
	switch from := there.session.Generation; {
	case !advance:
		return stepped{won: true}
	case next.Generation <= from: // a step goes forward
		return stepped{}
	default:
		return stepped{rotation: &rotation{there.session.ID, from, next}}
	}
}

// stepAll is the batch behind Step in this process.
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
	for i, step := range steps {
		outcomes[i] = decide(pairs[i], step.rule)
	}
	s.rotateNow(ctx, outcomes)
	return outcomes, nil
}

// rotateNow writes the rotations among the outcomes if that can be done at once. If
// somebody else writes, or it fails, or the disk is to be waited for, they are left to
// Advance: who only looks does not wait, and does not fail, with those who write.
func (s sessions) rotateNow(ctx context.Context, outcomes []stepped) {
	if s.durableRotations {
		return
	}
	var rotations []rotation
	for _, o := range outcomes {
		if o.rotation != nil {
			rotations = append(rotations, *o.rotation)
		}
	}
	if len(rotations) == 0 {
		return
	}
	decided := make([]advanced, len(rotations))
	if !s.atOnce(func() error { return writeSQLite(ctx, s.DB, s.relaxed, rotations, decided) }) {
		return
	}
	s.advances[0].Count(len(rotations))
	for i := range outcomes {
		if outcomes[i].rotation != nil {
			outcomes[i], decided = stepped{won: decided[0].won}, decided[1:]
		}
	}
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

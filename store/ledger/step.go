package ledger

import (
	"context"
	"errors"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// stepper is a ledger whose durable store takes steps: one look finds the entry and the
// user, and it is all that a refresh asks of the durable store, as a rule.
type stepper struct {
	*sessions
	beside session.Stepper // the durable store
	users  session.Users
}

// Beside implements session.Stepper.
func (s stepper) Beside(users session.Users) bool { return s.beside.Beside(users) }

// Step implements session.Stepper. A revocation that was acknowledged before it began is
// in the entry that it finds, even if the fast store has lost it.
func (s stepper) Step(ctx context.Context, id session.ID, rule session.Rule) (bool, error) {
	there, err := s.find(ctx, id)
	if err != nil {
		return false, err
	}
	next, advance := rule(there.session, there.user)
	from := there.session.Generation
	switch {
	case !advance:
		return true, nil
	case there.session.Revoked(), next.Generation <= from: // a step goes forward
		return false, nil
	case there.entry.known:
		return s.advance(ctx, there.entry, id, from, next)
	}
	return s.Advance(ctx, id, from, next)
}

// trio is a session, its user and its entry; the entry is left out where Advance must
// look at it anew.
type trio struct {
	session session.Session
	user    account.User
	entry   finding
}

// find finds them by one look into each store. Where the stores differ Find knows what is
// to be done.
func (s stepper) find(ctx context.Context, id session.ID) (trio, error) {
	finds := make(chan finding, 1)
	go func() { finds <- find(ctx, s.fast, id) }()
	entry, user, err := s.look(ctx, id)
	found := <-finds
	if err := errors.Join(err, found.err); err != nil {
		return trio{}, err
	}
	if entry.known && entry.Generation == elsewhere && found.known && entry.Revoked() == found.Revoked() {
		return trio{join(entry.Session, found.Session), user, entry}, nil
	}
	joined, err := s.Find(ctx, id)
	if err != nil {
		return trio{}, err
	}
	if user, err = s.users.Find(ctx, joined.UserID); err != nil {
		return trio{}, err
	}
	return trio{session: joined, user: user}, nil
}

// look finds an entry, and the user of its session.
func (s stepper) look(ctx context.Context, id session.ID) (finding, account.User, error) {
	var entry finding
	var user account.User
	_, err := s.beside.Step(ctx, id, func(found session.Session, of account.User) (session.Register, bool) {
		entry, user = finding{Session: found, known: true}, of
		return session.Register{}, false
	})
	switch {
	case errors.Is(err, session.ErrNotFound):
		return finding{}, account.User{}, nil
	case err != nil:
		return finding{}, account.User{}, err
	}
	return entry, user, nil
}

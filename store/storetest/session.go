package storetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/session"
)

// Sessions tests a session.Store.
func Sessions(t *testing.T, open func(t testing.TB) session.Store) {
	each(t, open, map[string]func(*testing.T, session.Store){
		"a begun session is found as it was":               sessionIsFound,
		"a session begins once":                            sessionBeginsOnce,
		"texts come back byte by byte":                     sessionTextsAreBytes,
		"many sessions are found at once":                  sessionsAreFoundTogether,
		"a register is replaced from its generation only":  registerIsReplaced,
		"a register never goes back":                       registerNeverGoesBack,
		"a register may be replaced within its generation": registerIsTouched,
		"an origin that was seen may differ, or be none":   originsAreKept,
		"of a hundred successors one is chosen":            successorIsOne,
		"many rotations of many sessions each happen once": rotationsAreExact,
		"a revoked session keeps its tombstone":            tombstoneStays,
		"a revoked session does not advance":               revokedDoesNotAdvance,
		"no rotation follows a concurrent revocation":      revocationBeatsRotation,
		"all sessions of a user end, but one":              userIsRevoked,
		"each session is ended by one of many":             revocationHasOneWinner,
		"a user's live sessions are listed, newest first":  sessionsOfAUser,
		"revocations are told, from the very microsecond":  revocationsAreTold,
		"sessions are listed newest first, page by page":   sessionsArePaged,
		"sessions are selected":                            sessionsAreSelected,
		"a page has a bounded size":                        sessionPagesAreBounded,
		"live sessions are counted":                        sessionsAreCounted,
		"expired sessions are forgotten, a few at a time":  sessionsAreForgotten,
		"callers who leave do no harm":                     leaversDoNoHarm,
		"an ended context ends the verb":                   sessionVerbsHonourTheContext,
	})
}

const (
	idleTTL = 7 * 24 * time.Hour
	ttl     = 30 * 24 * time.Hour
)

// begun is a session that began n seconds into the story.
func begun(n int, user account.ID) session.Session {
	at := after(time.Duration(n) * time.Second)
	return session.Session{
		ID: newID(), UserID: user, ClientID: "web", Delivery: session.Cookie,
		CreatedAt: at, ExpiresAt: at.Add(ttl),
		Birth: session.Origin{IP: "2001:db8::1", UserAgent: "Firefox"},
		Register: session.Register{
			Generation: 1, RotatedAt: at, EmittedAt: at, IdleUntil: at.Add(idleTTL),
			LastSeen: session.Origin{IP: "2001:db8::1", UserAgent: "Firefox"},
		},
	}
}

func newID() (id session.ID) {
	rand.Read(id[:])
	return id
}

func begin(t testing.TB, s session.Store, sessions ...session.Session) {
	t.Helper()
	for _, begun := range sessions {
		ok(t, "begin", s.Begin(t.Context(), begun))
	}
}

// is looks whether the store has the session as it should be.
func is(t testing.TB, s session.Store, what string, want session.Session) {
	t.Helper()
	got, err := s.Find(t.Context(), want.ID)
	ok(t, what, err)
	same(t, what, got, want)
	utc(t, got.CreatedAt, got.ExpiresAt, got.RotatedAt, got.EmittedAt, got.IdleUntil, got.Tombstone.At)
}

func sessionIsFound(t *testing.T, s session.Store) {
	full := begun(0, uuidAt(start))
	full.Generation, full.RequestKey = math.MaxUint32, session.RequestKey{1, 0, 2}
	full.RotatedAt, full.EmittedAt, full.IdleUntil = after(1*time.Microsecond), after(2*time.Microsecond), after(3*time.Microsecond)
	full.Tombstone = session.Tombstone{At: after(4 * time.Microsecond), Reason: session.EndedByAdmin, By: "cli"}
	plain := begun(1, uuidAt(start))
	plain.ClientID, plain.Delivery, plain.Birth, plain.LastSeen = "", session.Body, session.Origin{}, session.Origin{}
	begin(t, s, full, plain)
	is(t, s, "the full one", full)
	is(t, s, "the plain one", plain)

	fine := begun(2, uuidAt(start))
	fine.CreatedAt = fine.CreatedAt.Add(999)
	begin(t, s, fine)
	fine.CreatedAt = fine.CreatedAt.Truncate(time.Microsecond)
	is(t, s, "one finer than a microsecond", fine)

	if _, err := s.Find(t.Context(), newID()); !errors.Is(err, session.ErrNotFound) {
		t.Errorf("a stranger: %v, want %v", err, session.ErrNotFound)
	}
}

func sessionBeginsOnce(t *testing.T, s session.Store) {
	user := uuidAt(start)
	first := begun(0, user)
	begin(t, s, first)
	second := begun(1, user)
	second.ID = first.ID
	if err := s.Begin(t.Context(), second); !errors.Is(err, session.ErrExists) {
		t.Errorf("Begin = %v, want %v", err, session.ErrExists)
	}
	is(t, s, "the first", first)

	id, winners := newID(), 0
	for _, err := range together(20, func(i int) error {
		rival := begun(i, user)
		rival.ID = id
		return s.Begin(t.Context(), rival)
	}) {
		switch {
		case err == nil:
			winners++
		case !errors.Is(err, session.ErrExists):
			t.Errorf("Begin = %v, want %v", err, session.ErrExists)
		}
	}
	if winners != 1 {
		t.Errorf("%d sessions began with one id", winners)
	}
}

func sessionTextsAreBytes(t *testing.T, s session.Store) {
	for i, text := range awkward {
		want := begun(i, uuidAt(start))
		want.ClientID = text
		want.Birth, want.LastSeen = session.Origin{IP: text, UserAgent: text}, session.Origin{IP: text, UserAgent: text}
		begin(t, s, want)
		is(t, s, fmt.Sprintf("born with %q", text), want)

		next := successor(want.Register, time.Minute)
		next.LastSeen = session.Origin{IP: text + "!", UserAgent: "!" + text}
		advances(t, s, want.ID, 1, next, true)
		want.Register = next
		is(t, s, fmt.Sprintf("refreshed with %q", text), want)

		want.Tombstone = session.Tombstone{At: after(time.Hour), Reason: session.Reason(text), By: text}
		if did, err := s.Revoke(t.Context(), want.ID, want.Tombstone); !did || err != nil {
			t.Errorf("Revoke with %q = %v, %v", text, did, err)
		}
		is(t, s, fmt.Sprintf("revoked with %q", text), want)
	}
}

func sessionsAreFoundTogether(t *testing.T, s session.Store) {
	const n = 300
	var all []session.Session
	for i := range n {
		all = append(all, begun(i, uuidAt(start)))
	}
	for _, err := range together(n, func(i int) error { return s.Begin(t.Context(), all[i]) }) {
		ok(t, "begin", err)
	}
	type finding struct {
		found session.Session
		err   error
	}
	// Four times each, with a stranger among every five.
	for i, f := range together(5*n, func(i int) finding {
		id := newID()
		if i%5 != 0 {
			id = all[i%n].ID
		}
		found, err := s.Find(t.Context(), id)
		return finding{found, err}
	}) {
		if i%5 == 0 {
			if !errors.Is(f.err, session.ErrNotFound) {
				t.Errorf("a stranger: %v, want %v", f.err, session.ErrNotFound)
			}
			continue
		}
		ok(t, "find", f.err)
		same(t, "the session", f.found, all[i%n])
	}
}

func sessionVerbsHonourTheContext(t *testing.T, s session.Store) {
	ctx := cancelled(t)
	begun := begun(0, uuidAt(start))
	for verb, err := range map[string]error{
		"Begin":        s.Begin(ctx, begun),
		"Find":         second(s.Find(ctx, begun.ID)),
		"Advance":      second(s.Advance(ctx, begun.ID, 1, begun.Register)),
		"Revoke":       second(s.Revoke(ctx, begun.ID, session.Tombstone{At: start})),
		"RevokeUser":   second(s.RevokeUser(ctx, begun.UserID, session.ID{}, session.Tombstone{At: start})),
		"ByUser":       second(s.ByUser(ctx, begun.UserID, start)),
		"RevokedSince": second(s.RevokedSince(ctx, start)),
		"List":         second(s.List(ctx, session.Query{})),
		"Count":        second(s.Count(ctx, start)),
		"Forget":       second(s.Forget(ctx, start, 1)),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want %v", verb, err, context.Canceled)
		}
	}
	if all, err := s.List(t.Context(), session.Query{}); len(all) != 0 || err != nil {
		t.Errorf("afterwards List = %v, %v", all, err)
	}
}

func sortIDs(ids []session.ID) []session.ID {
	return slices.SortedFunc(slices.Values(ids), func(a, b session.ID) int { return bytes.Compare(a[:], b[:]) })
}

func sortNewest(events []audit.Event) {
	slices.SortFunc(events, func(a, b audit.Event) int { return bytes.Compare(b.ID[:], a.ID[:]) })
}

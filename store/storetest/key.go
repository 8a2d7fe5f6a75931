package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/signing"
)

// Keys tests a signing.Store.
func Keys(t *testing.T, open func(t testing.TB) signing.Store) {
	each(t, open, map[string]func(*testing.T, signing.Store){
		"keys come back in the order of their numbers": keysAreOrdered,
		"a number and an id are taken once":            keyIsTakenOnce,
		"of many nodes that add one number one does":   keyHasOneWinner,
		"a key is retired and revoked once":            keyIsStampedOnce,
		"a removed key is gone":                        keyIsRemoved,
		"what went in and came out is a copy":          keysAreCopies,
		"key ids are compared byte by byte":            keyIDsAreBytes,
		"an ended context ends the verb":               keyVerbsHonourTheContext,
	})
}

func keyNumber(n int) signing.Record {
	return signing.Record{
		Number:    n,
		ID:        fmt.Sprintf("key-%d", n),
		Algorithm: "ES256",
		Public:    []byte{0, 1, 2, 0xff, byte(n)},
		Sealed:    []byte{0xff, 0, byte(n)},
		CreatedAt: after(time.Duration(n) * time.Hour),
		ActiveAt:  after(time.Duration(n)*time.Hour + time.Microsecond),
	}
}

func holds(t testing.TB, s signing.Store, what string, want ...signing.Record) {
	t.Helper()
	got, err := s.Keys(t.Context())
	ok(t, "read the keys", err)
	same(t, what, got, want)
	for _, r := range got {
		utc(t, r.CreatedAt, r.ActiveAt, r.RetiredAt, r.RevokedAt)
	}
}

func keysAreOrdered(t *testing.T, s signing.Store) {
	holds(t, s, "at first")
	gone := keyNumber(3)
	gone.RetiredAt, gone.RevokedAt, gone.Sealed = after(time.Hour), after(time.Minute), nil
	for _, r := range []signing.Record{keyNumber(2), keyNumber(10), gone, keyNumber(1)} {
		ok(t, "add", s.Add(t.Context(), r))
	}
	holds(t, s, "all keys", keyNumber(1), keyNumber(2), gone, keyNumber(10))
}

func keyIsTakenOnce(t *testing.T, s signing.Store) {
	ok(t, "add", s.Add(t.Context(), keyNumber(1)))
	sameNumber, sameID := keyNumber(1), keyNumber(2)
	sameNumber.ID, sameID.ID = "other", "key-1"
	for what, r := range map[string]signing.Record{"number": sameNumber, "id": sameID, "record": keyNumber(1)} {
		if err := s.Add(t.Context(), r); !errors.Is(err, signing.ErrTaken) {
			t.Errorf("the same %s: %v, want %v", what, err, signing.ErrTaken)
		}
	}
	holds(t, s, "afterwards", keyNumber(1))
}

func keyHasOneWinner(t *testing.T, s signing.Store) {
	winners := 0
	for _, err := range together(20, func(i int) error {
		r := keyNumber(1)
		r.ID = fmt.Sprintf("by node %d", i)
		return s.Add(t.Context(), r)
	}) {
		switch {
		case err == nil:
			winners++
		case !errors.Is(err, signing.ErrTaken):
			t.Errorf("Add = %v, want %v", err, signing.ErrTaken)
		}
	}
	if winners != 1 {
		t.Errorf("%d nodes added number 1", winners)
	}
}

func keyIsStampedOnce(t *testing.T, s signing.Store) {
	want := keyNumber(1)
	ok(t, "add", s.Add(t.Context(), want))
	ok(t, "add", s.Add(t.Context(), keyNumber(2)))
	want.RetiredAt = after(time.Hour)
	for _, at := range []time.Time{want.RetiredAt, after(2 * time.Hour), after(0)} {
		ok(t, "retire", s.Retire(t.Context(), want.ID, at))
		holds(t, s, "after it was retired", want, keyNumber(2))
	}
	want.RevokedAt = after(3 * time.Hour)
	for _, at := range []time.Time{want.RevokedAt, after(4 * time.Hour), after(0)} {
		ok(t, "revoke", s.Revoke(t.Context(), want.ID, at))
		holds(t, s, "after it was revoked", want, keyNumber(2))
	}
	ok(t, "retire an unknown key", s.Retire(t.Context(), "unknown", start))
	ok(t, "revoke an unknown key", s.Revoke(t.Context(), "unknown", start))
	holds(t, s, "in the end", want, keyNumber(2))
}

func keyIsRemoved(t *testing.T, s signing.Store) {
	for n := range 3 {
		ok(t, "add", s.Add(t.Context(), keyNumber(n+1)))
	}
	for range 2 { // the second time it is unknown
		ok(t, "remove", s.Remove(t.Context(), "key-2"))
		holds(t, s, "afterwards", keyNumber(1), keyNumber(3))
	}
	ok(t, "add again", s.Add(t.Context(), keyNumber(2)))
}

func keysAreCopies(t *testing.T, s signing.Store) {
	given := keyNumber(1)
	ok(t, "add", s.Add(t.Context(), given))
	given.Public[0], given.Sealed[0] = 99, 99
	got, err := s.Keys(t.Context())
	ok(t, "read", err)
	got[0].Public[0], got[0].Sealed[0] = 98, 98
	holds(t, s, "after both copies changed", keyNumber(1))
}

func keyIDsAreBytes(t *testing.T, s signing.Store) {
	var want []signing.Record
	for i, name := range awkward {
		r := keyNumber(i + 1)
		r.ID, r.Algorithm = name, name
		ok(t, fmt.Sprintf("add %q", name), s.Add(t.Context(), r))
		want = append(want, r)
	}
	holds(t, s, "all of them", want...)
	for i, name := range awkward {
		want[i].RetiredAt = after(time.Duration(i) * time.Hour)
		ok(t, "retire", s.Retire(t.Context(), name, want[i].RetiredAt))
	}
	holds(t, s, "each retired at its own time", want...)
}

func keyVerbsHonourTheContext(t *testing.T, s signing.Store) {
	ctx := cancelled(t)
	for verb, err := range map[string]error{
		"Keys":   second(s.Keys(ctx)),
		"Add":    s.Add(ctx, keyNumber(1)),
		"Retire": s.Retire(ctx, "key-1", start),
		"Revoke": s.Revoke(ctx, "key-1", start),
		"Remove": s.Remove(ctx, "key-1"),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want %v", verb, err, context.Canceled)
		}
	}
	holds(t, s, "afterwards")
}

package redisstore_test

import (
	"testing"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// What names another user's session in a user's index gives no power over it.
func TestAnIndexIsNotBelieved(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, address string) {
		address = empty(t, address)
		s := connect(t, address)
		ada, bob := account.ID{0xad}, account.ID{0xb0}
		one := birth(ada)
		if err := s.Begin(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		client := raw(t, address)
		defer client.Close()
		for _, id := range []session.ID{one.ID, {7}} { // another's, and one that does not exist
			add := client.B().Zadd().Key(prefixOf(t, address)+"u:"+string(bob[:])).ScoreMember().
				ScoreMember(float64(one.ExpiresAt.UnixMicro()), string(id[:])).Build()
			if err := client.Do(t.Context(), add).Error(); err != nil {
				t.Fatal(err)
			}
		}
		if found, err := s.ByUser(t.Context(), bob, one.CreatedAt); len(found) != 0 || err != nil {
			t.Errorf("ByUser = %v, %v", found, err)
		}
		if ended, err := s.RevokeUser(t.Context(), bob, session.ID{}, session.Tombstone{At: one.CreatedAt}); len(ended) != 0 || err != nil {
			t.Errorf("RevokeUser = %v, %v", ended, err)
		}
		if found, err := s.Find(t.Context(), one.ID); err != nil || found.Revoked() {
			t.Errorf("Find = %v, %v", found.Tombstone, err)
		}
	})
}

// Whoever set the tombstone died before it was told: who asks again tells it.
func TestARevocationThatWasNotToldIsToldByTheNext(t *testing.T) {
	t.Parallel()
	eachServer(t, func(t *testing.T, address string) {
		address = empty(t, address)
		s := connect(t, address)
		one := birth(account.ID{1})
		if err := s.Begin(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		first := session.Tombstone{At: one.CreatedAt, Reason: session.SignedOut}
		revoke := func(tombstone session.Tombstone, want bool) {
			t.Helper()
			if did, err := s.Revoke(t.Context(), one.ID, tombstone); did != want || err != nil {
				t.Errorf("Revoke = %v, %v; want %v", did, err, want)
			}
		}
		revoke(first, true)
		client := raw(t, address)
		defer client.Close()
		for _, index := range []string{"{r}:at", "{r}:expires"} {
			if err := client.Do(t.Context(), client.B().Del().Key(prefixOf(t, address)+index).Build()).Error(); err != nil {
				t.Fatal(err)
			}
		}
		revoke(session.Tombstone{At: one.CreatedAt.Add(time.Hour), Reason: session.UserBlocked}, false)
		told, err := s.RevokedSince(t.Context(), one.CreatedAt)
		if err != nil || len(told) != 1 || told[0] != (session.Revocation{Session: one.ID, At: first.At}) {
			t.Errorf("RevokedSince = %v, %v", told, err)
		}
	})
}

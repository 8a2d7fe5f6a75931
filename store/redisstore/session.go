package redisstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/batch"
	"github.com/watchwordauth/watchword/session"
)

// lingers is how long the key of a session that has reached its end stays.
const lingers = time.Hour

// Begin implements session.Store.
func (s *Store) Begin(ctx context.Context, new session.Session) error {
	value, err := packSession(new)
	if err != nil {
		return s.fault(ctx, err)
	}
	s.horizon.see(new.ExpiresAt)
	// How long it lives by its own times, not when it ends: Redis' clock may be wrong.
	life := max(new.ExpiresAt.Sub(new.CreatedAt), 0) + lingers
	did, err := detached(ctx, s, func(ctx context.Context) (bool, error) {
		err := enlistScript.Exec(ctx, s.client, []string{s.userKey(new.UserID)}, []string{
			string(new.ID[:]), score(new.ExpiresAt), score(new.CreatedAt.Add(-48 * time.Hour)), strconv.FormatInt(life.Milliseconds(), 10),
		}).Error()
		if err != nil {
			return false, err
		}
		err = s.client.Do(ctx, s.client.B().Set().Key(s.sessionKey(new.ID)).Value(rueidis.BinaryString(value)).
			Nx().PxMilliseconds(life.Milliseconds()).Build()).Error()
		if rueidis.IsRedisNil(err) {
			return false, nil
		}
		if err == nil && new.Revoked() {
			err = s.tell(ctx, new.ID, new.Tombstone.At, new.ExpiresAt)
		}
		return true, err
	})
	if err == nil && !did {
		return session.ErrExists
	}
	return s.fault(ctx, err)
}

// Find implements session.Store.
func (s *Store) Find(ctx context.Context, id session.ID) (session.Session, error) {
	value, err := detached(ctx, s, func(ctx context.Context) (string, error) {
		return s.client.Do(ctx, s.client.B().Get().Key(s.sessionKey(id)).Build()).ToString()
	})
	switch {
	case rueidis.IsRedisNil(err):
		return session.Session{}, session.ErrNotFound
	case err != nil:
		return session.Session{}, s.fault(ctx, err)
	}
	found, err := unpackSession(id, value)
	return found, s.fault(ctx, err)
}

// Advance implements session.Store.
func (s *Store) Advance(ctx context.Context, id session.ID, from uint64, next session.Register) (bool, error) {
	if next.Generation < from {
		return false, ctx.Err() // a register never goes back
	}
	p, err := packRegister(next)
	if err != nil {
		return false, s.fault(ctx, err)
	}
	was := binary.BigEndian.AppendUint64(nil, from)
	won, err := detached(ctx, s, func(ctx context.Context) (int64, error) {
		return advanceScript.Exec(ctx, s.client, []string{s.sessionKey(id)}, []string{
			rueidis.BinaryString(was), rueidis.BinaryString(p.moving), rueidis.BinaryString(p.core), p.ip, p.agent,
		}).AsInt64()
	})
	return won == 1, s.fault(ctx, err)
}

// Revoke implements session.Store.
func (s *Store) Revoke(ctx context.Context, id session.ID, t session.Tombstone) (bool, error) {
	return s.revoke(ctx, id, account.ID{}, t)
}

// RevokeUser implements session.Store. A session that was ended before an error is
// not named by the call that is tried again.
func (s *Store) RevokeUser(ctx context.Context, user account.ID, except session.ID, t session.Tombstone) ([]session.ID, error) {
	ids, err := s.ofUser(ctx, user)
	if err != nil {
		return nil, err
	}
	ids = slices.DeleteFunc(ids, func(id session.ID) bool { return id == except })
	did, err := batch.Each(ids, func(id session.ID) (bool, error) { return s.revoke(ctx, id, user, t) })
	if err != nil {
		return nil, err
	}
	var ended []session.ID
	for i, id := range ids {
		if did[i] {
			ended = append(ended, id)
		}
	}
	return ended, nil
}

// revoke ends a session, if it is the user's (zero: anybody's).
func (s *Store) revoke(ctx context.Context, id session.ID, user account.ID, t session.Tombstone) (bool, error) {
	if len(t.Reason) > maxText || len(t.By) > maxText {
		return false, s.fault(ctx, errText)
	}
	owner := ""
	if !user.IsZero() {
		owner = string(user[:])
	}
	did, err := detached(ctx, s, func(ctx context.Context) (bool, error) {
		answer, err := revokeScript.Exec(ctx, s.client, []string{s.sessionKey(id)}, []string{rueidis.BinaryString(packTombstone(t)), owner}).ToArray()
		if err != nil || len(answer) < 2 {
			return false, err
		}
		did, err := answer[0].AsInt64()
		if err != nil {
			return false, err
		}
		value, err := answer[1].ToString()
		if err != nil {
			return false, err
		}
		if did == 1 {
			r := reader{rest: value}
			return true, s.tell(ctx, id, t.At, r.time())
		}
		// It had ended: but whoever ended it may have failed to tell.
		ended, err := unpackSession(id, value)
		if err != nil {
			return false, err
		}
		return false, s.tell(ctx, id, ended.Tombstone.At, ended.ExpiresAt)
	})
	return did && err == nil, s.fault(ctx, err)
}

// tell puts a session into the index of revocations.
func (s *Store) tell(ctx context.Context, id session.ID, at, expires time.Time) error {
	add := func(key string, moment time.Time) rueidis.Completed {
		return s.client.B().Zadd().Key(key).ScoreMember().ScoreMember(float64(moment.UnixMicro()), string(id[:])).Build()
	}
	for _, answer := range s.client.DoMulti(ctx, add(s.revokedByTime, at), add(s.revokedByExpiry, expires)) {
		if err := answer.Error(); err != nil {
			return err
		}
	}
	return nil
}

// ByUser implements session.Store.
func (s *Store) ByUser(ctx context.Context, user account.ID, now time.Time) ([]session.Session, error) {
	all, err := s.allOfUser(ctx, user)
	if err != nil {
		return nil, err
	}
	now = fromMicros(now.UnixMicro())
	live := slices.DeleteFunc(all, func(one session.Session) bool {
		_, ended := one.EndedBy(now)
		return ended
	})
	slices.SortFunc(live, newer)
	return live, nil
}

// RevokedSince implements session.Store.
func (s *Store) RevokedSince(ctx context.Context, at time.Time) ([]session.Revocation, error) {
	told, err := detached(ctx, s, func(ctx context.Context) ([]rueidis.ZScore, error) {
		return s.client.Do(ctx, s.client.B().Zrange().Key(s.revokedByTime).Min(score(at)).Max("+inf").Byscore().Withscores().Build()).AsZScores()
	})
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	var list []session.Revocation
	for _, one := range told {
		if id, ok := asID(one.Member); ok {
			list = append(list, session.Revocation{Session: id, At: fromMicros(int64(one.Score))})
		}
	}
	return list, nil
}

// ofUser is the ids in a user's index. Some may exist no longer, or not yet.
func (s *Store) ofUser(ctx context.Context, user account.ID) ([]session.ID, error) {
	members, err := detached(ctx, s, func(ctx context.Context) ([]string, error) {
		return s.client.Do(ctx, s.client.B().Zrange().Key(s.userKey(user)).Min("0").Max("-1").Build()).AsStrSlice()
	})
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	ids := make([]session.ID, 0, len(members))
	for _, member := range members {
		if id, ok := asID(member); ok {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// allOfUser is a user's sessions, ended or not.
func (s *Store) allOfUser(ctx context.Context, user account.ID) ([]session.Session, error) {
	ids, err := s.ofUser(ctx, user)
	if err != nil {
		return nil, err
	}
	var all []session.Session
	for chunk := range slices.Chunk(ids, chunkSize) {
		sessions, err := s.fetch(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for _, one := range sessions {
			if one.UserID == user {
				all = append(all, one)
			}
		}
	}
	return all, nil
}

// newer orders sessions by their birth, the newest first.
func newer(a, b session.Session) int {
	if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
		return c
	}
	return bytes.Compare(b.ID[:], a.ID[:])
}

func (s *Store) sessionKey(id session.ID) string { return s.prefix + "s:" + string(id[:]) }

func (s *Store) userKey(user account.ID) string { return s.prefix + "u:" + string(user[:]) }

// score is a time as a number of a sorted set: exact until the year 2255.
func score(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }

func asID(member string) (id session.ID, ok bool) {
	return id, len(member) == copy(id[:], member) && len(member) == len(id)
}

package redisstore

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/watchwordauth/watchword/session"
)

const (
	chunkSize = 500  // keys in one pipeline
	scanSize  = 1000 // keys that one step of a scan looks at: Redis stops for half a millisecond
)

// List implements session.Store. Unless the query names a user it reads every session.
func (s *Store) List(ctx context.Context, q session.Query) ([]session.Session, error) {
	alive, before, limit := fromMicros(q.Alive.UnixMicro()), fromMicros(q.Before.UnixMicro()), page(q.Limit)
	matches := func(one session.Session) bool {
		_, ended := one.EndedBy(alive)
		return (q.User.IsZero() || one.UserID == q.User) &&
			(q.Alive.IsZero() || !ended) &&
			(q.Before.IsZero() || one.CreatedAt.Before(before))
	}
	if !q.User.IsZero() {
		all, err := s.allOfUser(ctx, q.User)
		if err != nil {
			return nil, err
		}
		all = slices.DeleteFunc(all, func(one session.Session) bool { return !matches(one) })
		slices.SortFunc(all, newer)
		return all[:min(len(all), limit)], nil
	}
	var list []session.Session
	cut := func() {
		slices.SortFunc(list, newer)
		list = slices.CompactFunc(list, func(a, b session.Session) bool { return a.ID == b.ID }) // a scan may see one twice
		list = slices.Clip(list[:min(len(list), limit)])
	}
	err := s.scan(ctx, func(ids []session.ID) error {
		sessions, err := s.fetch(ctx, ids)
		for _, one := range sessions {
			if matches(one) {
				list = append(list, one)
			}
		}
		if len(list) > limit+10*scanSize {
			cut()
		}
		return err
	})
	cut()
	if err != nil {
		return nil, err
	}
	return list, nil
}

// Count implements session.Store. It reads the beginning of every session: a million
// take a few seconds.
func (s *Store) Count(ctx context.Context, now time.Time) (int, error) {
	now = fromMicros(now.UnixMicro())
	n := 0
	err := s.scan(ctx, func(ids []session.ID) error {
		heads, err := s.heads(ctx, ids)
		for _, h := range heads {
			if !h.ended && now.Before(h.expires) && now.Before(h.idleUntil) {
				n++
			}
		}
		return err
	})
	return n, err
}

// Forget implements session.Store. Redis itself drops sessions an hour after their
// end, so that as a rule there are none to be found: every key is read only if some may
// have expired since that was done last.
func (s *Store) Forget(ctx context.Context, before time.Time, limit int) (int, error) {
	before = fromMicros(before.UnixMicro())
	if err := s.untell(ctx, before, limit); err != nil {
		return 0, err
	}
	s.forgetting.Lock() // one at a time: see horizon
	defer s.forgetting.Unlock()
	if s.horizon.clear(before) {
		return 0, ctx.Err()
	}
	s.horizon.look()
	n := 0
	err := s.scan(ctx, func(ids []session.ID) error {
		heads, err := s.heads(ctx, ids)
		if err != nil {
			return err
		}
		for id, h := range heads {
			switch {
			case !h.expires.Before(before):
				s.horizon.see(h.expires)
			case n >= limit:
				return errEnough
			default:
				did, err := s.remove(ctx, id)
				if err != nil {
					return err
				}
				n += did
			}
		}
		return nil
	})
	if err == errEnough {
		return n, nil
	}
	if err == nil {
		s.horizon.seen()
	}
	return n, err
}

// errEnough ends a scan early.
var errEnough = errors.New("enough")

// untell removes expired sessions from the index of revocations.
func (s *Store) untell(ctx context.Context, before time.Time, limit int) error {
	if limit <= 0 {
		return ctx.Err()
	}
	_, err := detached(ctx, s, func(ctx context.Context) (struct{}, error) {
		members, err := s.client.Do(ctx, s.client.B().Zrange().Key(s.revokedByExpiry).Min("-inf").Max("("+score(before)).
			Byscore().Limit(0, int64(max(limit, chunkSize))).Build()).AsStrSlice()
		for chunk := range slices.Chunk(members, chunkSize) {
			// From the index by which they are found they go last.
			for _, index := range []string{s.revokedByTime, s.revokedByExpiry} {
				if err == nil {
					err = s.client.Do(ctx, s.client.B().Zrem().Key(index).Member(chunk...).Build()).Error()
				}
			}
		}
		return struct{}{}, err
	})
	return s.fault(ctx, err)
}

// remove removes a session; what names it in its user's index goes by itself.
func (s *Store) remove(ctx context.Context, id session.ID) (int, error) {
	n, err := detached(ctx, s, func(ctx context.Context) (int64, error) {
		return s.client.Do(ctx, s.client.B().Del().Key(s.sessionKey(id)).Build()).AsInt64()
	})
	return int(n), s.fault(ctx, err)
}

// scan calls visit with the ids of all sessions, some at a time. One that is
// there all the time is among them, unless a slot moves; one may be told twice.
func (s *Store) scan(ctx context.Context, visit func(ids []session.ID) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	nodes, err := s.primaries(ctx)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		for cursor := uint64(0); ; {
			entry, err := s.scanStep(ctx, node, cursor)
			if err != nil {
				return s.fault(ctx, err)
			}
			var ids []session.ID
			for _, key := range entry.Elements {
				if id, ok := asID(strings.TrimPrefix(key, s.prefix+"s:")); ok {
					ids = append(ids, id)
				}
			}
			if len(ids) > 0 {
				if err := visit(ids); err != nil {
					return err
				}
			}
			if cursor = entry.Cursor; cursor == 0 {
				break
			}
		}
	}
	return nil
}

func (s *Store) scanStep(ctx context.Context, node rueidis.Client, cursor uint64) (rueidis.ScanEntry, error) {
	return detached(ctx, s, func(ctx context.Context) (rueidis.ScanEntry, error) {
		return node.Do(ctx, node.B().Scan().Cursor(cursor).Match(s.prefix+"s:*").Count(scanSize).Build()).AsScanEntry()
	})
}

// primaries are the servers that hold sessions. A replica that is away is no matter.
func (s *Store) primaries(ctx context.Context) ([]rueidis.Client, error) {
	var primaries, there []rueidis.Client
	away := map[string]error{}
	for address, node := range s.client.Nodes() {
		role, err := detached(ctx, s, func(ctx context.Context) (string, error) {
			answer, err := node.Do(ctx, node.B().Role().Build()).ToArray()
			if err != nil || len(answer) == 0 {
				return "", err
			}
			return answer[0].ToString()
		})
		if err != nil {
			away[address] = err
			continue
		}
		there = append(there, node)
		if role == "master" {
			primaries = append(primaries, node)
		}
	}
	for address, err := range away {
		if len(there) == 0 || !s.isReplica(ctx, there[0], address) {
			return nil, s.fault(ctx, err)
		}
	}
	return primaries, nil
}

// isReplica asks a node of a Cluster what it knows of another.
func (s *Store) isReplica(ctx context.Context, node rueidis.Client, address string) bool {
	text, err := detached(ctx, s, func(ctx context.Context) (string, error) {
		return node.Do(ctx, node.B().ClusterNodes().Build()).ToString()
	})
	if err != nil {
		return false
	}
	for line := range strings.Lines(text) { // id address@port,name flags …
		if fields := strings.Fields(line); len(fields) > 2 && strings.HasPrefix(fields[1], address+"@") {
			return strings.Contains(fields[2], "slave")
		}
	}
	return false
}

// fetch reads sessions by their ids; those that are not there are left out.
func (s *Store) fetch(ctx context.Context, ids []session.ID) ([]session.Session, error) {
	var list []session.Session
	err := s.each(ctx, ids, func(id session.ID) rueidis.Completed {
		return s.client.B().Get().Key(s.sessionKey(id)).Build()
	}, func(id session.ID, value string) error {
		one, err := unpackSession(id, value)
		list = append(list, one)
		return err
	})
	return list, err
}

// heads reads the beginnings of sessions.
func (s *Store) heads(ctx context.Context, ids []session.ID) (map[session.ID]head, error) {
	found := make(map[session.ID]head, len(ids))
	err := s.each(ctx, ids, func(id session.ID) rueidis.Completed {
		return s.client.B().Getrange().Key(s.sessionKey(id)).Start(0).End(offLengths - 1).Build()
	}, func(id session.ID, value string) error {
		if value == "" {
			return nil
		}
		h, err := unpackHead(value)
		found[id] = h
		return err
	})
	return found, err
}

// each executes a command for every id in one pipeline, and takes the answers that are not nil.
func (s *Store) each(ctx context.Context, ids []session.ID, command func(session.ID) rueidis.Completed, take func(session.ID, string) error) error {
	commands := make(rueidis.Commands, len(ids))
	for i, id := range ids {
		commands[i] = command(id)
	}
	answers, err := detached(ctx, s, func(ctx context.Context) ([]rueidis.RedisResult, error) {
		return s.client.DoMulti(ctx, commands...), nil
	})
	if err != nil {
		return s.fault(ctx, err)
	}
	for i, answer := range answers {
		value, err := answer.ToString()
		if rueidis.IsRedisNil(err) {
			continue
		}
		if err == nil {
			err = take(ids[i], value)
		}
		if err != nil {
			return s.fault(ctx, err)
		}
	}
	return nil
}

// page is how many sessions a query with this limit may return.
func page(limit int) int {
	switch {
	case limit <= 0:
		return 50
	case limit > 1000:
		return 1000
	}
	return limit
}

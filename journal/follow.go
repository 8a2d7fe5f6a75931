package journal

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/store"
)

const (
	// FollowEvery is how often Follow looks for what is in the store and not in the journal.
	FollowEvery = 2 * time.Second

	// lookBack is how much earlier than the last look a fact may be dated that
	// the last look did not see: by a commit that took its time, by a clock that is late.
	lookBack = time.Minute

	// markEvery is how often the journal says how far it has come. From the last
	// mark on it is compared with the store at a start.
	markEvery = 10 * time.Minute
)

// Begin makes the journal ready for a process that stays: it merges the files that
// nobody writes any more, drops what no restore needs, and catches up with the stores.
// They are those beneath Keep.
func (j *Journal) Begin(ctx context.Context, set store.Set) error {
	if err := j.prepare(); err != nil {
		return fmt.Errorf("open the revocation journal: %w", err)
	}
	if OthersMayWrite(j.folder) {
		j.logger.Warn("everybody on this machine may write the revocation journal, and who does can make themselves an administrator at the next restore; chmod 700", "folder", j.folder)
	}
	if err := j.tidy(); err != nil {
		return fmt.Errorf("tidy the revocation journal: %w", err)
	}
	if err := j.CatchUp(ctx, set); err != nil {
		return fmt.Errorf("catch up with the store: %w", err)
	}
	return nil
}

// Follow keeps the journal up with the stores until the context ends: with what this
// process failed to record, and with what other processes end that have no journal.
func (j *Journal) Follow(ctx context.Context, set store.Set) {
	ticker := time.NewTicker(FollowEvery)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := j.CatchUp(ctx, set)
		if err != nil && ctx.Err() == nil && !failing {
			if j.Check() != nil {
				j.logger.Error("the revocation journal is behind: revocations take effect, but requests for them fail", "error", err)
			} else {
				j.logger.Error("the revocation journal cannot be compared with the store; what this node ends is recorded", "error", err)
			}
		}
		if err == nil && failing {
			j.logger.Info("the revocation journal has caught up")
		}
		failing = err != nil
	}
}

// CatchUp records what is in the stores and not in the journal. Then the journal is
// not behind any more.
func (j *Journal) CatchUp(ctx context.Context, set store.Set) error {
	j.mu.Lock()
	started := j.now().UTC()
	failures, since := j.failures, j.caughtUp.Add(-lookBack)
	mark := started.Sub(j.marked) >= markEvery
	j.mu.Unlock()

	missing, err := j.missing(ctx, set, since)
	if err != nil {
		return err
	}
	if mark {
		missing = append(missing, Record{Kind: marked, At: started})
	}
	for chunk := range slices.Chunk(missing, page) {
		if _, err := j.gather.Do(ctx, chunk); err != nil {
			return err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if mark {
		j.marked = started
	}
	if j.failures == failures { // none since what we read
		j.behind, j.caughtUp = nil, started
		j.seen.forget(started.Add(-2 * lookBack))
	}
	return nil
}

// page is how many events are read, or records written, at once.
const page = 500

// missing finds what is to be recorded, and is not.
func (j *Journal) missing(ctx context.Context, set store.Set, since time.Time) ([]Record, error) {
	sessions, err := set.Sessions.RevokedSince(ctx, since)
	if err != nil {
		return nil, fmt.Errorf("read revoked sessions: %w", err)
	}
	users, err := set.Users.EpochsSince(ctx, since)
	if err != nil {
		return nil, fmt.Errorf("read raised epochs: %w", err)
	}
	revoked, err := set.Keys.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the signing keys: %w", err)
	}
	records, err := passwordsSince(ctx, set.Events, since)
	if err != nil {
		return nil, err
	}
	for _, r := range sessions {
		records = append(records, Record{Kind: SessionEnded, At: r.At, Session: r.Session})
	}
	for _, c := range users {
		records = append(records, Record{Kind: UserChanged, At: c.At, User: c.User, Epoch: c.Epoch})
	}
	for _, k := range revoked {
		if !k.RevokedAt.IsZero() {
			records = append(records, Record{Kind: KeyRevoked, At: k.RevokedAt, Key: k.ID})
		}
	}
	j.mu.Lock()
	records = slices.DeleteFunc(records, j.seen.has)
	j.mu.Unlock()
	for i, r := range records {
		if records[i], err = whole(ctx, set, r); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(records, func(r Record) bool { return r.Kind == "" }), nil
}

// passwordsSince finds changes of passwords, which only the events tell.
func passwordsSince(ctx context.Context, events audit.Store, since time.Time) ([]Record, error) {
	var records []Record
	for before := (uuid.UUID{}); ; {
		list, err := events.Events(ctx, audit.Query{Type: audit.UserPasswordChanged, Since: since, Before: before, Limit: page})
		if err != nil {
			return nil, fmt.Errorf("read changes of passwords: %w", err)
		}
		for _, e := range list {
			before = e.ID
			if id, err := account.ParseID(e.User); err == nil {
				records = append(records, Record{Kind: PasswordChanged, At: e.At, User: id})
			}
		}
		if len(list) < page {
			return records, nil
		}
	}
}

// whole adds to a record what the store has to say; to one that is about nobody, nothing
// remains.
func whole(ctx context.Context, set store.Set, r Record) (Record, error) {
	switch r.Kind {
	case SessionEnded:
		s, err := set.Sessions.Find(ctx, r.Session)
		if errors.Is(err, session.ErrNotFound) {
			return Record{}, nil // forgotten, long after its end
		}
		if err != nil {
			return Record{}, fmt.Errorf("find a revoked session: %w", err)
		}
		r.At, r.Reason, r.By = s.Tombstone.At, s.Tombstone.Reason, s.Tombstone.By
	case UserChanged, PasswordChanged:
		u, err := set.Users.Find(ctx, r.User)
		if errors.Is(err, account.ErrNotFound) {
			return Record{}, nil
		}
		if err != nil {
			return Record{}, fmt.Errorf("find a changed user: %w", err)
		}
		switch {
		case r.Kind == UserChanged:
			r = changed(u)
		case !u.EpochAt.After(r.At) && r.At.Sub(u.EpochAt) <= EventDelay:
			r.At, r.Epoch = u.EpochAt, u.Epoch // the change that the event tells of
		}
	}
	return r, nil
}

// tidy makes one file of those that nobody writes any more, without what no restore
// needs, and remembers what is in the journal of late.
func (j *Journal) tidy() error {
	now := j.now().UTC()
	all, err := Read(j.folder)
	if err != nil {
		return err
	}
	for _, damage := range all.Broken {
		j.logger.Error("a revocation journal is damaged; it is left as it is, for 'watchword restore' to tell", "where", damage)
	}
	if err := j.merge(now); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	switch {
	case !all.Marked.IsZero():
		j.caughtUp = all.Marked
	case !all.Since.IsZero():
		j.caughtUp = all.Since
	default:
		j.caughtUp = now
	}
	for _, r := range all.Records {
		if !r.At.Before(j.caughtUp.Add(-2 * lookBack)) {
			j.seen.add(r)
		}
	}
	return nil
}

// worthwhile is from how many dropped records on a file is written anew.
const worthwhile = 1000

// merge takes the files that nobody writes. The new one is on the disk before the
// old ones go, so that a crash in between leaves some records twice, and none missing.
func (j *Journal) merge(now time.Time) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	names, err := names(j.folder)
	if err != nil {
		return err
	}
	var claimed []*file
	defer func() {
		for _, f := range claimed {
			f.Close()
		}
	}()
	union := Contents{keep: j.keep}
	var only scan
	for _, name := range names {
		f, err := claim(name)
		if err != nil {
			return err
		}
		if f == nil {
			continue
		}
		s, err := scanFile(f, true)
		if err != nil {
			f.Close()
			return err
		}
		if s.broken != nil {
			f.Close()
			continue
		}
		claimed = append(claimed, f)
		union.add(name, s)
		only = s
	}
	if len(claimed) == 0 {
		return nil // the first write makes one
	}
	before := len(union.Records)
	union.sort()
	union.compact(now)
	if len(claimed) == 1 && only.last > 0 && before-len(union.Records) < worthwhile {
		f := claimed[0]
		claimed = nil
		j.file = f
		return f.follow(only, 0)
	}
	if union.Since.IsZero() {
		union.Since = now // they hold nothing at all
	}
	records := append([]Record{{Kind: begun, At: union.Since, Keep: union.keep}}, union.Records...)
	if !union.Marked.IsZero() {
		records = append(records, Record{Kind: marked, At: union.Marked})
	}
	merged, err := makeFile(j.folder, now, records)
	if err != nil {
		return err
	}
	for _, f := range claimed {
		err = errors.Join(err, f.remove())
	}
	claimed = nil
	if err != nil {
		merged.Close()
		return err
	}
	j.file = merged
	return nil
}

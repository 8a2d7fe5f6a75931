package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/internal/batch"
	"github.com/watchwordauth/watchword/session"
)

// ErrUnavailable is wrapped by the errors of a journal that cannot be written, or that
// is behind. What was to be recorded has happened, but it is not acknowledged. An
// HTTP layer answers 503.
var ErrUnavailable error = unavailableError{}

type unavailableError struct{}

// Error implements error.
func (unavailableError) Error() string {
	return "it is done, but the revocation journal cannot be written: a restore from a backup would not know of it"
}

// Unavailable reports that trying again later may help.
func (unavailableError) Unavailable() bool { return true }

// Options are what an operator may choose.
type Options struct {
	// Keep is how long records of sessions are kept: at least as long as a session
	// may live. Default: 31 days.
	Keep time.Duration

	Now    func() time.Time // default: time.Now
	Logger *slog.Logger     // default: slog.Default
}

// Journal is a folder of journals, in one of which this process writes. It is safe
// for concurrent use.
type Journal struct {
	folder string
	keep   time.Duration
	now    func() time.Time
	logger *slog.Logger

	gather *batch.Gatherer[[]Record, struct{}]

	writing sync.Mutex
	file    *file           // nil: none yet, or it failed
	tainted map[string]bool // files that failed under our hands: what they hold is not known

	mu       sync.Mutex
	failures uint64    // writes that failed
	behind   error     // why, while some of what was done is not recorded
	caughtUp time.Time // everything that the store had then is recorded
	marked   time.Time // the last mark that was written
	seen     seen

	since atomic.Int64 // unix µs: the write under way began then; 0: there is none
}

// writeLimit is how long a write may take before who waits for it is told that the
// journal is unavailable. It goes on: a record is not given up.
const writeLimit = 10 * time.Second

// Open makes a Journal in a folder, which exists. It touches nothing before there is something to
// write, or Begin.
func Open(folder string, o Options) (*Journal, error) {
	folder, err := filepath.Abs(folder)
	if err != nil {
		return nil, fmt.Errorf("open the revocation journal: %w", err)
	}
	if o.Keep == 0 {
		o.Keep = 31 * 24 * time.Hour
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	j := &Journal{folder: folder, keep: o.Keep, now: o.Now, logger: o.Logger, tainted: make(map[string]bool), seen: newSeen()}
	j.gather = batch.New(writeLimit, j.writeAll)
	return j, nil
}

// prepare makes sure that files can be made in the folder. It does not make the folder:
// on a disk that is not mounted that would hide the mistake.
func (j *Journal) prepare() error {
	probe, err := os.CreateTemp(j.folder, ".writable-*")
	if err != nil {
		return err
	}
	probe.Close()
	return os.Remove(probe.Name())
}

// Close gives the file back.
func (j *Journal) Close() error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.file == nil {
		return nil
	}
	err := j.file.Close()
	j.file = nil
	return err
}

// Check fails if the journal is behind, or hangs.
func (j *Journal) Check() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.behind != nil {
		return j.behind
	}
	if since := j.since.Load(); since != 0 {
		if waited := time.Since(time.UnixMicro(since)); waited > writeLimit/2 {
			return fmt.Errorf("%w: a write takes %s already", ErrUnavailable, waited.Round(time.Second))
		}
	}
	return nil
}

// Write returns nil when the records, and all that this process was to write before,
// are on the disk. A record that is there already is not written again. It does not
// end with the caller's context: whoever hangs up must not leave a gap.
func (j *Journal) Write(ctx context.Context, records ...Record) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeLimit)
	defer cancel()
	j.mu.Lock()
	fresh := slices.DeleteFunc(records, j.seen.has)
	j.mu.Unlock()
	if len(fresh) > 0 {
		if _, err := j.gather.Do(ctx, fresh); err != nil {
			return unavailable(err)
		}
	}
	return j.Check()
}

func unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// writeAll is the batch behind Write.
func (j *Journal) writeAll(_ context.Context, batches [][]Record) ([]struct{}, error) {
	j.since.Store(time.Now().UnixMicro())
	defer j.since.Store(0)
	records := slices.Concat(batches...)
	err := j.append(records)
	j.mu.Lock()
	defer j.mu.Unlock()
	if err != nil {
		j.failures++
		j.behind = unavailable(err)
		return nil, j.behind
	}
	for _, r := range records {
		j.seen.add(r)
	}
	return make([]struct{}, len(batches)), nil
}

// append writes to the file, or to another if there is none or it fails.
func (j *Journal) append(records []Record) error {
	j.writing.Lock()
	defer j.writing.Unlock()
	if j.file != nil && j.file.gone() {
		j.logger.Error("the file of the revocation journal was removed, with all that it told; another begins", "file", j.file.Name())
		j.file.Close()
		j.file = nil
	}
	if j.file == nil {
		var err error
		if j.file, err = j.take(); err != nil {
			return err
		}
	}
	err := j.file.append(records)
	if err != nil {
		// After a failed fsync the disk may have less than what reads show: this
		// file is left as it is. What was acknowledged is in it.
		j.tainted[j.file.Name()] = true
		j.file.Close()
		j.file = nil
	}
	return err
}

// take adopts a file that nobody writes any more, or makes one.
func (j *Journal) take() (*file, error) {
	all, err := names(j.folder)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Backward(all) {
		if j.tainted[name] {
			continue
		}
		f, err := claim(name)
		if f == nil || err != nil {
			continue // it may be another user's
		}
		if good, err := f.adopt(); err == nil && good {
			return f, nil
		}
		f.Close()
	}
	j.logger.Info("a file of the revocation journal begins", "folder", j.folder)
	return makeFile(j.folder, j.now(), []Record{{Kind: begun, At: j.now().UTC(), Keep: j.keep}})
}

// seen is what is in the journal of late, so that it is not written twice. The rest
// is not asked for: Follow looks no further back.
type seen struct {
	sessions  map[session.ID]time.Time
	users     map[account.ID]account.EpochChange
	passwords map[account.ID]time.Time
	keys      map[string]bool
}

func newSeen() seen {
	return seen{make(map[session.ID]time.Time), make(map[account.ID]account.EpochChange), make(map[account.ID]time.Time), make(map[string]bool)}
}

func (s seen) add(r Record) {
	switch r.Kind {
	case SessionEnded:
		s.sessions[r.Session] = r.At
	case UserChanged:
		s.users[r.User] = account.EpochChange{Epoch: max(r.Epoch, s.users[r.User].Epoch), At: r.At}
	case PasswordChanged:
		s.passwords[r.User] = r.At
	case KeyRevoked:
		s.keys[r.Key] = true
	}
}

func (s seen) has(r Record) bool {
	switch r.Kind {
	case SessionEnded:
		_, known := s.sessions[r.Session]
		return known
	case UserChanged:
		return r.Epoch <= s.users[r.User].Epoch
	case PasswordChanged:
		told := s.passwords[r.User]
		if r.Epoch == 0 { // of an event
			told = told.Add(EventDelay)
		}
		return !r.At.After(told)
	case KeyRevoked:
		return s.keys[r.Key]
	}
	return false
}

// forget drops what is older.
func (s seen) forget(before time.Time) {
	for id, at := range s.sessions {
		if at.Before(before) {
			delete(s.sessions, id)
		}
	}
	for id, change := range s.users {
		if change.At.Before(before) {
			delete(s.users, id)
		}
	}
	for id, at := range s.passwords {
		if at.Before(before) {
			delete(s.passwords, id)
		}
	}
}

package account

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/internal/uuid"
)

// Imported is what became of the lines of an import.
type Imported struct {
	Lines   int // read so far, without empty ones
	Added   int // users who are new
	Present int // users who were there already, and were left as they are
	Refused int // lines that were not taken

	Refusals []LineNote // why lines were not taken: the first 1,000
	Notes    []LineNote // what was done differently from what a line says: the first 1,000
}

// LineNote is a remark on a line. It never holds a password or a hash.
type LineNote struct {
	Line int // counted from 1
	Text string
}

const (
	maxLine       = 64 * 1024 // bytes
	maxNotes      = 1000
	importBatch   = 100  // events recorded at once
	progressEvery = 1000 // lines
)

// Import adds users from JSON Lines: one object a line, with the fields
//
//	username      required
//	email         optional
//	passwordHash  required (or hash, or password): see the kinds below
//	roles         optional: names, with or without "ROLE_"; none means user
//	createdAt     optional: RFC 3339
//	blocked       optional: true or false
//
// Others are ignored. Password hashes are Argon2id, Argon2i, bcrypt or scrypt,
// with bounded costs; passwords in clear are refused. What mongoexport writes is
// taken too: {"$date": …}, and an _id that tells when the user was made. Roles
// that are references to another collection cannot be resolved: such a user gets
// the role user, and a note.
//
// Each line is taken whole or not at all, and one that is wrong does not stop the
// rest. Running an import again does no harm: a user with the same username and
// email is there already. If the store or the reader fails, the import ends with
// an error that names the line; what was added stays, and running it again goes on.
//
// Progress, if not nil, is told every 1,000 lines and at the end.
func (s *Service) Import(ctx context.Context, lines io.Reader, by Actor, progress func(Imported)) (Imported, error) {
	if progress == nil {
		progress = func(Imported) {}
	}
	run := importRun{service: s, by: by}
	defer run.flush(ctx)
	reader := bufio.NewReaderSize(lines, maxLine)
	for number := 1; ; number++ {
		line, err := readLine(reader)
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil || errors.Is(err, errLongLine) {
			err = run.take(ctx, number, line, err)
		}
		if err != nil {
			return Imported{}, fmt.Errorf("line %d: %w", number, err)
		}
		if number%progressEvery == 0 {
			progress(run.Imported)
		}
	}
	progress(run.Imported)
	return run.Imported, nil
}

// errLongLine says that a line was skipped because of its length.
var errLongLine = fmt.Errorf("the line is longer than %d bytes", maxLine)

// readLine returns the next line without its end, which holds until the next call.
func readLine(r *bufio.Reader) ([]byte, error) {
	line, more, err := r.ReadLine()
	if err != nil || !more {
		return line, err
	}
	for more {
		if _, more, err = r.ReadLine(); err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
	}
	return nil, errLongLine
}

// importRun is one import under way.
type importRun struct {
	Imported
	service *Service
	by      Actor
	events  []audit.Event
}

// take adds the user of one line, or refuses it. It fails only if the store does.
func (r *importRun) take(ctx context.Context, number int, line []byte, unread error) error {
	text := strings.TrimSpace(strings.TrimPrefix(string(line), "\ufeff"))
	if text == "" && unread == nil {
		return nil
	}
	r.Lines++
	record, err := readRecord(text)
	if unread != nil {
		err = unread
	}
	if err != nil {
		r.refuse(number, err)
		return nil
	}
	user, note, err := r.service.imported(record, r.by)
	if err != nil {
		r.refuse(number, err)
		return nil
	}
	err = r.service.config.Store.Add(ctx, user)
	switch {
	case errors.Is(err, ErrUsernameTaken) || errors.Is(err, ErrEmailTaken):
		return r.meet(ctx, number, user, err)
	case err != nil:
		return fmt.Errorf("add the user: %w", err)
	}
	r.Added++
	if note != "" && len(r.Notes) < maxNotes {
		r.Notes = append(r.Notes, LineNote{number, note})
	}
	r.events = append(r.events, audit.Event{
		Type: audit.UserCreated, User: user.ID.String(), Actor: r.by.By, IP: r.by.From.IP, UserAgent: r.by.From.UserAgent,
		Detail: map[string]string{"roles": strings.Join(user.Roles, " "), "via": "import"},
	})
	if len(r.events) == importBatch {
		r.flush(ctx)
	}
	return nil
}

// meet tells a user who is there already from another one with the same name.
func (r *importRun) meet(ctx context.Context, number int, user User, taken error) error {
	there, err := r.service.config.Store.FindByUsername(ctx, user.UsernameKey)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound):
		return fmt.Errorf("look the username up: %w", err)
	case err == nil && there.EmailKey == user.EmailKey:
		r.Present++
	default:
		r.refuse(number, fmt.Errorf("another user has it: %w", taken))
	}
	return nil
}

func (r *importRun) refuse(number int, why error) {
	r.Refused++
	if len(r.Refusals) < maxNotes {
		r.Refusals = append(r.Refusals, LineNote{number, why.Error()})
	}
}

// flush records the events of the users added since the last time.
func (r *importRun) flush(ctx context.Context) {
	if len(r.events) > 0 {
		r.service.record(ctx, r.events...)
		r.events = nil
	}
}

// imported is the user that a record describes, and a note for whoever runs the import.
func (s *Service) imported(record importRecord, by Actor) (User, string, error) {
	user := User{Username: record.Username, Email: record.Email, PasswordHash: record.hash, Epoch: 1}
	var err error
	if user.UsernameKey, err = UsernameKey(record.Username); err != nil {
		return User{}, "", err
	}
	if record.Email != "" {
		if user.EmailKey, err = EmailKey(record.Email); err != nil {
			return User{}, "", err
		}
	}
	if user.Roles, err = s.known(record.roles); err != nil {
		return User{}, "", err
	}
	if len(user.Roles) == 0 {
		user.Roles = []string{RoleUser}
	}
	var note string
	if record.references > 0 {
		note = "roles that are references to another collection cannot be resolved; the user has: " + strings.Join(user.Roles, ", ")
	}
	now := s.now()
	if record.CreatedAt.After(now) {
		return User{}, "", errors.New("createdAt is in the future")
	}
	if user.CreatedAt = record.created; user.CreatedAt.IsZero() || user.CreatedAt.After(now) {
		user.CreatedAt = now
	}
	user.ID = uuid.New(user.CreatedAt, s.config.Rand)
	if record.Blocked {
		user.Block = Block{At: now, Reason: "blocked when imported", By: by.By}
	}
	return user, note, nil
}

package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// Credentials are what outlives the program: as good as a password, until the
// session ends. The zero value: nobody is signed in.
type Credentials struct {
	RefreshToken string `json:"refreshToken"`
	RequestKey   string `json:"requestKey"` // of the refresh that presents RefreshToken; drawn with it
}

// String keeps the secrets out of what is printed.
func (Credentials) String() string { return "[credentials]" }

// GoString keeps the secrets out of what is printed.
func (Credentials) GoString() string { return "[credentials]" }

// Storage keeps the credentials of one session. Implementations are safe for
// concurrent use; several programs may share one.
type Storage interface {
	// Load returns what was saved last, or the zero value.
	Load(ctx context.Context) (Credentials, error)
	// Save replaces what is kept: whole or not at all, and durable before it returns.
	Save(ctx context.Context, c Credentials) error
	// Replace does that if old is what is kept, and reports whether it is. Of all
	// who share the storage and replace the same, exactly one succeeds. The zero
	// value of next forgets.
	Replace(ctx context.Context, old, next Credentials) (bool, error)
}

// Memory is a Storage for the program's life.
type Memory struct {
	mu   sync.Mutex
	kept Credentials
}

// NewMemory makes an empty Memory.
func NewMemory() *Memory { return &Memory{} }

// Load implements Storage.
func (m *Memory) Load(context.Context) (Credentials, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept, nil
}

// Save implements Storage.
func (m *Memory) Save(_ context.Context, c Credentials) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = c
	return nil
}

// Replace implements Storage.
func (m *Memory) Replace(_ context.Context, old, next Credentials) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.kept != old {
		return false, nil
	}
	m.kept = next
	return true, nil
}

// File is a Storage for command-line programs: a file that only its owner may
// read. Programs that share it share the session.
type File struct{ path string }

// NewFile keeps credentials at a path. Its folder is made at the first Save.
func NewFile(path string) *File { return &File{path: path} }

// Load implements Storage.
func (f *File) Load(context.Context) (Credentials, error) {
	text, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return Credentials{}, nil
	}
	if err != nil {
		return Credentials{}, fmt.Errorf("read the credentials: %w", err)
	}
	var c Credentials
	if err := json.Unmarshal(text, &c); err != nil {
		return Credentials{}, fmt.Errorf("%s does not hold credentials: remove it and sign in again", f.path)
	}
	return c, nil
}

// Save implements Storage.
func (f *File) Save(ctx context.Context, c Credentials) error {
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	return f.write(c)
}

// Replace implements Storage.
func (f *File) Replace(ctx context.Context, old, next Credentials) (bool, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return false, err
	}
	defer unlock()
	kept, err := f.Load(ctx)
	if err != nil || kept != old {
		return false, err
	}
	if next == (Credentials{}) {
		err = f.remove()
	} else {
		err = f.write(next)
	}
	return err == nil, err
}

// The lock is a file beside the credentials. It is held for a few milliseconds;
// one that is much older was left behind by a program that died.
const (
	lockPause = 5 * time.Millisecond
	lockStale = 10 * time.Second
)

// lock waits until no other program changes the file.
func (f *File) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return nil, fmt.Errorf("make the folder of the credentials: %w", err)
	}
	name := f.path + ".lock"
	for {
		held, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			held.Close()
			return func() { os.Remove(name) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("lock the credentials: %w", err)
		}
		if info, err := os.Stat(name); err == nil && time.Since(info.ModTime()) > lockStale {
			os.Remove(name)
			continue
		}
		pause := time.NewTimer(lockPause)
		select {
		case <-ctx.Done():
			pause.Stop()
			return nil, fmt.Errorf("lock the credentials: %w", ctx.Err())
		case <-pause.C:
		}
	}
}

// write puts a new file in place of the old one.
func (f *File) write(c Credentials) error {
	folder := filepath.Dir(f.path)
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode the credentials: %w", err)
	}
	// A crash leaves one of the two.
	draft, err := os.CreateTemp(folder, ".credentials-*") // mode 0600
	if err != nil {
		return fmt.Errorf("write the credentials: %w", err)
	}
	defer os.Remove(draft.Name()) // after the rename there is none
	_, err = draft.Write(text)
	err = errors.Join(err, draft.Sync(), draft.Close())
	if err == nil {
		err = os.Rename(draft.Name(), f.path)
	}
	if err != nil {
		return fmt.Errorf("write the credentials: %w", err)
	}
	return nil
}

// remove forgets. Nothing to forget is no error.
func (f *File) remove() error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the credentials: %w", err)
	}
	return nil
}

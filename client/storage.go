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
)

// Credentials are what outlives the program: as good as a password, until the
// session ends. The zero value: nobody is signed in.
type Credentials struct {
	RefreshToken string `json:"refreshToken"`
	Secret       string `json:"secret"` // makes request keys; constant for the session's life
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
	// Clear forgets. Nothing to forget is no error.
	Clear(ctx context.Context) error
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

// Clear implements Storage.
func (m *Memory) Clear(ctx context.Context) error { return m.Save(ctx, Credentials{}) }

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
func (f *File) Save(_ context.Context, c Credentials) error {
	folder := filepath.Dir(f.path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("make the folder of the credentials: %w", err)
	}
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode the credentials: %w", err)
	}
	// A new file put in place of the old one: a crash leaves one of the two.
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

// Clear implements Storage.
func (f *File) Clear(context.Context) error {
	if err := os.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the credentials: %w", err)
	}
	return nil
}

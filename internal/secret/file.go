package secret

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// ErrUnsafe is returned for a file that is not a secret any more, or not a whole
// one: others can read it, it is empty, it is damaged. It is never overwritten.
var ErrUnsafe = errors.New("unusable secret file")

// maxFile bounds what is read.
const maxFile = 64 << 10

// LoadOrCreate reads the master secret from a file; if there is none it makes
// one, with mode 0600, durable before it returns. Any number of processes may do
// so at once: all return the secret of the first.
//
// The file has one secret a line, the current one first, then old ones; empty
// lines and lines that begin with # do not count. A file that others can read,
// that is empty or that does not parse is refused with ErrUnsafe or ErrWeak, and
// left as it is: a new secret in its place would lock every key away.
func LoadOrCreate(path string) (*Master, error) {
	m, err := Load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return m, err
	}
	if err := create(path, rand.Reader); err != nil {
		return nil, fmt.Errorf("make the master secret: %w", err)
	}
	return Load(path)
}

// Load reads the master secret as LoadOrCreate does. If there is no file the
// error is fs.ErrNotExist.
func Load(path string) (*Master, error) {
	content, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("read the master secret: %w", err)
	}
	var materials [][]byte
	lines := bufio.NewScanner(bytes.NewReader(content))
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		material, err := Parse(fmt.Sprintf("%s, line %d", path, number), line)
		if err != nil {
			return nil, err
		}
		materials = append(materials, material)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read the master secret: %w: %s: %w", ErrUnsafe, path, err)
	}
	if len(materials) == 0 {
		return nil, fmt.Errorf("read the master secret: %w: %s has none in it; restore it from a backup, "+
			"or remove the file to start with a new one if no database was used with it yet", ErrUnsafe, path)
	}
	return New(materials[0], materials[1:]...)
}

// read returns the content of a file that only its owner can read.
func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for ever
		return nil, fmt.Errorf("%w: %s is not a file", ErrUnsafe, path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err = file.Stat(); err != nil {
		return nil, err
	}
	// Windows has no such bits: there the folder's access list decides.
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("%w: others can read or write %s (mode %04o); run: chmod 600 %s", ErrUnsafe, path, mode, quote(path))
	}
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > maxFile {
		return nil, fmt.Errorf("%w: %s is longer than %d bytes", ErrUnsafe, path, maxFile)
	}
	return content, nil
}

// create writes a new secret to path unless a file is there. The file appears
// whole or not at all: it is written and synced under another name, then linked,
// which fails if another process was first. A crash in between leaves a file
// whose name begins with a dot and which nobody reads.
func create(path string, random io.Reader) error {
	text, err := Generate(random)
	if err != nil {
		return err
	}
	dir := filepath.Dir(path)
	file, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if _, err := io.WriteString(file, header+text+"\n"); err != nil {
		return err
	}
	if err := file.Sync(); err != nil {
		return err
	}
	switch err := os.Link(file.Name(), path); {
	case errors.Is(err, fs.ErrExist): // and its name may not be durable yet
		return syncDir(dir)
	case err != nil:
		return fmt.Errorf("%w (does the file system have hard links? otherwise run: (umask 077; watchword secret > %s))", err, quote(path))
	}
	return syncDir(dir)
}

// header is what stands before the secret in a new file.
const header = "# Watchword's master secret. Keep a copy, apart from the database's backup.\n" +
	"# To replace it, put a new one on a line above it: the old one still opens what it sealed.\n"

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // which cannot, and need not
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// quote makes a path one word for a shell.
func quote(path string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-", r)
	}
	if strings.IndexFunc(path, func(r rune) bool { return !plain(r) }) < 0 && path != "" {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

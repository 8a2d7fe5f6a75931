package secret

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

func TestTheFirstStartMakesAFileAndTheNextReadsIt(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.secret")
	first, err := LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	second, err := LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	if first.ID() != second.ID() {
		t.Errorf("the second start has secret %s, the first %s", second.ID(), first.ID())
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("the mode is %04o", mode)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("the folder holds %v, %v; want the secret alone", entries, err)
	}
}

func TestAllWhoStartAtOnceAgree(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.secret")
	ids := make([]string, 32)
	var group sync.WaitGroup
	for i := range ids {
		group.Go(func() {
			m, err := LoadOrCreate(path)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = m.ID()
		})
	}
	group.Wait()
	for _, id := range ids {
		if id != ids[0] {
			t.Fatalf("secrets %s and %s", ids[0], id)
		}
	}
}

func TestASecondFileNeverReplacesTheFirst(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.secret")
	first, err := LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	// Another process found no file, and is late to make one.
	if err := create(path, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if second, err := Load(path); err != nil || second.ID() != first.ID() {
		t.Errorf("the secret is another one now: %v", err)
	}
}

func TestLoadMakesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.secret")
	if _, err := Load(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load = %v, want fs.ErrNotExist", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load made a file: %v", err)
	}
}

func TestOldSecretsStandBelow(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "master.secret")
	sealed := master(t, 1).Seal("p", "id", []byte("x"))
	content := "# new\n" + hex.EncodeToString(material(2)) + "\n\n  # old\r\n " + hex.EncodeToString(material(1)) + "\r\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	m, err := LoadOrCreate(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.ID(), master(t, 2).ID(); got != want {
		t.Errorf("the current secret is %s, want %s", got, want)
	}
	if _, err := m.Open("p", "id", sealed); err != nil {
		t.Errorf("the old secret does not open: %v", err)
	}
}

func TestAnUnusableFileIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	good := hex.EncodeToString(material(1)) + "\n"
	tests := map[string]struct {
		content string
		mode    fs.FileMode
		want    error
		says    string
	}{
		"empty":               {"", 0o600, ErrUnsafe, "restore it"},
		"comments alone":      {"# nothing\n", 0o600, ErrUnsafe, "restore it"},
		"zeros after a crash": {strings.Repeat("\x00", 64), 0o600, ErrWeak, "line 1"},
		"cut short":           {good[:40], 0o600, ErrWeak, "line 1"},
		"damaged":             {"\xff\xfe" + good[:20], 0o600, ErrWeak, "line 1"},
		"a weak old secret":   {good + "changeme\n", 0o600, ErrWeak, "line 2"},
		"a large file":        {strings.Repeat("#\n", maxFile), 0o600, ErrUnsafe, "longer"},
		"one endless line":    {strings.Repeat("x", maxFile), 0o600, ErrUnsafe, "too long"},
		"the group can read":  {good, 0o640, ErrUnsafe, "chmod 600 "},
		"all can read":        {good, 0o644, ErrUnsafe, "chmod 600 "},
		"all can write":       {good, 0o602, ErrUnsafe, "chmod 600 "},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.mode != 0o600 && runtime.GOOS == "windows" {
				t.Skip("no such bits")
			}
			path := filepath.Join(t.TempDir(), "master.secret")
			if err := os.WriteFile(path, []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := LoadOrCreate(path)
			if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), path) {
				t.Errorf("LoadOrCreate = %v, want %v and %q", err, tt.want, tt.says)
			}
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, []byte(tt.content)) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestAFolderIsNoSecret(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadOrCreate(dir); !errors.Is(err, ErrUnsafe) {
		t.Errorf("LoadOrCreate = %v, want ErrUnsafe", err)
	}
}

func TestAMissingFolderIsNamed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "missing", "master.secret")
	if _, err := LoadOrCreate(path); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "missing") {
		t.Errorf("LoadOrCreate = %v, want fs.ErrNotExist and the path", err)
	}
}

func TestAPathIsQuotedForTheShell(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{"data/master.secret": "data/master.secret", "my data/it's": `'my data/it'\''s'`, "": "''", "$(x)": "'$(x)'"} {
		if got := quote(path); got != want {
			t.Errorf("quote(%q) = %s, want %s", path, got, want)
		}
	}
}

package journal

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// A server that starts merges the files of a folder. Whoever reads at that moment has listed
// the old ones, which are gone, and not the new one.
func TestNothingIsMissedByWhoReadsDuringAMerge(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	others := make([]*Journal, 3)
	for i := range others {
		var err error
		if others[i], err = Open(p.folder, Options{Now: p.now}); err != nil {
			t.Fatal(err)
		}
		if err := others[i].Write(t.Context(), Record{Kind: KeyRevoked, At: p.now(), Key: string(rune('a' + i))}); err != nil {
			t.Fatal(err)
		}
	}
	for _, other := range others {
		other.Close()
	}
	merged := 0
	c, err := read(func(name string) (*os.File, error) {
		if merged++; merged == 2 { // in the midst of it
			if err := p.merge(p.now()); err != nil {
				t.Error(err)
			}
		}
		return os.Open(name)
	}, []string{p.folder})
	if err != nil || len(c.Records) != len(others) || !c.Since.Equal(noon) {
		t.Errorf("%d records since %v, %v; want %d since %v", len(c.Records), c.Since, err, len(others), noon)
	}
	if merged < 3 {
		t.Errorf("%d files were opened: nothing was read anew", merged)
	}
}

// A journal whose files are never there when their turn comes is not taken for an empty one.
func TestAJournalThatIsAlwaysElsewhereIsNotEmpty(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	if err := p.Write(t.Context(), Record{Kind: KeyRevoked, At: p.now(), Key: "1"}); err != nil {
		t.Fatal(err)
	}
	_, err := read(func(name string) (*os.File, error) {
		return nil, &os.PathError{Op: "open", Path: name, Err: os.ErrNotExist}
	}, []string{p.folder})
	if !errors.Is(err, errMoving) {
		t.Errorf("it is %v", err)
	}
}

// What Open writes Read finds by the same name, also if the name goes through a link and back.
func TestAJournalIsReadWhereItIsWritten(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	for _, folder := range []string{"journal", "elsewhere/deep", "elsewhere/journal"} {
		if err := os.MkdirAll(filepath.Join(root, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(root, "elsewhere", "deep"), filepath.Join(root, "link")); err != nil {
		t.Skipf("SKIPPED: no symbolic links here: %v", err)
	}
	name := root + "/link/../journal"
	j, err := Open(name, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Write(t.Context(), Record{Kind: KeyRevoked, At: noon, Key: "1"}); err != nil {
		t.Fatal(err)
	}
	if c, err := Read(name); err != nil || len(c.Records) != 1 {
		t.Errorf("%d records, %v", len(c.Records), err)
	}
}

// A file begins with a line: one without any was cut off, by whatever.
func TestAnEmptyFileIsTold(t *testing.T) {
	t.Parallel()
	folder := newFolder(t)
	if err := os.WriteFile(filepath.Join(folder, "x"+suffix), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Read(folder); err != nil || len(c.Torn) != 1 || !c.Since.IsZero() {
		t.Errorf("torn: %v, since %v, %v", c.Torn, c.Since, err)
	}
}

package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// Contents is what journals hold together.
type Contents struct {
	Records []Record  // in the order of their times
	Since   time.Time // complete since then; zero: there is no journal
	Marked  time.Time // everything that the store had then is in the journal; zero: not known
	Torn    []string  // the files whose last write was cut short, by a crash: it was not acknowledged
	Broken  []string  // what is damaged, and where: some records are missing

	keep time.Duration
}

// Last is the time of the newest record; zero: there is none.
func (c Contents) Last() time.Time {
	if len(c.Records) == 0 {
		return time.Time{}
	}
	return c.Records[len(c.Records)-1].At
}

// errMoving says that a journal is merged again and again while it is read.
var errMoving = errors.New("its files are replaced all the time; stop what writes it")

// Read reads the journals in folders. A folder that does not exist is an error; one
// without a journal is none: see Since. They may be written meanwhile.
func Read(folders ...string) (Contents, error) { return read(os.Open, folders) }

func read(open func(name string) (*os.File, error), folders []string) (Contents, error) {
	var c Contents
	for _, folder := range folders {
		// As Open does: what is written is found by the same name.
		if err := c.readFolder(open, filepath.Clean(folder)); err != nil {
			return Contents{}, fmt.Errorf("read the revocation journal: %w", err)
		}
	}
	c.sort()
	return c, nil
}

// readFolder adds what a folder holds. A file that is gone when its turn comes was merged into
// another, which may have come after the others were listed: then all is read anew.
func (c *Contents) readFolder(open func(name string) (*os.File, error), folder string) error {
	const patience = 10 // there is a merge at each start of a server
	for range patience {
		files, err := names(folder)
		if err != nil {
			return err
		}
		scans := make([]scan, len(files))
		for i, name := range files {
			if scans[i], err = readFile(open, name); err != nil {
				break
			}
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for i, name := range files {
			c.add(name, scans[i])
		}
		return nil
	}
	return fmt.Errorf("%s: %w", folder, errMoving)
}

func readFile(open func(name string) (*os.File, error), name string) (scan, error) {
	opened, err := open(name)
	if err != nil {
		return scan{}, err
	}
	defer opened.Close()
	return scanFile(opened, true)
}

// add adds what a file holds.
func (c *Contents) add(name string, s scan) {
	if s.torn > 0 || s.last == 0 { // a file begins with a line
		c.Torn = append(c.Torn, name)
	}
	if s.broken != nil {
		c.Broken = append(c.Broken, fmt.Sprintf("%s: %v", name, s.broken))
	}
	for _, r := range s.records {
		switch r.Kind {
		case begun:
			if c.Since.IsZero() || r.At.Before(c.Since) {
				c.Since = r.At
			}
			c.keep = max(c.keep, r.Keep)
		case marked:
			if r.At.After(c.Marked) {
				c.Marked = r.At
			}
		default:
			c.Records = append(c.Records, r)
		}
	}
}

func (c *Contents) sort() {
	slices.SortStableFunc(c.Records, func(a, b Record) int { return a.At.Compare(b.At) })
}

// compact drops what no restore needs any more: sessions that ended so long ago
// that they would have expired, all but the newest state and the newest change of
// password of a user, and what is told twice.
func (c *Contents) compact(now time.Time) {
	type subject struct {
		kind Kind
		id   string
	}
	told := make(map[subject]int) // its place in kept
	var kept []Record
	for _, r := range slices.Backward(c.Records) {
		s := subject{r.Kind, r.User.String()}
		switch r.Kind {
		case SessionEnded:
			s.id = r.Session.String()
		case UserEnded:
			s.id += r.At.String()
		case KeyRevoked:
			s.id = r.Key
		}
		session := r.Kind == SessionEnded || r.Kind == UserEnded
		place, known := told[s]
		switch {
		case known: // clocks of nodes differ
			if r.Kind == UserChanged && !kept[place].Supersedes(r) {
				kept[place].Roles, kept[place].Block = r.Roles, r.Block
			}
			kept[place].Epoch = max(kept[place].Epoch, r.Epoch)
		case !session || !r.At.Before(now.Add(-c.keep)):
			told[s] = len(kept)
			kept = append(kept, r)
		}
	}
	slices.Reverse(kept)
	c.Records = kept
}

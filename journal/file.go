package journal

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/watchwordauth/watchword/internal/lock"
)

const suffix = ".journal"

// file is a journal's file that this process has locked.
type file struct {
	*os.File
	number uint64 // of the last line
	size   int64  // up to the end of the last line
}

// make makes a new file in a folder, with its first records.
func makeFile(folder string, now time.Time, records []Record) (*file, error) {
	name := filepath.Join(folder, now.UTC().Format("20060102T150405Z-")+rand.Text()[:8]+suffix)
	opened, err := lock.Open(name, os.O_CREATE|os.O_EXCL)
	if err != nil {
		return nil, err
	}
	f := &file{File: opened}
	err = f.append(records)
	if err == nil {
		err = syncFolder(folder)
	}
	if err != nil {
		os.Remove(name) // nothing in it was acknowledged
		f.Close()
		return nil, err
	}
	return f, nil
}

// append writes records at the end and returns when they are on the disk. After a
// failure what is on the disk is not known, and the file must not be written any more.
func (f *file) append(records []Record) error {
	var lines []byte
	number := f.number
	for _, r := range records {
		var err error
		number++
		if lines, err = appendLine(lines, number, r); err != nil {
			return err
		}
	}
	if _, err := f.WriteAt(lines, f.size); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	f.number, f.size = number, f.size+int64(len(lines))
	return nil
}

// claim locks a file and makes sure that it is still the one of this name: its
// last holder may have merged it into another. One that is not to be had is nil.
func claim(name string) (*file, error) {
	opened, err := lock.Open(name, 0)
	if errors.Is(err, lock.ErrLocked) || errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	f := &file{File: opened}
	if f.gone() {
		f.Close()
		return nil, nil
	}
	return f, nil
}

// gone reports whether the file is not the one of its name any more. What is written to
// it then is lost.
func (f *file) gone() bool {
	mine, mineErr := f.Stat()
	there, thereErr := os.Lstat(f.Name())
	return mineErr != nil || thereErr != nil || !os.SameFile(mine, there)
}

// adopt makes a claimed file ready to be written, if it is worth it: it ends with a
// good line, or with one that was cut short, which goes.
func (f *file) adopt() (bool, error) {
	info, err := f.Stat()
	if err != nil {
		return false, err
	}
	start := max(0, info.Size()-2*maxLine)
	end := io.NewSectionReader(f, start, info.Size()-start)
	if start > 0 {
		piece := make([]byte, maxLine)
		n, err := end.ReadAt(piece, 0)
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		start += int64(bytes.IndexByte(piece[:n], '\n') + 1)
		end = io.NewSectionReader(f, start, info.Size()-start)
	}
	s, err := scanFile(end, start == 0)
	if err != nil || s.broken != nil || s.last == 0 {
		return false, err
	}
	return true, f.follow(s, start)
}

// follow takes from a scan, which began at an offset, where to write next.
func (f *file) follow(s scan, start int64) error {
	f.number, f.size = s.last, start+s.good
	if s.torn == 0 {
		return nil
	}
	if err := f.Truncate(f.size); err != nil {
		return err
	}
	return f.Sync()
}

// remove removes the file and gives it back, in the order in which nobody else
// adopts it in between. (Windows removes no file that is open.)
func (f *file) remove() error {
	err := os.Remove(f.Name())
	f.Close()
	if err != nil && runtime.GOOS == "windows" {
		err = os.Remove(f.Name())
	}
	return err
}

// names are the files of a folder, the oldest first.
func names(folder string) ([]string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) == suffix && entry.Type().IsRegular() {
			found = append(found, filepath.Join(folder, entry.Name()))
		}
	}
	return found, nil
}

// OthersMayWrite reports whether everybody on the machine may write to a folder, and so to
// a journal in it. Where the system does not tell it is false.
func OthersMayWrite(folder string) bool {
	info, err := os.Stat(folder)
	return err == nil && runtime.GOOS != "windows" && info.Mode().Perm()&0o002 != 0
}

// syncFolder brings the names of a folder's files to the disk.
func syncFolder(folder string) error {
	if runtime.GOOS == "windows" {
		return nil // which has no way to do it
	}
	opened, err := os.Open(folder)
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := opened.Sync(); err != nil {
		return fmt.Errorf("sync the folder: %w", err)
	}
	return nil
}

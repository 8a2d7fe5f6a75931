package journal

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
)

// scan is what a file holds.
type scan struct {
	records []Record
	last    uint64 // the number of the last good line
	good    int64  // how many bytes there are up to its end
	torn    int64  // how many bytes follow, if the last are no line: of a write that was cut short
	broken  error  // the first damage before a good line; nil: none
}

// scanFile reads a file to its end. It fails only if reading does: what is damaged
// is told in the result, with the records that are whole.
//
// Damage at the end, with no good line after it, is what a crash leaves of a write
// that was under way, and was never acknowledged: a line without its end, or zeros
// that the disk had not replaced yet. Damage before a good line is something else, and so
// is a line that has its end and is wrong: a disk that failed, or somebody who wrote to the file.
//
// whole says that the reader begins where the file does, with line number 1.
func scanFile(file io.Reader, whole bool) (scan, error) {
	var s scan
	reader := bufio.NewReaderSize(file, maxLine)
	var damage error
	var at int64
	zeros := false // in this line
	for line := 1; ; line++ {
		text, err := reader.ReadSlice('\n')
		if errors.Is(err, io.EOF) && len(text) == 0 {
			if damage != nil {
				s.torn = at - s.good
			}
			return s, nil
		}
		if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
			return s, err
		}
		at += int64(len(text))
		zeros = zeros || bytes.IndexByte(text, 0) >= 0
		number, record, wrong := uint64(0), Record{}, errDamaged
		if err == nil {
			number, record, wrong = parseLine(bytes.TrimSuffix(text, []byte("\n")))
		}
		switch {
		case errors.Is(wrong, errDamaged):
			if damage == nil {
				damage = fmt.Errorf("line %d: %w", line, wrong)
			}
			if err != nil {
				continue // the line has no end, or not yet
			}
			if !zeros {
				s.broken, damage = cmp.Or(s.broken, damage), nil
			}
			zeros = false
			continue
		case wrong == nil && number != s.last+1 && (whole || s.last > 0) && damage == nil:
			damage = fmt.Errorf("line %d: it is number %d, where %d was to be: lines are missing", line, number, s.last+1)
		case wrong != nil && damage == nil:
			damage = fmt.Errorf("line %d: %w", line, wrong)
		}
		s.broken, damage, zeros = cmp.Or(s.broken, damage), nil, false
		s.last, s.good = number, at
		if wrong == nil {
			s.records = append(s.records, record)
		}
	}
}

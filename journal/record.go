package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// Kind says what a record tells.
type Kind string

// The kinds of records.
const (
	SessionEnded    Kind = "session"  // Session was ended
	UserEnded       Kind = "sessions" // all sessions of User that began at At or before, but Session
	UserChanged     Kind = "user"     // User is in Epoch since At, with Roles and Block
	PasswordChanged Kind = "password" // of User, by the change to Epoch; without one, at most EventDelay before At
	KeyRevoked      Kind = "key"      // the signing key Key

	begun  Kind = "begin" // the first of each file: the journal is complete since At
	marked Kind = "mark"  // everything that was in the store at At is in the journal
)

// EventDelay is how much later than a change of password the event is dated that
// tells of it.
const EventDelay = 15 * time.Second

// Skew is how far the clocks of nodes may be apart. Of two changes of a user that are
// closer, the epoch tells which came first.
const Skew = time.Minute

// Record is one fact. Which fields it has depends on its kind.
type Record struct {
	Kind Kind      `json:"kind"`
	At   time.Time `json:"at"` // of the fact, as the store has it

	Session session.ID     `json:"session,omitzero"`
	Reason  session.Reason `json:"reason,omitempty"`
	By      string         `json:"by,omitempty"`

	User  account.ID `json:"user,omitzero"`
	Epoch uint64     `json:"epoch,omitempty"`
	Roles []string   `json:"roles,omitempty"`
	Block *Block     `json:"block,omitempty"` // nil: not blocked

	Key string `json:"key,omitempty"`

	// Keep, of the first record, is how long records of sessions are kept: as long
	// as a session lives under any policy that this journal has seen.
	Keep time.Duration `json:"keep,omitempty"`
}

// Block is that of a user; see account.Block.
type Block struct {
	At     time.Time `json:"at"`
	Reason string    `json:"reason,omitempty"`
	By     string    `json:"by,omitempty"`
}

// Tombstone is what the record of a session says.
func (r Record) Tombstone() session.Tombstone {
	return session.Tombstone{At: r.At, Reason: r.Reason, By: r.By}
}

// Supersedes reports whether the state of a user in this record is newer than that in
// another, whose time is not later.
func (r Record) Supersedes(other Record) bool {
	return r.Epoch >= other.Epoch || r.At.Sub(other.At) > Skew
}

// changed is the record of a user as they are now.
func changed(u account.User) Record {
	r := Record{Kind: UserChanged, At: u.EpochAt, User: u.ID, Epoch: u.Epoch, Roles: u.Roles}
	if u.Blocked() {
		r.Block = &Block{u.Block.At, u.Block.Reason, u.Block.By}
	}
	return r
}

// A line is
//
//	w1 NUMBER CHECKSUM JSON
//
// The number counts the lines of a file from 1, so that a missing line shows; the
// checksum is CRC-32C, in hexadecimal, of number and JSON; the JSON has no line feed.
const version = "w1"

// maxLine bounds a line, with its line feed. A user may have many roles.
const maxLine = 256 << 10

// What is wrong with a line.
var (
	errDamaged = errors.New("the line is damaged")
	errNewer   = errors.New("the line was written by a newer version of Watchword")
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(number uint64, body []byte) uint32 {
	sum := crc32.Update(0, castagnoli, strconv.AppendUint(nil, number, 10))
	return crc32.Update(sum, castagnoli, body)
}

// appendLine appends a record as the line of a number.
func appendLine(dst []byte, number uint64, r Record) ([]byte, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("write down a record: %w", err)
	}
	if len(body) > maxLine-64 {
		return nil, fmt.Errorf("write down a record: it has %d bytes", len(body))
	}
	return fmt.Appendf(dst, "%s %d %08x %s\n", version, number, checksum(number, body), body), nil
}

// parseLine reads a line without its line feed.
func parseLine(line []byte) (number uint64, r Record, err error) {
	fields := bytes.SplitN(line, []byte(" "), 4)
	if len(fields) != 4 {
		return 0, Record{}, errDamaged
	}
	sum, sumErr := strconv.ParseUint(string(fields[2]), 16, 32)
	number, numberErr := strconv.ParseUint(string(fields[1]), 10, 64)
	if sumErr != nil || numberErr != nil || checksum(number, fields[3]) != uint32(sum) {
		return 0, Record{}, errDamaged
	}
	if string(fields[0]) != version {
		return number, Record{}, errNewer
	}
	if err := json.Unmarshal(fields[3], &r); err != nil {
		return number, Record{}, errNewer // it is whole, but not of our making
	}
	switch r.Kind {
	case SessionEnded, UserEnded, UserChanged, PasswordChanged, KeyRevoked, begun, marked:
		return number, r, nil
	}
	return number, Record{}, errNewer
}

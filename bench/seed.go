package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// seeds are sessions that are put into a database in bulk, with refresh tokens
// that can be computed: the n-th session's handle is a digest of its number. The format
// is written down a second time here, from docs/design.md.
type seeds struct {
	key   []byte // of refresh tokens
	from  uint64 // the number of the first, so that no run meets the sessions of another
	count int
	born  time.Time

	tokens string // all of them, one after the other
}

// tokenLength is how long a refresh token is.
const tokenLength = 60

// newSeeds computes all tokens at once, so that under load the machine works for the
// server and not for who measures it.
func newSeeds(count int) (seeds, error) {
	key, err := hex.DecodeString(tokenSecret)
	if err != nil {
		return seeds{}, err
	}
	s := seeds{key: key, from: uint64(rand.Uint32()) << 24, count: count, born: time.Now().Add(-time.Hour).Truncate(time.Second)}
	tokens := make([]byte, tokenLength*count)
	workers := runtime.GOMAXPROCS(0)
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			for n := w; n < count; n += workers {
				copy(tokens[tokenLength*n:], s.compute(n))
			}
		})
	}
	group.Wait()
	s.tokens = string(tokens)
	return s, nil
}

// ends is when the sessions expire.
func (s seeds) ends() time.Time { return s.born.Add(7 * 24 * time.Hour) }

// From where the sessions began, all of them.
const (
	seedAddress = "192.0.2.1"
	seedAgent   = "Mozilla/5.0 (X11; Linux x86_64) bench"
)

// whole is the n-th session of a user.
func (s seeds) whole(n int, user account.ID) session.Session {
	from := session.Origin{IP: seedAddress, UserAgent: seedAgent}
	return session.Session{
		ID: s.id(n), UserID: user, ClientID: "watchword", Delivery: session.Body, CreatedAt: s.born, ExpiresAt: s.ends(), Birth: from,
		Register: session.Register{Generation: 1, RotatedAt: s.born, EmittedAt: s.born, IdleUntil: s.ends(), LastSeen: from},
	}
}

func (s seeds) handle(n int) [16]byte {
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], s.from+uint64(n))
	sum := sha256.Sum256(number[:])
	return [16]byte(sum[:16])
}

func (s seeds) id(n int) [16]byte {
	handle := s.handle(n)
	sum := sha256.Sum256(append([]byte("watchword/session/1"), handle[:]...))
	return [16]byte(sum[:16])
}

// token is the first refresh token of the n-th session.
func (s seeds) token(n int) string { return s.tokens[tokenLength*n : tokenLength*(n+1)] }

func (s seeds) compute(n int) string {
	handle := s.handle(n)
	keyID := sha256.Sum256(append([]byte("watchword/refresh-key/1"), s.key...))[0]
	raw := append([]byte{1, keyID}, handle[:]...)
	raw = binary.BigEndian.AppendUint32(raw, 1)
	raw = binary.BigEndian.AppendUint32(raw, uint32(s.born.Unix()))
	audience := sha256.Sum256([]byte("watchword\x00\x01"))
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte("watchword/refresh/1"))
	mac.Write(raw)
	mac.Write(audience[:])
	raw = append(raw, mac.Sum(nil)[:16]...)
	return session.TokenPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

// fill adds the sessions, of the users there are in turn, to a database that a
// server has set up and nobody uses at the moment.
func (s seeds) fill(path string) error {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(OFF)&_pragma=cache_size(-65536)")
	if err != nil {
		return err
	}
	defer db.Close()
	rows, err := db.Query("SELECT id FROM watchword_users")
	if err != nil {
		return err
	}
	var users [][]byte
	for rows.Next() {
		var id []byte
		if err := rows.Scan(&id); err != nil {
			return err
		}
		users = append(users, id)
	}
	if err := rows.Close(); err != nil || len(users) == 0 {
		return fmt.Errorf("no users to begin sessions for: %w", err)
	}
	tx, err := db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	insert, err := tx.Prepare(`INSERT INTO watchword_sessions (place, id, user_id, client_id, delivery, created_at, expires_at, birth_ip, birth_user_agent,
		generation, rotated_at, emitted_at, request_key, idle_until, revoked_reason, revoked_by)
		VALUES (?, ?, ?, 'watchword', 1, ?, ?, '` + seedAddress + `', '` + seedAgent + `', 1, ?, ?, zeroblob(16), ?, '', '')`)
	if err != nil {
		return err
	}
	defer insert.Close()
	born, ends := s.born.UnixMicro(), s.ends().UnixMicro()
	for n := range s.count {
		id := s.id(n)
		if _, err := insert.Exec(int64(binary.BigEndian.Uint64(id[:8])), id[:], users[n%len(users)], born, ends, born, born, ends); err != nil {
			return err
		}
	}
	return tx.Commit()
}

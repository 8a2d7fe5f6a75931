package redisstore

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/session"
)

// full is a session of which nothing is zero.
func full() session.Session {
	at := time.UnixMicro(1_790_000_000_123_456).UTC()
	return session.Session{
		ID: session.ID{1}, UserID: account.ID{2}, ClientID: "web", Delivery: session.Cookie,
		CreatedAt: at, ExpiresAt: at.Add(720 * time.Hour), Birth: session.Origin{IP: "192.0.2.1", UserAgent: "Firefox"},
		Register: session.Register{
			Generation: math.MaxUint64, RotatedAt: at.Add(1), EmittedAt: at.Add(-time.Hour), IdleUntil: at.Add(time.Hour).Truncate(time.Microsecond),
			RequestKey: session.RequestKey{0, 1}, LastSeen: session.Origin{IP: "2001:db8::1", UserAgent: strings.Repeat("x", 300)},
		},
		Tombstone: session.Tombstone{At: at.Add(time.Minute), Reason: session.SignedOut, By: "cli"},
	}
}

func TestASessionComesBackAsItWas(t *testing.T) {
	t.Parallel()
	bare := session.Session{ID: session.ID{9}}
	times := func(s *session.Session, at time.Time) {
		s.CreatedAt, s.ExpiresAt, s.RotatedAt, s.EmittedAt, s.IdleUntil = at, at, at, at, at
	}
	times(&bare, time.Unix(0, 0).UTC())
	ancient, born := full(), full()
	times(&ancient, time.Time{})
	born.LastSeen, born.Tombstone, born.RequestKey = born.Birth, session.Tombstone{}, session.RequestKey{}
	full := full()
	full.RotatedAt = full.RotatedAt.Truncate(time.Microsecond)
	born.RotatedAt, ancient.RotatedAt = full.RotatedAt, ancient.CreatedAt
	for what, want := range map[string]session.Session{"full": full, "bare": bare, "ancient": ancient, "born": born} {
		value, err := packSession(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := unpackSession(want.ID, string(value))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", what, err, diff)
		}
		h, err := unpackHead(string(value[:offLengths]))
		if err != nil || h.ended != want.Revoked() || !h.expires.Equal(want.ExpiresAt) || !h.idleUntil.Equal(want.IdleUntil) {
			t.Errorf("%s: the head is %+v, %v", what, h, err)
		}
		for n := range value {
			if _, err := unpackSession(want.ID, string(value[:n])); !errors.Is(err, errRecord) {
				t.Errorf("%s: cut to %d of %d bytes: %v, want %v", what, n, len(value), err, errRecord)
			}
		}
		if _, err := unpackSession(want.ID, string(value)+"x"); !errors.Is(err, errRecord) {
			t.Errorf("%s: with a byte too many: %v", what, err)
		}
	}
}

func TestATextThatIsTooLongIsRefused(t *testing.T) {
	t.Parallel()
	for what, lengthen := range map[string]func(s *session.Session, text string){
		"client": func(s *session.Session, text string) { s.ClientID = text },
		"birth":  func(s *session.Session, text string) { s.Birth.UserAgent = text },
		"seen":   func(s *session.Session, text string) { s.LastSeen.UserAgent = text },
		"reason": func(s *session.Session, text string) { s.Tombstone.Reason = session.Reason(text) },
	} {
		s := full()
		lengthen(&s, strings.Repeat("x", maxText+1))
		if _, err := packSession(s); !errors.Is(err, errText) {
			t.Errorf("%s: %v, want %v", what, err, errText)
		}
	}
}

// Whatever is under a key, reading it ends with a session or an error.
func FuzzUnpackSession(f *testing.F) {
	for _, s := range []session.Session{full(), {}} {
		value, err := packSession(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(value))
	}
	f.Fuzz(func(t *testing.T, value string) {
		s, err := unpackSession(session.ID{}, value)
		if err != nil {
			return
		}
		packed, err := packSession(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := unpackSession(session.ID{}, string(packed))
		if diff := cmp.Diff(s, again); err != nil || diff != "" {
			t.Errorf("%v (-read +read again):\n%s", err, diff)
		}
	})
}

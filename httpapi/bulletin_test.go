package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/revocation"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/verify"
)

// nothing is a store in which nobody ever ended.
type nothing struct{}

func (nothing) RevokedSince(context.Context, time.Time) ([]session.Revocation, error) {
	return nil, nil
}
func (nothing) EpochsSince(context.Context, time.Time) ([]account.EpochChange, error) {
	return nil, nil
}

// press is a bulletin whose documents are signed by writing them down.
func press(t *testing.T) (b *bulletin, set *revocation.Set, signed *int) {
	t.Helper()
	set = revocation.New(nothing{}, nothing{}, time.Minute, "first", time.Now, slog.New(slog.DiscardHandler))
	if err := set.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	signed = new(int)
	return &bulletin{issuer: "https://id.example.org", revocations: set, now: time.Now, sign: func(typ string, claims any) (string, error) {
		*signed++
		if typ != verify.FeedType {
			return "", fmt.Errorf("typ %s", typ)
		}
		return string(claims.(json.RawMessage)), nil
	}}, set, signed
}

func read(t *testing.T, b *bulletin, held string) edition {
	t.Helper()
	e, err := b.read(t.Context(), held)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func end(set *revocation.Set, n byte) {
	set.SessionEnded(session.Revocation{Session: session.ID{n}, At: time.Now()})
}

func TestADocumentIsSignedOnceForAllWhoAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, set, signed := press(t)
		for range 1000 {
			if full := read(t, b, ""); !strings.Contains(full.document, `"full":true`) {
				t.Fatalf("got %s", full.document)
			}
			if beat := read(t, b, read(t, b, "").set); strings.Contains(beat.document, "full") {
				t.Fatalf("got %s", beat.document)
			}
		}
		if *signed != 2 {
			t.Errorf("signed %d times, want once each", *signed)
		}
		// Time makes a new heartbeat, not a new set.
		held := read(t, b, "").set
		time.Sleep(time.Second)
		if err := set.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
		if beat := read(t, b, held); beat.set != held || !strings.Contains(beat.document, fmt.Sprint(time.Now().UnixMilli())) {
			t.Errorf("got %s at %d", beat.document, time.Now().UnixMilli())
		}
		if *signed != 3 {
			t.Errorf("signed %d times, want one heartbeat more", *signed)
		}
	})
}

func TestAStormOfRevocationsIsWrittenTenTimesASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, set, signed := press(t)
		held, renewed := read(t, b, "").set, 0
		for n := range 200 { // two seconds, three readers
			end(set, byte(n))
			for range 3 {
				if e := read(t, b, held); e.set != held {
					held = e.set
					renewed++
				}
			}
			time.Sleep(10 * time.Millisecond)
		}
		if renewed < 18 || renewed > 20 || *signed > 50 {
			t.Errorf("renewed %d times and signed %d, want about 20 and their heartbeats", renewed, *signed)
		}
		// Nothing is lost: who is told to come back later finds all of it.
		e := read(t, b, held)
		time.Sleep(e.later)
		if all := read(t, b, held); all.later != 0 || strings.Count(all.document, `","`) < 199 {
			t.Errorf("later %s: %s", all.later, all.document)
		}
	})
}

func TestTheFirstRevocationAfterASilenceIsTheNewsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, set, _ := press(t)
		held := read(t, b, "").set
		time.Sleep(time.Second)
		end(set, 1)
		if e := read(t, b, held); e.set == held || e.later != 0 {
			t.Errorf("got %+v", e)
		}
	})
}

// Who has just come gets everything that was acknowledged before, however short ago.
func TestANewReaderMissesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b, set, _ := press(t)
		for n := range byte(200) {
			end(set, n)
			e, err := b.fresh(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			var d struct{ Sessions []string }
			if err := json.Unmarshal([]byte(e.document), &d); err != nil || len(d.Sessions) != int(n)+1 {
				t.Fatalf("%d of %d sessions, %v: %s", len(d.Sessions), n+1, err, e.document)
			}
			time.Sleep(7 * time.Millisecond)
		}
	})
}

func TestStreamsAreBounded(t *testing.T) {
	t.Parallel()
	s := &streams{}
	var done []func()
	for host := range byte(maxStreams / maxStreamsAddress) {
		address := netip.AddrFrom4([4]byte{192, 0, 2, host})
		for range maxStreamsAddress {
			done = append(done, s.open(address))
		}
		if s.open(address) != nil {
			t.Fatalf("%s has more than %d", address, maxStreamsAddress)
		}
	}
	other := netip.MustParseAddr("198.51.100.1")
	if s.open(other) != nil {
		t.Fatalf("there are more than %d", maxStreams)
	}
	done[0]()
	if s.open(other) == nil {
		t.Error("a place that was given back is not given again")
	}
	for _, f := range done[1:] {
		f()
	}
	if s.total != 1 || len(s.from) != 1 {
		t.Errorf("%d are still counted, of %d addresses", s.total, len(s.from))
	}
}

// An IPv6 client has 2^64 addresses to ask from.
func TestAnIPv6NetworkCannotTakeAllStreams(t *testing.T) {
	t.Parallel()
	s := &streams{}
	address := netip.MustParseAddr("2001:db8::")
	for range maxStreamsAddress {
		if s.open(address) == nil {
			t.Fatalf("%s gets none", address)
		}
		address = address.Next()
	}
	if s.open(address) != nil {
		t.Errorf("a /64 has more than %d", maxStreamsAddress)
	}
	if s.open(netip.MustParseAddr("2001:db8:0:1::")) == nil {
		t.Error("the next network gets none")
	}
	if s.open(netip.Addr{}) == nil {
		t.Error("who is not known gets none")
	}
}

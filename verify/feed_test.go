package verify_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchwordauth/watchword/verify"
	"github.com/watchwordauth/watchword/verify/verifytest"
)

var quiet = slog.New(slog.DiscardHandler)

// pass lets time go by.
func pass(d time.Duration) {
	time.Sleep(d) // the bubble's time: it costs none
	synctest.Wait()
}

// log remembers what was logged.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

func (l *log) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(line)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *log) count(words string) int { return strings.Count(l.String(), words) }

func TestARevocationReachesTheResourceServerAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t)
		ada, eve := i.Mint(verify.Claims{}), i.Mint(verify.Claims{SessionID: "eve's", Subject: "eve"})
		mustAccept(t, v, ada)
		mustAccept(t, v, eve)

		i.Revoke("eve's")
		synctest.Wait()
		mustRefuse(t, v, eve, verify.ErrRevoked)
		mustAccept(t, v, ada)

		i.RaiseEpoch(verifytest.Subject)
		synctest.Wait()
		mustRefuse(t, v, ada, verify.ErrStale)
		mustAccept(t, v, i.Mint(verify.Claims{}))

		if s := v.Status(); !s.Following || s.Stale || s.Revocations != 2 || s.FeedError != nil {
			t.Errorf("status %+v", s)
		}
	})
}

func TestAVerifierKnowsWhatWasRevokedBeforeItStarted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		token := i.Mint(verify.Claims{SessionID: "gone"})
		i.Revoke("gone")
		mustRefuse(t, n.verifier(t), token, verify.ErrRevoked)
	})
}

func TestAFeedThatIsCutObeysThePolicy(t *testing.T) {
	t.Parallel()
	// want is what a token of a session meets that was revoked while the feed was cut.
	asked := func(_ context.Context, token string) (bool, error) { return strings.Count(token, ".") != 2, nil }
	alive := func(context.Context, string) (bool, error) { return true, nil }
	fails := func(context.Context, string) (bool, error) { return true, errors.New("no answer") }
	tests := map[string]struct {
		feed verify.Feed
		want error
	}{
		"accept":                    {verify.Feed{}, nil},
		"reject":                    {verify.Feed{WhenStale: verify.Reject}, verify.ErrRevocationsUnavailable},
		"introspect, dead":          {verify.Feed{WhenStale: verify.Introspect, Introspect: asked}, verify.ErrRevoked},
		"introspect, alive":         {verify.Feed{WhenStale: verify.Introspect, Introspect: alive}, nil},
		"introspect, without reply": {verify.Feed{WhenStale: verify.Introspect, Introspect: fails}, verify.ErrRevocationsUnavailable},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, i := world(t)
				var mu sync.Mutex
				var notified []bool
				test.feed.Notify = func(s verify.Status) {
					mu.Lock()
					defer mu.Unlock()
					notified = append(notified, s.Stale)
				}
				said := &log{}
				v := n.verifier(t, verify.WithFeed(test.feed), verify.WithLogger(said.logger()))
				known := i.Mint(verify.Claims{SessionID: "known"})
				mustAccept(t, v, known)
				i.Revoke("known")
				synctest.Wait()

				n.breakWith(cut)
				i.Break()
				pass(9 * time.Second)
				token := i.Mint(verify.Claims{SessionID: "unknown"})
				mustAccept(t, v, token) // a short silence changes nothing
				i.Revoke("unknown")

				pass(3 * time.Second)
				if _, err := v.Verify(t.Context(), token); !errors.Is(err, test.want) {
					t.Errorf("a token while there are no news: %v, want %v", err, test.want)
				}
				mustRefuse(t, v, known, verify.ErrRevoked) // whatever the policy
				if s := v.Status(); !s.Stale || s.FeedError == nil || s.Age < 10*time.Second {
					t.Errorf("status %+v", s)
				}
				if ready, down := v.Ready(), test.feed.WhenStale == verify.Reject; errors.Is(ready, verify.ErrRevocationsUnavailable) != down {
					t.Errorf("Ready() = %v", ready)
				}

				n.breakWith(nil)
				i.Mend()
				pass(8 * time.Second)
				mustRefuse(t, v, token, verify.ErrRevoked)
				mustAccept(t, v, i.Mint(verify.Claims{}))
				mu.Lock()
				defer mu.Unlock()
				if fmt.Sprint(notified) != "[true false]" {
					t.Errorf("notified of %v", notified)
				}
				if errors, good := said.count("level=ERROR"), said.count("are back"); errors != 1 || good != 1 {
					t.Errorf("the log complains %d times and is content %d times:\n%s", errors, good, said)
				}
			})
		})
	}
}

// serve answers for the feed with what the function says: a document, or "304 "
// and a heartbeat. It offers no stream.
func serve(document func(r *http.Request) string) func(http.ResponseWriter, *http.Request) bool {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != verify.FeedPath {
			return false
		}
		if r.Header.Get("Accept") == "text/event-stream" {
			return cut(w, r)
		}
		if text := document(r); strings.HasPrefix(text, "304 ") {
			w.Header().Set(verify.HeartbeatHeader, text[4:])
			w.WriteHeader(http.StatusNotModified)
		} else {
			_, _ = io.WriteString(w, text)
		}
		return true
	}
}

func TestAFeedThatLiesIsNotBelieved(t *testing.T) {
	t.Parallel()
	// Each makes a document that claims to be newer than what is held. None may
	// count as news, and none may revoke or un-revoke.
	stranger := verifytest.NewIssuer(issuer)
	type lie struct {
		i    *verifytest.Issuer
		held verify.Snapshot // what was true when the verifier started
	}
	now := func(s verify.Snapshot) verify.Snapshot { s.AsOf = time.Now(); return s }
	tests := map[string]func(lie) string{
		"signed by a stranger under the issuer's key id": func(l lie) string {
			return stranger.Sign(verify.FeedType, now(l.held).Payload())
		},
		"of another issuer that has the same key": func(l lie) string {
			l.held.Issuer = "https://other.example.com"
			return l.i.Sign(verify.FeedType, now(l.held).Payload())
		},
		"an access token":          func(l lie) string { return l.i.Sign("at+jwt", now(l.held).Payload()) },
		"a replay":                 func(l lie) string { return l.i.Sign(verify.FeedType, l.held.Payload()) },
		"a replayed 304":           func(l lie) string { return "304 " + l.i.Sign(verify.FeedType, l.held.Heartbeat()) },
		"a 304 that nobody signed": func(lie) string { return "304 " },
		"a 304 about other entries": func(l lie) string {
			l.held.Sessions = []string{"another"}
			return "304 " + l.i.Sign(verify.FeedType, now(l.held).Heartbeat())
		},
		"from the future": func(l lie) string {
			l.held.AsOf = time.Now().Add(2 * time.Minute)
			return l.i.Sign(verify.FeedType, l.held.Payload())
		},
		"not JSON": func(l lie) string { return l.i.Sign(verify.FeedType, []byte("{]")) },
		"a user twice": func(l lie) string {
			text := strings.Replace(string(now(l.held).Payload()), `"full":true`, `"full":true,"users":{"z68XQZcqSDIivvh-":2,"z68XQZcqSDIivvh-":1}`, 1)
			return l.i.Sign(verify.FeedType, []byte(text))
		},
		"without a window": func(l lie) string { l.held.Window = 0; return l.i.Sign(verify.FeedType, now(l.held).Payload()) },
		"no JWS":           func(lie) string { return "revoked: everybody" },
		"nothing":          func(lie) string { return "" },
		"without end":      func(lie) string { return strings.Repeat("a", 17<<20) },
	}
	for name, document := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, i := world(t)
				i.Revoke("dead")
				v := n.verifier(t, verify.WithFeed(verify.Feed{WhenStale: verify.Reject}))
				l := lie{i, verify.Snapshot{Issuer: issuer, AsOf: time.Now(), Incarnation: "0", Window: verifytest.TTL}}
				if name == "a replayed 304" {
					l.held.Sessions = []string{"dead"}
				}
				dead, alive := i.Mint(verify.Claims{SessionID: "dead"}), i.Mint(verify.Claims{SessionID: "alive"})
				mustAccept(t, v, alive)
				pass(verify.HeartbeatInterval) // something newer than what a replay says is held

				n.breakWith(serve(func(*http.Request) string { return document(l) }))
				i.Break() // ends the stream
				synctest.Wait()
				i.Mend()
				pass(11 * time.Second)
				mustRefuse(t, v, alive, verify.ErrRevocationsUnavailable)
				mustRefuse(t, v, dead, verify.ErrRevoked)
				if v.Status().FeedError == nil {
					t.Error("the lie is not reported")
				}

				n.breakWith(nil)
				pass(8 * time.Second)
				mustAccept(t, v, alive)
				mustRefuse(t, v, dead, verify.ErrRevoked)
			})
		})
	}
}

func TestARestoredIssuerRevivesNobodyBeforeTheTokensExpired(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t)
		session, user := i.Mint(verify.Claims{SessionID: "dead"}), i.Mint(verify.Claims{Subject: "eve"})
		i.Revoke("dead")
		i.RaiseEpoch("eve")
		synctest.Wait()

		i.Forget()
		for range 10 {
			mustRefuse(t, v, session, verify.ErrRevoked)
			mustRefuse(t, v, user, verify.ErrStale)
			pass(59 * time.Second)
		}
		pass(time.Minute) // now both have expired, and after the grace nothing is kept
		mustRefuse(t, v, session, verify.ErrExpired)
		pass(verify.FeedGrace)
		i.Revoke("another") // what is held is tidied when something changes
		synctest.Wait()
		if s := v.Status(); s.Revocations != 1 {
			t.Errorf("%d revocations are held, want only the new one", s.Revocations)
		}
	})
}

// idle lets a handler wait, unless nobody listens any more.
func idle(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

func TestEntriesOutliveTheLeeway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t, verify.WithLeeway(time.Minute))
		token := i.Mint(verify.Claims{SessionID: "dead"})
		i.Revoke("dead")
		synctest.Wait()
		i.Forget()
		pass(verifytest.TTL + 50*time.Second)
		i.Revoke("another") // what is held is tidied when something changes
		synctest.Wait()
		mustRefuse(t, v, token, verify.ErrRevoked)
	})
}

func TestAnEpochNeverFalls(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t)
		for range 5 {
			i.RaiseEpoch("eve")
		}
		synctest.Wait()
		i.Forget()
		i.RaiseEpoch("eve")
		synctest.Wait()
		mustRefuse(t, v, i.Mint(verify.Claims{Subject: "eve"}), verify.ErrStale)
		mustAccept(t, v, i.Mint(verify.Claims{Subject: "eve", Epoch: 6}))
	})
}

func TestAReplayIsNotBelievedByAVerifierThatStarts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		old := i.Sign(verify.FeedType, verify.Snapshot{Issuer: issuer, AsOf: time.Now(), Incarnation: "0", Window: verifytest.TTL}.Payload())
		pass(71 * time.Second) // a minute of skew and ten seconds of age
		n.breakWith(serve(func(*http.Request) string { return old }))
		v := n.verifier(t, verify.WithFeed(verify.Feed{WhenStale: verify.Reject}))
		mustRefuse(t, v, i.Mint(verify.Claims{}), verify.ErrRevocationsUnavailable)
		if s := v.Status(); !s.AsOf.IsZero() || s.FeedError == nil {
			t.Errorf("status %+v", s)
		}
	})
}

func TestTheNewestDocumentIsNewsOnlyOnce(t *testing.T) {
	t.Parallel()
	// Something on the way answers from its memory: with the newest it ever saw.
	for _, form := range []string{"a snapshot", "a heartbeat"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, i := world(t)
				v := n.verifier(t, verify.WithFeed(verify.Feed{WhenStale: verify.Reject}))
				pass(time.Minute)
				s := verify.Snapshot{Issuer: issuer, AsOf: time.Now(), Incarnation: "0", Window: verifytest.TTL}
				newest := i.Sign(verify.FeedType, s.Payload())
				if form == "a heartbeat" {
					newest = "304 " + i.Sign(verify.FeedType, s.Heartbeat())
				}
				n.breakWith(serve(func(*http.Request) string { return newest }))
				i.Break()
				synctest.Wait()
				i.Mend()
				pass(9 * time.Second)
				mustAccept(t, v, i.Mint(verify.Claims{}))
				pass(4 * time.Second)
				mustRefuse(t, v, i.Mint(verify.Claims{}), verify.ErrRevocationsUnavailable)
				if v.Status().FeedError == nil {
					t.Error("that there are no news is not reported")
				}
				n.breakWith(nil)
				pass(8 * time.Second)
				mustAccept(t, v, i.Mint(verify.Claims{}))
			})
		})
	}
}

func TestAnIssuerWhoseClockStepsBackIsBelievedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		var back atomic.Int64
		i.Now = func() time.Time { return time.Now().Add(-time.Duration(back.Load())) }
		v := n.verifier(t, verify.WithFeed(verify.Feed{WhenStale: verify.Reject}))
		pass(time.Minute)
		back.Store(int64(20 * time.Second))
		pass(15 * time.Second)
		mustRefuse(t, v, i.Mint(verify.Claims{}), verify.ErrRevocationsUnavailable)
		pass(15 * time.Second)
		for range 60 {
			mustAccept(t, v, i.Mint(verify.Claims{}))
			pass(time.Second)
		}
	})
}

func TestAHeartbeatOfOtherEntriesMakesItAsk(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		// A stream that brings heartbeats alone, though something was revoked.
		n.breakWith(func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("Accept") != "text/event-stream" {
				return false
			}
			if r.Header.Get("Accept-Encoding") != "identity" {
				t.Error("the stream may come compressed, and so in blocks")
			}
			w.Header().Set("Content-Type", "text/event-stream")
			s := verify.Snapshot{Issuer: issuer, Incarnation: "0", Window: verifytest.TTL}
			for r.Context().Err() == nil {
				s.AsOf = time.Now()
				_, _ = fmt.Fprintf(w, "event: revocations\ndata: %s\n\n", i.Sign(verify.FeedType, s.Heartbeat()))
				idle(r, time.Second)
				if i.Revoked("dead") {
					s.Sessions = []string{"dead"}
				}
			}
			return true
		})
		v := n.verifier(t)
		pass(5 * time.Second)
		i.Revoke("dead")
		pass(time.Second)
		mustRefuse(t, v, i.Mint(verify.Claims{SessionID: "dead"}), verify.ErrRevoked)
		pass(5 * time.Second)
		if streams := n.requests(verify.FeedPath + " (stream)"); streams != 1 {
			t.Errorf("%d streams, want the first to last", streams)
		}
	})
}

func TestAfterAGoodTimeAFailureIsTheFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t)
		n.breakWith(cut)
		i.Break()
		pass(time.Minute) // by now it waits for seconds between attempts
		n.breakWith(nil)
		i.Mend()
		pass(time.Minute)

		i.Break()
		synctest.Wait()
		i.Mend()
		i.Revoke("dead")
		pass(500 * time.Millisecond)
		mustRefuse(t, v, i.Mint(verify.Claims{SessionID: "dead"}), verify.ErrRevoked)
	})
}

func TestEntriesStayWhileTheIssuerListsThem(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t)
		i.Revoke("dead")
		i.RaiseEpoch("eve")
		pass(verifytest.TTL + verify.FeedGrace + time.Minute)
		i.Revoke("another")
		synctest.Wait()
		if s := v.Status(); s.Revocations != 3 {
			t.Errorf("%d revocations are held, want 3", s.Revocations)
		}
		mustRefuse(t, v, i.Mint(verify.Claims{SessionID: "dead"}), verify.ErrRevoked)
	})
}

func TestWhereStreamsAreHeldBackTheFeedIsPolled(t *testing.T) {
	t.Parallel()
	// hold answers a stream as a proxy does that waits for its end, or that lets
	// it through late.
	hold := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Accept") != "text/event-stream" {
			return false
		}
		<-r.Context().Done()
		return true
	}
	refuse := func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("Accept") != "text/event-stream" {
			return false
		}
		w.WriteHeader(http.StatusNotAcceptable)
		return true
	}
	for name, fault := range map[string]func(http.ResponseWriter, *http.Request) bool{"held": hold, "refused": refuse} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, i := world(t)
				n.breakWith(fault)
				v := n.verifier(t, verify.WithFeed(verify.Feed{WhenStale: verify.Reject}))
				token := i.Mint(verify.Claims{SessionID: "s"})
				pass(10 * time.Second)
				for range 280 {
					mustAccept(t, v, token)
					pass(time.Second)
				}
				if streams := n.requests(verify.FeedPath + " (stream)"); streams != 1 {
					t.Errorf("%d streams were tried in less than five minutes", streams)
				}
				pass(30 * time.Second)
				if streams := n.requests(verify.FeedPath + " (stream)"); streams != 2 {
					t.Errorf("%d streams were tried in a little more than five minutes", streams)
				}
				token = i.Mint(verify.Claims{SessionID: "s"})
				i.Revoke("s")
				pass(time.Second)
				mustRefuse(t, v, token, verify.ErrRevoked)
			})
		})
	}
}

func TestAStreamThatFallsBehindIsNoticed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t, verify.WithFeed(verify.Feed{WhenStale: verify.Reject}))
		token := i.Mint(verify.Claims{SessionID: "s"})
		pass(2 * verify.HeartbeatInterval)
		mustAccept(t, v, token)

		// From now on documents come every second, each half a second later than the
		// one before.
		polled := false
		late := func(w http.ResponseWriter, r *http.Request) bool {
			switch {
			case r.URL.Path != verify.FeedPath:
				return false
			case r.Header.Get("Accept") != "text/event-stream":
				again := polled
				polled = true
				return again && cut(w, r)
			}
			w.Header().Set("Content-Type", "text/event-stream")
			start := time.Now()
			for r.Context().Err() == nil {
				s := verify.Snapshot{Issuer: issuer, AsOf: start.Add(time.Since(start) / 2), Incarnation: "0", Window: verifytest.TTL}
				_, _ = fmt.Fprintf(w, "event: revocations\ndata: %s\n\n", i.Sign(verify.FeedType, s.Payload()))
				idle(r, time.Second)
			}
			return true
		}
		n.breakWith(late)
		i.Break() // ends the stream that flows
		synctest.Wait()
		i.Mend()
		pass(17 * time.Second)
		mustAccept(t, v, token)
		pass(6 * time.Second)
		mustRefuse(t, v, token, verify.ErrRevocationsUnavailable)
	})
}

func TestClocksMayDifferByAMinute(t *testing.T) {
	t.Parallel()
	for _, skew := range []time.Duration{-time.Minute, time.Minute} {
		t.Run(skew.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n, i := world(t)
				i.Now = func() time.Time { return time.Now().Add(skew) }
				v := n.verifier(t, verify.WithFeed(verify.Feed{WhenStale: verify.Reject}))
				for range 20 {
					mustAccept(t, v, i.Mint(verify.Claims{}))
					pass(time.Second)
				}
				token := i.Mint(verify.Claims{SessionID: "s"})
				i.Revoke("s")
				synctest.Wait()
				mustRefuse(t, v, token, verify.ErrRevoked)
			})
		})
	}
}

func TestAnAPIWhoseClockIsAheadRefusesALittleEarly(t *testing.T) {
	t.Parallel()
	s := signers()[verify.HS256]
	token := s.token(t, claims(nil)) // expires at ten past
	ahead := func(passed time.Duration) *verify.Verifier {
		return s.verifier(t, verify.WithNow(at(noon.Add(passed+time.Minute))))
	}
	mustAccept(t, ahead(9*time.Minute+29*time.Second), token)
	mustRefuse(t, ahead(9*time.Minute+30*time.Second), token, verify.ErrExpired)
}

func TestClocksThatDriftApartDoNotStopTheNews(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		start := time.Now()
		// The issuer's clock loses a second in twenty minutes, ten times what a poor one
		// does: in two hours it falls further behind than news may be old here.
		i.Now = func() time.Time { now := time.Now(); return now.Add(-now.Sub(start) / 1200) }
		v := n.verifier(t, verify.WithFeed(verify.Feed{WhenStale: verify.Reject, MaxAge: 2 * verify.HeartbeatInterval}))
		for range 2 {
			pass(time.Hour)
			mustAccept(t, v, i.Mint(verify.Claims{}))
		}
		if streams := n.requests(verify.FeedPath + " (stream)"); streams != 1 {
			t.Errorf("%d streams, want the first to last", streams)
		}
	})
}

func TestATokenThatOutlivesTheWindowIsRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t)
		now := time.Now()
		// The issuer's feed promises to remember revocations for ten minutes only.
		long := claims(map[string]any{"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "aud": verifytest.Audience})
		mustRefuse(t, v, i.Sign("at+jwt", []byte(jsonText(t, long))), verify.ErrLifetime)
	})
}

func TestWithoutAFeedTokensLiveUntilTheyExpire(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		v := n.verifier(t, verify.WithoutFeed())
		token := i.Mint(verify.Claims{SessionID: "s"})
		i.Revoke("s")
		pass(time.Second)
		mustAccept(t, v, token)
		if s := v.Status(); s.Following || n.requests(verify.FeedPath) != 0 {
			t.Errorf("status %+v, %d requests", s, n.requests(verify.FeedPath))
		}
	})
}

func TestAnIssuerThatAnnouncesNoFeedIsNotFollowed(t *testing.T) {
	t.Parallel()
	foreign := func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/.well-known/oauth-authorization-server" {
			return false
		}
		_, _ = fmt.Fprintf(w, `{"issuer":%q,"jwks_uri":%q}`, issuer, issuer+"/.well-known/jwks.json")
		return true
	}
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		n.breakWith(foreign)
		said := &log{}
		v := n.verifier(t, verify.WithLogger(said.logger()))
		pass(time.Minute)
		if said.count("announces no revocations") != 1 {
			t.Errorf("the log: %s", said)
		}
		mustAccept(t, v, i.Mint(verify.Claims{}))
		if v.Status().Following {
			t.Error("it says that it follows a feed")
		}
		if err := v.Ready(); err != nil {
			t.Errorf("Ready() = %v", err)
		}

		// Who asks for a feed gets it, though the metadata do not name it.
		asked := n.verifier(t, verify.WithFeed(verify.Feed{}))
		i.Revoke("s")
		synctest.Wait()
		mustRefuse(t, asked, i.Mint(verify.Claims{SessionID: "s"}), verify.ErrRevoked)
	})
}

func TestNewDoesNotWaitLongForAFeedThatIsSilent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n, i := world(t)
		n.breakWith(cutPath(verify.FeedPath))
		start := time.Now()
		said := &log{}
		v := n.verifier(t, verify.WithLogger(said.logger()))
		if waited := time.Since(start); waited != 3*time.Second {
			t.Errorf("waited for %s", waited)
		}
		pass(6 * time.Second)
		if said.count("level=ERROR") != 0 {
			t.Errorf("an alarm while it may still be starting: %s", said)
		}
		pass(3 * time.Second)
		if said.count("level=ERROR") != 1 {
			t.Errorf("no alarm: %s", said)
		}
		mustAccept(t, v, i.Mint(verify.Claims{}))
		strict := n.verifier(t, verify.WithFeed(verify.Feed{WhenStale: verify.Reject, StartWait: time.Second}))
		mustRefuse(t, strict, i.Mint(verify.Claims{}), verify.ErrRevocationsUnavailable)
	})
}

func mustAccept(t testing.TB, v *verify.Verifier, token string) {
	t.Helper()
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Fatalf("refused: %v", err)
	}
}

func mustRefuse(t testing.TB, v *verify.Verifier, token string, want error) {
	t.Helper()
	for _, visit := range []string{"first", "second"} {
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) {
			t.Fatalf("%s time: %v, want %v", visit, err, want)
		}
	}
}

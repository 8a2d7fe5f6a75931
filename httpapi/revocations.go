package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/watchwordauth/watchword/verify"
)

// streamFor is how long one stream lasts at most. Its follower then connects
// again, to another node perhaps, so that a deployment drains.
const streamFor = time.Hour

// streamWriteWithin is how long one document may take to be written: a follower
// that reads no more is cut off.
const streamWriteWithin = 10 * time.Second

// revocations answers GET /api/auth/revocations: all that was revoked within the
// life of an access token, signed. See package verify, which describes it and
// follows it. Nothing in it is secret: a session's id prolongs nothing.
func (a *api) revocations(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Add("Vary", "Accept")
	h.Set("Cache-Control", "no-cache")
	if wantsStream(r) {
		return a.streamRevocations(w, r)
	}
	state, err := a.feed.current(a.Config)
	if err != nil {
		return err
	}
	etag := `"` + state.set + `"`
	h.Set("ETag", etag)
	if slices.Contains(r.Header.Values("If-None-Match"), etag) {
		h.Set(verify.HeartbeatHeader, state.heartbeat)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "application/jwt")
	w.Write([]byte(state.document))
	return nil
}

// wantsStream reports whether the request asks for Server-Sent Events.
func wantsStream(r *http.Request) bool {
	for _, line := range r.Header.Values("Accept") {
		for kind := range strings.SplitSeq(line, ",") {
			kind, _, _ = strings.Cut(kind, ";")
			if strings.EqualFold(strings.TrimSpace(kind), "text/event-stream") {
				return true
			}
		}
	}
	return false
}

// streamRevocations sends the document at once and whenever an entry is added,
// and in between the heartbeat.
func (a *api) streamRevocations(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx must not hold events back
	if r.Method == http.MethodHead {
		return nil
	}
	ctx := r.Context()
	controller := http.NewResponseController(w)
	// Not every connection has deadlines, and some servers bound a whole answer.
	_ = controller.SetReadDeadline(time.Time{})
	end := time.NewTimer(streamFor)
	defer end.Stop()
	heartbeat := time.NewTicker(verify.HeartbeatInterval * 3 / 4)
	defer heartbeat.Stop()

	sent := ""
	for {
		state, err := a.feed.current(a.Config)
		if err != nil {
			return err
		}
		document := state.heartbeat
		if state.set != sent {
			document, sent = state.document, state.set
		}
		_ = controller.SetWriteDeadline(time.Now().Add(streamWriteWithin))
		if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", verify.FeedEvent, document); err != nil {
			return nil // gone
		}
		if err := controller.Flush(); err != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.Closing:
			return nil
		case <-end.C:
			return nil
		case <-state.changed:
		case <-heartbeat.C:
		}
	}
}

// feed is the state of the revocations as it was last signed. All followers get
// the same text, so that many cost little more than one.
type feed struct {
	mu   sync.Mutex
	last feedState
}

type feedState struct {
	changed   <-chan struct{} // closed when there is more
	signedAt  time.Time
	set       string // names the entries
	document  string // all of them
	heartbeat string // that they are still these
}

// signAgainAfter is how old a state may be that nothing was added to. A follower
// measures lateness in seconds.
const signAgainAfter = 400 * time.Millisecond

// current returns the state of now, signed.
func (f *feed) current(c Config) (feedState, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.last.changed != nil && time.Since(f.last.signedAt) < signAgainAfter {
		select {
		case <-f.last.changed:
		default:
			return f.last, nil
		}
	}
	// The channel is taken before the entries are, so that no change is missed.
	next := feedState{changed: c.Revocations.Changed(), signedAt: time.Now()}
	revoked := c.Revocations.Snapshot()
	snapshot := verify.Snapshot{
		Issuer: c.Issuer, AsOf: revoked.AsOf, Incarnation: revoked.Incarnation, Window: revoked.Window,
		Sessions: revoked.Sessions, Users: revoked.Users,
	}
	next.set = snapshot.Set()
	var err error
	if next.document, err = c.Keys.SignJWT(verify.FeedType, json.RawMessage(snapshot.Payload())); err != nil {
		return feedState{}, err
	}
	if next.heartbeat, err = c.Keys.SignJWT(verify.FeedType, json.RawMessage(snapshot.Heartbeat())); err != nil {
		return feedState{}, err
	}
	f.last = next
	return next, nil
}

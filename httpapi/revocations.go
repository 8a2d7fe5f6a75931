package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
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
	now := a.revoked()
	etag := `"` + now.Set() + `"`
	h.Set("ETag", etag)
	if slices.Contains(r.Header.Values("If-None-Match"), etag) {
		heartbeat, err := a.signFeed(now.Heartbeat())
		if err != nil {
			return err
		}
		h.Set(verify.HeartbeatHeader, heartbeat)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	document, err := a.signFeed(now.Payload())
	if err != nil {
		return err
	}
	h.Set("Content-Type", "application/jwt")
	w.Write([]byte(document))
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
		changed := a.Revocations.Changed() // taken before the state is, so that no change is missed
		now := a.revoked()
		payload := now.Heartbeat
		if set := now.Set(); set != sent {
			payload, sent = now.Payload, set
		}
		document, err := a.signFeed(payload())
		if err != nil {
			return err
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
		case <-changed:
		case <-heartbeat.C:
		}
	}
}

// revoked is what is revoked now, as package verify writes it.
func (a *api) revoked() verify.Snapshot {
	s := a.Revocations.Snapshot()
	return verify.Snapshot{
		Issuer: a.Issuer, AsOf: s.AsOf, Incarnation: s.Incarnation, Window: s.Window,
		Sessions: s.Sessions, Users: s.Users,
	}
}

func (a *api) signFeed(payload []byte) (string, error) {
	return a.Keys.SignJWT(verify.FeedType, json.RawMessage(payload))
}

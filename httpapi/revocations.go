package httpapi

import (
	"fmt"
	"net/http"
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
// follows it. Everybody may ask: it names sessions and users by digests of their ids.
func (a *api) revocations(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Add("Vary", "Accept")
	h.Set("Cache-Control", "no-cache")
	if wantsStream(r) {
		return a.streamRevocations(w, r)
	}
	held := strings.Trim(r.Header.Get("If-None-Match"), `"`)
	now, err := a.bulletin.fresh(r.Context(), held)
	if err != nil {
		return err
	}
	h.Set("ETag", `"`+now.set+`"`)
	if now.set == held {
		h.Set(verify.HeartbeatHeader, now.document)
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", "application/jwt")
	w.Write([]byte(now.document))
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
	if r.Method == http.MethodHead {
		h.Set("Content-Type", "text/event-stream")
		return nil
	}
	done := a.streams.open(entryOf(r).address)
	if done == nil {
		return problem(CodeBusy, "Too many streams are open. Please ask every second instead.").after(time.Minute)
	}
	defer done()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx must not hold events back
	ctx := r.Context()
	controller := http.NewResponseController(w)
	// The bound is for bodies; a stream outlasts it, and comes without one.
	if r.ContentLength == 0 {
		_ = controller.SetReadDeadline(time.Time{})
	}
	end := time.NewTimer(streamFor)
	defer end.Stop()
	heartbeat := time.NewTicker(verify.HeartbeatInterval * 3 / 4)
	defer heartbeat.Stop()

	sent, read := "", a.bulletin.fresh
	for {
		changed := a.Revocations.Changed() // taken before the state is, so that no change is missed
		now, err := read(ctx, sent)
		if err != nil {
			return err
		}
		read = a.bulletin.read
		var later <-chan time.Time
		if now.later > 0 {
			changed, later = nil, time.After(now.later)
		}
		if now.later == 0 || now.set != sent {
			sent = now.set
			_ = controller.SetWriteDeadline(time.Now().Add(streamWriteWithin))
			if _, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", verify.FeedEvent, now.document); err != nil {
				return nil // gone
			}
			if err := controller.Flush(); err != nil {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-a.Closing:
			return nil
		case <-end.C:
			return nil
		case <-changed:
		case <-later:
		case <-heartbeat.C:
		}
	}
}

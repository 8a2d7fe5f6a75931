package verifytest

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/verify"
)

// ServeHTTP serves the metadata, the keys and the revocation feed.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case i.isDown():
		http.Error(w, "down", http.StatusServiceUnavailable)
	case r.URL.Path == "/.well-known/oauth-authorization-server", r.URL.Path == "/.well-known/openid-configuration":
		answer(w, map[string]string{
			"issuer": i.URL, "jwks_uri": i.URL + "/.well-known/jwks.json",
			verify.MetadataRevocations: i.URL + verify.FeedPath,
		})
	case r.URL.Path == "/.well-known/jwks.json":
		w.Header().Set("Cache-Control", "public, max-age=300")
		answer(w, map[string]any{"keys": i.webKeys()})
	case r.URL.Path == verify.FeedPath && strings.Contains(r.Header.Get("Accept"), "text/event-stream"):
		i.stream(w, r)
	case r.URL.Path == verify.FeedPath:
		i.feed(w, r)
	default:
		http.NotFound(w, r)
	}
}

func answer(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(encode(value))
}

// webKeys are the public keys as JWKs.
func (i *Issuer) webKeys() []map[string]string {
	var keys []map[string]string
	for _, k := range i.published() {
		point, err := k.private.PublicKey.Bytes()
		if err != nil {
			panic(fmt.Sprintf("verifytest: encode a key: %v", err)) // not of one that was generated
		}
		keys = append(keys, map[string]string{
			"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": k.id,
			"x": base64.RawURLEncoding.EncodeToString(point[1:33]),
			"y": base64.RawURLEncoding.EncodeToString(point[33:]),
		})
	}
	return keys
}

func (i *Issuer) published() []*key {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]*key(nil), i.keys...)
}

// keySet are the published keys, for verifiers in the same process.
type keySet struct{ issuer *Issuer }

// Key implements verify.KeySet.
func (s keySet) Key(_ context.Context, id string) (verify.Key, error) {
	for _, k := range s.issuer.published() {
		if k.id == id {
			return verify.Key{ID: id, Algorithm: verify.ES256, Public: &k.private.PublicKey}, nil
		}
	}
	return verify.Key{}, verify.ErrUnknownKey
}

// feed answers a GET of the revocations.
func (i *Issuer) feed(w http.ResponseWriter, r *http.Request) {
	snapshot, _ := i.snapshot()
	tag := `"` + snapshot.Set() + `"`
	w.Header().Set("ETag", tag)
	w.Header().Set("Cache-Control", "no-cache")
	if r.Header.Get("If-None-Match") == tag {
		w.Header().Set(verify.HeartbeatHeader, i.Sign(verify.FeedType, snapshot.Heartbeat()))
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/jwt")
	_, _ = w.Write([]byte(i.Sign(verify.FeedType, snapshot.Payload())))
}

// stream sends the revocations whenever they change, and heartbeats between.
func (i *Issuer) stream(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	control := http.NewResponseController(w)
	heartbeat := time.NewTicker(verify.HeartbeatInterval)
	defer heartbeat.Stop()
	sent := ""
	for !i.isDown() {
		snapshot, changed := i.snapshot()
		payload := snapshot.Heartbeat()
		if set := snapshot.Set(); set != sent {
			payload, sent = snapshot.Payload(), set
		}
		_, err := fmt.Fprintf(w, "event: %s\ndata: %s\n\n", verify.FeedEvent, i.Sign(verify.FeedType, payload))
		if err != nil || control.Flush() != nil {
			return
		}
		select {
		case <-changed:
		case <-heartbeat.C:
		case <-r.Context().Done():
			return
		}
	}
}

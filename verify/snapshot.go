package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// The names of the revocation feed, which the package comment describes.
const (
	FeedPath            = "/api/auth/revocations"     // below the issuer, unless the metadata say otherwise
	FeedType            = "watchword-revocations+jwt" // typ of its documents
	FeedEvent           = "revocations"               // of the event stream
	HeartbeatHeader     = "Watchword-Heartbeat"       // of an answer 304
	HeartbeatInterval   = 2 * time.Second             // at most, between two documents of a stream
	MetadataRevocations = "watchword_revocations_uri" // the metadata's name for the feed's URL
	FeedGrace           = Skew + maxLeeway            // how long entries outlive the window
	maxLeeway           = time.Minute                 // see WithLeeway
	maxFeed             = 16 << 20                    // bytes of a document
)

// Snapshot is all that is revoked at one moment and still matters. The issuer
// signs its Payload, or its Heartbeat, under the type FeedType.
type Snapshot struct {
	Issuer string

	// AsOf is when the state was read. It only grows.
	AsOf time.Time

	// Incarnation changes when the issuer may have forgotten revocations: when a
	// backup is restored.
	Incarnation string

	// Window is the longest lifetime of an access token that may be alive. Entries
	// are kept for it and FeedGrace after the revocation.
	Window time.Duration

	Sessions []string          // sid of each session that was ended
	Users    map[string]uint64 // sub → epoch: tokens with a smaller one are stale
}

// Set identifies the entries: it is equal for equal ones and serves as the ETag,
// without its quotation marks.
func (s Snapshot) Set() string {
	sessions := slices.Clone(s.Sessions)
	slices.Sort(sessions)
	users := slices.Sorted(maps.Keys(s.Users))
	digest := sha256.New()
	fmt.Fprintf(digest, "%q\n", s.Incarnation)
	for _, id := range slices.Compact(sessions) {
		fmt.Fprintf(digest, "s%q\n", id)
	}
	for _, subject := range users {
		fmt.Fprintf(digest, "u%q%d\n", subject, s.Users[subject])
	}
	return hex.EncodeToString(digest.Sum(nil)[:16])
}

// document is a Snapshot, or a heartbeat, as it is written.
type document struct {
	Issuer      string            `json:"iss"`
	IssuedAt    int64             `json:"iat"`
	AsOf        int64             `json:"as_of"` // milliseconds
	Incarnation string            `json:"incarnation"`
	Window      int64             `json:"window"` // seconds
	Set         string            `json:"set"`
	Full        bool              `json:"full,omitempty"`
	Sessions    []digest          `json:"sessions,omitempty"`
	Users       map[digest]uint64 `json:"users,omitempty"`
}

func (s Snapshot) document() document {
	return document{
		Issuer: s.Issuer, IssuedAt: s.AsOf.Unix(), AsOf: s.AsOf.UnixMilli(),
		Incarnation: s.Incarnation, Window: int64((s.Window + time.Second - 1) / time.Second), Set: s.Set(),
	}
}

// Payload is the document with all entries, in JSON. They are digests of the ids.
func (s Snapshot) Payload() []byte {
	d := s.document()
	d.Full = true
	for _, id := range s.Sessions {
		d.Sessions = append(d.Sessions, digestOfSession(id))
	}
	if len(s.Users) > 0 {
		d.Users = make(map[digest]uint64, len(s.Users))
	}
	for subject, epoch := range s.Users {
		d.Users[digestOfUser(subject)] = epoch
	}
	return d.encode()
}

// Heartbeat is the short document that says: at AsOf these were still the entries.
func (s Snapshot) Heartbeat() []byte { return s.document().encode() }

func (d document) encode() []byte {
	text, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("verify: encode revocations: %v", err)) // numbers and strings always encode
	}
	return text
}

// parseDocument reads either document.
func parseDocument(text string) (document, error) {
	var d document
	r := reader{text: text}
	entry := func(text string) digest {
		parsed, err := parseDigest(text)
		if err != nil {
			r.fail()
		}
		return parsed
	}
	r.object(func(name string) {
		switch name {
		case "iss":
			d.Issuer = r.string()
		case "iat":
			d.IssuedAt = r.seconds()
		case "as_of":
			d.AsOf = int64(r.natural())
		case "incarnation":
			d.Incarnation = r.string()
		case "window":
			d.Window = int64(min(r.natural(), lastSecond))
		case "set":
			d.Set = r.string()
		case "full":
			d.Full = r.bool()
		case "sessions":
			r.array(func() { d.Sessions = append(d.Sessions, entry(r.string())) })
		case "users":
			d.Users = map[digest]uint64{}
			r.mapping(func(name string) bool {
				user := entry(name)
				_, twice := d.Users[user]
				d.Users[user] = r.natural()
				return !twice
			})
		default:
			r.skip()
		}
	})
	r.end()
	switch {
	case r.failed:
		return document{}, errors.New("not strict JSON")
	case d.AsOf == 0 || d.Window <= 0 || d.Set == "":
		return document{}, errors.New("without as_of, window or set")
	}
	return d, nil
}

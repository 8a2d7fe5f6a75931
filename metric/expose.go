package metric

import (
	"io"
	"maps"
	"slices"
	"time"

	"github.com/watchwordauth/watchword/internal/batch"
	"github.com/watchwordauth/watchword/session"
)

// State is how things stand, which is asked when the metrics are.
type State struct {
	Version string // of Watchword
	Count          // of users and sessions, when they were counted last

	RevokedSessions, RevokedUsers int            // that resource servers must know of
	RevocationsAge                time.Duration  // since the store was read last
	Followers                     int            // streams of revocations
	SigningKeyAge                 time.Duration  // of the key that signs; 0 if none does
	SigningKeys                   map[string]int // by state
}

// statuses are the classes of answers, as labels.
var statuses = [...]string{"other", "1xx", "2xx", "3xx", "4xx", "5xx"}

// WriteText writes every metric, in the format of ContentType. What is documented
// in docs/operations.md is what is written here.
func (n *Node) WriteText(w io.Writer, s State) error {
	t := &text{b: make([]byte, 0, 64<<10)}
	n.exposeAccounts(t, s)
	n.exposeSessions(t, s)
	n.exposeStores(t)
	n.exposeHTTP(t)
	exposeProcess(t, n.started, s.Version)
	_, err := w.Write(t.b)
	return err
}

func (n *Node) exposeAccounts(t *text, s State) {
	t.family("watchword_sign_ins_total", counts, "Attempts to sign in, by how they ended.")
	for _, o := range n.signIns.words {
		t.sample("watchword_sign_ins_total", labels("").label("outcome", string(o)), float64(n.signIns.of(o).Load()))
	}
	t.single("watchword_hashing_running", level, "Passwords that are being hashed.", float64(n.hashing.Running()))
	t.single("watchword_hashing_waiting", level, "Passwords that wait to be hashed.", float64(n.hashing.Waiting()))
	t.single("watchword_hashes_total", counts, "Passwords that were hashed.", float64(n.hashing.Runs()))
	t.single("watchword_hashing_refused_total", counts, "Passwords not hashed because too many waited, or for too long.", float64(n.hashing.Refused()))
	t.family("watchword_users", level, "Users of the installation, as they were counted last.")
	t.sample("watchword_users", `state="active"`, float64(s.Users-s.Blocked))
	t.sample("watchword_users", `state="blocked"`, float64(s.Blocked))
}

func (n *Node) exposeSessions(t *text, s State) {
	t.family("watchword_refreshes_total", counts, "Refresh tokens that were presented, by the verdict about them.")
	for kind := session.Ended; kind <= session.Ahead; kind++ {
		t.sample("watchword_refreshes_total", labels("").label("verdict", kind.String()), float64(n.refreshes[kind].Load()))
	}
	t.single("watchword_heals_total", counts, "Rotations that the store had lost and a refresh token proved.", float64(n.heals.Load()))
	t.single("watchword_sessions_begun_total", counts, "Sessions that began.", float64(n.begun.Load()))
	t.family("watchword_sessions_ended_total", counts, "Sessions that were ended, by reason; not those that expired.")
	for _, reason := range n.ended.words {
		t.sample("watchword_sessions_ended_total", labels("").label("reason", string(reason)), float64(n.ended.of(reason).Load()))
	}
	t.single("watchword_sessions", level, "Live sessions of the installation, as they were counted last.", float64(s.Sessions))
	t.family("watchword_revocations", level, "Revocations that resource servers must know of.")
	t.sample("watchword_revocations", `of="sessions"`, float64(s.RevokedSessions))
	t.sample("watchword_revocations", `of="users"`, float64(s.RevokedUsers))
	t.single("watchword_revocations_age_seconds", level, "How long ago the revocations of other nodes were read.", s.RevocationsAge.Seconds())
	t.single("watchword_revocation_followers", level, "Resource servers that follow the revocations by a stream.", float64(s.Followers))
	t.single("watchword_signing_key_age_seconds", level, "How long the key has signed that signs now; 0 if none does, or if it is a shared secret.", s.SigningKeyAge.Seconds())
	t.family("watchword_signing_keys", level, "Signing keys, by where in their life they are.")
	for _, state := range slices.Sorted(maps.Keys(s.SigningKeys)) {
		t.sample("watchword_signing_keys", labels("").label("state", state), float64(s.SigningKeys[state]))
	}
}

func (n *Node) exposeStores(t *text) {
	verbs := n.stores.verbs()
	t.family("watchword_store_duration_seconds", histograms, "How long calls to the stores took, by store and verb.")
	for _, v := range verbs {
		t.took("watchword_store_duration_seconds", v.labels(), &v.took)
	}
	t.family("watchword_store_failures_total", counts, "Calls to the stores that failed, by store and verb.")
	for _, v := range verbs {
		t.sample("watchword_store_failures_total", v.labels(), float64(v.failed.Load()))
	}
	t.family("watchword_store_batch_size", histograms, "How many calls shared one round trip to the database, by store and verb.")
	exposeBatches(t, "users", n.stores.users.Store)
	exposeBatches(t, "sessions", n.stores.sessions.Store)
}

func (v *verb) labels() labels { return labels("").label("store", v.store).label("verb", v.name) }

// gatherer is a store that answers many calls at once.
type gatherer interface {
	Batches() map[string]batch.Sizes // by verb
}

// exposeBatches writes how large the batches were, of stores that gather any.
func exposeBatches(t *text, name string, of any) {
	g, ok := of.(gatherer)
	if !ok {
		return
	}
	batches := g.Batches()
	for _, verb := range slices.Sorted(maps.Keys(batches)) {
		sizes := batches[verb]
		var bounds []float64
		for i := range sizes.Batches {
			bounds = append(bounds, float64(int(1)<<i))
		}
		in := append(slices.Clone(sizes.Batches[:]), 0) // none is larger
		t.histogram("watchword_store_batch_size", labels("").label("store", name).label("verb", verb), bounds, in, float64(sizes.Calls))
	}
}

func (n *Node) exposeHTTP(t *text) {
	routes := n.allRoutes()
	t.family("watchword_http_requests_total", counts, "Requests that were answered, by route and class of status.")
	for _, r := range routes {
		for class, name := range statuses {
			if answered := r.answers[class].Load(); answered > 0 {
				t.sample("watchword_http_requests_total", r.labels().label("status", name), float64(answered))
			}
		}
	}
	t.family("watchword_http_request_duration_seconds", histograms, "How long requests took, by route.")
	for _, r := range routes {
		if r.used() {
			t.took("watchword_http_request_duration_seconds", r.labels(), &r.took)
		}
	}
}

func (r *Route) labels() labels {
	if r.pattern == "" {
		return labels("").label("route", "none")
	}
	return labels("").label("route", r.pattern)
}

func (r *Route) used() bool {
	for class := range r.answers {
		if r.answers[class].Load() > 0 {
			return true
		}
	}
	return false
}

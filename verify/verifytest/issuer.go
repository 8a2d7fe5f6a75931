// Package verifytest is an issuer in a box: it lets the tests of an API have
// access tokens without a sign-in server.
//
//	issuer := verifytest.New(t)
//	api := newAPI(issuer.Verifier(t))          // or verify.New(ctx, issuer.URL, issuer.Audience)
//	token := issuer.Mint(verify.Claims{Roles: []string{"admin"}})
//
// The issuer signs with a key of its own, publishes metadata, keys and the
// revocation feed over HTTP as Watchword does, and can be made to fail. Its tokens
// are real ones: only the key is worthless.
package verifytest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/watchwordauth/watchword/verify"
)

// The Claims that Mint fills in.
const (
	Subject  = "019aa3c1-0000-7000-8000-000000000001"
	Username = "ada"
	Audience = "https://api.example.com"
	TTL      = 10 * time.Minute
)

// Issuer issues access tokens, revokes them, and serves what resource servers
// ask for. It is safe for concurrent use.
type Issuer struct {
	URL      string           // the issuer: iss, and where it is served
	Audience string           // aud of its tokens
	Now      func() time.Time // its clock

	mu          sync.Mutex
	keys        []*key        // the last one signs
	made        int           // keys so far
	minted      int           // tokens so far
	longest     time.Duration // lifetime of one of them
	incarnation int
	sessions    []string
	epochs      map[string]uint64
	changed     chan struct{} // closed, and replaced, at every change
	down        bool
}

// key is a signing key.
type key struct {
	id      string
	private *ecdsa.PrivateKey
}

// New starts an issuer on a port of this machine. It stops with the test.
func New(t testing.TB) *Issuer {
	t.Helper()
	i := NewIssuer("")
	server := httptest.NewServer(i)
	i.URL = server.URL
	t.Cleanup(func() {
		server.CloseClientConnections() // streams do not end by themselves
		server.Close()
	})
	return i
}

// NewIssuer makes an issuer that nobody serves: mount it as an http.Handler at
// the root of url, or use Verifier, which needs no network.
func NewIssuer(url string) *Issuer {
	i := &Issuer{URL: url, Audience: Audience, Now: time.Now, longest: TTL, epochs: map[string]uint64{}, changed: make(chan struct{})}
	i.RotateKey()
	return i
}

// Verifier makes a verifier of the issuer's tokens that reads its keys and its
// revocations directly: what is revoked is refused at once. It is closed with the
// test. To test over HTTP, call verify.New with the issuer's URL instead.
func (i *Issuer) Verifier(t testing.TB, options ...verify.Option) *verify.Verifier {
	t.Helper()
	options = append([]verify.Option{verify.WithKeys(keySet{i}), verify.WithRevocations(i), verify.WithNow(i.Now)}, options...)
	v, err := verify.New(t.Context(), i.URL, i.Audience, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.Close() })
	return v
}

// Mint issues an access token. What the claims leave zero is filled in: the user
// ada, a new session, issued now for ten minutes, with the user's present epoch
// and no roles.
func (i *Issuer) Mint(c verify.Claims) string {
	i.mu.Lock()
	i.minted++
	number := i.minted
	i.mu.Unlock()

	fill(&c.Issuer, i.URL)
	fill(&c.Subject, Subject)
	fill(&c.ClientID, "verifytest")
	fill(&c.ID, fmt.Sprintf("token-%d", number))
	fill(&c.SessionID, fmt.Sprintf("%032x", number))
	if c.Username == "" && c.Subject == Subject {
		c.Username = Username
	}
	if c.Audience == nil {
		c.Audience = []string{i.Audience}
	}
	if c.IssuedAt.IsZero() {
		c.IssuedAt = i.Now()
		if !c.Expiry.IsZero() && !c.Expiry.After(c.IssuedAt) {
			c.IssuedAt = c.Expiry.Add(-TTL)
		}
	}
	if c.Expiry.IsZero() {
		c.Expiry = c.IssuedAt.Add(TTL)
	}
	i.outlive(c.Expiry.Sub(c.IssuedAt))
	if c.AuthTime.IsZero() {
		c.AuthTime = c.IssuedAt
	}
	if c.Epoch == 0 {
		c.Epoch = i.Epoch(c.Subject)
	}
	payload := map[string]any{
		"iss": c.Issuer, "sub": c.Subject, "aud": c.Audience, "client_id": c.ClientID,
		"iat": c.IssuedAt.Unix(), "exp": c.Expiry.Unix(), "jti": c.ID, "sid": c.SessionID,
		"auth_time": c.AuthTime.Unix(), "roles": append([]string{}, c.Roles...), "epoch": c.Epoch,
	}
	if c.Username != "" {
		payload["preferred_username"] = c.Username
	}
	if c.Email != "" {
		payload["email"] = c.Email
	}
	return i.Sign("at+jwt", encode(payload))
}

// outlive makes the feed's window cover a token of this lifetime.
func (i *Issuer) outlive(lifetime time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if lifetime > i.longest {
		i.longest = lifetime
		i.change()
	}
}

// MintExpired issues an access token that expired an hour ago.
func (i *Issuer) MintExpired(c verify.Claims) string {
	c.Expiry = i.Now().Add(-time.Hour)
	c.IssuedAt = c.Expiry.Add(-TTL)
	return i.Mint(c)
}

// fill sets what is empty.
func fill(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// Sign signs any payload as a compact JWS of the given type, with the present key.
func (i *Issuer) Sign(typ string, payload []byte) string {
	i.mu.Lock()
	k := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	header := encode(map[string]string{"alg": "ES256", "kid": k.id, "typ": typ})
	input := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	digest := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, k.private, digest[:])
	if err != nil {
		panic(fmt.Sprintf("verifytest: sign: %v", err)) // not with a P-256 key and crypto/rand
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// Revoke ends the session of this id: its tokens are revoked.
func (i *Issuer) Revoke(sessionID string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sessions = append(i.sessions, sessionID)
	i.change()
}

// RaiseEpoch makes the tokens that the user has stale, as a change of roles does,
// and returns the new epoch. Tokens minted from now on have it.
func (i *Issuer) RaiseEpoch(subject string) uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.epochs[subject] = max(1, i.epochs[subject]) + 1
	i.change()
	return i.epochs[subject]
}

// Epoch is the user's present epoch. It begins with 1.
func (i *Issuer) Epoch(subject string) uint64 {
	i.mu.Lock()
	defer i.mu.Unlock()
	return max(1, i.epochs[subject])
}

// Forget makes the issuer forget all revocations, as restoring an old backup does.
func (i *Issuer) Forget() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.sessions, i.epochs = nil, map[string]uint64{}
	i.incarnation++
	i.change()
}

// change wakes the streams; the lock is held.
func (i *Issuer) change() {
	close(i.changed)
	i.changed = make(chan struct{})
}

// RotateKey publishes a new key and signs with it from now on. The keys before
// stay published.
func (i *Issuer) RotateKey() {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(fmt.Sprintf("verifytest: make a key: %v", err))
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.made++
	i.keys = append(i.keys, &key{fmt.Sprintf("key-%d", i.made), private})
}

// WithdrawKeys publishes only the present key from now on: tokens that were
// signed with an older one are not accepted any more.
func (i *Issuer) WithdrawKeys() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = slices.Clone(i.keys[len(i.keys)-1:])
}

// Break makes the issuer answer 503 to everything and ends its streams; Mend
// undoes that.
func (i *Issuer) Break() { i.setDown(true) }

// Mend ends what Break began.
func (i *Issuer) Mend() { i.setDown(false) }

func (i *Issuer) setDown(down bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.down = down
	i.change()
}

// Revoked implements verify.Revocations.
func (i *Issuer) Revoked(sessionID string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Contains(i.sessions, sessionID)
}

// Stale implements verify.Revocations.
func (i *Issuer) Stale(subject string, epoch uint64) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return epoch < i.epochs[subject]
}

// snapshot is what the feed says now, and the channel that is closed when it
// says something else.
func (i *Issuer) snapshot() (verify.Snapshot, <-chan struct{}) {
	i.mu.Lock()
	defer i.mu.Unlock()
	return verify.Snapshot{
		Issuer: i.URL, AsOf: i.Now(), Incarnation: fmt.Sprint(i.incarnation), Window: i.longest,
		Sessions: slices.Clone(i.sessions), Users: maps.Clone(i.epochs),
	}, i.changed
}

// isDown reports whether Break was called.
func (i *Issuer) isDown() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.down
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("verifytest: encode: %v", err)) // maps of strings and numbers always encode
	}
	return text
}

package simulate

import (
	"errors"
	"time"
)

// This file is what a client must do to stay signed in, whatever happens to its
// messages, and to be told from a thief. The rules, each with what its absence
// leads to, are proven necessary by TestEveryConditionIsNecessary in package
// session ("client: …") and by TestMistakes here.

// Held is what a client keeps, in a storage that outlives it and that all its
// tabs share. The zero value: nobody is signed in.
type Held struct {
	// Token is the refresh token; InCookie where a cookie carries it.
	Token string
	// Key is the request key of the refreshes that present Token, sent as
	// Idempotency-Key; "" before the first.
	Key string
}

// String keeps the secrets out of what is printed.
func (Held) String() string { return "[held]" }

// GoString keeps the secrets out of what is printed.
func (Held) GoString() string { return "[held]" }

// InCookie stands for a refresh token that no script can read.
const InCookie = "(in a cookie)"

// Storage keeps what is Held.
type Storage interface {
	Load() Held
	// Swap puts next in the place of held, at once or not at all: if held is what
	// is there. It reports whether it did.
	Swap(held, next Held) bool
}

// Answer is what the server says to a refresh.
type Answer struct {
	Granted bool   // there is a new access token
	Token   string // the refresh token to hold from now on; "" where a cookie carries it
	Renewed bool   // the refresh token is not the one that was presented
	Ended   bool   // the session is over. Nothing else means that: no status, no time-out
}

// Client refreshes. Send presents a token with its request key and waits for the
// answer, ten seconds at most, after which it is false. Pause waits before the
// next try. NewKey draws 128 random bits.
type Client struct {
	Storage Storage
	Send    func(Held) (Answer, bool)
	Pause   func(time.Duration)
	NewKey  func() string // nil: a client that knows nothing of request keys
}

// What a refresh that failed means.
var (
	ErrSignedOut = errors.New("the session is over: sign in again")
	ErrTryLater  = errors.New("still signed in: try again later")
)

// How a client tries again. The longest pause is shorter than what lies between
// the server's retry window and its minimum token age (15 s): an owner who is
// kept out by a thief's rotations is heard in between, and ends the session.
const (
	tries      = 8
	firstPause = 500 * time.Millisecond
	lastPause  = 5 * time.Second
)

// Refresh gets a new access token, or says why not.
func (c *Client) Refresh() error {
	pause := firstPause
	for range tries {
		// At each try: another tab may have been faster. That is also all there
		// is to do about a 409.
		held := c.Storage.Load()
		if held == (Held{}) {
			return ErrSignedOut
		}

		// The key is drawn for one token, stored before it is sent, and shared
		// by the tabs, so that every retry bears it: a minute later, after a
		// restart, from another tab. It is never made from the token: a thief
		// who copied the storage could go on making it.
		if held.Key == "" && c.NewKey != nil {
			keyed := Held{held.Token, c.NewKey()}
			if !c.Storage.Swap(held, keyed) {
				continue
			}
			held = keyed
		}

		answer, arrived := c.Send(held)
		switch {
		case arrived && answer.Granted:
			// Only a new token ends the life of the key, and only if the storage
			// holds what was presented: an answer may be late, and a newer
			// token, or another session, there by now.
			if answer.Renewed {
				next := Held{Token: answer.Token}
				if held.Token == InCookie {
					next.Token = InCookie
				}
				c.Storage.Swap(held, next)
			}
			return nil
		case arrived && answer.Ended:
			// Likewise: somebody may have signed in again.
			if c.Storage.Swap(held, Held{}) {
				return ErrSignedOut
			}
			continue
		}
		c.Pause(pause)
		pause = min(2*pause, lastPause)
	}
	return ErrTryLater
}

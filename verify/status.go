package verify

import "time"

// Status is how a verifier is doing: for metrics and for pages of health.
type Status struct {
	Keys        int       // how many of the issuer's keys are known; zero with WithKeys
	KeysFetched time.Time // when the newest were fetched
	KeysError   error     // why the last fetch failed; nil if it did not

	Following   bool          // whether there is a feed to follow
	Stale       bool          // whether its news are too old, so that its policy applies
	Age         time.Duration // of the newest news; meaningless while there never were any
	AsOf        time.Time     // their time by the issuer's clock; zero while there never were any
	Revocations int           // sessions and users that are held
	FeedError   error         // why the feed was interrupted last; nil if it never was
}

// Status tells how the verifier is doing.
func (v *Verifier) Status() Status {
	var s Status
	if v.remote != nil {
		s.KeysError = v.remote.failure()
		if p := v.remote.published.Load(); p != nil {
			s.Keys, s.KeysFetched = len(p.keys), p.fetched
		}
	}
	if f := v.feed; f != nil && !f.none.Load() {
		now := v.now()
		known := f.revoked.Load()
		s.Following = true
		s.Stale = !f.isFresh(now)
		s.Revocations = len(known.sessions) + len(known.users)
		if fresh := f.fresh.Load(); fresh >= 0 {
			s.Age = now.Sub(f.base) - time.Duration(fresh)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		s.FeedError = f.failure
		if f.asOf != 0 {
			s.AsOf = time.UnixMilli(f.asOf).UTC()
		}
	}
	return s
}

// Ready returns nil if tokens can be verified now: a probe of readiness asks it.
// It is ErrKeysUnavailable before the issuer was first reached, and
// ErrRevocationsUnavailable while the feed's policy refuses everything.
func (v *Verifier) Ready() error {
	if v.remote != nil && v.remote.published.Load() == nil {
		return ErrKeysUnavailable
	}
	if f := v.feed; f != nil && f.WhenStale == Reject && !f.none.Load() && !f.isFresh(v.now()) {
		return ErrRevocationsUnavailable
	}
	return nil
}

package verify

// Remembered counts the tokens that are held.
func Remembered(v *Verifier) int {
	if v.cache == nil {
		return 0
	}
	held := 0
	for i := range v.cache.shards {
		s := &v.cache.shards[i]
		s.mu.RLock()
		held += len(s.young) + len(s.old)
		s.mu.RUnlock()
	}
	return held
}

// Touch makes every remembered token be compared with the revocations again, as
// a new revocation does.
func Touch(v *Verifier) {
	next := *v.feed.revoked.Load()
	next.version++
	v.feed.revoked.Store(&next)
}

// RememberedHeaders counts the headers that are held.
func RememberedHeaders(v *Verifier) int { return len(*v.headers.Load()) }

// Remembers reports whether the token is held.
func Remembers(v *Verifier, token string) bool {
	s := v.cache.shard(token)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.young[token] != nil || s.old[token] != nil
}

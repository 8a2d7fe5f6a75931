package verify

import (
	"strings"
	"sync"
)

const shards = 64

// cache remembers verified tokens, by the whole token: a shorter key would have
// to be compared in full all the same. It holds at most about size tokens. A
// shard has two generations: when the young one is full the old one is dropped
// and the young one grows old, so that keeping the bound needs no bookkeeping.
type cache struct {
	half   int // tokens in one generation of a shard
	shards [shards]shard
}

type shard struct {
	mu         sync.RWMutex
	young, old map[string]*token
	_          [16]byte // one cache line each
}

// newCache makes a cache for size tokens; zero or less remembers none.
func newCache(size int) *cache {
	if size <= 0 {
		return nil
	}
	return &cache{half: max(1, size/(2*shards))}
}

// shard chooses by the end of the signature, which nobody chooses freely.
func (c *cache) shard(text string) *shard {
	n := len(text)
	return &c.shards[(uint(text[n-2])*37+uint(text[n-3])*101+uint(text[n-4]))%shards]
}

// get returns the remembered token or nil.
func (c *cache) get(text string) *token {
	if c == nil || len(text) < 8 || len(text) > maxToken {
		return nil
	}
	s := c.shard(text)
	s.mu.RLock()
	t, young := s.young[text]
	if !young {
		t = s.old[text]
	}
	s.mu.RUnlock()
	if t != nil && !young {
		c.put(text, t)
	}
	return t
}

// put remembers a token.
func (c *cache) put(text string, t *token) {
	if c == nil {
		return
	}
	s := c.shard(text)
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.young[text]; known {
		return
	}
	if s.young == nil || len(s.young) >= c.half {
		s.old, s.young = s.young, make(map[string]*token, min(c.half, 16))
	}
	s.young[strings.Clone(text)] = t
}

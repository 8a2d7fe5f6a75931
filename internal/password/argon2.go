package password

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// Cost is what one hash costs, and so what one guess costs a thief.
type Cost struct {
	Memory uint32 // KiB
	Passes uint32 // over the memory
	Lanes  uint8  // computed in parallel
}

const (
	saltSize = 16
	tagSize  = 32
)

// argon2Hash is RFC 9106's, version 1.3.
type argon2Hash struct {
	id   bool // Argon2id, or else Argon2i
	cost Cost
	salt []byte
	tag  []byte
}

func parseArgon2(id bool, fields []string) (kept, error) {
	if len(fields) != 4 || fields[0] != "v=19" {
		return nil, refuse("an Argon2 hash is $argon2id$v=19$m=…,t=…,p=…$salt$digest; older versions are not supported")
	}
	values, err := parameters(fields[1], "m", "t", "p")
	if err != nil {
		return nil, err
	}
	memory, passes, lanes := values[0], values[1], values[2]
	switch {
	case lanes < 1 || lanes > 16:
		return nil, refuse("its p is not 1 to 16")
	case memory < 8*lanes || memory > maxMemory:
		return nil, refuse("its m is not %d to %d KiB", 8*lanes, maxMemory)
	case passes < 1 || passes > maxWork/memory:
		return nil, refuse("its t is not 1 to %d, which its m allows", maxWork/memory)
	}
	salt, tag, err := saltAndTag(fields[2], fields[3])
	if err != nil {
		return nil, err
	}
	return argon2Hash{id, Cost{uint32(memory), uint32(passes), uint8(lanes)}, salt, tag}, nil
}

// String is the hash in the PHC format.
func (a argon2Hash) String() string {
	variant := "argon2i"
	if a.id {
		variant = "argon2id"
	}
	return fmt.Sprintf("$%s$v=%d$m=%d,t=%d,p=%d$%s$%s", variant, argon2.Version, a.cost.Memory, a.cost.Passes, a.cost.Lanes,
		base64.RawStdEncoding.EncodeToString(a.salt), base64.RawStdEncoding.EncodeToString(a.tag))
}

func (a argon2Hash) derive(password string, size int) []byte {
	derive := argon2.Key
	if a.id {
		derive = argon2.IDKey
	}
	return derive([]byte(password), a.salt, a.cost.Passes, a.cost.Memory, a.cost.Lanes, uint32(size))
}

func (a argon2Hash) matches(password string) bool {
	return subtle.ConstantTimeCompare(a.derive(password, len(a.tag)), a.tag) == 1
}

func (a argon2Hash) memory() int { return int(a.cost.Memory) }

func (a argon2Hash) usual(c Cost) bool { return a.id && a.cost == c }

func (a argon2Hash) weaker(c Cost) bool {
	written := func(c Cost) uint64 { return uint64(c.Memory) * uint64(c.Passes) }
	return !a.id || a.cost.Memory < c.Memory || written(a.cost) < written(c) || len(a.salt) < saltSize
}

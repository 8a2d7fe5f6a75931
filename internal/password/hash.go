package password

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrUnsupported is returned for a hash that cannot be checked here: of an
// unknown kind, malformed, or too costly. The error says which.
var ErrUnsupported = errors.New("unsupported password hash")

// What a hash may ask of us, whoever made it. Beyond that an imported hash could
// bring the server to its knees at its user's every sign-in.
const (
	maxHashLength = 512
	maxMemory     = 256 * 1024  // KiB, for one hash
	maxWork       = 1024 * 1024 // KiB written, all passes added up: about a second
	largeMemory   = 64 * 1024   // KiB: of those that need more there is one at a time
)

// kept is a hash that was read and found acceptable.
type kept interface {
	matches(password string) bool // in constant time for its cost
	memory() int                  // KiB needed meanwhile
	usual(c Cost) bool            // it costs what a new one does
	weaker(c Cost) bool           // it is weaker than a new one
}

// Validate reports whether Check can check a hash, or fails with ErrUnsupported
// and the reason. These are accepted:
//
//	$argon2id$v=19$m=19456,t=2,p=1$salt$tag      Argon2id and Argon2i: at most 256 MiB, and 1 GiB over all passes
//	$2b$12$saltandtag                            bcrypt $2a$, $2b$ and $2y$: cost 4 to 15
//	$scrypt$ln=16,r=8,p=1$salt$tag               scrypt, as passlib writes it: the same bounds as Argon2
//
// bcrypt looks at the first 72 bytes of a password only; the systems that made
// such hashes cut the rest off in silence, so Check does too, and the next hash
// is of the whole. They also ended a password at a NUL byte: Check takes no
// password with one for a bcrypt hash, or "secret" and "secret\x00secret" would
// both be right.
func Validate(hash string) error {
	_, err := parse(hash)
	return err
}

// parse reads a hash of any accepted kind.
func parse(hash string) (kept, error) {
	if len(hash) > maxHashLength {
		return nil, refuse("it is longer than %d characters", maxHashLength)
	}
	fields := strings.Split(hash, "$")
	if len(fields) < 2 || fields[0] != "" {
		return nil, refuse("it is none of Argon2, bcrypt and scrypt: those begin with $")
	}
	switch kind := fields[1]; kind {
	case "argon2id", "argon2i":
		return parseArgon2(kind == "argon2id", fields[2:])
	case "2a", "2b", "2y":
		return parseBcrypt(hash)
	case "scrypt":
		return parseScrypt(fields[2:])
	}
	return nil, refuse("its kind is not known: Argon2id, Argon2i, bcrypt ($2a$, $2b$, $2y$) and scrypt are")
}

// refuse is an ErrUnsupported. The reason must not repeat the hash.
func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))
}

// parameters reads "a=1,b=2": exactly the named numbers, in order.
func parameters(field string, names ...string) ([]int, error) {
	parts := strings.Split(field, ",")
	if len(parts) != len(names) {
		return nil, refuse("its parameters are not %s", strings.Join(names, ", "))
	}
	values := make([]int, len(names))
	for i, part := range parts {
		digits, ok := strings.CutPrefix(part, names[i]+"=")
		if !ok {
			return nil, refuse("its parameters are not %s", strings.Join(names, ", "))
		}
		value, err := strconv.ParseUint(digits, 10, 31)
		if err != nil || digits != strconv.FormatUint(value, 10) {
			return nil, refuse("its parameter %s is not a whole number in range", names[i])
		}
		values[i] = int(value)
	}
	return values, nil
}

// saltAndTag reads the last two fields of a PHC string: base64 without padding.
func saltAndTag(salt, tag string) ([]byte, []byte, error) {
	s, err := unbase64(salt)
	if err != nil || len(s) < 8 || len(s) > 64 {
		return nil, nil, refuse("its salt is not 8 to 64 bytes in base64")
	}
	t, err := unbase64(tag)
	if err != nil || len(t) < 16 || len(t) > 64 {
		return nil, nil, refuse("its digest is not 16 to 64 bytes in base64")
	}
	return s, t, nil
}

// unbase64 reads base64, with or without padding. CR and LF, which the decoder
// would skip, are no part of it.
func unbase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, base64.CorruptInputError(0)
	}
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}

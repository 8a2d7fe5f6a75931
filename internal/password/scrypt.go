package password

import (
	"crypto/subtle"

	"golang.org/x/crypto/scrypt"
)

// scryptHash is RFC 7914's.
type scryptHash struct {
	logN, r, p int
	salt       []byte
	tag        []byte
}

func parseScrypt(fields []string) (kept, error) {
	if len(fields) != 3 {
		return nil, refuse("a scrypt hash is $scrypt$ln=…,r=…,p=…$salt$digest")
	}
	values, err := parameters(fields[0], "ln", "r", "p")
	if err != nil {
		return nil, err
	}
	s := scryptHash{logN: values[0], r: values[1], p: values[2]}
	switch {
	case s.logN < 1 || s.logN > 21:
		return nil, refuse("its ln is not 1 to 21")
	case s.r < 1 || s.r > 64:
		return nil, refuse("its r is not 1 to 64")
	case s.memory() > maxMemory:
		return nil, refuse("it needs more than %d KiB", maxMemory)
	case s.p < 1 || s.p > maxWork/max(s.memory(), 1024):
		return nil, refuse("its p is not 1 to %d, which its ln and r allow", maxWork/max(s.memory(), 1024))
	}
	if s.salt, s.tag, err = saltAndTag(fields[1], fields[2]); err != nil {
		return nil, err
	}
	return s, nil
}

func (s scryptHash) matches(password string) bool {
	tag, err := scrypt.Key([]byte(password), s.salt, 1<<s.logN, s.r, s.p, len(s.tag))
	return err == nil && subtle.ConstantTimeCompare(tag, s.tag) == 1
}

// memory is 128 bytes for each of the N blocks of r.
func (s scryptHash) memory() int { return (128*s.r<<s.logN + 1023) / 1024 }

func (s scryptHash) usual(Cost) bool  { return false }
func (s scryptHash) weaker(Cost) bool { return true }

package password

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// How long a password may be, in characters.
const (
	MinLength = 8
	MaxLength = 128
)

// Weakness is the error of a password that nobody should have.
type Weakness struct {
	Code    string // too_short, too_long, common, or same_as_name
	Message string // for the person who chose it
}

// Error implements error.
func (w *Weakness) Error() string { return w.Message }

// Judge says whether a password may be chosen by someone with these names, or
// fails with a *Weakness. There are no rules about kinds of characters: they make
// passwords harder to remember and no harder to guess (NIST SP 800-63B-4 section 3.1.1.2).
func Judge(password string, names ...string) error {
	length := utf8.RuneCountInString(password)
	if length < MinLength {
		return &Weakness{"too_short", fmt.Sprintf("The password has %s; it needs at least %d, because shorter ones are found by trying them all.", characters(length), MinLength)}
	}
	if length > MaxLength {
		return &Weakness{"too_long", fmt.Sprintf("The password has %s; it may have at most %d.", characters(length), MaxLength)}
	}
	for _, name := range names {
		if name != "" && strings.EqualFold(password, name) {
			return &Weakness{"same_as_name", "The password is your own name or address, which is the first thing that is tried. Please choose another."}
		}
	}
	if isCommon(password) {
		return &Weakness{"common", "This is one of the most used passwords, and those are tried first. Please choose another."}
	}
	return nil
}

func characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return fmt.Sprintf("%d characters", n)
}

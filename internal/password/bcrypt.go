package password

import (
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// maxBcrypt is the highest cost accepted: about two seconds.
const maxBcrypt = 15

// bcryptHash is Provos and Mazières's, whole.
type bcryptHash string

// bcryptAlphabet is what bcrypt writes its base64 in.
const bcryptAlphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func parseBcrypt(hash string) (kept, error) {
	// $2b$12$ and 22 characters of salt and 31 of digest.
	if len(hash) != 60 || hash[6] != '$' {
		return nil, refuse("a bcrypt hash is $2b$, a cost of two digits, $, and 53 characters")
	}
	for i := range len(hash) - 7 {
		if strings.IndexByte(bcryptAlphabet, hash[7+i]) < 0 {
			return nil, refuse("it has a character that no bcrypt hash has")
		}
	}
	if !digit(hash[4]) || !digit(hash[5]) {
		return nil, refuse("its cost is not two digits")
	}
	if cost, err := bcrypt.Cost([]byte(hash)); err != nil || cost > maxBcrypt {
		return nil, refuse("its cost is not %d to %d", bcrypt.MinCost, maxBcrypt)
	}
	return bcryptHash(hash), nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

func (b bcryptHash) matches(password string) bool {
	// The work is done in any case, so that time tells nothing.
	same := bcrypt.CompareHashAndPassword([]byte(b), []byte(password)) == nil
	return same && strings.IndexByte(password, 0) < 0
}

func (b bcryptHash) memory() int      { return 4 }
func (b bcryptHash) usual(Cost) bool  { return false }
func (b bcryptHash) weaker(Cost) bool { return true }

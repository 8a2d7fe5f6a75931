package verify

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// digest stands for a session or a user in the feed. Anybody may read the feed,
// and an id means nothing to who does not know it already: from its digest nobody
// learns it. Nobody chooses ids either, so that twelve bytes are never alike by
// chance or on purpose.
type digest [12]byte

func digestOfSession(id string) digest   { return digestOf("watchword/revocation/session/1", id) }
func digestOfUser(subject string) digest { return digestOf("watchword/revocation/user/1", subject) }
func (d digest) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, d[:]), nil
}

func digestOf(kind, id string) digest {
	var space [96]byte
	sum := sha256.Sum256(append(append(space[:0], kind...), id...))
	return digest(sum[:len(digest{})])
}

// errDigest refuses a document whose entries are of another form: a follower that
// went on would find none of them, and take every session for alive.
var errDigest = errors.New("an entry is not twelve bytes in base64url")

func parseDigest(text string) (digest, error) {
	var d digest
	if len(text) != base64.RawURLEncoding.EncodedLen(len(d)) {
		return digest{}, errDigest
	}
	// base64 skips CR and LF: 16 characters with one of them are fewer bytes.
	if n, err := base64.RawURLEncoding.Decode(d[:], []byte(text)); err != nil || n != len(d) {
		return digest{}, errDigest
	}
	return d, nil
}

package account

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"io"
	"time"
)

// ResetPrefix begins every reset code, so that secret scanners and log filters
// find one that leaked.
const ResetPrefix = "wwp_"

// resetCode is what a reset code says.
type resetCode struct {
	user    ID
	epoch   uint64    // the user's when it was made; it is good for no other
	expires time.Time // to the second
}

const (
	resetVersion = 1
	resetSaid    = 1 + 16 + 8 + 4 // what the MAC covers
	resetBytes   = resetSaid + 16
	resetLength  = len(ResetPrefix) + resetBytes/3*4 // no bits are left over, so one text opens as one code
)

// seal writes the code as text:
//
//	wwp_ base64url( version:1 | user:16 | epoch:8 | expires:4 | mac:16 )
func (c resetCode) seal(key []byte) string {
	raw := make([]byte, resetSaid, resetBytes)
	raw[0] = resetVersion
	copy(raw[1:17], c.user[:])
	binary.BigEndian.PutUint64(raw[17:25], c.epoch)
	binary.BigEndian.PutUint32(raw[25:29], uint32(c.expires.Unix()))
	raw = append(raw, resetMAC(key, raw)...)
	return ResetPrefix + base64.RawURLEncoding.EncodeToString(raw)
}

// openResetCode reads what one of the keys sealed, or fails with ErrResetCode. It
// needs no database.
func openResetCode(text string, keys [][]byte) (resetCode, error) {
	if len(text) != resetLength || text[:len(ResetPrefix)] != ResetPrefix {
		return resetCode{}, ErrResetCode
	}
	raw, err := base64.RawURLEncoding.DecodeString(text[len(ResetPrefix):])
	if err != nil || len(raw) != resetBytes || raw[0] != resetVersion { // shorter: Go skips line breaks
		return resetCode{}, ErrResetCode
	}
	authentic := false
	for _, key := range keys {
		if hmac.Equal(raw[resetSaid:], resetMAC(key, raw[:resetSaid])) {
			authentic = true
		}
	}
	if !authentic {
		return resetCode{}, ErrResetCode
	}
	return resetCode{
		user:    ID(raw[1:17]),
		epoch:   binary.BigEndian.Uint64(raw[17:25]),
		expires: time.Unix(int64(binary.BigEndian.Uint32(raw[25:29])), 0).UTC(),
	}, nil
}

// resetMAC is 16 bytes of HMAC-SHA256.
func resetMAC(key, said []byte) []byte {
	h := hmac.New(sha256.New, key)
	io.WriteString(h, "watchword/reset/1")
	h.Write(said)
	return h.Sum(nil)[:16]
}

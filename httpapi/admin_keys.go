package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/watchwordauth/watchword/signing"
	"github.com/watchwordauth/watchword/verify"
)

// keyRecord is a signing key as an administrator sees it.
type keyRecord struct {
	Number    int    `json:"number,omitempty"`
	ID        string `json:"id,omitempty"`
	Algorithm string `json:"algorithm"`
	State     string `json:"state"`
	CreatedAt string `json:"createdAt,omitempty"`
	ActiveAt  string `json:"activeAt,omitempty"`
	EndsAt    string `json:"endsAt,omitempty"`
}

// keyPage is all keys, and when the one that signs is replaced: absent for HS256.
type keyPage struct {
	Keys      []keyRecord `json:"keys"`
	RotatesAt string      `json:"rotatesAt,omitempty"`
}

// listKeys answers GET /api/admin/keys.
func (a *api) listKeys(w http.ResponseWriter, _ *http.Request, _ *verify.Claims) error {
	return a.replyKeys(w)
}

func (a *api) replyKeys(w http.ResponseWriter) error {
	keys := a.Keys.List()
	answer := keyPage{Keys: make([]keyRecord, 0, len(keys)), RotatesAt: timestampOrNone(a.Keys.RotatesAt())}
	for _, k := range keys {
		answer.Keys = append(answer.Keys, keyRecord{
			Number: k.Number, ID: k.ID, Algorithm: k.Algorithm, State: string(k.State),
			CreatedAt: timestampOrNone(k.CreatedAt), ActiveAt: timestampOrNone(k.ActiveAt), EndsAt: timestampOrNone(k.EndsAt),
		})
	}
	return reply(w, http.StatusOK, answer)
}

// rotateKeys answers POST /api/admin/keys/rotate. With "now", for keys that were
// lost, it refuses every access token there is, the asker's too.
func (a *api) rotateKeys(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	var now bool
	if err := decode(w, r, jsonOnly, fields{"now": &now}); err != nil {
		return err
	}
	if now {
		if err := a.requireRecent(c); err != nil {
			return err
		}
	}
	err := a.Keys.RotateNow(r.Context(), now, c.Subject)
	if errors.Is(err, signing.ErrShared) {
		return problem(CodeKeyShared, "The key is a secret that is shared with the resource servers. Change it in the settings, here and there.")
	}
	if err != nil {
		return err
	}
	return a.replyKeys(w)
}

// timestampOrNone is timestamp, and "" for a time that is not known.
func timestampOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return timestamp(t)
}

package httpapi

import (
	"net/http"
	"time"

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

// listKeys answers GET /api/admin/keys.
func (a *api) listKeys(w http.ResponseWriter, _ *http.Request, _ *verify.Claims) error {
	keys := a.Keys.List()
	answer := struct {
		Keys []keyRecord `json:"keys"`
	}{make([]keyRecord, 0, len(keys))}
	for _, k := range keys {
		answer.Keys = append(answer.Keys, keyRecord{
			Number: k.Number, ID: k.ID, Algorithm: k.Algorithm, State: string(k.State),
			CreatedAt: timestampOrNone(k.CreatedAt), ActiveAt: timestampOrNone(k.ActiveAt), EndsAt: timestampOrNone(k.EndsAt),
		})
	}
	return reply(w, http.StatusOK, answer)
}

// timestampOrNone is timestamp, and "" for a time that is not known.
func timestampOrNone(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return timestamp(t)
}

package account

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/internal/password"
)

// importRecord is one line of an import, read. The fields of the first part are
// as JSON has them.
type importRecord struct {
	Username     string          `json:"username"`
	Email        string          `json:"email"`
	PasswordHash string          `json:"passwordHash"`
	Hash         string          `json:"hash"`
	Password     string          `json:"password"`
	Roles        []importRole    `json:"roles"`
	CreatedAt    importTime      `json:"createdAt"`
	Blocked      bool            `json:"blocked"`
	ObjectID     json.RawMessage `json:"_id"`

	hash       string    // a kind that can be checked
	roles      []string  // by name
	references int       // how many roles are no names
	created    time.Time // zero if the line does not tell
}

// readRecord reads a line and judges what can be judged without the service. No
// error repeats a value of the line that may be secret.
func readRecord(line string) (importRecord, error) {
	if strings.HasPrefix(line, "[") {
		return importRecord{}, errors.New("this is a JSON array; one object a line is needed (mongoexport without --jsonArray, jq -c '.[]')")
	}
	var r importRecord
	if err := json.Unmarshal([]byte(line), &r); err != nil {
		return importRecord{}, notJSON(err)
	}
	hashes := 0
	for _, hash := range []string{r.PasswordHash, r.Hash, r.Password} {
		if hash != "" {
			hashes++
			r.hash = hash
		}
	}
	switch {
	case hashes == 0:
		return importRecord{}, errors.New("passwordHash is missing")
	case hashes > 1:
		return importRecord{}, errors.New("there is more than one of passwordHash, hash and password")
	case !strings.HasPrefix(r.hash, "$"):
		return importRecord{}, errors.New("the password is in clear, or its hash of a kind that is not known; give an Argon2, bcrypt or scrypt hash")
	}
	if err := password.Validate(r.hash); err != nil {
		return importRecord{}, err
	}
	for _, role := range r.Roles {
		if role.reference {
			r.references++
			continue
		}
		r.roles = append(r.roles, role.name)
	}
	r.created = r.CreatedAt.Time
	if r.created.IsZero() {
		r.created = bornAt(r.ObjectID)
	}
	return r, nil
}

// notJSON says what is wrong with a line, and where, without repeating it.
func notJSON(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return fmt.Errorf("it is not JSON: at byte %d", syntax.Offset)
	}
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
		return fmt.Errorf("%s is a %s, which it cannot be", wrong.Field, wrong.Value)
	}
	if errors.Is(err, errImportTime) || errors.Is(err, errImportRole) {
		return err
	}
	return errors.New("it is not a JSON object with the fields of a user")
}

// importRole is a role by name, or a reference to a document that has it.
type importRole struct {
	name      string
	reference bool
}

var errImportRole = errors.New("roles must be names")

// UnmarshalJSON implements json.Unmarshaler.
func (r *importRole) UnmarshalJSON(data []byte) error {
	var document struct {
		ObjectID string `json:"$oid"`
	}
	if json.Unmarshal(data, &document) == nil && document.ObjectID != "" {
		*r = importRole{reference: true}
		return nil
	}
	var name string
	if json.Unmarshal(data, &name) != nil {
		return errImportRole
	}
	if _, ok := objectTime(name); ok {
		*r = importRole{reference: true}
		return nil
	}
	*r = importRole{name: strings.TrimPrefix(strings.ToLower(name), "role_")}
	return nil
}

// importTime is RFC 3339, or what mongoexport makes of a date.
type importTime struct{ time.Time }

var errImportTime = errors.New(`createdAt is not a time such as "2026-01-31T12:00:00Z", later than 1970`)

// UnmarshalJSON implements json.Unmarshaler.
func (t *importTime) UnmarshalJSON(data []byte) error {
	if string(data) == "null" {
		return nil
	}
	var document struct {
		Date json.RawMessage `json:"$date"`
	}
	if json.Unmarshal(data, &document) == nil && document.Date != nil {
		data = document.Date
	}
	var long struct {
		Millis int64 `json:"$numberLong,string"`
	}
	var text string
	switch {
	case json.Unmarshal(data, &text) == nil:
		parsed, err := time.Parse(time.RFC3339, text)
		if err != nil {
			return errImportTime
		}
		t.Time = parsed.UTC().Truncate(time.Microsecond)
	case json.Unmarshal(data, &long) == nil:
		t.Time = time.UnixMilli(long.Millis).UTC()
	default:
		return errImportTime
	}
	if t.Unix() <= 0 || t.Year() > 9999 {
		return errImportTime
	}
	return nil
}

// bornAt is when a MongoDB document was made, which its id tells: zero if it does not.
func bornAt(id json.RawMessage) time.Time {
	var document struct {
		ObjectID string `json:"$oid"`
	}
	if json.Unmarshal(id, &document) != nil {
		return time.Time{}
	}
	born, _ := objectTime(document.ObjectID)
	return born
}

// objectTime reads a MongoDB ObjectID: 24 hexadecimal digits, the first eight of
// which are the second in which it was made.
func objectTime(id string) (time.Time, bool) {
	raw, err := hex.DecodeString(id)
	if err != nil || len(raw) != 12 {
		return time.Time{}, false
	}
	seconds := int64(raw[0])<<24 | int64(raw[1])<<16 | int64(raw[2])<<8 | int64(raw[3])
	return time.Unix(seconds, 0).UTC(), true
}

package account

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
	"golang.org/x/text/unicode/norm"

	"github.com/watchwordauth/watchword/internal/uuid"
)

// How long names may be. Addresses are bounded by RFC 5321 section 4.5.3.1.
const (
	minUsername = 3  // characters
	maxUsername = 64 // characters
	maxEmail    = 254
	maxLocal    = 64
	maxDomain   = 253
	maxLabel    = 63
)

// UsernameKey is the form in which usernames are compared and unique: that of
// PRECIS UsernameCaseMapped (RFC 8265 section 3.3), so that "Ann", "ANN" and a
// full-width "ａｎｎ" are one name. A username has 3 to 64 characters, letters
// and digits of any script and visible ASCII, without spaces and without @,
// which is what tells it from an email address, and does not look like an ID.
// What is no username is a *FieldError.
func UsernameKey(username string) (string, error) {
	bad := func(code, format string, args ...any) (string, error) {
		return "", &FieldError{"username", code, fmt.Sprintf(format, args...)}
	}
	switch {
	case username == "":
		return bad("required", "Please choose a username.")
	case utf8.RuneCountInString(username) < minUsername:
		return bad("too_short", "The username needs at least %d characters.", minUsername)
	case len(username) > 4*maxUsername:
		return bad("too_long", "The username may have at most %d characters.", maxUsername)
	case strings.Contains(username, "@"):
		return bad("invalid_character", "The username must not contain @, which is for email addresses.")
	}
	key, err := precis.UsernameCaseMapped.String(username)
	if err != nil {
		return bad("invalid_character", "The username may contain letters, digits and signs, but no spaces and no control characters.")
	}
	switch length := utf8.RuneCountInString(key); {
	case length < minUsername:
		return bad("too_short", "The username needs at least %d characters.", minUsername)
	case length > maxUsername:
		return bad("too_long", "The username may have at most %d characters.", maxUsername)
	case strings.Contains(key, "@"):
		return bad("invalid_character", "The username must not contain @, which is for email addresses.")
	}
	if _, err := uuid.Parse(key); err == nil {
		return bad("malformed", "The username must not look like a user's id.")
	}
	return key, nil
}

// EmailKey is the form in which email addresses are compared and unique: lower
// case and composed, by the same PRECIS profile on both sides of the @. Systems
// that tell "Ann@" from "ann@" are extinct; two accounts on one address would be
// worse. An address in this key is plausible, not proven: one @, a local part of
// at most 64 bytes without quotes, a domain of letters, digits and hyphens.
// Internationalised domains stay as they are written: "xn--" names are not
// taken for their Unicode forms. What is no address is a *FieldError.
func EmailKey(email string) (string, error) {
	bad := func(code, message string) (string, error) { return "", &FieldError{"email", code, message} }
	const malformed = "The email address is not of the form name@example.org."
	switch {
	case email == "":
		return bad("required", "Please give an email address.")
	case len(email) > maxEmail:
		return bad("too_long", fmt.Sprintf("The email address may have at most %d bytes.", maxEmail))
	}
	local, domain, found := strings.Cut(email, "@")
	if !found || strings.Contains(domain, "@") {
		return bad("malformed", malformed)
	}
	local, err := precis.UsernameCaseMapped.String(local)
	if err != nil || !isLocal(local) {
		return bad("malformed", malformed)
	}
	domain, err = precis.UsernameCaseMapped.String(domain)
	if err != nil || !isDomain(domain) {
		return bad("malformed", malformed)
	}
	key := local + "@" + domain
	if len(key) > maxEmail {
		return bad("too_long", fmt.Sprintf("The email address may have at most %d bytes.", maxEmail))
	}
	return key, nil
}

// isLocal reports whether what is before the @ is a dot-atom (RFC 5322 section
// 3.2.3), which may have letters of any script (RFC 6531).
func isLocal(local string) bool {
	return len(local) <= maxLocal && !strings.ContainsAny(local, "\"(),:;<>@[\\]") &&
		local != "" && local[0] != '.' && local[len(local)-1] != '.' && !strings.Contains(local, "..")
}

// isDomain reports whether every label has letters, digits and inner hyphens.
func isDomain(domain string) bool {
	if len(domain) > maxDomain {
		return false
	}
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			ascii := 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-'
			if r < utf8.RuneSelf && !ascii {
				return false
			}
		}
	}
	return true
}

// searchKey brings the beginning of a name to the form of keys, as far as a
// beginning can be.
func searchKey(search string) string {
	if key, err := precis.UsernameCaseMapped.String(search); err == nil {
		return key
	}
	return norm.NFC.String(strings.ToLower(search))
}

// normalPassword is the form in which a password is hashed: PRECIS OpaqueString
// (RFC 8265 section 4.2), so that one keyboard's "é" is another's. It fails for
// what a keyboard does not produce: control characters and the like.
func normalPassword(typed string) (string, error) {
	if len(typed) > maxTyped {
		return typed, nil // too long in any form; not worth the work
	}
	return precis.OpaqueString.String(typed)
}

// maxTyped is more bytes than any password has that may be chosen.
const maxTyped = 4096

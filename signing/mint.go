package signing

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/watchwordauth/watchword/verify"
)

// accessTokenType is the type of access tokens: RFC 9068 section 2.1.
const accessTokenType = "at+jwt"

// ErrClaims is returned by Mint for claims that would make no access token.
var ErrClaims = errors.New("not the claims of an access token")

// Mint signs an access token: a JWT as RFC 9068 section 2 has it. Issuer, Subject,
// Audience, ClientID, IssuedAt, Expiry and ID must be set; what else is zero is
// left out. A token that would live longer than Config.AccessTTL is refused.
// Times are cut to the second.
func (r *Ring) Mint(claims verify.Claims) (string, error) {
	if err := r.check(&claims); err != nil {
		return "", err
	}
	k, err := r.signing()
	if err != nil {
		return "", err
	}
	var space [1024]byte
	return k.token(k.header, appendClaims(space[:0], &claims))
}

// SignJWT signs other claims than those of an access token, encoded by
// encoding/json, as a JWT of the given type. A JWT is only taken for what its type
// says (RFC 8725 section 3.11), so the type must be one of the caller's own.
func (r *Ring) SignJWT(typ string, claims any) (string, error) {
	switch strings.TrimPrefix(strings.ToLower(typ), "application/") {
	case "", "jwt", accessTokenType:
		return "", fmt.Errorf("a JWT of the type %q could be taken for another: give it a type of its own", typ)
	}
	k, err := r.signing()
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("encode the claims of a %s: %w", typ, err)
	}
	return k.token(appendHeader(nil, k.record, typ), payload)
}

// check reports what is missing or too long.
func (r *Ring) check(c *verify.Claims) error {
	switch {
	case c.Issuer == "" || c.Subject == "" || c.ClientID == "" || c.ID == "":
		return fmt.Errorf("%w: iss, sub, client_id and jti must be set", ErrClaims)
	case len(c.Audience) == 0 || slices.Contains(c.Audience, ""):
		return fmt.Errorf("%w: aud must be set", ErrClaims)
	case c.IssuedAt.IsZero() || c.Expiry.Before(c.IssuedAt):
		return fmt.Errorf("%w: iat must be set and exp must not be before it", ErrClaims)
	case c.Expiry.Sub(c.IssuedAt) > r.config.AccessTTL:
		return fmt.Errorf("%w: a life of %s, longer than %s", ErrClaims, c.Expiry.Sub(c.IssuedAt), r.config.AccessTTL)
	}
	return nil
}

// token signs a compact JWS (RFC 7515 section 7.1). The header has its dot.
func (k *key) token(header, payload []byte) (string, error) {
	signed := len(header) + base64.RawURLEncoding.EncodedLen(len(payload))
	whole := signed + 1 + base64.RawURLEncoding.EncodedLen(k.size)
	// One piece of memory: the token, and behind it the signature before it is encoded.
	space := make([]byte, whole+k.size)
	copy(space, header)
	base64.RawURLEncoding.Encode(space[len(header):], payload)
	signature, err := k.sign(space[whole:whole], space[:signed])
	if err == nil && len(signature) != k.size {
		err = errSignature
	}
	if err != nil {
		return "", fmt.Errorf("sign with key %q: %w", k.record.ID, err)
	}
	space[signed] = '.'
	base64.RawURLEncoding.Encode(space[signed+1:], signature)
	return string(space[:whole]), nil
}

// appendHeader writes the first part of a token and its dot. An algorithm and an
// id need no escaping; a type may.
func appendHeader(into []byte, r Record, typ string) []byte {
	header := append([]byte(`{"alg":"`), r.Algorithm...)
	if r.ID != "" {
		header = append(append(header, `","kid":"`...), r.ID...)
	}
	header = append(appendString(append(header, `","typ":`...), typ), '}')
	return append(base64.RawURLEncoding.AppendEncode(into, header), '.')
}

// appendClaims writes the payload of an access token: RFC 9068 section 2.2, and
// sid, epoch, preferred_username and email.
func appendClaims(into []byte, c *verify.Claims) []byte {
	into = appendString(append(into, `{"iss":`...), c.Issuer)
	into = appendString(append(into, `,"sub":`...), c.Subject)
	into = append(into, `,"aud":`...)
	if len(c.Audience) == 1 {
		into = appendString(into, c.Audience[0])
	} else {
		into = appendStrings(into, c.Audience)
	}
	into = appendString(append(into, `,"client_id":`...), c.ClientID)
	into = strconv.AppendInt(append(into, `,"iat":`...), c.IssuedAt.Unix(), 10)
	into = strconv.AppendInt(append(into, `,"exp":`...), c.Expiry.Unix(), 10)
	into = appendString(append(into, `,"jti":`...), c.ID)
	if c.SessionID != "" {
		into = appendString(append(into, `,"sid":`...), c.SessionID)
	}
	if !c.AuthTime.IsZero() {
		into = strconv.AppendInt(append(into, `,"auth_time":`...), c.AuthTime.Unix(), 10)
	}
	if len(c.Roles) > 0 {
		into = appendStrings(append(into, `,"roles":`...), c.Roles)
	}
	if c.Epoch != 0 {
		into = strconv.AppendUint(append(into, `,"epoch":`...), c.Epoch, 10)
	}
	if c.Username != "" {
		into = appendString(append(into, `,"preferred_username":`...), c.Username)
	}
	if c.Email != "" {
		into = appendString(append(into, `,"email":`...), c.Email)
	}
	return append(into, '}')
}

func appendStrings(into []byte, texts []string) []byte {
	into = append(into, '[')
	for i, text := range texts {
		if i > 0 {
			into = append(into, ',')
		}
		into = appendString(into, text)
	}
	return append(into, ']')
}

// appendString writes a JSON string. Nearly all are of plain ASCII; whatever is
// not is left to encoding/json.
func appendString(into []byte, text string) []byte {
	for _, c := range []byte(text) {
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			encoded, err := json.Marshal(text)
			if err != nil {
				panic(fmt.Sprintf("signing: %v", err)) // a string always encodes
			}
			return append(into, encoded...)
		}
	}
	into = append(into, '"')
	into = append(into, text...)
	return append(into, '"')
}

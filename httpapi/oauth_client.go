package httpapi

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/watchwordauth/watchword/account"
)

// Client is a confidential client (RFC 6749 section 2.1): a program that keeps a
// secret, such as a resource server that asks about tokens. Of its secret only a
// digest is known here. A client may be listed twice, with its old and its new
// secret, while one takes the other's place.
type Client struct {
	ID     string
	Digest [sha256.Size]byte // SHA-256 of the secret, which is random and long
}

const (
	secretPrefix = "wws_" // begins every secret, so that secret scanners find one that leaked
	secretBytes  = 32
	digestPrefix = "sha256:"
)

// NewClient draws a secret for a client. Nobody can find the secret from the Client.
func NewClient(id string, random io.Reader) (c Client, secret string, err error) {
	var drawn [secretBytes]byte
	if _, err := io.ReadFull(random, drawn[:]); err != nil {
		return Client{}, "", fmt.Errorf("draw a secret: %w", err)
	}
	secret = secretPrefix + base64.RawURLEncoding.EncodeToString(drawn[:])
	c = Client{ID: id, Digest: sha256.Sum256([]byte(secret))}
	if err := c.check(); err != nil {
		return Client{}, "", err
	}
	return c, secret, nil
}

// ParseClient reads what String writes: "orders=sha256:…". Its errors do not repeat
// what they refuse: it may be the secret, by mistake.
func ParseClient(text string) (Client, error) {
	malformed := errors.New(`a client is ID=sha256:… as "watchword client new" prints it`)
	id, digest, _ := strings.Cut(text, "=")
	if strings.HasPrefix(digest, secretPrefix) {
		return Client{}, errors.New("that is the client's secret itself, which is now known to others: make a new one, and give its digest")
	}
	digest, ok := strings.CutPrefix(digest, digestPrefix)
	if !ok {
		return Client{}, malformed
	}
	c := Client{ID: id}
	if n, err := hex.Decode(c.Digest[:], []byte(digest[:min(len(digest), 2*len(c.Digest))])); err != nil || n != len(c.Digest) || len(digest) != 2*n {
		return Client{}, malformed
	}
	return c, c.check()
}

// String writes the client for the configuration. It holds no secret.
func (c Client) String() string { return c.ID + "=" + digestPrefix + hex.EncodeToString(c.Digest[:]) }

// check reports why a client cannot be meant.
func (c Client) check() error {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._"
	switch {
	case c.ID == "" || len(c.ID) > 64 || strings.Trim(c.ID, letters) != "":
		return errors.New("the id of a client has 1 to 64 of the characters A-Z a-z 0-9 - . _")
	case c.ID == clientID:
		return fmt.Errorf("%q is the client of the sign-in routes, which has no secret: choose another id", clientID)
	case c.Digest == sha256.Sum256(nil):
		return errors.New("the digest is that of an empty secret")
	}
	if _, err := account.ParseID(c.ID); err == nil {
		return errors.New("the id of a client must not look like a user's") // RFC 9700 section 4.15
	}
	return nil
}

// caller is the client that makes a request.
type caller struct {
	id           string
	confidential bool // it proved to have the client's secret
}

// caller finds out who makes a request (RFC 6749 section 2.3): a confidential client
// by its secret, in the Authorization header or in the form; anybody else is the
// public client of the sign-in routes, which may say so by its id.
func (a *api) caller(r *http.Request, form url.Values) (caller, error) {
	id, secret := form.Get("client_id"), form.Get("client_secret")
	byHeader, inHeader, err := basicCredentials(r)
	switch {
	case err != nil:
		return caller{}, err
	case form.Get("client_assertion") != "":
		return caller{}, invalidClient("Client assertions are not known here.")
	case inHeader && secret != "":
		return caller{}, invalidRequest("The client authenticates in the header and in the form: choose one.")
	case inHeader && id != "" && id != byHeader.id:
		return caller{}, invalidRequest("The header and the form name different clients.")
	case inHeader:
		id, secret = byHeader.id, byHeader.secret
	case id == "" && secret == "":
		id = clientID
	}
	if id == clientID && secret == "" {
		return caller{id: clientID}, nil
	}
	// The same work whoever is meant; which ids there are is no secret, though.
	presented, known := sha256.Sum256([]byte(secret)), 0
	for _, c := range a.Clients {
		if c.ID == id {
			known |= subtle.ConstantTimeCompare(presented[:], c.Digest[:])
		}
	}
	if known != 1 {
		return caller{}, invalidClient("There is no such client, or its secret is another.")
	}
	return caller{id: id, confidential: true}, nil
}

// basic is what a client writes into the Authorization header.
type basic struct{ id, secret string }

// basicCredentials reads the header of the scheme Basic, in which both parts are
// form-encoded (RFC 6749 section 2.3.1). Other schemes are none of ours: a browser's
// program may send an access token with every request.
func basicCredentials(r *http.Request) (found basic, ok bool, err error) {
	switch len(r.Header.Values("Authorization")) {
	case 0:
		return basic{}, false, nil
	case 1:
	default:
		return basic{}, false, invalidRequest("There is more than one Authorization header.")
	}
	scheme, _, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Basic") {
		return basic{}, false, nil
	}
	id, secret, ok := r.BasicAuth()
	if ok {
		var inID, inSecret error
		found.id, inID = url.QueryUnescape(id)
		found.secret, inSecret = url.QueryUnescape(secret)
		ok = inID == nil && inSecret == nil && found.id != ""
	}
	if !ok {
		return basic{}, false, invalidClient("The Authorization header cannot be read.")
	}
	return found, true, nil
}

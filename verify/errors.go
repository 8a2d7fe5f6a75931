package verify

import "errors"

// Why a token was not accepted. Verify's errors wrap exactly one of these or
// ErrUnknownKey; compare with errors.Is. Their texts hold nothing of the token
// but, in quotes, its key id.
var (
	ErrMalformed = errors.New("malformed token")         // not a compact JWS with the claims of RFC 9068
	ErrAlgorithm = errors.New("algorithm refused")       // not the key's own, or a key unfit for its own
	ErrSignature = errors.New("wrong signature")         // forged, damaged, or signed with another key
	ErrType      = errors.New("not an access token")     // the header's typ is not at+jwt
	ErrIssuer    = errors.New("token of another issuer") // iss
	ErrAudience  = errors.New("token for another audience")
	ErrExpired   = errors.New("expired token")
	ErrNotYet    = errors.New("token of the future")  // iat or nbf: compare the clocks
	ErrLifetime  = errors.New("token lives too long") // exp minus iat is above the bound
	ErrRevoked   = errors.New("revoked token")        // its session was ended
	ErrStale     = errors.New("stale token")          // the user changed since: refresh it
)

// What else the middleware answers for.
var (
	ErrNoToken = errors.New("no access token")                // the request carries none
	ErrRequest = errors.New("malformed authorization header") // or two of them
	ErrRole    = errors.New("missing role")                   // a good token, but not for this
)

// What stops verification altogether, whatever the token: nobody is to be signed
// out for it. The middleware answers 503.
var (
	ErrKeysUnavailable        = errors.New("the issuer's keys are unavailable")
	ErrRevocationsUnavailable = errors.New("the issuer's revocations are unavailable")
)

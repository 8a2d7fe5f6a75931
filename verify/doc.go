// Package verify checks Watchword's access tokens where they are used: in the
// APIs, which RFC 6750 calls resource servers. It needs the standard library
// alone, and it asks nobody while it verifies.
//
//	v, err := verify.New(ctx, "https://auth.example.com", "https://api.example.com")
//	mux.Handle("GET /orders", v.Require(orders))
//	mux.Handle("DELETE /orders", v.RequireRole("admin")(orders))
//
//	request ─► Require ─► Verify ─┬─ remembered? ───────────┐
//	                              └─ form, key, signature,  ├─► not expired, key not ─► handler
//	                                 type, issuer,          │   withdrawn, not revoked,
//	                                 audience, times        ┘   not stale
//
// It does not sign tokens, does not refresh them and sends nobody to a sign-in
// page. The sign-in server itself verifies with it, too: with WithKeys and
// WithRevocations it fetches nothing and starts no goroutine.
//
// # What is accepted
//
// A token is a compact JWS of at most 16 KiB with the header typ at+jwt and the
// claims of RFC 9068. Its header must name a key of the issuer and that key's own
// algorithm. Parameters that must be understood (crit), and keys that a token
// brings along, are not. JSON is read strictly: names that are equal, or equal
// but for case, are refused, and so are invalid UTF-8 and numbers that readers
// take differently. The signature is checked before any claim is read.
//
// A token that was accepted is remembered by its whole text until it expires. For
// each use its expiry, its key and its revocation are looked at again.
//
// # Keys
//
// New finds the issuer's metadata (RFC 8414, or else OpenID Connect Discovery)
// and its JWK Set there. Keys are fetched again before their max-age passes, and
// at once when a token names one that is not known, at most every five seconds.
// While the issuer cannot be reached the known keys stay in use. Redirects to
// another host are not followed; documents above 1 MiB are not read.
//
// # The revocation feed
//
// An access token lives for minutes, so only what was revoked in the last minutes
// matters. The issuer serves it whole, at the URL that its metadata name as
// "watchword_revocations_uri" (by default /api/auth/revocations), in documents
// that it signs with a key of its JWK Set: compact JWSs whose header has the typ
// "watchword-revocations+jwt" and whose payload, which Snapshot writes, is
//
//	{
//	  "iss":         "https://auth.example.com",
//	  "iat":         1795262400,
//	  "as_of":       1795262400123,    when this was so, in milliseconds
//	  "incarnation": "7",              changes when a backup is restored
//	  "window":      600,              longest lifetime of a living access token, in seconds
//	  "set":         "12e8050f…",      names the entries: equal entries, equal name
//	  "full":        true,             absent in a heartbeat, which has no entries
//	  "sessions":    ["x4Wc…"],        every session that was ended
//	  "users":       {"pD0q…": 4}      user → epoch: tokens with a smaller one are stale
//	}
//
// Anybody may read it, so entries are digests: the first twelve bytes, in
// base64url, of SHA-256("watchword/revocation/session/1" | sid) and of
// SHA-256("watchword/revocation/user/1" | sub). They name a session to who holds
// its token, and nothing to strangers; who knows a user's id can see that the
// account changed.
//
// An entry is listed for window and FeedGrace after its revocation; no access
// token lives longer than window, and a longer window is announced before the
// first token that needs it. as_of never decreases at one node; the nodes behind
// one address are at most a second apart. A document without full is a heartbeat:
// at as_of, the entries were still those that set names.
//
//	GET, Accept: application/jwt     200, the document, as_of at most a second
//	                                 before the request; ETag: "<set>"
//	  and If-None-Match: "<set>"     304 and the header Watchword-Heartbeat with a
//	                                 heartbeat that is as fresh: a bare 304 proves
//	                                 nothing, as anybody could have kept it
//	GET, Accept: text/event-stream   events of the type "revocations", data: the
//	                                 document at once and whenever the entries
//	                                 change, a heartbeat at least every 2 seconds
//
// The follower asks once and then reads the stream; where something on the way
// holds streams back it asks every second. It believes what carries the issuer's
// signature and name, is not older by more than a second than what it holds, and
// not further from its own clock than Skew; only what is newer than anything
// before counts as news. What it once heard it keeps until the tokens in question
// have expired, even if a later document does not list it: an issuer that was
// restored from a backup cannot revive anybody. When no news come for Feed.MaxAge,
// Feed.WhenStale decides.
package verify

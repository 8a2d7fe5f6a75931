// Package client signs a Go program in and keeps it signed in: it holds the
// tokens of one session and lends the access token to an http.RoundTripper.
//
//	request ─► Transport ─► access token fresh? ─yes─► the API
//	                             │ no                     │ 401, token expired or stale
//	                             ▼                        ▼
//	                          refresh, once for all who wait ─► again, once
//
// It tells the failures that end the session from those that pass: only the
// former are ErrSignedOut. It needs the standard library alone.
//
// A retry of a refresh must not look like a thief. Each refresh therefore carries
// a request key (the Idempotency-Key header) that only this client has: it is drawn
// when a refresh token is received and stored with it, in one write, long before it
// is sent. Programs that share a storage find the same key with the same token, and
// a retry has it however late it comes. Whoever copies the storage can make one
// honest retry and no more: the next token has another key.
package client

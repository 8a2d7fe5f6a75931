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
// a request key (the Idempotency-Key header) that only this client can make: a
// digest of the refresh token under a secret that was drawn at sign-in and never
// leaves the storage. Programs that share a storage make the same key for the same
// token, without talking to each other, and a retry has it however late it comes.
package client

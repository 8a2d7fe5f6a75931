// Package verify checks Watchword's access tokens where they are used: in the
// APIs, which RFC 6750 calls resource servers. It needs the standard library
// alone and asks nobody while it verifies.
//
//	request ─► Require ─► Verify ─┬─ remembered? ──────────► still good? ─► handler
//	                              └─ form, key, signature,      │
//	                                 type, issuer, audience,    └ not expired, key not withdrawn,
//	                                 times                        not revoked, not stale
//
// It does not sign tokens, does not refresh them and does not redirect anybody to
// a sign-in page.
package verify

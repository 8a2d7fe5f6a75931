// Package signing knows which keys sign access tokens: it makes them, publishes
// them, replaces them and takes them away, and it mints the tokens.
//
// It owns the life of a key, its form in the store and in the JWKS, and the form
// of an access token (RFC 9068). It does not know what a session is, whom a token
// is for, or how keys are stored (the drivers under store); it verifies nothing
// (package verify), and runs nothing by itself: its owner calls Ring.Maintain
// every MaintainEvery.
//
// The life of a key:
//
//	        added                active           replaced          the last token      forgotten
//	          │                    │                  │             expired  │              │
//	key n     ├─────── next ───────┼──── current ─────┼─────── old ──────────┼── retired ───┤
//	          ├───────────── in the JWKS, verifies ──────────────────────────┤
//	                               ├───── signs ──────┤
//	key n+1                 ├───── next ──────────────┼──── current ──────── …
//	                        └─ at least twice the JWKS' max-age ─┘
//
// The current key is the active one with the highest number. A key is added a day
// before it is used (or sooner, if keys are replaced quickly, but never less than
// twice the max-age of the JWKS before), so that every resource server has
// fetched it when the first token signed with it arrives. A key that was replaced
// stays until the last token that it can have signed expired. So nobody notices.
// The first key is active at once: there are no tokens yet.
//
// A key that was lost is revoked, by Ring.RotateNow: its successor is active at
// once and nothing the others signed is accepted any more.
//
// Several nodes share a store and agree without talking to each other. What is to
// be done follows from the records and the time, by the pure function plan; of
// those who add the key of one number the store lets one win, and the others take
// what it made. A node that dies between adding a key and using it leaves a key
// that any node uses. Their clocks may differ by a minute, and a node may miss a
// round.
//
// The private parts are in the store, sealed under the master secret; a key whose
// private part does not open, or does not fit its public part, is not published
// and verifies nothing: who can only write to the database cannot add a key of
// their own. Keys that an old master secret sealed open as long as it is given,
// which is longer than a key lives; they are not sealed again.
//
// With HS256 there is one key, a secret that the resource servers share. It comes
// from the configuration: it is neither stored, published nor replaced.
package signing

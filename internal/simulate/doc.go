// Package simulate tries the sessions of this project against bad luck and bad
// people: the real session.Service, on a store that fails and crashes, behind a
// network that loses, repeats, delays and reorders, with honest clients, a thief
// and an administrator. It checks the promises of docs/design.md at every answer.
//
//	device: tabs ─ storage ─ cookie jar        thief: a copied token
//	          │ ▲                                │
//	          ▼ │  lost, twice, late, overtaken  ▼
//	        network ─────► node ─► session.Service ─► store: slow, failing, forgetful
//	                       node ─► session.Service ───┘
//
// A world lives in one thread, under a clock of its own, and draws all chance from
// one seed: the same seed gives the same world, to the last step. Whoever acts is
// a coroutine that gives way where something takes time, so that requests overtake
// each other inside the service as they do in life.
//
// client.go is also the reference for clients: what each must do, and why.
package simulate

// Package httpapi is Watchword over HTTP: one endpoint a file, and around them
// what all have in common.
//
//	access ─► cors ─► route ─► sameSite │ signedIn │ admin ─► endpoint ─► a service
//	  │                                                          │
//	  └── one log line, request id, deadline        problem.go ◄─┘ error
//
// It owns the shape of requests and answers, cookies, origins, client addresses
// and what an error means to a client. The contract is openapi.yaml, which it
// serves. It decides nothing about users (package account), sessions (package
// session), keys (package signing) or tokens (package verify).
//
// Every endpoint returns an error or has answered; problem.go turns errors into
// answers, in one place.
package httpapi

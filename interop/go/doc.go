// Package interop tests that clients of OAuth and OpenID Connect for Go work with
// Watchword without knowing of it. It is a module of its own, so that nobody who
// imports Watchword gets them.
package interop

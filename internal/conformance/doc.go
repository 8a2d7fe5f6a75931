// Package conformance holds package verify to what others say about JWS: the
// vectors of Project Wycheproof, and the verdicts of the three Go libraries that
// most people use. It is a module of its own, as its oracles are large and nobody
// who imports verify is to download them.
//
//	cd internal/conformance && go test ./...
//	go test -fuzz FuzzWhatWeAcceptOthersAccept -fuzztime 30s .
package conformance

// Package ferretdb tests package mongostore against servers that speak MongoDB's
// language. It is a module of its own, as the server it starts is large.
//
//	cd store/mongostore/ferretdb && go test ./...
//
// FerretDB 1.24 on SQLite runs beside the test. It is a translator, and not atomic
// by itself: of a hundred conditional updates of one document several happen. What
// is tested here is our store and not that server, so a relay stands between
// them and lets one command through at a time:
//
//	test ─► mongostore ─► relay ── one at a time ─► FerretDB ─► SQLite
//
// The relay sees each command, so that tests can hold the store to the
// durability it asks for, and it can cut the line. Command server stands behind
// one of its own where it is told so: package internal/fleet kills that one, under the
// load of several nodes.
//
// Where WATCHWORD_TEST_MONGODB_URL names a real MongoDB the same suite runs there,
// without the relay. WATCHWORD_TEST_REQUIRE=mongodb makes it a failure that it
// does not.
package ferretdb

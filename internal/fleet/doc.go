// Package fleet holds no code: its tests are the proof of what Watchword promises
// with several nodes, and when nodes, databases, disks and networks fail.
//
//	clients ──► node ─┐
//	        ╲╱  node ─┼──► a road that fails ──► PostgreSQL ──► replica
//	        ╱╲  node ─┘                          MariaDB, MongoDB, Redis
//
// Every node is a process of the real program, every database a real server with
// a folder of its own, and whatever dies is killed by signal 9. The clients keep
// the rules that docs/clients.md gives to real ones, and hold the fleet to
// every answer it gave. docs/failures.md names the test behind each of its sentences.
//
// Only MongoDB has a stand-in, FerretDB: package store/mongostore/ferretdb says why.
//
// The tests run on Linux, where the servers are installed. They leave no process
// behind: a child dies with the test.
package fleet

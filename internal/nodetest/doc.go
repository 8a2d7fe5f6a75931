// Package nodetest is for tests with nodes: processes of "watchword serve" that are
// asked, killed and started again.
//
//	Start ─► Node ─► Address: it serves       Request.Do ─► Answer
//	  │        └──► Kill, as a power cut would
//	  └─► Log: what it writes
//
// Each test has its own words for what it asks and expects; what is here is how a
// process is started, watched and ended, and how a request is sent once and
// answered as a whole.
//
// InTurn has stores of one process stand for as many nodes.
package nodetest

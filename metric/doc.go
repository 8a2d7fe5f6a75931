// Package metric counts what a node does: for the administrator's pages, which
// look back an hour, and for Prometheus, which keeps it for years.
//
//	account ─ Signed in? ─┐
//	session ─ verdicts ───┤            ┌─ History    last hour, every ten seconds
//	stores ─ Stores ──────┼─► Node ────┤
//	httpapi ─ Route ──────┘            └─ WriteText  Prometheus' text format
//
// It owns the counters, the store that measures the store behind it, and the
// text format. It decides nothing, and nothing waits for it: to count is one
// atomic addition, and a failure to count cannot happen. What is counted is
// counted by this node since it started; who has several adds them up.
//
// Labels are words of the domain (verdicts, reasons, routes, verbs), of which
// there are a few dozen. No name, address, id or token is ever one.
//
// It imports the standard library and the packages it counts for: whoever embeds
// Watchword gets no metrics library by it.
package metric

// Package trace follows a request through the server: where its time went, span by
// span, for OpenTelemetry's collectors.
//
//	httpapi   POST /api/auth/refreshtoken ──────────────────────────┐
//	session     └─ session.refresh ───────────────────────────────┐ │
//	metric          ├─ sessions.find ┐ ├─ users.find ┐ └─ advance ┐│ │
//	                                                              ▼ ▼
//	                       Tracer ── batches ──► Exporter ── OTLP/HTTP ──► collector
//
// It owns spans, the W3C traceparent header, which requests are traced, and the
// export in the JSON form of OTLP. A span begins in the context of another, so that
// only what a traced request does is traced: without a Tracer nothing is, and
// starting costs a look into the context. Whatever goes wrong with traces, requests
// are answered: spans are dropped when the collector is slow or gone.
//
// No span holds a token, a name, an address or the text of an error: names and
// attributes are words of the domain. The request's id leads to the log.
//
// It imports the standard library alone. OpenTelemetry's own exporter would bring
// gRPC and protobuf: twenty modules, and 8 MiB in every binary, whether traces are
// on or not.
package trace

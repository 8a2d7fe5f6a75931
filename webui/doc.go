// Package webui is the pages: sign-in, sign-up, the user's account and the
// administrator's console, embedded in the binary.
//
// It owns what people see and nothing else. The pages know no more than any
// other front end: their scripts call the HTTP API with the project's own
// TypeScript client, and the two forms that work without a script are handed to
// the same API, inside the process:
//
//	             ┌ a page ◄─ template, texts, brand
//	browser ─────┤
//	   ▲         └ a form, no script ─► POST /login ─┐
//	   │                                             ├─► the API: the rules, the cookie, the throttles
//	   └─ script ─► client.js ─► POST /login, /refresh, /api/… ┘
//
// So a page can neither do nor tell what the API does not.
//
// A page is a Go file, a template and, if it has one, a script of the same name:
// signin.go, signin.html, assets/signin.js. Every word that is shown is in
// texts.json. No page has an inline script or style; the policy that forbids them is
// in page.go. assets/client.js is built from js/ and committed, so that go build
// needs nothing but Go.
package webui

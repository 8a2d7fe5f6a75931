package webui

import (
	"net/http"
)

// adminRoutes are the administrator's console, and the two pages that take a code
// from the fragment of a link. That needs a script: a browser sends no fragment,
// which is why the code is in it.
//
// The console is one page for all of its addresses. It holds nothing: whoever asks
// for it gets it, and its script asks the API, which answers administrators only.
func (u *UI) adminRoutes() map[string]http.HandlerFunc {
	console := u.plain(page{Name: "admin", Title: "admin.title", Script: "admin.js", Style: "admin.css"})
	return map[string]http.HandlerFunc{
		"GET /admin":              console,
		"GET /admin/users":        console,
		"GET /admin/users/{user}": console,
		"GET /admin/audit":        console,
		"GET /admin/keys":         console,
		"GET /setup":              u.plain(page{Name: "setup", Title: "setup.title", Script: "admin-setup.js", Narrow: true}),
		"GET /reset":              u.plain(page{Name: "reset", Title: "reset.title", Script: "admin-reset.js", Narrow: true}),
	}
}

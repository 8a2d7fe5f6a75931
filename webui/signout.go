package webui

import (
	"net/http"
	"net/url"
)

// signOut answers POST /signout, for those without a script: as the API's POST /logout.
func (u *UI) signOut(w http.ResponseWriter, r *http.Request) {
	if v := u.ask(w, r, "/logout", url.Values{}); !v.ok() {
		u.show(w, r, v.status, page{Name: "refused", Title: "refused.title", Narrow: true, Data: u.complaint(v).Text})
		return
	}
	u.leave(w, destination{Address: u.base + "/signin?reason=signed_out"})
}

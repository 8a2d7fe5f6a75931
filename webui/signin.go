package webui

import (
	"net/http"
	"net/url"
	"strings"
)

// signInForm is what the sign-in page shows.
type signInForm struct {
	Login     string // what was typed; never the password
	ReturnTo  destination
	Farewell  string // why the last session ended, in words
	Complaint complaint
	Alarming  bool // whether that needs the user to act
	NewHere   bool // sign-up is open
}

// showSignIn answers GET /signin. It may be asked with return_to, where to go
// afterwards, and reason, why the session before has ended.
func (u *UI) showSignIn(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	reason := query.Get("reason")
	u.showSignInForm(w, r, http.StatusOK, signInForm{
		ReturnTo: u.returns.destination(query.Get("return_to")),
		Farewell: u.texts["ended."+reason], // an unknown reason has no text
		Alarming: reason == "reuse_detected" || reason == "user_blocked",
	})
}

func (u *UI) showSignInForm(w http.ResponseWriter, r *http.Request, status int, form signInForm) {
	form.NewHere = !u.SignupClosed
	u.show(w, r, status, page{
		Name: "signin", Title: "signin.title", Script: "signin.js", Narrow: true,
		Data: form, leadsTo: form.ReturnTo.origin,
	})
}

// signIn answers POST /signin, the form without a script: as the API's POST
// /login, and on to where the user came from.
func (u *UI) signIn(w http.ResponseWriter, r *http.Request) {
	form := signInForm{Login: r.PostForm.Get("login"), ReturnTo: u.returns.destination(r.PostForm.Get("return_to"))}
	switch {
	case form.Login == "":
		form.Complaint = complaint{"login", u.texts["signin.login_missing"]}
	case r.PostForm.Get("password") == "":
		form.Complaint = complaint{"password", u.texts["signin.password_missing"]}
	}
	if form.Complaint.Text != "" {
		u.showSignInForm(w, r, http.StatusBadRequest, form)
		return
	}
	v := u.login(w, r, form.Login, r.PostForm.Get("password"))
	if !v.ok() {
		form.Complaint = u.complaint(v)
		u.showSignInForm(w, r, v.status, form)
		return
	}
	u.leave(w, form.ReturnTo)
}

// login begins a session with the cookie that the answer sets.
func (u *UI) login(w http.ResponseWriter, r *http.Request, login, password string) verdict {
	field := "username"
	if strings.Contains(login, "@") {
		field = "email"
	}
	return u.ask(w, r, "/login", url.Values{field: {login}, "password": {password}})
}

// leave redirects to where the user came from, with a GET.
func (u *UI) leave(w http.ResponseWriter, to destination) {
	u.headers(w, to.origin)
	w.Header().Set("Location", to.Address)
	w.WriteHeader(http.StatusSeeOther)
}

package webui

import (
	"net/http"
	"net/url"
)

// signUpForm is what the sign-up page shows.
type signUpForm struct {
	Username, Email string
	ReturnTo        destination
	Complaint       complaint
	Closed          bool
}

// showSignUp answers GET /signup, which may be asked with return_to.
func (u *UI) showSignUp(w http.ResponseWriter, r *http.Request) {
	u.showSignUpForm(w, r, http.StatusOK, signUpForm{ReturnTo: u.returns.destination(r.URL.Query().Get("return_to"))})
}

func (u *UI) showSignUpForm(w http.ResponseWriter, r *http.Request, status int, form signUpForm) {
	form.Closed = u.SignupClosed
	p := page{
		Name: "signup", Title: "signup.title", Script: "signup.js", Narrow: true,
		Data: form, leadsTo: form.ReturnTo.origin,
	}
	if form.Closed {
		p.Script = ""
	}
	u.show(w, r, status, p)
}

// signUp answers POST /signup, the form without a script: an account, and a
// session at once.
func (u *UI) signUp(w http.ResponseWriter, r *http.Request) {
	form := signUpForm{
		Username: r.PostForm.Get("username"), Email: r.PostForm.Get("email"),
		ReturnTo: u.returns.destination(r.PostForm.Get("return_to")),
	}
	password := r.PostForm.Get("password")
	v := u.ask(w, r, "/api/auth/signup", url.Values{
		"username": {form.Username}, "email": {form.Email}, "password": {password},
	})
	if !v.ok() {
		form.Complaint = u.complaint(v, "username", "email", "password")
		u.showSignUpForm(w, r, v.status, form)
		return
	}
	if v := u.login(w, r, form.Username, password); !v.ok() {
		// There is an account; what hindered the session may pass.
		u.showSignInForm(w, r, v.status, signInForm{Login: form.Username, ReturnTo: form.ReturnTo, Complaint: u.complaint(v)})
		return
	}
	u.leave(w, form.ReturnTo)
}

package webui

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
)

// Config is what the pages need to know.
type Config struct {
	// API is the HTTP API, which the pages call. It is not asked before the first request.
	API http.Handler

	Issuer       string   // the public address of the server
	AllowOrigins []string // where people may be sent back to: origins as browsers write them
	SignupClosed bool     // say so on the sign-up page

	Brand Brand  // the operator's own name, logo and colour
	Texts []byte // another language: a JSON object as texts.json; what it lacks stays English

	Logger *slog.Logger
}

// UI answers requests for pages. It is safe for concurrent use.
type UI struct {
	Config
	base    string // the path of the issuer: before every address of ours
	origin  string // the origin of the issuer
	texts   texts
	theme   theme
	assets  *assets
	pages   pages
	returns returns
	guard   *http.CrossOriginProtection
	mux     *http.ServeMux
}

// New makes the pages. It fails if the brand or the texts cannot be used, with
// an error that says what is wrong with which.
func New(c Config) (*UI, error) {
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, errors.New("the issuer is not a URL")
	}
	u := &UI{
		Config: c, base: strings.TrimSuffix(issuer.Path, "/"), origin: issuer.Scheme + "://" + issuer.Host,
		guard: http.NewCrossOriginProtection(), mux: http.NewServeMux(),
	}
	if err := u.guard.AddTrustedOrigin(u.origin); err != nil {
		return nil, err
	}
	u.returns = returns{base: u.base, own: u.origin, listed: c.AllowOrigins}
	if u.texts, err = readTexts(c.Texts); err != nil {
		return nil, fmt.Errorf("texts: %w", err)
	}
	if u.theme, err = c.Brand.theme(); err != nil {
		return nil, err
	}
	if u.assets, err = packAssets(u.texts, u.theme); err != nil {
		return nil, err
	}
	if u.pages, err = u.parsePages(); err != nil {
		return nil, err
	}
	routes := u.routes()
	maps.Copy(routes, u.adminRoutes())
	for pattern, handler := range routes {
		u.mux.Handle(pattern, handler)
	}
	return u, nil
}

// routes is everything that is answered here, by the patterns of http.ServeMux.
func (u *UI) routes() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /{$}":                     u.home,
		"GET /signin":                  u.showSignIn,
		"POST /signin":                 u.own(u.signIn),
		"GET /signup":                  u.showSignUp,
		"POST /signup":                 u.own(u.signUp),
		"POST /signout":                u.own(u.signOut),
		"GET /account":                 u.plain(page{Name: "account", Title: "account.title", Script: "account.js"}),
		"GET /assets/{version}/{name}": u.assets.serve,
	}
}

// Handler finds who answers a request, and the pattern that it matches; the
// pattern is empty if nothing here does. It differs from the method of
// http.ServeMux in that a browser which asks for a page that is not there gets
// one that says so, and in that "/" is there for browsers alone.
func (u *UI) Handler(r *http.Request) (http.Handler, string) {
	handler, pattern := u.mux.Handler(r)
	switch {
	case pattern == "" && navigates(r):
		return http.HandlerFunc(u.nothingHere), "nothing"
	case pattern == "GET /{$}" && !navigates(r):
		return http.NotFoundHandler(), ""
	}
	return handler, pattern
}

// ServeHTTP implements http.Handler.
func (u *UI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch handler, pattern := u.Handler(r); pattern {
	case "", "nothing":
		handler.ServeHTTP(w, r)
	default:
		u.mux.ServeHTTP(w, r) // which fills in what the pattern names
	}
}

// navigates reports whether somebody looks at the answer, rather than a program.
func navigates(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.Contains(r.Header.Get("Accept"), "text/html") &&
		!strings.HasPrefix(r.URL.Path, "/api/") && !strings.HasPrefix(r.URL.Path, "/.well-known/")
}

func (u *UI) nothingHere(w http.ResponseWriter, r *http.Request) {
	u.show(w, r, http.StatusNotFound, page{Name: "nothing", Title: "nothing.title", Narrow: true})
}

// home answers GET /: who comes without a purpose sees their account, or is
// asked to sign in there.
func (u *UI) home(w http.ResponseWriter, r *http.Request) {
	u.headers(w, "")
	http.Redirect(w, r, u.base+"/account", http.StatusSeeOther)
}

// plain shows a page that is the same for everybody: what it tells, its script
// asks the API.
func (u *UI) plain(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { u.show(w, r, http.StatusOK, p) }
}

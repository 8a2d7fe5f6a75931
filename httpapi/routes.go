package httpapi

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/metric"
)

// route is one row of the table: a method and a path of a ServeMux pattern.
type route struct {
	method, path string
	serve        handler
}

// routes is everything that is answered, forward-auth aside.
func (a *api) routes() []route {
	admin := func(next claimed) handler { return a.withRole(account.RoleAdmin, next) }
	dangerous := func(next claimed) handler { return admin(a.recent(next)) }
	table := []route{
		{"POST", "/api/auth/signup", a.signUp},
		{"POST", "/api/auth/signin", a.signIn},
		{"POST", "/api/auth/refreshtoken", refreshing(a.refreshToken)},
		{"POST", "/api/auth/signout", a.signOut},
		{"POST", "/api/auth/reset", a.resetPassword},
		{"POST", "/api/auth/setup", a.setUp},
		{"POST", "/login", a.sameSite(a.signInCookie)},
		{"POST", "/refresh", refreshing(a.sameSite(a.refreshCookie))},
		{"POST", "/logout", a.sameSite(a.signOutCookie)},

		{"GET", "/api/auth/me", a.signedIn(a.me)},
		{"PUT", "/api/auth/password", a.signedIn(a.changePassword)},
		{"GET", "/api/auth/sessions", a.signedIn(a.listOwn)},
		{"DELETE", "/api/auth/sessions/{id}", a.signedIn(a.endOwn)},
		{"GET", revocationsPath, a.revocations},

		{"POST", tokenPath, a.oauth(a.oauthToken)},
		{"POST", revokePath, a.oauth(a.oauthRevoke)},
		{"POST", introspectPath, a.oauth(a.oauthIntrospect)},

		{"GET", "/api/admin/users", admin(a.listUsers)},
		{"POST", "/api/admin/users", admin(a.createUser)},
		{"GET", "/api/admin/users/{id}", admin(a.showUser)},
		{"PUT", "/api/admin/users/{id}/roles", dangerous(a.setRoles)},
		{"PUT", "/api/admin/users/{id}/password", dangerous(a.setPassword)},
		{"POST", "/api/admin/users/{id}/reset", dangerous(a.offerReset)},
		{"POST", "/api/admin/users/{id}/block", admin(a.blockUser)},
		{"POST", "/api/admin/users/{id}/unblock", dangerous(a.unblockUser)},
		{"GET", "/api/admin/users/{id}/sessions", admin(a.listUserSessions)},
		{"DELETE", "/api/admin/users/{id}/sessions", admin(a.endUserSessions)},
		{"GET", "/api/admin/sessions", admin(a.listSessions)},
		{"GET", "/api/admin/sessions/{id}", admin(a.explainSession)},
		{"DELETE", "/api/admin/sessions/{id}", admin(a.endSession)},
		{"GET", "/api/admin/roles", admin(a.listRoles)},
		{"GET", "/api/admin/audit", admin(a.listEvents)},
		{"GET", exportPath, admin(a.exportEvents)},
		{"GET", "/api/admin/keys", admin(a.listKeys)},
		{"POST", "/api/admin/keys/rotate", admin(a.rotateKeys)},
		{"GET", "/api/admin/statistics", admin(a.statistics)},

		{"GET", "/.well-known/jwks.json", a.jwks},
		{"GET", metadataPath, a.metadata},
		{"GET", "/.well-known/openid-configuration", a.metadata},
		{"GET", "/openapi.yaml", openAPI},
		{"GET", "/healthz", a.healthz},
		{"GET", "/readyz", a.readyz},
	}
	if a.Demo {
		table = append(table, a.demoRoutes()...)
	}
	// RFC 8414 section 3.1 puts the path of an issuer that has one at the end.
	if u, err := url.Parse(a.Issuer); err == nil && u.Path != "" {
		table = append(table, route{"GET", metadataPath + u.Path, a.metadata})
	}
	return table
}

// quietRoutes are asked all day by machines; they are logged when they fail.
var quietRoutes = []string{verifyPath, "/healthz", "/readyz", "/.well-known/jwks.json", revocationsPath}

// dispatch finds the route of a request. What has none is a problem too: 404, or
// 405 with the methods that are allowed.
func (a *api) dispatch() http.Handler {
	methods := make(map[string]map[string]handler)
	for _, row := range a.routes() {
		if methods[row.path] == nil {
			methods[row.path] = make(map[string]handler)
		}
		methods[row.path][row.method] = row.serve
	}
	mux := http.NewServeMux()
	for pattern, by := range methods {
		mux.Handle(pattern, a.endpoint(pattern, by))
	}
	nothing := a.endpoint("", nil)
	mux.Handle("/", a.elsewhere(nothing))
	routed := a.cors(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if path.Clean(r.URL.Path) != r.URL.Path {
			nothing.ServeHTTP(w, r) // where the mux would redirect
			return
		}
		mux.ServeHTTP(w, r)
	}))
	forwardAuth := a.endpoint(verifyPath, nil)
	forwardAuth.any = a.forwardAuth
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asksForwardAuth(r.URL.Path) {
			forwardAuth.ServeHTTP(w, r)
			return
		}
		routed.ServeHTTP(w, r)
	})
}

// The doors of OAuth, which the metadata name.
const (
	tokenPath      = "/oauth/token"
	revokePath     = "/oauth/revoke"
	introspectPath = "/oauth/introspect"
)

// metadataPath is where RFC 8414 has the metadata of an issuer without a path.
const metadataPath = "/.well-known/oauth-authorization-server"

// revocationsPath is the route that may answer for ever.
const revocationsPath = "/api/auth/revocations"

// exportPath is the route whose answer may be long.
const exportPath = "/api/admin/audit/export"

// requestWithin bounds how long any other request may take. It is shorter than the
// retry window, and much shorter than the minimum age of a refresh token: an
// answer that took longer could overtake a newer one.
const requestWithin = 10 * time.Second

// endpoint is one path with its methods.
type endpoint struct {
	api     *api
	route   string
	quiet   bool
	within  time.Duration // 0: for ever
	metrics *metric.Route
	methods map[string]handler
	any     handler // if set, answers every method
	allow   string
}

func (a *api) endpoint(route string, methods map[string]handler) *endpoint {
	var allowed []string
	for method := range methods {
		allowed = append(allowed, method)
		if method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
	}
	allowed = append(allowed, http.MethodOptions)
	slices.Sort(allowed)
	within := requestWithin
	switch route {
	case revocationsPath:
		within = 0
	case exportPath:
		within = exportWithin
	}
	return &endpoint{
		api: a, route: route, methods: methods,
		quiet: slices.Contains(quietRoutes, route), within: within, metrics: a.Metrics.Route(route),
		allow: strings.Join(allowed, ", "),
	}
}

// ServeHTTP implements http.Handler.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	about := entryOf(r)
	about.route, about.quiet, about.metrics = e.route, e.quiet, e.metrics
	if e.within > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), e.within)
		defer cancel()
		r = r.WithContext(ctx)
	}
	e.api.serve(e.choose(r), w, r)
}

// choose finds the handler of the request's method.
func (e *endpoint) choose(r *http.Request) handler {
	if e.any != nil {
		return e.any
	}
	if len(e.methods) == 0 {
		return nothingHere
	}
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	if chosen := e.methods[method]; chosen != nil {
		return chosen
	}
	if r.Method == http.MethodOptions {
		return e.options
	}
	return e.notAllowed
}

// elsewhere lets the pages answer what has no route, if they have it.
func (a *api) elsewhere(nothing http.Handler) http.Handler {
	if a.Pages == nil {
		return nothing
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := a.Pages.Handler(r)
		if pattern == "" {
			nothing.ServeHTTP(w, r)
			return
		}
		_, route, found := strings.Cut(pattern, " ") // the log has the method beside it
		if !found {
			route = pattern
		}
		entryOf(r).route = route
		ctx, cancel := context.WithTimeout(r.Context(), requestWithin)
		defer cancel()
		a.Pages.ServeHTTP(w, r.WithContext(ctx))
	})
}

func nothingHere(http.ResponseWriter, *http.Request) error {
	return problem(CodeNotFound, "There is nothing here.")
}

func (e *endpoint) notAllowed(http.ResponseWriter, *http.Request) error {
	p := problem(CodeMethodNotAllowed, "Allowed here: %s.", e.allow)
	p.allow = e.allow
	return p
}

func (e *endpoint) options(w http.ResponseWriter, _ *http.Request) error {
	w.Header().Set("Allow", e.allow)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

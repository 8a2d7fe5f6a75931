package httpapi

import (
	"errors"
	"net/http"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/verify"
)

// demoRoutes are the resources of the second seed, for its front ends to try
// themselves on. They answer bare text, as there.
func (a *api) demoRoutes() []route {
	return []route{
		{"GET", "/api/test/all", bareText("Public Content.")},
		{"GET", "/api/test/user", a.demoResource("User Content.")},
		{"GET", "/api/test/mod", a.demoResource("Moderator Content.", account.RoleModerator)},
		{"GET", "/api/test/admin", a.demoResource("Admin Content.", account.RoleAdmin)},
	}
}

func bareText(text string) handler {
	return func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, err := w.Write([]byte(text))
		return err
	}
}

// demoResource takes its access token from a header like every other route or,
// for the front end that has nothing else, from the demo's cookie. It only reads,
// so a request that another site caused gains nothing.
func (a *api) demoResource(text string, roles ...string) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		claims, err := a.authenticate(r)
		if cookie, missing := r.Cookie(demoCookie); errors.Is(err, verify.ErrNoToken) && missing == nil {
			claims, err = a.Verifier.Verify(r.Context(), cookie.Value)
		}
		if err != nil {
			return err
		}
		if err := requireAny(claims, roles...); err != nil {
			return err
		}
		return bareText(text)(w, r)
	}
}

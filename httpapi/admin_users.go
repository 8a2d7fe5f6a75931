package httpapi

import (
	"net/http"
	"slices"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/verify"
)

// userRecord is a user as an administrator sees them.
type userRecord struct {
	ID        string       `json:"id"`
	Username  string       `json:"username"`
	Email     string       `json:"email"`
	Roles     []string     `json:"roles"`
	Blocked   bool         `json:"blocked"`
	Block     *blockRecord `json:"block,omitempty"`
	Epoch     uint64       `json:"epoch"`
	CreatedAt string       `json:"createdAt"`
}

type blockRecord struct {
	At     string `json:"at"`
	Reason string `json:"reason"`
	By     string `json:"by"`
}

func newUserRecord(u account.User) userRecord {
	record := userRecord{
		ID: u.ID.String(), Username: u.Username, Email: u.Email, Roles: listed(u.Roles),
		Blocked: u.Blocked(), Epoch: u.Epoch, CreatedAt: timestamp(u.CreatedAt),
	}
	if u.Blocked() {
		record.Block = &blockRecord{At: timestamp(u.Block.At), Reason: u.Block.Reason, By: u.Block.By}
	}
	return record
}

// listUsers answers GET /api/admin/users.
func (a *api) listUsers(w http.ResponseWriter, r *http.Request, _ *verify.Claims) error {
	p := readParameters(r, "search", "role", "blocked", "before", "limit")
	q := account.Query{
		Search: p.text("search"), Role: p.text("role"), Blocked: p.boolean("blocked"),
		Before: p.id("before"), Limit: p.limit(),
	}
	if p.err != nil {
		return p.err
	}
	users, err := a.Accounts.List(r.Context(), q)
	if err != nil {
		return err
	}
	page := struct {
		Users []userRecord `json:"users"`
		Next  string       `json:"next,omitempty"` // "before" of the next page
	}{Users: make([]userRecord, 0, len(users))}
	for _, u := range users {
		page.Users = append(page.Users, newUserRecord(u))
	}
	if len(users) == q.Limit {
		page.Next = users[len(users)-1].ID.String()
	}
	return reply(w, http.StatusOK, page)
}

// createUser answers POST /api/admin/users.
func (a *api) createUser(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	chosen, err := decodeNewUser(w, r, jsonOnly)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(chosen.Roles, func(role string) bool { return role != account.RoleUser }) {
		if err := a.requireRecent(c); err != nil {
			return err
		}
	}
	user, err := a.Accounts.Create(r.Context(), chosen, a.actor(r, c))
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/api/admin/users/"+user.ID.String())
	return reply(w, http.StatusCreated, newUserRecord(user))
}

// showUser answers GET /api/admin/users/{id}.
func (a *api) showUser(w http.ResponseWriter, r *http.Request, _ *verify.Claims) error {
	user, err := a.pathExisting(r)
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, newUserRecord(user))
}

// setRoles answers PUT /api/admin/users/{id}/roles.
func (a *api) setRoles(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	id, err := pathUser(r)
	if err != nil {
		return err
	}
	var roles []string
	if err := decode(w, r, jsonOnly, fields{"roles": &roles}); err != nil {
		return err
	}
	if roles == nil {
		return problem(CodeFieldInvalid, `Please give "roles", a list that may be empty.`).at("roles")
	}
	user, err := a.Accounts.SetRoles(r.Context(), id, roles, a.actor(r, c))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, newUserRecord(user))
}

// setPassword answers PUT /api/admin/users/{id}/password.
func (a *api) setPassword(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	id, err := pathUser(r)
	if err != nil {
		return err
	}
	var password string
	if err := decode(w, r, jsonOnly, fields{"password": &password}); err != nil {
		return err
	}
	user, err := a.Accounts.SetPassword(r.Context(), id, password, a.actor(r, c))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, newUserRecord(user))
}

// blockUser answers POST /api/admin/users/{id}/block.
func (a *api) blockUser(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	id, err := pathUser(r)
	if err != nil {
		return err
	}
	var reason string
	if err := decode(w, r, jsonOnly, fields{"reason": &reason}); err != nil {
		return err
	}
	user, err := a.Accounts.Block(r.Context(), id, reason, a.actor(r, c))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, newUserRecord(user))
}

// unblockUser answers POST /api/admin/users/{id}/unblock.
func (a *api) unblockUser(w http.ResponseWriter, r *http.Request, c *verify.Claims) error {
	id, err := pathUser(r)
	if err != nil {
		return err
	}
	user, err := a.Accounts.Unblock(r.Context(), id, a.actor(r, c))
	if err != nil {
		return err
	}
	return reply(w, http.StatusOK, newUserRecord(user))
}

// listRoles answers GET /api/admin/roles.
func (a *api) listRoles(w http.ResponseWriter, _ *http.Request, _ *verify.Claims) error {
	return reply(w, http.StatusOK, struct {
		Roles []string `json:"roles"`
	}{a.Accounts.Roles()})
}

// actor is the administrator who asks.
func (a *api) actor(r *http.Request, c *verify.Claims) account.Actor {
	return account.Actor{By: c.Subject, From: a.whence(r)}
}

// pathExisting is the user that the path names.
func (a *api) pathExisting(r *http.Request) (account.User, error) {
	id, err := pathUser(r)
	if err != nil {
		return account.User{}, err
	}
	return a.Accounts.Find(r.Context(), id)
}

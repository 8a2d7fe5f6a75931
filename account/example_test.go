package account_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/store/memory"
)

// noSessions is an account.Sessions for examples, in which nobody is signed in.
type noSessions struct{}

func (noSessions) EndUser(context.Context, account.ID, string, string, string) (int, error) {
	return 0, nil
}

// newExample is a service with one user, anna, and one administrator, root.
func newExample() (*account.Service, account.User, account.Actor) {
	stores := memory.New()
	service, err := account.New(account.Config{
		Store: stores.Users, Sessions: noSessions{}, Events: stores.Events, SignupOpen: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	anna, err := service.SignUp(ctx, account.NewUser{
		Username: "anna", Email: "anna@example.org", Password: "correct horse battery",
	}, account.Origin{IP: "192.0.2.7"})
	if err != nil {
		log.Fatal(err)
	}
	root, err := service.Create(ctx, account.NewUser{
		Username: "root", Password: "head of the house", Roles: []string{account.RoleAdmin},
	}, account.Actor{By: account.ByCLI})
	if err != nil {
		log.Fatal(err)
	}
	return service, anna, account.Actor{By: root.ID.String()}
}

func ExampleNew() {
	stores := memory.New()
	service, err := account.New(account.Config{
		Store:    stores.Users,
		Sessions: noSessions{}, // the session service, in earnest
		Events:   stores.Events,
		Roles:    []string{"press"},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(service.Roles(), service.SignupOpen())
	// Output: [admin moderator press user] false
}

func ExampleService_SignUp() {
	service, _, _ := newExample()
	user, err := service.SignUp(context.Background(), account.NewUser{
		Username: "ben", Email: "ben@example.org", Password: "two pink sofas",
	}, account.Origin{IP: "192.0.2.7"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(user.Username, user.Roles)

	_, err = service.SignUp(context.Background(), account.NewUser{
		Username: "carl", Email: "carl@example.org", Password: "secret",
	}, account.Origin{IP: "192.0.2.7"})
	if field, ok := errors.AsType[*account.FieldError](err); ok {
		fmt.Println(field.Field, field.Code)
		fmt.Println(field.Message)
	}
	// Output:
	// ben [user]
	// password too_short
	// The password has 6 characters; it needs at least 8, because shorter ones are found by trying them all.
}

func ExampleService_Authenticate() {
	service, _, _ := newExample()
	from := account.Origin{IP: "192.0.2.7"}
	user, err := service.Authenticate(context.Background(), "Anna@example.org", "correct horse battery", from)
	fmt.Println(user.Username, err)
	_, err = service.Authenticate(context.Background(), "anna", "a guess", from)
	fmt.Println(errors.Is(err, account.ErrCredentials), err)
	_, err = service.Authenticate(context.Background(), "nobody", "a guess", from)
	fmt.Println(errors.Is(err, account.ErrCredentials), err)
	// Output:
	// anna <nil>
	// true the name or the password is wrong
	// true the name or the password is wrong
}

func ExampleService_ChangePassword() {
	service, anna, _ := newExample()
	changed, err := service.ChangePassword(context.Background(), anna.ID, account.PasswordChange{
		Current: "correct horse battery",
		New:     "four green chairs",
		Keep:    "9f2c6ad1f0b34e5f8a7d6c5b4a392817", // the session that asks
	}, account.Origin{IP: "192.0.2.7"})
	fmt.Println(err, anna.Epoch, changed.Epoch)
	// Output: <nil> 1 2
}

func ExampleService_Create() {
	service, _, admin := newExample()
	user, err := service.Create(context.Background(), account.NewUser{
		Username: "dora", Password: "three blue lamps", Roles: []string{account.RoleModerator},
	}, admin)
	fmt.Println(user.Username, user.Roles, err)
	// Output: dora [moderator] <nil>
}

func ExampleService_SetRoles() {
	service, anna, admin := newExample()
	user, err := service.SetRoles(context.Background(), anna.ID, []string{account.RoleUser, account.RoleModerator}, admin)
	fmt.Println(user.Roles, err)
	_, err = service.SetRoles(context.Background(), anna.ID, []string{"king"}, admin)
	fmt.Println(errors.Is(err, account.ErrUnknownRole))
	// Output:
	// [moderator user] <nil>
	// true
}

func ExampleService_Block() {
	service, anna, admin := newExample()
	if _, err := service.Block(context.Background(), anna.ID, "sends spam", admin); err != nil {
		log.Fatal(err)
	}
	_, err := service.Authenticate(context.Background(), "anna", "correct horse battery", account.Origin{})
	fmt.Println(errors.Is(err, account.ErrBlocked))
	// Output: true
}

func ExampleService_Unblock() {
	service, anna, admin := newExample()
	if _, err := service.Block(context.Background(), anna.ID, "sends spam", admin); err != nil {
		log.Fatal(err)
	}
	user, err := service.Unblock(context.Background(), anna.ID, admin)
	fmt.Println(user.Blocked(), err)
	// Output: false <nil>
}

func ExampleService_SetPassword() {
	service, anna, admin := newExample()
	if _, err := service.SetPassword(context.Background(), anna.ID, "seven grey doors", admin); err != nil {
		log.Fatal(err)
	}
	_, err := service.Authenticate(context.Background(), "anna", "seven grey doors", account.Origin{})
	fmt.Println(err)
	// Output: <nil>
}

func ExampleService_Find() {
	service, anna, _ := newExample()
	user, err := service.Find(context.Background(), anna.ID)
	fmt.Println(user.Username, err)
	// Output: anna <nil>
}

func ExampleService_Lookup() {
	service, anna, _ := newExample()
	for _, who := range []string{"ANNA", "anna@example.org", anna.ID.String()} {
		user, err := service.Lookup(context.Background(), who)
		fmt.Println(user.Username, err)
	}
	// Output:
	// anna <nil>
	// anna <nil>
	// anna <nil>
}

func ExampleService_List() {
	service, _, _ := newExample()
	users, err := service.List(context.Background(), account.Query{Search: "an", Role: account.RoleUser})
	if err != nil {
		log.Fatal(err)
	}
	for _, user := range users {
		fmt.Println(user.Username)
	}
	// Output: anna
}

func ExampleService_Count() {
	service, _, _ := newExample()
	fmt.Println(service.Count(context.Background()))
	// Output: 2 0 <nil>
}

func ExampleService_Import() {
	service, _, admin := newExample()
	lines := strings.NewReader(`
{"username": "ben", "email": "ben@example.org", "passwordHash": "$2a$04$u4xbTKhN7qOl1nFegTDkjulwncNWukxLn/Xe.PaKVcgiy9GfZpXlW"}
{"username": "carl", "password": "in clear"}
`)
	imported, err := service.Import(context.Background(), lines, admin, nil)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(imported.Added, "added")
	for _, refusal := range imported.Refusals {
		fmt.Printf("line %d: %s\n", refusal.Line, refusal.Text)
	}
	user, err := service.Authenticate(context.Background(), "ben", "correct horse", account.Origin{})
	fmt.Println(user.Username, err)
	// Output:
	// 1 added
	// line 3: the password is in clear, or its hash of a kind that is not known; give an Argon2, bcrypt or scrypt hash
	// ben <nil>
}

func ExampleUsernameKey() {
	fmt.Println(account.UsernameKey("Zoë"))
	_, err := account.UsernameKey("two words")
	fmt.Println(err)
	// Output:
	// zoë <nil>
	// username: The username may contain letters, digits and signs, but no spaces and no control characters.
}

func ExampleEmailKey() {
	fmt.Println(account.EmailKey("Anna@Example.ORG"))
	// Output: anna@example.org <nil>
}

package watchword_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/verify"
)

// A program with accounts, sign-in, sessions, and a page of its own for those who
// are signed in. With the zero Config everything is kept in memory.
func Example() {
	server, err := watchword.New(context.Background(), watchword.Config{})
	if err != nil {
		panic(err)
	}
	defer server.Close()
	hello := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := verify.FromContext(r.Context())
		fmt.Fprintf(w, "Hello, %s!", claims.Username)
	})
	http.Handle("/", server)
	http.Handle("GET /hello", server.Require("user")(hello))
	visit(http.DefaultServeMux) // in a program: http.ListenAndServe("localhost:8080", nil)
	// Output:
	// a stranger: 401
	// ada: 200 Hello, ada!
}

// The first administrator is made by the program: nobody becomes one by signing up.
func ExampleServer_Accounts() {
	ctx := context.Background()
	server, err := watchword.New(ctx, watchword.Config{SignupClosed: true, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	defer server.Close()
	root, err := server.Accounts().Create(ctx, account.NewUser{
		Username: "root", Password: "correct horse battery", Roles: []string{account.RoleAdmin},
	}, account.Actor{By: account.ByCLI})
	fmt.Println(root.Username, root.Roles, err)
	// Output: root [admin] <nil>
}

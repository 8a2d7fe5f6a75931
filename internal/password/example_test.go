package password_test

import (
	"context"
	"fmt"

	"github.com/watchwordauth/watchword/internal/password"
)

func ExampleHasher() {
	ctx := context.Background()
	hasher := password.New(password.Config{})
	hash, err := hasher.Hash(ctx, "correct horse battery staple")
	if err != nil {
		fmt.Println(err)
		return
	}
	ok, stale, err := hasher.Check(ctx, hash, "correct horse battery staple")
	fmt.Println(ok, stale, err)
	// Output: true false <nil>
}

func ExampleHasher_Check_imported() {
	hasher := password.New(password.Config{})
	const fromNode = "$2a$04$u4xbTKhN7qOl1nFegTDkjulwncNWukxLn/Xe.PaKVcgiy9GfZpXlW"
	ok, stale, err := hasher.Check(context.Background(), fromNode, "correct horse")
	fmt.Println(ok, stale, err)
	// Output: true true <nil>
}

func ExampleValidate() {
	fmt.Println(password.Validate("$argon2id$v=19$m=104857600,t=2,p=1$c2FsdHNhbHRzYWx0$qDu78dzg43wNCwrnaRuShw"))
	// Output: unsupported password hash: its m is not 8 to 262144 KiB
}

func ExampleJudge() {
	fmt.Println(password.Judge("PassWord"))
	fmt.Println(password.Judge("two pink sofas", "anna", "anna@example.org"))
	// Output:
	// This is one of the most used passwords, and those are tried first. Please choose another.
	// <nil>
}

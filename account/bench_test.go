package account_test

import (
	"log/slog"
	"testing"

	"golang.org/x/crypto/argon2"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/store/memory"
)

// BenchmarkAuthenticate is sign-ins over all processors. Hold it against
// BenchmarkArgon2id, which is what they cannot do without.
func BenchmarkAuthenticate(b *testing.B) {
	stores := memory.New()
	service, err := account.New(account.Config{
		Store: stores.Users, Sessions: &endings{}, Events: stores.Events, SignupOpen: true, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := service.SignUp(b.Context(), account.NewUser{Username: "anna", Email: "anna@example.org", Password: "correct horse"}, home); err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := service.Authenticate(b.Context(), "anna", "correct horse", home); err != nil {
				b.Error(err)
			}
		}
	})
}

func BenchmarkArgon2id(b *testing.B) {
	salt := make([]byte, 16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			argon2.IDKey([]byte("correct horse"), salt, 2, 19*1024, 1, 32)
		}
	})
}

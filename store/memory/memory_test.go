package memory_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/store"
	"github.com/watchwordauth/watchword/store/memory"
	"github.com/watchwordauth/watchword/store/storetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	open := func(testing.TB) store.Set { return memory.New() }
	storetest.Run(t, open)
	storetest.Steps(t, open)
}

func TestLinearizable(t *testing.T) {
	t.Parallel()
	storetest.Linearizable(t, memory.New().Sessions)
}

func Example() {
	set := memory.New()
	_, err := set.Users.FindByUsername(context.Background(), "anna")
	fmt.Println(errors.Is(err, account.ErrNotFound))
	// Output: true
}

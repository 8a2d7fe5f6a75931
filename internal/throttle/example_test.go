package throttle_test

import (
	"context"
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/internal/throttle"
)

func ExampleThrottle_Enter() {
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	guesses := throttle.New(throttle.Config{
		Limit: throttle.Limit{Burst: 2, Every: 30 * time.Second},
		Now:   func() time.Time { return now },
	})
	for range 3 {
		attempt, err := guesses.Enter(context.Background(), "anna")
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("wrong password")
		attempt.Leave(throttle.Failed)
	}
	// Output:
	// wrong password
	// wrong password
	// too many failures: try again in 30s
}

func ExampleAddressKey() {
	fmt.Println(throttle.AddressKey("2001:db8:1:2:3:4:5:6"))
	// Output: 2001:db8:1:2::/64
}

func ExampleFamiliar() {
	seen := throttle.NewFamiliar(1000)
	seen.Meet("anna 192.0.2.7")
	fmt.Println(seen.Knows("anna 192.0.2.7"), seen.Knows("anna 203.0.113.9"))
	// Output: true false
}

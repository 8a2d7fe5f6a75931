package batch_test

import (
	"context"
	"fmt"
	"time"

	"github.com/watchwordauth/watchword/internal/batch"
)

func Example() {
	lengths := batch.New(5*time.Second, func(_ context.Context, words []string) ([]int, error) {
		// One round trip for all the words, where there is a database.
		answers := make([]int, len(words))
		for i, word := range words {
			answers[i] = len(word)
		}
		return answers, nil
	})
	n, err := lengths.Do(context.Background(), "watchword")
	fmt.Println(n, err)
	// Output: 9 <nil>
}

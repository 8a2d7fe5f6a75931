// Command peak checks 64 passwords at once and prints the most memory that the
// process ever held, in KiB.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/watchwordauth/watchword/internal/password"
)

func main() {
	ctx := context.Background()
	hasher := password.New(password.Config{Wait: 10 * time.Minute}) // however busy the machine is
	hash, err := hasher.Hash(ctx, "correct horse")
	if err != nil {
		log.Fatal(err)
	}
	var all sync.WaitGroup
	for range 64 {
		all.Go(func() {
			if ok, _, err := hasher.Check(ctx, hash, "correct horse"); err != nil || !ok {
				log.Fatal("a sign-in failed: ", err)
			}
		})
	}
	all.Wait()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		log.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if peak, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			fmt.Println(strings.Fields(peak)[0])
		}
	}
}

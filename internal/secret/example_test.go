package secret_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/watchwordauth/watchword/internal/secret"
)

// The first call makes the file, every other call reads it.
func ExampleLoadOrCreate() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	master, err := secret.LoadOrCreate(filepath.Join(dir, "master.secret"))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(master, len(master.Derive("refresh tokens")))
	// Output: [secret] 32
}

func ExampleParse() {
	_, err := secret.Parse("WATCHWORD_MASTER_SECRET", "changeme-changeme-changeme-changeme")
	fmt.Println(err)
	// Output: WATCHWORD_MASTER_SECRET: too weak a secret: it is a sample, or looks like one; make one with "watchword secret"
}

func ExampleMaster_Seal() {
	material, err := secret.Parse("WATCHWORD_MASTER_SECRET", "kT7#vQ2m!xZ9@pL4&wR6^nB8*cY3$hJ5")
	if err != nil {
		fmt.Println(err)
		return
	}
	master, err := secret.New(material)
	if err != nil {
		fmt.Println(err)
		return
	}
	envelope := master.Seal("signing key", "kid-1", []byte("private"))
	plain, err := master.Open("signing key", "kid-1", envelope)
	fmt.Println(string(plain), err)
	_, err = master.Open("signing key", "kid-2", envelope)
	fmt.Println(err)
	// Output:
	// private <nil>
	// not what was sealed
}

package mongostore_test

import (
	"context"
	"fmt"
	"log"

	"github.com/watchwordauth/watchword"
	"github.com/watchwordauth/watchword/store/mongostore"
)

// A program keeps its users and sessions in the database it has already.
func Example() {
	ctx := context.Background()
	db, err := mongostore.Open(ctx, "mongodb://127.0.0.1/app", mongostore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()
	server, err := watchword.New(ctx, watchword.Config{Store: db.Set(), MasterSecretFile: "master.key"})
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	fmt.Println("ready")
}

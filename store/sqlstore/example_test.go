package sqlstore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver is the program's choice

	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/store/sqlstore"
)

func ExampleOpenSQLite() {
	folder, err := os.MkdirTemp("", "watchword")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(folder)

	db, err := sqlstore.OpenSQLite(context.Background(), filepath.Join(folder, "watchword.db"), sqlstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	defer db.Close()

	_, err = db.Set().Users.FindByUsername(context.Background(), "anna")
	fmt.Println(errors.Is(err, account.ErrNotFound))
	// Output: true
}

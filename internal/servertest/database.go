package servertest

import (
	"crypto/rand"
	"database/sql"
	"net/url"
	"strings"
	"testing"
)

// Execute executes statements on a database, outside of any store.
func Execute(t testing.TB, driver, address string, statements ...string) {
	t.Helper()
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// EmptyPostgres makes a schema on a server, which is dropped when the test ends. It
// is the address of a database that holds nothing else.
func EmptyPostgres(t testing.TB, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal("the address of PostgreSQL is not a URL") // the error would tell the password
	}
	schema := fresh()
	Execute(t, "pgx", address, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { Execute(t, "pgx", address, "DROP SCHEMA "+schema+" CASCADE") })
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

// EmptyMySQL makes a database on a server, which is dropped when the test ends. It
// takes and returns an address as the driver writes it.
func EmptyMySQL(t testing.TB, address string) string {
	t.Helper()
	database := fresh()
	// Its collation takes names for equal that are not.
	Execute(t, "mysql", address, "CREATE DATABASE "+database+" CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci")
	t.Cleanup(func() { Execute(t, "mysql", address, "DROP DATABASE "+database) })
	base, query, _ := strings.Cut(address, "?")
	return base[:strings.LastIndexByte(base, '/')+1] + database + "?" + query
}

// fresh is a name that nothing has yet.
func fresh() string { return "watchword_" + strings.ToLower(rand.Text()) }

// Package servertest finds the servers that tests need: PostgreSQL, MySQL or
// MariaDB, and Redis.
//
//	WATCHWORD_TEST_…_URL ─► Address ─► a server that tests share
//	                                   └─ EmptyPostgres, EmptyMySQL: a place on it for one test
//	redis-server ─────────► StartRedis ─► a server of one test, which it may kill
//
// It owns one rule: a test without its server is skipped, and says so, unless
// WATCHWORD_TEST_REQUIRE names the server; then it fails. So what is to be tested
// is never left out in silence. scripts/servers.sh starts servers for a command.
//
// Like the stores it names no driver: whoever asks for a database imports "pgx" or
// "mysql".
package servertest

package main

import (
	"errors"
	"net/url"
	"strings"
)

// errNoCommand is that an address cannot be put into a command.
var errNoCommand = mend(errors.New("the address of the database is not a URL as it stands, so that no command can be made of it"),
	"write it as postgres://USER:PASSWORD@HOST/DATABASE or the like, with %%40 for @, %%3A for :, %%2F for / and %%23 for # in the password")

// dump is how to back up a database that has tools of its own, and how to restore it
// with them. No command line holds a password.
type dump struct {
	what     string   // the database, for people
	save     []string // the command, a word each
	load     []string
	password string // where the tools take it from
}

// dumpOf tells the commands for an address, with a file to write; false: none is known.
func dumpOf(address, file string) (dump, bool) {
	u, err := url.Parse(address)
	if err != nil || astray(u) {
		return dump{}, false
	}
	switch u.Scheme {
	case "postgres", "postgresql":
		return postgresDump(u, file), true
	case "mysql", "mariadb":
		return mysqlDump(u, file), true
	case "mongodb", "mongodb+srv":
		return mongoDump(u, file), true
	case "redis", "rediss", "redis+cluster", "rediss+cluster":
		return dump{
			what: "Redis",
			save: without("redis-cli", "-h", u.Hostname(), "-p", orElse(u.Port(), "6379"), "--rdb", file),
			load: []string{"cp", file, "…/dump.rdb"}, password: "redis-cli takes the password from REDISCLI_AUTH",
		}, true
	}
	return dump{}, false
}

// postgresDump keeps the parameters that libpq knows.
func postgresDump(u *url.URL, file string) dump {
	tables := "watchword_*"
	query := url.Values{}
	for name, values := range u.Query() {
		switch name {
		case "sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "target_session_attrs", "host", "port", "user":
			query[name] = values
		case "search_path":
			schema, _, _ := strings.Cut(values[0], ",")
			tables = schema + "." + tables
		}
	}
	safe := url.URL{Scheme: "postgresql", Host: u.Host, Path: u.Path, RawQuery: query.Encode()}
	if u.User != nil {
		safe.User = url.User(u.User.Username())
	}
	return dump{
		what: "PostgreSQL",
		save: []string{"pg_dump", "--format=custom", "--table=" + tables, "--file=" + file, "--dbname=" + safe.String()},
		load: []string{"pg_restore", "--clean", "--if-exists", "--no-owner", "--single-transaction", "--dbname=" + safe.String(), file},

		password: "both take the password from ~/.pgpass or PGPASSWORD, or ask for it",
	}
}

func mysqlDump(u *url.URL, file string) dump {
	to := without("--host="+u.Hostname(), "--port="+orElse(u.Port(), "3306"), "--user="+u.User.Username())
	database := strings.TrimPrefix(u.Path, "/")
	return dump{
		what: "MySQL or MariaDB",
		save: append(append([]string{"mariadb-dump"}, to...), "--password", "--single-transaction", "--quick", "--hex-blob", "--result-file="+file, database),
		load: append(append([]string{"mariadb"}, to...), "--password", database, "<", file),

		password: "both ask for the password, or take it from a file by --defaults-extra-file=FILE in the first place, in place of --password; MySQL's own tools are mysqldump and mysql",
	}
}

func mongoDump(u *url.URL, file string) dump {
	safe := *u
	if u.User != nil {
		safe.User = url.User(u.User.Username())
	}
	query := safe.Query()
	for name := range query { // in whatever case; the properties may hold a token
		if lower := strings.ToLower(name); strings.Contains(lower, "password") || lower == "authmechanismproperties" {
			query.Del(name)
		}
	}
	safe.RawQuery = query.Encode()
	uri := "--uri=" + safe.String()
	return dump{
		what: "MongoDB",
		save: []string{"mongodump", uri, "--gzip", "--archive=" + file},
		load: []string{"mongorestore", uri, "--gzip", "--drop", "--archive=" + file},

		password: "both ask for the password, or take it from a file by --config=FILE",
	}
}

// without leaves out what has no value.
func without(words ...string) []string {
	var kept []string
	for _, word := range words {
		if !strings.HasSuffix(word, "=") {
			kept = append(kept, word)
		}
	}
	return kept
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// line writes a command as one types it in a shell.
func line(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = word
		if word != "<" && (word == "" || strings.ContainsAny(word, " \t\n'\"\\$`*?[]{}()<>|&;#~!")) {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

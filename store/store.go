// Package store names the set of stores that an installation needs. The
// contracts are declared by those who use them (account, session, signing,
// audit); the drivers are the folders beside this file, and none knows another.
package store

import (
	"github.com/watchwordauth/watchword/account"
	"github.com/watchwordauth/watchword/audit"
	"github.com/watchwordauth/watchword/session"
	"github.com/watchwordauth/watchword/signing"
)

// Set is the four stores of an installation. They may live in one database or in
// several: sessions in Redis, for example, and the rest in PostgreSQL.
type Set struct {
	Users    account.Store
	Sessions session.Store
	Keys     signing.Store
	Events   audit.Store
}

package redisstore

import (
	_ "embed"

	"github.com/redis/rueidis"
)

// Each script decides about one key. What it is told is packed as in record.go.
var (
	advanceScript = rueidis.NewLuaScript(advanceSource)
	revokeScript  = rueidis.NewLuaScript(revokeSource)
	enlistScript  = rueidis.NewLuaScript(enlistSource)

	//go:embed advance.lua
	advanceSource string
	//go:embed revoke.lua
	revokeSource string
	//go:embed enlist.lua
	enlistSource string
)

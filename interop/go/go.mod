module github.com/watchwordauth/watchword/interop/go

go 1.26.0

require (
	github.com/coreos/go-oidc/v3 v3.20.0
	github.com/watchwordauth/watchword v0.0.0
	golang.org/x/oauth2 v0.37.0
)

require (
	github.com/go-jose/go-jose/v4 v4.1.4 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/watchwordauth/watchword => ../..

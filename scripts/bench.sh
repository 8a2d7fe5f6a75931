#!/usr/bin/env bash
# Prints every figure beside its limit, measured in the same run. See 'make bench'.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$1"; }

step 'verify an access token, beside the raw signature check'
go test -run '^$' -bench . -benchtime 1s ./verify

step 'mint an access token, beside the raw signature'
go test -run '^$' -bench . -benchtime 1s ./signing

step 'look up a revocation; open a refresh token'
go test -run '^$' -bench . -benchtime 1s ./revocation ./session

step 'the whole server'
go run ./bench "$@"

#!/usr/bin/env bash
# Runs every check and every test. See 'make test', which gives it the servers.
set -euo pipefail
cd "$(dirname "$0")/.."

staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
step() { printf '\n== %s\n' "$1"; }

race=-race
if ! command -v gcc >/dev/null 2>&1 && ! command -v "${CC:-cc}" >/dev/null 2>&1; then
	echo "no C compiler: the race detector is off" >&2
	race=
fi

# modules prints the folder of every module, the root's first.
modules() {
	find . -name go.mod -not -path '*/node_modules/*' -not -path '*/testdata/*' -exec dirname {} \; | sort
}

step 'gofmt'
unformatted=$(git ls-files -z --cached --others --exclude-standard '*.go' | xargs -0 -r gofmt -l)
if [ -n "$unformatted" ]; then
	printf 'run gofmt -w on:\n%s\n' "$unformatted" >&2
	exit 1
fi

for module in $(modules); do
	step "go vet, staticcheck ($module)"
	(cd "$module" && go vet ./... && go run "$staticcheck" ./...)
done

if command -v shellcheck >/dev/null 2>&1; then
	step 'shellcheck'
	shellcheck scripts/*.sh deploy/*.sh .ci/run
fi

for module in $(modules); do
	step "go test ($module)"
	# It reads files of other modules, which Go does not see when it remembers a result.
	fresh=
	if [ "$module" = ./deploy/lint ]; then fresh=-count=1; fi
	# shellcheck disable=SC2086 # $race and $fresh are one flag or none
	(cd "$module" && go test $race $fresh -timeout 30m ./...)
done

for package in js interop/node examples/express-api; do
	step "npm test ($package)"
	(cd "$package" && npm ci --no-audit --no-fund && npm test)
done

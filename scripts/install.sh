#!/usr/bin/env bash
# Installs what the tests use beside Go, on Debian as root; elsewhere it says
# what is missing and what will therefore be skipped. No service is started.
set -euo pipefail

# What the tests look for, the package it comes in, and what is lost without it.
wanted='
gcc:gcc libc6-dev:the race detector
postgres:postgresql:the tests on PostgreSQL
mariadbd:mariadb-server:the tests on MariaDB
redis-server:redis-server:the tests on Redis
nginx:nginx:the test of forward-auth behind nginx
chromium:chromium:the tests in a browser
caddy:caddy:the checks of what is written for Caddy
sqlite3:sqlite3:the tests in a browser that make sessions older
shellcheck:shellcheck:the check of the scripts
'

# found reports whether a program is on the path or where Debian hides servers.
found() {
	command -v "$1" >/dev/null 2>&1 || compgen -G "/usr/sbin/$1" >/dev/null || compgen -G "/usr/lib/postgresql/*/bin/$1" >/dev/null
}

packages=() losses=()
while IFS=: read -r program package loss; do
	[ -n "$program" ] || continue
	if ! found "$program"; then
		read -ra names <<<"$package"
		packages+=("${names[@]}")
		losses+=("$loss (package ${names[0]})")
	fi
done <<<"$wanted"

[ ${#packages[@]} -gt 0 ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null 2>&1; then
	printf 'not installed, so skipped: %s\n' "${losses[@]}" >&2
	exit 0
fi

# Debian starts a server as soon as it is installed, unless this file says no.
policy=/usr/sbin/policy-rc.d
kept=$(mktemp -d)
restore() {
	rm -f "$policy"
	if [ -e "$kept/policy-rc.d" ]; then cp -p "$kept/policy-rc.d" "$policy"; fi
	rm -rf "$kept"
}
trap restore EXIT
trap 'exit 1' INT TERM HUP
if [ -e "$policy" ]; then cp -p "$policy" "$kept/policy-rc.d"; fi
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"

printf 'installing: %s\n' "${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
log=$kept/apt.log
if ! { apt-get update -qq && apt-get install -y -qq --no-install-recommends "${packages[@]}"; } >"$log" 2>&1 </dev/null; then
	tail -n 30 "$log" >&2
	echo "apt-get could not install: ${packages[*]}" >&2
	exit 1
fi

#!/usr/bin/env bash
# Runs a command with private PostgreSQL, MariaDB and Redis servers beside it:
#
#     scripts/servers.sh go test ./store/...
#
# Each listens on a free port of 127.0.0.1, keeps its data in a temporary folder,
# wants a password drawn for this run, and is stopped by its process id when
# the command ends. Where a server is not installed, or its address is in the
# environment already, none is started.
set -euo pipefail

if [ $# -eq 0 ]; then
	echo "usage: scripts/servers.sh COMMAND [ARGUMENT...]" >&2
	exit 2
fi

folder=$(mktemp -d)
password=$(od -An -tx1 -N16 /dev/urandom | tr -d ' \n')
pids=() command=

# A server that refuses to run as root runs as nobody.
unprivileged=()
if [ "$(id -u)" -eq 0 ]; then
	unprivileged=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
	chmod 711 "$folder"
fi

# shellcheck disable=SC2317 # called by the trap
stop() {
	trap '' INT TERM HUP
	if [ -n "$command" ]; then kill -TERM -- "-$command" 2>/dev/null || true; fi
	for pid in "${pids[@]}"; do kill -INT "$pid" 2>/dev/null || true; done # fast for PostgreSQL
	for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
	for pid in "${pids[@]}"; do
		for _ in $(seq 100); do
			kill -0 "$pid" 2>/dev/null || break
			sleep 0.1
		done
		kill -KILL "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# private NAME makes the folder of a server, owned by whoever it runs as.
private() {
	mkdir -m 700 "$folder/$1"
	if [ ${#unprivileged[@]} -gt 0 ]; then chown nobody:nogroup "$folder/$1"; fi
}

# free_port prints a port below those that the kernel gives to clients, so that
# none of our own connections takes it in between.
free_port() {
	local port
	while :; do
		port=$((20000 + RANDOM % 10000))
		if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
			echo "$port"
			return
		fi
	done
}

# ready NAME PID COMMAND… waits until the command succeeds, or tells why it never will.
ready() {
	local name=$1 pid=$2
	shift 2
	for _ in $(seq 300); do
		if "$@" >/dev/null 2>&1; then return; fi
		if ! kill -0 "$pid" 2>/dev/null; then break; fi
		sleep 0.1
	done
	echo "$name did not start:" >&2
	tail -n 20 "$folder/$name.log" >&2
	exit 1
}

start_postgres() {
	local bin port
	bin=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1) || true
	if [ -z "$bin" ]; then
		bin=$(dirname "$(command -v postgres || true)")
		[ "$bin" != . ] || return 0
	fi
	private postgres
	port=$(free_port)
	printf '%s' "$password" >"$folder/password"
	chmod 644 "$folder/password"
	(cd / && "${unprivileged[@]}" "$bin/initdb" -D "$folder/postgres" -U watchword -A scram-sha-256 \
		--pwfile="$folder/password" -E UTF8 --locale=C) >"$folder/postgres.log" 2>&1 || {
		cat "$folder/postgres.log" >&2
		exit 1
	}
	rm "$folder/password"
	(cd / && exec "${unprivileged[@]}" "$bin/postgres" -D "$folder/postgres" -p "$port" \
		-c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=200) >>"$folder/postgres.log" 2>&1 &
	pids+=($!)
	ready postgres $! "$bin/pg_isready" -q -h 127.0.0.1 -p "$port"
	export WATCHWORD_TEST_POSTGRES_URL="postgres://watchword:$password@127.0.0.1:$port/postgres?sslmode=disable"
}

start_mysql() {
	local server=/usr/sbin/mariadbd port socket=$folder/mysql.sock
	if [ ! -x "$server" ]; then
		server=$(command -v mariadbd) || return 0
	fi
	private mysql
	private mysql-temporary # in /tmp itself two runs at once take each other's tables
	port=$(free_port)
	(cd / && TMPDIR=$folder/mysql-temporary "${unprivileged[@]}" mariadb-install-db --no-defaults --datadir="$folder/mysql" \
		--auth-root-authentication-method=normal --skip-test-db) >"$folder/mysql.log" 2>&1 || {
		cat "$folder/mysql.log" >&2
		exit 1
	}
	(cd / && TMPDIR=$folder/mysql-temporary exec "${unprivileged[@]}" "$server" --no-defaults --datadir="$folder/mysql" --port="$port" \
		--bind-address=127.0.0.1 --socket="$folder/mysql/server.sock" --pid-file="$folder/mysql/server.pid" \
		--character-set-server=utf8mb4 --max-connections=200) >>"$folder/mysql.log" 2>&1 &
	pids+=($!)
	socket=$folder/mysql/server.sock
	ready mysql $! mariadb-admin --no-defaults --socket="$socket" -u root ping
	mariadb --no-defaults --socket="$socket" -u root <<-SQL
		CREATE DATABASE watchword;
		CREATE USER watchword@'127.0.0.1' IDENTIFIED BY '$password';
		GRANT ALL PRIVILEGES ON *.* TO watchword@'127.0.0.1';
		ALTER USER root@localhost IDENTIFIED BY '$password';
	SQL
	export WATCHWORD_TEST_MYSQL_URL="watchword:$password@tcp(127.0.0.1:$port)/watchword" # as its driver writes it
}

start_redis() {
	local port
	command -v redis-server >/dev/null || return 0
	private redis
	port=$(free_port)
	printf 'bind 127.0.0.1\nport %s\ndir %s\nsave ""\nappendonly yes\nrequirepass %s\n' \
		"$port" "$folder/redis" "$password" >"$folder/redis/redis.conf"
	if [ ${#unprivileged[@]} -gt 0 ]; then chown nobody:nogroup "$folder/redis/redis.conf"; fi
	(cd / && exec "${unprivileged[@]}" redis-server "$folder/redis/redis.conf") >"$folder/redis.log" 2>&1 &
	pids+=($!)
	ready redis $! env REDISCLI_AUTH="$password" redis-cli -h 127.0.0.1 -p "$port" ping
	export WATCHWORD_TEST_REDIS_URL="redis://default:$password@127.0.0.1:$port/0"
}

# A Cluster of three nodes, without replicas.
start_redis_cluster() {
	local ports=() nodes=() port node
	command -v redis-server >/dev/null || return 0
	for node in 1 2 3; do
		private "cluster$node"
		port=$(free_port)
		printf 'bind 127.0.0.1\nport %s\ncluster-port %s\ncluster-enabled yes\ndir %s\nsave ""\nappendonly yes\nrequirepass %s\nmasterauth %s\n' \
			"$port" "$(free_port)" "$folder/cluster$node" "$password" "$password" >"$folder/cluster$node/redis.conf"
		if [ ${#unprivileged[@]} -gt 0 ]; then chown nobody:nogroup "$folder/cluster$node/redis.conf"; fi
		(cd / && exec "${unprivileged[@]}" redis-server "$folder/cluster$node/redis.conf") >"$folder/cluster$node.log" 2>&1 &
		pids+=($!)
		ready "cluster$node" $! env REDISCLI_AUTH="$password" redis-cli -h 127.0.0.1 -p "$port" ping
		ports+=("$port")
		nodes+=("127.0.0.1:$port")
	done
	REDISCLI_AUTH="$password" redis-cli --cluster create "${nodes[@]}" --cluster-yes >"$folder/cluster.log" 2>&1 || {
		cat "$folder/cluster.log" >&2
		exit 1
	}
	# Each node must have heard of it.
	for port in "${ports[@]}"; do
		# shellcheck disable=SC2016 # the inner shell expands them
		ready cluster "${pids[-1]}" env REDISCLI_AUTH="$password" bash -c 'redis-cli -h 127.0.0.1 -p "$0" cluster info | grep -q cluster_state:ok' "$port"
	done
	export WATCHWORD_TEST_REDIS_CLUSTER_URL="redis://default:$password@${nodes[0]}?addr=${nodes[1]}&addr=${nodes[2]}"
}

[ -n "${WATCHWORD_TEST_POSTGRES_URL:-}" ] || start_postgres
[ -n "${WATCHWORD_TEST_MYSQL_URL:-}" ] || start_mysql
[ -n "${WATCHWORD_TEST_REDIS_URL:-}" ] || start_redis
[ -n "${WATCHWORD_TEST_REDIS_CLUSTER_URL:-}" ] || start_redis_cluster

# In a process group of its own, so that all of it ends when this script is told to.
set -m
"$@" <&0 &
command=$!
set +m
status=0
wait "$command" || status=$?
command=
exit "$status"

#!/bin/sh
# Makes deploy/.env with new random secrets, for the compose files beside it:
#
#     deploy/secrets.sh && docker compose -f deploy/compose.postgres.yaml up --build
#
# What is there is kept, and what is missing is added: without the master secret
# everybody is signed out, so keep a copy of the file, apart from the backups of the database.
set -eu
cd "$(dirname "$0")"
umask 077
secret() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }
[ -e .env ] || echo "# Secrets of the compose files in this folder, made by secrets.sh." >.env
[ -z "$(tail -c 1 .env)" ] || echo >>.env
# The ADMIN ones are of the databases' administrators: no Watchword is given one.
for name in WATCHWORD_MASTER_SECRET \
	POSTGRES_PASSWORD POSTGRES_ADMIN_PASSWORD \
	REDIS_PASSWORD REDIS_ADMIN_PASSWORD \
	MONGO_PASSWORD MONGO_ADMIN_PASSWORD; do
	if ! grep -q "^$name=." .env; then
		value=$(secret)
		echo "$name=$value" >>.env
		echo "made $name" >&2
	fi
done
echo "keep a copy of deploy/.env, apart from the backups of the database" >&2

#!/bin/sh
# Makes deploy/.env with new random secrets, for the compose files beside it:
#
#     deploy/secrets.sh && docker compose -f deploy/compose.postgres.yaml up --build
#
# What is there is kept: without the master secret everybody is signed out, so keep
# a copy of the file, apart from the backups of the database.
set -eu
cd "$(dirname "$0")"
umask 077
if [ -e .env ]; then
	echo "deploy/.env exists already and is kept" >&2
	exit 0
fi
secret() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }
cat >.env.new <<END
# Secrets of the compose files in this folder, made by secrets.sh.
WATCHWORD_MASTER_SECRET=$(secret)
POSTGRES_PASSWORD=$(secret)
REDIS_PASSWORD=$(secret)
MONGO_PASSWORD=$(secret)
END
mv .env.new .env
echo "made deploy/.env; keep a copy of it, apart from the backups of the database" >&2

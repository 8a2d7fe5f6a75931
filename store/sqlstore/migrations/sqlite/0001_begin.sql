-- Times are microseconds since 1970, UTC. Ids are the 16 bytes they are.
-- No column that a rotation changes is in an index: a rotation writes one page.

CREATE TABLE watchword_users (
	id            BLOB    NOT NULL PRIMARY KEY,
	username      TEXT    NOT NULL,
	username_key  TEXT    NOT NULL UNIQUE,
	email         TEXT    NOT NULL,
	email_key     TEXT    UNIQUE, -- NULL: no address
	password_hash TEXT    NOT NULL,
	roles         TEXT    NOT NULL, -- ' admin user ', each role percent-encoded
	block_at      INTEGER, -- NULL: not blocked
	block_reason  TEXT    NOT NULL,
	block_by      TEXT    NOT NULL,
	epoch         INTEGER NOT NULL,
	epoch_at      INTEGER NOT NULL,
	created_at    INTEGER NOT NULL
) STRICT;

CREATE INDEX watchword_users_epoch ON watchword_users (epoch_at);
CREATE INDEX watchword_users_blocked ON watchword_users (block_at) WHERE block_at IS NOT NULL;

CREATE TABLE watchword_sessions (
	id               BLOB    NOT NULL PRIMARY KEY,
	user_id          BLOB    NOT NULL,
	client_id        TEXT    NOT NULL,
	delivery         INTEGER NOT NULL,
	created_at       INTEGER NOT NULL,
	expires_at       INTEGER NOT NULL,
	birth_ip         TEXT    NOT NULL,
	birth_user_agent TEXT    NOT NULL,
	generation       INTEGER NOT NULL,
	rotated_at       INTEGER NOT NULL,
	emitted_at       INTEGER NOT NULL,
	request_key      BLOB    NOT NULL, -- zeros: none; so the row does not grow at its first rotation
	idle_until       INTEGER NOT NULL,
	seen_ip          TEXT, -- NULL: as at birth
	seen_user_agent  TEXT, -- NULL: as at birth
	revoked_at       INTEGER, -- NULL: not revoked
	revoked_reason   TEXT    NOT NULL,
	revoked_by       TEXT    NOT NULL
) STRICT;

CREATE INDEX watchword_sessions_user ON watchword_sessions (user_id);
CREATE INDEX watchword_sessions_created ON watchword_sessions (created_at);
CREATE INDEX watchword_sessions_expires ON watchword_sessions (expires_at);
CREATE INDEX watchword_sessions_revoked ON watchword_sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE watchword_keys (
	number     INTEGER NOT NULL PRIMARY KEY,
	id         TEXT    NOT NULL UNIQUE,
	algorithm  TEXT    NOT NULL,
	public     BLOB    NOT NULL,
	sealed     BLOB    NOT NULL,
	created_at INTEGER NOT NULL,
	active_at  INTEGER NOT NULL,
	retired_at INTEGER,
	revoked_at INTEGER
) STRICT;

CREATE TABLE watchword_events (
	id         BLOB    NOT NULL PRIMARY KEY,
	at         INTEGER NOT NULL,
	type       TEXT    NOT NULL,
	user_id    TEXT, -- NULL: not known
	session_id TEXT, -- NULL: not about one
	actor      TEXT    NOT NULL,
	ip         TEXT    NOT NULL,
	user_agent TEXT    NOT NULL,
	detail     TEXT    NOT NULL -- as a URL's query: reason=signed_out&generation=4
) STRICT;

CREATE INDEX watchword_events_at ON watchword_events (at);
CREATE INDEX watchword_events_type ON watchword_events (type, id);
CREATE INDEX watchword_events_user ON watchword_events (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX watchword_events_session ON watchword_events (session_id, id) WHERE session_id IS NOT NULL;

-- One row, written now and then by a durable commit: it carries the rotations
-- before it to the disk.
CREATE TABLE watchword_sync (
	n       INTEGER NOT NULL PRIMARY KEY CHECK (n = 1),
	written INTEGER NOT NULL
) STRICT;

INSERT INTO watchword_sync (n, written) VALUES (1, 0);

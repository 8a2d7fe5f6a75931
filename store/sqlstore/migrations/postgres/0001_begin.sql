-- Times are microseconds since 1970, UTC. Ids are the 16 bytes they are. Text is
-- kept byte by byte, as bytea: user agents need not be UTF-8, and names are
-- compared as bytes. To read it: SET bytea_output = 'escape'.
-- No column that a rotation changes is in an index, and pages have room: a
-- rotation is a heap-only update.

CREATE TABLE watchword_users (
	id            bytea  NOT NULL PRIMARY KEY,
	username      bytea  NOT NULL,
	username_key  bytea  NOT NULL UNIQUE,
	email         bytea  NOT NULL,
	email_key     bytea  UNIQUE, -- NULL: no address
	password_hash bytea  NOT NULL,
	roles         bytea  NOT NULL, -- ' admin user ', each role percent-encoded
	block_at      bigint, -- NULL: not blocked
	block_reason  bytea  NOT NULL,
	block_by      bytea  NOT NULL,
	epoch         bigint NOT NULL,
	epoch_at      bigint NOT NULL,
	created_at    bigint NOT NULL
);

CREATE INDEX watchword_users_epoch ON watchword_users (epoch_at);
CREATE INDEX watchword_users_blocked ON watchword_users (block_at) WHERE block_at IS NOT NULL;

CREATE TABLE watchword_sessions (
	id               bytea    NOT NULL PRIMARY KEY,
	user_id          bytea    NOT NULL,
	client_id        bytea    NOT NULL,
	delivery         smallint NOT NULL,
	created_at       bigint   NOT NULL,
	expires_at       bigint   NOT NULL,
	birth_ip         bytea    NOT NULL,
	birth_user_agent bytea    NOT NULL,
	generation       bigint   NOT NULL,
	rotated_at       bigint   NOT NULL,
	emitted_at       bigint   NOT NULL,
	request_key      bytea    NOT NULL, -- zeros: none
	idle_until       bigint   NOT NULL,
	seen_ip          bytea, -- NULL: as at birth
	seen_user_agent  bytea, -- NULL: as at birth
	revoked_at       bigint, -- NULL: not revoked
	revoked_reason   bytea    NOT NULL,
	revoked_by       bytea    NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX watchword_sessions_user ON watchword_sessions (user_id);
CREATE INDEX watchword_sessions_created ON watchword_sessions (created_at);
CREATE INDEX watchword_sessions_expires ON watchword_sessions (expires_at);
CREATE INDEX watchword_sessions_revoked ON watchword_sessions (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE TABLE watchword_keys (
	number     bigint NOT NULL PRIMARY KEY,
	id         bytea  NOT NULL UNIQUE,
	algorithm  bytea  NOT NULL,
	public     bytea  NOT NULL,
	sealed     bytea  NOT NULL,
	created_at bigint NOT NULL,
	active_at  bigint NOT NULL,
	retired_at bigint,
	revoked_at bigint
);

CREATE TABLE watchword_events (
	id         bytea  NOT NULL PRIMARY KEY,
	at         bigint NOT NULL,
	type       bytea  NOT NULL,
	user_id    bytea, -- NULL: not known
	session_id bytea, -- NULL: not about one
	actor      bytea  NOT NULL,
	ip         bytea  NOT NULL,
	user_agent bytea  NOT NULL,
	detail     bytea  NOT NULL -- as a URL's query: reason=signed_out&generation=4
);

CREATE INDEX watchword_events_at ON watchword_events (at);
CREATE INDEX watchword_events_type ON watchword_events (type, id);
CREATE INDEX watchword_events_user ON watchword_events (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX watchword_events_session ON watchword_events (session_id, id) WHERE session_id IS NOT NULL;

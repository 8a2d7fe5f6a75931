-- Sessions' rows and indexes become half as wide: identifiers are uuids, the widest
-- columns stand first, and what repeats another column, or says nothing, is NULL.
-- Addresses and user agents are kept short: see origin.go. What is ASCII already is
-- read as it is; the byte ff goes before what is not.
--
-- The indexes of times hold one entry for all sessions of 36 minutes (2^31 µs), and
-- the index of users a number made of the id. Still no column that a rotation
-- changes is in an index. A page has room for two more versions of a row, which is
-- enough for nineteen rotations of twenty, and more, to stay in their page.

CREATE TABLE watchword_sessions_narrow (
	created_at       bigint   NOT NULL,
	expires_at       bigint   NOT NULL,
	generation       bigint   NOT NULL,
	rotated_at       bigint   NOT NULL,
	idle_until       bigint   NOT NULL,
	emitted_at       bigint, -- NULL: as rotated_at
	revoked_at       bigint, -- NULL: not revoked
	id               uuid     NOT NULL, -- any 16 bytes
	user_id          uuid     NOT NULL,
	request_key      uuid     NOT NULL, -- zeros: none
	delivery         smallint NOT NULL,
	client_id        bytea    NOT NULL,
	birth_ip         bytea    NOT NULL,
	birth_user_agent bytea    NOT NULL,
	seen_ip          bytea, -- NULL: as at birth
	seen_user_agent  bytea, -- NULL: as at birth
	revoked_reason   bytea,
	revoked_by       bytea
) WITH (fillfactor = 95);

INSERT INTO watchword_sessions_narrow
SELECT created_at, expires_at, generation, rotated_at, idle_until, nullif(emitted_at, rotated_at), revoked_at,
	encode(id, 'hex')::uuid, encode(user_id, 'hex')::uuid, encode(request_key, 'hex')::uuid, delivery, client_id,
	CASE WHEN encode(birth_ip, 'escape') ~ '\\[0-7]{3}' THEN '\xff'::bytea || birth_ip ELSE birth_ip END,
	CASE WHEN encode(birth_user_agent, 'escape') ~ '\\[0-7]{3}' THEN '\xff'::bytea || birth_user_agent ELSE birth_user_agent END,
	CASE WHEN encode(seen_ip, 'escape') ~ '\\[0-7]{3}' THEN '\xff'::bytea || seen_ip ELSE seen_ip END,
	CASE WHEN encode(seen_user_agent, 'escape') ~ '\\[0-7]{3}' THEN '\xff'::bytea || seen_user_agent ELSE seen_user_agent END,
	nullif(revoked_reason, ''), nullif(revoked_by, '')
FROM watchword_sessions
ORDER BY created_at;

DROP TABLE watchword_sessions;

ALTER TABLE watchword_sessions_narrow RENAME TO watchword_sessions;

ALTER TABLE watchword_sessions ADD CONSTRAINT watchword_sessions_pkey PRIMARY KEY (id);

CREATE INDEX watchword_sessions_user ON watchword_sessions (uuid_hash_extended(user_id, 0));
CREATE INDEX watchword_sessions_created ON watchword_sessions ((created_at >> 31));
CREATE INDEX watchword_sessions_expires ON watchword_sessions ((expires_at >> 31));
CREATE INDEX watchword_sessions_revoked ON watchword_sessions (revoked_at) WHERE revoked_at IS NOT NULL;

ANALYZE watchword_sessions;

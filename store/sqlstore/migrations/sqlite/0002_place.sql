-- A session's row is found by a number that is half of its id, which is a digest:
-- one look into one tree instead of two, and no index of ids to keep. Rows land
-- anywhere, so that pages have room for those that grow.

CREATE TABLE watchword_sessions_placed (
	place            INTEGER NOT NULL PRIMARY KEY, -- the first eight bytes of the id, as a number with a sign
	id               BLOB    NOT NULL,
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

INSERT INTO watchword_sessions_placed (place, id, user_id, client_id, delivery, created_at, expires_at, birth_ip, birth_user_agent,
	generation, rotated_at, emitted_at, request_key, idle_until, seen_ip, seen_user_agent,
	revoked_at, revoked_reason, revoked_by)
SELECT ((instr('0123456789ABCDEF', substr(hex(id), 1, 1)) - 1) << 60)
	| ((instr('0123456789ABCDEF', substr(hex(id), 2, 1)) - 1) << 56)
	| ((instr('0123456789ABCDEF', substr(hex(id), 3, 1)) - 1) << 52)
	| ((instr('0123456789ABCDEF', substr(hex(id), 4, 1)) - 1) << 48)
	| ((instr('0123456789ABCDEF', substr(hex(id), 5, 1)) - 1) << 44)
	| ((instr('0123456789ABCDEF', substr(hex(id), 6, 1)) - 1) << 40)
	| ((instr('0123456789ABCDEF', substr(hex(id), 7, 1)) - 1) << 36)
	| ((instr('0123456789ABCDEF', substr(hex(id), 8, 1)) - 1) << 32)
	| ((instr('0123456789ABCDEF', substr(hex(id), 9, 1)) - 1) << 28)
	| ((instr('0123456789ABCDEF', substr(hex(id), 10, 1)) - 1) << 24)
	| ((instr('0123456789ABCDEF', substr(hex(id), 11, 1)) - 1) << 20)
	| ((instr('0123456789ABCDEF', substr(hex(id), 12, 1)) - 1) << 16)
	| ((instr('0123456789ABCDEF', substr(hex(id), 13, 1)) - 1) << 12)
	| ((instr('0123456789ABCDEF', substr(hex(id), 14, 1)) - 1) << 8)
	| ((instr('0123456789ABCDEF', substr(hex(id), 15, 1)) - 1) << 4)
	| ((instr('0123456789ABCDEF', substr(hex(id), 16, 1)) - 1)),
	id, user_id, client_id, delivery, created_at, expires_at, birth_ip, birth_user_agent,
	generation, rotated_at, emitted_at, request_key, idle_until, seen_ip, seen_user_agent,
	revoked_at, revoked_reason, revoked_by
FROM watchword_sessions;

DROP TABLE watchword_sessions;

ALTER TABLE watchword_sessions_placed RENAME TO watchword_sessions;

CREATE INDEX watchword_sessions_user ON watchword_sessions (user_id);
CREATE INDEX watchword_sessions_created ON watchword_sessions (created_at);
CREATE INDEX watchword_sessions_expires ON watchword_sessions (expires_at);
CREATE INDEX watchword_sessions_revoked ON watchword_sessions (revoked_at) WHERE revoked_at IS NOT NULL;

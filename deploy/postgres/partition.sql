-- Splits the table of sessions into sixteen, by a hash of the id: each with its own
-- indexes, vacuum and files. docs/scaling.md says when that is worth it.
--
-- Stop every server first, and have a backup. Then, once:
--
--   watchword migrate
--   psql -v ON_ERROR_STOP=1 -f deploy/postgres/partition.sql "$WATCHWORD_DATABASE"
--
-- It copies all sessions in one transaction: that needs as much disk again, and its time.

BEGIN;

ALTER TABLE watchword_sessions RENAME TO watchword_sessions_whole;

CREATE TABLE watchword_sessions (LIKE watchword_sessions_whole INCLUDING ALL) PARTITION BY HASH (id);

DO $$
DECLARE
	options text := (SELECT array_to_string(reloptions, ', ') FROM pg_class WHERE oid = 'watchword_sessions_whole'::regclass);
BEGIN
	FOR n IN 0..15 LOOP
		EXECUTE format('CREATE TABLE watchword_sessions_%s PARTITION OF watchword_sessions FOR VALUES WITH (MODULUS 16, REMAINDER %s) WITH (%s)', n, n, options);
	END LOOP;
END $$;

INSERT INTO watchword_sessions SELECT * FROM watchword_sessions_whole;

DROP TABLE watchword_sessions_whole;

COMMIT;

ANALYZE watchword_sessions;

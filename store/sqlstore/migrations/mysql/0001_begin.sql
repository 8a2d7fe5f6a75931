-- Times are microseconds since 1970, UTC. Ids are the 16 bytes they are. Text is
-- kept byte by byte, in binary columns: user agents need not be UTF-8, and names
-- are compared as bytes, whatever the server's collation says.
-- A server that stops in the middle has made some of the tables: each statement
-- may be repeated.

CREATE TABLE IF NOT EXISTS watchword_users (
	id            BINARY(16)      NOT NULL PRIMARY KEY,
	username      VARBINARY(1020) NOT NULL,
	username_key  VARBINARY(1020) NOT NULL UNIQUE,
	email         VARBINARY(1020) NOT NULL,
	email_key     VARBINARY(1020) UNIQUE, -- NULL: no address
	password_hash VARBINARY(1020) NOT NULL,
	roles         BLOB            NOT NULL, -- ' admin user ', each role percent-encoded
	block_at      BIGINT, -- NULL: not blocked
	block_reason  VARBINARY(1020) NOT NULL,
	block_by      VARBINARY(1020) NOT NULL,
	epoch         BIGINT          NOT NULL,
	epoch_at      BIGINT          NOT NULL,
	created_at    BIGINT          NOT NULL,
	INDEX (epoch_at),
	INDEX (block_at)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS watchword_sessions (
	id               BINARY(16)       NOT NULL PRIMARY KEY,
	user_id          BINARY(16)       NOT NULL,
	client_id        VARBINARY(1020)  NOT NULL,
	delivery         SMALLINT         NOT NULL,
	created_at       BIGINT           NOT NULL,
	expires_at       BIGINT           NOT NULL,
	birth_ip         VARBINARY(1020)  NOT NULL,
	birth_user_agent VARBINARY(1020)  NOT NULL,
	generation       BIGINT           NOT NULL,
	rotated_at       BIGINT           NOT NULL,
	emitted_at       BIGINT           NOT NULL,
	request_key      BINARY(16)       NOT NULL, -- zeros: none
	idle_until       BIGINT           NOT NULL,
	seen_ip          VARBINARY(1020), -- NULL: as at birth
	seen_user_agent  VARBINARY(1020), -- NULL: as at birth
	revoked_at       BIGINT, -- NULL: not revoked
	revoked_reason   VARBINARY(1020)  NOT NULL,
	revoked_by       VARBINARY(1020)  NOT NULL,
	INDEX (user_id),
	INDEX (created_at),
	INDEX (expires_at),
	INDEX (revoked_at)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS watchword_keys (
	number     BIGINT          NOT NULL PRIMARY KEY,
	id         VARBINARY(1020) NOT NULL UNIQUE,
	algorithm  VARBINARY(1020) NOT NULL,
	public     BLOB            NOT NULL,
	sealed     BLOB            NOT NULL,
	created_at BIGINT          NOT NULL,
	active_at  BIGINT          NOT NULL,
	retired_at BIGINT,
	revoked_at BIGINT
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS watchword_events (
	id         BINARY(16)      NOT NULL PRIMARY KEY,
	at         BIGINT          NOT NULL,
	type       VARBINARY(1020) NOT NULL,
	user_id    VARBINARY(1020), -- NULL: not known
	session_id VARBINARY(1020), -- NULL: not about one
	actor      VARBINARY(1020) NOT NULL,
	ip         VARBINARY(1020) NOT NULL,
	user_agent VARBINARY(1020) NOT NULL,
	detail     BLOB            NOT NULL, -- as a URL's query: reason=signed_out&generation=4
	INDEX (at),
	INDEX (type, id),
	INDEX (user_id, id),
	INDEX (session_id, id)
) ENGINE = InnoDB;

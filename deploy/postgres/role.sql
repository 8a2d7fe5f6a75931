-- Makes the role that Watchword is: it owns one database, of the same name, and may
-- do nothing beside. The compose files have PostgreSQL's image run it when its volume
-- is new; elsewhere it is run once, as a superuser (psql 14 or later, which has \getenv):
--
--   WATCHWORD_PASSWORD=… psql -v ON_ERROR_STOP=1 -f deploy/postgres/role.sql

\getenv password WATCHWORD_PASSWORD
SET log_statement = 'none'; -- no log keeps the password
SET log_min_error_statement = 'panic';

CREATE ROLE watchword LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS PASSWORD :'password';
CREATE DATABASE watchword OWNER watchword;
REVOKE ALL ON DATABASE watchword FROM PUBLIC;

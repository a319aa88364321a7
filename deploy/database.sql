-- What a superuser prepares inside the database, after roles.sql and before the migrations; may be run again.

CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS btree_gist;

REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO annhi_owner;
GRANT USAGE ON SCHEMA public TO annhi_api, annhi_worker;

DO $$
BEGIN
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO annhi_api, annhi_worker', current_database());
END
$$;

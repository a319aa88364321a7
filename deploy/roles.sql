-- The three roles of the service, without passwords: they are set by whoever runs this, from a secret.
-- Run by a superuser in any database; may be run again. The embedded runtime runs it at every start.

DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['annhi_owner', 'annhi_api', 'annhi_worker'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
            EXECUTE format('CREATE ROLE %I', role_name);
        END IF;
        -- Nobody bypasses row security and nobody makes roles or databases, whatever was granted by hand.
        EXECUTE format(
            'ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', role_name
        );
    END LOOP;
END
$$;

"""Row security, made of the access table: the database's own check that nobody finds what is not theirs.

``models.security.functions``: what a policy asks. ``models.security.policies``: which rows of which table, and which
tables have none; a new table gets its entry there. ``script``: the SQL of both.

A database has what its migrations gave it, so a change of the table, the clauses or the policies demands a migration:
``python -m models.security > models/migrations/sql/NNNN_row_security.sql``, and a migration that runs that file. It
prints what changed since the scripts that are there (``models.security.changes``), so that a reader sees the change.
The tests compare a migrated database with the script of today.
"""

from collections.abc import Iterator

from models.migrations.scripts import NEXT
from models.security.functions import statements
from models.security.policies import GUARDED, OPEN, PARTS, policies


def script() -> str:
    """Functions, then every table's policies anew: for a database that has none, or any."""
    return NEXT.join(_all()) + NEXT


def _all() -> Iterator[str]:
    yield _CLEAR
    yield from made()


def made() -> Iterator[str]:
    """The statements that make what is there today, in their order."""
    yield from statements()
    for table, of_table in policies().items():
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY"
        yield from of_table


# Dropped first, for a function a policy asks cannot be given other columns.
_CLEAR = """DO $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT policyname, tablename FROM pg_policies WHERE schemaname = 'public' LOOP
        EXECUTE format('DROP POLICY %I ON public.%I', one.policyname, one.tablename);
    END LOOP;
    FOR one IN SELECT oid::regprocedure AS name FROM pg_proc
                WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'annhi\\_%' LOOP
        EXECUTE format('DROP FUNCTION %s', one.name);
    END LOOP;
END $$"""

__all__ = ["GUARDED", "OPEN", "PARTS", "made", "script"]

"""the audit is chained per case, sealed as a whole, and says why and from where

Revision: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# The place of a transaction in the order in which entries are sealed: PostgreSQL's own 64-bit transaction id, by the
# side of which it also says below which of them nobody is at work any more. Plus a constant: a database restored from
# a dump counts from the beginning again, and the functions are then made anew with another one (audit_go_on).
TURNS = """
    CREATE OR REPLACE FUNCTION audit_turn() RETURNS bigint LANGUAGE sql STABLE AS
    $$ SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text::bigint + 0 $$;
    CREATE OR REPLACE FUNCTION audit_horizon() RETURNS bigint LANGUAGE sql STABLE AS
    $$ SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.text::bigint + 0 $$
"""

GO_ON = """
    CREATE OR REPLACE FUNCTION audit_go_on() RETURNS bigint LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
    DECLARE
        known bigint := greatest((SELECT max(turn) FROM audit_entry), (SELECT max(upto_turn) FROM audit_seal));
        upcoming bigint := pg_snapshot_xmax(pg_current_snapshot())::text::bigint;
        added bigint := audit_turn() - pg_current_xact_id()::text::bigint;
    BEGIN
        IF known IS NOT NULL AND known >= upcoming + added THEN
            added := known - upcoming + 1;
            EXECUTE format('CREATE OR REPLACE FUNCTION audit_turn() RETURNS bigint LANGUAGE sql STABLE AS '
                '$f$ SELECT pg_catalog.pg_current_xact_id()::pg_catalog.text::bigint + %s $f$', added);
            EXECUTE format('CREATE OR REPLACE FUNCTION audit_horizon() RETURNS bigint LANGUAGE sql STABLE AS '
                '$f$ SELECT pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::pg_catalog.text::bigint '
                '+ %s $f$', added);
        END IF;
        RETURN added;
    END $$
"""

# The canonical line (models/audit/canonical.py). Nothing in it depends on a session's settings.
TEXT = """
    CREATE OR REPLACE FUNCTION audit_text(e audit_entry) RETURNS text LANGUAGE sql STABLE AS $$
        SELECT json_build_array('1', e.id::text,
            to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.actor_id::text, e.position_id::text,
            e.role::text, e.action::text, e.record::text, e.record_id::text, e.case_id::text, e.command_id::text,
            e.outcome::text, e.code::text, e.detail::text, e.purpose::text, e.reason_key::text,
            encode(e.reason, 'hex'), e.origin::text, e.turn::text, e.chain_seq::text, encode(e.chain_hash, 'hex'))::text
    $$;
    CREATE OR REPLACE FUNCTION audit_leaf(e audit_entry) RETURNS bytea LANGUAGE sql STABLE AS $$
        SELECT sha256('\\x00'::bytea || convert_to(audit_text(e), 'UTF8'))
    $$
"""

# Runs for an entry that is to be a link of its case's chain (it says 0), and for one that says what it may not say
# itself. As the owner, so that no row security hides the link before. A fork cannot be: the pair is unique.
LINK = """
    CREATE OR REPLACE FUNCTION audit_link() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
    SET search_path = public, pg_temp AS $$
    DECLARE
        before record;
    BEGIN
        NEW.turn := audit_turn();
        NEW.chain_hash := NULL;
        IF NEW.chain_seq IS NOT NULL THEN
            SELECT e.chain_seq, e.chain_hash INTO before FROM audit_entry e
             WHERE e.case_id = NEW.case_id AND e.chain_seq IS NOT NULL ORDER BY e.chain_seq DESC LIMIT 1;
            NEW.chain_seq := coalesce(before.chain_seq, 0) + 1;
            NEW.chain_hash := sha256(coalesce(before.chain_hash, '') || convert_to(audit_text(NEW), 'UTF8'));
        END IF;
        RETURN NEW;
    END $$
"""


def upgrade() -> None:
    for function in TURNS.split(";\n"):
        op.execute(function)
    for column in (
        sa.Column("purpose", sa.String(40), nullable=True),
        sa.Column("reason_key", sa.String(40), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("origin", sa.String(32), nullable=True),
        sa.Column("chain_seq", sa.Integer(), nullable=True),
        sa.Column("chain_hash", sa.LargeBinary(), nullable=True),
    ):
        op.add_column("audit_entry", column, if_not_exists=True)
    # What was there before gets the turn of this migration. A stable function is asked once and no row is rewritten,
    # which the linter cannot know of this one.
    op.execute(
        "-- squawk-ignore adding-field-with-default\n"
        "ALTER TABLE audit_entry ADD COLUMN IF NOT EXISTS turn bigint NOT NULL DEFAULT audit_turn()"
    )
    op.create_table(
        "audit_seal",
        sa.Column("number", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("upto_turn", sa.BigInteger(), nullable=False),
        sa.Column("upto_id", sa.Uuid(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("leaves", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_seal")),
        if_not_exists=True,
    )
    op.execute("GRANT SELECT, INSERT ON audit_seal TO annhi_worker")
    op.execute(
        "CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_seal "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE OR REPLACE TRIGGER never_emptied BEFORE TRUNCATE ON audit_seal "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    for function in TEXT.split(";\n"):
        op.execute(function)
    op.execute(GO_ON)
    op.execute("REVOKE EXECUTE ON FUNCTION audit_go_on() FROM PUBLIC")
    op.execute(LINK)
    op.execute(
        "CREATE OR REPLACE TRIGGER links BEFORE INSERT ON audit_entry FOR EACH ROW WHEN (NEW.chain_seq IS NOT NULL "
        "OR NEW.chain_hash IS NOT NULL OR NEW.turn IS DISTINCT FROM audit_turn()) EXECUTE FUNCTION audit_link()"
    )
    with op.get_context().autocommit_block():
        for name, columns, more in (
            ("ix_audit_entry_turn", ["turn", "id"], {}),
            ("ix_audit_entry_at", ["at", "id"], {}),
            (
                "uq_audit_entry_chain",
                ["case_id", "chain_seq"],
                {"unique": True, "postgresql_where": sa.text("chain_seq IS NOT NULL")},
            ),
            (
                "ix_audit_entry_cases",
                [sa.text("(detail -> 'cases')")],
                {"postgresql_using": "gin", "postgresql_where": sa.text("detail ? 'cases'")},
            ),
        ):
            # Built beside the writers; a build that was broken off is begun anew.
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.create_index(
                name, "audit_entry", columns, postgresql_concurrently=True, if_not_exists=True, **more
            )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

"""custody: to which commune a case was proposed, who held it from when to when

Revision: 0022
Revises: 0021
"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_NEW = ("transfer_to_id", "former_unit_id")

# Whatever changes the holder, an act, an intake or a unit's merger, the interval is written with it: never none, never two.
_CUSTODY = """
CREATE OR REPLACE FUNCTION custody_moves() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF NEW.unit_id IS NOT DISTINCT FROM OLD.unit_id THEN
            RETURN NULL;
        END IF;
        UPDATE custody_interval SET until = NEW.updated_at WHERE case_id = NEW.id AND until IS NULL;
    END IF;
    IF NEW.unit_id IS NOT NULL THEN
        INSERT INTO custody_interval (id, case_id, case_code, unit_id, sequence, since)
        VALUES (gen_random_uuid(), NEW.id, NEW.code, NEW.unit_id, NEW.sequence,
                CASE WHEN TG_OP = 'INSERT' THEN NEW.receipt_at ELSE NEW.updated_at END);
    END IF;
    RETURN NULL;
END $$
"""
# A proposal to a commune that is merged or split is its heir's to answer; likewise who reads on.
_FOLLOW = """
CREATE OR REPLACE FUNCTION transfers_follow(the_act uuid) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    moved integer;
BEGIN
    WITH heirs AS (
        SELECT c.predecessor_id, c.successor_id FROM unit_change c
         WHERE c.act_id = the_act AND c.heir AND c.kind <> 'rename' AND c.predecessor_id <> c.successor_id
           AND c.xmin = pg_current_xact_id()::xid),
    moved_to AS (
        UPDATE case_file f SET
            transfer_to_id = coalesce((SELECT h.successor_id FROM heirs h WHERE h.predecessor_id = f.transfer_to_id),
                                      f.transfer_to_id),
            former_unit_id = coalesce((SELECT h.successor_id FROM heirs h WHERE h.predecessor_id = f.former_unit_id),
                                      f.former_unit_id)
         WHERE f.transfer_to_id IN (SELECT h.predecessor_id FROM heirs h)
            OR f.former_unit_id IN (SELECT h.predecessor_id FROM heirs h)
        RETURNING f.id)
    SELECT count(*) INTO moved FROM moved_to;
    RETURN moved;
END $$
"""


def upgrade() -> None:
    for name in _NEW:
        op.add_column("case_file", sa.Column(name, sa.Uuid(), nullable=True), if_not_exists=True)
        # Ours, from a migration that was broken off.
        op.execute(
            f"-- squawk-ignore ban-drop-constraint\nALTER TABLE case_file DROP CONSTRAINT IF EXISTS fk_case_file_{name}"
        )
        op.execute(
            f"ALTER TABLE case_file ADD CONSTRAINT fk_case_file_{name} FOREIGN KEY ({name}) "
            "REFERENCES unit (id) NOT VALID"
        )
    op.create_table(
        "custody_interval",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("case_code", sa.String(length=20), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("since", _INSTANT, nullable=False),
        sa.Column("until", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="fk_custody_interval_case_id"),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="fk_custody_interval_unit_id"),
        sa.PrimaryKeyConstraint("id", name="pk_custody_interval"),
        if_not_exists=True,
    )
    op.create_index(
        "uq_custody_interval_now", "custody_interval", ["case_id"], unique=True,
        postgresql_where=sa.text("until IS NULL"), if_not_exists=True,
    )
    op.create_index("ix_custody_interval_case_id", "custody_interval", ["case_id"], if_not_exists=True)
    op.create_index("ix_custody_interval_unit_id_until", "custody_interval", ["unit_id", "until"], if_not_exists=True)
    # Of what was there before only its holder of today is known.
    op.execute(
        "INSERT INTO custody_interval (id, case_id, case_code, unit_id, sequence, since) "
        "SELECT gen_random_uuid(), c.id, c.code, c.unit_id, 1, c.receipt_at FROM case_file c "
        "WHERE c.unit_id IS NOT NULL AND NOT EXISTS (SELECT FROM custody_interval k WHERE k.case_id = c.id)"
    )
    op.execute(_CUSTODY)
    op.execute(_FOLLOW)
    op.execute(
        "CREATE OR REPLACE TRIGGER custody_moves AFTER INSERT OR UPDATE OF unit_id ON case_file "
        "FOR EACH ROW EXECUTE FUNCTION custody_moves()"
    )
    op.execute("REVOKE ALL ON FUNCTION custody_moves(), transfers_follow(uuid) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION transfers_follow(uuid) TO annhi_api")
    op.execute("GRANT SELECT ON custody_interval TO annhi_api, annhi_worker")
    op.execute("GRANT UPDATE (transfer_to_id, former_unit_id) ON case_file TO annhi_worker")
    op.execute(
        "CREATE OR REPLACE TRIGGER never_deleted BEFORE DELETE ON custody_interval "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    with op.get_context().autocommit_block():
        for name in _NEW:
            op.execute(f"ALTER TABLE case_file VALIDATE CONSTRAINT fk_case_file_{name}")
            op.create_index(
                f"ix_case_file_{name}", "case_file", [name], postgresql_where=sa.text(f"{name} IS NOT NULL"),
                postgresql_concurrently=True, if_not_exists=True,
            )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

"""what a unit was called when: a renamed one keeps its former names; and no case is left with one that has ended

Revision: 0024
Revises: 0023
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)

# What was renamed by a decision until now is known of its act. What was renamed without one is lost.
_FROM_DECISIONS = """
INSERT INTO unit_name (id, unit_id, name_vi, name_en, valid_from, valid_to)
SELECT gen_random_uuid(), c.predecessor_id, c.name_vi, c.name_en,
       coalesce(lag(c.at) OVER (PARTITION BY c.predecessor_id ORDER BY c.at, c.id), least(u.valid_from, c.at)), c.at
  FROM unit_change c JOIN unit u ON u.id = c.predecessor_id
 WHERE c.kind = 'rename' AND NOT EXISTS (SELECT FROM unit_name)
"""

# A report on its way while its unit ends waits for the act, as for a merge (0009); where there is no heir, nobody holds
# the case, and the province finds it. The place of the incident stays what it was.
_TO_THE_HEIR = """
CREATE OR REPLACE FUNCTION case_goes_to_the_heir() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- A command names all three and changes none, as a rule: it costs nothing.
    IF TG_OP = 'UPDATE' AND (NEW.unit_id, NEW.incident_unit_id, NEW.residence_unit_id)
            IS NOT DISTINCT FROM (OLD.unit_id, OLD.incident_unit_id, OLD.residence_unit_id) THEN
        RETURN NEW;
    END IF;
    NEW.unit_id := heir_of(NEW.unit_id);
    NEW.incident_unit_id := heir_of(NEW.incident_unit_id);
    NEW.residence_unit_id := heir_of(NEW.residence_unit_id);
    IF EXISTS (SELECT FROM unit u WHERE u.id = NEW.unit_id AND u.valid_to <= annhi_now()) THEN
        NEW.unit_id := NULL;
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "unit_name",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("name_vi", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("valid_from", _INSTANT, nullable=False),
        sa.Column("valid_to", _INSTANT, nullable=False),
        sa.CheckConstraint("valid_to >= valid_from", name="ck_unit_name_forward"),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="fk_unit_name_unit_id"),
        sa.PrimaryKeyConstraint("id", name="pk_unit_name"),
        if_not_exists=True,
    )
    op.create_index("ix_unit_name_unit_id", "unit_name", ["unit_id"], if_not_exists=True)
    op.execute(_FROM_DECISIONS)
    op.execute(_TO_THE_HEIR)
    op.execute("GRANT SELECT, INSERT ON unit_name TO annhi_api")
    op.execute(
        "CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON unit_name "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

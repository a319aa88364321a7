"""notes on a case, for those who may not edit it as well

Revision: 0023
Revises: 0022
"""

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "case_note",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="fk_case_note_case_id"),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], name="fk_case_note_author_id"),
        sa.ForeignKeyConstraint(["position_id"], ["position.id"], name="fk_case_note_position_id"),
        sa.PrimaryKeyConstraint("id", name="pk_case_note"),
        if_not_exists=True,
    )
    op.create_index("ix_case_note_case_id", "case_note", ["case_id"], if_not_exists=True)
    op.execute("GRANT SELECT, INSERT ON case_note TO annhi_api")
    op.execute(
        "CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON case_note "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

"""reports from outside: receipts for anybody, and who was found not to be the same child

Revision: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "not_same_child",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("decided_at", _INSTANT, nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="fk_not_same_child_case_id"),
        sa.ForeignKeyConstraint(["other_id"], ["case_file.id"], name="fk_not_same_child_other_id"),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name="fk_not_same_child_decided_by"),
        sa.ForeignKeyConstraint(["position_id"], ["position.id"], name="fk_not_same_child_position_id"),
        sa.PrimaryKeyConstraint("id", name="pk_not_same_child"),
        if_not_exists=True,
    )
    op.create_index("ix_not_same_child_case_id", "not_same_child", ["case_id"], if_not_exists=True)
    op.create_index("ix_not_same_child_other_id", "not_same_child", ["other_id"], if_not_exists=True)
    op.create_table(
        "public_receipt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("issued_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name="fk_public_receipt_report_id"),
        sa.PrimaryKeyConstraint("id", name="pk_public_receipt"),
        sa.UniqueConstraint("code_hash", name="uq_public_receipt_code_hash"),
        if_not_exists=True,
    )
    op.create_index("ix_public_receipt_report_id", "public_receipt", ["report_id"], if_not_exists=True)
    op.execute("GRANT SELECT, INSERT ON not_same_child, public_receipt TO annhi_api")
    for name in ("not_same_child", "public_receipt"):
        op.execute(
            f"CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON {name} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    with op.get_context().autocommit_block():
        # Two reports of one child name the same day of birth however its name was heard.
        op.create_index(
            "ix_child_birth_date", "child", ["birth_date"], postgresql_concurrently=True, if_not_exists=True
        )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

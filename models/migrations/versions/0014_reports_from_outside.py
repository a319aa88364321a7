"""reports from outside: those held back, receipts for anybody, and who was found not to be the same child

Revision: 0014
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0011"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)

# What a person decided stays decided, and what came in stays as it came.
_DECIDED_ONCE = """
CREATE OR REPLACE FUNCTION held_report_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.decided_at IS NOT NULL
       OR to_jsonb(NEW) - 'decided_at' - 'decided_by' - 'decision' - 'reason' - 'report_id'
          IS DISTINCT FROM to_jsonb(OLD) - 'decided_at' - 'decided_by' - 'decision' - 'reason' - 'report_id' THEN
        RAISE EXCEPTION 'what was held back stays as it came, and as it was decided'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""


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
        "held_report",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("received_by", sa.Uuid(), nullable=False),
        sa.Column("why", sa.String(length=20), nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("decided_at", _INSTANT, nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decision", sa.String(length=10), nullable=True),
        sa.Column("reason", sa.LargeBinary(), nullable=True),
        sa.Column("report_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("(decided_at IS NULL) = (decision IS NULL)", name="ck_held_report_decided"),
        sa.CheckConstraint("decision IN ('released', 'dismissed')", name="ck_held_report_decision"),
        sa.ForeignKeyConstraint(["received_by"], ["person.id"], name="fk_held_report_received_by"),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name="fk_held_report_decided_by"),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name="fk_held_report_report_id"),
        sa.PrimaryKeyConstraint("id", name="pk_held_report"),
        if_not_exists=True,
    )
    op.create_index("ix_held_report_report_id", "held_report", ["report_id"], if_not_exists=True)
    op.create_index(
        "ix_held_report_waiting", "held_report", ["received_at"], postgresql_where=sa.text("decided_at IS NULL"),
        if_not_exists=True,
    )
    op.create_table(
        "public_receipt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=True),
        sa.Column("held_id", sa.Uuid(), nullable=True),
        sa.Column("issued_at", _INSTANT, nullable=False),
        sa.CheckConstraint("(report_id IS NULL) <> (held_id IS NULL)", name="ck_public_receipt_of_one"),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name="fk_public_receipt_report_id"),
        sa.ForeignKeyConstraint(["held_id"], ["held_report.id"], name="fk_public_receipt_held_id"),
        sa.PrimaryKeyConstraint("id", name="pk_public_receipt"),
        sa.UniqueConstraint("code_hash", name="uq_public_receipt_code_hash"),
        if_not_exists=True,
    )
    op.create_index("ix_public_receipt_report_id", "public_receipt", ["report_id"], if_not_exists=True)
    op.create_index("ix_public_receipt_held_id", "public_receipt", ["held_id"], if_not_exists=True)

    op.execute("GRANT SELECT, INSERT ON not_same_child, held_report, public_receipt TO annhi_api")
    op.execute("GRANT UPDATE (decided_at, decided_by, decision, reason, report_id) ON held_report TO annhi_api")
    for name in ("not_same_child", "public_receipt"):
        op.execute(
            f"CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON {name} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.execute(_DECIDED_ONCE)
    op.execute(
        "CREATE OR REPLACE TRIGGER decided_once BEFORE UPDATE ON held_report "
        "FOR EACH ROW EXECUTE FUNCTION held_report_decided_once()"
    )
    op.execute(
        "CREATE OR REPLACE TRIGGER never_deleted BEFORE DELETE ON held_report "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    with op.get_context().autocommit_block():
        # Two reports of one child name the same day of birth however its name was heard.
        op.create_index(
            "ix_child_birth_date", "child", ["birth_date"], postgresql_concurrently=True, if_not_exists=True
        )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

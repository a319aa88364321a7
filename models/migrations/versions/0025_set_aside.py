"""reports by anybody that look like spam or come in a flood are set aside before they become cases

Revision: 0025
Revises: 0024
"""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_DECIDED = "decision, decided_by, decided_position_id, decided_at, put_away_as"
_TAKEN_IN = "taken_in_at, sealed, kek, wrapped"


def upgrade() -> None:
    op.create_table(
        "set_aside",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.Column("reasons", sa.String(length=100), nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("receiver_id", sa.Uuid(), nullable=False),
        sa.Column("receiver_position_id", sa.Uuid(), nullable=False),
        sa.Column("receiver_unit_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("kek", sa.String(length=40), nullable=True),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("due_at", _INSTANT, nullable=False),
        sa.Column("decision", sa.String(length=10), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_position_id", sa.Uuid(), nullable=True),
        sa.Column("decided_at", _INSTANT, nullable=True),
        sa.Column("put_away_as", sa.String(length=20), nullable=True),
        sa.Column("taken_in_at", _INSTANT, nullable=True),
        # What is put away is kept; what is a report stands in the report, under the keys of its cases, and not twice.
        sa.CheckConstraint(
            "(taken_in_at IS NOT NULL) = (sealed IS NULL) AND (sealed IS NULL) = (wrapped IS NULL) "
            "AND (wrapped IS NULL) = (kek IS NULL)",
            name="ck_set_aside_words",
        ),
        sa.CheckConstraint("decision IN ('let_in', 'put_away')", name="ck_set_aside_decision"),
        sa.CheckConstraint(
            "(decision IS NULL) = (decided_at IS NULL) AND (decision IS NULL) = (decided_by IS NULL) "
            "AND (decision IS NULL) = (decided_position_id IS NULL)",
            name="ck_set_aside_decided",
        ),
        sa.CheckConstraint(
            "(coalesce(decision, '') = 'put_away') = (put_away_as IS NOT NULL) "
            "AND (put_away_as IS NULL OR taken_in_at IS NULL)",
            name="ck_set_aside_put_away",
        ),
        sa.ForeignKeyConstraint(["receiver_id"], ["person.id"], name="fk_set_aside_receiver_id"),
        sa.ForeignKeyConstraint(["receiver_position_id"], ["position.id"], name="fk_set_aside_receiver_position_id"),
        sa.ForeignKeyConstraint(["receiver_unit_id"], ["unit.id"], name="fk_set_aside_receiver_unit_id"),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name="fk_set_aside_decided_by"),
        sa.ForeignKeyConstraint(["decided_position_id"], ["position.id"], name="fk_set_aside_decided_position_id"),
        sa.PrimaryKeyConstraint("id", name="pk_set_aside"),
        if_not_exists=True,
    )
    op.create_index(
        "ix_set_aside_waiting", "set_aside", ["received_at", "id"],
        postgresql_where=sa.text("taken_in_at IS NULL AND decision IS DISTINCT FROM 'put_away'"), if_not_exists=True,
    )
    op.create_index(
        "ix_set_aside_receiver_unit_id_received_at_id", "set_aside", ["receiver_unit_id", "received_at", "id"],
        if_not_exists=True,
    )
    op.create_table(
        "public_words",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("words_hash", sa.String(length=64), nullable=False),
        sa.Column("flagged", sa.Boolean(), nullable=False),
        sa.Column("received_at", _INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_public_words"),
        if_not_exists=True,
    )
    op.create_index("ix_public_words_words_hash", "public_words", ["words_hash"], if_not_exists=True)
    op.create_index("ix_public_words_received_at", "public_words", ["received_at"], if_not_exists=True)
    op.create_table(
        "set_aside_receipt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("set_aside_id", sa.Uuid(), nullable=False),
        sa.Column("issued_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["set_aside_id"], ["set_aside.id"], name="fk_set_aside_receipt_set_aside_id"),
        sa.PrimaryKeyConstraint("id", name="pk_set_aside_receipt"),
        sa.UniqueConstraint("code_hash", name="uq_set_aside_receipt_code_hash"),
        if_not_exists=True,
    )
    op.create_index("ix_set_aside_receipt_set_aside_id", "set_aside_receipt", ["set_aside_id"], if_not_exists=True)
    op.execute("GRANT SELECT, INSERT ON set_aside, set_aside_receipt, public_words TO annhi_api")
    op.execute(f"GRANT UPDATE ({_DECIDED}, {_TAKEN_IN}) ON set_aside TO annhi_api")
    op.execute("GRANT DELETE ON public_words TO annhi_api")
    op.execute(
        "CREATE OR REPLACE TRIGGER never_deleted BEFORE DELETE ON set_aside "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON set_aside_receipt "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    with op.get_context().autocommit_block():
        # Whoever read what became a case is in the report of who accessed it.
        op.create_index(
            "ix_audit_entry_set_aside", "audit_entry", ["record_id"], postgresql_where=sa.text("record = 'set_aside'"),
            postgresql_concurrently=True, if_not_exists=True,
        )  # fmt: skip


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

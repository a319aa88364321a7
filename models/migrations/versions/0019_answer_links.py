"""one-time links with which an agency that has nobody in the system answers a referral

Revision: 0019
Revises: 0018
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_SPENT = "tries, opened_at, session_hash, session_until, ended_at, ended_why"


def upgrade() -> None:
    op.create_table(
        "answer_link",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("how", sa.String(length=10), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("phrase_hash", sa.String(length=64), nullable=False),
        sa.Column("kek", sa.String(length=40), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("issued_by", sa.Uuid(), nullable=False),
        sa.Column("issued_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("opened_at", _INSTANT, nullable=True),
        sa.Column("session_hash", sa.String(length=64), nullable=True),
        sa.Column("session_until", _INSTANT, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("ended_why", sa.String(length=20), nullable=True),
        sa.CheckConstraint("how IN ('email', 'paper')", name="ck_answer_link_how"),
        sa.CheckConstraint("(ended_at IS NULL) = (ended_why IS NULL)", name="ck_answer_link_ended"),
        sa.CheckConstraint("(session_hash IS NULL) OR (opened_at IS NOT NULL)", name="ck_answer_link_opened"),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name="fk_answer_link_referral_id"),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="fk_answer_link_case_id"),
        sa.ForeignKeyConstraint(["position_id"], ["position.id"], name="fk_answer_link_position_id"),
        sa.ForeignKeyConstraint(["issued_by"], ["person.id"], name="fk_answer_link_issued_by"),
        sa.PrimaryKeyConstraint("id", name="pk_answer_link"),
        sa.UniqueConstraint("token_hash", name="uq_answer_link_token_hash"),
        sa.UniqueConstraint("session_hash", name="uq_answer_link_session_hash"),
        if_not_exists=True,
    )
    op.create_index("ix_answer_link_referral_id", "answer_link", ["referral_id"], if_not_exists=True)
    op.create_index("ix_answer_link_case_id", "answer_link", ["case_id"], if_not_exists=True)
    op.create_index(
        "uq_answer_link_alive", "answer_link", ["referral_id"], unique=True,
        postgresql_where=sa.text("opened_at IS NULL AND ended_at IS NULL"), if_not_exists=True,
    )
    op.execute("GRANT SELECT, INSERT ON answer_link TO annhi_api")
    op.execute(f"GRANT UPDATE ({_SPENT}) ON answer_link TO annhi_api")
    # The outbox writes the link into the mail.
    op.execute("GRANT SELECT ON answer_link TO annhi_worker")
    op.execute(
        "CREATE OR REPLACE TRIGGER never_deleted BEFORE DELETE ON answer_link "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

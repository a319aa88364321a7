"""a report that came with an attached case goes with it again; one notice for one rung, person and channel

Revision: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("case_report", sa.Column("brought_by", sa.Uuid(), nullable=True), if_not_exists=True)
    op.add_column("case_report", sa.Column("until", sa.DateTime(timezone=True), nullable=True), if_not_exists=True)
    op.execute("GRANT UPDATE (brought_by, until) ON case_report TO annhi_worker")
    # One notice for one (deadline occurrence, rung, person, channel), whatever is retried or replayed. Built beside the
    # writers, not in their way; a build that was broken off is begun anew.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS uq_notice_rung")
        op.create_index(
            "uq_notice_rung",
            "notice",
            ["deadline_id", "ordinal", "person_id", "channel"],
            unique=True,
            postgresql_where=sa.text("deadline_id IS NOT NULL AND ordinal IS NOT NULL"),
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

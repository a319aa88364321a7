"""referrals go along with an attached case, have their grounds on record, and lose what is taken back

Revision: 0017
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0014"
branch_labels = None
depends_on = None

_JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def upgrade() -> None:
    op.add_column(
        "referral",
        sa.Column("came_through", _JSON, nullable=False, server_default=sa.text("'[]'::jsonb")),
        if_not_exists=True,
    )
    op.add_column("referral", sa.Column("consent_lost_at", sa.DateTime(timezone=True), nullable=True), if_not_exists=True)
    op.execute("GRANT UPDATE (consent_lost_at) ON referral TO annhi_worker")
    # What hangs on a referral goes where it goes; what was recorded of it stays where it was recorded.
    op.execute("GRANT UPDATE (case_id, came_through) ON referral TO annhi_worker")
    op.execute("GRANT UPDATE (case_id) ON breach, escalation TO annhi_worker")
    # The ground for going without consent is an entry like those at the door, written with the act that gives it.
    op.execute("GRANT INSERT ON consent TO annhi_worker")


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

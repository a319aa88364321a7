"""row security of custody, notes, names of units, reports set aside and files of referrals: what changed since 0020

Revision: 0027
Revises: 0026
"""

from models.migrations.scripts import run

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run("0027_row_security.sql")


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

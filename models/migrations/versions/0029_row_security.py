"""row security of files of referrals: what changed since 0025

Revision: 0029
Revises: 0028
"""

from pathlib import Path

from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

# As the access table made it on the day of this migration; not made anew, or the table could change without one.
SCRIPT = Path(__file__).parents[1] / "sql" / "0029_row_security.sql"


def upgrade() -> None:
    for statement in SCRIPT.read_text(encoding="utf-8").split("\n;\n\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

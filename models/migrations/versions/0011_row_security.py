"""row security: nobody finds what is not theirs, whatever the code asks

Revision: 0011
Revises: 0010
"""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# As the access table made it on the day of this migration; not made anew, or the table could change without one.
SCRIPT = Path(__file__).parents[1] / "sql" / "0011_row_security.sql"


def upgrade() -> None:
    # Search asks for part of a name, folded. Built beside the writers; a build that was broken off is begun anew.
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_child_folded_name")
        op.create_index(
            "ix_child_folded_name",
            "child",
            ["folded_name"],
            postgresql_using="gin",
            postgresql_ops={"folded_name": "gin_trgm_ops"},
            postgresql_concurrently=True,
            if_not_exists=True,
        )
        # Of the hotline everybody reads what they took in themselves.
        op.execute("DROP INDEX CONCURRENTLY IF EXISTS ix_report_receiver_id")
        op.create_index(
            "ix_report_receiver_id", "report", ["receiver_id"], postgresql_concurrently=True, if_not_exists=True
        )
    for statement in SCRIPT.read_text(encoding="utf-8").split("\n;\n\n"):
        if statement.strip():
            op.execute(statement)


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

"""a one-time link names the office it is from: the agency phones it where something is unclear

Revision: 0021
Revises: 0020
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("answer_link", sa.Column("office_id", sa.Uuid(), nullable=True), if_not_exists=True)
    # A link is made by an officer of the commune that holds the case; the few there are name that commune.
    op.execute(
        "UPDATE answer_link l SET office_id = c.unit_id FROM case_file c WHERE c.id = l.case_id AND l.office_id IS NULL"
    )
    # A week's links: looking through them takes no time anybody waits for.
    op.execute(
        "-- squawk-ignore adding-not-nullable-field\nALTER TABLE answer_link ALTER COLUMN office_id SET NOT NULL"
    )
    op.execute(
        "-- squawk-ignore adding-foreign-key-constraint, constraint-missing-not-valid\n"
        "ALTER TABLE answer_link ADD CONSTRAINT fk_answer_link_office_id FOREIGN KEY (office_id) REFERENCES unit (id)"
    )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

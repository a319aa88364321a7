"""files of referrals: what an agency adds to one, and what of a case's is shared with it

Revision: 0026
Revises: 0025
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_NEW = {"referral_id": "referral", "agency_id": "unit"}
_REFERENCES = {
    "attachment_id": "attachment", "referral_id": "referral", "case_id": "case_file", "shared_by": "person",
    "position_id": "position", "ended_by": "person", "ended_position_id": "position",
}


def upgrade() -> None:
    for name, table in _NEW.items():
        op.add_column("attachment", sa.Column(name, sa.Uuid(), nullable=True), if_not_exists=True)
        # Ours, from a migration that was broken off.
        op.execute(
            "-- squawk-ignore ban-drop-constraint\n"
            f"ALTER TABLE attachment DROP CONSTRAINT IF EXISTS fk_attachment_{name}"
        )
        op.execute(
            f"ALTER TABLE attachment ADD CONSTRAINT fk_attachment_{name} FOREIGN KEY ({name}) "
            f"REFERENCES {table} (id) NOT VALID"
        )
    op.execute(
        "-- squawk-ignore ban-drop-constraint\nALTER TABLE attachment DROP CONSTRAINT IF EXISTS ck_attachment_agency"
    )
    op.execute(
        "ALTER TABLE attachment ADD CONSTRAINT ck_attachment_agency "
        "CHECK ((referral_id IS NULL) = (agency_id IS NULL)) NOT VALID"
    )
    op.create_table(
        "attachment_share",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("attachment_id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("shared_by", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("shared_at", _INSTANT, nullable=False),
        sa.Column("ended_by", sa.Uuid(), nullable=True),
        sa.Column("ended_position_id", sa.Uuid(), nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.CheckConstraint(
            "(ended_at IS NULL) = (ended_by IS NULL) AND (ended_at IS NULL) = (ended_position_id IS NULL)",
            name="ck_attachment_share_end",
        ),
        *(
            sa.ForeignKeyConstraint([name], [f"{table}.id"], name=f"fk_attachment_share_{name}")
            for name, table in _REFERENCES.items()
        ),
        sa.PrimaryKeyConstraint("id", name="pk_attachment_share"),
        if_not_exists=True,
    )
    op.create_index(
        "uq_attachment_share_live", "attachment_share", ["attachment_id", "referral_id"], unique=True,
        postgresql_where=sa.text("ended_at IS NULL"), if_not_exists=True,
    )
    for name in ("attachment_id", "referral_id", "case_id"):
        op.create_index(f"ix_attachment_share_{name}", "attachment_share", [name], if_not_exists=True)
    op.execute("GRANT SELECT, INSERT ON attachment_share TO annhi_api")
    op.execute("GRANT UPDATE (ended_by, ended_position_id, ended_at) ON attachment_share TO annhi_api")
    op.execute(
        "CREATE OR REPLACE TRIGGER never_deleted BEFORE DELETE ON attachment_share "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE OR REPLACE TRIGGER ended_once BEFORE UPDATE ON attachment_share "
        "FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL OR NEW.ended_at IS NULL) EXECUTE FUNCTION refuse_change()"
    )
    with op.get_context().autocommit_block():
        for name in _NEW:
            op.execute(f"ALTER TABLE attachment VALIDATE CONSTRAINT fk_attachment_{name}")
        op.execute("ALTER TABLE attachment VALIDATE CONSTRAINT ck_attachment_agency")
        op.create_index(
            "ix_attachment_referral_id", "attachment", ["referral_id"],
            postgresql_where=sa.text("referral_id IS NOT NULL"), postgresql_concurrently=True, if_not_exists=True,
        )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

"""webhooks: where systems of agencies take events, under which secrets, what was sent and what came back

Revision: 0013
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0013"
down_revision = "0011"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())


def _points(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=f"fk_{table}_{column}")


def upgrade() -> None:
    op.create_table(
        "webhook_endpoint",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(length=400), nullable=False),
        sa.Column("added_by", sa.Uuid(), nullable=False),
        sa.Column("added_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT, nullable=True),
        _points("webhook_endpoint", "position_id", "position"),
        _points("webhook_endpoint", "added_by", "person"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoint"),
    )
    op.create_table(
        "webhook_secret",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("kek", sa.String(length=60), nullable=False),
        sa.Column("issued_by", sa.Uuid(), nullable=False),
        sa.Column("issued_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=True),
        _points("webhook_secret", "endpoint_id", "webhook_endpoint"),
        _points("webhook_secret", "issued_by", "person"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_secret"),
    )
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("endpoint_id", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("data", _JSON, nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("started_at", _INSTANT, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_attempt_at", _INSTANT, nullable=True),
        sa.Column("last_answer", sa.String(length=40), nullable=True),
        sa.Column("delivered_at", _INSTANT, nullable=True),
        sa.Column("dead_at", _INSTANT, nullable=True),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("owner_unit_id", sa.Uuid(), nullable=True),
        sa.Column("resent_at", _INSTANT, nullable=True),
        sa.Column("resent_by", sa.Uuid(), nullable=True),
        _points("webhook_delivery", "endpoint_id", "webhook_endpoint"),
        _points("webhook_delivery", "position_id", "position"),
        _points("webhook_delivery", "referral_id", "referral"),
        _points("webhook_delivery", "case_id", "case_file"),
        _points("webhook_delivery", "owner_id", "person"),
        _points("webhook_delivery", "owner_unit_id", "unit"),
        _points("webhook_delivery", "resent_by", "person"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_delivery"),
        sa.UniqueConstraint(
            "endpoint_id", "referral_id", "sequence", name="uq_webhook_delivery_endpoint_id_referral_id_sequence"
        ),
    )
    op.create_table(
        "webhook_attempt",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("answer", sa.String(length=40), nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        _points("webhook_attempt", "delivery_id", "webhook_delivery"),
        _points("webhook_attempt", "case_id", "case_file"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_attempt"),
        sa.UniqueConstraint("delivery_id", "number", name="uq_webhook_attempt_delivery_id_number"),
    )
    op.create_index("ix_webhook_endpoint_position_id", "webhook_endpoint", ["position_id"])
    op.create_index("ix_webhook_secret_endpoint_id", "webhook_secret", ["endpoint_id"])
    op.create_index("ix_webhook_secret_kek", "webhook_secret", ["kek"])
    op.create_index("ix_webhook_delivery_referral_id", "webhook_delivery", ["referral_id"])
    op.create_index("ix_webhook_delivery_case_id", "webhook_delivery", ["case_id"])
    op.create_index(
        "ix_webhook_delivery_pending", "webhook_delivery", ["started_at"],
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index(
        "ix_webhook_delivery_endpoint_id_created_at", "webhook_delivery", ["endpoint_id", "created_at", "id"]
    )
    op.create_index("ix_webhook_attempt_case_id", "webhook_attempt", ["case_id"])

    op.execute("GRANT SELECT, INSERT, UPDATE (url, ended_at) ON webhook_endpoint TO annhi_api")
    # Shown once when it is made: the API writes a secret and never reads it back.
    op.execute("GRANT SELECT (id, endpoint_id, issued_by, issued_at, expires_at) ON webhook_secret TO annhi_api")
    op.execute("GRANT INSERT, UPDATE (expires_at) ON webhook_secret TO annhi_api")
    op.execute("GRANT SELECT, UPDATE (state, started_at, resent_at, resent_by) ON webhook_delivery TO annhi_api")
    op.execute("GRANT SELECT ON webhook_attempt TO annhi_api")
    op.execute("GRANT SELECT ON webhook_endpoint, webhook_secret TO annhi_worker")
    op.execute("GRANT SELECT, INSERT ON webhook_delivery, webhook_attempt TO annhi_worker")
    op.execute(
        "GRANT UPDATE (state, started_at, attempts, last_attempt_at, last_answer, delivered_at, dead_at, owner_id, "
        "owner_unit_id) ON webhook_delivery TO annhi_worker"
    )
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON webhook_attempt "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    for name in ("webhook_endpoint", "webhook_secret", "webhook_delivery"):
        op.execute(
            f"CREATE TRIGGER never_deleted BEFORE DELETE ON {name} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

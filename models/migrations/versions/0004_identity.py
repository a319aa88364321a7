"""sessions that can be listed, second factors, set-up links, OpenID, service tokens, suspensions

Revision: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_JSON = postgresql.JSONB(none_as_null=True)

GRANTS = {
    "sign_in_step": "SELECT, INSERT, DELETE, UPDATE (tries, state, used_at)",
    "set_up_link": "SELECT, INSERT, UPDATE (ended_at)",
    "totp": "SELECT, INSERT, UPDATE (confirmed_at, last_step, ended_at)",
    "passkey": "SELECT, INSERT, UPDATE (sign_count, used_at, ended_at)",
    "recovery_code": "SELECT, INSERT, UPDATE (ended_at)",
    "external_identity": "SELECT, INSERT, UPDATE (ended_at)",
    "service_token": "SELECT, INSERT, UPDATE (seen_at, expires_at, revoked_at)",
    "suspension": "SELECT, INSERT, UPDATE (ends_at)",
}
"""What the API's role may do; a session's position, a key and a hash are written once and never changed."""


def upgrade() -> None:
    op.add_column("account", sa.Column("ended_at", _INSTANT), if_not_exists=True)
    op.add_column(
        "access_token",
        sa.Column("cookie", sa.Boolean(), nullable=False, server_default=sa.false()),
        if_not_exists=True,
    )
    op.add_column("access_token", sa.Column("second_factor", sa.String(10)), if_not_exists=True)
    op.add_column("access_token", sa.Column("seen_at", _INSTANT), if_not_exists=True)
    op.execute("GRANT UPDATE (second_factor, seen_at) ON access_token TO annhi_api")
    op.add_column(
        "position", sa.Column("kind", sa.String(10), nullable=False, server_default="person"), if_not_exists=True
    )

    op.create_table(
        "sign_in_step",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("account.id")),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("state", _JSON, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False, index=True),
        sa.Column("used_at", _INSTANT),
    )
    op.create_table(
        "set_up_link",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("link_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("made_by", sa.Uuid(), sa.ForeignKey("person.id")),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT),
    )
    op.create_table(
        "totp",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("key_id", sa.String(40), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("confirmed_at", _INSTANT),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", _INSTANT),
    )
    op.create_table(
        "passkey",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("credential_id", sa.String(1400), nullable=False, unique=True),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(80), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("used_at", _INSTANT),
        sa.Column("ended_at", _INSTANT),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("code_hash", sa.String(64), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT),
    )
    op.create_table(
        "external_identity",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("account.id"), nullable=False),
        sa.Column("issuer", sa.String(255), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("linked_by", sa.Uuid(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("linked_at", _INSTANT, nullable=False),
        sa.Column("ended_at", _INSTANT),
    )
    op.create_index(
        "uq_external_identity_in_force",
        "external_identity",
        ["issuer", "subject"],
        unique=True,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "service_token",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("position_id", sa.Uuid(), sa.ForeignKey("position.id"), nullable=False),
        sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("scopes", _JSON, nullable=False),
        sa.Column("issued_by", sa.Uuid(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("issued_at", _INSTANT, nullable=False),
        sa.Column("seen_at", _INSTANT),
        sa.Column("expires_at", _INSTANT, nullable=False),
        sa.Column("revoked_at", _INSTANT),
    )
    op.create_index("ix_service_token_position_id", "service_token", ["position_id"])
    for table in ("sign_in_step", "set_up_link", "totp", "passkey", "recovery_code", "external_identity"):
        op.create_index(f"ix_{table}_account_id", table, ["account_id"])
    op.create_table(
        "suspension",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("person_id", sa.Uuid(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("starts_at", _INSTANT, nullable=False),
        sa.Column("ends_at", _INSTANT),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("ordered_by", sa.Uuid(), sa.ForeignKey("person.id"), nullable=False),
        sa.Column("created_at", _INSTANT, nullable=False),
    )
    op.create_index("ix_suspension_person_id", "suspension", ["person_id"])
    for table, rights in GRANTS.items():
        op.execute(f"GRANT {rights} ON {table} TO annhi_api")
    # A command that waited is judged by those in office when it is recorded; somebody suspended is not.
    op.execute("GRANT SELECT ON suspension TO annhi_worker")


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

"""referrals: a service asked for, the events that moved it, and deadlines of its own

Revision: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())
_LIFECYCLE = (
    "receiver_id, state, memory, sequence, sent_by, sent_unit_id, sent_at, accepted_at, appointment_at, ended_at, "
    "outcome, decline_reason, protocol_version, workflow_seen_at, updated_at"
)


def upgrade() -> None:
    op.create_table(
        "referral",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.String(length=20), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("service", sa.String(length=40), nullable=False),
        sa.Column("need", sa.String(length=20), nullable=False),
        sa.Column("step", sa.String(length=32), nullable=True),
        sa.Column("rerouted_from", sa.Uuid(), nullable=True),
        sa.Column("created_at", _INSTANT, nullable=False),
        sa.Column("event_at", _INSTANT, nullable=True),
        sa.Column("warnings", _JSON, nullable=False),
        sa.Column("receiver_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("memory", _JSON, nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("sent_by", sa.Uuid(), nullable=True),
        sa.Column("sent_unit_id", sa.Uuid(), nullable=True),
        sa.Column("sent_at", _INSTANT, nullable=True),
        sa.Column("accepted_at", _INSTANT, nullable=True),
        sa.Column("appointment_at", _INSTANT, nullable=True),
        sa.Column("ended_at", _INSTANT, nullable=True),
        sa.Column("outcome", sa.String(length=30), nullable=True),
        sa.Column("decline_reason", sa.String(length=30), nullable=True),
        sa.Column("protocol_version", sa.String(length=60), nullable=False),
        sa.Column("workflow_seen_at", _INSTANT, nullable=True),
        sa.Column("updated_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="fk_referral_case_id"),
        sa.ForeignKeyConstraint(["receiver_id"], ["unit.id"], name="fk_referral_receiver_id"),
        sa.ForeignKeyConstraint(["rerouted_from"], ["referral.id"], name="fk_referral_rerouted_from"),
        sa.ForeignKeyConstraint(["sent_by"], ["person.id"], name="fk_referral_sent_by"),
        sa.ForeignKeyConstraint(["sent_unit_id"], ["unit.id"], name="fk_referral_sent_unit_id"),
        sa.PrimaryKeyConstraint("id", name="pk_referral"),
        sa.UniqueConstraint("code", name="uq_referral_code"),
        if_not_exists=True,
    )
    op.create_index("ix_referral_case_id", "referral", ["case_id"], if_not_exists=True)
    op.create_index("ix_referral_rerouted_from", "referral", ["rerouted_from"], if_not_exists=True)
    op.create_index("ix_referral_receiver_state", "referral", ["receiver_id", "state"], if_not_exists=True)
    op.create_index(
        "ix_referral_unstarted", "referral", ["created_at"], postgresql_where=sa.text("workflow_seen_at IS NULL"),
        if_not_exists=True,
    )
    op.create_table(
        "referral_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("referral_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("command_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(length=40), nullable=False),
        sa.Column("implied", _JSON, nullable=False),
        sa.Column("before", sa.String(length=20), nullable=True),
        sa.Column("after", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("position_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(length=10), nullable=False),
        sa.Column("on_behalf_person", sa.Uuid(), nullable=True),
        sa.Column("on_behalf_role", sa.String(length=10), nullable=True),
        sa.Column("means", sa.String(length=10), nullable=True),
        sa.Column("occurred_at", _INSTANT, nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("documents", _JSON, nullable=False),
        sa.Column("facts", _JSON, nullable=False),
        sa.Column("protocol_version", sa.String(length=60), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["person.id"], name="fk_referral_event_actor_id"),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="fk_referral_event_case_id"),
        sa.ForeignKeyConstraint(["on_behalf_person"], ["person.id"], name="fk_referral_event_on_behalf_person"),
        sa.ForeignKeyConstraint(["position_id"], ["position.id"], name="fk_referral_event_position_id"),
        sa.ForeignKeyConstraint(["referral_id"], ["referral.id"], name="fk_referral_event_referral_id"),
        sa.PrimaryKeyConstraint("id", name="pk_referral_event"),
        sa.UniqueConstraint("command_id", "referral_id", name="uq_referral_event_command_id_referral_id"),
        sa.UniqueConstraint("referral_id", "sequence", name="uq_referral_event_referral_id_sequence"),
        if_not_exists=True,
    )
    op.create_index("ix_referral_event_case_id", "referral_event", ["case_id"], if_not_exists=True)

    # The worker alone writes a referral: what is asked for is an act like any other.
    op.execute("GRANT SELECT ON referral, referral_event TO annhi_api, annhi_worker")
    op.execute("GRANT INSERT ON referral, referral_event TO annhi_worker")
    # Of a child the worker asks only how old it is: that decides whose consent counts.
    op.execute("REVOKE SELECT ON child FROM annhi_worker")
    op.execute("GRANT SELECT (id, birth_date, estimated_age) ON child TO annhi_worker")
    op.execute(f"GRANT UPDATE ({_LIFECYCLE}) ON referral TO annhi_worker")
    op.execute(
        "CREATE OR REPLACE TRIGGER append_only BEFORE UPDATE OR DELETE ON referral_event "
        "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.execute(
        "CREATE OR REPLACE TRIGGER never_emptied BEFORE TRUNCATE ON referral_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
    op.execute("CREATE OR REPLACE TRIGGER never_deleted BEFORE DELETE ON referral FOR EACH ROW EXECUTE FUNCTION refuse_change()")

    op.add_column("command_record", sa.Column("referral_id", sa.Uuid(), nullable=True), if_not_exists=True)
    op.add_column("deadline", sa.Column("referral_id", sa.Uuid(), nullable=True), if_not_exists=True)
    # Ours, from a migration that was broken off.
    op.execute("-- squawk-ignore ban-drop-constraint\nALTER TABLE deadline DROP CONSTRAINT IF EXISTS fk_deadline_referral_id")
    op.execute(
        "ALTER TABLE deadline ADD CONSTRAINT fk_deadline_referral_id FOREIGN KEY (referral_id) "
        "REFERENCES referral (id) NOT VALID"
    )
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE deadline VALIDATE CONSTRAINT fk_deadline_referral_id")
        op.create_index(
            "uq_deadline_of_case", "deadline", ["case_id", "code", "occurrence"], unique=True,
            postgresql_where=sa.text("referral_id IS NULL"), postgresql_concurrently=True, if_not_exists=True,
        )
        op.create_index(
            "uq_deadline_of_referral", "deadline", ["referral_id", "code", "occurrence"], unique=True,
            postgresql_where=sa.text("referral_id IS NOT NULL"), postgresql_concurrently=True, if_not_exists=True,
        )
        # A code is one of the case's or one of a referral's, and two referrals of a case may both have their first; what
        # it guaranteed, the first of the new indexes does.
        op.execute("-- squawk-ignore ban-drop-constraint\nALTER TABLE deadline DROP CONSTRAINT IF EXISTS uq_deadline_case_id_code_occurrence")


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

"""who may write what, and what nobody may change

Revision: 0002
Revises: 0001
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

API_INSERTS = (
    "household child report case_file case_report case_event deadline rung notice call_task audit_entry submission "
    "document account access_token sign_in_throttle unit unit_parent person position shift absence deputy"
).split()
API_UPDATES = {
    "account": "",
    "access_token": "(revoked_at, expires_at)",
    "sign_in_throttle": "",
    "submission": "(confirmed_at, answer, case_id)",
    "escalation": "(state, acknowledged_at, acknowledged_by, resolved_at, resolved_by, resolution)",
    "notice": "(seen_at, state, error)",
    "call_task": "(state, outcome, called_at, called_by)",
    "unit": "",
    "unit_parent": "(valid_to)",
    "person": "",
    "position": "(valid_to)",
    "shift": "",
    "absence": "",
    "deputy": "(valid_to)",
}
WORKER_INSERTS = (
    "case_event case_report deadline rung breach escalation escalation_recipient notice call_task audit_entry "
    "command_record recusal delegate sweep_run"
).split()
WORKER_UPDATES = {
    # As LIFECYCLE_COLUMNS was then; a column that came later is granted where it came.
    "case_file": "(receipt_at, unit_id, incident_unit_id, residence_unit_id, owner_id, process, protection, ban, custody, "
    "memory, risk, flagged, plan_version, sequence, protocol_version, attached_to, closed_at, closure_reason, "
    "workflow_seen_at, updated_at)",
    "case_report": "(acknowledged_at)",
    "deadline": "",
    "rung": "",
    "breach": "(mark, met_at)",
    "escalation": "(state)",
    "notice": "",
    "call_task": "(state)",
    "document": "(version, plan_version, frozen_at, sequence)",
    "recusal": "(until)",
    "delegate": "(until)",
    "sweep_run": "(ended_at, report)",
    "submission": "(confirmed_at)",
}
APPEND_ONLY = ("audit_entry", "case_event", "report", "command_record")


def upgrade() -> None:
    op.execute("GRANT USAGE ON SCHEMA public TO annhi_api, annhi_worker")
    op.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO annhi_api, annhi_worker")
    op.execute("REVOKE SELECT ON account, access_token, sign_in_throttle FROM annhi_worker")
    for table in API_INSERTS:
        op.execute(f"GRANT INSERT ON {table} TO annhi_api")
    for table, columns in API_UPDATES.items():
        op.execute(f"GRANT UPDATE {columns} ON {table} TO annhi_api")
    for table in WORKER_INSERTS:
        op.execute(f"GRANT INSERT ON {table} TO annhi_worker")
    for table, columns in WORKER_UPDATES.items():
        op.execute(f"GRANT UPDATE {columns} ON {table} TO annhi_worker")

    op.execute(
        """
        CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
        END $$
        """
    )
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        op.execute(
            f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )

    # A planned rung is a projection of its clock and may be planned anew; one that fired stays.
    op.execute("GRANT DELETE ON rung TO annhi_worker")
    op.execute(
        "CREATE TRIGGER fired_stays BEFORE DELETE ON rung FOR EACH ROW WHEN (OLD.state <> 'planned') "
        "EXECUTE FUNCTION refuse_change()"
    )

    op.execute(
        """
        CREATE FUNCTION keep_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.frozen_at IS NOT NULL OR NEW.content IS DISTINCT FROM OLD.content
               OR NEW.content_hash IS DISTINCT FROM OLD.content_hash THEN
                RAISE EXCEPTION 'a document''s content never changes' USING ERRCODE = 'insufficient_privilege';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute("CREATE TRIGGER frozen BEFORE UPDATE ON document FOR EACH ROW EXECUTE FUNCTION keep_frozen()")
    op.execute("CREATE TRIGGER never_deleted BEFORE DELETE ON document FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.execute(
        "CREATE TRIGGER never_emptied BEFORE TRUNCATE ON document FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )

    # Intake is the one time the API writes lifecycle columns: a new case may only start where every case starts.
    op.execute(
        """
        CREATE FUNCTION start_where_cases_start() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF current_user = 'annhi_api' AND (NEW.process <> 'received' OR NEW.sequence <> 1) THEN
                RAISE EXCEPTION 'a case starts as received' USING ERRCODE = 'insufficient_privilege';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER starts_received BEFORE INSERT ON case_file "
        "FOR EACH ROW EXECUTE FUNCTION start_where_cases_start()"
    )

    # The outbox wakes up when a notice is committed; the payload is empty, the rows say the rest.
    op.execute(
        """
        CREATE FUNCTION wake_outbox() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NOTIFY annhi_notice;
            RETURN NULL;
        END $$
        """
    )
    op.execute(
        "CREATE TRIGGER wakes_outbox AFTER INSERT ON notice FOR EACH STATEMENT EXECUTE FUNCTION wake_outbox()"
    )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

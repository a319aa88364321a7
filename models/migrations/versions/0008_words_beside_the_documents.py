"""what is said of a child beside its documents is encrypted under its case's key: consents, broken glass, who is alleged

Revision: 0008
Revises: 0007
"""

import json
import unicodedata
from pathlib import Path
from uuid import UUID, uuid5

import sqlalchemy as sa
from alembic import context, op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

BATCH = 200
TEXTS = {
    # table: column of before, column it is sealed in.
    "consent": {
        "giver_name": "giver_sealed",
        "best_interest_note": "best_interest_sealed",
        "child_view": "child_view_sealed",
        "withdrawal_note": "withdrawal_sealed",
    },
    "break_glass": {"note": "note_sealed", "finding_note": "finding_sealed"},
}
DESCRIBED = ("folded_name", "birth_year", "age_band", "relation", "folded_workplace", "unit_id")

# Names are compared once they are opened, and not in the database: there is nothing in it to compare them by, in clear
# or as a hash. As the owner: whoever takes office is compared with the cases of others as well.
ALLEGED_IN = """
CREATE FUNCTION alleged_in(of_case uuid)
RETURNS TABLE (id uuid, case_id uuid, sealed bytea, key_wrapped bytea, key_kek text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.id, a.case_id, a.sealed, k.wrapped, k.kek::text
    FROM alleged_person a JOIN case_key k ON k.case_id = a.case_id
    WHERE k.destroyed_at IS NULL AND (of_case IS NULL OR a.case_id = of_case)
      AND (current_setting('annhi.system', true) = 'screening'
           OR (current_setting('annhi.system', true) = 'worker'
               AND a.case_id = ANY (string_to_array(current_setting('annhi.case', true), ',')::uuid[])))
    ORDER BY a.case_id, a.id
$$
"""
WITHDRAWN_ONCE = """
CREATE OR REPLACE FUNCTION consent_withdrawn_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.withdrawn_at IS NOT NULL
       OR to_jsonb(NEW) - 'withdrawn_at' - 'withdrawn_by' - 'withdrawal_sealed' - 'stops'
          IS DISTINCT FROM to_jsonb(OLD) - 'withdrawn_at' - 'withdrawn_by' - 'withdrawal_sealed' - 'stops' THEN
        RAISE EXCEPTION 'what was agreed to or refused stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    for table, columns in TEXTS.items():
        for column in columns.values():
            op.add_column(table, sa.Column(column, sa.LargeBinary(), nullable=True))
    op.add_column(
        "alleged_person", sa.Column("sealed", sa.LargeBinary(), nullable=False, server_default=sa.text("''"))
    )
    if not context.is_offline_mode():
        _seal_what_is_there()
    # The default was for the rows of before only: nobody stores a row without what it says.
    op.execute("-- squawk-ignore ban-drop-default\nALTER TABLE alleged_person ALTER COLUMN sealed DROP DEFAULT")
    op.execute("-- squawk-ignore ban-drop-function\nDROP FUNCTION alleged_alike(text, uuid, uuid)")
    # By the name it really has: the prefix was put before it twice. It is made anew below.
    op.execute(
        "-- squawk-ignore ban-drop-constraint\n"
        "ALTER TABLE consent DROP CONSTRAINT ck_consent_ck_consent_best_interest"
    )
    # It must not stay in clear beside what is sealed; older code cannot go on with this schema, and is told so.
    dropped = [(table, column) for table, columns in TEXTS.items() for column in columns]
    dropped += [("alleged_person", column) for column in DESCRIBED] + [("relative", "folded_name")]
    for table, column in dropped:
        op.execute(f"-- squawk-ignore ban-drop-column\nALTER TABLE {table} DROP COLUMN {column}")
    # Both tables were just rewritten row by row under this transaction's lock: looking at them once more holds up nobody.
    op.execute(
        "-- squawk-ignore constraint-missing-not-valid\n"
        "ALTER TABLE consent ADD CONSTRAINT ck_consent_best_interest "
        "CHECK (answer <> 'ground' OR best_interest_sealed IS NOT NULL)"
    )
    op.execute(
        "-- squawk-ignore constraint-missing-not-valid\n"
        "ALTER TABLE break_glass ADD CONSTRAINT ck_break_glass_said CHECK (note_sealed IS NOT NULL)"
    )
    op.execute(WITHDRAWN_ONCE)
    op.execute("GRANT UPDATE (withdrawal_sealed) ON consent TO annhi_api")
    op.execute("GRANT UPDATE (finding_sealed) ON break_glass TO annhi_api")
    # What tries were counted under was a plain hash of names and addresses; the counts are those of the last minute.
    op.execute("DELETE FROM sign_in_throttle")
    op.execute(ALLEGED_IN)
    op.execute("REVOKE ALL ON FUNCTION alleged_in(uuid) FROM PUBLIC")
    op.execute("GRANT EXECUTE ON FUNCTION alleged_in(uuid) TO annhi_api, annhi_worker")


def _seal_what_is_there() -> None:
    """Encrypt the rows of before; of a file that was erased nothing is kept."""
    connection = op.get_bind()
    keys = _keys(connection)
    for table, columns in TEXTS.items():
        trigger = "withdrawn_once" if table == "consent" else "said_once"
        connection.execute(sa.text(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}"))
        for row in _rows(connection, f"SELECT id, case_id, {', '.join(columns)} FROM {table}"):
            key = keys.get(row.case_id)
            said = {
                sealed: key.seal(text.encode(), f"{table}/{sealed}/{row.id}") if key else b""
                for column, sealed in columns.items()
                if (text := getattr(row, column)) is not None
            }
            if said:
                values = ", ".join(f"{column} = :{column}" for column in said)
                connection.execute(sa.text(f"UPDATE {table} SET {values} WHERE id = :id"), {**said, "id": row.id})
        connection.execute(sa.text(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}"))
    for row in list(_rows(connection, f"SELECT id, case_id, named_at, {', '.join(DESCRIBED)} FROM alleged_person")):
        _rename(connection, row, keys.get(row.case_id))


def _rename(connection, row, key) -> None:
    """Seal who is alleged; under a new id, because the old one was made of the name and names could be tried."""
    if key is None:
        return
    clear = _canonical(
        {
            "name": row.folded_name,
            "birth_year": row.birth_year,
            "age_band": row.age_band,
            "relation": row.relation,
            "workplace": row.folded_workplace,
            "unit": str(row.unit_id) if row.unit_id else None,
        }
    )
    new: UUID = uuid5(row.case_id, f"alleged/{key.hash(clear)}")
    ids = {"new": new, "old": row.id}
    connection.execute(
        sa.text(
            "INSERT INTO alleged_person (id, case_id, folded_name, sealed, named_at) "
            "VALUES (:new, :case, '', :sealed, :at) ON CONFLICT DO NOTHING"
        ),
        {"new": new, "case": row.case_id, "sealed": key.seal(clear, f"alleged_person/sealed/{new}"), "at": row.named_at},
    )
    connection.execute(sa.text("UPDATE conflict SET alleged_id = :new WHERE alleged_id = :old"), ids)
    connection.execute(sa.text("DELETE FROM alleged_person WHERE id = :old"), ids)


def _keys(connection) -> dict:
    rows = connection.execute(
        sa.text(
            "SELECT case_id, wrapped, kek FROM case_key WHERE destroyed_at IS NULL AND case_id IN (SELECT case_id "
            "FROM consent UNION SELECT case_id FROM break_glass UNION SELECT case_id FROM alleged_person)"
        )
    ).all()
    if not rows:
        return {}
    from models.settings import Settings  # noqa: PLC0415 - only where there is something to encrypt
    from models.vault import DataKey, KeyRing  # noqa: PLC0415

    ring = KeyRing.read(Path(Settings().vault_file))
    return {
        row.case_id: DataKey(ring.open(row.kek, bytes(row.wrapped), f"case_key/wrapped/{row.case_id}")) for row in rows
    }


def _rows(connection, statement):
    after = "00000000-0000-0000-0000-000000000000"
    while rows := connection.execute(
        sa.text(f"{statement} WHERE id > CAST(:after AS uuid) ORDER BY id LIMIT {BATCH}"), {"after": str(after)}
    ).all():
        yield from rows
        after = rows[-1].id


def _canonical(content) -> bytes:
    """As ``models.forms.canonical`` wrote it when this migration was made."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return unicodedata.normalize("NFC", text).encode()


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

"""what is told about a child is encrypted under the case's own key; who informed is kept apart

Revision: 0005
Revises: 0004
"""

import json
import unicodedata
from pathlib import Path

import sqlalchemy as sa
from alembic import context, op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

APPEND_ONLY = ("informant", "informant_reading", "custody_entry", "erasure")
BATCH = 200


def upgrade() -> None:
    op.create_table(
        "case_key",
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=True),
        sa.Column("kek", sa.String(length=60), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("destroyed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "(wrapped IS NULL) = (destroyed_at IS NOT NULL)", name=op.f("ck_case_key_destroyed_is_gone")
        ),
        sa.CheckConstraint("(wrapped IS NULL) = (kek IS NULL)", name=op.f("ck_case_key_wrapped_by_a_key")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_case_key_case_id")),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_key")),
    )
    op.create_index(
        "ix_case_key_kek", "case_key", ["kek", "case_id"], postgresql_where=sa.text("destroyed_at IS NULL")
    )
    op.create_table(
        "key_share",
        sa.Column("record_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_key_share_case_id")),
        sa.PrimaryKeyConstraint("record_id", "case_id", name=op.f("pk_key_share")),
    )
    op.create_index(op.f("ix_key_share_case_id"), "key_share", ["case_id"])
    op.create_table(
        "informant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("report_id", sa.Uuid(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_informant_report_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_informant")),
        sa.UniqueConstraint("report_id", name=op.f("uq_informant_report_id")),
    )
    op.create_table(
        "informant_reading",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("informant_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("purpose", sa.String(length=30), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(["informant_id"], ["informant.id"], name=op.f("fk_informant_reading_informant_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_informant_reading_person_id")),
        sa.ForeignKeyConstraint(["position_id"], ["position.id"], name=op.f("fk_informant_reading_position_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_informant_reading")),
    )
    op.create_index(op.f("ix_informant_reading_informant_id"), "informant_reading", ["informant_id"])

    op.create_table(
        "attachment",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("object_name", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("data_class", sa.String(length=2), nullable=False),
        sa.Column("media_type", sa.String(length=60), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("scanned_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('unscanned', 'quarantined', 'clean', 'infected')", name=op.f("ck_attachment_state")
        ),
        sa.CheckConstraint("data_class IN ('P1', 'P2', 'P3')", name=op.f("ck_attachment_data_class")),
        sa.ForeignKeyConstraint(["author_id"], ["person.id"], name=op.f("fk_attachment_author_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_attachment_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
        sa.UniqueConstraint("object_name", name=op.f("uq_attachment_object_name")),
    )
    op.create_index(op.f("ix_attachment_case_id"), "attachment", ["case_id"])
    op.create_index(
        "ix_attachment_unscanned",
        "attachment",
        ["created_at"],
        postgresql_where=sa.text("state IN ('unscanned', 'quarantined')"),
    )
    op.create_table(
        "custody_entry",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("attachment_id", sa.Uuid(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("what", sa.String(length=20), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("position_id", sa.Uuid(), nullable=True),
        sa.Column("words", sa.LargeBinary(), nullable=True),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["attachment_id"], ["attachment.id"], name=op.f("fk_custody_entry_attachment_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_custody_entry_person_id")),
        sa.ForeignKeyConstraint(["position_id"], ["position.id"], name=op.f("fk_custody_entry_position_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_custody_entry")),
        sa.UniqueConstraint("attachment_id", "sequence", name=op.f("uq_custody_entry_attachment_id_sequence")),
    )

    op.create_table(
        "legal_hold",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("ordered_by", sa.Uuid(), nullable=False),
        sa.Column("why", sa.LargeBinary(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.Date(), nullable=True),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_legal_hold_case_id")),
        sa.ForeignKeyConstraint(["lifted_by"], ["person.id"], name=op.f("fk_legal_hold_lifted_by")),
        sa.ForeignKeyConstraint(["ordered_by"], ["person.id"], name=op.f("fk_legal_hold_ordered_by")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_hold")),
    )
    op.create_index(op.f("ix_legal_hold_case_id"), "legal_hold", ["case_id"])
    op.create_table(
        "erasure",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("certificate", JSONB(none_as_null=True), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name=op.f("fk_erasure_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
        sa.UniqueConstraint("case_id", name=op.f("uq_erasure_case_id")),
        sa.UniqueConstraint("number", name=op.f("uq_erasure_number")),
    )

    # A key is made by the API with the case, and read by both. Rewrapping and destroying are commands of the operator,
    # who comes as the owner; the service itself can do neither.
    op.execute("GRANT SELECT, INSERT ON case_key TO annhi_api")
    op.execute("GRANT SELECT ON case_key TO annhi_worker")
    op.execute("GRANT SELECT, INSERT ON key_share TO annhi_api, annhi_worker")
    op.execute("GRANT DELETE ON key_share TO annhi_worker")
    op.execute("GRANT SELECT, INSERT ON informant, informant_reading TO annhi_api")
    op.execute("GRANT SELECT ON legal_hold, erasure TO annhi_api")
    op.execute("GRANT SELECT, INSERT ON attachment TO annhi_api")
    op.execute("GRANT SELECT ON attachment TO annhi_worker")
    op.execute("GRANT UPDATE (state, scanned_at) ON attachment TO annhi_worker")
    op.execute("GRANT SELECT, INSERT ON custody_entry TO annhi_api, annhi_worker")
    for table in APPEND_ONLY:
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    for table in (*APPEND_ONLY, "case_key", "key_share", "attachment"):
        op.execute(
            f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
        )
    op.execute(
        """
        CREATE FUNCTION keep_key() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.destroyed_at IS NOT NULL OR NEW.case_id IS DISTINCT FROM OLD.case_id
               OR NEW.created_at IS DISTINCT FROM OLD.created_at THEN
                RAISE EXCEPTION 'a key is wrapped anew or destroyed, once' USING ERRCODE = 'insufficient_privilege';
            END IF;
            RETURN NEW;
        END $$
        """
    )
    op.execute("CREATE TRIGGER kept BEFORE UPDATE ON case_key FOR EACH ROW EXECUTE FUNCTION keep_key()")
    op.execute("CREATE TRIGGER never_deleted BEFORE DELETE ON case_key FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.execute("CREATE TRIGGER never_deleted BEFORE DELETE ON attachment FOR EACH ROW EXECUTE FUNCTION refuse_change()")

    for table in ("report", "document"):
        op.add_column(table, sa.Column("sealed", sa.LargeBinary(), nullable=False, server_default=sa.text("''")))
    if not context.is_offline_mode():
        _seal_what_is_there()
    for table in ("report", "document"):
        # The default was for the rows of before only: nobody stores a row without its content.
        op.execute(f"-- squawk-ignore ban-drop-default\nALTER TABLE {table} ALTER COLUMN sealed DROP DEFAULT")
        # It must not stay in clear beside what is sealed; older code cannot go on with this schema, and is told so.
        op.execute(f"-- squawk-ignore ban-drop-column\nALTER TABLE {table} DROP COLUMN content")
    op.execute(
        """
        CREATE OR REPLACE FUNCTION keep_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF OLD.frozen_at IS NOT NULL OR NEW.sealed IS DISTINCT FROM OLD.sealed
               OR NEW.content_hash IS DISTINCT FROM OLD.content_hash THEN
                RAISE EXCEPTION 'a document''s content never changes' USING ERRCODE = 'insufficient_privilege';
            END IF;
            RETURN NEW;
        END $$
        """
    )


def _seal_what_is_there() -> None:
    """Encrypt the rows of before. Their hashes stay, because events and approvals name them."""
    connection = op.get_bind()
    cases = [row.id for row in connection.execute(sa.text("SELECT id FROM case_file"))]
    if not cases:
        return
    from models.records.vault import informant_of  # noqa: PLC0415 - only where there is something to encrypt
    from models.settings import Settings  # noqa: PLC0415
    from models.vault import DataKey, KeyRing  # noqa: PLC0415

    ring = KeyRing.read(Path(Settings().vault_file))
    keys = {}
    for case in cases:
        keys[case] = key = DataKey.new()
        kek, wrapped = ring.seal(key.raw, f"case_key/wrapped/{case}")
        connection.execute(
            sa.text(
                "INSERT INTO case_key (case_id, wrapped, kek, created_at) "
                "SELECT id, :wrapped, :kek, created_at FROM case_file WHERE id = :id"
            ),
            {"wrapped": wrapped, "kek": kek, "id": case},
        )

    def share(record, key, of, at):
        for case in of:
            connection.execute(
                sa.text("INSERT INTO key_share (record_id, case_id, wrapped, created_at) VALUES (:r, :c, :w, :at)"),
                {"r": record, "c": case, "w": keys[case].seal(key.raw, f"key_share/wrapped/{record}/{case}"), "at": at},
            )

    of_report: dict = {}
    for row in connection.execute(sa.text("SELECT report_id, case_id FROM case_report WHERE until IS NULL")):
        of_report.setdefault(row.report_id, []).append(row.case_id)
    connection.execute(sa.text("ALTER TABLE report DISABLE TRIGGER append_only"))
    connection.execute(sa.text("ALTER TABLE document DISABLE TRIGGER frozen"))
    for row in _rows(connection, "SELECT id, content, recorded_at FROM report"):
        of, key, content = of_report.get(row.id, []), DataKey.new(), dict(row.content)
        m01 = dict(content.get("m01", {}))
        told = m01.pop("informant", None)
        content["m01"] = m01
        _store(connection, "report", row.id, key.seal(_canonical(content), f"report/sealed/{row.id}"))
        # The informant was part of what the old hash is of; without it that hash could not be proven.
        connection.execute(
            sa.text("UPDATE report SET content_hash = :hash WHERE id = :id"),
            {"hash": key.hash(_canonical(content)), "id": row.id},
        )
        share(row.id, key, of, row.recorded_at)
        if told:
            apart, informant = DataKey.new(), informant_of(row.id)
            connection.execute(
                sa.text("INSERT INTO informant (id, report_id, sealed, created_at) VALUES (:id, :report, :sealed, :at)"),
                {
                    "id": informant,
                    "report": row.id,
                    "sealed": apart.seal(_canonical(told), f"informant/sealed/{informant}"),
                    "at": row.recorded_at,
                },
            )
            share(informant, apart, of, row.recorded_at)
    for row in _rows(connection, "SELECT id, case_id, content FROM document"):
        sealed = keys[row.case_id].seal(_canonical(row.content), f"document/sealed/{row.id}")
        _store(connection, "document", row.id, sealed)
    connection.execute(sa.text("ALTER TABLE report ENABLE TRIGGER append_only"))
    connection.execute(sa.text("ALTER TABLE document ENABLE TRIGGER frozen"))


def _rows(connection, statement):
    after = "00000000-0000-0000-0000-000000000000"
    while rows := connection.execute(
        sa.text(f"{statement} WHERE id > CAST(:after AS uuid) ORDER BY id LIMIT {BATCH}"), {"after": str(after)}
    ).all():
        yield from rows
        after = rows[-1].id


def _store(connection, table, row, sealed):
    connection.execute(sa.text(f"UPDATE {table} SET sealed = :sealed WHERE id = :id"), {"sealed": sealed, "id": row})


def _canonical(content) -> bytes:
    """As ``models.forms.canonical`` wrote it when this migration was made."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return unicodedata.normalize("NFC", text).encode()


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

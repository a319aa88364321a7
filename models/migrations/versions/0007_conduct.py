"""who must keep out of a case, who may look into one in an emergency, and what was agreed to for the child

Revision: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_JSON = postgresql.JSONB(none_as_null=True, astext_type=sa.Text())

# What a screening reads is more than whoever set it off may read: the relatives of everybody near the case. These two
# functions are the only way to it, and say nothing but what is compared.
_PEOPLE_NEAR = """
CREATE FUNCTION people_near(of_case uuid, places uuid[], besides uuid[], at_instant timestamptz)
RETURNS TABLE (person_id uuid, full_name text, roles text[], units uuid[], offices text[], relatives json)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH RECURSIVE place AS (
        SELECT unnest(places) AS unit_id
        UNION
        SELECT r.receiver_unit_id FROM case_report c JOIN report r ON r.id = c.report_id
        WHERE c.case_id = of_case AND c.until IS NULL
    ), up AS (
        SELECT unit_id FROM place
        UNION
        SELECT p.parent_id FROM up JOIN unit_parent p ON p.unit_id = up.unit_id
        WHERE p.valid_from <= at_instant AND (p.valid_to IS NULL OR p.valid_to > at_instant)
    ), down AS (
        SELECT place.unit_id FROM place JOIN unit u ON u.id = place.unit_id WHERE u.kind = 'commune'
        UNION
        SELECT p.unit_id FROM down JOIN unit_parent p ON p.parent_id = down.unit_id
        WHERE p.valid_from <= at_instant AND (p.valid_to IS NULL OR p.valid_to > at_instant)
    ), near AS (
        SELECT unit_id FROM up UNION SELECT unit_id FROM down
        UNION SELECT u.id FROM unit u WHERE u.kind = 'hotline'
    ), post AS (
        SELECT p.person_id, p.role, p.unit_id, u.name_vi AS office, above.parent_id
        FROM position p JOIN unit u ON u.id = p.unit_id
        LEFT JOIN unit_parent above ON above.unit_id = u.id AND above.valid_from <= at_instant
                                   AND (above.valid_to IS NULL OR above.valid_to > at_instant)
        WHERE p.unit_id IN (SELECT near.unit_id FROM near)
          AND p.valid_from <= at_instant AND (p.valid_to IS NULL OR p.valid_to > at_instant)
    ), deputy_or_named AS (
        SELECT unnest(besides) AS person_id
        UNION
        SELECT d.deputy_id AS person_id FROM deputy d WHERE d.unit_id IN (SELECT near.unit_id FROM near)
          AND d.valid_from <= at_instant AND (d.valid_to IS NULL OR d.valid_to > at_instant)
        UNION
        SELECT g.person_id FROM delegate g WHERE g.case_id = of_case AND g.until IS NULL
    ), everybody AS (
        SELECT post.person_id, array_agg(DISTINCT post.role::text) AS roles,
               array_remove(array_agg(DISTINCT post.unit_id) || array_agg(DISTINCT post.parent_id), NULL) AS units,
               array_agg(DISTINCT post.office::text) AS offices
        FROM post GROUP BY post.person_id
        UNION ALL
        SELECT deputy_or_named.person_id, '{}', '{}', '{}' FROM deputy_or_named
        WHERE NOT EXISTS (SELECT FROM post WHERE post.person_id = deputy_or_named.person_id)
    )
    SELECT e.person_id, n.full_name::text, e.roles, e.units, e.offices,
           (SELECT json_agg(json_build_array(r.id, r.name, r.relation, r.birth_year) ORDER BY r.id)
              FROM relative r WHERE r.person_id = e.person_id AND (r.until IS NULL OR r.until > at_instant))
    FROM everybody e JOIN person n ON n.id = e.person_id
    ORDER BY e.person_id
$$
"""
_ALLEGED_ALIKE = """
CREATE FUNCTION alleged_alike(word text, of_person uuid, of_case uuid) RETURNS SETOF alleged_person
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.* FROM alleged_person a
    WHERE a.case_id = of_case OR string_to_array(a.folded_name, ' ') && (
        SELECT array_agg(split_part(r.folded_name, ' ', -1)) || word FROM relative r
        WHERE r.person_id = of_person AND r.until IS NULL
    )
    ORDER BY a.case_id, a.id
$$
"""
_PROVISIONAL_ONLY = """
CREATE FUNCTION api_recuses_provisionally() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_user = 'annhi_api' AND (NEW.reason <> 'POSSIBLE' OR NEW.until IS NOT NULL) THEN
        RAISE EXCEPTION 'a recusal is recorded by a command' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""

_SAID_ONCE = """
CREATE FUNCTION break_glass_said_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (OLD.confirmed_at IS NOT NULL AND (NEW.confirmed_by, NEW.confirmed_at, NEW.ends_at, NEW.review_due_at)
            IS DISTINCT FROM (OLD.confirmed_by, OLD.confirmed_at, OLD.ends_at, OLD.review_due_at))
       OR OLD.reviewed_at IS NOT NULL THEN
        RAISE EXCEPTION 'what was said to breaking the glass stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""

_WITHDRAWN_ONCE = """
CREATE FUNCTION consent_withdrawn_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.withdrawn_at IS NOT NULL
       OR to_jsonb(NEW) - 'withdrawn_at' - 'withdrawn_by' - 'withdrawal_note' - 'stops'
          IS DISTINCT FROM to_jsonb(OLD) - 'withdrawn_at' - 'withdrawn_by' - 'withdrawal_note' - 'stops' THEN
        RAISE EXCEPTION 'what was agreed to or refused stays' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "relative",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("folded_name", sa.String(length=200), nullable=False),
        sa.Column("relation", sa.String(length=30), nullable=False),
        sa.Column("birth_year", sa.Integer(), nullable=True),
        sa.Column("declared_at", _INSTANT, nullable=False),
        sa.Column("until", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_relative_person_id"),
        sa.PrimaryKeyConstraint("id", name="pk_relative"),
    )
    op.create_index("ix_relative_person_id", "relative", ["person_id"])
    op.create_table(
        "alleged_person",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("folded_name", sa.String(length=200), nullable=False),
        sa.Column("birth_year", sa.Integer(), nullable=True),
        sa.Column("age_band", sa.String(length=20), nullable=True),
        sa.Column("relation", sa.String(length=30), nullable=True),
        sa.Column("folded_workplace", sa.String(length=200), nullable=True),
        sa.Column("unit_id", sa.Uuid(), nullable=True),
        sa.Column("named_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="fk_alleged_person_case_id"),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name="fk_alleged_person_unit_id"),
        sa.PrimaryKeyConstraint("id", name="pk_alleged_person"),
    )
    op.create_index("ix_alleged_person_case_id", "alleged_person", ["case_id"])
    op.create_table(
        "conflict",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("alleged_id", sa.Uuid(), nullable=True),
        sa.Column("relative_id", sa.Uuid(), nullable=True),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reasons", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("found_at", _INSTANT, nullable=False),
        sa.Column("decided_at", _INSTANT, nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("command_id", sa.Uuid(), nullable=True),
        sa.CheckConstraint("state IN ('possible', 'confirmed', 'cleared')", name="ck_conflict_state"),
        sa.CheckConstraint("(state = 'possible') = (decided_at IS NULL)", name="ck_conflict_decided"),
        sa.ForeignKeyConstraint(["alleged_id"], ["alleged_person.id"], name="fk_conflict_alleged_id"),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="fk_conflict_case_id"),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name="fk_conflict_decided_by"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_conflict_person_id"),
        sa.ForeignKeyConstraint(["relative_id"], ["relative.id"], name="fk_conflict_relative_id"),
        sa.PrimaryKeyConstraint("id", name="pk_conflict"),
    )
    op.create_index("ix_conflict_case_person", "conflict", ["case_id", "person_id"])
    op.create_index("ix_conflict_person_id", "conflict", ["person_id"])
    op.create_index("ix_conflict_possible", "conflict", ["found_at"], postgresql_where=sa.text("state = 'possible'"))
    op.create_table(
        "case_declaration",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("answer", sa.String(length=10), nullable=False),
        sa.Column("relation", sa.String(length=30), nullable=True),
        sa.Column("declared_at", _INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="fk_case_declaration_case_id"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_case_declaration_person_id"),
        sa.ForeignKeyConstraint(["position_id"], ["position.id"], name="fk_case_declaration_position_id"),
        sa.PrimaryKeyConstraint("id", name="pk_case_declaration"),
        sa.UniqueConstraint("case_id", "person_id", name="uq_case_declaration_case_id_person_id"),
    )
    op.create_index("ix_case_declaration_person_id", "case_declaration", ["person_id"])
    op.create_table(
        "break_glass",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("note", sa.String(length=4000), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=False),
        sa.Column("asked_at", _INSTANT, nullable=False),
        sa.Column("confirmed_by", sa.Uuid(), nullable=True),
        sa.Column("confirmed_at", _INSTANT, nullable=True),
        sa.Column("ends_at", _INSTANT, nullable=True),
        sa.Column("review_due_at", _INSTANT, nullable=True),
        sa.Column("reviewed_by", sa.Uuid(), nullable=True),
        sa.Column("reviewed_at", _INSTANT, nullable=True),
        sa.Column("finding", sa.String(length=20), nullable=True),
        sa.Column("finding_note", sa.String(length=4000), nullable=True),
        sa.CheckConstraint("confirmed_by <> person_id", name="ck_break_glass_second_person"),
        sa.CheckConstraint(
            "ends_at > confirmed_at AND ends_at <= confirmed_at + interval '3 hours'", name="ck_break_glass_short"
        ),
        sa.CheckConstraint(
            "num_nonnulls(confirmed_by, confirmed_at, ends_at, review_due_at) IN (0, 4)",
            name="ck_break_glass_confirmed_whole",
        ),
        sa.CheckConstraint(
            "reviewed_by <> person_id AND reviewed_by <> confirmed_by", name="ck_break_glass_reviewed_by_another"
        ),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="fk_break_glass_case_id"),
        sa.ForeignKeyConstraint(["confirmed_by"], ["person.id"], name="fk_break_glass_confirmed_by"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_break_glass_person_id"),
        sa.ForeignKeyConstraint(["position_id"], ["position.id"], name="fk_break_glass_position_id"),
        sa.ForeignKeyConstraint(["reviewed_by"], ["person.id"], name="fk_break_glass_reviewed_by"),
        sa.PrimaryKeyConstraint("id", name="pk_break_glass"),
    )
    op.create_index("ix_break_glass_case_person", "break_glass", ["case_id", "person_id"])
    op.create_index("ix_break_glass_person_id", "break_glass", ["person_id"])
    op.create_index(
        "ix_break_glass_unreviewed", "break_glass", ["review_due_at"],
        postgresql_where=sa.text("reviewed_at IS NULL"),
    )  # fmt: skip
    op.execute("GRANT SELECT, INSERT ON break_glass TO annhi_api")
    op.execute("GRANT SELECT ON break_glass TO annhi_worker")
    op.execute(
        "GRANT UPDATE (confirmed_by, confirmed_at, ends_at, review_due_at, reviewed_by, reviewed_at, finding, "
        "finding_note) ON break_glass TO annhi_api"
    )
    # What was confirmed, and what a review found, is never said otherwise afterwards: no grant is made longer.
    op.execute(_SAID_ONCE)
    op.execute(
        "CREATE TRIGGER said_once BEFORE UPDATE ON break_glass FOR EACH ROW EXECUTE FUNCTION break_glass_said_once()"
    )
    op.execute(
        "CREATE TRIGGER never_deleted BEFORE DELETE ON break_glass FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )
    op.create_table(
        "consent",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("scope", sa.String(length=20), nullable=False),
        sa.Column("services", _JSON, nullable=False),
        sa.Column("answer", sa.String(length=10), nullable=False),
        sa.Column("giver", sa.String(length=20), nullable=True),
        sa.Column("giver_name", sa.String(length=200), nullable=True),
        sa.Column("means", sa.String(length=20), nullable=True),
        sa.Column("ground", sa.String(length=30), nullable=True),
        sa.Column("best_interest_note", sa.String(length=4000), nullable=True),
        sa.Column("child_view", sa.String(length=4000), nullable=True),
        sa.Column("said_at", _INSTANT, nullable=False),
        sa.Column("expires_at", _INSTANT, nullable=True),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("position_id", sa.Uuid(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("withdrawn_at", _INSTANT, nullable=True),
        sa.Column("withdrawn_by", sa.Uuid(), nullable=True),
        sa.Column("withdrawal_note", sa.String(length=4000), nullable=True),
        sa.Column("stops", _JSON, nullable=True),
        sa.CheckConstraint("(answer = 'ground') = (ground IS NOT NULL)", name="ck_consent_ground"),
        sa.CheckConstraint("(answer = 'ground') = (giver IS NULL)", name="ck_consent_giver"),
        sa.CheckConstraint("answer <> 'ground' OR best_interest_note IS NOT NULL", name="ck_consent_best_interest"),
        sa.CheckConstraint("(withdrawn_at IS NULL) = (stops IS NULL)", name="ck_consent_withdrawn"),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="fk_consent_case_id"),
        sa.ForeignKeyConstraint(["decided_by"], ["person.id"], name="fk_consent_decided_by"),
        sa.ForeignKeyConstraint(["position_id"], ["position.id"], name="fk_consent_position_id"),
        sa.ForeignKeyConstraint(["recorded_by"], ["person.id"], name="fk_consent_recorded_by"),
        sa.ForeignKeyConstraint(["withdrawn_by"], ["person.id"], name="fk_consent_withdrawn_by"),
        sa.PrimaryKeyConstraint("id", name="pk_consent"),
    )
    op.create_index("ix_consent_case_id", "consent", ["case_id"])
    op.create_table(
        "withholding",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("reader", sa.String(length=20), nullable=False),
        sa.Column("part", sa.String(length=20), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        sa.Column("until", _INSTANT, nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case_file.id"], name="fk_withholding_case_id"),
        sa.ForeignKeyConstraint(["recorded_by"], ["person.id"], name="fk_withholding_recorded_by"),
        sa.PrimaryKeyConstraint("id", name="pk_withholding"),
    )
    op.create_index("ix_withholding_case_id", "withholding", ["case_id"])
    op.execute("GRANT SELECT, INSERT ON consent, withholding TO annhi_api")
    op.execute("GRANT UPDATE (withdrawn_at, withdrawn_by, withdrawal_note, stops) ON consent TO annhi_api")
    op.execute("GRANT UPDATE (until) ON withholding TO annhi_api")
    # Whether a referral may be sent is judged by the worker, which reads what was agreed to.
    op.execute("GRANT SELECT ON consent TO annhi_worker")
    op.execute(_WITHDRAWN_ONCE)
    op.execute(
        "CREATE TRIGGER withdrawn_once BEFORE UPDATE ON consent FOR EACH ROW EXECUTE FUNCTION consent_withdrawn_once()"
    )
    op.execute("CREATE TRIGGER never_deleted BEFORE DELETE ON consent FOR EACH ROW EXECUTE FUNCTION refuse_change()")

    op.execute("GRANT SELECT, INSERT ON alleged_person, conflict, case_declaration TO annhi_api")
    op.execute("GRANT SELECT, INSERT, UPDATE (until) ON relative TO annhi_api")
    op.execute("GRANT INSERT ON recusal TO annhi_api")
    op.execute("GRANT SELECT, INSERT ON alleged_person, conflict TO annhi_worker")
    op.execute("GRANT UPDATE (state, decided_at, decided_by, command_id) ON conflict TO annhi_worker")
    # The API keeps a case from somebody only until an officer has decided; a recusal proper is the worker's to record.
    op.execute(_PROVISIONAL_ONLY)
    op.execute(
        "CREATE TRIGGER provisional_by_api BEFORE INSERT ON recusal "
        "FOR EACH ROW EXECUTE FUNCTION api_recuses_provisionally()"
    )
    op.execute(_PEOPLE_NEAR)
    op.execute(_ALLEGED_ALIKE)
    op.execute("REVOKE ALL ON FUNCTION people_near(uuid, uuid[], uuid[], timestamptz), alleged_alike(text, uuid, uuid) FROM PUBLIC")
    op.execute(
        "GRANT EXECUTE ON FUNCTION people_near(uuid, uuid[], uuid[], timestamptz), alleged_alike(text, uuid, uuid) "
        "TO annhi_api, annhi_worker"
    )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

"""who gives which service where and when, who looks after which residential area, and what became of a unit

Revision: 0010
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0007"
branch_labels = None
depends_on = None

_INSTANT = sa.DateTime(timezone=True)
_FORWARD = "valid_to IS NULL OR valid_to >= valid_from"
_IN_FORCE = sa.text("valid_to IS NULL")
_DATED = "provider provider_name capability contact residential_area area_place collaborator".split()

# A change is a new row. What is there may only end, and an end may only come sooner than was said.
_ONLY_ENDS = """
CREATE FUNCTION only_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - 'valid_to' IS DISTINCT FROM to_jsonb(OLD) - 'valid_to'
       OR (OLD.valid_to IS NOT NULL AND (NEW.valid_to IS NULL OR NEW.valid_to > OLD.valid_to)) THEN
        RAISE EXCEPTION 'a row of % is ended, never changed', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$
"""

# A report may be on its way to a commune at the very moment it is merged away: what is about to be written waits for
# the act (which locks the unit's row), looks again, and goes to the heir. So no case is ever left with a unit that ended.
_HEIR_OF = """
CREATE FUNCTION heir_of(the_unit uuid) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found_so_far uuid := the_unit;
    later uuid;
BEGIN
    FOR step IN 1..16 LOOP
        EXIT WHEN found_so_far IS NULL;
        PERFORM FROM unit u WHERE u.id = found_so_far FOR KEY SHARE;
        SELECT c.successor_id INTO later FROM unit_change c
         WHERE c.predecessor_id = found_so_far AND c.heir AND c.kind <> 'rename' AND c.successor_id <> found_so_far
         ORDER BY c.at DESC, c.id DESC LIMIT 1;
        EXIT WHEN NOT FOUND;
        found_so_far := later;
    END LOOP;
    RETURN found_so_far;
END $$
"""
_TO_THE_HEIR = """
CREATE FUNCTION case_goes_to_the_heir() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- A command names all three and changes none, as a rule: it costs nothing.
    IF TG_OP = 'UPDATE' AND (NEW.unit_id, NEW.incident_unit_id, NEW.residence_unit_id)
            IS NOT DISTINCT FROM (OLD.unit_id, OLD.incident_unit_id, OLD.residence_unit_id) THEN
        RETURN NEW;
    END IF;
    NEW.unit_id := heir_of(NEW.unit_id);
    NEW.incident_unit_id := heir_of(NEW.incident_unit_id);
    NEW.residence_unit_id := heir_of(NEW.residence_unit_id);
    RETURN NEW;
END $$
"""
_FOLLOWS = """
CREATE FUNCTION follows(the_act uuid, before uuid, after uuid) RETURNS boolean
LANGUAGE sql VOLATILE SET search_path = public, pg_temp AS $$
    SELECT before IS NOT DISTINCT FROM after OR EXISTS (
        SELECT FROM unit_change c
        WHERE c.act_id = the_act AND c.predecessor_id = before AND c.successor_id = after AND c.kind <> 'rename'
          AND c.xmin = pg_current_xact_id()::xid
    )
$$
"""
# The API writes no lifecycle column. This is the one way in which its act moves cases: from a predecessor to a successor
# of an act that is recorded in the same transaction, to the record of the case and in its audit chain, and nothing else
# of the case is touched: no clock, no state, no owner.
_CASES_FOLLOW = """
CREATE FUNCTION cases_follow(the_act uuid, moves jsonb) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act unit_change;
    move record;
    held case_file;
    states jsonb;
    taken integer := 0;
    who record;
BEGIN
    SELECT * INTO STRICT act FROM unit_change WHERE act_id = the_act LIMIT 1;
    SELECT p.id AS position_id, p.role INTO who FROM position p
     WHERE p.id = nullif(current_setting('annhi.position', true), '')::uuid AND p.person_id = act.made_by;
    FOR move IN
        SELECT * FROM jsonb_to_recordset(moves)
            AS m(case_id uuid, unit_id uuid, incident_unit_id uuid, residence_unit_id uuid)
        ORDER BY case_id
    LOOP
        SELECT * INTO STRICT held FROM case_file WHERE id = move.case_id FOR UPDATE;
        IF NOT (follows(the_act, held.unit_id, move.unit_id)
                AND follows(the_act, held.incident_unit_id, move.incident_unit_id)
                AND follows(the_act, held.residence_unit_id, move.residence_unit_id)) THEN
            RAISE EXCEPTION 'a case moved while its unit was changed' USING ERRCODE = 'lock_not_available';
        END IF;
        states := jsonb_build_object('process', held.process, 'protection', held.protection, 'ban', held.ban,
                                     'custody', held.custody);
        UPDATE case_file SET unit_id = move.unit_id, incident_unit_id = move.incident_unit_id,
            residence_unit_id = move.residence_unit_id, sequence = held.sequence + 1, updated_at = act.at
        WHERE id = held.id;
        INSERT INTO case_event (id, case_id, sequence, command_id, event, implied, before, after, actor_id, position_id,
                                role, occurred_at, recorded_at, documents, facts, protocol_version)
        VALUES (gen_random_uuid(), held.id, held.sequence + 1, the_act, 'follow_unit', '[]', states, states, act.made_by,
                who.position_id, coalesce(who.role, 'SYSTEM'), act.at, act.at, '[]',
                jsonb_strip_nulls(jsonb_build_object('act', the_act, 'from_unit', held.unit_id, 'to_unit', move.unit_id)),
                held.protocol_version);
        INSERT INTO audit_entry (id, at, actor_id, position_id, role, action, record, record_id, case_id, command_id,
                                 outcome, detail, chain_seq)
        VALUES (gen_random_uuid(), act.at, act.made_by, who.position_id, coalesce(who.role, 'SYSTEM'), 'follow_unit',
                'case', held.id, held.id, the_act, 'done',
                jsonb_build_object('sequence', held.sequence + 1, 'from_unit', held.unit_id, 'to_unit', move.unit_id), 0);
        taken := taken + 1;
    END LOOP;
    RETURN taken;
END $$
"""


def _dated(name: str, *columns: sa.Column | sa.Constraint) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Uuid(), nullable=False),
        *(one for one in columns if isinstance(one, sa.Column)),
        sa.Column("valid_from", _INSTANT, nullable=False),
        sa.Column("valid_to", _INSTANT, nullable=True),
        sa.CheckConstraint(_FORWARD, name=f"ck_{name}_forward"),
        *(one for one in columns if not isinstance(one, sa.Column)),
        sa.PrimaryKeyConstraint("id", name=f"pk_{name}"),
    )


def _points(name: str, column: str, at: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{at}.id"], name=f"fk_{name}_{column}")


def upgrade() -> None:
    _dated(
        "provider",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("is_sample", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("code", name="uq_provider_code"),
    )
    _dated(
        "provider_name",
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("name_vi", sa.String(length=200), nullable=False),
        sa.Column("name_en", sa.String(length=200), nullable=False),
        _points("provider_name", "provider_id", "provider"),
        _points("provider_name", "unit_id", "unit"),
    )
    _dated(
        "capability",
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("service", sa.String(length=40), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("hours", sa.String(length=400), nullable=False),
        sa.Column("duty", sa.Boolean(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.CheckConstraint("capacity >= 0", name="ck_capability_capacity"),
        sa.CheckConstraint("duty OR hours <> ''", name="ck_capability_sometime"),
        _points("capability", "provider_id", "provider"),
        _points("capability", "unit_id", "unit"),
    )
    _dated(
        "contact",
        sa.Column("provider_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("address", sa.String(length=400), nullable=True),
        sa.CheckConstraint("(kind = 'account') = (address IS NULL)", name="ck_contact_address"),
        _points("contact", "provider_id", "provider"),
    )
    _dated(
        "residential_area",
        sa.Column("code", sa.String(length=40), nullable=False),
        sa.Column("is_sample", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("code", name="uq_residential_area_code"),
    )
    _dated(
        "area_place",
        sa.Column("area_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        _points("area_place", "area_id", "residential_area"),
        _points("area_place", "unit_id", "unit"),
    )
    _dated(
        "collaborator",
        sa.Column("area_id", sa.Uuid(), nullable=False),
        sa.Column("full_name", sa.String(length=200), nullable=False),
        sa.Column("phone", sa.String(length=20), nullable=True),
        sa.Column("is_sample", sa.Boolean(), nullable=False),
        _points("collaborator", "area_id", "residential_area"),
    )
    op.create_table(
        "unit_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("act_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("predecessor_id", sa.Uuid(), nullable=False),
        sa.Column("successor_id", sa.Uuid(), nullable=False),
        sa.Column("heir", sa.Boolean(), nullable=False),
        sa.Column("name_vi", sa.String(), nullable=False),
        sa.Column("name_en", sa.String(), nullable=False),
        sa.Column("decision", sa.String(length=200), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=False),
        sa.Column("at", _INSTANT, nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=False),
        _points("unit_change", "predecessor_id", "unit"),
        _points("unit_change", "successor_id", "unit"),
        _points("unit_change", "made_by", "person"),
        sa.PrimaryKeyConstraint("id", name="pk_unit_change"),
    )
    op.create_table(
        "case_area",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("area_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("recorded_at", _INSTANT, nullable=False),
        sa.Column("recorded_by", sa.Uuid(), nullable=False),
        _points("case_area", "case_id", "case_file"),
        _points("case_area", "area_id", "residential_area"),
        _points("case_area", "recorded_by", "person"),
        sa.PrimaryKeyConstraint("id", name="pk_case_area"),
    )
    for name, columns in {
        "case_area": ("case_id",),
        "provider_name": ("provider_id", "unit_id"), "capability": ("provider_id",), "contact": ("provider_id",),
        "area_place": ("area_id", "unit_id"), "collaborator": ("area_id",), "unit_change": ("act_id",),
    }.items():  # fmt: skip
        for column in columns:
            op.create_index(f"ix_{name}_{column}", name, [column])
    op.create_index("ix_capability_unit_service", "capability", ["unit_id", "service"])
    for column in ("predecessor", "successor"):
        op.create_index(f"ix_unit_change_{column}", "unit_change", [f"{column}_id", "at"])
    for name, columns in {
        "provider_name": ["provider_id"], "capability": ["provider_id", "service", "unit_id"],
        "contact": ["provider_id", "kind"], "area_place": ["area_id"],
    }.items():  # fmt: skip
        op.create_index(f"uq_{name}_in_force", name, columns, unique=True, postgresql_where=_IN_FORCE)

    tables = ", ".join(_DATED)
    op.execute(f"GRANT SELECT, INSERT, UPDATE (valid_to) ON {tables} TO annhi_api")
    op.execute("GRANT SELECT, INSERT ON unit_change, case_area TO annhi_api")
    op.execute(f"GRANT SELECT ON {tables}, unit_change, case_area TO annhi_worker")
    op.execute(_ONLY_ENDS)
    for name in _DATED:
        op.execute(f"CREATE TRIGGER only_ends BEFORE UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION only_ends()")
        op.execute(f"CREATE TRIGGER never_deleted BEFORE DELETE ON {name} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    for name in ("unit_change", "case_area"):
        op.execute(
            f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {name} FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
    op.execute(_HEIR_OF)
    op.execute(_TO_THE_HEIR)
    op.execute(
        "CREATE TRIGGER to_the_heir BEFORE INSERT OR UPDATE OF unit_id, incident_unit_id, residence_unit_id ON case_file "
        "FOR EACH ROW EXECUTE FUNCTION case_goes_to_the_heir()"
    )
    op.execute(_FOLLOWS)
    op.execute(_CASES_FOLLOW)
    op.execute(
        "REVOKE ALL ON FUNCTION heir_of(uuid), case_goes_to_the_heir(), follows(uuid, uuid, uuid), "
        "cases_follow(uuid, jsonb) FROM PUBLIC"
    )
    op.execute("GRANT EXECUTE ON FUNCTION cases_follow(uuid, jsonb) TO annhi_api")


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

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
_FORWARD = "valid_to IS NULL OR valid_to > valid_from"
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
    for name, columns in {
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
    op.execute("GRANT SELECT, INSERT ON unit_change TO annhi_api")
    op.execute(f"GRANT SELECT ON {tables}, unit_change TO annhi_worker")
    op.execute(_ONLY_ENDS)
    for name in _DATED:
        op.execute(f"CREATE TRIGGER only_ends BEFORE UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION only_ends()")
        op.execute(f"CREATE TRIGGER never_deleted BEFORE DELETE ON {name} FOR EACH ROW EXECUTE FUNCTION refuse_change()")
    op.execute(
        "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON unit_change FOR EACH ROW EXECUTE FUNCTION refuse_change()"
    )


def downgrade() -> None:
    raise NotImplementedError("forward only: restore a backup instead")

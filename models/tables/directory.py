"""The directory of services: time-bounded data. A row is ended and never changed or deleted; a change is a new row.

What a referral or a case points at (``provider``, ``residential_area``) keeps its id for ever; what may change about it
stands in rows of its own beside it.
"""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field, SQLModel

from models.tables.columns import instant, instant_or_none, key

_FORWARD = "valid_to IS NULL OR valid_to >= valid_from"
"""A row that ends where it begins was planned and called off."""
_IN_FORCE = text("valid_to IS NULL")


class Provider(SQLModel, table=True):
    """Who gives services: its code and kind, which it keeps. ``kind``: vocabulary ``provider_kinds``."""

    __tablename__ = "provider"
    __table_args__ = (CheckConstraint(_FORWARD, name="forward"),)

    id: UUID = key()
    code: str = Field(unique=True, max_length=40)
    kind: str = Field(max_length=30)
    is_sample: bool = False
    valid_from: datetime = instant()
    valid_to: datetime | None = instant_or_none()


class ProviderName(SQLModel, table=True):
    """What a provider is called for a time, and the office whose people act for it: one row in force."""

    __tablename__ = "provider_name"
    __table_args__ = (
        CheckConstraint(_FORWARD, name="forward"),
        Index("uq_provider_name_in_force", "provider_id", unique=True, postgresql_where=_IN_FORCE),
    )

    id: UUID = key()
    provider_id: UUID = Field(foreign_key="provider.id", index=True)
    unit_id: UUID = Field(foreign_key="unit.id", index=True)
    name_vi: str = Field(max_length=200)
    name_en: str = Field(max_length=200)
    valid_from: datetime = instant()
    valid_to: datetime | None = instant_or_none()


class Capability(SQLModel, table=True):
    """A service of a provider for a territory (``unit_id`` and all below it): when, and for how many at once.

    ``hours`` as ``models.directory.Hours`` writes them; ``duty``: somebody is there day and night. ``capacity``: None
    where nobody set a number.
    """

    __tablename__ = "capability"
    __table_args__ = (
        CheckConstraint(_FORWARD, name="forward"),
        CheckConstraint("capacity >= 0", name="capacity"),
        CheckConstraint("duty OR hours <> ''", name="sometime"),
        Index("ix_capability_unit_service", "unit_id", "service"),
        Index("uq_capability_in_force", "provider_id", "service", "unit_id", unique=True, postgresql_where=_IN_FORCE),
    )

    id: UUID = key()
    provider_id: UUID = Field(foreign_key="provider.id", index=True)
    service: str = Field(max_length=40)
    unit_id: UUID = Field(foreign_key="unit.id")
    hours: str = Field(max_length=400)
    duty: bool = False
    capacity: int | None = None
    valid_from: datetime = instant()
    valid_to: datetime | None = instant_or_none()


class Contact(SQLModel, table=True):
    """A way to reach a provider. ``address``: e-mail or postal address, or the webhook's URL; none for accounts."""

    __tablename__ = "contact"
    __table_args__ = (
        CheckConstraint(_FORWARD, name="forward"),
        CheckConstraint("(kind = 'account') = (address IS NULL)", name="address"),
        Index("uq_contact_in_force", "provider_id", "kind", unique=True, postgresql_where=_IN_FORCE),
    )

    id: UUID = key()
    provider_id: UUID = Field(foreign_key="provider.id", index=True)
    kind: str = Field(max_length=20)
    address: str | None = Field(default=None, max_length=400)
    valid_from: datetime = instant()
    valid_to: datetime | None = instant_or_none()


class ResidentialArea(SQLModel, table=True):
    """A village, hamlet or residential group: its code, which it keeps whatever commune it comes to lie in."""

    __tablename__ = "residential_area"
    __table_args__ = (CheckConstraint(_FORWARD, name="forward"),)

    id: UUID = key()
    code: str = Field(unique=True, max_length=40)
    is_sample: bool = False
    valid_from: datetime = instant()
    valid_to: datetime | None = instant_or_none()


class AreaPlace(SQLModel, table=True):
    """What a residential area is called for a time, and the commune it lies in: one row in force."""

    __tablename__ = "area_place"
    __table_args__ = (
        CheckConstraint(_FORWARD, name="forward"),
        Index("uq_area_place_in_force", "area_id", unique=True, postgresql_where=_IN_FORCE),
    )

    id: UUID = key()
    area_id: UUID = Field(foreign_key="residential_area.id", index=True)
    unit_id: UUID = Field(foreign_key="unit.id", index=True)
    name: str = Field(max_length=200)
    valid_from: datetime = instant()
    valid_to: datetime | None = instant_or_none()


class Collaborator(SQLModel, table=True):
    """Who looks after the children of a residential area for a time (cộng tác viên). They need no account."""

    __tablename__ = "collaborator"
    __table_args__ = (CheckConstraint(_FORWARD, name="forward"),)

    id: UUID = key()
    area_id: UUID = Field(foreign_key="residential_area.id", index=True)
    full_name: str = Field(max_length=200)
    phone: str | None = Field(default=None, max_length=20)
    is_sample: bool = False
    valid_from: datetime = instant()
    valid_to: datetime | None = instant_or_none()


class UnitChange(SQLModel, table=True):
    """What became of a unit: merged into another, split into several, or renamed. Never changed.

    One act has one row for each pair of units. ``heir``: what nobody assigned goes there: the one successor of a merge,
    of a split the one that was named. ``name_vi``, ``name_en``: what the predecessor was called until then.
    ``decided_on`` and ``decision``: day and number of the decision the act carries out.
    """

    __tablename__ = "unit_change"
    __table_args__ = (
        Index("ix_unit_change_predecessor", "predecessor_id", "at"),
        Index("ix_unit_change_successor", "successor_id", "at"),
    )

    id: UUID = key()
    act_id: UUID = Field(index=True)
    kind: str = Field(max_length=10)
    predecessor_id: UUID = Field(foreign_key="unit.id")
    successor_id: UUID = Field(foreign_key="unit.id")
    heir: bool = True
    name_vi: str
    name_en: str
    decision: str = Field(max_length=200)
    decided_on: date
    at: datetime = instant()
    made_by: UUID = Field(foreign_key="person.id")


class CaseArea(SQLModel, table=True):
    """The residential area in which it happened, or in which the child lives, as an officer recorded it.

    The last of each kind holds. Where a commune is split, its cases go by it. ``kind``: ``incident`` or ``residence``.
    """

    __tablename__ = "case_area"

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    area_id: UUID = Field(foreign_key="residential_area.id")
    kind: str = Field(max_length=10)
    recorded_at: datetime = instant()
    recorded_by: UUID = Field(foreign_key="person.id")

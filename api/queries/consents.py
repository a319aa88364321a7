"""Consent and what is withheld, of a case already found in scope."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import and_, exists, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries.rows import Found
from models.lifecycle.referral import LIVE
from models.records.vault import key_of, open_text, seal_text, unseal
from models.tables import CaseEvent, Consent, Document, Person, Referral, Withholding, new_id, table
from models.vault import DataKey

_CONSENT, _WITHHOLDING, _PERSON = table(Consent), table(Withholding), table(Person)
_DOCUMENT, _EVENT, _REFERRAL = table(Document), table(CaseEvent), table(Referral)
_FORMS = ("M07", "isolation_extension", "ban_decision", "minutes")
_WORDS = {
    "giver_name": "giver_sealed",
    "best_interest_note": "best_interest_sealed",
    "child_view": "child_view_sealed",
    "withdrawal_note": "withdrawal_sealed",
}
_DECIDED_BY = ("approve_plan", "approve_closure")
"""Events whose decision is part of the act, and is served on child and carers."""


async def of_case(connection: AsyncConnection, case_id: UUID, *, consent: UUID | None = None) -> Sequence[Found]:
    """The entries of a case with the names of the officers in them; of one where it is named."""
    decider, taker = _PERSON.alias("decider"), _PERSON.alias("taker")
    statement = (
        select(
            _CONSENT,
            _PERSON.c.full_name.label("recorder_name"),
            decider.c.full_name.label("decider_name"),
            taker.c.full_name.label("taker_name"),
        )
        .join(_PERSON, _PERSON.c.id == _CONSENT.c.recorded_by)
        .outerjoin(decider, decider.c.id == _CONSENT.c.decided_by)
        .outerjoin(taker, taker.c.id == _CONSENT.c.withdrawn_by)
        .where(_CONSENT.c.case_id == case_id)
        .order_by(_CONSENT.c.said_at, _CONSENT.c.id)
    )
    if consent is not None:
        statement = statement.where(_CONSENT.c.id == consent)
    return (await connection.execute(statement)).all()


async def is_known(connection: AsyncConnection, person_id: UUID) -> bool:
    """Whether somebody works with the system."""
    return (await connection.execute(select(_PERSON.c.id).where(_PERSON.c.id == person_id))).first() is not None


async def live_referrals(connection: AsyncConnection, case_id: UUID) -> Sequence[UUID]:
    """The referrals of a case that live."""
    statement = select(_REFERRAL.c.id).where(_REFERRAL.c.case_id == case_id, _REFERRAL.c.state.in_(sorted(LIVE)))
    return (await connection.execute(statement)).scalars().all()


def words(key: DataKey | None, row: Found) -> dict[str, str | None]:
    """What was said in words, by the name it is shown by. None where nothing was, and once it is erased."""
    return {name: open_text(key, _CONSENT.c[column], row.id, getattr(row, column)) for name, column in _WORDS.items()}


def _sealed(key: DataKey, row_id: UUID, values: Mapping[str, Any]) -> dict[str, Any]:
    """The row's columns; what was said in words goes into its sealed column."""
    rest = {name: value for name, value in values.items() if name not in _WORDS}
    told = {_WORDS[name]: value for name, value in values.items() if name in _WORDS}
    return rest | {column: seal_text(key, _CONSENT.c[column], row_id, value) for column, value in told.items()}


async def add(connection: AsyncConnection, key: DataKey, **values: Any) -> UUID:
    """Put an entry on record; what was said in words is sealed with the case's key."""
    row_id = new_id()
    await connection.execute(insert(_CONSENT).values(id=row_id, **_sealed(key, row_id, values)))
    return row_id


async def withdraw(connection: AsyncConnection, consent: UUID, key: DataKey, **values: Any) -> bool:
    """Take an entry back; False where that was done before."""
    values = _sealed(key, consent, values)
    statement = update(_CONSENT).where(_CONSENT.c.id == consent, _CONSENT.c.withdrawn_at.is_(None)).values(**values)
    return bool((await connection.execute(statement)).rowcount)


async def withholdings(connection: AsyncConnection, case_id: UUID) -> Sequence[Found]:
    """What the team has found must be withheld, past and present."""
    statement = (
        select(_WITHHOLDING, _PERSON.c.full_name.label("recorder_name"))
        .join(_PERSON, _PERSON.c.id == _WITHHOLDING.c.recorded_by)
        .where(_WITHHOLDING.c.case_id == case_id)
        .order_by(_WITHHOLDING.c.recorded_at, _WITHHOLDING.c.id)
    )
    return (await connection.execute(statement)).all()


async def withhold(connection: AsyncConnection, **values: Any) -> UUID:
    """Put a withholding on record."""
    row_id = new_id()
    await connection.execute(insert(_WITHHOLDING).values(id=row_id, **values))
    return row_id


async def end_withholding(connection: AsyncConnection, case_id: UUID, withholding: UUID, at: datetime) -> bool:
    """End one that is in force; False where there is none."""
    of = _WITHHOLDING.c
    statement = update(_WITHHOLDING).where(of.id == withholding, of.case_id == case_id, of.until.is_(None))
    return bool((await connection.execute(statement.values(until=at))).rowcount)


async def tellable(connection: AsyncConnection, case_id: UUID) -> list[tuple[str, dict[str, Any]]]:
    """Kind and content of what a view is made of, the earlier first: the plan last approved, decisions, minutes.

    Raises:
        ErasedError: the case's key was destroyed.
    """
    approved = exists().where(
        _EVENT.c.case_id == case_id, _EVENT.c.event == "approve_plan", _EVENT.c.sequence > _DOCUMENT.c.sequence
    )
    plan = (
        select(_DOCUMENT.c.id)
        .where(_DOCUMENT.c.case_id == case_id, _DOCUMENT.c.kind == "M04", _DOCUMENT.c.frozen_at.is_not(None), approved)
        .order_by(_DOCUMENT.c.version.desc())
        .limit(1)
    )
    deciding = and_(_DOCUMENT.c.kind == "act", _EVENT.c.event.in_(_DECIDED_BY))
    told = or_(_DOCUMENT.c.kind.in_(_FORMS), _DOCUMENT.c.id.in_(plan), deciding)
    statement = (
        select(
            _DOCUMENT.c.id,
            _DOCUMENT.c.kind,
            _DOCUMENT.c.sealed,
            _DOCUMENT.c.content_hash,
            deciding.label("deciding"),
            _EVENT.c.event,
        )
        .outerjoin(_EVENT, and_(_EVENT.c.case_id == case_id, _EVENT.c.command_id == _DOCUMENT.c.command_id))
        .where(_DOCUMENT.c.case_id == case_id, _DOCUMENT.c.frozen_at.is_not(None), told)
        .order_by(_DOCUMENT.c.sequence, _DOCUMENT.c.id)
    )
    rows = (await connection.execute(statement)).all()
    key = await key_of(connection, case_id) if rows else None
    told_of = []
    for row in rows:
        assert key is not None
        content = unseal(key, _DOCUMENT, row.id, row.sealed, row.content_hash)
        if not row.deciding:
            told_of.append((row.kind, content))
        elif "decision" in content:
            told_of.append((row.event, content["decision"]))
    return told_of

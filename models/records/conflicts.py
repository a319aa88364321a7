"""Who may be in conflict with a case: found when a document names somebody, kept out at once, decided by an officer.

A possible match is a row of ``conflict`` and, until it is decided, a provisional row of ``recusal``: so whatever asks
who must keep out (``models.records.people``, the ladders) knows of it without asking twice.
Source: process.md §6.5; the choices behind it: docs/decisions/0009-conflict.md.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import ARRAY, DateTime, Uuid, any_, bindparam, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as insert_once
from sqlalchemy.ext.asyncio import AsyncConnection

from models.access.matching import Alleged, Known, match, plain_name, school_is_setting
from models.calendar import local_date
from models.forms import canonical
from models.records.actor import Acting
from models.records.audit import audit
from models.records.cases import CaseRow, offices_of
from models.records.content import frozen
from models.records.dated import in_force, not_over
from models.records.escalations import RANK
from models.records.vault import key_in, key_of, seal, unseal
from models.tables import AllegedPerson, CaseFile, Conflict, Delegate, Position, Recusal, Unit, new_id, table
from models.vault import DataKey
from models.vocabulary.fold import fold

_CASE, _ALLEGED, _CONFLICT, _RECUSAL = table(CaseFile), table(AllegedPerson), table(Conflict), table(Recusal)
_DELEGATE, _POSITION, _UNIT = table(Delegate), table(Position), table(Unit)

POSSIBLE: Final = "POSSIBLE"
"""``recusal.reason`` while a possible match waits for its decision."""
DECLARED: Final = "DECLARED"
"""The reason of a conflict somebody has declared themselves."""
ABOVE: Final = frozenset({"DOH", "DOHD"})
"""Who decides where nobody at the unit is outside the conflict (process.md §6.5: the province)."""
_SELF: Final = "BAN_THAN"
_MOST_NAME: Final = 200


@dataclass(frozen=True)
class Description:
    """An alleged person as a document describes them; ``unit_code`` is the commune they live or work in, if stated."""

    alleged: Alleged
    unit_code: str | None = None
    unit_id: UUID | None = None

    @property
    def content(self) -> dict[str, Any]:
        """What is kept of it, sealed."""
        one = self.alleged
        return {
            "name": one.name,
            "birth_year": one.birth_year,
            "age_band": one.age_band,
            "relation": one.relation,
            "workplace": one.workplace,
            "unit": str(self.unit_id) if self.unit_id else None,
        }

    def id_in(self, case_id: UUID, key: DataKey) -> UUID:
        """The id of the row there is for this description in a case. Keyed: no name can be tried."""
        return uuid5(case_id, f"alleged/{key.hash(canonical(self.content).encode())}")


@dataclass(frozen=True)
class Named:
    """Who is alleged, as it is remembered with a case: the row's id, and what is sealed in it."""

    id: UUID
    sealed: bytes


@dataclass(frozen=True)
class Suspected:
    """A person who may be in conflict with a case, why, and through which relative of theirs."""

    person_id: UUID
    alleged_id: UUID | None
    relative_id: UUID | None
    score: int
    reasons: tuple[str, ...]


# --- what documents say ---------------------------------------------------------------------------------------------


def described(kind: str, content: Mapping[str, Any]) -> list[Description]:
    """The alleged persons a document names; one without a name can be nobody in particular and is left out.

    Mẫu 01 and Mẫu 02 describe them; Mẫu 07 and the contact ban name whom the child is kept from.
    """
    sheets: list[Mapping[str, Any]] = []
    if kind == "M01":
        sheets = [one for child in content.get("children", ()) for one in child.get("alleged", ())]
    elif kind == "M02":
        sheets = list(content.get("alleged") or ())
    elif kind == "M07":
        sheets = [{"name": name} for name in content.get("isolated_from", ())]
    elif kind in ("ban_request", "ban_decision"):
        sheets = [{"name": content.get("against")}]
    return [_description(one) for one in sheets if one.get("name") and plain_name(one["name"])]


def _description(sheet: Mapping[str, Any]) -> Description:
    workplace = sheet.get("workplace")
    return Description(
        Alleged(
            name=plain_name(sheet["name"])[:_MOST_NAME],
            birth_year=sheet.get("birth_year"),
            age_band=sheet.get("age_band"),
            relation=sheet.get("relation"),
            workplace=fold(workplace)[:_MOST_NAME] if workplace else None,
        ),
        unit_code=sheet.get("commune"),
    )


# --- who that may be ------------------------------------------------------------------------------------------------

_PEOPLE = text("SELECT * FROM people_near(:case_id, :units, :besides, :at)").bindparams(
    bindparam("case_id", type_=Uuid),
    bindparam("units", type_=ARRAY(Uuid)),
    bindparam("besides", type_=ARRAY(Uuid)),
    bindparam("at", type_=DateTime(timezone=True)),
)
_CASES = (
    select(*(_CASE.c[name] for name in CaseRow.__dataclass_fields__))
    .where(_CASE.c.id == any_(bindparam("case_ids", type_=ARRAY(Uuid))))
    .order_by(_CASE.c.id)
)
_ALONE = text("SELECT pg_advisory_xact_lock(hashtextextended(:of, 0))")
_ALLEGED_IN = text("SELECT * FROM alleged_in(:case_id)").bindparams(bindparam("case_id", type_=Uuid))
_AT_ONCE: Final = 200
"""How many rows are opened before others get their turn."""


async def look(
    connection: AsyncConnection,
    case: CaseRow,
    said: Sequence[Description],
    at: datetime,
    *,
    key: DataKey | None = None,
    only: Collection[UUID] | None = None,
    besides: Collection[UUID] = (),
) -> tuple[list[Named], list[Suspected]]:
    """Whom a case must newly be kept from because of what its documents say. Nothing is written.

    Args:
        connection: a transaction.
        case: the case, where it stands after the act.
        said: who is alleged.
        at: domain instant.
        key: the case's data key, where the caller has it.
        only: look at these people alone.
        besides: look at these people as well, wherever they serve.

    Returns:
        What is to be remembered of who is alleged, and who is suspected; somebody recused already, or cleared in spite
        of the same reasons, is not suspected again.

    Raises:
        ErasedError: the case's key was destroyed.
        KeysAwayError: it cannot be had now.
    """
    if not said:
        return [], []
    key = key or await key_of(connection, case.id)
    located = await _located(connection, said)
    places = sorted(offices_of(case), key=str)
    near = {"case_id": case.id, "units": places, "besides": sorted(besides), "at": at}
    people = (await connection.execute(_PEOPLE, near)).all()
    known = [pair for row in people if only is None or row.person_id in only for pair in _known(row)]
    out, cleared = await _settled(connection, case.id, at)
    year = local_date(at).year
    best: dict[UUID, Suspected] = {}
    for one in located:
        homes = [one.unit_id] if one.unit_id else offices_of(case)
        alleged = replace(one.alleged, units=frozenset(map(str, homes)))
        for person_id, relative_id, other in known:
            fits = match(alleged, other, year)
            if fits is None or person_id in out:
                continue
            if any(set(fits.reasons) <= reasons for reasons in cleared.get(person_id, ())):
                continue
            if person_id not in best or fits.score > best[person_id].score:
                best[person_id] = Suspected(person_id, one.id_in(case.id, key), relative_id, fits.score, fits.reasons)
    named = [_named(case.id, key, one) for one in located]
    return named, sorted(best.values(), key=lambda suspected: suspected.person_id)


def _named(case_id: UUID, key: DataKey, one: Description) -> Named:
    row_id = one.id_in(case_id, key)
    return Named(row_id, seal(key, _ALLEGED, row_id, one.content)[0])


def _known(row: Any) -> Iterable[tuple[UUID, UUID | None, Known]]:
    """Somebody near a case under every name they have, and each relative they have declared."""
    units, roles = frozenset(map(str, row.units)), frozenset(row.roles)
    own = Known(plain_name(row.full_name), None, roles, units, tuple(fold(name) for name in row.offices))
    born = next((year for _, _, relation, year in row.relatives or () if relation == _SELF and year), None)
    own = replace(own, birth_year=born)
    yield row.person_id, None, own
    for relative, name, relation, year in row.relatives or ():
        if relation == _SELF:
            yield row.person_id, UUID(relative), replace(own, name=plain_name(name))
        else:
            yield row.person_id, UUID(relative), Known(plain_name(name), year, units=units)


async def _located(connection: AsyncConnection, said: Sequence[Description]) -> list[Description]:
    named = {one.unit_code for one in said if one.unit_code}
    if not named:
        return list(said)
    found = await connection.execute(select(_UNIT.c.code, _UNIT.c.id).where(_UNIT.c.code.in_(sorted(named))))
    ids = {row.code: row.id for row in found}
    return [replace(one, unit_id=one.unit_id or ids.get(one.unit_code)) for one in said]


async def _settled(
    connection: AsyncConnection, case_id: UUID, at: datetime
) -> tuple[frozenset[UUID], dict[UUID, list[set[str]]]]:
    """Who is out of the case already, and of whom which reasons were found to mean nothing."""
    recused = await connection.execute(
        select(_RECUSAL.c.person_id).where(_RECUSAL.c.case_id == case_id, not_over(_RECUSAL, at))
    )
    out = frozenset(recused.scalars())
    cleared: dict[UUID, list[set[str]]] = {}
    rows = await connection.execute(
        select(_CONFLICT.c.person_id, _CONFLICT.c.reasons).where(
            _CONFLICT.c.case_id == case_id, _CONFLICT.c.state == "cleared"
        )
    )
    for row in rows:
        cleared.setdefault(row.person_id, []).append(set(row.reasons.split()))
    return out, cleared


# --- keeping them out -----------------------------------------------------------------------------------------------


async def keep_out(
    connection: AsyncConnection,
    case_id: UUID,
    said: Sequence[Named],
    suspected: Sequence[Suspected],
    at: datetime,
) -> None:
    """Keep the case from whoever is suspected, in the transaction of what named them; remember who was alleged.

    Written at once and not gathered: whom to tell of the same act is asked right afterwards. Whoever does so on this
    case at the same time, beside its own acts, waits: their entries are links of one chain.
    """
    if said:
        rows = [{"id": one.id, "case_id": case_id, "sealed": one.sealed, "named_at": at} for one in said]
        await connection.execute(insert_once(_ALLEGED).on_conflict_do_nothing(), rows)
    if suspected:
        await connection.execute(_ALONE, {"of": f"keep out/{case_id}"})
    for one in suspected:
        await connection.execute(
            insert(_CONFLICT).values(
                id=new_id(), case_id=case_id, person_id=one.person_id, alleged_id=one.alleged_id,
                relative_id=one.relative_id, score=one.score, reasons=" ".join(one.reasons), state="possible",
                found_at=at,
            )
        )  # fmt: skip
        await connection.execute(
            insert(_RECUSAL).values(id=new_id(), case_id=case_id, person_id=one.person_id, reason=POSSIBLE, since=at)
        )
        await audit(
            connection, at=at, actor=None, action="find_conflict", record="conflict", record_id=one.person_id,
            case_id=case_id, outcome="done", detail={"score": one.score, "reasons": list(one.reasons)}, chained=True,
        )  # fmt: skip


async def alleged_of(connection: AsyncConnection, case_id: UUID) -> list[Description]:
    """Everybody a case's documents have alleged so far; nobody, once it is erased."""
    return [one for _, one, _ in await _alleged(connection, case_id)]


async def _alleged(
    connection: AsyncConnection, case_id: UUID | None, sharing: frozenset[str] | None = None
) -> list[tuple[UUID, Description, DataKey]]:
    """Who is alleged in a case, or in every case there is, with the case and its key.

    ``sharing``: only those of whose name one of these words is a part.
    """
    found, key, of = [], None, None
    for count, row in enumerate(await connection.execute(_ALLEGED_IN, {"case_id": case_id})):
        if count % _AT_ONCE == _AT_ONCE - 1:
            await asyncio.sleep(0)
        if key is None or row.case_id != of:
            key, of = await key_in(connection, row.case_id, row), row.case_id
        content = unseal(key, _ALLEGED, row.id, row.sealed)
        if sharing is None or not sharing.isdisjoint(content["name"].split()):
            found.append((of, _stored(content), key))
    return found


def _stored(content: Mapping[str, Any]) -> Description:
    alleged = Alleged(*(content[name] for name in ("name", "birth_year", "age_band", "relation", "workplace")))
    return Description(alleged, unit_id=UUID(content["unit"]) if content["unit"] else None)


async def screen(
    connection: AsyncConnection, person_id: UUID, at: datetime, *, in_office: datetime | None = None
) -> tuple[CaseRow, ...]:
    """Keep somebody from every case whose alleged person they, or a relative they have declared, may be.

    For what happens beside the cases: somebody declares a relative, or takes office. Every alleged person there is is
    opened for it and compared: there is nothing stored a name could be looked up by.

    Args:
        connection: the transaction of what happened.
        person_id: who.
        at: domain instant.
        in_office: when an office of theirs begins, where that is later.

    Returns:
        The cases they are newly kept from. Their workflows are to be woken: the clock of the decision starts then.

    Raises:
        KeysAwayError: names cannot be opened now. Nothing may then be declared, and nobody take office: it would keep
            nobody out.
    """
    then = max(at, in_office or at)
    own = (await connection.execute(_PEOPLE, {"case_id": None, "units": [], "besides": [person_id], "at": then})).all()
    names = {known.name for row in own if row.person_id == person_id for _, _, known in _known(row) if known.name}
    named: dict[UUID, list[Description]] = {}
    keys: dict[UUID, DataKey] = {}
    for case_id, one, key in await _alleged(connection, None, frozenset(name.split()[-1] for name in names)):
        named.setdefault(case_id, []).append(one)
        keys[case_id] = key
    kept = []
    for row in await connection.execute(_CASES, {"case_ids": sorted(named)}) if named else ():
        case = CaseRow(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
        _, suspected = await look(connection, case, named[case.id], then, key=keys[case.id], only=[person_id])
        if suspected:
            await keep_out(connection, case.id, (), suspected, at)
            kept.append(case)
    return tuple(kept)


async def compare(connection: AsyncConnection, case_id: UUID, person_id: UUID, at: datetime) -> CaseRow | None:
    """Compare somebody who is about to come to a case from elsewhere: who breaks the glass, whom the province names.

    Returns:
        The case, where they may be in conflict with it and are kept out from now on; else None.
    """
    row = (await connection.execute(_CASES, {"case_ids": [case_id]})).one()
    case = CaseRow(**row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    alleged = await _alleged(connection, case_id)
    said, key = [one for _, one, _ in alleged], alleged[0][2] if alleged else None
    _, suspected = await look(connection, case, said, at, key=key, only=[person_id], besides=[person_id])
    await keep_out(connection, case_id, (), suspected, at)
    return case if suspected else None


async def declare_related(connection: AsyncConnection, case_id: UUID, person_id: UUID, at: datetime) -> None:
    """Keep a case from somebody who has said that they are related to it, until an officer has recorded the recusal."""
    out, _ = await _settled(connection, case_id, at)
    if person_id not in out:
        await keep_out(connection, case_id, (), [Suspected(person_id, None, None, 100, (DECLARED,))], at)


async def undecided(connection: AsyncConnection, case_id: UUID) -> tuple[UUID, ...]:
    """Whom a case is kept from without a decision yet."""
    rows = await connection.execute(
        select(_CONFLICT.c.person_id)
        .distinct()
        .where(_CONFLICT.c.case_id == case_id, _CONFLICT.c.state == "possible")
        .order_by(_CONFLICT.c.person_id)
    )
    return tuple(rows.scalars())


# --- deciding -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Judgement:
    """Whether a possible match of somebody is on record, and whether who decides stands outside the conflict."""

    open: bool = True
    outside: bool = True


async def judgement(
    connection: AsyncConnection, case: CaseRow, person_id: UUID | None, actor: Acting | None, at: datetime
) -> Judgement:
    """What clearing somebody rests on.

    Nobody judges who stands above them: a match of the Chair is the province's to decide, not her head of office's.
    """
    if person_id is None or actor is None:
        return Judgement(open=False, outside=False)
    found = await undecided(connection, case.id)
    ranks = await ranks_of(connection, [person_id], at)
    return Judgement(person_id in found, may_judge(actor.role, ranks.get(person_id, 0)))


def may_judge(role: str, rank: int) -> bool:
    """Whether somebody in a role may decide on the conflict of a person of a rank (``escalations.RANK``)."""
    return role in ABOVE or RANK.get(role, -1) >= rank


async def ranks_of(connection: AsyncConnection, persons: Collection[UUID], at: datetime) -> dict[UUID, int]:
    """How high the highest role of each person stands; somebody without one stands lowest."""
    rows = await connection.execute(
        select(_POSITION.c.person_id, _POSITION.c.role).where(
            _POSITION.c.person_id.in_(sorted(persons)),
            in_force(_POSITION, at),
        )
    )
    ranks: dict[UUID, int] = {}
    for row in rows:
        ranks[row.person_id] = max(ranks.get(row.person_id, 0), RANK.get(row.role, 0))
    return ranks


async def decide(
    connection: AsyncConnection,
    case_id: UUID,
    person_id: UUID,
    *,
    confirmed: bool,
    actor: Acting | None,
    command_id: UUID,
    at: datetime,
) -> None:
    """Put the decision on what is possible on record. The provisional recusal ends with it, at the same instant.

    Args:
        connection: the transaction of the act; for a confirmation it has written the recusal itself.
        case_id: the case.
        person_id: about whom.
        confirmed: recused, else cleared.
        actor: who decided.
        command_id: the act.
        at: domain instant of recording.
    """
    decided = await connection.execute(
        update(_CONFLICT)
        .where(_CONFLICT.c.case_id == case_id, _CONFLICT.c.person_id == person_id, _CONFLICT.c.state == "possible")
        .values(
            state="confirmed" if confirmed else "cleared",
            decided_at=at,
            decided_by=actor.person_id if actor else None,
            command_id=command_id,
        )
    )
    if not decided.rowcount:
        return
    await connection.execute(
        update(_RECUSAL)
        .where(
            _RECUSAL.c.case_id == case_id, _RECUSAL.c.person_id == person_id, _RECUSAL.c.reason == POSSIBLE,
            _RECUSAL.c.until.is_(None),
        )
        .values(until=at)
    )  # fmt: skip
    if not confirmed and not (await connection.execute(_still_out(case_id, at))).first():
        # A decider named while the match was open has nobody left to stand in for.
        await connection.execute(
            update(_DELEGATE).where(_DELEGATE.c.case_id == case_id, _DELEGATE.c.until.is_(None)).values(until=at)
        )


def _still_out(case_id: UUID, at: datetime) -> Any:
    return select(_RECUSAL.c.id).where(_RECUSAL.c.case_id == case_id, not_over(_RECUSAL, at)).limit(1)


# --- the school -----------------------------------------------------------------------------------------------------


async def school_is_where(connection: AsyncConnection, case_id: UUID) -> bool:
    """Whether a case's documents say that the school is the setting of the harm.

    ``school_support`` is then not proposed by itself: process.md §6.5.
    """
    environments: set[str] = set()
    relations: set[str] = set()
    for kind, content in await frozen(connection, case_id, ("M01", "M02")):
        sheets = list(content.get("children", ())) if kind == "M01" else [content]
        environments |= {sheet["environment"] for sheet in sheets if sheet.get("environment")}
        relations |= {one["relation"] for sheet in sheets for one in sheet.get("alleged") or () if one.get("relation")}
    return school_is_setting(frozenset(environments), frozenset(relations))

"""What the record says of consent: entries, who may not be asked, and whether something is allowed at an instant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models.access.consent import Allowed, Said, age_of, allows, barred_givers
from models.calendar import local_date
from models.database import work_on
from models.records.acts import Act
from models.records.audit import audit
from models.records.content import frozen
from models.records.vault import key_of, seal_text
from models.tables import CaseFile, CaseReport, Child, Consent, Report, table
from models.writing import binary, put

_CONSENT, _CASE, _CHILD = table(Consent), table(CaseFile), table(Child)
_LINK, _REPORT = table(CaseReport), table(Report)


@dataclass(frozen=True)
class Standing:
    """What consent is judged by beside the entries: the child's age, and who is alleged.

    Attributes:
        age: full years, None while unknown.
        alleged: the sheets of alleged persons in the case's documents.
        barred: givers from whom consent is not sought.
    """

    age: int | None
    alleged: tuple[Mapping[str, Any], ...]
    barred: frozenset[str]


async def standing(connection: AsyncConnection, case_id: UUID, at: datetime) -> Standing:
    """What the case's documents say of the child's age and of who is alleged, at a domain instant."""
    child = (
        await connection.execute(
            select(_CHILD.c.birth_date, _CHILD.c.estimated_age)
            .join(_CASE, _CASE.c.child_id == _CHILD.c.id)
            .where(_CASE.c.id == case_id)
        )
    ).one()
    alleged: list[Mapping[str, Any]] = []
    triggers: list[str | None] = []
    for kind, content in await frozen(connection, case_id, ("M01", "M02", "act")):
        sheets = list(content.get("children", ())) if kind == "M01" else [content]
        alleged += [one for sheet in sheets for one in sheet.get("alleged") or ()]
        triggers.append(content.get("trigger"))
    reported = await connection.execute(
        select(_REPORT.c.trigger)
        .join(_LINK, _LINK.c.report_id == _REPORT.c.id)
        .where(_LINK.c.case_id == case_id, _LINK.c.until.is_(None))
    )
    triggers += reported.scalars()
    age = age_of(child.birth_date, child.estimated_age, local_date(at))
    return Standing(age, tuple(alleged), barred_givers(alleged, triggers))


async def said_of(connection: AsyncConnection, *case_ids: UUID) -> list[Said]:
    """Every entry of a case, or of some cases of one child, in the order of what they tell of."""
    rows = await connection.execute(
        select(_CONSENT).where(_CONSENT.c.case_id.in_(case_ids)).order_by(_CONSENT.c.said_at, _CONSENT.c.id)
    )
    return [said(row) for row in rows]


def said(row: Any) -> Said:
    """A row as it is judged."""
    return Said(
        id=str(row.id),
        scope=row.scope,
        services=frozenset(row.services),
        answer=row.answer,
        giver=row.giver,
        said_at=row.said_at,
        expires_at=row.expires_at,
        withdrawn_at=row.withdrawn_at,
    )


async def put_ground(
    connection: AsyncConnection,
    case_id: UUID,
    need: str,
    act: Act,
    *,
    ground: str,
    note: str,
) -> None:
    """Put on record what a service rests on without consent: passing on what it needs, and the service itself.

    Args:
        connection: the worker's transaction, which holds the case's lock.
        case_id: the case.
        need: code of the service, as consent is written in.
        act: the act in which it was decided; whoever did it decided.
        ground: code of ``consent_grounds``.
        note: why it serves the child.

    Raises:
        KeysAwayError: it cannot be sealed now.
    """
    decided, recorder = act.actor, act.recorder or act.actor
    if decided is None or recorder is None:
        return
    key = await key_of(connection, case_id)
    for scope in ("SHARING", "SERVICE"):
        row_id = uuid5(act.command_id, scope)
        sealed = seal_text(key, _CONSENT.c.best_interest_sealed, row_id, note)
        assert sealed is not None
        await put(
            connection,
            _CONSENT,
            id=row_id,
            case_id=case_id,
            scope=scope,
            services=[need],
            answer="ground",
            ground=ground,
            best_interest_sealed=binary(sealed),
            said_at=act.occurred_at,
            recorded_at=act.recorded_at,
            recorded_by=recorder.person_id,
            position_id=recorder.position_id,
            decided_by=decided.person_id,
        )
        await audit(
            connection,
            at=act.recorded_at,
            actor=recorder,
            action="record_consent",
            record="consent",
            record_id=row_id,
            case_id=case_id,
            command_id=act.command_id,
            outcome="done",
            detail={"scope": scope, "answer": "ground", "giver": None, "ground": ground},
            origin=act.origin,
            chained=True,
        )


async def allowed(
    connection: AsyncConnection,
    case_id: UUID,
    scope: str,
    service: str | None,
    at: datetime,
    *,
    also: Sequence[UUID] = (),
) -> Allowed:
    """Whether the record of a case allows something: what a referral, an export or a publication asks first.

    Args:
        connection: a transaction.
        case_id: the case.
        scope: code of ``consent_scopes``.
        service: code of the service, None where the scope knows none.
        at: domain instant.
        also: further cases of the child whose entries count, and who is alleged in them: those attached to it.
    """
    return (await known(connection, case_id, at, also=also)).allows(scope, service, at)


@dataclass(frozen=True)
class Known:
    """What the record of a case says of consent: one reading answers for any scope and service.

    Attributes:
        age: of the child in years, as far as it is known.
        barred: who may not consent, as they are alleged.
        entries: what was said, of the further cases too.
    """

    age: int | None
    barred: frozenset[str]
    entries: tuple[Said, ...]

    def allows(self, scope: str, service: str | None, at: datetime) -> Allowed:
        """Whether it allows something; as ``allowed``."""
        return allows(self.entries, scope, service, at, age=self.age, barred=self.barred)


async def known(connection: AsyncConnection, case_id: UUID, at: datetime, *, also: Sequence[UUID] = ()) -> Known:
    """Read it; arguments as of ``allowed``."""
    await work_on(connection, also)
    found = await standing(connection, case_id, at)
    barred = found.barred.union(*[(await standing(connection, one, at)).barred for one in also])
    return Known(found.age, barred, tuple(await said_of(connection, case_id, *also)))

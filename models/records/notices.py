"""Notices as rows, written in the transaction of what they tell of: nothing happens untold, nothing untrue is told.

The id of a row is derived from what it is about, so a retry, a replay or a restart finds the row that is there.
Sending is the outbox's work (docs/decisions/0003-notice-outbox.md).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID, uuid5

from sqlalchemy import or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models.protocol.types import Clock
from models.records.people import CasePlace, ClockUnit, Recipient, Resolution, is_recused, resolve
from models.records.texts import KINDS
from models.tables import CallTask, CaseFile, Notice, table
from models.writing import put_all

Channel = Literal["inbox", "email", "sms", "voice"]
Delivery = Literal["delivered", "failed"]

SENT_OUT: Final = ("email", "sms", "voice")
"""Channels that leave the house; the inbox is read where it stands."""
RECEIPT_AFTER: Final = timedelta(days=3)
"""How long after a sending its receipt is believed."""

_NOTICE, _CALL, _CASE = table(Notice), table(CallTask), table(CaseFile)


@dataclass(frozen=True)
class Occasion:
    """What a notice is about.

    ``reference`` tells occasions apart that are no rung: a report's or a command's id. ``values`` are codes and
    instants for the sentence (``models.records.texts.render``).
    """

    kind: str
    values: dict[str, Any]
    clock_unit: ClockUnit
    deliver_at: datetime
    deadline_id: UUID | None = None
    ordinal: int | None = None
    escalation_id: UUID | None = None
    reference: str = ""
    by_voice: bool = False

    @property
    def name(self) -> str:
        """The occasion within its case, the same whenever it is computed."""
        return _name(self.kind, self.deadline_id, self.ordinal, self.reference)


def _name(kind: str, deadline_id: UUID | None, ordinal: int | None, reference: str) -> str:
    if deadline_id is not None and ordinal is not None:
        return f"{deadline_id}/{ordinal}"
    return f"{kind}/{deadline_id or ''}/{reference}"


def notice_id(case_id: UUID, occasion: str, person_id: UUID, channel: str) -> UUID:
    """The id of the one notice there is for (case, occasion, person, channel)."""
    return uuid5(case_id, f"notice/{occasion}/{person_id}/{channel}")


def message_id(notice: UUID) -> str:
    """The Message-ID (RFC 5322) of a notice: a mail in doubt is sent again under the same one."""
    return f"<{notice}@notice.annhi>"


def channels(person: Recipient, clock_unit: ClockUnit, *, by_voice: bool) -> tuple[Channel, ...]:
    """How somebody is told: the inbox always, mail where there is an address; for hour clocks the phone as well.

    Who is only informed finds it in the inbox: nothing is sent.
    """
    chosen: list[Channel] = ["inbox"]
    if person.informed:
        return tuple(chosen)
    if person.email:
        chosen.append("email")
    if person.phone and clock_unit == "H":
        chosen.append("sms")
        if by_voice and not person.watching:
            chosen.append("voice")
    return tuple(chosen)


async def write_notices(
    connection: AsyncConnection, case_: CasePlace, recipients: Sequence[Recipient], occasion: Occasion, at: datetime
) -> int:
    """Write what is to be sent; rows that are there already stay as they are.

    Args:
        connection: the transaction of what the notices tell of.
        case_: the case.
        recipients: who is told.
        occasion: what about.
        at: domain instant of writing.

    Returns:
        How many rows were asked for.

    Raises:
        KeyError: the occasion's kind has no text.
    """
    KINDS[occasion.kind]  # a notice nobody can read must not be written
    rows = [
        _row(case_, person, channel, occasion, at)
        for person in recipients
        for channel in channels(person, occasion.clock_unit, by_voice=occasion.by_voice)
    ]
    if rows:
        # In one order everywhere, so that two writers cannot wait for each other.
        rows.sort(key=lambda row: row["id"])
        await put_all(connection, _NOTICE, rows, once=True)
    return len(rows)


def _row(case_: CasePlace, person: Recipient, channel: Channel, occasion: Occasion, at: datetime) -> dict[str, Any]:
    made = notice_id(case_.id, occasion.name, person.person_id, channel)
    inbox = channel == "inbox"
    return {
        "id": made,
        "case_id": case_.id,
        "deadline_id": occasion.deadline_id,
        "ordinal": occasion.ordinal,
        "escalation_id": occasion.escalation_id,
        "kind": occasion.kind,
        "person_id": person.person_id,
        "role": person.role,
        "channel": channel,
        "values": {"case": case_.code, **occasion.values, **_reference(occasion), "watching": person.watching},
        # The inbox needs no sending: it shows the row from deliver_at on.
        "state": "delivered" if inbox else "pending",
        "deliver_at": occasion.deliver_at,
        "next_attempt_at": occasion.deliver_at,
        "attempts": 0,
        "message_id": message_id(made),
        "created_at": at,
        "sent_at": occasion.deliver_at if inbox else None,
    }


def _reference(occasion: Occasion) -> dict[str, str]:
    """What of the occasion no column holds: the name must be found again when another channel takes over."""
    return {"reference": occasion.reference} if occasion.reference else {}


async def first_notices(
    connection: AsyncConnection,
    case_: CasePlace,
    *,
    report_id: UUID,
    flagged: bool,
    at: datetime,
    acknowledge_id: UUID | None = None,
    acknowledge_due: datetime | None = None,
    received_by: UUID | None = None,
) -> Resolution:
    """Tell the office of a report the moment it is received, before any rung (lifecycle.md, "Deadlines of a case").

    The CPO on duty; flagged as an emergency, SUP and DOHD too. Where the CPO is out of reach, SUP; where she is, DOHD:
    a report that reaches nobody reaches the next one at once. A case held by no commune goes to DOHD of the province
    above the receiver, else of every province; with nobody there to the hotline's shift lead, at last to the nation.

    Args:
        connection: the transaction of the intake.
        case_: the case the report is in.
        report_id: the report.
        flagged: whether this report is flagged as an emergency.
        at: domain instant of recording.
        acknowledge_id: the deadline ``acknowledge`` of this report, and
        acknowledge_due: its limit.
        received_by: the office that took the report in, where the caller knows it; else it is looked up.

    Returns:
        Who was told; ``nobody`` where none of them could be reached, which the caller puts on record.
    """
    ladder: list[tuple[str, ...]] = [("CPO",), ("SUP",), ("DOHD",)]
    if case_.unit_id is None:
        ladder = [("DOHD",), ("H111S",), ("NAT",)]
    elif flagged:
        ladder = [("CPO", "SUP", "DOHD")]
    found = Resolution(recipients=(), nobody=True)
    for roles in ladder:
        place = case_.unit_id or received_by
        here = await resolve(connection, case=case_, roles=roles, at=at, clock_unit="H", unit_id=place)
        found = _joined(found, here)
        if not found.nobody:
            break
    values: dict[str, Any] = {"flagged": flagged, "unit": "H"}
    if acknowledge_due is not None:
        values |= {"deadline": "acknowledge", "due_at": acknowledge_due.isoformat()}
    occasion = Occasion(
        kind="emergency_received" if flagged else "report_received",
        values=values,
        clock_unit="H",
        deliver_at=at,
        deadline_id=acknowledge_id,
        reference=str(report_id),
        by_voice=flagged,
    )
    await write_notices(connection, case_, found.recipients, occasion, at)
    return found


def unit_of(*wordings: str) -> ClockUnit:
    """Whether something is chased by the hour or by the day: the first wording with a unit says it ("8 H", "+2 WD")."""
    for wording in wordings:
        unit = wording.rsplit(" ", 1)[-1]
        if unit in ("H", "min"):
            return "H"
        if unit in ("WD", "CD", "MONTH"):
            return "day"
    return "day"


async def tell(
    connection: AsyncConnection,
    case_: CasePlace,
    kind: str,
    *,
    reference: UUID,
    at: datetime,
    roles: Sequence[str] = (),
    persons: Collection[UUID] = (),
    clock_unit: ClockUnit = "day",
    deadline: Clock | None = None,
    about: Mapping[str, str] | None = None,
) -> Resolution:
    """Tell people that something happened: "the Chair is told at once", "DOH told".

    Args:
        connection: the transaction of what happened.
        case_: the case.
        kind: one of ``models.records.texts.KINDS``.
        reference: what makes this occasion one: the command's id.
        at: domain instant.
        roles: roles to resolve, as ``models.records.people.resolve`` takes them.
        persons: people named one by one; recused ones are left out.
        clock_unit: ``H`` where it cannot wait: SMS as well, and the rota decides.
        deadline: the deadline it is about, if any: its limit is the "by when".
        about: codes the text needs besides.

    Returns:
        Who was told.

    Raises:
        KeyError: the kind has no text.
    """
    found = await resolve(connection, case=case_, roles=roles, persons=persons, at=at, clock_unit=clock_unit)
    values: dict[str, Any] = {"unit": clock_unit, **(about or {})}
    if deadline is not None:
        unit = unit_of(deadline.amount)
        values |= {"deadline": deadline.code, "due_at": deadline.due_at.isoformat(), "unit": unit}
    occasion = Occasion(
        kind=kind,
        values=values,
        clock_unit=clock_unit,
        deliver_at=at,
        deadline_id=deadline.id if deadline else None,
        reference=str(reference),
    )
    await write_notices(connection, case_, found.recipients, occasion, at)
    return found


async def record_receipt(connection: AsyncConnection, notice: UUID, state: Delivery, at: datetime) -> bool:
    """Take the gateway's word on what became of a message.

    A message that failed on its way goes on over the next channel. Asked again, nothing changes.

    Args:
        connection: a transaction.
        notice: the notice's id, which was the message's reference.
        state: ``delivered`` or ``failed``.
        at: domain instant.

    Returns:
        Whether there was something to record: the notice is known, was sent over the gateway, and not long ago.
    """
    row = (
        await connection.execute(
            update(_NOTICE)
            .where(
                _NOTICE.c.id == notice,
                _NOTICE.c.channel.in_(("sms", "voice")),
                _NOTICE.c.state.in_(("sending", "sent")),
                _NOTICE.c.created_at > at - RECEIPT_AFTER,
            )
            .values(state=state, error=None if state == "delivered" else "undelivered")
            .returning(_NOTICE)
        )
    ).one_or_none()
    if row is None:
        return False
    if state == "failed":
        await fall_back(connection, row, at)
    return True


async def fall_back(connection: AsyncConnection, row: Any, at: datetime, *, give_up: bool = False) -> str | None:
    """What takes over when a message over the phone failed: after an SMS a call by the gateway, after that by a human.

    Args:
        connection: a transaction.
        row: the failed notice.
        at: domain instant.
        give_up: the gateway itself is away, so a human is asked at once.

    Returns:
        ``voice`` or ``call``: what takes over; None where the channel has no successor.
    """
    if row.channel == "sms" and not give_up:
        # The id of the one voice notice there is of this occasion: an E3 or E4 rung has written it already.
        occasion = _name(row.kind, row.deadline_id, row.ordinal, _values(row).get("reference", str(row.id)))
        next_id = notice_id(row.case_id, occasion, row.person_id, "voice")
        copied = {name: row._mapping[name] for name in _COPIED}  # noqa: SLF001 - SQLAlchemy's public name for it
        await connection.execute(
            insert(_NOTICE)
            .values(
                **copied,
                id=next_id,
                channel="voice",
                state="pending",
                deliver_at=at,
                next_attempt_at=at,
                attempts=0,
                message_id=message_id(next_id),
                created_at=at,
            )
            .on_conflict_do_nothing()
        )
        return "voice"
    if row.channel in ("sms", "voice"):
        await ask_to_call(
            connection,
            case_id=row.case_id,
            persons=[row.person_id],
            reason="message_failed",
            occasion=f"{row.deadline_id}/{row.ordinal}" if row.deadline_id else f"{row.kind}/{row.id}",
            escalation_id=row.escalation_id,
            caller_unit_id=await _callers(connection, row.case_id, at),
            at=at,
        )
        return "call"
    return None


async def _callers(connection: AsyncConnection, case_id: UUID, at: datetime) -> UUID | None:
    """The office that phones about a case: the duty desk of its province, else the hotline."""
    of = _CASE.c
    row = (
        await connection.execute(select(of.id, of.code, of.unit_id, of.owner_id, of.flagged).where(of.id == case_id))
    ).one()
    found = await resolve(connection, case=CasePlace(*row), roles=["DOHD"], at=at, clock_unit="H")
    return found.duty_unit or found.hotline_unit


def _values(row: Any) -> dict[str, Any]:
    values: dict[str, Any] = row._mapping["values"]  # noqa: SLF001 - Row has a method of that name
    return values


_COPIED = ("case_id", "deadline_id", "ordinal", "escalation_id", "kind", "person_id", "role", "values")


async def ask_to_call(
    connection: AsyncConnection,
    *,
    case_id: UUID,
    persons: Iterable[UUID],
    reason: str,
    occasion: str,
    escalation_id: UUID | None,
    caller_unit_id: UUID | None,
    at: datetime,
) -> None:
    """Put people on the list of those a human must phone; once per (case, occasion, person).

    Args:
        connection: the transaction of what made it necessary.
        case_id: the case.
        persons: whom to phone.
        reason: ``escalation`` (they must act now), ``police`` (they must go there) or ``message_failed``.
        occasion: what it is about, the same whenever it is computed.
        escalation_id: the escalation it belongs to, if any.
        caller_unit_id: the office that phones; None where there is none, which leaves it to the nation's desk.
        at: domain instant.
    """
    rows = [
        {
            "id": uuid5(case_id, f"call/{occasion}/{person}"),
            "case_id": case_id,
            "escalation_id": escalation_id,
            "person_id": person,
            "caller_unit_id": caller_unit_id,
            "reason": reason,
            "state": "open",
            "created_at": at,
        }
        for person in sorted(set(persons))
    ]
    if rows:
        await put_all(connection, _CALL, rows, once=True)


async def inbox(
    connection: AsyncConnection,
    person_id: UUID,
    at: datetime,
    *,
    unseen_only: bool = False,
    before: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> Sequence[Any]:
    """A page of somebody's inbox, the newest first.

    Args:
        connection: a transaction of that person.
        person_id: whose; notices of cases they have since been recused from are left out.
        at: domain instant; what is to be delivered later does not show yet.
        unseen_only: only what was not yet marked as seen.
        before: ``(deliver_at, id)`` of the last row of the page before.
        limit: rows at most.
    """
    statement = select(_NOTICE).where(
        _NOTICE.c.person_id == person_id,
        _NOTICE.c.channel == "inbox",
        _NOTICE.c.deliver_at <= at,
        ~is_recused(_NOTICE.c.case_id, person_id, at),
    )
    if unseen_only:
        statement = statement.where(_NOTICE.c.seen_at.is_(None))
    if before is not None:
        statement = statement.where(tuple_(_NOTICE.c.deliver_at, _NOTICE.c.id) < tuple_(*before))
    ordered = statement.order_by(_NOTICE.c.deliver_at.desc(), _NOTICE.c.id.desc()).limit(limit)
    return (await connection.execute(ordered)).all()


async def mark_seen(connection: AsyncConnection, person_id: UUID, notices: Collection[UUID], at: datetime) -> int:
    """Note that somebody has seen notices of theirs. The first time counts. Returns how many were new."""
    result = await connection.execute(
        update(_NOTICE)
        .where(
            _NOTICE.c.id.in_(sorted(notices)),
            _NOTICE.c.person_id == person_id,
            _NOTICE.c.channel == "inbox",
            _NOTICE.c.deliver_at <= at,
            _NOTICE.c.seen_at.is_(None),
        )
        .values(seen_at=at)
    )
    return int(result.rowcount)


async def open_calls(
    connection: AsyncConnection,
    office: UUID,
    *,
    reader: UUID,
    at: datetime,
    strays: bool = False,
    after: tuple[datetime, UUID] | None = None,
    limit: int = 50,
) -> Sequence[Any]:
    """The call list of an office, the oldest first.

    Args:
        connection: a transaction.
        office: the office of whoever asks; another's calls are none of theirs.
        reader: who asks; calls about cases they are recused from are left out.
        at: domain instant.
        strays: those that fell to no office as well.
        after: ``(created_at, id)`` of the last row of the page before.
        limit: rows at most.
    """
    theirs = _CALL.c.caller_unit_id == office
    statement = select(_CALL).where(
        _CALL.c.state == "open",
        or_(theirs, _CALL.c.caller_unit_id.is_(None)) if strays else theirs,
        ~is_recused(_CALL.c.case_id, reader, at),
    )
    if after is not None:
        statement = statement.where(tuple_(_CALL.c.created_at, _CALL.c.id) > tuple_(*after))
    return (await connection.execute(statement.order_by(_CALL.c.created_at, _CALL.c.id).limit(limit))).all()


REACHED: Final = "reached"
CALL_OUTCOMES: Final = (REACHED, "no_answer", "wrong_number")


async def record_call(connection: AsyncConnection, call: UUID, *, person_id: UUID, outcome: str, at: datetime) -> bool:
    """Record how a call ended. ``reached`` and ``wrong_number`` close the task; ``no_answer`` leaves it open.

    Args:
        connection: the caller's transaction; the caller writes the audit entry.
        call: the task.
        person_id: who phoned.
        outcome: one of ``CALL_OUTCOMES``.
        at: domain instant of the call.

    Returns:
        False where there is no such open task.

    Raises:
        ValueError: an unknown outcome.
    """
    if outcome not in CALL_OUTCOMES:
        raise ValueError(f"{outcome!r} is no outcome of a call")
    result = await connection.execute(
        update(_CALL)
        .where(_CALL.c.id == call, _CALL.c.state == "open")
        .values(
            outcome=outcome,
            called_at=at,
            called_by=person_id,
            state="open" if outcome == "no_answer" else "done",
        )
    )
    return bool(result.rowcount)


def _joined(one: Resolution, other: Resolution) -> Resolution:
    return Resolution(
        recipients=(*one.recipients, *other.recipients),
        nobody=one.nobody and other.nobody,
        why=tuple(dict.fromkeys((*one.why, *other.why))),
        hotline_unit=other.hotline_unit,
        duty_unit=other.duty_unit,
    )


__all__ = [
    "CALL_OUTCOMES",
    "Channel",
    "Occasion",
    "ask_to_call",
    "channels",
    "fall_back",
    "first_notices",
    "inbox",
    "mark_seen",
    "message_id",
    "notice_id",
    "open_calls",
    "record_call",
    "record_receipt",
    "tell",
    "write_notices",
]

"""Intake: a report becomes cases, in one transaction, whether or not Temporal can be reached.

The one time the API writes lifecycle columns, and only where every case starts: the row, its first event, its audit
entry, its clocks and the first notices are committed together, so no report can be half taken in.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Text, any_, bindparam, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from models.forms import ChildInfo, ReportInput, content, filed_report
from models.lifecycle import advance
from models.lifecycle.facts import Actor, DocumentFact, Facts, ReportFact
from models.lifecycle.types import Decision, Refused, Standing
from models.messages import ContentRef, Snapshot
from models.protocol.engine import replan
from models.protocol.types import CaseView, Clock, Happened
from models.protocol.types import Report as ReportView
from models.records.actor import Acting
from models.records.acts import Act, conflicts_found, record_event, snapshot_of, view_codes
from models.records.audit import audit
from models.records.cases import CaseRow
from models.records.conflicts import described, keep_out, look
from models.records.content import Said
from models.records.deadlines import store_changes
from models.records.notices import first_notices, tell
from models.records.reference import Reference
from models.records.tells import conflict_found, place_of
from models.records.vault import create_keys, informant_of, seal, share
from models.tables import CaseFile, CaseReport, Child, Document, Household, Informant, Report, Unit, new_id, table
from models.vault import DataKey
from models.vocabulary.fold import fold
from models.writing import binary, put

_UNIT, _CASE, _CASE_REPORT = table(Unit), table(CaseFile), table(CaseReport)
_HOUSEHOLD, _CHILD, _REPORT, _DOCUMENT = table(Household), table(Child), table(Report), table(Document)
_INFORMANT = table(Informant)

# Crockford's base 32: nothing in it sounds or looks like something else over a bad line.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_CODE_LENGTH = 8


@dataclass(frozen=True)
class IntakeCase:
    """One case the report opened: which child's, where it stands, the clocks that run, what its workflow must know."""

    case_id: UUID
    code: str
    child_index: int
    standing: Standing
    clocks: tuple[Clock, ...]
    snapshot: Snapshot


@dataclass(frozen=True)
class Intake:
    """What a report became."""

    report_id: UUID
    report_code: str
    received_at: datetime
    cases: tuple[IntakeCase, ...]


class IntakeRefusedError(Exception):
    """The report cannot be taken in by this person or at this instant.

    Attributes:
        refused: the lifecycle's answer.
    """

    def __init__(self, refused: Refused) -> None:
        super().__init__(refused.code)
        self.refused = refused


async def receive_report(
    connection: AsyncConnection,
    *,
    report: ReportInput,
    actor: Acting,
    now: datetime,
    reference: Reference,
    command_id: UUID,
    origin: str | None = None,
) -> Intake:
    """Take a report in: one linked case for each child, one household, one set of clocks each.

    Args:
        connection: a transaction of the API role.
        report: the validated body; of a child nothing need be known.
        actor: who receives it.
        now: domain instant of recording.
        reference: protocols, calendars, overrides.
        command_id: the id under which it is recorded.
        origin: from where, as a keyed hash.

    Raises:
        IntakeRefusedError: not a receiver, or a receipt in the future.
        KeysAwayError: there is nothing to encrypt it with now.
    """
    received_at = report.receipt or now
    decision = _decide(report, actor, received_at, now)
    units, own = await _units(connection, report, actor)
    keys = await create_keys(connection, [new_id() for _ in report.m01.children], now)
    stored_id, code = await store_report(
        connection, report=report, actor=actor, now=now, units=units, report_id=command_id, cases=keys
    )
    household = new_id()
    await put(connection, _HOUSEHOLD, id=household, created_at=now)
    # Whoever harms one child of a household is kept from the cases of all of them.
    alleged = described("M01", content(report.m01))
    cases = []
    for index, (child, (case_id, key)) in enumerate(zip(report.m01.children, keys.items(), strict=True)):
        incident, residence = (units.get(code) if code else None for code in report.units_of(index))
        case = await _open_case(
            connection,
            case_id=case_id,
            decision=decision,
            household=household,
            report_id=stored_id,
            child=child,
            incident=incident,
            residence=residence,
            unit=incident or residence or own,
            flagged=report.flagged,
            received_at=received_at,
            now=now,
            protocol=reference.protocol_at(now).version,
        )
        said, suspected = await look(connection, case, alleged, now, key=key)
        # Before anybody is told of the case.
        await keep_out(connection, case.id, said, suspected, now)
        unit_code = next((code for code, unit in units.items() if unit == case.unit_id), None)
        view = CaseView(
            id=case.id,
            standing=view_codes(case.standing),
            receipt=received_at,
            unit=unit_code,
            flagged=report.flagged,
        )
        clocks = await _start_clocks(
            connection,
            reference,
            view,
            [
                Happened(
                    event=event,
                    occurred_at=received_at,
                    recorded_at=now,
                    role=actor.role,
                    report=ReportView(id=stored_id, received_at=received_at, flagged=report.flagged),
                )
                for event in decision.events
            ]
            + conflicts_found(suspected, now, now),
        )
        act = Act(
            "receive_report", new_id() if index else command_id, actor, Said([]), received_at, now, origin=origin
        )  # fmt: skip
        act = replace(act, refs=(await _file_report(connection, case.id, key, act, report, index),))
        await record_event(connection, case, decision, act)
        acknowledge = next((clock for clock in clocks if clock.code == "acknowledge"), None)
        told = await first_notices(
            connection,
            place_of(case),
            report_id=stored_id,
            flagged=report.flagged,
            at=now,
            acknowledge_id=acknowledge.id if acknowledge else None,
            acknowledge_due=acknowledge.due_at if acknowledge else None,
            received_by=actor.unit_id,
        )
        if told.nobody:
            await audit(
                connection, at=now, actor=None, action="first_notices", record="case", record_id=case.id,
                case_id=case.id, outcome="nobody", detail={"why": list(told.why)}, chained=True,
            )  # fmt: skip
        if suspected:
            asked = conflict_found(flagged=report.flagged)
            await tell(
                connection, place_of(case), asked.kind, reference=stored_id, at=now, roles=asked.roles,
                clock_unit=asked.clock_unit, deadline=next(clock for clock in clocks if clock.code == asked.deadline),
            )  # fmt: skip
        cases.append(IntakeCase(case.id, case.code, index, case.standing, clocks, snapshot_of(case, clocks)))
    return Intake(stored_id, code, received_at, tuple(cases))


async def store_report(
    connection: AsyncConnection,
    *,
    report: ReportInput,
    actor: Acting,
    now: datetime,
    report_id: UUID,
    cases: Mapping[UUID, DataKey],
    units: dict[str, UUID] | None = None,
) -> tuple[UUID, str]:
    """Store what was told, never to be changed: the row every further report has as well; and who told it, apart.

    Args:
        connection: a transaction of the API role.
        report: what was told.
        actor: who received it.
        now: domain instant of recording.
        report_id: derived from the command, so that a repeated request stores nothing new.
        cases: the cases it is of, each with its data key: any of them can open it.
        units: ids of the communes named, where the caller has them.

    Returns:
        The report's id and code.
    """
    known = units if units is not None else (await _units(connection, report, actor))[0]
    said = content(report)
    informant = said["m01"].pop("informant", None)
    key = DataKey.new()
    sealed, digest = seal(key, _REPORT, report_id, said)
    code = new_code("TB")
    await put(
        connection,
        _REPORT,
        id=report_id,
        code=code,
        received_at=report.receipt or now,
        recorded_at=now,
        channel=report.m01.channel or "unknown",
        flagged=report.flagged,
        trigger=report.trigger,
        incident_unit_id=known.get(report.incident_unit or ""),
        residence_unit_id=known.get(report.residence_unit or ""),
        receiver_id=actor.person_id,
        receiver_position_id=actor.position_id,
        receiver_unit_id=actor.unit_id,
        sealed=binary(sealed),
        content_hash=digest,
    )
    await share(connection, report_id, key, cases, now)
    if informant is not None:
        await _store_informant(connection, report_id, informant, cases, now)
    return report_id, code


async def _store_informant(
    connection: AsyncConnection, report_id: UUID, said: Mapping[str, Any], cases: Mapping[UUID, DataKey], now: datetime
) -> None:
    """Under a key of its own: whoever can open the report cannot thereby open this."""
    key, informant = DataKey.new(), informant_of(report_id)
    sealed, _ = seal(key, _INFORMANT, informant, said)
    await put(connection, _INFORMANT, id=informant, report_id=report_id, sealed=binary(sealed), created_at=now)
    await share(connection, informant, key, cases, now)


def new_code(prefix: str) -> str:
    """A code people can say over the phone; it tells nothing, not even how many there are."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_CODE_LENGTH))
    return f"{prefix}-{letters[:4]}-{letters[4:]}"


def _decide(report: ReportInput, actor: Acting, received_at: datetime, now: datetime) -> Decision:
    facts = Facts(
        actor=Actor(person=str(actor.person_id), role=actor.role, unit=str(actor.unit_id)),
        receipt=received_at,
        occurred_at=received_at,
        recorded_at=now,
        documents={"M01": DocumentFact(content_hash="", author=str(actor.person_id))},
        trigger=report.trigger,
        report=ReportFact(receipt=received_at, flagged=report.flagged, trigger=report.trigger),
    )
    answer = advance(None, "receive_report", facts)
    if isinstance(answer, Refused):
        raise IntakeRefusedError(answer)
    return answer


async def _open_case(
    connection: AsyncConnection,
    *,
    case_id: UUID,
    decision: Decision,
    household: UUID,
    report_id: UUID,
    child: ChildInfo,
    incident: UUID | None,
    residence: UUID | None,
    unit: UUID | None,
    flagged: bool,
    received_at: datetime,
    now: datetime,
    protocol: str,
) -> CaseRow:
    child_id = new_id()
    await put(
        connection,
        _CHILD,
        id=child_id,
        household_id=household,
        full_name=child.name,
        folded_name=fold(child.name) if child.name else None,
        birth_date=child.dob,
        estimated_age=child.estimated_age,
        sex=child.sex,
        created_at=now,
    )
    standing = decision.after
    case = CaseRow(
        id=case_id,
        code=new_code("AN"),
        child_id=child_id,
        household_id=household,
        report_id=report_id,
        receipt_at=received_at,
        unit_id=unit,
        incident_unit_id=incident,
        residence_unit_id=residence,
        owner_id=None,
        process=standing.process,
        protection=standing.protection,
        ban=standing.ban,
        # A report that belongs nowhere waits at the province's duty desk (lifecycle.md, custody).
        custody=standing.custody if unit is not None else "unrouted",
        memory=dict(standing.memory),
        risk=None,
        flagged=flagged,
        plan_version=1,
        sequence=1,
        protocol_version=protocol,
        attached_to=None,
        closed_at=None,
        closure_reason=None,
    )
    await put(
        connection,
        _CASE,
        **{name: getattr(case, name) for name in CaseRow.__dataclass_fields__},
        created_at=now,
        updated_at=now,
    )
    await put(
        connection,
        _CASE_REPORT,
        id=new_id(),
        case_id=case.id,
        report_id=report_id,
        how="first",
        received_at=received_at,
        flagged=flagged,
    )
    return case


async def _start_clocks(
    connection: AsyncConnection, reference: Reference, view: CaseView, happened: Sequence[Happened]
) -> tuple[Clock, ...]:
    now = happened[-1].recorded_at
    changes = replan(
        (),
        happened,
        view,
        reference.protocol_at(now),
        reference.calendar_at(now),
        overrides=reference.overrides,
        known=reference.known,
    )
    await store_changes(connection, view.id, changes, now)
    return changes.touched


async def _file_report(  # noqa: PLR0917 - one document, whole
    connection: AsyncConnection, case_id: UUID, key: DataKey, act: Act, report: ReportInput, index: int
) -> ContentRef:
    """Put Mẫu 01, as far as it is about this child, into the case's file: its first document."""
    part, document = filed_report(report.m01, index), new_id()
    sealed, digest = seal(key, _DOCUMENT, document, part.content)
    assert act.actor is not None
    await put(
        connection,
        _DOCUMENT,
        id=document,
        case_id=case_id,
        command_id=act.command_id,
        kind=part.kind,
        sealed=binary(sealed),
        content_hash=digest,
        author_id=act.actor.person_id,
        created_at=act.recorded_at,
        version=1,
        plan_version=1,
        frozen_at=act.recorded_at,
        sequence=1,
    )
    return ContentRef(id=document, kind=part.kind, hash=digest)


_COMMUNES = select(_UNIT.c.code, _UNIT.c.id).where(
    or_(_UNIT.c.code == any_(bindparam("named", type_=ARRAY(Text))), _UNIT.c.id == bindparam("own")),
    _UNIT.c.kind == "commune",
)


async def _units(
    connection: AsyncConnection, report: ReportInput, actor: Acting
) -> tuple[dict[str, UUID], UUID | None]:
    """Ids of the communes the report names, by code, and the receiver's own office where that is a commune.

    An unknown code places nothing; the text of it stays on record. The own office is the last place a report without
    a place goes to.
    """
    named = {code for index in range(len(report.m01.children)) for code in report.units_of(index) if code}
    named |= {code for code in (report.incident_unit, report.residence_unit) if code}
    rows = (await connection.execute(_COMMUNES, {"named": sorted(named), "own": actor.unit_id})).all()
    own = next((row.id for row in rows if row.id == actor.unit_id), None)
    return {row.code: row.id for row in rows if row.code in named}, own

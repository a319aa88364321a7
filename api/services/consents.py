"""Consent and legal basis at the door, and the views of child and carers (process.md §4.2, §6.4)."""

from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from api.door import Visit
from api.errors import fault
from api.problems import Problem
from api.queries import consents as q
from api.queries.rows import Found
from api.services.cases import find, to_write
from api.shapes.base import PersonRef, Text
from api.shapes.consents import (
    AllowedOut,
    ConsentIn,
    ConsentOut,
    ToldOut,
    ViewOut,
    WithdrawalIn,
    WithheldOut,
    WithholdingIn,
    WithholdingOut,
)
from models.access import Action
from models.access.consent import OWN_VIEW_FROM, is_alleged, stops
from models.access.views import view
from models.records.consents import Standing, allowed, said, said_of, standing
from models.records.vault import key_of, living_key_of
from models.vault import DataKey
from models.vocabulary import term
from workflows.client import TemporalAwayError


async def listed(visit: Visit, reference: str) -> list[ConsentOut]:
    """Every entry of a case."""
    async with visit.transaction() as connection:
        case = await _case(connection, visit, reference, "read_consents")
        rows = await q.of_case(connection, case.id)
        key = await living_key_of(connection, case.id)
        await visit.note(connection, "list_consents", "case", record_id=case.id, case_id=case.id)
    return [_out(row, key) for row in rows]


async def add(visit: Visit, reference: str, given: ConsentIn) -> ConsentOut:
    """Record what was said, or the ground for going without it.

    Raises:
        Problem: ``consent-from-alleged``: it is not sought from a carer alleged to have caused the harm;
            ``invalid-request``: the child's own view is missing, or an instant lies where it cannot.
    """
    async with visit.transaction() as connection:
        case = await _case(connection, visit, reference, "record_consent")
        around = await standing(connection, case.id, visit.now)
        if given.giver in around.barred or is_alleged(given.giver_name, around.alleged):
            raise Problem("consent-from-alleged", extra={"about": {"instead": "SUBSTITUTE"}}, case_id=case.id)
        _check(visit, given, around)
        if given.decided_by is not None and not await q.is_known(connection, given.decided_by):
            raise fault("unknown", "body", "decided_by")
        key = await key_of(connection, case.id)
        entry = await q.add(
            connection,
            key,
            case_id=case.id,
            scope=given.scope,
            services=list(dict.fromkeys(given.services)),
            answer=given.answer,
            giver=given.giver,
            giver_name=given.giver_name,
            means=given.means,
            ground=given.ground,
            best_interest_note=given.best_interest_note,
            child_view=given.child_view,
            said_at=given.said_at or visit.now,
            expires_at=given.expires_at,
            recorded_at=visit.now,
            recorded_by=visit.caller.person_id,
            position_id=visit.caller.acting.position_id,
            decided_by=(given.decided_by or visit.caller.person_id) if given.ground else given.decided_by,
        )
        await visit.note(
            connection, "record_consent", "consent", record_id=entry, case_id=case.id,
            detail={"scope": given.scope, "answer": given.answer, "giver": given.giver, "ground": given.ground},
        )  # fmt: skip
        (row,) = await q.of_case(connection, case.id, consent=entry)
        concerned = await q.live_referrals(connection, case.id)
    await _tell(visit, case.id, concerned)
    return _out(row, key)


async def _tell(visit: Visit, case_id: UUID, referrals: Sequence[UUID]) -> None:
    """Let the live referrals of a case look at once whether the record still allows them; else the sweep lets them."""
    for referral in referrals:
        with suppress(TemporalAwayError):
            await visit.door.desk.wake_referral(case_id, referral)


def _check(visit: Visit, given: ConsentIn, around: Standing) -> None:
    at = given.said_at or visit.now
    if at > visit.now:
        raise fault("instant-in-future", "body", "said_at")
    if given.expires_at is not None and given.expires_at <= at:
        raise fault("ends-before-start", "body", "expires_at")
    old_enough = around.age is not None and around.age >= OWN_VIEW_FROM
    if given.answer == "given" and given.giver != "CHILD" and old_enough and given.child_view is None:
        raise fault("child-view-missing", "body", "child_view")


async def withdraw(visit: Visit, reference: str, consent: UUID, given: WithdrawalIn) -> ConsentOut:
    """Take back what was agreed to, and say what must stop.

    Raises:
        Problem: ``not-found``; ``already-ended``; ``invalid-request``: an instant before it was given, or to come.
    """
    async with visit.transaction() as connection:
        case = await _case(connection, visit, reference, "record_consent")
        found = await q.of_case(connection, case.id, consent=consent)
        if not found:
            raise Problem("not-found", case_id=case.id)
        at = given.withdrawn_at or visit.now
        if not found[0].said_at <= at <= visit.now:
            raise fault("instant-out-of-range", "body", "withdrawn_at")
        entry = said(found[0])
        effects = stops(entry, await said_of(connection, case.id), at) if entry.answer != "refused" else ()
        key = await key_of(connection, case.id)
        done = await q.withdraw(
            connection, consent, key, withdrawn_at=at, withdrawn_by=visit.caller.person_id, withdrawal_note=given.note,
            stops=list(effects),
        )  # fmt: skip
        if not done:
            raise Problem("already-ended", case_id=case.id)
        await visit.note(
            connection, "withdraw_consent", "consent", record_id=consent, case_id=case.id,
            detail={"stops": list(effects)},
        )  # fmt: skip
        (row,) = await q.of_case(connection, case.id, consent=consent)
        concerned = await q.live_referrals(connection, case.id)
    await _tell(visit, case.id, concerned)
    return _out(row, key)


async def ask(visit: Visit, reference: str, scope: str, service: str | None) -> AllowedOut:
    """Whether the record allows something now."""
    async with visit.transaction() as connection:
        case = await _case(connection, visit, reference, "read_consents")
        answer = await allowed(connection, case.id, scope, service, visit.now)
        await visit.note(
            connection, "ask_consent", "case", record_id=case.id, case_id=case.id,
            detail={"scope": scope, "service": service, "why": answer.why},
        )  # fmt: skip
    return AllowedOut(
        allowed=answer.allowed,
        why=answer.why,
        by=[UUID(one) for one in answer.by],
        overrides_refusal=answer.overrides_refusal,
    )


async def withhold(visit: Visit, reference: str, given: WithholdingIn) -> WithholdingOut:
    """Record that something must not be told to somebody."""
    async with visit.transaction() as connection:
        case = await _case(connection, visit, reference, "record_consent")
        row_id = await q.withhold(
            connection, case_id=case.id, reader=given.reader, part=given.part or "", reason=given.reason,
            recorded_at=visit.now, recorded_by=visit.caller.person_id,
        )  # fmt: skip
        await visit.note(
            connection, "withhold", "withholding", record_id=row_id, case_id=case.id,
            detail={"reader": given.reader, "part": given.part, "reason": given.reason},
        )  # fmt: skip
        return await _withholding(connection, case.id, row_id)


async def end_withholding(visit: Visit, reference: str, withholding: UUID) -> WithholdingOut:
    """It may be told from now on.

    Raises:
        Problem: ``not-found``.
    """
    async with visit.transaction() as connection:
        case = await _case(connection, visit, reference, "record_consent")
        if not await q.end_withholding(connection, case.id, withholding, visit.now):
            raise Problem("not-found", case_id=case.id)
        await visit.note(connection, "end_withholding", "withholding", record_id=withholding, case_id=case.id)
        return await _withholding(connection, case.id, withholding)


async def show(visit: Visit, reference: str, reader: str) -> ViewOut:
    """What may be told to the child, or to one who speaks for it."""
    async with visit.transaction() as connection:
        case = await _case(connection, visit, reference, "read_consents")
        around = await standing(connection, case.id, visit.now)
        kept = [
            (row.reader, row.part, row.reason)
            for row in await q.withholdings(connection, case.id)
            if row.until is None or row.until > visit.now
        ]
        documents = await q.tellable(connection, case.id)
        await visit.note(connection, "read_view", "case", record_id=case.id, case_id=case.id, detail={"reader": reader})
    found = view(reader, documents, barred=around.barred, kept=kept)
    return ViewOut(
        reader=reader,
        told=[ToldOut(part=one.part, kind=one.kind, content=dict(one.content)) for one in found.told],
        withheld=[
            WithheldOut(
                part=one.part,
                label=_label("view_parts", one.part),
                reason=one.reason,
                why=_label("withheld_reasons", one.reason),
            )
            for one in found.withheld
        ],
    )


async def _case(connection: AsyncConnection, visit: Visit, reference: str, action: Action) -> Found:
    """The case, to be read or written to. Broken glass lends no writing.

    Raises:
        Problem: ``not-permitted``, ``not-found`` or ``declaration-required``.
    """
    await visit.require(action)
    case = await find(connection, visit, reference)
    return await to_write(connection, visit, case) if action == "record_consent" else case


async def _withholding(connection: AsyncConnection, case_id: UUID, row_id: UUID) -> WithholdingOut:
    row = next(each for each in await q.withholdings(connection, case_id) if each.id == row_id)
    return WithholdingOut(
        id=row.id,
        reader=row.reader,
        part=row.part or None,
        reason=row.reason,
        recorded_at=row.recorded_at,
        recorded_by=PersonRef(id=row.recorded_by, name=row.recorder_name),
        until=row.until,
    )


def _label(vocabulary: str, code: str) -> Text:
    found = term(vocabulary, code)
    return Text(vi=found.vi, en=found.en)


def _out(row: Found, key: DataKey | None) -> ConsentOut:
    words = q.words(key, row)
    ground = term("consent_grounds", row.ground) if row.ground else None
    return ConsentOut(
        id=row.id,
        scope=row.scope,
        services=list(row.services),
        answer=row.answer,
        giver=row.giver,
        giver_name=words["giver_name"],
        means=row.means,
        ground=row.ground,
        legal_basis=ground.legal_basis if ground else None,
        ground_verified=ground.verified if ground else None,
        best_interest_note=words["best_interest_note"],
        child_view=words["child_view"],
        said_at=row.said_at,
        expires_at=row.expires_at,
        recorded_at=row.recorded_at,
        recorded_by=PersonRef(id=row.recorded_by, name=row.recorder_name),
        decided_by=PersonRef(id=row.decided_by, name=row.decider_name) if row.decided_by else None,
        withdrawn_at=row.withdrawn_at,
        withdrawn_by=PersonRef(id=row.withdrawn_by, name=row.taker_name) if row.withdrawn_by else None,
        withdrawal_note=words["withdrawal_note"],
        stops=list(row.stops) if row.stops is not None else None,
    )

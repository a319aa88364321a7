"""Referrals of a case that is attached to another: they go along, are answered there, and come back with it."""

from datetime import timedelta

import pytest

from activities.rungs import RungActivities
from models.messages import RungDue
from models.tables import AuditEntry, Breach, Escalation, Referral, Rung
from tests.referral_support import Sent, agree, refer, referrals_of
from tests.world import HOUR, Case, World, eventually

pytestmark = pytest.mark.servers


async def two_cases(world: World) -> tuple[Case, Case]:
    """A case that is worked on, and a second one of the same child on which somebody called for help at once."""
    known = await (await world.case()).accepted()
    fresh = await world.case(ago=30 * HOUR)
    await agree(fresh)
    await fresh.do("acknowledge", "cpo.a")
    return known, fresh


async def at(referral: Sent, case: Case) -> Sent:
    """From now on people act on it where it is now."""
    referral.case = case
    await eventually(lambda: _believes(referral, case))
    return referral


async def _believes(referral: Sent, case: Case) -> bool:
    believed = await case.world.desk.believed_of_referral(referral.id)
    return believed is not None and believed.case_id == case.id


async def _fired(referral: Sent, code: str, levels: list[str]) -> bool:
    return [level for level, _ in await referral.fired(code)] == levels


async def cases_of(world: World, referral: Sent) -> dict[str, set[object]]:
    """Where everything that hangs on a referral is."""
    clocks = await referral.clocks()
    found: dict[str, set[object]] = {
        "referral": {(await referral.row()).case_id},
        "deadline": {one.case_id for one in clocks},
    }
    for name, of in (("rung", Rung), ("breach", Breach), ("escalation", Escalation)):
        rows = [row for clock in clocks for row in await world.rows(of, deadline_id=clock.id)]
        found[name] = {row.case_id for row in rows}
    return found


async def test_a_live_referral_goes_along_with_what_has_fired_and_its_agency_goes_on(world: World) -> None:
    known, fresh = await two_cases(world)
    police = await refer(fresh, "police_report").sent(at=fresh.now() - HOUR)
    ended = await refer(fresh, "school_support").sent()
    await ended.do("revoke", "cpo.a", reason="không cần nữa")
    await eventually(lambda: _fired(police, "acknowledge", ["E1"]))
    clocks = {one.id: (one.code, one.occurrence, one.due_at, one.status) for one in await police.clocks()}
    await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True)

    row = await police.row()
    assert (row.case_id, row.came_through, row.state) == (known.id, [str(fresh.id)], "sent")
    assert (await ended.row()).case_id == fresh.id, "what has ended stays where it was"
    assert {one.id: (one.code, one.occurrence, one.due_at, one.status) for one in await police.clocks()} == clocks
    everything = ("referral", "deadline", "rung", "breach", "escalation")
    assert await cases_of(world, police) == {name: {known.id} for name in everything}
    assert [one.case_id for one in await police.events()] == [fresh.id] * 2, "what was recorded stays where it was"
    (entry,) = await world.rows(AuditEntry, record_id=police.id, action="move_referral")
    assert (entry.case_id, entry.detail) == (known.id, {"left": str(fresh.id)})
    await at(police, known)
    await police.do("acknowledge", "pol.a")
    await police.do("accept", "pol.a")
    assert [one.case_id for one in await police.events()][-2:] == [known.id] * 2


async def test_a_rung_still_to_come_fires_where_the_referral_is_even_if_it_is_looked_for_where_it_was(
    world: World,
) -> None:
    known, fresh = await two_cases(world)
    police = await refer(fresh, "police_report").sent(at=fresh.now() - 20 * timedelta(minutes=1))
    (clock,) = await police.clocks("acknowledge")
    await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True)
    rung = min(await world.rows(Rung, deadline_id=clock.id), key=lambda one: one.ordinal)
    due = RungDue(case_id=fresh.id, deadline_id=clock.id, ordinal=rung.ordinal, at=rung.due_at, referral_id=police.id)
    snapshot = await RungActivities(world.database.worker, world.clock).fire_rung(due)
    assert (snapshot.case_id, snapshot.ended) == (known.id, False)
    assert await _fired(police, "acknowledge", ["E1"])
    assert {one.case_id for one in await world.rows(Escalation, deadline_id=clock.id)} == {known.id}


async def test_an_act_on_its_way_while_the_referral_moves_is_recorded_where_it_is(world: World) -> None:
    known, fresh = await two_cases(world)
    aid = await refer(fresh, "legal_aid").sent()
    await aid.do("acknowledge", "leg")
    late = await aid.prepare("decline", "leg", decline_reason="OTHER")
    await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True)
    answer = await aid.send(late)
    assert answer.accepted, answer.code
    assert ((await aid.row()).state, (await aid.events())[-1].case_id) == ("declined", known.id)


async def test_a_need_is_passed_on_with_what_was_agreed_to_and_not_to_whom_was_asked_before(world: World) -> None:
    known, fresh = await two_cases(world)
    care = await refer(fresh, "psychosocial").sent()
    await care.do("acknowledge", "swc")
    await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True)
    await at(care, known)
    await care.do("decline", "swc", decline_reason="NO_CAPACITY")
    (following,) = [one for one in await referrals_of(known, "psychosocial") if one.rerouted_from == care.id]
    assert (following.state, following.came_through) == ("sent", [str(fresh.id)])
    assert following.receiver_id != world.unit("HN-CTXH")
    await fresh.do("detach", "sup.a", reason="không phải cùng một trẻ")
    assert {one.case_id for one in await world.rows(Referral, id=following.id)} == {fresh.id}


async def test_detached_it_comes_back_with_what_was_done_meanwhile_and_what_was_asked_there_stays(world: World) -> None:
    known, fresh = await two_cases(world)
    await agree(known)
    aid = await refer(fresh, "legal_aid").sent()
    await fresh.do("attach", "cpo.a", target_case=known.id, confirmed=True)
    await at(aid, known)
    await aid.do("acknowledge", "leg")
    await aid.do("accept", "leg")
    own = await refer(known, "school_support").sent()
    await fresh.do("detach", "sup.a", reason="không phải cùng một trẻ")
    row = await aid.row()
    assert (row.case_id, row.came_through, row.state) == (fresh.id, [], "accepted")
    assert (await own.row()).case_id == known.id
    assert (await cases_of(world, aid))["deadline"] == {fresh.id}
    await at(aid, fresh)
    assert await aid.open() == {"start"}
    await aid.do("start_service", "leg")


async def test_through_two_attachments_each_takes_its_own_back(world: World) -> None:
    known, middle = await two_cases(world)
    fresh = await world.case()
    await agree(fresh)
    await fresh.do("acknowledge", "cpo.a")
    of_middle, of_fresh = await refer(middle, "school_support").sent(), await refer(fresh, "legal_aid").sent()
    await fresh.do("attach", "cpo.a", target_case=middle.id, confirmed=True)
    await middle.do("attach", "cpo.a", target_case=known.id, confirmed=True)
    assert (await of_fresh.row()).came_through == [str(fresh.id), str(middle.id)]
    await fresh.do("detach", "sup.a", reason="nhầm trẻ")
    assert ((await of_fresh.row()).case_id, (await of_middle.row()).case_id) == (fresh.id, known.id)
    await middle.do("detach", "sup.a", reason="nhầm trẻ")
    assert ((await of_middle.row()).case_id, (await of_middle.row()).came_through) == (middle.id, [])

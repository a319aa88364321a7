"""What is written to be sent: at receipt, when something is told, on the call list, in the inbox."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import select

from deploy.seed import sample_organisation
from models.database import Who, transaction
from models.records.notices import (
    Occasion,
    ask_to_call,
    first_notices,
    inbox,
    mark_seen,
    notice_id,
    open_calls,
    record_call,
    tell,
    write_notices,
)
from models.records.people import CasePlace, Recipient, Resolution
from models.records.texts import render
from models.tables import Notice, table
from tests.people_support import NOW, Province, ladder, load_province, rung, store

REPORT = uuid4()
SAMPLE = sample_organisation(NOW)


@pytest_asyncio.fixture
async def province(database: Any) -> Province:
    return await load_province(database.owner)


async def first(database: Any, case: CasePlace, *, flagged: bool = False, **more: Any) -> Resolution:
    # As the API's role: intake is its transaction, Temporal may be away.
    who, hotline = Province(database.owner, SAMPLE).who("h111", "intake"), SAMPLE.unit_ids["111"]
    async with transaction(database.api, who, NOW) as connection:
        return await first_notices(
            connection, case, report_id=REPORT, flagged=flagged, at=NOW, received_by=hotline, **more
        )


async def written(province: Province) -> list[Any]:
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        return list((await connection.execute(select(table(Notice)).order_by(table(Notice).c.id))).all())


async def told(province: Province) -> set[str]:
    return {province.name(row.person_id) for row in await written(province)}


async def test_at_receipt_the_cpo_on_duty_hears_and_nobody_else(database: Any, province: Province) -> None:
    case = await province.case("HN-B")
    await first(database, case)
    assert await told(province) == {await province.on_shift("HN-B", "CPO", NOW)}
    assert {row.channel for row in await written(province)} == {"inbox", "email", "sms"}
    assert {row.kind for row in await written(province)} == {"report_received"}


async def test_flagged_the_supervisor_and_the_province_s_desk_hear_too(database: Any, province: Province) -> None:
    case = await province.case("HN-B", flagged=True)
    await first(database, case, flagged=True)
    assert await told(province) == {
        await province.on_shift("HN-B", "CPO", NOW),
        "sup.b",
        await province.on_shift("HN-SYT", "DOHD", NOW),
    }
    assert "voice" in {row.channel for row in await written(province)}


async def test_with_the_cpo_out_of_reach_the_supervisor_hears_at_once(database: Any, province: Province) -> None:
    case = await province.case("HN-B")
    await province.absent("cpo.b")
    await province.absent("cpo2.b")
    assert not (await first(database, case)).nobody
    assert await told(province) == {"sup.b"}


async def test_with_the_whole_office_out_of_reach_the_province_hears(database: Any, province: Province) -> None:
    case = await province.case("HN-B")
    await province.end_positions("cpo.b", "cpo2.b", "sup.b")
    await first(database, case)
    assert await told(province) == {await province.on_shift("HN-SYT", "DOHD", NOW)}


async def test_with_nobody_at_all_it_says_so(database: Any, province: Province) -> None:
    case = await province.case("HN-B")
    await province.end_positions("cpo.b", "cpo2.b", "sup.b", "dohd", "dohd.2", "dohd.3")
    assert (await first(database, case)).nobody
    assert await written(province) == []


async def test_a_case_no_commune_holds_is_the_province_s_from_the_first_minute(
    database: Any, province: Province
) -> None:
    case = await province.case(None)
    await first(database, case)
    assert await told(province) == {await province.on_shift("HN-SYT", "DOHD", NOW)}


async def test_the_same_receipt_recorded_twice_tells_once(database: Any, province: Province) -> None:
    case = await province.case()
    await first(database, case)
    before = await written(province)
    await first(database, case)
    assert await written(province) == before


async def say(database: Any, case: CasePlace, kind: str, **more: Any) -> Resolution:
    async with transaction(database.worker, Who(system="rung", case_id=case.id), NOW) as connection:
        return await tell(connection, case, kind, at=NOW, **({"reference": REPORT} | more))


async def test_the_chair_is_told_at_once_and_her_vice_chair_while_she_is_away(
    database: Any, province: Province
) -> None:
    case = await province.case()
    await say(database, case, "emergency_ruled_out", roles=["CHAIR"], clock_unit="H")
    assert await told(province) == {"chair.a"}
    await province.absent("chair.a")
    await say(database, case, "emergency_ruled_out", roles=["CHAIR"], clock_unit="H", reference=uuid4())
    assert await told(province) == {"chair.a", "vch.a"}


async def test_two_occasions_of_one_kind_are_two_notices_and_one_repeated_is_one(
    database: Any, province: Province
) -> None:
    case = await province.case()
    for reference in (REPORT, REPORT, uuid4()):
        await say(database, case, "told", roles=["SUP"], reference=reference)
    rows = [row for row in await written(province) if row.channel == "inbox"]
    assert len(rows) == 2


async def test_a_kind_without_words_is_refused_before_anything_is_written(database: Any, province: Province) -> None:
    case = await province.case()
    with pytest.raises(KeyError):
        await say(database, case, "gossip", roles=["SUP"])
    assert await written(province) == []


async def test_somebody_without_an_address_is_told_where_they_can_be(database: Any, province: Province) -> None:
    case = await province.case()
    occasion = Occasion("told", {"unit": "H"}, "H", NOW, reference="x", by_voice=True)
    nobody_s_phone = Recipient(province.person("sup.a"), "SUP", email=None, phone=None)
    async with transaction(database.worker, Who(system="rung", case_id=case.id), NOW) as connection:
        await write_notices(connection, case, [nobody_s_phone], occasion, NOW)
    assert [row.channel for row in await written(province)] == ["inbox"]


async def test_the_id_of_a_notice_tells_case_occasion_person_and_channel_apart() -> None:
    a, b = uuid4(), uuid4()
    ids = {
        notice_id(case, occasion, person, channel)
        for case in (a, b)
        for occasion in ("d/1", "d/2")
        for person in (a, b)
        for channel in ("sms", "email")
    }
    assert len(ids) == 16
    assert notice_id(a, "d/1", b, "sms") == notice_id(a, "d/1", b, "sms")


async def test_the_inbox_shows_the_newest_first_page_by_page_and_nothing_before_its_hour(
    database: Any, province: Province
) -> None:
    case, sup = await province.case(), province.person("sup.a")
    person = Recipient(sup, "SUP")
    async with transaction(database.worker, Who(system="rung", case_id=case.id), NOW) as connection:
        for number in range(5):
            occasion = Occasion("told", {}, "day", NOW + timedelta(hours=number), reference=str(number))
            await write_notices(connection, case, [person], occasion, NOW)
    seen: list[Any] = []
    async with transaction(database.api, province.who("sup.a"), NOW) as connection:
        assert len(await inbox(connection, sup, NOW)) == 1
        at, before = NOW + timedelta(hours=3), None
        while page := await inbox(connection, sup, at, before=before, limit=2):
            seen += page
            before = (page[-1].deliver_at, page[-1].id)
        assert [row.deliver_at - NOW for row in seen] == [timedelta(hours=h) for h in (3, 2, 1, 0)]
        assert await mark_seen(connection, sup, [seen[0].id, seen[1].id], at) == 2
        assert await mark_seen(connection, sup, [seen[0].id], at + timedelta(hours=1)) == 0
        assert await mark_seen(connection, province.person("chair.a"), [seen[2].id], at) == 0
        assert len(await inbox(connection, sup, at, unseen_only=True)) == 2


async def test_an_inbox_forgets_a_case_its_owner_was_recused_from(database: Any, province: Province) -> None:
    case, sup = await province.case(), province.person("sup.a")
    await say(database, case, "told", roles=["SUP"])
    async with transaction(database.api, province.who("sup.a"), NOW) as connection:
        assert len(await inbox(connection, sup, NOW)) == 1
    await province.recuse(case, "sup.a")
    async with transaction(database.api, province.who("sup.a"), NOW) as connection:
        assert len(await inbox(connection, sup, NOW)) == 0


async def test_a_call_stays_on_the_list_until_somebody_was_reached(database: Any, province: Province) -> None:
    case, lead = await province.case(), province.person("h111s")
    hotline, desk = province.unit("111"), province.unit("HN-SYT")
    async with transaction(database.worker, Who(system="rung", case_id=case.id), NOW) as connection:
        for _ in range(2):
            await ask_to_call(
                connection,
                case_id=case.id,
                persons=[province.person("prov")],
                reason="escalation",
                occasion="d/4",
                escalation_id=None,
                caller_unit_id=hotline,
                at=NOW,
            )
    async with transaction(database.api, province.who("h111s"), NOW) as connection:
        assert await open_calls(connection, desk, reader=lead, at=NOW) == []
        (call,) = await open_calls(connection, hotline, reader=lead, at=NOW)
        assert await record_call(connection, call.id, person_id=lead, outcome="no_answer", at=NOW)
        (again,) = await open_calls(connection, hotline, reader=lead, at=NOW)
        assert (again.outcome, again.called_by) == ("no_answer", lead)
        assert await record_call(connection, call.id, person_id=lead, outcome="reached", at=NOW)
        assert await open_calls(connection, hotline, reader=lead, at=NOW) == []
        assert not await record_call(connection, call.id, person_id=lead, outcome="reached", at=NOW)
        with pytest.raises(ValueError, match="no outcome"):
            await record_call(connection, call.id, person_id=lead, outcome="perhaps", at=NOW)


async def test_a_call_that_fell_to_no_office_is_the_nation_s_and_none_is_shown_to_the_recused(
    database: Any, province: Province
) -> None:
    case, hotline = await province.case(), province.unit("111")
    async with transaction(database.worker, Who(system="rung", case_id=case.id), NOW) as connection:
        for occasion, office in (("a", None), ("b", hotline)):
            await ask_to_call(
                connection, case_id=case.id, persons=[province.person("prov")], reason="escalation", occasion=occasion,
                escalation_id=None, caller_unit_id=office, at=NOW,
            )  # fmt: skip

    async def offices(reader: str, **more: Any) -> list[Any]:
        async with transaction(database.api, province.who(reader), NOW) as connection:
            found = await open_calls(connection, hotline, reader=province.person(reader), at=NOW, **more)
        return sorted((one.caller_unit_id for one in found), key=str)

    assert await offices("h111s") == [hotline]
    assert await offices("nat", strays=True) == [None]
    await province.recuse(case, "h111s")
    assert await offices("h111s") == []


async def test_a_case_no_commune_holds_is_told_to_somebody_wherever_it_came_from(
    database: Any, province: Province
) -> None:
    case = await province.case(None)
    await province.second_province()
    await first(database, case)
    assert await told(province) == {await province.on_shift("HN-SYT", "DOHD", NOW), "dohd.t2"}


async def test_with_no_duty_desk_at_all_it_is_the_hotlines_shift_lead(database: Any, province: Province) -> None:
    case = await province.case(None)
    await province.end_positions("dohd", "dohd.2", "dohd.3")
    await first(database, case)
    assert await told(province) == {await province.on_shift("111", "H111S", NOW)}


async def test_a_notice_says_by_when(database: Any, province: Province) -> None:
    case = await province.case()
    clock = ladder(case, "ban_decision", "12 H", rung(1, "E2", "6 H", NOW + timedelta(hours=6)))
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        await store(connection, case, clock)
    await say(database, case, "waits_for_you", roles=["CHAIR"], clock_unit="H", deadline=clock)
    rows = await written(province)
    assert {row.deadline_id for row in rows} == {clock.id}
    shown = render("waits_for_you", rows[0]._mapping["values"], "vi", "https://x.test")
    assert "trước 21:00 ngày 23/11/2026" in shown.body

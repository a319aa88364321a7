"""Escalations are answered by whom they went to or somebody above, and listed by person, unit and age."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import insert, select

from api.queries.escalations import Wanted, page, recipients
from models.database import Who, transaction
from models.records.actor import Acting
from models.records.escalations import Answered, NotAnswered, acknowledge, settle
from models.records.people import CasePlace
from models.tables import AuditEntry, Escalation, EscalationRecipient, Rung, new_id, table
from tests.people_support import NOW, Province, ladder, load_province, rung, store

HOUR = timedelta(hours=1)


@pytest_asyncio.fixture
async def province(database: Any) -> Province:
    return await load_province(database.owner)


def acting(province: Province, username: str) -> Acting:
    account = next(one for one in province.sample.accounts if one.username == username)
    return Acting(account.person_id, account.position_id, province.unit(account.unit), account.role)


async def escalated(
    province: Province,
    case: CasePlace,
    level: str = "E1",
    *to: str,
    watching: tuple[str, ...] = (),
    hours: float = 0,
) -> UUID:
    made = new_id()
    clock = ladder(case, "emergency_12h", "12 H", rung(1, level, "2 H", NOW + HOUR), occurrence=uuid4().int % 10**6)
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        await store(connection, case, clock)
        await connection.execute(
            insert(table(Escalation)).values(
                id=made,
                case_id=case.id,
                deadline_id=clock.id,
                ordinal=1,
                level=level,
                unit_id=case.unit_id,
                state="open",
                nobody=not to,
                opened_at=NOW + timedelta(hours=hours),
            )
        )
        for name in (*to, *watching):
            await connection.execute(
                insert(table(EscalationRecipient)).values(
                    escalation_id=made, person_id=province.person(name), role="SUP", watching=name in watching
                )
            )
    return made


async def answer(database: Any, province: Province, escalation: UUID, username: str) -> Answered | NotAnswered:
    actor = acting(province, username)
    async with transaction(database.api, Who(actor.person_id, actor.position_id), NOW) as connection:
        return await acknowledge(connection, escalation, actor=actor, at=NOW)


async def finish(database: Any, province: Province, escalation: UUID, username: str) -> Answered | NotAnswered:
    actor = acting(province, username)
    async with transaction(database.api, Who(actor.person_id, actor.position_id), NOW) as connection:
        return await settle(connection, escalation, actor=actor, resolution="Đã đến nhà trẻ", at=NOW)


async def row(province: Province, escalation: UUID) -> Any:
    of = table(Escalation)
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        return (await connection.execute(select(of).where(of.c.id == escalation))).one()


async def test_whom_it_went_to_acknowledges_and_then_says_what_was_done(database: Any, province: Province) -> None:
    one = await escalated(province, await province.case(), "E1", "sup.a")
    assert isinstance(await answer(database, province, one, "sup.a"), Answered)
    assert (await row(province, one)).state == "acknowledged"
    assert isinstance(await finish(database, province, one, "sup.a"), Answered)
    now = await row(province, one)
    assert (now.state, now.resolution, now.acknowledged_by) == ("resolved", "Đã đến nhà trẻ", province.person("sup.a"))


async def test_answering_leaves_the_ladder_as_it_was(database: Any, province: Province) -> None:
    case = await province.case()
    one = await escalated(province, case, "E1", "sup.a")
    await finish(database, province, one, "sup.a")
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        states = await connection.execute(select(table(Rung).c.state).where(table(Rung).c.case_id == case.id))
        assert list(states.scalars()) == ["planned"]


@pytest.mark.parametrize(
    ("level", "username", "refused"),
    [
        ("E1", "chair.a", None),  # above, of the same commune
        ("E1", "vch.a", None),
        ("E1", "dohd", None),  # above, of the province
        ("E1", "prov", None),
        ("E1", "nat", "unknown"),  # above everybody, but it is told of what reached it only
        ("E1", "cpo.a", "not-yours"),  # below
        ("E1", "chair.b", "unknown"),  # as high, elsewhere
        ("E2", "sup.a", "not-yours"),
        ("E3", "chair.a", "not-yours"),
        ("E3", "doh", "not-yours"),  # as high, and it did not go to them
        ("E3", "prov", None),
        ("E4", "prov", "not-yours"),
        ("E1", "h111s", "unknown"),  # not on the ladder
        ("E1", "admin", "unknown"),
        ("E1", "pol.a", "unknown"),
    ],
)
async def test_above_is_a_higher_role_in_line_with_the_unit(
    database: Any, province: Province, level: str, username: str, refused: Any
) -> None:
    one = await escalated(province, await province.case(), level, "wu.d")
    result = await answer(database, province, one, username)
    assert isinstance(result, Answered) if refused is None else result == NotAnswered(refused)


async def test_what_reached_the_nation_the_nation_answers(database: Any, province: Province) -> None:
    one = await escalated(province, await province.case(), "E4", "nat")
    assert isinstance(await answer(database, province, one, "nat"), Answered)


async def test_watching_is_not_having_been_asked(database: Any, province: Province) -> None:
    one = await escalated(province, await province.case(), "E3", "dohd", watching=("h111s",))
    assert await answer(database, province, one, "h111s") == NotAnswered("not-yours")


async def test_the_recused_do_not_even_learn_that_there_is_one(database: Any, province: Province) -> None:
    case = await province.case()
    one = await escalated(province, case, "E1", "sup.a")
    await province.recuse(case, "sup.a")
    await province.recuse(case, "chair.a")
    assert await answer(database, province, one, "sup.a") == NotAnswered("unknown")
    assert await finish(database, province, one, "chair.a") == NotAnswered("unknown")
    assert await answer(database, province, uuid4(), "sup.a") == NotAnswered("unknown")


async def test_the_decider_named_for_the_case_stands_where_the_chair_stood(database: Any, province: Province) -> None:
    case = await province.case()
    one = await escalated(province, case, "E1", "sup.a")
    assert await answer(database, province, one, "chair.b") == NotAnswered("unknown")
    await province.delegate(case, "chair.b")
    assert isinstance(await answer(database, province, one, "chair.b"), Answered)


async def test_the_first_to_acknowledge_holds_it_and_the_second_hears_who(database: Any, province: Province) -> None:
    one = await escalated(province, await province.case(), "E1", "sup.a")
    await answer(database, province, one, "sup.a")
    assert await answer(database, province, one, "chair.a") == NotAnswered(
        "already-acknowledged", province.person("sup.a")
    )
    assert isinstance(await answer(database, province, one, "sup.a"), Answered)
    assert isinstance(await finish(database, province, one, "chair.a"), Answered)
    assert await finish(database, province, one, "sup.a") == NotAnswered("already-resolved", province.person("chair.a"))
    assert (await row(province, one)).acknowledged_by == province.person("sup.a")


async def test_every_answer_is_audited_refusals_too_and_without_the_words(database: Any, province: Province) -> None:
    one = await escalated(province, await province.case(), "E1", "sup.a")
    await answer(database, province, one, "cpo.a")
    await finish(database, province, one, "sup.a")
    of = table(AuditEntry)
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        entries = (await connection.execute(select(of).where(of.c.record_id == one).order_by(of.c.id))).all()
    assert [(e.action, e.outcome, e.code) for e in entries] == [
        ("acknowledge_escalation", "refused", "not-yours"),
        ("resolve_escalation", "done", None),
    ]
    assert "nhà trẻ" not in str(entries)


async def test_what_was_done_must_be_said(database: Any, province: Province) -> None:
    one = await escalated(province, await province.case(), "E1", "sup.a")
    actor = acting(province, "sup.a")
    async with transaction(database.api, Who(actor.person_id, actor.position_id), NOW) as connection:
        with pytest.raises(ValueError, match="what was done"):
            await settle(connection, one, actor=actor, resolution="  ", at=NOW)


async def test_they_list_by_person_unit_age_and_state_oldest_first(database: Any, province: Province) -> None:
    a, b = await province.case("HN-A"), await province.case("HN-B")
    third = await escalated(province, a, "E1", "sup.a", hours=3)
    first = await escalated(province, a, "E3", "doh", watching=("sup.a",), hours=1)
    second = await escalated(province, b, "E1", "sup.b", hours=2)
    reader = acting(province, "doh")

    async def listed(wanted: Wanted, **more: Any) -> list[UUID]:
        async with transaction(database.api, Who(reader.person_id, reader.position_id), NOW) as connection:
            return [
                one.id for one in await page(connection, reader, NOW, wanted, **({"after": None, "limit": 9} | more))
            ]

    assert await listed(Wanted()) == [first, second, third]
    assert await listed(Wanted(), limit=2) == [first, second]
    assert await listed(Wanted(), after=(NOW + 2 * HOUR, second)) == [third]
    assert await listed(Wanted(mine=True)) == [first]
    assert await listed(Wanted(unit_code="HN-B")) == [second]
    assert await listed(Wanted(levels=["E1"])) == [second, third]
    assert await listed(Wanted(case_id=a.id)) == [first, third]
    assert await listed(Wanted(opened_before=NOW + 2 * HOUR)) == [first, second]
    await finish(database, province, third, "sup.a")
    assert await listed(Wanted(states=["open"])) == [first, second]

    async def went() -> list[tuple[str, bool]]:
        async with transaction(database.api, Who(reader.person_id, reader.position_id), NOW) as connection:
            return [(province.name(r.person_id), r.watching) for r in await recipients(connection, [first])]

    assert await went() == [("doh", False), ("sup.a", True)]
    await province.recuse(a, "doh")
    assert await listed(Wanted()) == [second]
    assert await went() == []


async def test_the_vice_chair_of_a_recused_chair_keeps_out_until_named(database: Any, province: Province) -> None:
    case = await province.case()
    one = await escalated(province, case, "E1", "sup.a")
    await province.recuse(case, "chair.a")
    assert await answer(database, province, one, "vch.a") == NotAnswered("unknown")
    assert isinstance(await answer(database, province, one, "dohd"), Answered)
    await province.delegate(case, "vch.a")
    assert isinstance(await finish(database, province, one, "vch.a"), Answered)

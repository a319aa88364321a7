"""Who a level or a role resolves to: unit, rota, absence, deputy, recusal and delegate, at one instant."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from models.database import Who, transaction
from models.records.people import CasePlace, ClockUnit, Resolution, resolve
from models.tables import Deputy, Position, Shift, UnitParent, table
from tests.people_support import NOW, Province, load_province

TET_NIGHT = datetime(2027, 2, 5, 16, 40, tzinfo=UTC)


@pytest_asyncio.fixture
async def province(database: Any) -> Province:
    return await load_province(database.owner)


async def who(
    province: Province, case: CasePlace, level: str = "", *, at: datetime = NOW, unit: ClockUnit = "H", **more: Any
) -> Resolution:
    async with transaction(province.engine, Who(system="test"), at) as connection:
        return await resolve(connection, case=case, level=level or None, at=at, clock_unit=unit, **more)


async def test_each_level_goes_to_the_people_of_the_cases_own_place(province: Province) -> None:
    case = await province.case("HN-B", owner="cpo.b")
    on_duty = await province.on_shift("HN-B", "CPO", NOW)
    desk, lead = await province.on_shift("HN-SYT", "DOHD", NOW), await province.on_shift("111", "H111S", NOW)
    expected = {"E0": [on_duty], "E1": ["sup.b"], "E2": ["chair.b"], "E3": [desk, lead], "E4": ["prov", "nat"]}
    assert {level: province.names((await who(province, case, level)).recipients) for level in expected} == expected


async def test_the_shift_lead_only_watches(province: Province) -> None:
    found = await who(province, await province.case(), "E3")
    assert [(one.role, one.watching) for one in found.recipients] == [("DOHD", False), ("H111S", True)]
    assert (found.hotline_unit, found.duty_unit) == (province.unit("111"), province.unit("HN-SYT"))


async def test_watching_alone_is_nobody(province: Province) -> None:
    await province.end_positions("dohd", "dohd.2", "dohd.3")
    found = await who(province, await province.case(), "E3")
    assert [one.role for one in found.recipients] == ["H111S"]
    assert found.nobody


async def test_what_goes_to_the_province_is_on_record_for_the_nation(province: Province) -> None:
    found = await who(province, await province.case(), "E4")
    assert [(one.role, one.watching, one.informed) for one in found.recipients] == [
        ("PROV", False, False),
        ("NAT", True, True),
    ]
    assert (found.alert, found.nobody) == (False, False)


async def test_a_nation_nobody_serves_leaves_the_province_reached(province: Province) -> None:
    await province.end_positions("nat")
    found = await who(province, await province.case(), "E4")
    assert (province.names(found.recipients), found.alert, found.nobody) == (["prov"], False, False)


async def test_for_hours_the_rota_decides_at_the_very_minute_it_changes(province: Province) -> None:
    case = await province.case()
    turn = datetime(2027, 2, 6, 1, tzinfo=UTC)  # 08:00 at Hà Nội
    before = province.names((await who(province, case, roles=["CPO"], at=turn - timedelta(minutes=1))).recipients)
    after = province.names((await who(province, case, roles=["CPO"], at=turn)).recipients)
    assert [before, after] == [["cpo.a"], ["cpo2.a"]] or [before, after] == [["cpo2.a"], ["cpo.a"]]


async def test_a_role_without_any_rota_is_reached_by_position_at_night_too(province: Province) -> None:
    case = await province.case()
    assert province.names((await who(province, case, "E1", at=TET_NIGHT)).recipients) == ["sup.a"]


async def test_a_hole_in_the_rota_is_nobody_for_hours_and_the_holders_for_days(province: Province) -> None:
    case = await province.case()
    after_the_rota = NOW + timedelta(weeks=40)
    hours = await who(province, case, roles=["CPO"], at=after_the_rota)
    assert (hours.recipients, hours.nobody, hours.why) == ((), True, ("off-duty",))
    days = await who(province, case, roles=["CPO"], at=after_the_rota, unit="day")
    assert sorted(province.names(days.recipients)) == ["cpo.a", "cpo2.a"]


async def test_an_owner_off_duty_at_night_leaves_it_to_the_one_on_duty(province: Province) -> None:
    on_duty = await province.on_shift("HN-A", "CPO", TET_NIGHT)
    other = {"cpo.a": "cpo2.a", "cpo2.a": "cpo.a"}[on_duty]
    case = await province.case(owner=other)
    night = await who(province, case, "E0", at=TET_NIGHT)
    assert (province.names(night.recipients), night.why) == ([on_duty], ("owner-off-duty",))
    assert province.names((await who(province, case, "E0", at=TET_NIGHT, unit="day")).recipients) == [other]


async def test_without_an_owner_it_is_the_cpo_on_duty(province: Province) -> None:
    found = await who(province, await province.case(), "E0", unit="day")
    assert province.names(found.recipients) == [await province.on_shift("HN-A", "CPO", NOW)]
    assert "no-owner" in found.why


async def test_an_absent_owner_is_stood_in_for_by_the_named_deputy(province: Province) -> None:
    case = await province.case(owner="cpo.a")
    await province.absent("cpo.a")
    found = await who(province, case, "E0", unit="day")
    assert province.names(found.recipients) == ["cpo2.a"]
    assert found.recipients[0].stands_for == province.person("cpo.a")


async def test_an_owner_who_left_the_office_is_not_told(province: Province) -> None:
    case = await province.case(owner="cpo.a")
    await province.end_positions("cpo.a")
    await province.without_rota("HN-A", "CPO")
    found = await who(province, case, "E0")
    assert province.names(found.recipients) == ["cpo2.a"]
    assert "owner-left" in found.why


async def test_with_the_chair_away_the_vice_chair_is_told(province: Province) -> None:
    case = await province.case()
    await province.absent("chair.a")
    found = await who(province, case, "E2")
    assert [(province.name(one.person_id), one.role) for one in found.recipients] == [("vch.a", "VCH")]


async def test_with_the_chair_away_and_no_deputy_named_the_vice_chair_is_told_all_the_same(province: Province) -> None:
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        await connection.execute(table(Deputy).delete())
    await province.absent("chair.a")
    found = await who(province, await province.case(), "E2")
    assert (province.names(found.recipients), "chair-away" in found.why) == (["vch.a"], True)


async def test_the_absence_ends_to_the_minute(province: Province) -> None:
    case = await province.case()
    await province.absent("chair.a", since=NOW - timedelta(days=1), days=1)
    assert province.names((await who(province, case, "E2")).recipients) == ["chair.a"]
    earlier = await who(province, case, "E2", at=NOW - timedelta(minutes=1))
    assert province.names(earlier.recipients) == ["vch.a"]


async def test_a_deputy_who_is_away_too_passes_it_on_and_a_circle_ends(province: Province) -> None:
    case = await province.case(owner="cpo.a")
    await province.absent("cpo.a")
    await province.absent("cpo2.a")
    found = await who(province, case, "E0")
    assert (found.recipients, found.nobody) == ((), True)


async def test_the_recused_and_those_who_stand_in_for_them_are_left_out(province: Province) -> None:
    case = await province.case()
    await province.recuse(case, "chair.a")
    found = await who(province, case, "E2")
    assert (found.recipients, found.nobody, found.why) == ((), True, ("recused",))
    untouched = await province.case()
    assert province.names((await who(province, untouched, "E2")).recipients) == ["chair.a"]


async def test_a_recused_supervisor_who_is_away_is_not_stood_in_for(province: Province) -> None:
    case = await province.case()
    await province.recuse(case, "sup.a")
    await province.absent("sup.a")
    assert (await who(province, case, "E1", unit="day")).nobody


async def test_a_recused_deputy_is_not_told(province: Province) -> None:
    case = await province.case()
    await province.absent("chair.a")
    await province.recuse(case, "vch.a")
    assert (await who(province, case, "E2")).nobody


@pytest.mark.parametrize("level", ["E1", "E2"])
async def test_the_decider_named_for_the_case_gets_what_went_to_sup_and_chair(province: Province, level: str) -> None:
    case = await province.case()
    await province.recuse(case, "chair.a")
    await province.delegate(case, "chair.b")
    found = await who(province, case, level)
    assert [(province.name(one.person_id), one.role) for one in found.recipients] == [("chair.b", "DEL")]


async def test_a_decider_out_of_reach_does_not_bring_back_the_recused(province: Province) -> None:
    case = await province.case()
    await province.recuse(case, "chair.a")
    await province.delegate(case, "chair.b")
    await province.absent("chair.b")
    assert (await who(province, case, "E2")).nobody
    assert province.names((await who(province, case, "E1")).recipients) == ["sup.a"]


async def test_a_recused_person_on_shift_is_left_out_and_the_desk_is_nobody(province: Province) -> None:
    case = await province.case()
    await province.recuse(case, await province.on_shift("HN-SYT", "DOHD", NOW))
    assert (await who(province, case, "E3")).nobody


async def test_with_nobody_at_the_province_the_nation_and_the_operator_hear(province: Province) -> None:
    await province.absent("prov")
    found = await who(province, await province.case(), "E4")
    assert (province.names(found.recipients), found.alert, found.nobody) == (["nat"], True, False)
    assert [(one.watching, one.informed) for one in found.recipients] == [(False, False)]
    assert "national-instead" in found.why


async def test_positions_count_from_their_first_to_before_their_last_instant(province: Province) -> None:
    case = await province.case("HN-C")
    await province.end_positions("sup.c")
    await province.add(
        Position,
        person_id=province.person("cpo2.c"),
        unit_id=province.unit("HN-C"),
        role="SUP",
        valid_from=NOW + timedelta(hours=1),
    )
    assert (await who(province, case, "E1")).why == ("no-holder",)
    later = await who(province, case, "E1", at=NOW + timedelta(hours=1))
    assert province.names(later.recipients) == ["cpo2.c"]


async def test_a_commune_that_moved_is_under_its_new_province_from_that_day(province: Province) -> None:
    case = await province.case("HN-D")
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        parents = table(UnitParent)
        await connection.execute(
            parents.update().where(parents.c.unit_id == province.unit("HN-D")).values(valid_to=NOW)
        )
    await province.add(UnitParent, unit_id=province.unit("HN-D"), parent_id=province.unit("HN-BV"), valid_from=NOW)
    for user in ("hlt",):
        await province.add(
            Position, person_id=province.person(user), unit_id=province.unit("HN-BV"), role="DOHD", valid_from=NOW
        )
    before = await who(province, case, "E3", at=NOW - timedelta(minutes=1))
    assert province.names(before.acting) == [await province.on_shift("HN-SYT", "DOHD", NOW)]
    assert province.names((await who(province, case, "E3")).acting) == ["hlt"]


async def test_a_case_no_commune_holds_goes_to_the_only_province_there_is(province: Province) -> None:
    case = await province.case(None)
    assert [one.role for one in (await who(province, case, "E3")).acting] == ["DOHD"]
    assert province.names((await who(province, case, "E4")).acting) == ["prov"]


async def test_somebody_on_the_rota_who_has_left_is_not_told(province: Province) -> None:
    on_duty = await province.on_shift("HN-A", "CPO", NOW)
    await province.end_positions(on_duty)
    found = await who(province, await province.case(), roles=["CPO"])
    assert found.nobody


async def test_one_person_in_two_roles_is_told_once_and_acts(province: Province) -> None:
    desk = await province.on_shift("HN-SYT", "DOHD", NOW)
    await province.add(
        Shift,
        unit_id=province.unit("111"),
        role="H111S",
        person_id=province.person(desk),
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=1),
    )
    found = await who(province, await province.case(), "E3")
    assert [one.watching for one in found.recipients if one.person_id == province.person(desk)] == [False]


async def test_the_order_is_the_same_every_time(province: Province) -> None:
    case = await province.case()
    asked = [await who(province, case, roles=["CPO", "SUP", "DOHD"], unit="day") for _ in range(3)]
    assert asked[0] == asked[1] == asked[2]


async def test_people_named_one_by_one_are_told_unless_recused(province: Province) -> None:
    case = await province.case()
    await province.recuse(case, "pol.a")
    people = [province.person("pol.a"), province.person("wu.a")]
    assert province.names((await who(province, case, persons=people)).recipients) == ["wu.a"]


async def test_a_case_nobody_holds_reaches_the_duty_desk_of_every_province_and_only_that(province: Province) -> None:
    case = await province.case(None)
    await province.second_province()
    found = await who(province, case, roles=["DOHD"])
    assert set(province.names(found.recipients)) == {await province.on_shift("HN-SYT", "DOHD", NOW), "dohd.t2"}
    # Whose province it is nobody knows: no province's committee is told, and no one desk is the one that phones.
    last = await who(province, case, "E4")
    assert province.names(last.recipients) == ["nat"]
    assert last.alert
    assert (last.duty_unit, last.hotline_unit) == (None, province.unit("111"))


async def test_a_case_nobody_holds_stays_with_the_receivers_own_province(province: Province) -> None:
    case = await province.case(None)
    await province.second_province()
    found = await who(province, case, roles=["DOHD"], unit_id=province.unit("HN-BV"))
    assert province.names(found.recipients) == [await province.on_shift("HN-SYT", "DOHD", NOW)]

"""Communes are merged, split and renamed as on 1 July 2025: cases, clocks and people follow, and the history stays."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from deploy.runtime.postgres import Postgres
from deploy.runtime.temporal import Temporal
from models.records.directory import capable
from models.tables import (
    AuditEntry,
    CaseEvent,
    CaseFile,
    Deadline,
    Escalation,
    EscalationRecipient,
    Position,
    Unit,
    UnitChange,
)
from tests.api_support import Door, door_of
from tests.world import HOUR, Case, World, a_world, client_of, eventually

pytestmark = pytest.mark.servers

MERGE: dict[str, Any] = {
    "kind": "merge", "predecessors": ["HN-B"], "successor": "HN-A", "decision": "Nghị quyết số 01 (mẫu)",
    "decided_on": "2026-11-20",
}  # fmt: skip


@asynccontextmanager
async def a_place(postgres: Postgres, temporal: Temporal, key_file: Path) -> AsyncIterator[tuple[World, Door]]:
    """A whole service of its own: what is merged stays merged."""
    async with a_world(postgres, await client_of(temporal, key_file)) as world, door_of(world) as door:
        yield world, door


@pytest_asyncio.fixture
async def place(postgres: Postgres, temporal_process: Temporal, key_file: Path) -> AsyncIterator[tuple[World, Door]]:
    async with a_place(postgres, temporal_process, key_file) as made:
        yield made


async def act(door: Door, body: dict[str, Any], *, dry: bool = False) -> dict[str, Any]:
    answer = await door.post("admin", "/unit-changes", {**body, "dry_run": dry})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def everything(world: World) -> dict[str, int]:
    """How many rows there are, and what the rows of cases and units are, in one number each."""
    names = (
        "unit", "unit_parent", "unit_change", "position", "shift", "deputy", "provider_name", "capability", "contact",
        "area_place", "case_file", "case_event", "deadline",
    )  # fmt: skip
    async with world.as_owner() as connection:
        return {
            name: (
                await connection.execute(text(f"SELECT coalesce(sum(hashtext(t::text)::bigint), 0) FROM {name} t"))
            ).scalar_one()
            for name in names
        }


async def deadlines(case: Case) -> list[tuple[Any, ...]]:
    return [(one.id, one.code, one.status, one.started_at, one.due_at, one.clock) for one in await case.rows(Deadline)]


async def test_in_a_merge_open_cases_keep_their_clocks_and_escalate_to_the_new_units_people(
    place: tuple[World, Door],
) -> None:
    world, door = place
    # Taken in five hours ago, and its workflow not started: its rungs fire after the merge.
    (late,) = await world.report("pol.b", unit="HN-B", ago=5 * HOUR, recorded=5 * HOUR, start=False, flagged=True,
                                 trigger="LIFE")  # fmt: skip
    running = await (await (await world.case(by="cpo.b", unit="HN-B")).accepted("cpo.b")).seen()
    elsewhere = await (await world.case(unit="HN-C")).seen()
    before = {case.id: (await deadlines(case), await case.row()) for case in (late, running, elsewhere)}

    # The dry run says what would move, and moves nothing.
    still = await everything(world)
    told = await act(door, MERGE, dry=True)
    assert await everything(world) == still
    assert told["moved"]["cases"] == 2
    assert (told["for_a_person"], told["dry_run"]) == ([], True)
    assert {(one["role"], one["unit_code"]) for one in told["positions_ended"]} == {("CHAIR", "HN-B"), ("SUP", "HN-B")}

    done = await act(door, MERGE)
    assert {name: done[name] for name in ("moved", "positions_ended", "for_a_person")} == {
        name: told[name] for name in ("moved", "positions_ended", "for_a_person")
    }
    a, b = world.unit("HN-A"), world.unit("HN-B")
    for case in (late, running):
        clocks, row = before[case.id]
        now = await case.row()
        assert await deadlines(case) == clocks, "a clock was moved"
        assert (now.unit_id, now.incident_unit_id) == (a, a)
        assert (now.id, now.code, now.process, now.owner_id) == (row.id, row.code, row.process, row.owner_id)
        (event,) = await case.rows(CaseEvent, event="follow_unit")
        assert (event.sequence, now.sequence) == (row.sequence + 1, row.sequence + 1)
        assert (event.facts["from_unit"], event.facts["to_unit"]) == (str(b), str(a))
        assert event.actor_id == world.person("admin")
        (entry,) = await case.rows(AuditEntry, action="follow_unit")
        assert entry.chain_seq is not None
    left, was = await elsewhere.row(), before[elsewhere.id][1]
    assert (left.unit_id, left.sequence, left.updated_at) == (was.unit_id, was.sequence, was.updated_at)

    # Whoever is told now is somebody of the new unit.
    await world.desk.start(late.id)

    async def escalated() -> list[Any]:
        found = [one for one in await late.rows(Escalation) if one.level in {"E1", "E2"}]
        return found if {one.level for one in found} == {"E1", "E2"} else []

    told_to: dict[str, set[UUID]] = {"E1": set(), "E2": set()}
    for one in await eventually(escalated):
        assert one.unit_id in (a, None)
        for who in await world.rows(EscalationRecipient, escalation_id=one.id):
            told_to[one.level].add(who.person_id)
    assert told_to == {"E1": {world.person("sup.a")}, "E2": {world.person("chair.a")}}

    # The running workflow goes on, under the new unit's head; the old one's has nothing to say any more.
    assert await running.refused("assign_owner", "sup.b", owner_id=str(world.person("cpo2.a")))
    await running.do("assign_owner", "sup.a", owner_id=str(world.person("cpo2.a")))
    await eventually(running.in_step)
    assert (await door.get("sup.a", f"/cases/{running.id}")).status_code == 200
    timeline = (await door.get("sup.a", f"/cases/{running.id}/timeline")).json()
    (followed,) = [one for one in timeline if one["event"] == "follow_unit"]
    assert followed["label"]["vi"] == "Hồ sơ theo về đơn vị mới"


async def test_in_a_merge_people_rota_and_directory_go_over_and_nothing_is_lost(place: tuple[World, Door]) -> None:
    world, door = place
    a, b = world.unit("HN-A"), world.unit("HN-B")
    before = {(one.person_id, one.role) for one in await world.rows(Position, unit_id=b)}
    told = await act(door, MERGE)
    at = world.clock.now()
    open_in = {
        unit: {(one.person_id, one.role) for one in await world.rows(Position, unit_id=unit) if one.valid_to is None}
        for unit in (a, b)
    }
    gone = {(world.person("chair.b"), "CHAIR"), (world.person("sup.b"), "SUP")}
    assert open_in[b] == set()
    assert before - gone <= open_in[a]
    assert not gone & open_in[a]
    assert told["moved"]["positions"] == len(before) - 2
    async with world.as_owner() as connection:
        turns = (
            await connection.execute(
                text("SELECT unit_id, count(*) AS n FROM shift WHERE ends_at > :at AND unit_id IN (:a, :b) GROUP BY 1"),
                {"at": at, "a": a, "b": b},
            )
        ).all()
        asked = await capable(connection, service="police_report", unit_id=b, at=at, without=[])
        areas = (
            await connection.execute(
                text("SELECT count(*) FROM area_place WHERE unit_id = :a AND valid_to IS NULL"), {"a": a}
            )
        ).scalar_one()
    assert [row.unit_id for row in turns] == [a]
    assert told["moved"]["shifts"] > 100
    assert {one.unit_id for one in asked} == {a, world.unit("HN-CA")}
    assert len([one for one in asked if one.unit_id == a]) == 2
    assert areas == 6
    (old,) = await world.rows(Unit, id=b)
    assert old.valid_to is not None
    history = (await door.get("cpo.a", f"/units/{b}/history")).json()
    assert [(one["kind"], one["predecessor"]["code"], one["successor"]["code"], one["heir"]) for one in history] == [
        ("merge", "HN-B", "HN-A", True)
    ]
    assert (await door.get("cpo.a", f"/units/{a}/history")).json() == history
    # A case that still names the old unit, whoever writes it, goes to the heir.
    case = await world.case(unit="HN-C")
    await case.damage(unit_id=b, residence_unit_id=b)
    assert ((await case.row()).unit_id, (await case.row()).residence_unit_id) == (a, a)


async def test_a_renamed_unit_is_the_same_one_and_remembers_what_it_was_called(place: tuple[World, Door]) -> None:
    world, door = place
    body = {
        "kind": "rename", "unit": "HN-D", "name_vi": "Phường Sen Mới (mẫu)", "name_en": "Sen Mới Ward (sample)",
        "decision": "Nghị quyết số 02 (mẫu)", "decided_on": "2026-11-20",
    }  # fmt: skip
    unit = world.unit("HN-D")
    await act(door, body, dry=True)
    assert (await door.get("cpo.a", f"/units/{unit}")).json()["name_vi"] == "Phường Bến Sen (mẫu)"
    await act(door, body)
    renamed = (await door.get("cpo.a", f"/units/{unit}")).json()
    assert renamed["name_vi"] == "Phường Sen Mới (mẫu)"
    assert [one["name_vi"] for one in renamed["former_names"]] == ["Phường Bến Sen (mẫu)"]
    (entry,) = (await door.get("cpo.a", f"/units/{unit}/history")).json()
    assert (entry["predecessor"]["name_vi"], entry["successor"]["name_vi"]) == (
        "Phường Bến Sen (mẫu)", "Phường Sen Mới (mẫu)",
    )  # fmt: skip


async def new_commune(door: Door, code: str) -> None:
    body = {"code": code, "kind": "commune", "name_vi": f"Xã {code} (mẫu)", "name_en": f"{code} (sample)",
            "parent_id": str(door.unit("HN-SYT"))}  # fmt: skip
    assert (await door.post("admin", "/units", body)).status_code == 201


async def test_in_a_split_each_case_goes_by_its_area_and_the_rest_wait_for_a_person(place: tuple[World, Door]) -> None:
    world, door = place
    await new_commune(door, "HN-B1")
    await new_commune(door, "HN-B2")
    by_home, by_event, unknown = [await (await world.case(by="cpo.b", unit="HN-B")).seen() for _ in range(3)]
    for case, kind, area in (
        (by_home, "incident", "HN-B-01"), (by_home, "residence", "HN-B-02"), (by_event, "incident", "HN-B-02"),
    ):  # fmt: skip
        said = await door.post("cpo.b", f"/cases/{case.id}/areas", {"kind": kind, "area_code": area})
        assert said.status_code == 201, said.text
    body = {
        "kind": "split", "predecessor": "HN-B", "successors": ["HN-B1", "HN-B2"], "heir": "HN-B1",
        "areas": {"HN-B-01": "HN-B1", "HN-B-02": "HN-B2"}, "decision": "Nghị quyết số 03 (mẫu)",
        "decided_on": "2026-11-20",
    }  # fmt: skip
    still = await everything(world)
    told = await act(door, body, dry=True)
    assert await everything(world) == still
    assert told["for_a_person"] == [unknown.taken.code]
    done = await act(door, body)
    assert done["for_a_person"] == told["for_a_person"]
    units = {one.code: one.id for one in await world.rows(Unit)}
    one, two = units["HN-B1"], units["HN-B2"]
    held = {case.id: await case.row() for case in (by_home, by_event, unknown)}
    assert {case: row.unit_id for case, row in held.items()} == {by_home.id: two, by_event.id: two, unknown.id: one}
    assert held[by_home.id].incident_unit_id == one
    places = {row.code: row for row in await area_units(world)}
    assert {code: places[code].unit_id for code in ("HN-B-01", "HN-B-02", "HN-B-03")} == {
        "HN-B-01": one, "HN-B-02": two, "HN-B-03": one,
    }  # fmt: skip
    # A territory that was divided is served in all its parts.
    async with world.as_owner() as connection:
        for unit in (one, two):
            asked = await capable(connection, service="police_report", unit_id=unit, at=world.clock.now(), without=[])
            assert [(each.distance, each.unit_id) for each in asked] == [(0, one), (2, units["HN-CA"])]


async def area_units(world: World) -> Any:
    async with world.as_owner() as connection:
        return (
            await connection.execute(
                text(
                    "SELECT a.code, p.unit_id FROM residential_area a JOIN area_place p ON p.area_id = a.id "
                    "WHERE p.valid_to IS NULL"
                )
            )
        ).all()


@pytest.mark.parametrize(
    ("wrong", "path", "code"),
    [
        ({"successor": "HN-B"}, ["merge", "successor"], "same-unit"),
        ({"successor": "HN-SYT"}, ["merge", "successor"], "not-a-commune"),
        ({"predecessors": ["HN-Z"]}, ["merge", "predecessors", 0], "not-one-of-yours"),
        ({"predecessors": ["HN-B", "HN-B"]}, ["merge", "successor"], "same-unit"),
        ({"decided_on": "2027-01-01"}, ["merge", "decided_on"], "in-the-future"),
    ],
)
async def test_an_act_that_cannot_be_is_refused_and_names_the_field(
    place: tuple[World, Door], wrong: dict[str, Any], path: list[Any], code: str
) -> None:
    _, door = place
    answer = await door.post("admin", "/unit-changes", {**MERGE, **wrong, "dry_run": False})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"] == [{"path": ["body", *path], "code": code}]


async def test_the_api_moves_no_case_without_an_act_of_the_same_transaction(place: tuple[World, Door]) -> None:
    world, door = place
    case = await world.case(unit="HN-B")
    await act(door, MERGE)
    (said,) = await world.rows(UnitChange)
    moves = f'[{{"case_id": "{case.id}", "unit_id": "{world.unit("HN-C")}"}}]'
    (held,) = await world.rows(CaseFile, id=case.id)
    places = ("unit_id", "incident_unit_id", "residence_unit_id")
    where_it_is = {name: str(getattr(held, name)) for name in places if getattr(held, name)}
    no_move = json.dumps([{"case_id": str(case.id), **where_it_is}])
    for statement in (
        f"SELECT cases_follow('{said.act_id}', '{no_move}'::jsonb)",
        f"SELECT cases_follow('{said.act_id}', '{moves}'::jsonb)",
        f"UPDATE case_file SET unit_id = '{world.unit('HN-C')}' WHERE id = '{case.id}'",
    ):
        with pytest.raises(DBAPIError):
            async with world.as_api(world.acting("admin"), world.clock.now() + timedelta(minutes=1)) as connection:
                await connection.execute(text(statement))
    (row,) = await world.rows(CaseFile, id=case.id)
    assert (row.unit_id, row.sequence) == (world.unit("HN-A"), held.sequence)

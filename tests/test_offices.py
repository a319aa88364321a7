"""Offices through the front door: they end with nothing left behind, and remember what they were called."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from deploy.runtime.postgres import Postgres
from models.database import Who, transaction
from tests.api_support import Door, open_door, temporal_away
from tests.world import eventually


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with open_door(postgres, await temporal_away(key_file)) as opened:
        yield opened


async def a_commune(door: Door, code: str = "HN-E") -> str:
    body = {
        "code": code, "kind": "commune", "name_vi": "Xã Mới", "name_en": "New", "parent_id": str(door.unit("HN-SYT")),
    }  # fmt: skip
    made = await door.post("admin", "/units", body)
    assert made.status_code == 201, made.text
    door.clock.forward(minutes=1)
    unit: str = made.json()["id"]
    return unit


async def left_with(door: Door, unit: str) -> dict[str, int]:
    """What keeps an office from ending, and it did not."""
    before = (await door.get("admin", f"/units/{unit}")).json()
    answer = await door.post("admin", f"/units/{unit}/end", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "unit-in-use"), answer.text
    assert (await door.get("admin", f"/units/{unit}")).json() == before, "it was half ended"
    about: dict[str, int] = answer.json()["about"]
    return {name: count for name, count in about.items() if count}


async def test_an_office_ends_with_nothing_left_behind_and_otherwise_not_at_all(door: Door) -> None:
    unit = await a_commune(door)
    receipt = await door.report("h111", unit="HN-E")
    case = receipt["cases"][0]["id"]
    assert await left_with(door, unit) == {"open_cases": 1}
    # An administrator reads no case, and learns a number only.
    assert (await door.get("admin", f"/cases/{case}")).status_code in {403, 404}

    # A file nobody can open is lost: an ended case holds the office as well.
    await door.sql("UPDATE case_file SET process = 'closed' WHERE id = :id", id=case)
    assert await left_with(door, unit) == {"ended_cases": 1}
    # Nobody holds it, and it is this office's by its place.
    await door.sql("UPDATE case_file SET process = 'received', unit_id = NULL WHERE id = :id", id=case)
    assert await left_with(door, unit) == {"open_cases": 1}
    elsewhere = door.unit("HN-A")
    await door.sql(
        "UPDATE case_file SET unit_id = :unit, incident_unit_id = :unit, residence_unit_id = NULL WHERE id = :id",
        id=case, unit=elsewhere,
    )  # fmt: skip

    referral = uuid4()
    await door.sql(
        "INSERT INTO referral (id, code, case_id, service, need, created_at, receiver_id, state, warnings, memory, "
        "sequence, protocol_version, updated_at) VALUES (:id, 'R-1', :case, 'legal', 'legal', :at, :unit, 'sent', "
        "'[]', '{}', 1, 'x', :at)",
        id=referral, case=case, unit=unit, at=door.clock.at,
    )  # fmt: skip
    assert await left_with(door, unit) == {"referrals": 1}
    await door.sql("UPDATE referral SET state = 'closed', ended_at = :at WHERE id = :id", id=referral, at=door.clock.at)

    serving = await door.post(
        "admin", "/positions", {"person_id": str(door.person("cpo.b")), "unit_id": unit, "role": "CPO"}
    )
    assert serving.status_code == 201, serving.text
    assert await left_with(door, unit) == {"positions": 1}
    door.clock.forward(minutes=1)
    await door.post("admin", f"/positions/{serving.json()['id']}/end", {})

    # What it will hold on a day to come nobody can say.
    later = await door.post("admin", f"/units/{unit}/end", {"at": (door.clock.at + timedelta(days=3)).isoformat()})
    assert later.json()["errors"] == [{"path": ["body", "at"], "code": "in-the-future"}]
    ended = await door.post("admin", f"/units/{unit}/end", {})
    assert ended.status_code == 200, ended.text
    assert datetime.fromisoformat(ended.json()["valid_to"]) == door.clock.at
    (place,) = await door.sql("SELECT valid_to FROM unit_parent WHERE unit_id = :id", id=unit)
    assert place["valid_to"] == door.clock.at


async def test_a_report_that_arrives_while_its_office_ends_is_left_with_nobody_and_the_province_finds_it(
    door: Door,
) -> None:
    unit = await a_commune(door)
    who = Who(door.person("admin"), system="test")
    async with transaction(door.database.owner, who, door.clock.at) as connection:
        # As the act does it: locked, then ended.
        await connection.execute(text("SELECT FROM unit WHERE id = :id FOR UPDATE"), {"id": unit})
        await connection.execute(
            text("UPDATE unit SET valid_to = :at WHERE id = :id"), {"id": unit, "at": door.clock.at}
        )
        coming = asyncio.create_task(door.report("h111", unit="HN-E"))

        async def waits() -> Any:
            return await door.sql(
                "SELECT 1 AS waits FROM pg_locks WHERE NOT granted AND locktype IN ('tuple', 'transactionid')"
            )

        await eventually(waits, why="the report waits for the act")
    case = (await coming)["cases"][0]["id"]
    (row,) = await door.sql("SELECT unit_id, incident_unit_id::text AS place FROM case_file WHERE id = :id", id=case)
    assert (row["unit_id"], row["place"]) == (None, unit)
    assert (await door.get("dohd", f"/cases/{case}")).status_code == 200


async def test_an_office_with_offices_below_it_does_not_end(door: Door) -> None:
    left = await left_with(door, str(door.unit("HN-SYT")))
    assert left["units"] > 1


async def renamed(door: Door, unit: str, name: str) -> dict[str, Any]:
    tag = (await door.get("admin", f"/units/{unit}")).headers["etag"]
    names = {"name_vi": f"Xã {name}", "name_en": name}
    answer = await door.call("admin", "PATCH", f"/units/{unit}", json=names, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text
    shown: dict[str, Any] = answer.json()
    return shown


def former(shown: dict[str, Any]) -> list[tuple[str, str, datetime, datetime]]:
    return [
        (one["name_vi"], one["name_en"], datetime.fromisoformat(one["valid_from"]),
         datetime.fromisoformat(one["valid_to"]))
        for one in shown["former_names"]
    ]  # fmt: skip


async def test_a_renamed_office_keeps_what_it_was_called_when(door: Door) -> None:
    begun = door.clock.at
    unit = await a_commune(door)
    assert (await door.get("cpo.a", f"/units/{unit}")).json()["former_names"] == []
    first = door.clock.at
    await renamed(door, unit, "Hai")
    await renamed(door, unit, "Hai")  # the same name is no other name
    door.clock.forward(days=40)
    door.tokens.clear()
    second = door.clock.at
    shown = await renamed(door, unit, "Ba")
    expected = [("Xã Hai", "Hai", first, second), ("Xã Mới", "New", begun, first)]
    assert (shown["name_vi"], former(shown)) == ("Xã Ba", expected)
    # To everybody who reads the directory, in a list as alone.
    assert (await door.get("cpo.a", f"/units/{unit}")).json() == shown
    assert shown in (await door.get("cpo.a", "/units", params={"limit": 200})).json()["items"]
    for change in ("UPDATE unit_name SET name_vi = 'x'", "DELETE FROM unit_name"):
        with pytest.raises(DBAPIError):
            await door.sql(f"{change} WHERE unit_id = :id", id=unit)


async def test_an_office_renamed_before_it_begins_was_never_called_so(door: Door) -> None:
    body = {
        "code": "HN-F", "kind": "commune", "name_vi": "Xã Mới", "name_en": "New",
        "parent_id": str(door.unit("HN-SYT")), "valid_from": (door.clock.at + timedelta(days=9)).isoformat(),
    }  # fmt: skip
    unit = (await door.post("admin", "/units", body)).json()["id"]
    await door.sql("UPDATE unit_parent SET valid_from = :at WHERE unit_id = :id", id=unit, at=door.clock.at)
    shown = await renamed(door, unit, "Khác")
    assert (shown["name_vi"], shown["former_names"]) == ("Xã Khác", [])


async def test_what_was_renamed_by_decision_before_is_taken_over(door: Door) -> None:
    """What the migration finds of renamings that were acts already."""
    step = importlib.import_module("models.migrations.versions.0024_what_a_unit_was_called")
    unit, began = door.unit("HN-D"), door.clock.at - timedelta(days=400)
    await door.sql("UPDATE unit SET valid_from = :at WHERE id = :id", id=unit, at=began)
    acts = [door.clock.at - timedelta(days=90), door.clock.at - timedelta(days=10)]
    for name, at in zip(("Một", "Hai"), acts, strict=True):
        await door.sql(
            "INSERT INTO unit_change (id, act_id, kind, predecessor_id, successor_id, heir, name_vi, name_en, "
            "decision, decided_on, at, made_by) VALUES (:act, :act, 'rename', :unit, :unit, true, :name, :name, 'QĐ', "
            "'2026-01-01', :at, :who)",
            act=uuid4(), unit=unit, name=name, at=at, who=door.person("admin"),
        )  # fmt: skip
    await door.sql(step._FROM_DECISIONS)
    shown = (await door.get("cpo.a", f"/units/{unit}")).json()
    assert former(shown) == [("Hai", "Hai", acts[0], acts[1]), ("Một", "Một", began, acts[0])]


async def test_how_much_an_office_holds_is_told_to_its_administrator_alone(door: Door) -> None:
    await door.report("h111", unit="HN-A")
    asked = f"SELECT * FROM annhi_left_with('{door.unit('HN-A')}')"
    assert [dict(row) for row in await as_api(door, "admin", asked)] == [
        {"open_cases": 1, "ended_cases": 0, "referrals": 0}
    ]
    for username in ("cpo.a", "sup.b", "doh", "nat"):
        assert await as_api(door, username, asked) == [], username


async def as_api(door: Door, username: str, statement: str) -> list[Any]:
    """Raw SQL in the API's own role, as somebody."""
    (position,) = await door.sql(
        "SELECT id FROM position WHERE person_id = :id ORDER BY valid_from LIMIT 1", id=door.person(username)
    )
    who = Who(door.person(username), position["id"])
    async with transaction(door.database.api, who, door.clock.at) as connection:
        return list((await connection.execute(text(statement))).mappings().all())

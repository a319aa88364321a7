"""Nobody can grant what they do not hold: every role in every kind of office, as an administrator would give it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import pytest
import pytest_asyncio

from api.shapes.organisation import UnitKind
from deploy.runtime.postgres import Postgres
from models.access import OVERSIGHT, ROLES_OF_UNIT, TABLE, grantable
from models.lifecycle.roles import ROLES
from tests.api_support import Door
from tests.identity_support import a_door, code, second_position

pytestmark = pytest.mark.servers

UNITS = {"VN": "national", "111": "hotline", "HN": "committee", "HN-SYT": "province", "HN-A": "commune",
         "HN-BV": "agency"}  # fmt: skip
REACH = {"HN-SYT", "HN-A", "HN-BV"}
"""The sample's administrator sits at the department: it and what is below it is theirs."""


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with a_door(postgres, key_file) as opened:
        yield opened


def test_every_kind_of_office_has_its_roles_and_every_role_but_the_informants_an_office() -> None:
    assert set(ROLES_OF_UNIT) == set(get_args(UnitKind))
    assert set.union(*map(set, ROLES_OF_UNIT.values())) == set(ROLES) - {"INF"}


def test_the_sample_s_own_positions_are_ones_that_may_be_given(sample_positions: list[tuple[str, str]]) -> None:
    assert sample_positions
    assert [one for one in sample_positions if one[1] not in ROLES_OF_UNIT[one[0]]] == []


@pytest.fixture
def sample_positions() -> list[tuple[str, str]]:
    from deploy.seed import sample_organisation  # noqa: PLC0415
    from tests.api_support import NOW  # noqa: PLC0415

    made = sample_organisation(NOW)
    kinds = {row["id"]: row["kind"] for row in made.rows["unit"]}
    return [(kinds[row["unit_id"]], row["role"]) for row in made.rows["position"]]


@pytest.mark.parametrize(
    ("role", "unit_kind", "own_unit", "may"),
    [
        ("CPO", "commune", False, True),
        ("CHAIR", "commune", False, True),
        ("ADM", "commune", True, True),
        ("DPO", "commune", False, True),
        ("DPO", "province", True, False),
        ("AUD", "province", True, False),
        ("CHAIR", "agency", False, False),
        ("CPO", "agency", False, False),
        ("DOH", "commune", False, False),
        ("H111S", "province", False, False),
        ("NAT", "commune", False, False),
        ("INF", "commune", False, False),
        ("CPO", "nothing of the kind", False, False),
    ],
)
def test_what_may_be_given_where(role: str, unit_kind: str, own_unit: bool, may: bool) -> None:
    assert grantable(role, unit_kind, own_unit=own_unit) is may


def test_whoever_administers_gives_no_power_over_themselves() -> None:
    for kind in ROLES_OF_UNIT:
        for role in OVERSIGHT:
            assert not grantable(role, kind, own_unit=True)
    assert set(TABLE["administer"]) == {"ADM"}


async def test_every_role_in_every_office_is_given_exactly_as_the_table_says(door: Door) -> None:
    """Role × office, as a position, a deputising, a turn on the rota and a system; beyond one's reach: none at all."""
    person, other = str(door.person("cpo.a")), str(door.person("cpo.b"))
    begins = "2026-12-01T00:00:00Z"
    for unit, kind in UNITS.items():
        for role in ROLES:
            place = {"unit_id": str(door.unit(unit)), "role": role}
            asked = {
                "/positions": {**place, "person_id": person, "valid_from": begins},
                "/deputies": {**place, "principal_id": other, "deputy_id": person, "valid_from": begins},
                "/shifts": {**place, "person_id": person, "starts_at": begins, "ends_at": "2026-12-02T00:00:00Z"},
                "/services": {**place, "name": "Hệ thống"},
            }
            for path, body in asked.items():
                answer = await door.post("admin", path, body)
                if unit not in REACH:
                    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "not-one-of-yours")
                elif role in ROLES_OF_UNIT[kind] and not (unit == "HN-SYT" and role in OVERSIGHT):
                    assert answer.status_code == 201, (unit, role, path, answer.text)
                else:
                    assert await code(answer) == "not-yours-to-grant", (unit, role, path)


async def test_nobody_but_an_administrator_gives_anything_and_none_to_themselves(door: Door) -> None:
    for role in ROLES:
        place = {"unit_id": str(door.unit("HN-A")), "role": role}
        for by in ("cpo.a", "chair.a", "doh", "nat", "dpo"):
            body = {**place, "person_id": str(door.person("cpo.b"))}
            assert await code(await door.post(by, "/positions", body)) == "not-permitted", (by, role)
        own = {**place, "person_id": str(door.person("admin"))}
        assert await code(await door.post("admin", "/positions", own)) == "not-for-yourself", role


async def test_an_administrator_below_reaches_nothing_above_or_beside(door: Door) -> None:
    below = await second_position(door, "pol.a", "ADM", "HN-A")
    answer = await door.http.post(
        "/api/v1/sessions",
        json={"username": "pol.a", "password": "bốn từ dễ nhớ thôi", "position_id": str(below)},
    )
    door.tokens["pol.a"] = answer.json()["token"]
    for unit, expected in (("HN-A", 201), ("HN-A-TH", 201), ("HN-SYT", 422), ("HN-B", 422), ("HN-BV", 422)):
        body = {"person_id": str(door.person("wu.a")), "unit_id": str(door.unit(unit)), "role": "ADM"}
        assert (await door.post("pol.a", "/positions", body)).status_code == expected, unit
    # The administrator of the department is not theirs: neither account, nor suspension, nor second factor.
    above = door.person("admin")
    for path, body in (
        (f"/people/{above}/account", {"username": "mine"}),
        ("/suspensions", {"person_id": str(above), "reason": "OTHER"}),
        (f"/people/{above}/second-factors/end", None),
    ):
        assert await code(await door.post("pol.a", path, body)) == "not-found", path


async def test_who_watches_the_administrator_is_neither_made_nor_ended_by_them(door: Door) -> None:
    for who in ("dpo", "aud"):
        position = (await door.get(who, "/me")).json()["position"]["id"]
        door.clock.forward(minutes=1)
        assert await code(await door.post("admin", f"/positions/{position}/end", {})) == "not-yours-to-grant"
        assert (await door.get(who, "/me")).status_code == 200

"""Sessions of one's own: seen, ended, idle, switched; and what a change of office does to whatever is under way."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from fastapi.responses import StreamingResponse

from api.door import TheVisit
from deploy.runtime.postgres import Postgres
from models.records.people import CasePlace, resolve
from models.tables import Position, Suspension, new_id
from tests.api_support import PASSWORD, Door
from tests.identity_support import a_door, audited, code, second_position, sign_in, with_token
from tests.world import MINUTE, World

pytestmark = pytest.mark.servers

NEW = "một mật khẩu khác hẳn"


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with a_door(postgres, key_file) as opened:
        yield opened


# --- sessions ------------------------------------------------------------------------------------------------------


async def test_one_sees_ones_own_sessions_and_nobody_elses(door: Door) -> None:
    phone = await door.sign_in("cpo.a")
    await door.sign_in("cpo.a")
    await door.sign_in("cpo.b")
    listed = (await door.get("cpo.a", "/sessions")).json()
    assert [one["current"] for one in listed].count(True) == 1
    assert len(listed) == 2
    assert {one["role"] for one in listed} == {"CPO"}
    assert phone not in str(listed)


async def test_ending_one_session_ends_that_one_only(door: Door) -> None:
    phone = await door.sign_in("cpo.a")
    desk = await door.sign_in("cpo.a")
    listed = (await with_token(door, desk, "GET", "/sessions")).json()
    other = next(one["id"] for one in listed if not one["current"])
    assert (await with_token(door, desk, "DELETE", f"/sessions/{other}")).status_code == 204
    assert await code(await with_token(door, phone, "GET", "/me")) == "session-ended"
    assert (await with_token(door, desk, "GET", "/me")).status_code == 200
    assert await code(await with_token(door, desk, "DELETE", f"/sessions/{other}")) == "not-found"


async def test_somebody_elses_session_is_not_there(door: Door) -> None:
    await door.sign_in("cpo.b")
    theirs = (await door.get("cpo.b", "/sessions")).json()[0]["id"]
    assert await code(await door.call("cpo.a", "DELETE", f"/sessions/{theirs}")) == "not-found"
    assert (await door.get("cpo.b", "/me")).status_code == 200


async def test_ending_the_others_leaves_this_one(door: Door) -> None:
    others = [await door.sign_in("cpo.a") for _ in range(3)]
    here = await door.sign_in("cpo.a")
    assert (await with_token(door, here, "DELETE", "/sessions/others")).status_code == 204
    for token in others:
        assert await code(await with_token(door, token, "GET", "/me")) == "session-ended"
    assert (await with_token(door, here, "GET", "/me")).status_code == 200
    assert await audited(door, "end_others") == [("done", None)]


async def test_a_session_nobody_uses_ends_and_one_in_use_goes_on(postgres: Postgres, key_file: Path) -> None:
    async with a_door(postgres, key_file, session_idle_minutes=30.0) as door:
        used, idle = await door.sign_in("cpo.a"), await door.sign_in("cpo.a")
        for _ in range(3):
            door.clock.forward(minutes=20)
            assert (await with_token(door, used, "GET", "/me")).status_code == 200
        assert await code(await with_token(door, idle, "GET", "/me")) == "session-ended"
        assert [one["current"] for one in (await with_token(door, used, "GET", "/sessions")).json()] == [True]
        # Being refused is no use of it.
        assert await code(await with_token(door, idle, "GET", "/me")) == "session-ended"


async def test_a_session_in_use_ends_all_the_same(postgres: Postgres, key_file: Path) -> None:
    async with a_door(postgres, key_file, session_idle_minutes=30.0, session_hours=1.0) as door:
        token = await door.sign_in("cpo.a")
        for _ in range(2):
            door.clock.forward(minutes=29)
            assert (await with_token(door, token, "GET", "/me")).status_code == 200
        door.clock.forward(minutes=2)
        assert await code(await with_token(door, token, "GET", "/me")) == "session-ended"


# --- password ------------------------------------------------------------------------------------------------------


async def test_a_new_password_ends_every_other_session(door: Door) -> None:
    stolen, mine = await door.sign_in("cpo.a"), await door.sign_in("cpo.a")
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert (await with_token(door, mine, "POST", "/me/password", json=body)).status_code == 204
    assert await code(await with_token(door, stolen, "GET", "/me")) == "session-ended"
    assert (await with_token(door, mine, "GET", "/me")).status_code == 200
    assert await code(await sign_in(door, "cpo.a")) == "sign-in-failed"
    assert (await sign_in(door, "cpo.a", NEW)).status_code == 201
    assert await audited(door, "change_password") == [("done", None)]


async def test_a_wrong_present_password_changes_nothing_and_locks_like_a_sign_in(door: Door) -> None:
    token = await door.sign_in("cpo.a")
    body = {"current_password": "sai", "new_password": NEW}
    for _ in range(6):
        assert await code(await with_token(door, token, "POST", "/me/password", json=body)) == "password-wrong"
    assert await code(await with_token(door, token, "POST", "/me/password", json=body)) == "too-many-sign-ins"
    door.clock.forward(minutes=2)
    right = {"current_password": PASSWORD, "new_password": NEW}
    assert await code(await with_token(door, token, "POST", "/me/password", json=right)) == "password-wrong"
    door.clock.forward(minutes=29)
    assert (await with_token(door, token, "POST", "/me/password", json=right)).status_code == 204
    refused = await audited(door, "change_password")
    assert refused.count(("refused", "password-wrong")) == 7
    assert refused[-1] == ("done", None)


async def test_a_short_password_is_refused(door: Door) -> None:
    body = {"current_password": PASSWORD, "new_password": "ngắn"}
    answer = await door.post("cpo.a", "/me/password", body)
    assert answer.status_code == 422
    assert "ngắn" not in answer.text


# --- positions -----------------------------------------------------------------------------------------------------


async def test_somebody_with_two_positions_acts_in_the_one_they_chose(door: Door) -> None:
    other = await second_position(door, "cpo.a", "SUP", "HN-B")
    before = await door.sign_in("cpo.a")
    me = (await door.get("cpo.a", "/me")).json()
    assert (me["position"]["role"], me["roles"]) == ("CPO", ["CPO", "SUP"])
    switched = await door.post("cpo.a", "/me/position", {"position_id": str(other)})
    assert switched.status_code == 200, switched.text
    after = switched.json()["token"]
    shown = (await with_token(door, after, "GET", "/me")).json()
    assert (shown["position"]["role"], shown["position"]["unit"]["code"]) == ("SUP", "HN-B")
    # In one of them at a time: what was signed in with before holds no longer, and it lasts no longer than it would.
    assert await code(await with_token(door, before, "GET", "/me")) == "session-ended"
    assert shown["session_expires_at"] == me["session_expires_at"]
    assert await audited(door, "switch_position") == [("done", None)]


async def test_nobody_chooses_a_position_that_is_not_theirs(door: Door) -> None:
    theirs = (await door.get("sup.a", "/me")).json()["position"]["id"]
    for wrong in (theirs, str(uuid4())):
        assert await code(await door.post("cpo.a", "/me/position", {"position_id": wrong})) == "no-position"
    assert (await door.get("cpo.a", "/me")).json()["position"]["role"] == "CPO"


async def test_a_position_of_a_system_is_nobodys_to_sign_in_with(door: Door) -> None:
    row = await second_position(door, "cpo.a", "SUP", "HN-B")
    await door.sql("UPDATE position SET kind = 'service' WHERE id = :id", id=row)
    assert (await door.get("cpo.a", "/me")).json()["roles"] == ["CPO"]
    assert await code(await sign_in(door, "cpo.a", position_id=str(row))) == "no-position"


# --- suspension and endings ----------------------------------------------------------------------------------------


async def test_a_suspended_person_is_refused_at_the_next_request_and_let_in_when_it_is_over(door: Door) -> None:
    token = await door.sign_in("cpo.a")
    ends = door.clock.at + timedelta(hours=1)
    body = {"person_id": str(door.person("cpo.a")), "reason": "INQUIRY", "ends_at": ends.isoformat()}
    made = await door.post("admin", "/suspensions", body)
    assert made.status_code == 201, made.text
    assert await code(await with_token(door, token, "GET", "/cases")) == "person-suspended"
    assert await code(await sign_in(door, "cpo.a")) == "person-suspended"
    # With a wrong password nobody learns of it.
    assert await code(await sign_in(door, "cpo.a", "sai")) == "sign-in-failed"
    listed = (await door.get("admin", "/suspensions")).json()["items"]
    assert [(one["id"], one["reason"]) for one in listed] == [(made.json()["id"], "INQUIRY")]
    door.clock.forward(minutes=59)
    assert await code(await with_token(door, token, "GET", "/cases")) == "person-suspended"
    door.clock.forward(minutes=1)
    assert (await with_token(door, token, "GET", "/cases")).status_code == 200
    assert ("refused", "person-suspended") in await audited(door, "request")
    assert ("refused", "person-suspended") in await audited(door, "sign_in")


async def test_a_suspension_can_begin_later_and_be_ended_early(door: Door) -> None:
    person = str(door.person("cpo.a"))
    begins = door.clock.at + timedelta(hours=2)
    made = await door.post(
        "admin", "/suspensions", {"person_id": person, "reason": "LEAVE", "starts_at": begins.isoformat()}
    )
    assert (await door.get("cpo.a", "/cases")).status_code == 200
    door.clock.forward(hours=2)
    assert await code(await door.get("cpo.a", "/cases")) == "person-suspended"
    door.clock.forward(minutes=1)
    assert (await door.post("admin", f"/suspensions/{made.json()['id']}/end", {})).status_code == 200
    assert (await door.get("cpo.a", "/cases")).status_code == 200


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"reason": "nonsense"}, "reason"),
        ({"reason": "OTHER", "starts_at": "2020-01-01T00:00:00Z"}, "starts_at"),
        ({"reason": "OTHER", "ends_at": "2020-01-01T00:00:00Z"}, "ends_at"),
    ],
)
async def test_a_suspension_that_cannot_be_meant_names_the_field(door: Door, body: dict[str, str], wrong: str) -> None:
    answer = await door.post("admin", "/suspensions", {"person_id": str(door.person("cpo.a")), **body})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["path"][-1] == wrong


async def test_only_an_administrator_suspends_and_never_themselves_nor_who_watches_them(door: Door) -> None:
    for by, whom, expected in (
        ("sup.a", "cpo.a", "not-permitted"),
        ("admin", "admin", "not-for-yourself"),
        ("admin", "nat", "not-found"),
        ("admin", "dpo", "not-yours-to-grant"),
        ("admin", "aud", "not-yours-to-grant"),
    ):
        body = {"person_id": str(door.person(whom)), "reason": "OTHER"}
        assert await code(await door.post(by, "/suspensions", body)) == expected, (by, whom)


async def test_an_account_that_ended_lets_nobody_in_and_says_nothing(door: Door) -> None:
    token = await door.sign_in("cpo.a")
    assert (await door.post("admin", f"/people/{door.person('cpo.a')}/account/end")).status_code == 204
    assert await code(await with_token(door, token, "GET", "/me")) == "session-ended"
    assert await code(await sign_in(door, "cpo.a")) == "sign-in-failed"
    again = await door.post("admin", f"/people/{door.person('cpo.a')}/account/end")
    assert await code(again) == "no-account"


async def test_a_session_ends_even_where_only_the_accounts_end_is_known(door: Door) -> None:
    """The account's end counts by itself, not only through the sessions that were ended with it."""
    token = await door.sign_in("cpo.a")
    await door.sql("UPDATE account SET ended_at = :at WHERE username = 'cpo.a'", at=door.clock.at)
    assert await code(await with_token(door, token, "GET", "/me")) == "session-ended"


@pytest.mark.parametrize(
    ("what", "refusal"),
    [
        ("UPDATE position SET valid_to = :at WHERE person_id = :who", "position-ended"),
        ("UPDATE access_token SET revoked_at = :at", "session-ended"),
        (
            """
            INSERT INTO suspension (id, person_id, starts_at, reason, ordered_by, created_at)
            VALUES (gen_random_uuid(), :who, :at, 'OTHER', :who, :at)
            """,
            "person-suspended",
        ),
    ],
)
async def test_what_streams_stops_when_its_reader_may_no_longer_act(door: Door, what: str, refusal: str) -> None:
    """An export under way, an open page: the check runs before every chunk, in the middle of one answer."""
    sent = []

    @door.app.get("/export-of-the-test", tags=["cases"])
    async def export(visit: TheVisit) -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            for number in range(6):
                if number == 3:
                    await door.sql(what, **_named(what, at=door.clock.at, who=door.person("cpo.a")))
                sent.append(number)
                yield f"{number};".encode()

        return StreamingResponse(visit.while_valid(chunks()))

    token = await door.sign_in("cpo.a")
    answer = await door.http.get("/export-of-the-test", headers={"Authorization": f"Bearer {token}"})
    assert answer.text == "0;1;2;"
    assert sent == [0, 1, 2, 3]
    assert ("refused", refusal) in await audited(door, "request")


async def test_a_stream_whose_reader_stays_in_office_ends_by_itself(door: Door) -> None:
    @door.app.get("/export-of-the-test", tags=["cases"])
    async def export(visit: TheVisit) -> StreamingResponse:
        async def chunks() -> AsyncIterator[bytes]:
            for number in range(3):
                yield f"{number};".encode()

        return StreamingResponse(visit.while_valid(chunks()))

    token = await door.sign_in("cpo.a")
    answer = await door.http.get("/export-of-the-test", headers={"Authorization": f"Bearer {token}"})
    assert answer.text == "0;1;2;"


def _named(statement: str, **values: object) -> dict[str, object]:
    return {name: value for name, value in values.items() if f":{name}" in statement}


# --- commands that wait --------------------------------------------------------------------------------------------


async def test_a_command_that_waited_is_judged_by_who_is_in_office_when_it_is_recorded(world: World) -> None:
    """Sent in office, recorded while suspended: refused. Sent again when the suspension is over: done."""
    case = await world.case()
    command = await case.prepare("acknowledge", "cpo.a")
    now = world.clock.now()
    await world.add(
        Suspension, id=new_id(), person_id=world.person("cpo.a"), starts_at=now - MINUTE, ends_at=None,
        reason="OTHER", ordered_by=world.person("admin"), created_at=now,
    )  # fmt: skip
    refused = await case.send(command)
    assert (refused.accepted, refused.code) == (False, "not-your-role")
    async with world.as_owner() as connection:
        await connection.exec_driver_sql("DELETE FROM suspension")
    accepted = await case.do("acknowledge", "cpo.a")
    assert accepted.accepted


async def test_a_suspended_officer_is_not_told_their_deputy_is(world: World) -> None:
    now = world.clock.now()
    place = CasePlace(id=uuid4(), code="AN-TEST", unit_id=world.unit("HN-B"), owner_id=None, flagged=False)

    async def told() -> list[UUID]:
        async with world.as_owner() as connection:
            found = await resolve(connection, case=place, at=now, clock_unit="day", level="E1")
        return [one.person_id for one in found.recipients]

    assert await told() == [world.person("sup.b")]
    await world.add(
        Suspension, id=new_id(), person_id=world.person("sup.b"), starts_at=now - MINUTE, ends_at=None,
        reason="OTHER", ordered_by=world.person("admin"), created_at=now,
    )  # fmt: skip
    assert await told() == [world.person("cpo2.b")]


async def test_a_system_of_an_agency_is_never_told_anything(world: World) -> None:
    now = world.clock.now()
    place = CasePlace(id=uuid4(), code="AN-TEST", unit_id=world.unit("HN-C"), owner_id=None, flagged=False)
    await world.add(
        Position, id=new_id(), person_id=world.person("edu"), unit_id=world.unit("HN-C"), role="SUP", kind="service",
        valid_from=now - MINUTE,
    )  # fmt: skip
    async with world.as_owner() as connection:
        found = await resolve(connection, case=place, at=now, clock_unit="day", level="E1")
    assert [one.person_id for one in found.recipients] == [world.person("sup.c")]

"""Set-up links: how somebody gets in the first time, or after a password is lost, without anybody learning one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import SecretStr

from api.passwords import Passwords
from deploy.link import make_link
from deploy.runtime.postgres import OWNER, Postgres
from models.settings import Settings
from tests.api_support import PASSWORD, Door
from tests.identity_support import a_door, audited, code, sign_in, with_token

pytestmark = pytest.mark.servers

OWN = "một mật khẩu của riêng tôi"


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with a_door(postgres, key_file, set_up_link_hours=24.0) as opened:
        yield opened


async def link_for(door: Door, who: str, username: str | None = None) -> str:
    answer = await door.post("admin", f"/people/{door.person(who)}/account", {"username": username or who})
    assert answer.status_code == 201, answer.text
    link = answer.json()["set_up_link"]
    assert link.startswith("http://door.test/set-up?link=")
    return str(link.partition("link=")[2])


async def use(door: Door, link: str, password: str = OWN) -> str:
    answer = await door.http.post("/api/v1/set-up", json={"link": link, "password": password})
    return "" if answer.status_code == 204 else await code(answer)


async def test_a_new_account_is_set_up_by_its_holder_with_a_link_that_works_once(door: Door) -> None:
    link = await link_for(door, "grp.a")
    assert await use(door, link) == ""
    assert (await sign_in(door, "grp.a", OWN)).status_code == 201
    assert await use(door, link, "một mật khẩu thứ hai") == "link-ended"
    assert (await sign_in(door, "grp.a", OWN)).status_code == 201
    assert await audited(door, "set_up") == [("done", None), ("refused", "link-ended")]


async def test_of_two_who_use_one_link_at_once_one_succeeds(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have found the link in force before either is through: the second asking, under the lock, decides."""
    other = "một mật khẩu của người khác"
    link = await link_for(door, "grp.a")
    present, both, real = 0, asyncio.Event(), Passwords.hash

    async def hash_together(passwords: Passwords, password: str) -> str:
        nonlocal present
        present += 1
        if present == len((OWN, other)):
            both.set()
        await both.wait()
        return await real(passwords, password)

    monkeypatch.setattr(Passwords, "hash", hash_together)
    used = await asyncio.gather(use(door, link, OWN), use(door, link, other))
    answers = {OWN: used[0], other: used[1]}
    assert sorted(answers.values()) == ["", "link-ended"]
    for password, answer in answers.items():
        signed_in = await sign_in(door, "grp.a", password)
        assert signed_in.status_code == (401 if answer else 201), answer
    assert sorted(await audited(door, "set_up")) == [("done", None), ("refused", "link-ended")]


async def test_before_the_link_is_used_no_password_signs_in(door: Door) -> None:
    await link_for(door, "grp.a")
    for tried in ("!", "", PASSWORD):
        answer = await sign_in(door, "grp.a", tried or "x")
        assert await code(answer) == "sign-in-failed"


async def test_the_link_is_stored_nowhere_as_it_is(door: Door) -> None:
    link = await link_for(door, "grp.a")
    for table in ("set_up_link", "audit_entry", "account"):
        rows = await door.sql(f"SELECT t::text AS row FROM {table} t")
        assert rows
        assert not [row for row in rows if link in row["row"]]


async def test_a_link_runs_out(door: Door) -> None:
    link = await link_for(door, "grp.a")
    door.clock.forward(hours=23, minutes=59)
    assert await use(door, link, "ngắn") == "invalid-request"
    door.clock.forward(minutes=1)
    assert await use(door, link) == "link-ended"


async def test_a_newer_link_makes_the_older_one_void(door: Door) -> None:
    first, second = await link_for(door, "grp.a"), await link_for(door, "grp.a")
    assert await use(door, first) == "link-ended"
    assert await use(door, second) == ""


async def test_recovery_ends_what_was_signed_in_and_the_old_password_at_once(door: Door) -> None:
    token = await door.sign_in("cpo.a")
    link = await link_for(door, "cpo.a")
    assert await code(await with_token(door, token, "GET", "/me")) == "session-ended"
    assert await code(await sign_in(door, "cpo.a")) == "sign-in-failed"
    assert await use(door, link) == ""
    assert (await sign_in(door, "cpo.a", OWN)).status_code == 201


async def test_a_password_that_was_changed_makes_a_waiting_link_void(door: Door) -> None:
    link = await link_for(door, "cpo.a")
    other = await link_for(door, "cpo.b")
    assert await use(door, link) == ""
    signed = (await sign_in(door, "cpo.a", OWN)).json()["token"]
    waiting = await link_for(door, "sup.a")
    assert waiting
    body = {"current_password": OWN, "new_password": OWN + " mới"}
    assert (await with_token(door, signed, "POST", "/me/password", json=body)).status_code == 204
    # Somebody else's link is not touched by it.
    assert await use(door, other) == ""


async def test_a_link_of_an_account_that_ended_is_no_way_in(door: Door) -> None:
    link = await link_for(door, "grp.a")
    assert (await door.post("admin", f"/people/{door.person('grp.a')}/account/end")).status_code == 204
    assert await use(door, link) == "link-ended"


async def test_a_link_nobody_was_given_is_answered_alike_and_tries_are_counted(door: Door) -> None:
    link = await link_for(door, "grp.a")
    for wrong in ("x", link[:-1], link.upper(), "ü" * 40, "a" * 100):
        assert await use(door, wrong) == "link-ended"
    for _ in range(8):
        last = await use(door, "x")
    assert last == "too-many-sign-ins"


async def test_a_name_that_is_taken_is_not_given_twice(door: Door) -> None:
    answer = await door.post("admin", f"/people/{door.person('grp.a')}/account", {"username": "cpo.a"})
    assert await code(answer) == "code-taken"
    assert (await sign_in(door, "cpo.a")).status_code == 201


@pytest.mark.parametrize(
    ("by", "whom", "expected"),
    [
        ("sup.a", "cpo.a", "not-permitted"),
        ("admin", "admin", "not-for-yourself"),
        ("admin", "nat", "not-found"),
        ("admin", "dpo", "not-yours-to-grant"),
        ("admin", "aud", "not-yours-to-grant"),
    ],
)
async def test_nobody_gets_into_an_account_beyond_their_reach(door: Door, by: str, whom: str, expected: str) -> None:
    person = door.person(whom)
    for path, body in (
        (f"/people/{person}/account", {"username": "somebody.else"}),
        (f"/people/{person}/account/end", None),
        (f"/people/{person}/second-factors/end", None),
        (f"/people/{person}/identities", {"issuer": "https://id.example", "subject": "1"}),
    ):
        assert await code(await door.post(by, path, body)) == expected, path
    assert (await sign_in(door, whom)).status_code == 201


async def test_the_operator_makes_a_link_for_the_first_administrator_and_that_is_on_record(door: Door) -> None:
    config = Settings(
        owner_database_url=SecretStr(door.database.url(OWNER)), public_url="http://door.test", set_up_link_hours=1.0
    )
    token = await door.sign_in("admin")
    link = await make_link(config, "admin", door.clock)
    assert link is not None
    assert link.startswith("http://door.test/set-up?link=")
    assert await code(await with_token(door, token, "GET", "/me")) == "session-ended"
    assert await code(await sign_in(door, "admin")) == "sign-in-failed"
    assert await use(door, link.partition("link=")[2]) == ""
    assert (await sign_in(door, "admin", OWN)).status_code == 201
    assert await audited(door, "set_account") == [("done", None)]
    assert await make_link(config, "nobody.at.all", door.clock) is None

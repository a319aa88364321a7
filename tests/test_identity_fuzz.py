"""Whatever is thrown at sign-in and at tokens: never a 500, never a hint whether somebody exists, never a way in.

That an unknown user name costs what a known one does is shown by construction (``test_nobody_costs_...``), not by a
clock: the same work is done on a hash that belongs to nobody.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from argon2 import PasswordHasher
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from api.identity.cookies import SESSION
from api.passwords import Passwords
from api.problems import PROBLEMS
from deploy.runtime.postgres import Postgres
from models.tables import NO_PASSWORD
from tests.api_support import CHEAP, PASSWORD, Door
from tests.identity_support import SITE, a_door, sign_in, with_token

pytestmark = pytest.mark.servers

FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

UNSTORABLE = st.text(st.characters(exclude_categories=[]), max_size=200)
"""Every code point there is: NUL, halves of pairs, right-to-left marks, combining marks, none of a language."""
RAW = st.binary(max_size=300)
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | UNSTORABLE,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(UNSTORABLE, inner, max_size=3),
    max_leaves=6,
)
PUBLIC = ("/sessions", "/sessions/second-factor", "/sessions/second-factor/passkey", "/set-up")
PAGES = ("/sign-in", "/sign-in/second-factor", "/set-up", "/position", "/second-factor/confirm")
FIELDS = (
    "username",
    "password",
    "position_id",
    "step",
    "code",
    "recovery_code",
    "credential",
    "link",
    "link",
    "cookie",
)


@pytest_asyncio.fixture(scope="module")
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with a_door(postgres, key_file) as opened:
        yield opened


def declared(door: Door, method: str, path: str) -> set[str]:
    return set(door.app.openapi()["paths"][f"/api/v1{path}"][method.lower()]["responses"])


def _answering() -> Any:
    """What runs a request in this loop from the thread in which hypothesis, which knows no loop, makes its examples."""
    loop = asyncio.get_running_loop()
    return lambda asked: asyncio.run_coroutine_threadsafe(asked, loop).result(60)


def encoded(body: Any) -> bytes:
    """JSON with everything in it that JSON can say, and some that it cannot."""
    return json.dumps(body).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize("path", PUBLIC)
async def test_any_body_at_all_is_answered_by_a_declared_problem(door: Door, path: str) -> None:
    answering, allowed = _answering(), declared(door, "POST", path)

    @FUZZ
    @given(st.one_of(RAW, JUNK.map(encoded), st.dictionaries(st.sampled_from(FIELDS), JUNK, max_size=4).map(encoded)))
    def example(body: bytes) -> None:
        answer = answering(door.http.post(f"/api/v1{path}", content=body, headers={"Content-Type": "application/json"}))
        assert answer.status_code < 500, answer.text
        assert str(answer.status_code) in allowed
        assert answer.json()["code"] in PROBLEMS

    await asyncio.to_thread(example)


@pytest.mark.parametrize(
    "path", ["/sign-in", "/sign-in/second-factor", "/set-up", "/position", "/second-factor/confirm"]
)
async def test_any_form_at_all_is_answered_by_a_page(door: Door, path: str) -> None:
    answering = _answering()

    @FUZZ
    @given(
        st.one_of(
            RAW, st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=50), max_size=4).map(
                lambda fields: "&".join(f"{key}={value}" for key, value in fields.items()).encode("utf-8", "replace")
            ),
        )
    )  # fmt: skip
    def example(body: bytes) -> None:
        headers = {**SITE, "Content-Type": "application/x-www-form-urlencoded"}
        answer = answering(door.http.post(path, content=body, headers=headers))
        assert 400 <= answer.status_code < 500, answer.text
        assert "<main>" in answer.text
        assert SESSION not in answer.headers.get("set-cookie", "")

    await asyncio.to_thread(example)


HEADER = st.one_of(
    st.binary(max_size=200), st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")),
    st.just(b"a" * 8000),
).map(lambda raw: bytes(byte for byte in raw if byte not in b"\r\n\0"))  # fmt: skip
"""What can stand in a header at all: a server takes no line's end or NUL in one."""


async def test_any_header_at_all_lets_nobody_in(door: Door) -> None:
    answering = _answering()
    token = await door.sign_in("cpo.a")

    @FUZZ
    @given(st.one_of(HEADER, st.sampled_from([b"ans_", token[:-1].encode(), token.swapcase().encode(), b"\xff" * 50])),
           st.sampled_from([b"Bearer ", b"bearer  ", b"Basic ", b""]))  # fmt: skip
    def example(value: bytes, scheme: bytes) -> None:
        for name, said in ((b"Authorization", scheme + value), (b"Cookie", SESSION.encode() + b"=" + value)):
            headers = {name: said, b"Sec-Fetch-Site": b"same-origin"}
            answer = answering(door.http.get("/api/v1/me", headers=headers))
            assert answer.status_code == 401, (said, answer.text)
            assert answer.json()["code"] == "not-signed-in"

    await asyncio.to_thread(example)


async def test_any_origin_at_all_is_an_answer_and_only_ours_is_taken(door: Door) -> None:
    answering = _answering()
    cookie = (
        await door.http.post("/sign-in", data={"username": "sup.a", "password": PASSWORD}, headers=SITE)
    ).headers["set-cookie"].split(";")[0]  # fmt: skip
    door.http.cookies.clear()

    @FUZZ
    @given(HEADER, st.sampled_from([b"Origin", b"Sec-Fetch-Site"]))
    def example(value: bytes, name: bytes) -> None:
        # Hypothesis also tries the words that stand in the code, and these two are right.
        assume(value.strip() != b"same-origin" and b"//door.test" not in value.lower())
        headers = {b"Cookie": cookie.encode(), name: value}
        answer = answering(door.http.delete("/api/v1/sessions/others", headers=headers))
        assert answer.status_code == 403, (value, answer.text)

    await asyncio.to_thread(example)
    headers = {b"Cookie": cookie.encode(), b"Origin": b"http://door.test"}
    assert (await door.http.delete("/api/v1/sessions/others", headers=headers)).status_code == 204


async def test_a_token_changed_anywhere_is_nobody_s(door: Door) -> None:
    token = await door.sign_in("cpo.a")
    letters = "Az09-_"
    changed = {
        token[:at] + letter + token[at + 1 :] for at in range(len(token)) for letter in letters if token[at] != letter
    } | {token[:at] + token[at + 1 :] for at in range(len(token))} | {token + letter for letter in letters}  # fmt: skip
    for one in changed:
        assert (await with_token(door, one, "GET", "/me")).status_code == 401, one
    assert (await with_token(door, token, "GET", "/me")).status_code == 200


async def test_a_token_lets_its_holder_into_nothing_of_another_s(door: Door) -> None:
    """Every address of one's own with another's id: as if it were not there."""
    await door.sign_in("cpo.a")
    theirs = (await door.get("cpo.b", "/sessions")).json()[0]["id"]
    begun = (await door.post("cpo.b", "/me/second-factor/passkeys")).json()["step"]
    for method, path, body in (
        ("DELETE", f"/sessions/{theirs}", None),
        ("DELETE", f"/me/second-factor/{theirs}", None),
        ("POST", "/me/second-factor/passkeys/confirm", {"step": begun, "label": "x", "credential": {}}),
    ):
        answer = await door.call("cpo.a", method, path, json=body)
        assert answer.status_code in (401, 404), (path, answer.text)
        assert answer.json()["code"] in ("not-found", "sign-in-step-ended")
    assert (await door.get("cpo.b", "/me")).status_code == 200


async def test_no_try_tells_whether_somebody_exists(door: Door) -> None:
    """Any user name, known or not, any wrong password: one answer, word for word, and the same record of it."""
    answering = _answering()
    known = st.sampled_from(["cpo.a", "chair.a", "admin", "dpo"])
    storable = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=80)

    first = await sign_in(door, "nobody.at.all", "sai")
    expected, headers = first.json() | {"trace_id": ""}, set(first.headers)

    @FUZZ
    @given(st.one_of(known, storable), storable)
    def example(username: str, password: str) -> None:
        door.clock.forward(hours=2)  # neither throttled nor locked by the example before
        answer = answering(sign_in(door, username, password))
        assert answer.status_code == 401
        assert answer.json() | {"trace_id": ""} == expected
        assert set(answer.headers) == headers

    await asyncio.to_thread(example)
    rows = await door.sql(
        "SELECT DISTINCT action, record, role, code, actor_id, position_id FROM audit_entry "
        "WHERE outcome = 'refused' AND action = 'sign_in'"
    )
    assert [(row["code"], row["role"], row["actor_id"]) for row in rows] == [("sign-in-failed", "SYSTEM", None)]


class Counting(PasswordHasher):
    """argon2id that notes which hash each check was done on."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.checked: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 - the library's name
        self.checked.append(str(hash))
        return super().verify(hash, password)


@pytest.mark.parametrize("stored", [None, NO_PASSWORD])
async def test_nobody_costs_what_somebody_costs(stored: str | None) -> None:
    """Where there is no password one check is done all the same, of the same cost, and it is never right."""
    hasher = Counting()
    passwords = Passwords(hasher)
    real = await passwords.hash("một mật khẩu")
    assert await passwords.check(real, "một mật khẩu")
    assert not await passwords.check(real, "sai")
    for tried in ("một mật khẩu", "sai", "", "!"):
        assert not await passwords.check(stored, tried)
    assert len(hasher.checked) == 6
    cost = real.rsplit("$", 2)[0]
    assert {one.rsplit("$", 2)[0] for one in hasher.checked} == {cost}
    assert not await passwords.check("no hash at all", "sai")
    assert not await Passwords(CHEAP).check(NO_PASSWORD, "!")

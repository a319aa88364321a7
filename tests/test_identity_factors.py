"""Second factors: time-based codes, passkeys, recovery codes; who must have one; what is refused."""

from base64 import b32encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
import pytest_asyncio

from api.identity.totp import step_of
from deploy.runtime.postgres import Postgres
from models.access import SECOND_FACTOR
from models.settings import Settings
from tests.api_support import NOW, Door
from tests.authenticator import PRESENT, Authenticator, b64, unb64
from tests.identity_support import a_door, audited, code, sign_in, with_token

pytestmark = pytest.mark.servers


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with a_door(postgres, key_file) as opened:
        yield opened


def code_of(door: Door, secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).at(door.clock.at + steps * timedelta(seconds=30))


async def with_totp(door: Door, who: str = "cpo.a") -> tuple[str, list[str]]:
    """Somebody sets time-based codes up; the secret and the recovery codes."""
    secret = (await door.post(who, "/me/second-factor/totp")).json()["secret"]
    done = await door.post(who, "/me/second-factor/totp/confirm", {"code": code_of(door, secret)})
    assert done.status_code == 200, done.text
    return secret, done.json()["recovery_codes"]


async def with_passkey(door: Door, who: str = "cpo.a", device: Authenticator | None = None) -> Authenticator:
    device = device or Authenticator()
    asked = (await door.post(who, "/me/second-factor/passkeys")).json()
    body = {"step": asked["step"], "label": "Điện thoại", "credential": device.make(asked["options"])}
    done = await door.post(who, "/me/second-factor/passkeys/confirm", body)
    assert done.status_code == 200, done.text
    return device


async def first_step(door: Door, who: str = "cpo.a") -> dict[str, Any]:
    answer = await sign_in(door, who)
    assert await code(answer) == "second-factor-required"
    step: dict[str, Any] = answer.json()["step"]
    return step


async def second(door: Door, step: dict[str, Any], **proof: Any) -> httpx.Response:
    return await door.http.post("/api/v1/sessions/second-factor", json={"step": step["token"], **proof})


async def passkey_options(door: Door, step: dict[str, Any]) -> dict[str, Any]:
    answer = await door.http.post("/api/v1/sessions/second-factor/passkey", json={"step": step["token"]})
    assert answer.status_code == 200, answer.text
    options: dict[str, Any] = answer.json()["options"]
    return options


# --- time-based codes ----------------------------------------------------------------------------------------------


def test_a_code_is_one_of_rfc_6238s_own_examples() -> None:
    """RFC 6238 appendix B, SHA-1, shortened to six digits."""
    secret = b32encode(b"12345678901234567890").decode()
    for seconds, digits in ((59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037")):
        at = datetime.fromtimestamp(seconds, UTC)
        assert step_of(secret, digits, at, after=0) == seconds // 30
        assert step_of(secret, f"{digits[:3]} {digits[3:]}", at, after=0) == seconds // 30
        assert step_of(secret, digits, at, after=seconds // 30) is None


@pytest.mark.parametrize("typed", ["", "abcdef", "١٢٣٤٥٦", "12345", "1234567", "-12345", "0x1234", "12 34 5a"])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert step_of("JBSWY3DPEHPK3PXP" * 2, typed, NOW, after=0) is None


async def test_with_a_second_factor_the_password_alone_opens_nothing(door: Door) -> None:
    secret, _ = await with_totp(door)
    door.clock.forward(minutes=1)
    step = await first_step(door)
    assert step["methods"] == ["totp", "recovery"]
    opened = await second(door, step, code=code_of(door, secret))
    assert opened.status_code == 201, opened.text
    me = (await with_token(door, opened.json()["token"], "GET", "/me")).json()
    assert me["second_factor"] == "totp"
    assert await audited(door, "sign_in") == [
        ("done", None),
        ("refused", "second-factor-required"),
        ("done", None),
    ]


async def test_a_wrong_password_is_answered_alike_with_and_without_a_second_factor(door: Door) -> None:
    await with_totp(door)
    with_factor, without = await sign_in(door, "cpo.a", "sai"), await sign_in(door, "cpo.b", "sai")
    assert {**with_factor.json(), "trace_id": ""} == {**without.json(), "trace_id": ""}
    assert with_factor.status_code == without.status_code


async def test_a_code_is_taken_once_even_within_its_window(door: Door) -> None:
    secret, _ = await with_totp(door)
    # The code that confirmed the set-up is used up as well.
    assert await code(await second(door, await first_step(door), code=code_of(door, secret))) == "second-factor-failed"
    door.clock.forward(seconds=30)
    once = code_of(door, secret)
    assert (await second(door, await first_step(door), code=once)).status_code == 201
    assert await code(await second(door, await first_step(door), code=once)) == "second-factor-failed"
    # Nor an older one, though it lies within the grace.
    assert (
        await code(await second(door, await first_step(door), code=code_of(door, secret, -1))) == "second-factor-failed"
    )


async def test_a_step_is_taken_once(door: Door) -> None:
    secret, _ = await with_totp(door)
    door.clock.forward(minutes=1)
    step = await first_step(door)
    assert (await second(door, step, code=code_of(door, secret))).status_code == 201
    door.clock.forward(seconds=30)
    assert await code(await second(door, step, code=code_of(door, secret))) == "sign-in-step-ended"


async def test_a_step_runs_out_and_one_nobody_was_given_is_none(door: Door) -> None:
    secret, _ = await with_totp(door)
    door.clock.forward(minutes=1)
    step = await first_step(door)
    door.clock.forward(minutes=5)
    assert await code(await second(door, step, code=code_of(door, secret))) == "sign-in-step-ended"
    assert await code(await second(door, {"token": "x"}, code="123456")) == "sign-in-step-ended"
    answer = await door.http.post("/api/v1/sessions/second-factor/passkey", json={"step": "x"})
    assert await code(answer) == "sign-in-step-ended"


async def test_guessing_codes_ends_the_step_and_locks_the_account(door: Door) -> None:
    secret, _ = await with_totp(door)
    door.clock.forward(minutes=1)
    step = await first_step(door)
    for _ in range(5):
        assert await code(await second(door, step, code="000000")) == "second-factor-failed"
    assert await code(await second(door, step, code=code_of(door, secret))) == "sign-in-step-ended"
    door.clock.forward(minutes=2)
    # The right password in between did not wipe the wrong codes out.
    again = await first_step(door)
    assert await code(await second(door, again, code="000000")) == "second-factor-failed"
    locked = (await door.sql("SELECT locked_until FROM account WHERE username = 'cpo.a'"))[0]["locked_until"]
    assert locked is not None
    assert locked > door.clock.at
    assert await code(await sign_in(door, "cpo.a")) == "sign-in-failed"
    assert await code(await second(door, again, code=code_of(door, secret))) == "second-factor-failed"
    door.clock.forward(minutes=31)
    assert (await second(door, await first_step(door), code=code_of(door, secret))).status_code == 201


async def test_codes_are_throttled_by_the_minute(door: Door) -> None:
    await with_totp(door)
    answers = []
    for _ in range(2):
        step = await first_step(door)
        answers += [await code(await second(door, step, code="000000")) for _ in range(4)]
    assert "too-many-sign-ins" in answers


async def test_a_secret_that_was_not_confirmed_asks_nobody_for_anything(door: Door) -> None:
    await door.post("cpo.a", "/me/second-factor/totp")
    wrong = await door.post("cpo.a", "/me/second-factor/totp/confirm", {"code": "000000"})
    assert await code(wrong) == "second-factor-failed"
    assert (await sign_in(door, "cpo.a")).status_code == 201


async def test_the_secret_is_sealed_and_shown_once(door: Door) -> None:
    secret, codes = await with_totp(door)
    listed = await door.get("cpo.a", "/me/second-factor")
    rows = await door.sql("SELECT t::text AS row, secret FROM totp t")
    assert secret not in listed.text
    assert secret not in str(rows)
    assert secret.encode() not in bytes(rows[0]["secret"])
    stored = str(await door.sql("SELECT r::text AS row FROM recovery_code r"))
    assert len(codes) == 10
    assert not [one for one in codes if one in stored or one.replace("-", "") in stored]
    assert await code(await door.post("cpo.a", "/me/second-factor/totp")) == "already-set-up"


async def test_setting_a_factor_up_ends_the_sessions_that_were_not_proven_by_it(door: Door) -> None:
    stolen = await door.sign_in("cpo.a")
    await door.sign_in("cpo.a")
    await with_totp(door)
    assert await code(await with_token(door, stolen, "GET", "/me")) == "session-ended"
    assert (await door.get("cpo.a", "/me")).json()["second_factor"] == "totp"


# --- recovery codes ------------------------------------------------------------------------------------------------


async def test_a_recovery_code_stands_in_once_however_it_is_typed(door: Door) -> None:
    _, codes = await with_totp(door)
    typed = codes[0].upper().replace("-", " ")
    assert (await second(door, await first_step(door), recovery_code=typed)).status_code == 201
    assert await code(await second(door, await first_step(door), recovery_code=codes[0])) == "second-factor-failed"
    assert await code(await second(door, await first_step(door), recovery_code="aaaa-bbbb")) == "second-factor-failed"


async def test_somebody_elses_recovery_code_is_none(door: Door) -> None:
    await with_totp(door)
    _, theirs = await with_totp(door, "cpo.b")
    assert await code(await second(door, await first_step(door), recovery_code=theirs[0])) == "second-factor-failed"
    assert (await second(door, await first_step(door, "cpo.b"), recovery_code=theirs[0])).status_code == 201


async def test_new_recovery_codes_make_the_old_ones_void(door: Door) -> None:
    _, old = await with_totp(door)
    new = (await door.post("cpo.a", "/me/second-factor/recovery-codes")).json()["recovery_codes"]
    assert not set(old) & set(new)
    assert await code(await second(door, await first_step(door), recovery_code=old[0])) == "second-factor-failed"
    assert (await second(door, await first_step(door), recovery_code=new[0])).status_code == 201
    none = await door.post("cpo.b", "/me/second-factor/recovery-codes")
    assert await code(none) == "second-factor-not-set-up"


# --- passkeys ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eddsa", [False, True])
async def test_a_passkey_signs_in(door: Door, eddsa: bool) -> None:
    device = await with_passkey(door, device=Authenticator(eddsa=eddsa))
    step = await first_step(door)
    assert step["methods"] == ["passkey", "recovery"]
    opened = await second(door, step, credential=device.sign(await passkey_options(door, step)))
    assert opened.status_code == 201, opened.text
    me = (await with_token(door, opened.json()["token"], "GET", "/me")).json()
    assert me["second_factor"] == "passkey"
    (kept,) = await door.sql("SELECT sign_count, used_at FROM passkey")
    assert (kept["sign_count"], kept["used_at"]) == (1, door.clock.at)


async def test_a_passkey_must_answer_the_question_asked_here_by_the_key_that_is_known(door: Door) -> None:
    device = await with_passkey(door)

    async def refused(**change: Any) -> None:
        step = await first_step(door)
        options = await passkey_options(door, step)
        by = change.pop("by", device)
        answer = by.sign(options, challenge=change.pop("challenge", None))
        for name, value in change.items():
            answer["response"][name] = value(answer["response"][name])
        assert await code(await second(door, step, credential=answer)) == "second-factor-failed"
        door.clock.forward(minutes=31)  # six in a row would lock the account

    await refused(challenge=b64(b"another question altogether"))
    await refused(by=Authenticator(credential=device.credential))
    await refused(by=Authenticator())
    await refused(signature=lambda text: b64(unb64(text)[:-1] + b"\0"))
    await refused(authenticatorData=lambda text: b64(b"\1" * 32 + unb64(text)[32:]))
    device.flags = 0
    await refused()
    device.flags, device.origin = PRESENT, "https://attacker.example"
    await refused()
    device.origin = "http://door.test"
    step = await first_step(door)
    assert (await second(door, step, credential=device.sign(await passkey_options(door, step)))).status_code == 201


async def test_an_answer_that_was_given_is_not_taken_again(door: Door) -> None:
    device = await with_passkey(door)
    step = await first_step(door)
    answer = device.sign(await passkey_options(door, step))
    assert (await second(door, step, credential=answer)).status_code == 201
    again = await first_step(door)
    await passkey_options(door, again)
    assert await code(await second(door, again, credential=answer)) == "second-factor-failed"


async def test_a_passkey_whose_counter_went_back_is_a_copy(door: Door) -> None:
    device = await with_passkey(door)
    for _ in range(2):
        step = await first_step(door)
        assert (await second(door, step, credential=device.sign(await passkey_options(door, step)))).status_code == 201
    device.count = 0
    step = await first_step(door)
    refused = await second(door, step, credential=device.sign(await passkey_options(door, step)))
    assert await code(refused) == "second-factor-failed"


async def test_a_passkey_is_not_asked_before_the_options_are(door: Door) -> None:
    device = await with_passkey(door)
    step = await first_step(door)
    guessed = device.sign({"challenge": b64(b"x"), "rpId": "door.test"})
    assert await code(await second(door, step, credential=guessed)) == "second-factor-failed"


async def test_making_a_passkey_is_refused_where_the_device_answers_something_else(door: Door) -> None:
    async def refused(device: Authenticator, body: dict[str, Any] | None = None, **made: Any) -> str:
        asked = (await door.post("cpo.a", "/me/second-factor/passkeys")).json()
        credential = body if body is not None else device.make(asked["options"], **made)
        given = {"step": asked["step"], "label": "x", "credential": credential}
        return await code(await door.post("cpo.a", "/me/second-factor/passkeys/confirm", given))

    assert await refused(Authenticator(), challenge=b64(b"another")) == "passkey-refused"
    assert await refused(Authenticator(origin="https://attacker.example")) == "passkey-refused"
    assert await refused(Authenticator(credential=b"x" * 1100)) == "passkey-refused"
    for nonsense in ({}, {"id": 7}, {"id": "x", "rawId": "x", "response": {}}, {"response": [1]}):
        assert await refused(Authenticator(), nonsense) == "passkey-refused"
    other = await with_passkey(door, "cpo.b")
    # The credential of somebody else is not taken over.
    assert await refused(Authenticator(credential=other.credential)) == "passkey-refused"
    theirs = (await door.post("cpo.b", "/me/second-factor/passkeys")).json()
    given = {"step": theirs["step"], "label": "x", "credential": Authenticator().make(theirs["options"])}
    assert await code(await door.post("cpo.a", "/me/second-factor/passkeys/confirm", given)) == "sign-in-step-ended"
    assert (await sign_in(door, "cpo.a")).status_code == 201


# --- who must have one ---------------------------------------------------------------------------------------------


def test_an_installation_asks_it_of_those_who_give_powers_or_watch() -> None:
    told = Settings()
    assert {role for role in ("ADM", "DPO", "AUD", "DOH", "CPO") if told.needs_second_factor(role)} == SECOND_FACTOR
    assert not Settings(second_factor_roles="").needs_second_factor("")
    assert not Settings(second_factor_roles="").needs_second_factor("ADM")
    with pytest.raises(ValueError, match="ANNHI_SECOND_FACTOR_ROLES"):
        Settings(second_factor_roles="ADM,NOBODY")


async def test_a_position_that_needs_a_second_factor_does_nothing_before_it_is_set_up(
    postgres: Postgres, key_file: Path
) -> None:
    async with a_door(postgres, key_file, second_factor_roles="ADM") as door:
        assert await code(await door.get("admin", "/people")) == "second-factor-not-set-up"
        assert (await door.get("admin", "/me")).status_code == 200
        assert (await door.get("admin", "/me/second-factor")).json()["required"] is True
        assert (await door.get("cpo.a", "/cases")).status_code == 200
        await with_totp(door, "admin")
        assert (await door.get("admin", "/people")).status_code == 200
        factor = (await door.get("admin", "/me/second-factor")).json()["factors"][0]["id"]
        kept = await door.call("admin", "DELETE", f"/me/second-factor/{factor}")
        assert await code(kept) == "still-needed"
        await with_passkey(door, "admin")
        assert (await door.call("admin", "DELETE", f"/me/second-factor/{factor}")).status_code == 204
        assert (await door.get("admin", "/me/second-factor")).json()["factors"][0]["kind"] == "passkey"


async def test_one_removes_ones_own_factor_and_nobody_elses(door: Door) -> None:
    await with_totp(door)
    await with_totp(door, "cpo.b")
    theirs = (await door.get("cpo.b", "/me/second-factor")).json()["factors"][0]["id"]
    assert await code(await door.call("cpo.a", "DELETE", f"/me/second-factor/{theirs}")) == "not-found"
    own = (await door.get("cpo.a", "/me/second-factor")).json()["factors"][0]["id"]
    assert (await door.call("cpo.a", "DELETE", f"/me/second-factor/{own}")).status_code == 204
    assert (await door.get("cpo.a", "/me/second-factor")).json() == {
        "required": False, "factors": [], "recovery_codes_left": 0,
    }  # fmt: skip
    assert (await sign_in(door, "cpo.a")).status_code == 201


async def test_who_lost_the_device_is_helped_by_the_administrator(door: Door) -> None:
    await with_totp(door)
    token = door.tokens["cpo.a"]
    assert (await door.post("admin", f"/people/{door.person('cpo.a')}/second-factors/end")).status_code == 204
    assert await code(await with_token(door, token, "GET", "/me")) == "session-ended"
    assert (await sign_in(door, "cpo.a")).status_code == 201
    assert await audited(door, "end_factors") == [("done", None)]


async def test_a_lost_password_does_not_lose_the_second_factor(door: Door) -> None:
    secret, _ = await with_totp(door)
    given = await door.post("admin", f"/people/{door.person('cpo.a')}/account", {"username": "cpo.a"})
    link = given.json()["set_up_link"].partition("link=")[2]
    own = "một mật khẩu của riêng tôi"
    await door.post(None, "/set-up", {"link": link, "password": own})
    door.clock.forward(minutes=1)
    answer = await sign_in(door, "cpo.a", own)
    assert await code(answer) == "second-factor-required"
    assert (await second(door, answer.json()["step"], code=code_of(door, secret))).status_code == 201


@pytest.mark.parametrize(
    "proof", [{}, {"code": "1", "recovery_code": "2"}, {"code": ""}, {"credential": "x"}, {"code": 123456}]
)
async def test_a_second_step_says_one_thing(door: Door, proof: dict[str, Any]) -> None:
    await with_totp(door)
    assert (await second(door, await first_step(door), **proof)).status_code == 422

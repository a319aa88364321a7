"""Getting in with a browser: cookies no other site can use, and pages that work without a script, in both languages."""

import re
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest
import pytest_asyncio

from api.identity.cookies import FLOW, SESSION
from deploy.runtime.postgres import Postgres
from tests.api_support import PASSWORD, Door
from tests.identity_support import SITE, a_door, audited, code, second_position

pytestmark = pytest.mark.servers


class Browser:
    """A browser on our site: keeps cookies, and says where a request comes from."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.kept: dict[str, str] = {}
        self.set_cookies: list[str] = []

    async def ask(
        self, method: str, path: str, fields: dict[str, str] | None = None, *, said: dict[str, str] | None = None
    ) -> httpx.Response:
        headers = {**(SITE if said is None else said)}
        if self.kept:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.kept.items())
        answer = await self.door.http.request(method, path, data=fields, headers=headers)
        for line in answer.headers.get_list("set-cookie"):
            self.set_cookies.append(line)
            for name, morsel in SimpleCookie(line).items():
                self.kept.pop(name, None)
                if morsel.value:
                    self.kept[name] = morsel.value
        self.door.http.cookies.clear()
        return answer

    async def sign_in(self, username: str = "cpo.a", password: str = PASSWORD) -> httpx.Response:
        return await self.ask("POST", "/sign-in?lang=vi", {"username": username, "password": password})


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with a_door(postgres, key_file) as opened:
        yield opened


@pytest.fixture
def browser(door: Door) -> Browser:
    return Browser(door)


async def test_signing_in_gives_a_cookie_for_this_host_alone_that_no_script_reads(browser: Browser) -> None:
    answer = await browser.sign_in()
    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/position?lang=vi"
    line = next(one for one in browser.set_cookies if one.startswith(f"{SESSION}="))
    said = {part.strip().lower() for part in line.split(";")[1:]}
    assert {"httponly", "secure", "path=/", "samesite=strict"} <= said
    assert not [part for part in said if part.startswith("domain")]
    assert browser.kept[SESSION] not in answer.text
    page = await browser.ask("GET", "/position?lang=vi")
    assert "Người làm công tác bảo vệ trẻ em cấp xã, Xã Mây Khê (mẫu)" in page.text


async def test_the_cookie_works_for_the_api_from_our_own_pages_and_is_no_bearer_token(browser: Browser) -> None:
    await browser.sign_in()
    assert (await browser.ask("GET", "/api/v1/cases")).status_code == 200
    bearer = await browser.door.http.get("/api/v1/me", headers={"Authorization": f"Bearer {browser.kept[SESSION]}"})
    assert await code(bearer) == "not-signed-in"
    token = await browser.door.sign_in("cpo.a")
    browser.kept[SESSION] = token
    assert await code(await browser.ask("GET", "/api/v1/me")) == "not-signed-in"


@pytest.mark.parametrize(
    ("said", "reads", "writes"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True, True),
        ({"Sec-Fetch-Site": "none"}, True, False),
        ({"Sec-Fetch-Site": "same-site"}, False, False),
        ({"Sec-Fetch-Site": "cross-site"}, False, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://door.test"}, False, False),
        ({"Sec-Fetch-Site": ""}, False, False),
        ({"Origin": "http://door.test"}, True, True),
        ({"Origin": "http://attacker.example"}, False, False),
        ({"Origin": "http://door.test.attacker.example"}, False, False),
        ({"Origin": "null"}, False, False),
        ({"Origin": "http://["}, False, False),
        ({}, True, False),
    ],
)
async def test_a_cookie_is_taken_from_our_own_pages_only(
    browser: Browser, said: dict[str, str], reads: bool, writes: bool
) -> None:
    await browser.sign_in()
    read = await browser.ask("GET", "/api/v1/me", said=said)
    assert (read.status_code == 200) is reads, read.text
    headers = {**said, "Cookie": f"{SESSION}={browser.kept[SESSION]}"}
    # A valid act of writing, so that only where it came from decides.
    written = await browser.door.http.delete("/api/v1/sessions/others", headers=headers)
    assert (written.status_code == 204) is writes, written.text
    for answer, taken in ((read, reads), (written, writes)):
        assert taken or await code(answer) == "cross-site-refused"
    refused = [("refused", "cross-site-refused")] * ((not reads) + (not writes))
    assert await audited(browser.door, "request") == refused


async def test_a_bearer_token_needs_no_origin_and_a_cookie_beside_it_is_not_looked_at(browser: Browser) -> None:
    await browser.sign_in("sup.a")
    token = await browser.door.sign_in("cpo.a")
    headers = {
        "Authorization": f"Bearer {token}", "Cookie": f"{SESSION}={browser.kept[SESSION]}",
        "Sec-Fetch-Site": "cross-site",
    }  # fmt: skip
    me = await browser.door.http.get("/api/v1/me", headers=headers)
    assert me.json()["position"]["role"] == "CPO"
    headers["Authorization"] = "Bearer nonsense"
    assert await code(await browser.door.http.get("/api/v1/me", headers=headers)) == "not-signed-in"


@pytest.mark.parametrize("path", ["/sign-in", "/sign-in/second-factor", "/set-up", "/position", "/sign-out"])
async def test_no_form_is_taken_from_another_site(browser: Browser, path: str) -> None:
    await browser.sign_in()
    for said in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://attacker.example"}, {}):
        answer = await browser.ask("POST", path, {"username": "cpo.a", "password": PASSWORD}, said=said)
        assert answer.status_code == 403
        assert "chỉ dùng được từ chính trang" in answer.text
    assert (await browser.ask("GET", "/api/v1/me")).status_code == 200


async def test_signing_out_ends_the_session_itself_not_only_the_cookie(browser: Browser) -> None:
    await browser.sign_in()
    kept = browser.kept[SESSION]
    out = await browser.ask("POST", "/sign-out")
    assert out.status_code == 303
    assert SESSION not in browser.kept
    browser.kept[SESSION] = kept
    assert await code(await browser.ask("GET", "/api/v1/me")) == "session-ended"
    assert (await browser.ask("GET", "/position")).status_code == 401


async def test_a_wrong_password_is_said_in_words_and_nothing_typed_comes_back(browser: Browser) -> None:
    for lang, words in (("vi", "Tên đăng nhập hoặc mật khẩu không đúng"), ("en", "User name or password is wrong")):
        answer = await browser.ask("POST", f"/sign-in?lang={lang}", {"username": "cpo.a<b>", "password": "sai hẳn"})
        assert answer.status_code == 401
        assert words in answer.text
        assert "cpo.a" not in answer.text
        assert "sai hẳn" not in answer.text
    assert not browser.kept


async def test_the_second_factor_comes_between_password_and_session(browser: Browser) -> None:
    await browser.sign_in()
    begun = await browser.ask("POST", "/second-factor?lang=vi")
    secret = re.search(r"<pre>([A-Z2-7 ]+)</pre>", begun.text)
    assert secret
    otp = pyotp.TOTP(secret[1].replace(" ", ""))
    wrong = await browser.ask("POST", "/second-factor/confirm?lang=vi", {"code": "000000"})
    assert wrong.status_code == 401
    done = await browser.ask("POST", "/second-factor/confirm?lang=vi", {"code": otp.at(browser.door.clock.at)})
    assert done.text.count("<li>") == 10
    assert "Mã theo thời gian" in (await browser.ask("GET", "/second-factor?lang=vi")).text

    again = Browser(browser.door)
    browser.door.clock.forward(minutes=1)
    asked = await again.sign_in()
    assert "Mã sáu chữ số" in asked.text
    assert SESSION not in again.kept
    assert FLOW in again.kept
    assert (await again.ask("GET", "/position")).status_code == 401
    missed = await again.ask("POST", "/sign-in/second-factor?lang=vi", {"code": "000000"})
    assert (missed.status_code, "Mã xác thực không đúng" in missed.text) == (401, True)
    let_in = await again.ask("POST", "/sign-in/second-factor", {"code": otp.at(browser.door.clock.at)})
    assert let_in.status_code == 303
    assert FLOW not in again.kept
    assert (await again.ask("GET", "/api/v1/me")).json()["second_factor"] == "totp"
    # Its token stays in the cookie: not even the answer of the API shows it.
    assert again.kept[SESSION] not in let_in.text


async def test_somebody_with_two_positions_chooses_on_a_page(browser: Browser) -> None:
    other = await second_position(browser.door, "cpo.a", "SUP", "HN-B")
    await browser.sign_in()
    before = browser.kept[SESSION]
    page = await browser.ask("GET", "/position?lang=vi")
    assert f'value="{other}"' in page.text
    chosen = await browser.ask("POST", "/position?lang=vi", {"position_id": str(other)})
    assert chosen.status_code == 303
    assert browser.kept[SESSION] != before
    assert (await browser.ask("GET", "/api/v1/me")).json()["position"]["role"] == "SUP"
    switched = await browser.door.http.post(
        "/api/v1/me/position", json={"position_id": str(other)},
        headers={**SITE, "Cookie": f"{SESSION}={browser.kept[SESSION]}"},
    )  # fmt: skip
    assert switched.json()["token"] is None
    assert SESSION in switched.headers["set-cookie"]


async def test_opening_a_set_up_link_uses_nothing_up(browser: Browser) -> None:
    door = browser.door
    given = await door.post("admin", f"/people/{door.person('grp.a')}/account", {"username": "grp.a"})
    path = given.json()["set_up_link"].removeprefix("http://door.test")
    for _ in range(2):
        page = await browser.ask("GET", path)
        assert page.status_code == 200
    link = path.partition("link=")[2]
    short = await browser.ask("POST", "/set-up?lang=vi", {"link": link, "password": "ngắn"})
    assert short.status_code == 422
    done = await browser.ask("POST", "/set-up?lang=vi", {"link": link, "password": PASSWORD})
    assert "Đã đặt mật khẩu" in done.text
    assert (await browser.ask("POST", "/set-up?lang=vi", {"link": link, "password": PASSWORD})).status_code == 404
    assert (await browser.sign_in("grp.a")).status_code == 303


async def test_every_page_has_a_strict_policy_and_loads_nothing(browser: Browser) -> None:
    await browser.sign_in()
    for path in ("/sign-in", "/set-up?link=x%22%3E%3Cscript%3E", "/position", "/second-factor"):
        for lang in ("vi", "en"):
            answer = await browser.ask("GET", f"{path}{'&' if '?' in path else '?'}lang={lang}")
            assert answer.status_code == 200
            assert f'<html lang="{lang}">' in answer.text
            assert not re.search(r"<script|src=|@import|<link| style=| on[a-z]+=", answer.text)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "form-action 'self'" in policy
            assert "unsafe" not in policy
            assert answer.headers["referrer-policy"] == "no-referrer"
            assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "body",
    [b"\xff", b"username=%FF&password=x", b"username=a%00&password=x", b"", b"&" * 100, b"a=1&" * 50, b"username=a"],
)
async def test_a_form_that_cannot_be_read_is_refused_in_words(browser: Browser, body: bytes) -> None:
    headers: dict[str, Any] = {**SITE, "Content-Type": "application/x-www-form-urlencoded"}
    answer = await browser.door.http.post("/sign-in", content=body, headers=headers)
    assert answer.status_code == 422
    assert "<main>" in answer.text


async def test_the_api_takes_no_form(browser: Browser) -> None:
    headers = {**SITE, "Content-Type": "application/x-www-form-urlencoded"}
    answer = await browser.door.http.post("/api/v1/sessions", content=b"username=a&password=b", headers=headers)
    assert await code(answer) == "media-type-not-supported"

"""Signing in with an organisation's own provider, against a real one: who is let in, and every answer that is not."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
from cryptojwt.jwk.hmac import SYMKey
from cryptojwt.jwk.rsa import new_rsa_key

from api.identity.cookies import FLOW, SESSION
from api.identity.oidc import read_providers
from deploy.runtime.postgres import Postgres
from tests.api_support import Door
from tests.identity_support import a_door, audited, code
from tests.openid_provider import CLIENT, SECRET, OpenIdProvider, open_id_provider
from tests.test_identity_factors import with_totp
from tests.test_identity_pages import Browser

pytestmark = pytest.mark.servers

CALLBACK = "http://door.test/sign-in/callback"
NOT_LINKED = [("refused", "external-sign-in-failed")]
"""The one refusal of ``linked``, which learns the subject by a sign-in that is not linked yet."""
FROM_ELSEWHERE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}


@pytest_asyncio.fixture
async def provider() -> AsyncIterator[OpenIdProvider]:
    async with open_id_provider() as running:
        running.expects(CALLBACK)
        running.is_asked_by("officer-17")
        yield running


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path, provider: OpenIdProvider, tmp_path: Path) -> AsyncIterator[Door]:
    async with a_door(postgres, key_file, oidc_file=configured(tmp_path, provider.issuer)) as opened:
        opened.clock.at = datetime.now(UTC).replace(microsecond=0)  # the provider's clock is the machine's
        yield opened


def configured(folder: Path, issuer: str, **more: str) -> Path:
    said = {
        "key": "so-y-te", "name_vi": "Sở Y tế (mẫu)", "name_en": "Department of Health (sample)", "issuer": issuer,
        "client_id": CLIENT, "client_secret": SECRET, **more,
    }  # fmt: skip
    file = folder / "oidc.toml"
    file.write_text("[[provider]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items()))
    return file


async def asked(browser: Browser) -> str:
    """The way to the provider and back; the address the provider sends the browser to."""
    sent = await browser.ask("GET", "/sign-in/with/so-y-te?lang=vi")
    assert sent.status_code == 303, sent.text
    async with httpx.AsyncClient() as there:
        back = await there.get(sent.headers["location"])
    assert back.status_code == 302, back.text
    parts = urlsplit(back.headers["location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == CALLBACK
    return f"{parts.path}?{parts.query}"


async def sign_in(browser: Browser) -> httpx.Response:
    return await browser.ask("GET", await asked(browser), said=FROM_ELSEWHERE)


async def linked(door: Door, provider: OpenIdProvider, who: str = "cpo.a") -> str:
    """The administrator links whoever sits at the provider to somebody's account; gives the link's id."""
    await sign_in(Browser(door))
    body = {"issuer": provider.issuer, "subject": provider.claims["sub"]}
    made = await door.post("admin", f"/people/{door.person(who)}/identities", body)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def test_somebody_linked_is_let_in_and_acts_as_themselves(door: Door, provider: OpenIdProvider) -> None:
    await linked(door, provider)
    browser = Browser(door)
    page = await sign_in(browser)
    assert page.status_code == 200
    # No redirect: one that began at another site would not carry the strict cookie.
    assert page.headers["refresh"].startswith("0; url=/position")
    assert FLOW not in browser.kept
    me = (await browser.ask("GET", "/api/v1/me")).json()
    assert (me["person_id"], me["position"]["role"]) == (str(door.person("cpo.a")), "CPO")
    lines = [line for line in browser.set_cookies if "samesite=lax" in line.lower()]
    assert [line.split("=")[0] for line in lines] == [FLOW]
    (flow,) = [one for one in provider.asked if one["state"] in urlsplit(str(page.request.url)).query]
    assert (flow["code_challenge_method"], flow["scope"], flow["ui_locales"]) == ("S256", "openid", "vi")


async def test_nobody_is_let_in_who_was_not_linked_whatever_the_provider_calls_them(
    door: Door, provider: OpenIdProvider
) -> None:
    email = "cpo.a@mau.example"

    def named_like_somebody(said: dict[str, Any]) -> dict[str, Any]:
        claims = {**provider.claims, "email": email, "email_verified": True, "preferred_username": "cpo.a"}
        return {**said, "id_token": provider.signed(claims)}

    provider.alter = named_like_somebody
    browser = Browser(door)
    refused = await sign_in(browser)
    assert refused.status_code == 401
    assert "chưa được gắn với tài khoản nào" in refused.text
    assert SESSION not in browser.kept
    assert await audited(door, "sign_in") == [("refused", "external-sign-in-failed")]
    assert email not in str(await door.sql("SELECT a::text AS row FROM audit_entry a"))


async def test_an_account_s_second_factor_is_asked_for_all_the_same(door: Door, provider: OpenIdProvider) -> None:
    await linked(door, provider)
    _, codes = await with_totp(door)
    browser = Browser(door)
    page = await sign_in(browser)
    assert "Mã sáu chữ số" in page.text
    assert SESSION not in browser.kept
    let_in = await browser.ask("POST", "/sign-in/second-factor", {"recovery_code": codes[0]})
    assert let_in.status_code == 303
    assert (await browser.ask("GET", "/api/v1/me")).json()["second_factor"] == "recovery"


async def test_an_answer_belongs_to_the_browser_that_asked_and_to_one_sign_in(
    door: Door, provider: OpenIdProvider
) -> None:
    await linked(door, provider)
    attacker, victim = Browser(door), Browser(door)
    theirs, own = await asked(attacker), await asked(victim)
    # Somebody else's answer slipped into one's browser, with or without a sign-in of one's own under way.
    assert (await victim.ask("GET", theirs, said=FROM_ELSEWHERE)).status_code == 401
    assert (await Browser(door).ask("GET", theirs, said=FROM_ELSEWHERE)).status_code == 401
    # It went no further than here: nobody asked the provider what that code is worth.
    assert set(await audited(door, "sign_in")) >= {("refused", "sign-in-step-ended")}
    assert [one for one in await audited(door, "sign_in") if one[1] == "external-sign-in-failed"] == NOT_LINKED
    # It was one try: not even the right answer is taken any more.
    assert (await victim.ask("GET", own, said=FROM_ELSEWHERE)).status_code == 401
    assert (await attacker.ask("GET", theirs, said=FROM_ELSEWHERE)).status_code == 200
    assert (await attacker.ask("GET", theirs, said=FROM_ELSEWHERE)).status_code == 401


async def test_a_code_is_worth_nothing_without_its_verifier(door: Door, provider: OpenIdProvider) -> None:
    await linked(door, provider)
    browser = Browser(door)
    back = await asked(browser)
    await door.sql(
        "UPDATE sign_in_step SET state = state || jsonb_build_object('verifier', repeat('x', 43)) WHERE used_at IS NULL"
    )
    assert (await browser.ask("GET", back, said=FROM_ELSEWHERE)).status_code == 401
    assert SESSION not in browser.kept


async def test_a_sign_in_left_lying_is_over(door: Door, provider: OpenIdProvider) -> None:
    await linked(door, provider)
    browser = Browser(door)
    back = await asked(browser)
    door.clock.forward(minutes=10)
    assert (await browser.ask("GET", back, said=FROM_ELSEWHERE)).status_code == 401


Alter = Callable[[OpenIdProvider, dict[str, Any]], dict[str, Any]]


def _claims(**more: Any) -> Alter:
    def altered(provider: OpenIdProvider, said: dict[str, Any]) -> dict[str, Any]:
        claims = {key: value for key, value in (provider.claims | more).items() if value is not None}
        return {**said, "id_token": provider.signed(claims)}

    return altered


def _foreign_key(provider: OpenIdProvider, said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "id_token": provider.signed(provider.claims, keys=[new_rsa_key()])}


def _our_own_secret(provider: OpenIdProvider, said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "id_token": provider.signed(provider.claims, "HS256", [SYMKey(key=SECRET)])}


def _unsigned(provider: OpenIdProvider, said: dict[str, Any]) -> dict[str, Any]:
    parts = [urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=").decode() for one in (
        {"alg": "none", "typ": "JWT"}, provider.claims)]  # fmt: skip
    return {**said, "id_token": ".".join([*parts, ""])}


def _bent(_provider: OpenIdProvider, said: dict[str, Any]) -> dict[str, Any]:
    head, body, signature = said["id_token"].split(".")
    return {**said, "id_token": f"{head}.{body}.{'A' * len(signature)}"}


FORGED: dict[str, Alter] = {
    "signed by another's key": _foreign_key,
    "signed with the secret we share": _our_own_secret,
    "not signed": _unsigned,
    "a bent signature": _bent,
    "no token": lambda _provider, said: {key: value for key, value in said.items() if key != "id_token"},
    "no text": lambda _provider, said: {**said, "id_token": 7},
    "nonsense": lambda _provider, said: {**said, "id_token": "a.b.c"},
    "for another client": _claims(aud=["somebody-else"]),
    "for several, and not on our asking": _claims(aud=[CLIENT, "somebody-else"]),
    "by another issuer": _claims(iss="https://id.example"),
    "for another sign-in": _claims(nonce="another"),
    "for no sign-in": _claims(nonce=None),
    "without an end": _claims(exp=None),
    "over": _claims(exp=1),
    "about nobody": _claims(sub=None),
    "about no name": _claims(sub=17),
}


@pytest.mark.parametrize("how", FORGED)
async def test_a_token_that_is_not_the_provider_s_for_us_and_now_lets_nobody_in(
    door: Door, provider: OpenIdProvider, how: str
) -> None:
    await linked(door, provider)
    provider.alter = lambda said: FORGED[how](provider, said)
    browser = Browser(door)
    refused = await sign_in(browser)
    assert refused.status_code == 401, how
    assert SESSION not in browser.kept
    provider.alter = lambda said: _claims()(provider, said)  # its own claims, signed again: altering breaks nothing
    assert (await sign_in(browser)).status_code == 200


async def test_an_answer_that_names_another_issuer_is_refused(door: Door, provider: OpenIdProvider) -> None:
    """RFC 9207: with several providers, one must not pass on another's code."""
    await linked(door, provider)
    browser = Browser(door)
    back = (await asked(browser)).replace("iss=http%3A%2F%2F127.0.0.1", "iss=http%3A%2F%2F127.0.0.2")
    assert "127.0.0.2" in back
    assert (await browser.ask("GET", back, said=FROM_ELSEWHERE)).status_code == 401


async def test_a_refusal_at_the_provider_is_one_here(door: Door, provider: OpenIdProvider) -> None:
    browser = Browser(door)
    await asked(browser)
    state = provider.asked[-1]["state"]
    path = f"/sign-in/callback?error=access_denied&error_description=%3Cb%3Ex&state={state}"
    refused = await browser.ask("GET", path, said=FROM_ELSEWHERE)
    assert refused.status_code == 401
    assert "<b>x" not in refused.text


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_when_the_provider_turns_its_keys_over_nobody_notices(
    door: Door, provider: OpenIdProvider, algorithm: str
) -> None:
    await linked(door, provider)
    provider.turn_keys_over(algorithm)
    assert (await sign_in(Browser(door))).status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(-110, 401), (-50, 200), (50, 200), (350, 200), (370, 401)])
async def test_clocks_may_differ_by_a_minute(door: Door, provider: OpenIdProvider, seconds: int, status: int) -> None:
    """Ours behind: the token seems to come from the future. Ours ahead: it seems over, 300 seconds after its time."""
    await linked(door, provider)
    browser = Browser(door)
    back = await asked(browser)

    def at_a_distance(said: dict[str, Any]) -> dict[str, Any]:
        door.clock.at = datetime.fromtimestamp(provider.claims["iat"], UTC)
        moved = {**provider.claims, "iat": provider.claims["iat"] - seconds, "exp": provider.claims["exp"] - seconds}
        return {**said, "id_token": provider.signed(moved)}

    provider.alter = at_a_distance
    door.clock.at = datetime.now(UTC).replace(microsecond=0)
    answer = await browser.ask("GET", back, said=FROM_ELSEWHERE)
    assert answer.status_code == status, seconds


async def test_while_the_provider_is_away_one_is_told_so(door: Door, provider: OpenIdProvider) -> None:
    provider.away = True
    answer = await Browser(door).ask("GET", "/sign-in/with/so-y-te?lang=en")
    assert answer.status_code == 503
    assert "identity provider cannot be reached" in answer.text
    provider.away = False
    assert (await Browser(door).ask("GET", "/sign-in/with/so-y-te")).status_code == 303
    assert (await Browser(door).ask("GET", "/sign-in/with/nobody")).status_code == 404


async def test_the_sign_in_page_names_the_providers(door: Door) -> None:
    assert "Sở Y tế (mẫu)" in (await Browser(door).ask("GET", "/sign-in?lang=vi")).text
    assert "Department of Health (sample)" in (await Browser(door).ask("GET", "/sign-in?lang=en")).text


async def test_an_identity_is_linked_to_one_account_and_can_be_taken_off(door: Door, provider: OpenIdProvider) -> None:
    link = await linked(door, provider)
    person = door.person("cpo.a")
    body = {"issuer": provider.issuer, "subject": provider.claims["sub"]}
    assert await code(await door.post("admin", f"/people/{door.person('cpo.b')}/identities", body)) == "code-taken"
    unknown = await door.post("admin", f"/people/{person}/identities", {**body, "issuer": "https://id.example"})
    assert unknown.json()["errors"] == [{"path": ["body", "issuer"], "code": "unknown"}]
    none = await door.post("admin", f"/people/{door.person('grp.a')}/identities", body)
    assert await code(none) == "no-account"
    listed = (await door.get("admin", f"/people/{person}/identities")).json()
    assert [(one["id"], one["subject"]) for one in listed] == [(link, provider.claims["sub"])]
    browser = Browser(door)
    assert (await sign_in(browser)).status_code == 200
    assert (await door.post("admin", f"/people/{person}/identities/{link}/end")).status_code == 204
    assert await code(await browser.ask("GET", "/api/v1/me")) == "session-ended"
    assert (await sign_in(browser)).status_code == 401
    assert (await door.post("admin", f"/people/{person}/identities/{link}/end")).status_code == 404


async def test_an_account_that_ended_is_not_opened_from_elsewhere(door: Door, provider: OpenIdProvider) -> None:
    await linked(door, provider)
    assert (await door.post("admin", f"/people/{door.person('cpo.a')}/account/end")).status_code == 204
    assert (await sign_in(Browser(door))).status_code == 401


@asynccontextmanager
async def _impostor(issuer: str) -> AsyncIterator[OpenIdProvider]:
    async with open_id_provider() as running:
        running.server.issuer = issuer
        running.server.context.provider_info["issuer"] = issuer
        yield running


async def test_a_description_that_names_another_issuer_is_not_believed(
    postgres: Postgres, key_file: Path, tmp_path: Path
) -> None:
    async with (
        _impostor("http://127.0.0.1:1") as running,
        a_door(postgres, key_file, oidc_file=configured(tmp_path, running.issuer)) as door,
    ):
        assert (await Browser(door).ask("GET", "/sign-in/with/so-y-te")).status_code == 503


@pytest.mark.parametrize("more", [{"issuer": "http://id.example"}, {"issuer": "x"}, {"key": "Không"}, {"extra": "x"}])
def test_a_file_of_providers_that_cannot_be_meant_is_refused_without_its_secret(
    tmp_path: Path, more: dict[str, str]
) -> None:
    file = configured(tmp_path, **{"issuer": "https://id.example", **more})
    with pytest.raises(ValueError, match="ANNHI_OIDC_FILE") as caught:
        read_providers(file)
    assert SECRET not in str(caught.value)
    assert read_providers(configured(tmp_path, "https://id.example"))[0].issuer == "https://id.example"
    assert SECRET not in repr(read_providers(configured(tmp_path, "https://id.example")))


def test_the_file_in_the_guide_is_one(tmp_path: Path) -> None:
    guide = Path(__file__).parents[1] / "docs" / "guides" / "openid.md"
    (example,) = re.findall(r"```toml\n(.*?)```", guide.read_text(encoding="utf-8"), re.DOTALL)
    file = tmp_path / "oidc.toml"
    file.write_text(example, encoding="utf-8")
    assert [one.key for one in read_providers(file)] == ["so-y-te"]

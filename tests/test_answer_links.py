"""One-time links: an office with nobody in the system opens one with four words, once, and answers its one referral."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from html import unescape
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from activities.channels import configured
from activities.delivery import Outbox
from api.pages.answer import COOKIE
from deploy.runtime.postgres import OWNER
from deploy.runtime.schema import check_vault
from deploy.runtime.trouble import Trouble
from models.calendar import TZ
from models.database import Who, transaction
from models.protocol.arithmetic import Amount
from models.protocol.registry import Protocols
from models.records import answer_links
from models.records.texts import render
from models.settings import Settings
from models.vocabulary import label
from tests.api_support import REFERENCE, Door
from tests.databases import VAULT_FILE
from tests.receivers import mailbox
from tests.referral_door_support import AID, a_case, asked, done
from tests.rotation import rotated
from tests.test_identity_pages import Browser
from tests.world import World

pytestmark = pytest.mark.servers

_SAID = REFERENCE.protocols.versions[-1].referrals
assert _SAID is not None
TRIES = _SAID.link_tries


@pytest_asyncio.fixture(scope="module")
async def door(door: Door) -> Door:
    """The door, and an office with an address to which links are sent."""
    at, provider = door.clock.now() - timedelta(days=1), uuid4()
    await door.sql(
        "INSERT INTO provider (id, code, kind, is_sample, valid_from) "
        "VALUES (:id, 'X-TGPL', 'legal_aid', true, :at)",
        id=provider, at=at,
    )  # fmt: skip
    await door.sql(
        "INSERT INTO provider_name (id, provider_id, unit_id, name_vi, name_en, valid_from) "
        "VALUES (:id, :provider, :unit, 'x', 'x', :at)",
        id=uuid4(), provider=provider, unit=door.unit("HN-TGPL"), at=at,
    )  # fmt: skip
    await door.sql(
        "INSERT INTO contact (id, provider_id, kind, address, valid_from) "
        "VALUES (:id, :provider, 'email', 'vanthu@tgpl.example', :at)",
        id=uuid4(), provider=provider, at=at,
    )  # fmt: skip
    return door


async def a_referral(door: Door, wanted: dict[str, Any] = AID) -> str:
    (result,) = await asked(door, await a_case(door), wanted)
    return str(result["referral"]["id"])


async def a_link(door: Door, referral: str, how: str = "paper", who: str = "cpo.a") -> dict[str, Any]:
    answer = await door.post(who, f"/referrals/{referral}/links", {"how": how}, key=uuid4())
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def token(link: dict[str, Any]) -> str:
    return str(link["address"].split("link=")[1])


async def opened(door: Door, link: dict[str, Any], phrase: str | None = None) -> tuple[Browser, Any]:
    browser = Browser(door)
    await door.sql("DELETE FROM sign_in_throttle")  # many offices, from one address
    fields = {"link": token(link), "phrase": phrase or link["phrase"]}
    return browser, await browser.ask("POST", "/answer?lang=vi", fields)


async def send(browser: Browser, event: str, **fields: str) -> Any:
    return await browser.ask("POST", "/answer/referral", {"event": event, "key": str(uuid4()), **fields})


async def standing(door: Door, referral: str) -> list[str]:
    return [one["standing"] for one in (await door.get("cpo.a", f"/referrals/{referral}/links")).json()]


async def test_an_office_with_nobody_here_opens_its_referral_with_four_words_and_answers(door: Door) -> None:
    referral = await a_referral(door)
    link = await a_link(door, referral)
    browser = Browser(door)
    for _ in range(2):  # mail programs look; that uses nothing up
        page = await browser.ask("GET", f"/answer?link={token(link)}")
        assert page.status_code == 200
        assert "Bốn từ xác nhận" in page.text
        assert "Bé Mẫu" not in page.text
        assert "AGE_" not in page.text
    browser, answer = await opened(door, link)
    assert (answer.status_code, answer.headers["location"]) == (303, "/answer/referral?lang=vi")
    cookie = next(one for one in browser.set_cookies if one.startswith(COOKIE))
    assert {"httponly", "secure", "samesite=strict"} <= {part.strip().lower() for part in cookie.split(";")}
    page = await browser.ask("GET", "/answer/referral?lang=vi")
    assert label("age_bands", "AGE_6_10", "vi") in page.text
    assert "Bé Mẫu" not in page.text, "no name before it has agreed"
    assert (await send(browser, "acknowledge")).status_code == 303
    assert (await send(browser, "accept")).status_code == 303
    page = await browser.ask("GET", "/answer/referral?lang=vi")
    assert "Bé Mẫu" in page.text
    assert AID["request"] in page.text
    assert (await send(browser, "start_service")).status_code == 303
    done_ = await send(browser, "deliver", outcome="PROVIDED", report="Đã tư vấn, mời phiên tòa kín")
    assert done_.status_code == 303, done_.text
    seen = (await door.get("cpo.a", f"/referrals/{referral}")).json()
    assert (seen["state"], seen["outcome"]) == ("delivered", "PROVIDED")
    (event,) = await door.sql(
        "SELECT p.full_name, o.kind, e.role FROM referral_event e JOIN position o ON o.id = e.position_id "
        "JOIN person p ON p.id = e.actor_id WHERE e.referral_id = :id AND e.event = 'deliver'",
        id=referral,
    )
    assert (event["kind"], event["role"]) == ("link", "LEG")
    assert event["full_name"].startswith("Trả lời qua liên kết")


async def test_a_link_opens_once_and_for_one_browser(door: Door) -> None:
    referral = await a_referral(door)
    link = await a_link(door, referral)
    first, answer = await opened(door, link)
    assert answer.status_code == 303
    assert await standing(door, referral) == ["opened"]
    other, again = await opened(door, link)
    assert again.status_code == 410
    assert "không dùng được nữa" in again.text
    assert (await other.ask("GET", "/answer/referral")).status_code == 410
    assert (await Browser(door).ask("GET", f"/answer?link={token(link)}")).status_code == 410
    assert (await first.ask("GET", "/answer/referral")).status_code == 200


async def test_five_wrong_tries_lock_a_link_and_each_is_on_record(door: Door) -> None:
    referral = await a_referral(door)
    link = await a_link(door, referral)
    for number in range(TRIES):
        _, answer = await opened(door, link, "áo bàn biển bút")
        assert answer.status_code == (403 if number < TRIES - 1 else 410), answer.text
    _, answer = await opened(door, link)
    assert answer.status_code == 410, "right, but too late"
    assert await standing(door, referral) == ["locked"]
    rows = await door.sql("SELECT outcome FROM audit_entry WHERE action = 'open_link' AND record_id = :id", id=referral)
    assert [row["outcome"] for row in rows] == ["refused"] * TRIES


@contextmanager
def other_protocol(door: Door, **referrals: Any) -> Iterator[None]:
    """Another protocol is in force: what it says of referrals is otherwise."""
    inside = door.app.state.door
    shipped = inside.reference.protocol_at(door.clock.now())
    changed = shipped.model_copy(update={"referrals": shipped.referrals.model_copy(update=referrals)})
    door.app.state.door = replace(inside, reference=replace(inside.reference, protocols=Protocols(versions=(changed,))))
    try:
        yield
    finally:
        door.app.state.door = inside


async def test_guessing_from_one_address_is_held_off(door: Door) -> None:
    link = await a_link(door, await a_referral(door))
    await opened(door, link, "áo bàn biển bút")
    fields = {"link": "x" * 43, "phrase": "áo bàn biển bút"}
    answers = [await Browser(door).ask("POST", "/answer", fields) for _ in range(7)]
    assert answers[0].status_code == 410
    assert answers[-1].status_code == 429
    await door.sql("DELETE FROM sign_in_throttle")


async def test_the_words_may_be_typed_as_people_type(door: Door) -> None:
    link = await a_link(door, await a_referral(door))
    _, answer = await opened(door, link, "  " + link["phrase"].upper().replace(" ", ",  "))
    assert answer.status_code == 303


async def test_a_link_leads_to_its_referral_and_nowhere_else(door: Door) -> None:
    mine, other = await a_referral(door), await a_referral(door)
    browser, _ = await opened(door, await a_link(door, mine))
    for path in (
        f"/api/v1/referrals/{other}",
        f"/api/v1/referrals/{mine}",
        "/api/v1/referrals",
        "/api/v1/cases",
        "/position",
    ):
        answer = await browser.ask("GET", path)
        assert answer.status_code == 401, (path, answer.text)
    page = await browser.ask("GET", "/answer/referral")
    codes = {await _code(door, one) for one in (mine, other)}
    assert {code for code in codes if code in page.text} == {await _code(door, mine)}


async def _code(door: Door, referral: str) -> str:
    return str((await door.sql("SELECT code FROM referral WHERE id = :id", id=referral))[0]["code"])


async def test_half_an_hour_and_seven_days_and_taking_back_end_it(door: Door) -> None:
    referral = await a_referral(door)
    browser, _ = await opened(door, await a_link(door, referral))
    await door.sql(
        "UPDATE answer_link SET session_until = session_until - make_interval(secs => :s) WHERE referral_id = :id",
        s=30 * 60 + 1, id=referral,
    )  # fmt: skip
    assert (await browser.ask("GET", "/answer/referral")).status_code == 410
    late = await a_link(door, referral)
    await door.sql(
        "UPDATE answer_link SET expires_at = expires_at - make_interval(secs => :s) WHERE id = :id",
        s=8 * 24 * 3600 + 1, id=late["id"],
    )  # fmt: skip
    assert (await opened(door, late))[1].status_code == 410
    assert await standing(door, referral) == ["expired", "opened"]
    taken = await a_link(door, referral)
    open_browser, _ = await opened(door, taken)
    ended = await door.post("cpo.a", f"/referrals/{referral}/links/{taken['id']}/end", {})
    assert ended.status_code == 204
    assert (await open_browser.ask("GET", "/answer/referral")).status_code == 410
    again = await door.post("cpo.a", f"/referrals/{referral}/links/{taken['id']}/end", {})
    assert again.json()["code"] == "link-not-usable"


async def test_a_new_link_replaces_the_one_that_waits_and_the_same_request_gives_the_same(door: Door) -> None:
    referral, key = await a_referral(door), uuid4()
    path = f"/referrals/{referral}/links"
    first = (await door.post("cpo.a", path, {"how": "paper"}, key=key)).json()
    assert (await door.post("cpo.a", path, {"how": "paper"}, key=key)).json() == first
    second = await a_link(door, referral)
    assert await standing(door, referral) == ["waiting", "replaced"]
    assert (await opened(door, first))[1].status_code == 410
    assert (await opened(door, second))[1].status_code == 303


async def test_who_may_hand_one_out_and_for_what(door: Door) -> None:
    referral = await a_referral(door)
    for who, status in (("leg", 403), ("chair.a", 403), ("cpo.b", 404), ("sup.a", 201)):
        answer = await door.post(who, f"/referrals/{referral}/links", {"how": "paper"}, key=uuid4())
        assert answer.status_code == status, (who, answer.text)
    draft = await a_referral(door, {"service": "legal_aid"})
    answer = await door.post("cpo.a", f"/referrals/{draft}/links", {"how": "paper"}, key=uuid4())
    assert answer.json()["code"] == "link-not-possible"
    nowhere = await a_referral(door, {"service": "school_support", "receiver": "HN-A-TH"})
    answer = await door.post("cpo.a", f"/referrals/{nowhere}/links", {"how": "email"}, key=uuid4())
    assert answer.json()["code"] == "no-mail-address"
    await done(door, "cpo.a", referral, "revoke", reason="Không cần nữa")
    answer = await door.post("cpo.a", f"/referrals/{referral}/links", {"how": "paper"}, key=uuid4())
    assert answer.json()["code"] == "link-not-possible"


async def test_the_link_travels_by_mail_and_the_words_do_not(door: Door, world: World) -> None:
    referral = await a_referral(door)
    link = await a_link(door, referral, how="email")
    assert link["address"] is None, "it is in the mail, and nowhere else"
    async with mailbox() as box:
        config = Settings(
            public_url="http://door.test", smtp_host="127.0.0.1", smtp_port=box.port, mail_from="a@b.example"
        )
        outbox = Outbox(world.database.worker, door.clock, configured(config), config)
        await outbox.drain("email")
        mail = next(one for one in box.mails if one["To"] == "vanthu@tgpl.example")
    text = mail.get_content()
    assert link["phrase"] not in text
    assert "Bé Mẫu" not in str(mail)
    found = re.search(r"http://door\.test/answer\?link=([\w-]+)", text)
    assert found is not None, text
    _, answer = await opened(door, {"address": f"x?link={found[1]}", "phrase": link["phrase"]})
    assert answer.status_code == 303


async def test_neither_token_nor_words_stand_in_the_database(door: Door) -> None:
    link = await a_link(door, await a_referral(door))
    rows = await door.sql("SELECT to_jsonb(l)::text AS whole FROM answer_link l WHERE id = :id", id=link["id"])
    notices = await door.sql("SELECT to_jsonb(n)::text AS whole FROM notice n")
    entries = await door.sql("SELECT to_jsonb(a)::text AS whole FROM audit_entry a")
    for row in (*rows, *notices, *entries):
        assert token(link) not in row["whole"]
        assert link["phrase"] not in row["whole"]
        assert token(link).encode().hex() not in row["whole"]


async def test_the_sheet_holds_code_address_and_words_and_nothing_of_the_child(door: Door) -> None:
    referral = await a_referral(door)
    link = await a_link(door, referral)
    browser = Browser(door)
    await browser.sign_in("cpo.a")
    page = await browser.ask("GET", f"/referrals/{referral}/links/{link['id']}?lang=vi")
    assert page.status_code == 200, page.text
    assert "<svg" in page.text
    assert link["address"] in unescape(page.text)
    assert link["phrase"] in page.text
    assert "Bé Mẫu" not in page.text
    assert "script" not in page.headers["content-security-policy"].replace("default-src", "")
    stranger = Browser(door)
    await stranger.sign_in("cpo.b")
    assert (await stranger.ask("GET", f"/referrals/{referral}/links/{link['id']}")).status_code == 404
    await opened(door, link)
    assert (await browser.ask("GET", f"/referrals/{referral}/links/{link['id']}")).status_code == 410


async def test_what_is_typed_wrong_is_said_on_the_page_and_loses_nothing(door: Door) -> None:
    referral = await a_referral(door)
    browser, _ = await opened(door, await a_link(door, referral))
    for event, fields in (
        ("decline", {"decline_reason": "BECAUSE"}),
        ("dance", {}),
        ("deliver", {"outcome": "PROVIDED"}),
    ):
        answer = await send(browser, event, **fields)
        assert answer.status_code in (409, 422), (event, answer.text)
        assert 'role="alert"' in answer.text
    strange = await browser.ask("POST", "/answer/referral", {"event": "acknowledge", "key": "x"})
    assert strange.status_code == 422
    foreign = await browser.ask(
        "POST", "/answer/referral", {"event": "acknowledge", "key": str(uuid4())}, said={"Sec-Fetch-Site": "cross-site"}
    )
    assert foreign.status_code == 403
    key = str(uuid4())
    for _ in range(2):
        assert (await browser.ask("POST", "/answer/referral", {"event": "acknowledge", "key": key})).status_code == 303
    assert (await door.get("cpo.a", f"/referrals/{referral}")).json()["state"] == "acknowledged"


async def test_what_was_typed_stands_there_again_and_what_is_wrong_is_said_beside_it(door: Door) -> None:
    referral = await a_referral(door)
    browser, _ = await opened(door, await a_link(door, referral))
    for event in ("acknowledge", "accept", "start_service"):
        assert (await send(browser, event)).status_code == 303
    typed, key = 'Đã tư vấn <b>"hai"</b> buổi', str(uuid4())
    answer = await browser.ask(
        "POST", "/answer/referral?lang=vi", {"event": "deliver", "key": key, "outcome": "MAYBE", "report": typed}
    )
    assert answer.status_code == 422
    shown = re.search(r"<details open>(.*?)</details>", answer.text, re.DOTALL)
    assert shown is not None
    assert typed in unescape(shown[1])
    assert "<b>" not in shown[1]
    wrong = re.search(r'<span class="wrong" id="([^"]+)">([^<]+)</span>', shown[1])
    assert wrong is not None
    assert unescape(wrong[2]) == label("field_faults", "unknown-code", "vi")
    assert f'aria-invalid="true" aria-describedby="{wrong[1]}"' in shown[1]
    again = re.search(r'name="key" value="([^"]+)"', shown[1])
    assert again is not None
    assert again[1] != key, "what was refused is a new request when it is sent again"
    whole = {"event": "deliver", "key": again[1], "outcome": "PROVIDED", "report": typed}
    assert (await browser.ask("POST", "/answer/referral", whole)).status_code == 303
    assert (await door.get("cpo.a", f"/referrals/{referral}")).json()["state"] == "delivered"


async def test_the_page_says_whose_the_link_is_and_never_asks_to_sign_in(door: Door) -> None:
    link = await a_link(door, await a_referral(door))
    (office,) = await door.sql("SELECT name_vi FROM unit WHERE id = :id", id=door.unit("HN-A"))
    browser, _ = await opened(door, link)
    page = await browser.ask("GET", "/answer/referral?lang=vi")
    assert office["name_vi"] in unescape(page.text)
    fresh = await a_link(door, await a_referral(door))
    before = await Browser(door).ask("GET", f"/answer?link={token(fresh)}&lang=vi")
    assert office["name_vi"] in unescape(before.text)
    for gone in (
        await Browser(door).ask("GET", f"/answer?link={token(link)}"),
        await Browser(door).ask("GET", "/answer/referral"),
    ):
        assert gone.status_code == 410
        assert "sign-in" not in gone.text
        assert "Đến trang đăng nhập" not in gone.text


async def test_nobody_is_told_of_lateness_at_a_technical_position(door: Door) -> None:
    await a_link(door, await a_referral(door), how="email")
    rows = await door.sql(
        "SELECT DISTINCT n.kind FROM notice n JOIN position p ON p.person_id = n.person_id WHERE p.kind = 'link'"
    )
    assert {row["kind"] for row in rows} == {"answer_link"}


async def test_how_long_and_how_often_is_the_protocols_to_say(door: Door) -> None:
    referral = await a_referral(door)
    said = {"link_lasts": Amount.parse("2 H"), "link_session": Amount.parse("5 min"), "link_tries": 2}
    with other_protocol(door, **said):
        link = await a_link(door, referral)
        _, wrong = await opened(door, link, "áo bàn biển bút")
        assert "Sau 2 lần sai" in unescape(wrong.text)
        assert await standing(door, referral) == ["waiting"]
        await opened(door, link, "áo bàn biển bút")
        assert await standing(door, referral) == ["locked"]
        good = await a_link(door, referral)
        assert (await opened(door, good))[1].status_code == 303
        await a_link(door, referral, "email")
    rows = await door.sql(
        "SELECT expires_at - issued_at AS lasts, session_until - opened_at AS session FROM answer_link "
        "WHERE referral_id = :id ORDER BY issued_at",
        id=referral,
    )
    assert {row["lasts"] for row in rows} == {timedelta(hours=2)}
    assert [row["session"] for row in rows] == [None, timedelta(minutes=5), None]
    (mail,) = await door.sql(
        "SELECT values FROM notice WHERE kind = 'answer_link' AND channel = 'email' AND values->>'referral' = :id",
        id=referral,
    )
    for language, words in (("vi", "trong 2 giờ."), ("en", "within 2 hours.")):
        assert words in render("answer_link", {"case": "AN-1", **mail["values"]}, language, "https://x").body


async def test_a_link_waits_seven_days_unless_the_protocol_says_otherwise(door: Door) -> None:
    link = await a_link(door, await a_referral(door))
    (row,) = await door.sql("SELECT issued_at, expires_at FROM answer_link WHERE id = :id", id=link["id"])
    assert row["expires_at"] - row["issued_at"] >= timedelta(days=7)
    assert row["expires_at"].astimezone(TZ).time() == datetime.min.time(), "at the end of the seventh day"
    for values in ({"lasts": "7 CD"}, {}):  # a notice of before says nothing of it
        assert "trong 7 ngày." in render("answer_link", {"case": "AN-1", **values}, "vi", "https://x").body


async def test_the_service_does_not_start_without_a_key_that_wraps_a_link(door: Door) -> None:
    await a_link(door, await a_referral(door))
    url = door.database.url(OWNER)
    await asyncio.to_thread(check_vault, url, VAULT_FILE)
    (kek,) = (row["kek"] for row in await door.sql("SELECT DISTINCT kek FROM answer_link"))
    await door.sql("UPDATE answer_link SET kek = 'lost'")
    with pytest.raises(Trouble, match="lost"):
        await asyncio.to_thread(check_vault, url, VAULT_FILE)
    await door.sql("UPDATE answer_link SET kek = :kek", kek=kek)


async def test_a_link_can_be_read_out_and_printed_after_the_keys_were_rotated(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The last of the module: what its database holds is opened by no key of the others afterwards.
    referral = await a_referral(door)
    link = await a_link(door, referral)
    async with transaction(door.database.owner, Who(system="keys"), door.clock.now()) as connection:
        await rotated(connection, answer_links, monkeypatch)
    (listed,) = (await door.get("cpo.a", f"/referrals/{referral}/links")).json()
    assert listed["phrase"] == link["phrase"]

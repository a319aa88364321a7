"""Webhooks on real servers: written with the event, signed, sent in order, given up with an owner, sent again."""

import asyncio
import base64
import ipaddress
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from activities.webhooks import FailedError, Post
from models.database import Who, transaction
from models.lifecycle.referral import EVENTS
from models.tables import AuditEntry, Notice, WebhookDelivery, WebhookSecret
from models.webhooks import PREFIX, UNTOLD, BadDestinationError, Destinations
from tests.api_support import Door
from tests.receivers import Hook, Received, hook
from tests.referral_door_support import done
from tests.test_identity_services import service
from tests.webhook_support import (
    LOCAL,
    NAME,
    a_referral,
    a_system,
    all_in,
    attempts,
    deliveries,
    dispatched,
    local_post,
    made,
)
from tests.world import World, eventually

# --- where to, pure ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "http://agency.example/hook", "https://user:pass@agency.example/", "https://agency.example/?token=1",
        "https://agency.example/#x", "ftp://agency.example/", "https:///hook", "https://agency.example:0/",
        "https://agency.example:99999/", "https://127.0.0.1/", "https://10.1.2.3/hook", "https://169.254.169.254/latest",
        "https://192.168.1.1/", "https://[::1]/", "https://localhost/", "https://a.localhost/", "https://0.0.0.0/",
        "https://224.0.0.1/", "https://" + "a" * 400 + ".example/", "",
    ],
)  # fmt: skip
def test_an_address_that_is_not_open_to_everybody_is_none(url: str) -> None:
    with pytest.raises(BadDestinationError):
        Destinations().check_url(url)


def test_a_public_address_is_one_and_what_the_operator_names() -> None:
    for url in ("https://agency.example/hook", "https://203.162.0.1:8443/an-nhi", "https://agency.example"):
        Destinations().check_url(url)
    offices = Destinations.of("10.20.0.0/16, fd00:20::/32", local=False)
    offices.check_url("https://10.20.3.4/hook")
    offices.check([ipaddress.ip_address("fd00:20::1")])
    for url in ("https://10.21.0.1/", "http://10.20.3.4/", "https://127.0.0.1/"):
        with pytest.raises(BadDestinationError):
            offices.check_url(url)
    Destinations(local=True).check_url("http://127.0.0.1:8001/hook")
    with pytest.raises(ValueError, match="does not appear"):
        Destinations.of("10.20", local=False)


@pytest.mark.parametrize(
    "inside", ["::ffff:10.0.0.1", "2002:a00:1::", "64:ff9b::a00:1", "64:ff9b::7f00:1", "fe80::1", "fc00::1", "ff02::1"]
)
def test_an_address_of_our_own_house_is_known_in_every_dress(inside: str) -> None:
    with pytest.raises(BadDestinationError):
        Destinations().check([ipaddress.ip_address(inside)])
    with pytest.raises(BadDestinationError):
        Destinations().check([ipaddress.ip_address("203.162.0.1"), ipaddress.ip_address(inside)])
    with pytest.raises(BadDestinationError):
        Destinations().check([])


async def test_a_name_is_judged_by_what_it_points_at_when_it_is_sent_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async def points_home(*_: object, **__: object) -> list[Any]:
        return [(2, 1, 6, "", ("127.0.0.1", 443))]

    async with hook() as receiver:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", points_home)
        with pytest.raises(FailedError) as failed:
            await Post(LOCAL, Destinations()).send(f"https://agency.example:{receiver.port}/", {}, b"{}")
    assert failed.value.code == "private-address"
    assert receiver.requests == []


async def test_no_redirect_is_followed_and_a_dropped_line_is_a_failure() -> None:
    async with hook() as receiver, hook() as elsewhere:
        receiver.answer, receiver.more = lambda _: 307, f"Location: {elsewhere.url}\r\n"
        for status, code in ((307, "307"), (0, "unreachable"), (500, "500")):
            receiver.answer = lambda _, status=status: status  # type: ignore[misc]
            with pytest.raises(FailedError) as failed:
                await local_post().send(receiver.url, {}, b"{}")
            assert failed.value.code == code
    assert elsewhere.requests == []
    with pytest.raises(FailedError) as failed:
        await local_post().send(receiver.url, {}, b"{}")
    assert failed.value.code == "unreachable"


# --- over HTTP --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def receivers_here() -> bool:
    return True


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Hook]:
    async with hook() as one:
        yield one


async def ended(door: Door, endpoint: str) -> None:
    answer = await door.post("admin", f"/webhook-endpoints/{endpoint}/end")
    assert answer.status_code == 204, answer.text


def verified(one: Received, secret: str) -> Any:
    return Webhook(secret).verify(one.body, one.headers)


@pytest.mark.servers
async def test_a_secret_is_shown_once_and_stored_sealed(world: World, door: Door) -> None:
    position = await service(door)
    new = await made(door, f"/services/{position}/endpoints", {"url": "https://agency.example/hook"})
    secret = new["secret"]
    assert secret.startswith(PREFIX)
    assert len(base64.b64decode(secret.removeprefix(PREFIX))) == 32
    listed = await door.get("admin", f"/services/{position}/endpoints")
    assert secret not in listed.text
    (stored,) = await world.rows(WebhookSecret, endpoint_id=UUID(new["endpoint"]["id"]))
    assert base64.b64decode(secret.removeprefix(PREFIX)) not in stored.wrapped
    acting = world.acting("admin")
    with pytest.raises(DBAPIError, match="permission denied"):
        async with world.as_api(acting, world.clock.now()) as connection:
            await connection.execute(text("SELECT wrapped FROM webhook_secret"))
    await ended(door, new["endpoint"]["id"])
    again = await door.post("admin", f"/webhook-endpoints/{new['endpoint']['id']}/end")
    assert (again.status_code, again.json()["code"]) == (409, "already-ended")
    moved = await door.call(
        "admin", "PUT", f"/webhook-endpoints/{new['endpoint']['id']}", json={"url": "https://agency.example/"}
    )
    assert moved.json()["code"] == "already-ended"


@pytest.mark.servers
@pytest.mark.parametrize(
    ("url", "code"),
    [("http://agency.example/", "webhook"), ("https://10.0.0.1/", "private-address"), ("x", "webhook")],
)
async def test_an_endpoint_that_is_not_open_is_refused_by_name(door: Door, url: str, code: str) -> None:
    position = await service(door)
    answer = await door.post("admin", f"/services/{position}/endpoints", {"url": url})
    if url.startswith("http://"):
        # This service is for this machine alone; a name without TLS is judged when it is sent to.
        assert answer.status_code == 201
        await ended(door, answer.json()["endpoint"]["id"])
        return
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"path": ["body", "url"], "code": code}]
    assert url not in answer.text or url == "x"


@pytest.mark.servers
async def test_every_event_arrives_in_order_signed_and_without_a_word_about_the_child(
    world: World, door: Door, receiver: Hook
) -> None:
    system = await a_system(door, receiver.url)
    referral = await a_referral(door)
    await done(door, "hlt", referral, "acknowledge")
    await done(door, "hlt", referral, "accept")
    await dispatched(world)
    rows = await all_in(world, referral, "delivered")
    assert [one.event for one in rows] == ["send", "acknowledge", "accept"]
    told = [verified(one, system.secret) for one in receiver.taken]
    assert [one["type"] for one in told] == [f"vn.annhi.referral.{one.event}.v1" for one in rows]
    assert [one["sequence"] for one in told] == sorted(one["sequence"] for one in told)
    first, sent = told[0], receiver.taken[0]
    assert first.keys() == {
        "specversion", "id", "source", "type", "subject", "time", "sequence", "datacontenttype", "data",
    }  # fmt: skip
    assert (first["specversion"], first["id"], first["subject"]) == ("1.0", sent.id, referral)
    assert sent.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert first["data"].keys() == {
        "referral", "code", "service", "event", "state", "sequence", "occurred_at", "url",
    }  # fmt: skip
    case_code = (await world.rows_of("case_file"))[-1].code
    for one in receiver.taken:
        for word in (NAME, "tham vấn", case_code, "Mẫu", "FEMALE"):
            assert word not in one.body.decode()
    # The rest is asked for with the system's token, by the link in the event.
    path = first["data"]["url"].removeprefix(LOCAL)
    answer = await door.http.get(path, headers={"Authorization": f"Bearer {system.token}"})
    assert answer.status_code == 200, answer.text
    assert answer.json()["slice"]["child"]["full_name"] == NAME
    await ended(door, system.endpoint)


@pytest.mark.servers
async def test_a_signature_does_not_fit_another_body_secret_or_time(world: World, door: Door, receiver: Hook) -> None:
    system = await a_system(door, receiver.url)
    referral = await a_referral(door)
    await dispatched(world)
    await all_in(world, referral, "delivered")
    (one,) = receiver.taken
    other = (await made(door, f"/webhook-endpoints/{system.endpoint}/secrets", {}))["secret"]
    for body, headers, secret in (
        (one.body + b" ", one.headers, system.secret),
        (one.body, one.headers | {"webhook-id": "x"}, system.secret),
        (one.body, one.headers | {"webhook-timestamp": str(int(one.headers["webhook-timestamp"]) - 1)}, system.secret),
        (one.body, one.headers, other),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers)
    await ended(door, system.endpoint)


@pytest.mark.servers
async def test_secrets_rotate_with_overlap_and_without(world: World, door: Door, receiver: Hook) -> None:
    system = await a_system(door, receiver.url)
    second = (await made(door, f"/webhook-endpoints/{system.endpoint}/secrets", {"overlap_hours": 24}))["secret"]
    referral = await a_referral(door)
    await dispatched(world)
    await all_in(world, referral, "delivered")
    (one,) = receiver.taken
    assert len(one.headers["webhook-signature"].split()) == 2
    assert verified(one, system.secret) == verified(one, second)
    third = await made(door, f"/webhook-endpoints/{system.endpoint}/secrets", {"overlap_hours": 0})
    assert len(third["endpoint"]["secrets"]) == 1
    await done(door, "hlt", referral, "acknowledge")
    await dispatched(world)
    await all_in(world, referral, "delivered")
    assert verified(receiver.taken[-1], third["secret"])
    for old in (system.secret, second):
        with pytest.raises(WebhookVerificationError):
            verified(receiver.taken[-1], old)
    await ended(door, system.endpoint)


@pytest.mark.servers
async def test_nothing_passes_an_event_that_did_not_arrive_and_a_double_has_the_same_id(
    world: World, door: Door, receiver: Hook
) -> None:
    system = await a_system(door, receiver.url)
    # Taken, and the line dropped before the sender hears so; then an answer of 500.
    answers = iter([0, 500])
    receiver.answer = lambda _: next(answers, 204)
    referral = await a_referral(door)
    await done(door, "hlt", referral, "acknowledge")
    await dispatched(world)
    await eventually(lambda: _seen(receiver, 1))
    await done(door, "hlt", referral, "accept")
    await dispatched(world)
    rows = await eventually(lambda: _all(world, referral), within=60, why="not delivered")
    assert [one.event["data"]["event"] for one in receiver.requests] == [
        "send", "send", "send", "acknowledge", "accept",
    ]  # fmt: skip
    assert len({one.id for one in receiver.requests[:3]}) == 1
    assert len({one.body for one in receiver.requests[:3]}) == 1
    assert await attempts(world, rows[0].id) == ["unreachable", "500", "200"]
    assert [one.attempts for one in rows] == [3, 1, 1]
    await ended(door, system.endpoint)


async def _seen(receiver: Hook, how_many: int) -> bool:
    return len(receiver.requests) >= how_many


async def _all(world: World, referral: str) -> list[Any]:
    rows = await deliveries(world, referral)
    return rows if rows and {one.state for one in rows} == {"delivered"} else []


@pytest.mark.servers
async def test_a_receiver_that_is_gone_for_good_leaves_a_letter_with_an_owner_who_sends_it_again(
    world: World, door: Door, receiver: Hook
) -> None:
    system = await a_system(door, receiver.url)
    receiver.answer = lambda _: 410
    referral = await a_referral(door)
    await dispatched(world)
    (dead,) = await all_in(world, referral, "dead")
    assert (dead.attempts, dead.last_answer) == (1, "410")
    assert (dead.owner_id, dead.owner_unit_id) == (world.person("sup.a"), world.unit("HN-A"))
    told = [
        one for one in await world.rows(Notice, kind="webhook_dead", case_id=dead.case_id) if one.channel == "inbox"
    ]
    assert [one.person_id for one in told] == [world.person("sup.a")]
    (entry,) = await world.rows(AuditEntry, action="webhook_dead", record_id=dead.id)
    assert (entry.code, entry.case_id) == ("410", dead.case_id)
    # The log says what was tried; the bodies of answers are in nobody's hands.
    log = (await door.get("sup.a", f"/referrals/{referral}/deliveries")).json()
    assert [(one["delivery"]["state"], one["delivery"]["owner"]["id"]) for one in log] == [
        ("dead", str(world.person("sup.a")))
    ]
    assert [one["answer"] for one in log[0]["attempts"]] == ["410"]
    receiver.answer = lambda _: 200
    again = await door.post("sup.a", f"/referrals/{referral}/deliveries/{dead.id}/resend")
    assert (again.status_code, again.json()["state"]) == (200, "pending")
    twice = await door.post("sup.a", f"/referrals/{referral}/deliveries/{dead.id}/resend")
    assert (twice.status_code, twice.json()["code"]) == (409, "not-a-dead-letter")
    await dispatched(world)
    (row,) = await all_in(world, referral, "delivered")
    assert {one.id for one in receiver.requests} == {str(row.id)}
    assert (row.resent_by, row.attempts) == (world.person("sup.a"), 2)
    await ended(door, system.endpoint)


@pytest.mark.servers
async def test_what_waits_for_an_endpoint_that_ends_is_given_up_and_a_moved_one_gets_it(
    world: World, door: Door, receiver: Hook
) -> None:
    receiver.answer = lambda _: 503
    staying, leaving = await a_system(door, receiver.url), await a_system(door, receiver.url)
    referral = await a_referral(door)
    await dispatched(world)
    await eventually(lambda: _seen(receiver, 2))
    await ended(door, leaving.endpoint)
    async with hook() as moved:
        answer = await door.call("admin", "PUT", f"/webhook-endpoints/{staying.endpoint}", json={"url": moved.url})
        assert answer.status_code == 200, answer.text
        rows = await eventually(lambda: _settled(world, referral), within=60)
        states = {str(one.endpoint_id): one.state for one in rows}
        assert states == {staying.endpoint: "delivered", leaving.endpoint: "dead"}
        assert len(moved.taken) == 1
    await ended(door, staying.endpoint)


async def _settled(world: World, referral: str) -> list[Any]:
    rows = await deliveries(world, referral)
    return rows if rows and "pending" not in {one.state for one in rows} else []


@pytest.mark.servers
async def test_who_may_read_the_log_and_send_again(world: World, door: Door, receiver: Hook) -> None:
    system = await a_system(door, receiver.url)
    referral = await a_referral(door)
    await dispatched(world)
    (row,) = await all_in(world, referral, "delivered")
    path = f"/referrals/{referral}/deliveries"
    for who in ("cpo.a", "sup.a", "chair.a", "doh"):
        assert [one["delivery"]["id"] for one in (await door.get(who, path)).json()] == [str(row.id)], who
    for who, status in (("cpo.b", 404), ("hlt", 403), ("admin", 403), ("h111", 403), ("aud", 403)):
        assert (await door.get(who, path)).status_code == status, who
        assert (await door.post(who, f"{path}/{row.id}/resend")).status_code == status, who
    other = await a_referral(door)
    assert (await door.post("sup.a", f"/referrals/{other}/deliveries/{row.id}/resend")).status_code == 404
    listed = await door.get("admin", f"/webhook-endpoints/{system.endpoint}/deliveries")
    assert [one["id"] for one in listed.json()["items"]][:1] == [str(row.id)]
    assert str(row.case_id) not in listed.text
    for who in ("sup.a", "hlt"):
        assert (await door.get(who, f"/webhook-endpoints/{system.endpoint}/deliveries")).status_code == 403
    # The same in raw SQL, as the API's role.
    for who, found in (("sup.a", 1), ("cpo.b", 0), ("hlt", 0), ("admin", 1), ("aud", 0)):
        async with world.as_api(world.acting(who), world.clock.now()) as connection:
            counted = await connection.execute(
                text("SELECT count(*) FROM webhook_delivery WHERE id = :id"), {"id": row.id}
            )
            assert counted.scalar_one() == found, who
    async with transaction(world.database.worker, Who(system="worker"), world.clock.now()) as connection:
        assert (await connection.execute(text("SELECT count(*) FROM webhook_secret"))).scalar_one() == 0
    await ended(door, system.endpoint)


@pytest.mark.servers
async def test_an_agency_is_told_of_its_own_referrals_and_of_no_senders_affair(
    world: World, door: Door, receiver: Hook
) -> None:
    other = await a_system(door, receiver.url, unit="HN-BV", role="FOR")
    drafted = await a_referral(door)
    assert await deliveries(world, drafted) == []
    assert set(EVENTS) > UNTOLD
    await ended(door, other.endpoint)
    rows = [one for one in await world.rows(WebhookDelivery) if one.event in UNTOLD]
    assert rows == []


@pytest.mark.servers
async def test_the_sweep_starts_what_nobody_started(world: World, door: Door, receiver: Hook) -> None:
    system = await a_system(door, receiver.url)
    referral = await a_referral(door)
    from workflows.sweep import Sweep  # noqa: PLC0415

    report = await world.client.execute_workflow(
        Sweep.run, id=f"sweep-{uuid4().hex}", task_queue=world.task_queue, execution_timeout=timedelta(minutes=2)
    )
    rows = await all_in(world, referral, "delivered")
    assert set(report.deliveries_started) >= {one.id for one in rows}
    assert json.loads(receiver.taken[0].body)["data"]["event"] == "send"
    await ended(door, system.endpoint)

"""Notices leave the house: at least once, under one id, over real sockets; what fails goes on another way."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY
from pydantic import SecretStr
from sqlalchemy import select, update

from activities.channels import configured
from activities.delivery import GAPS, LAY_ASIDE, LEASE, TAKE, Outbox
from activities.upkeep import overdue
from models.database import Who, transaction
from models.records.notices import Occasion, message_id, notice_id, record_receipt, write_notices
from models.records.people import CasePlace, Recipient
from models.settings import Settings
from models.tables import CallTask, Notice, Person, table
from tests.people_support import NOW, Province, load_province, until
from tests.receivers import Gateway, Mailbox, gateway, mailbox

TOKEN = "gateway-secret"
LISTENING = "SELECT 1 FROM pg_stat_activity WHERE datname = '{}' AND query LIKE 'LISTEN%annhi_notice%'"


class Hand:
    """A clock whose hands the test moves."""

    def __init__(self, at: datetime = NOW) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


@pytest_asyncio.fixture
async def province(database: Any) -> Province:
    return await load_province(database.owner)


@pytest_asyncio.fixture
async def box() -> AsyncIterator[Mailbox]:
    async with mailbox() as made:
        yield made


@pytest_asyncio.fixture
async def gate() -> AsyncIterator[Gateway]:
    async with gateway() as made:
        yield made


def settings(box: Mailbox | None = None, gate: Gateway | None = None) -> Settings:
    return Settings(
        public_url="https://annhi.example",
        smtp_host="127.0.0.1" if box else "",
        smtp_port=box.port if box else 25,
        mail_from="an-nhi@annhi.example",
        gateway_url=gate.url if gate else "",
        gateway_token=SecretStr(TOKEN),
    )


@asynccontextmanager
async def outbox(database: Any, clock: Hand, config: Settings) -> AsyncIterator[Outbox]:
    channels = configured(config)
    yield Outbox(database.worker, clock, channels, config)
    for one in {id(one): one for one in channels.values()}.values():
        await one.close()


async def write(
    province: Province,
    case: CasePlace,
    *usernames: str,
    kind: str = "rung_after",
    deliver_at: datetime = NOW,
    ordinal: int = 1,
    voice: bool = False,
) -> None:
    people = table(Person)
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        rows = await connection.execute(select(people).where(people.c.id.in_([province.person(u) for u in usernames])))
        recipients = [Recipient(row.id, "SUP", email=row.email, phone=row.phone) for row in rows]
        values = {"deadline": "emergency_12h", "due_at": NOW.isoformat(), "level": "E1", "unit": "H"}
        occasion = Occasion(kind, values, "H", deliver_at, reference=str(ordinal), by_voice=voice)
        await write_notices(connection, case, recipients, occasion, NOW)


async def state(province: Province, case: CasePlace) -> dict[str, str]:
    of = table(Notice)
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        rows = await connection.execute(select(of.c.channel, of.c.state).where(of.c.case_id == case.id))
        return {row.channel: row.state for row in rows}


async def the(province: Province, channel: str) -> Any:
    of = table(Notice)
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        return (await connection.execute(select(of).where(of.c.channel == channel))).one()


async def calls(province: Province) -> list[Any]:
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        return list((await connection.execute(select(table(CallTask)))).all())


async def test_a_mail_says_the_code_what_is_due_and_where_and_no_name(
    database: Any, province: Province, box: Mailbox
) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    async with outbox(database, Hand(), settings(box)) as out:
        assert await out.drain("email") == 1
    (mail,) = box.mails
    notice = await the(province, "email")
    assert (mail["Message-ID"], mail["To"], mail["From"]) == (
        *(message_id(notice.id), "sup.a@mau.example"),
        "an-nhi@annhi.example",
    )
    assert mail["Subject"] == f"{case.code} · QUÁ HẠN: Bảo vệ khẩn cấp trong 12 giờ"
    body = mail.get_content()
    assert f"https://annhi.example/cases/{case.id}" in body
    assert "09:00 ngày 23/11/2026" in body
    assert mail.get_content_type() == "text/plain"
    names = [row["full_name"].removesuffix(" (mẫu)") for row in province.sample.rows["person"]]
    assert [name for name in names if name in body] == []
    assert (notice.state, notice.sent_at, notice.attempts) == ("sent", NOW, 1)


async def test_an_sms_carries_key_reference_and_token(database: Any, province: Province, gate: Gateway) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    async with outbox(database, Hand(), settings(gate=gate)) as out:
        await out.drain("sms")
    (request,) = gate.requests
    notice = await the(province, "sms")
    assert (request["key"], request["reference"], request["auth"]) == (
        *(str(notice.id), str(notice.id)),
        f"Bearer {TOKEN}",
    )
    assert (request["method"], request["path"], request["channel"]) == ("POST", "/v1/messages", "sms")
    assert case.code in request["text"]
    assert len(request["text"]) <= 160


async def test_nothing_leaves_before_its_hour(database: Any, province: Province, box: Mailbox) -> None:
    case = await province.case()
    await write(province, case, "sup.a", deliver_at=NOW + timedelta(hours=1))
    hand = Hand(NOW + timedelta(minutes=59))
    async with outbox(database, hand, settings(box)) as out:
        assert await out.drain("email") == 0
        hand.at = NOW + timedelta(hours=1)
        assert await out.drain("email") == 1
    assert len(box.mails) == 1


async def test_what_was_sent_is_not_sent_again(database: Any, province: Province, box: Mailbox) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    await write(province, case, "sup.a")
    async with outbox(database, Hand(), settings(box)) as out:
        await out.drain("email")
        assert await out.drain("email") == 0
    assert len(box.mails) == 1


async def test_a_mail_in_doubt_goes_again_under_the_same_message_id(
    database: Any, province: Province, box: Mailbox
) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    box.drop_after_data = 1
    hand = Hand()
    async with outbox(database, hand, settings(box)) as out:
        await out.drain("email")
        assert (await the(province, "email")).state == "pending"
        hand.at += GAPS["email"][0]
        await out.drain("email")
    assert len(box.mails) == 2
    assert len(set(box.message_ids())) == 1
    assert (await the(province, "email")).state == "sent"


async def test_an_sms_in_doubt_goes_again_under_the_same_key(database: Any, province: Province, gate: Gateway) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    gate.answer = lambda _: 0 if len(gate.requests) == 1 else 202
    hand = Hand()
    async with outbox(database, hand, settings(gate=gate)) as out:
        await out.drain("sms")
        hand.at += GAPS["sms"][0]
        await out.drain("sms")
    assert len(gate.requests) == 2
    assert len({one["key"] for one in gate.requests}) == 1


async def test_what_a_dead_sender_had_claimed_goes_out_after_its_lease(
    database: Any, province: Province, box: Mailbox
) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    hand = Hand()
    async with outbox(database, hand, settings(box)) as dead:
        assert len(await dead._claim("email")) == 1
    row = await the(province, "email")
    assert (row.state, row.attempts) == ("sending", 1)
    async with outbox(database, hand, settings(box)) as out:
        assert await out.drain("email") == 0
        hand.at += LEASE
        assert await out.drain("email") == 1
    assert box.message_ids() == [row.message_id]


async def test_two_outboxes_beside_each_other_send_each_notice_once(
    database: Any, province: Province, box: Mailbox
) -> None:
    case = await province.case()
    for number in range(60):
        await write(province, case, "sup.a", ordinal=number)
    async with outbox(database, Hand(), settings(box)) as one, outbox(database, Hand(), settings(box)) as other:
        done = await asyncio.gather(one.drain("email"), other.drain("email"))
    assert sum(done) == len(box.mails) == len(set(box.message_ids())) == 60


async def test_the_gaps_between_attempts_grow_and_are_kept(database: Any, province: Province, box: Mailbox) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    box.refuse["sup.a@mau.example"] = "451 come back later"
    hand, waited = Hand(), []
    async with outbox(database, hand, settings(box)) as out:
        for _ in GAPS["email"]:
            await out.drain("email")
            row = await the(province, "email")
            assert (row.state, row.error) == ("pending", "smtp-recipient-451")
            waited.append(row.next_attempt_at - hand.at)
            hand.at = row.next_attempt_at
        await out.drain("email")
    assert waited == sorted(waited) == list(GAPS["email"])
    assert (await the(province, "email")).state == "failed"


async def test_a_refused_recipient_fails_and_the_next_mail_goes_out(
    database: Any, province: Province, box: Mailbox
) -> None:
    case = await province.case()
    await write(province, case, "sup.a", "chair.a")
    box.refuse["sup.a@mau.example"] = "550 no such user"
    async with outbox(database, Hand(), settings(box)) as out:
        await out.drain("email")
    of = table(Notice)
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        rows = await connection.execute(select(of).where(of.c.channel == "email"))
        found = {province.name(row.person_id): (row.state, row.error) for row in rows}
    assert found == {"sup.a": ("failed", "smtp-recipient-550"), "chair.a": ("sent", None)}
    assert [to for _, to in box.envelopes] == ["chair.a@mau.example"]


@pytest.mark.parametrize(("reply", "after"), [("554 looks like spam", "failed"), ("452 disk full", "pending")])
async def test_a_mail_judged_as_a_whole_fails_for_good_or_for_now(
    database: Any, province: Province, box: Mailbox, reply: str, after: str
) -> None:
    case = await province.case()
    await write(province, case, "sup.a", "chair.a")
    box.after_data = reply
    async with outbox(database, Hand(), settings(box)) as out:
        await out.drain("email")
    of = table(Notice)
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        rows = await connection.execute(select(of.c.state, of.c.error).where(of.c.channel == "email"))
        assert {tuple(row) for row in rows} == {(after, f"smtp-data-{reply[:3]}")}
    assert box.connections == 1


async def test_a_server_that_is_down_is_no_fault_of_the_notice(database: Any, province: Province) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    async with mailbox() as gone:
        config = settings(gone)
    hand = Hand()
    async with outbox(database, hand, config) as out:
        await out.drain("email")
        assert (await the(province, "email")).state == "pending"
        async with mailbox(config.smtp_port) as back:
            hand.at += GAPS["email"][0]
            await out.drain("email")
            assert len(back.mails) == 1


async def test_a_rejected_sms_becomes_a_call_by_the_gateway_and_then_one_by_a_human(
    database: Any, province: Province, gate: Gateway
) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    gate.answer = lambda _: 422
    async with outbox(database, Hand(), settings(gate=gate)) as out:
        await out.drain("sms")
        assert await state(province, case) | {"email": ""} == {
            "inbox": "delivered",
            "email": "",
            "sms": "failed",
            "voice": "pending",
        }
        assert await calls(province) == []
        await out.drain("voice")
    (voice,) = gate.of("voice")
    assert "Bảo vệ khẩn cấp trong 12 giờ" in voice["text"]
    (call,) = await calls(province)
    assert (call.person_id, call.reason, call.state) == (province.person("sup.a"), "message_failed", "open")
    assert call.caller_unit_id == province.unit("HN-SYT")


async def test_a_failed_sms_makes_no_second_call_where_one_is_on_its_way(
    database: Any, province: Province, gate: Gateway
) -> None:
    case = await province.case()
    await write(province, case, "sup.a", voice=True)
    before = await the(province, "voice")
    gate.answer = lambda _: 422
    async with outbox(database, Hand(), settings(gate=gate)) as out:
        await out.drain("sms")
    assert (await state(province, case))["sms"] == "failed"
    assert (await the(province, "voice")).id == before.id


async def test_a_gateway_that_stays_away_is_answered_by_a_human_s_call(
    database: Any, province: Province, gate: Gateway
) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    gate.answer = lambda _: 503
    hand = Hand()
    async with outbox(database, hand, settings(gate=gate)) as out:
        for _ in range(len(GAPS["sms"]) + 1):
            await out.drain("sms")
            hand.at += timedelta(minutes=5)
    assert (await the(province, "sms")).error == "gateway-503"
    assert (await state(province, case))["sms"] == "failed"
    assert [one.reason for one in await calls(province)] == ["message_failed"]


@pytest.mark.parametrize("status", [401, 403, 408, 409, 429, 500])
async def test_what_is_no_judgement_on_the_message_is_tried_again(
    database: Any, province: Province, gate: Gateway, status: int
) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    gate.answer = lambda _: status
    async with outbox(database, Hand(), settings(gate=gate)) as out:
        await out.drain("sms")
    assert (await the(province, "sms")).state == "pending"


async def receipt(database: Any, notice: UUID, what: Any, at: datetime = NOW) -> bool:
    async with transaction(database.api, Who(system="gateway"), at) as connection:
        return await record_receipt(connection, notice, what, at)


async def test_the_gateway_s_receipt_is_kept_and_a_failed_one_goes_on(
    database: Any, province: Province, gate: Gateway
) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    async with outbox(database, Hand(), settings(gate=gate)) as out:
        await out.drain("sms")
    sms = await the(province, "sms")
    assert await receipt(database, sms.id, "failed")
    assert not await receipt(database, sms.id, "delivered")
    assert ((await the(province, "sms")).state, (await the(province, "voice")).state) == ("failed", "pending")


async def test_a_receipt_for_what_was_never_sent_over_the_gateway_is_ignored(database: Any, province: Province) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    assert not await receipt(database, (await the(province, "email")).id, "delivered")
    assert not await receipt(database, (await the(province, "sms")).id, "delivered")


async def test_a_receipt_faster_than_the_answer_is_not_overwritten(
    database: Any, province: Province, gate: Gateway
) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    gate.slow = 0.5
    async with outbox(database, Hand(), settings(gate=gate)) as out:
        sending = asyncio.create_task(out.drain("sms"))
        await until(lambda: bool(gate.requests))
        assert await receipt(database, (await the(province, "sms")).id, "delivered")
        await sending
    assert (await the(province, "sms")).state == "delivered"


async def test_without_a_server_a_notice_waits_in_sight_and_goes_out_once_there_is_one(
    database: Any, province: Province, box: Mailbox
) -> None:
    case, old = await province.case(), await province.case()
    await write(province, case, "sup.a")
    await write(province, old, "sup.a")
    hand = Hand()
    async with outbox(database, hand, settings()) as out:
        await out.drain("email")
    assert (await state(province, case))["email"] == "unconfigured"
    of = table(Notice)
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        await connection.execute(update(of).where(of.c.case_id == old.id).values(deliver_at=NOW - timedelta(hours=25)))
    out = Outbox(database.worker, hand, configured(settings(box)), settings(box))
    running = asyncio.create_task(out.run())
    await until(lambda: bool(box.mails))
    out.stop()
    await running
    assert (await state(province, case))["email"] == "sent"
    assert (await state(province, old))["email"] == "unconfigured"
    assert len(box.mails) == 1


async def test_what_is_not_done_is_counted_for_the_operator(database: Any, province: Province) -> None:
    case = await province.case()
    await write(province, case, "sup.a", "chair.a")
    async with outbox(database, Hand(), settings()) as out:
        await out.drain("sms")
        await out._count("pending", "sending")
        await out._count("failed", "unconfigured", since=NOW - timedelta(days=1))
    counted = {
        (channel, what): REGISTRY.get_sample_value("annhi_notices", {"channel": channel, "state": what})
        for channel, what in [("sms", "unconfigured"), ("sms", "pending"), ("email", "pending")]
    }
    assert counted == {("sms", "unconfigured"): 2, ("sms", "pending"): 0, ("email", "pending"): 2}


async def test_a_notice_nobody_can_read_does_not_hold_up_the_next(
    database: Any, province: Province, box: Mailbox
) -> None:
    case = await province.case()
    await write(province, case, "sup.a")
    await write(province, case, "sup.a", ordinal=2)
    of = table(Notice)
    broken = notice_id(case.id, "rung_after//1", province.person("sup.a"), "email")
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        changed = await connection.execute(update(of).where(of.c.id == broken).values(kind="of_another_age"))
        assert changed.rowcount == 1
    async with outbox(database, Hand(), settings(box)) as out:
        await out.drain("email")
    assert len(box.mails) == 1
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        error = await connection.scalar(select(of.c.error).where(of.c.id == broken))
    assert error == "unreadable-KeyError"


async def test_running_it_hears_of_a_notice_at_once_and_stops_cleanly(
    database: Any, province: Province, box: Mailbox, gate: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("activities.delivery.POLL_SECONDS", 60.0)  # only the notification can wake it
    config = settings(box, gate)
    out = Outbox(database.worker, Hand(), configured(config), config)
    running = asyncio.create_task(out.run())
    async with asyncio.timeout(10):
        while not await database.server.sql(LISTENING.format(database.name)):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)
    await asyncio.sleep(0.2)
    case = await province.case()
    before = asyncio.get_running_loop().time()
    await write(province, case, "sup.a", voice=True)
    await until(lambda: bool(box.mails and gate.of("sms") and gate.of("voice")))
    assert asyncio.get_running_loop().time() - before < 2
    gate.slow = 0.3
    await write(province, case, "chair.a", ordinal=2)
    await until(lambda: len(gate.of("sms")) == 2)
    out.stop()
    async with asyncio.timeout(5):
        await running
    of = table(Notice)
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        left = (await connection.execute(select(of.c.state).where(of.c.channel == "sms"))).scalars().all()
    assert list(left) == ["sent", "sent"]


@pytest.mark.parametrize(
    ("statement", "index"),
    [(TAKE, "ix_notice_due"), (LAY_ASIDE, "ix_notice_due"), (overdue(NOW), "ix_rung_planned")],
    ids=["take", "lay-aside", "overdue"],
)
async def test_what_is_due_is_found_by_its_index_whatever_the_values(database: Any, statement: Any, index: str) -> None:
    """The worker's plans are made once for any value: a state that is a parameter could not use the index of some."""
    sql = str(statement.compile(dialect=database.worker.dialect))
    plan = await database.server.sql(f"SET enable_seqscan = off; EXPLAIN (GENERIC_PLAN) {sql}", database=database.name)
    assert f"using {index}" in plan

"""Who informed is sealed: opened by the receiver and the Chair, for a reason, at one address and nowhere else."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from deploy.runtime.postgres import Postgres
from models.database import Who, transaction
from models.records.vault import informant_of, shared_key
from models.tables import METADATA, AuditEntry, InformantReading, table
from tests.api_support import NOW, Door, open_door, temporal_away

pytestmark = pytest.mark.servers

NAMED = "Bà Hàng Xóm Kín Tiếng"
INFORMANT = {"name": NAMED, "phone": "0900000777", "address": "ngõ 7777", "note": "gọi sau 20 giờ", "sealed": True}
WHY = {"purpose": "ASK_AGAIN"}


@pytest_asyncio.fixture(scope="module")
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with open_door(postgres, await temporal_away(key_file)) as opened:
        yield opened


async def reported(door: Door, by: str = "h111", **more: Any) -> dict[str, Any]:
    m01 = {"channel": "PHONE", "children": [{"name": "Bé Mẫu"}], "informant": INFORMANT, **more}
    return await door.report(by, m01=m01)


async def opened(door: Door, username: str | None, report: str, why: Any = None) -> Any:
    return await door.post(username, f"/reports/{report}/informant/readings", WHY if why is None else why)


async def readings(door: Door, report: str) -> list[Any]:
    of = table(InformantReading)
    async with transaction(door.database.owner, Who(system="test"), NOW) as connection:
        statement = select(of).where(of.c.informant_id == informant_of(UUID(report)))
        return list((await connection.execute(statement)).all())


async def test_the_receiver_and_the_chair_open_it_and_nobody_else_does(door: Door) -> None:
    report = (await reported(door))["id"]
    for username in ("h111", "chair.a", "vch.a"):
        answer = await opened(door, username, report)
        assert answer.status_code == 200, answer.text
        assert {name: answer.json()[name] for name in INFORMANT} == INFORMANT
        assert (await door.get(username, f"/reports/{report}")).json()["informant"] is True
    for username, status in {
        "cpo.a": 403, "sup.a": 403, "doh": 403, "dohd": 403, "prov": 403, "h111s": 403, "nat": 403, "aud": 403,
        "dpo": 403, "admin": 403, "chair.b": 404, "cpo.b": 404, "pol.a": 404,
    }.items():  # fmt: skip
        answer = await opened(door, username, report)
        assert answer.status_code == status, (username, answer.text)
        assert NAMED not in answer.text
    assert (await opened(door, None, report)).status_code == 401


async def test_without_a_reason_it_stays_closed(door: Door) -> None:
    report = (await reported(door))["id"]
    for why in ({}, {"purpose": "CURIOUS"}, {"purpose": "OTHER"}, {"purpose": "OTHER", "note": " "}, {"why": "x"}):
        answer = await opened(door, "chair.a", report, why)
        assert answer.status_code == 422, why
        assert NAMED not in answer.text
    assert await readings(door, report) == []
    assert (await opened(door, "chair.a", report, {"purpose": "OTHER", "note": "cần bảo vệ"})).status_code == 200


async def test_who_opened_it_and_why_is_on_record_in_the_same_transaction(door: Door) -> None:
    receipt = await reported(door)
    report, case = UUID(receipt["id"]), receipt["cases"][0]["id"]
    note = "công an xã đề nghị bằng văn bản"
    answer = (await opened(door, "chair.a", str(report), {"purpose": "PROCEEDINGS", "note": note})).json()
    entries = table(AuditEntry)
    (reading,) = await readings(door, str(report))
    async with transaction(door.database.owner, Who(system="test"), NOW) as connection:
        of_report = entries.c.record_id == report, entries.c.record == "informant"
        (entry,) = (await connection.execute(select(entries).where(*of_report))).all()
        key = await shared_key(connection, reading.informant_id)
    assert (reading.id, reading.person_id, reading.purpose) == (
        UUID(answer["reading_id"]), door.person("chair.a"), "PROCEEDINGS",
    )  # fmt: skip
    assert key.open(reading.note, f"informant_reading/note/{reading.id}").decode() == note
    assert (entry.actor_id, entry.action, entry.record_id, entry.outcome) == (
        door.person("chair.a"), "read", report, "done",
    )  # fmt: skip
    assert (entry.case_id, entry.detail) == (
        UUID(case), {"purpose": "PROCEEDINGS", "reading": str(reading.id), "cases": [case]},
    )  # fmt: skip


async def test_no_audit_no_reading(door: Door) -> None:
    report = (await reported(door))["id"]
    await door.sql("ALTER TABLE audit_entry ADD CONSTRAINT no_audit CHECK (record <> 'informant') NOT VALID")
    answer = await opened(door, "chair.a", report)
    await door.sql("ALTER TABLE audit_entry DROP CONSTRAINT no_audit")
    assert answer.status_code == 500
    assert NAMED not in answer.text
    assert await readings(door, report) == []


async def test_nobody_named_and_no_such_report_and_one_of_another_commune_answer_alike(door: Door) -> None:
    unnamed = (await door.report("h111"))["id"]
    elsewhere = (await door.report("cpo.b", unit="HN-B"))["id"]
    bodies = []
    for report in (unnamed, str(uuid4()), elsewhere):
        answer = await opened(door, "chair.a", report)
        assert answer.status_code == 404
        bodies.append({name: value for name, value in answer.json().items() if name != "trace_id"})
    assert bodies[0] == bodies[1] == bodies[2]
    assert (await door.get("chair.a", f"/reports/{unnamed}")).json()["informant"] is False


async def test_whoever_is_recused_opens_nothing(door: Door) -> None:
    receipt = await reported(door)
    await door.sql(
        "INSERT INTO recusal (id, case_id, person_id, reason, since) VALUES (:id, :case, :person, 'x', :at)",
        id=uuid4(), case=UUID(receipt["cases"][0]["id"]), person=door.person("chair.a"), at=NOW,
    )  # fmt: skip
    assert (await opened(door, "chair.a", receipt["id"])).status_code == 404


async def test_no_other_answer_of_the_door_has_a_word_of_it(door: Door) -> None:
    """Not even to those who may open it: what is printed, exported or left open on a screen is a file's, not theirs."""
    receipt = await reported(door)
    case = receipt["cases"][0]["id"]
    seen = 0
    for username in ("h111", "chair.a", "vch.a", "cpo.a", "sup.a", "dohd", "prov"):
        paths = [f"/reports/{receipt['id']}", "/inbox", "/cases", "/escalations"]
        paths += [f"/cases/{case}{tail}" for tail in ("", "/timeline", "/deadlines", "/documents", "/household")]
        listed = await door.get(username, f"/cases/{case}/documents")
        paths += [f"/cases/{case}/documents/{one['id']}" for one in listed.json()["items"]]
        for path in paths:
            answer = await door.get(username, path)
            seen += answer.status_code == 200
            for told in (NAMED, "0900000777", "ngõ 7777", "gọi sau 20 giờ"):
                assert told not in answer.text, (username, path)
    assert seen > 50


async def test_it_lies_in_clear_in_no_column_and_the_worker_cannot_even_look(door: Door) -> None:
    await reported(door)
    async with transaction(door.database.owner, Who(system="test"), NOW) as connection:
        for of in METADATA.tables.values():
            for row in await connection.execute(select(of)):
                for value in row:
                    said = value if isinstance(value, bytes) else str(value).encode()
                    assert NAMED.encode() not in said, of.name
    for name in ("informant", "informant_reading"):
        with pytest.raises(DBAPIError, match="permission denied"):
            async with door.database.worker.begin() as connection:
                await connection.execute(text(f"SELECT * FROM {name}"))

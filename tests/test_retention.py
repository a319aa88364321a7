"""The end of retention: what is due, what is held; erasing leaves counts, hashes and chains, and nothing else."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from deploy.runtime.postgres import API, OWNER, WORKER, Postgres
from models.clock import PlatformClock
from models.database import Who, transaction
from models.records.retention import NotDueError, certificates, due, erase, first_broken, hold, lift
from models.retention import Kept, age_on, due_on, later, load
from models.tables import METADATA, Child, table
from tests.api_support import NOW, Door, open_door, temporal_away
from tests.databases import VAULT_FILE
from tests.test_attachments import PNG, attach, stored

RULE = load()
DAY = timedelta(days=1)


def test_the_shipped_rule_says_that_it_is_no_law() -> None:
    assert not RULE.verified
    assert "chưa kiểm chứng" in RULE.basis_vi
    assert "not verified" in RULE.basis_en


@pytest.mark.parametrize(
    ("closed", "born", "age", "expected"),
    [
        (None, date(2010, 1, 1), None, None),
        (date(2027, 3, 1), date(2020, 5, 6), None, date(2048, 5, 6)),
        (date(2027, 3, 1), date(2008, 12, 31), None, date(2037, 3, 1)),
        (date(2027, 3, 1), None, 8, date(2046, 11, 23)),
        (date(2027, 3, 1), None, None, date(2054, 11, 23)),
        (date(2028, 2, 29), date(1999, 1, 1), None, date(2038, 3, 1)),
        (date(2027, 3, 1), date(2020, 2, 29), None, date(2048, 3, 1)),
    ],
)
def test_when_a_file_is_due(closed: date | None, born: date | None, age: int | None, expected: date | None) -> None:
    assert due_on(RULE, Kept(date(2026, 11, 23), closed, born, age)) == expected


@given(st.dates(date(2000, 1, 1), date(2030, 1, 1)), st.integers(0, 17), st.integers(0, 364))
def test_nothing_is_erased_earlier_because_less_is_known(received: date, age: int, days: int) -> None:
    """Whatever the true date of birth behind an estimated age is, the estimate keeps the file at least as long."""
    born = later(received, -age) - timedelta(days=days)
    known = due_on(RULE, Kept(received, received, born, None))
    guessed = due_on(RULE, Kept(received, received, None, age_on(Kept(received, received, born, None))))
    unknown = due_on(RULE, Kept(received, received, None, None))
    assert known is not None
    assert guessed is not None
    assert unknown is not None
    assert known <= guessed <= unknown


def test_a_citys_own_rule_takes_its_place_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text(
        'version = "hn-1"\nverified = true\nbasis_vi = "QĐ 1"\nbasis_en = "Decision 1"\n'
        "child_until_age = 18\nyears_after_that = 20\nyears_after_closure = 15\n"
    )
    assert due_on(load(own), Kept(date(2026, 1, 1), date(2026, 2, 1), date(2020, 1, 1), None)) == date(2058, 1, 1)
    for wrong in ("years_after_closure = 0", "forever = true", ""):
        bad = tmp_path / "bad.toml"
        bad.write_text(own.read_text().replace("years_after_closure = 15", wrong))
        with pytest.raises(ValueError, match=r"Rule"):
            load(bad)


# --- on record --------------------------------------------------------------------------------------------------------

pytestmark = pytest.mark.servers


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path, tmp_path: Path) -> AsyncIterator[Door]:
    async with open_door(postgres, await temporal_away(key_file), data_dir=tmp_path) as opened:
        yield opened


@dataclass
class File:
    door: Door
    case: str
    code: str
    report: str

    @property
    def id(self) -> UUID:
        return UUID(self.case)

    async def closed(self, at: datetime = NOW) -> "File":
        await self.door.sql(
            "UPDATE case_file SET process = 'closed', closed_at = :at WHERE id = :id", at=at, id=self.id
        )
        return self


async def files(door: Door, *children: dict[str, Any], **more: Any) -> list[File]:
    receipt = await door.report("cpo.a", m01={"channel": "PHONE", "children": list(children), **more})
    return [File(door, case["id"], case["code"], receipt["id"]) for case in receipt["cases"]]


def as_owner(door: Door, at: datetime = NOW) -> Any:
    return transaction(door.database.owner, Who(system="test"), at)


OLD = {"name": "Bé Lớn Rồi", "dob": "2010-05-06", "sex": "FEMALE"}
DUE = datetime(2038, 6, 1, tzinfo=NOW.tzinfo)


async def test_open_young_held_and_erased_files_are_not_due_and_the_rest_are(door: Door) -> None:
    (open_one,) = await files(door, OLD)
    grown, young = await files(door, OLD, {"name": "Bé Nhỏ", "dob": "2025-01-01"})
    (held,) = await files(door, OLD)
    for one in (grown, young, held):
        await one.closed()
    async with as_owner(door) as connection:
        await hold(connection, held.id, by=door.person("chair.a"), why="vụ án đang xét xử", until=None, at=NOW)
    async with as_owner(door, DUE) as connection:
        found = await due(connection, RULE, DUE)
        assert {one.code: one.held for one in found} == {grown.code: 0, held.code: 1}
        assert await due(connection, RULE, datetime(2038, 5, 5, tzinfo=NOW.tzinfo)) == []
    by = door.person("admin")
    for one, why in ((open_one, "open-or-erased"), (young, "too-early"), (held, "held")):
        with pytest.raises(NotDueError, match=why):
            async with as_owner(door, DUE) as connection:
                await erase(connection, one.id, RULE, at=DUE, by=by, decision="1/QĐ")
    async with as_owner(door, DUE) as connection:
        await erase(connection, grown.id, RULE, at=DUE, by=by, decision="1/QĐ")
    with pytest.raises(NotDueError, match="open-or-erased"):
        async with as_owner(door, DUE) as connection:
            await erase(connection, grown.id, RULE, at=DUE, by=by, decision="1/QĐ")
    async with as_owner(door, DUE) as connection:
        assert await lift(connection, held.id, by=by, at=DUE) == 1
        assert {one.code: one.held for one in await due(connection, RULE, DUE)} == {held.code: 0}


async def test_a_hold_to_a_day_ends_by_itself(door: Door) -> None:
    (one,) = await files(door, OLD)
    await one.closed()
    async with as_owner(door) as connection:
        await hold(connection, one.id, by=door.person("chair.a"), why="x", until=DUE.date(), at=NOW)
    async with as_owner(door, DUE) as connection:
        assert [found.held for found in await due(connection, RULE, DUE)] == [1]
        assert [found.held for found in await due(connection, RULE, DUE + DAY)] == [0]


async def test_an_attached_file_goes_with_the_one_it_is_attached_to(door: Door) -> None:
    (into,), (attached,) = await files(door, OLD), await files(door, OLD)
    statement = "UPDATE case_file SET process = 'attached', attached_to = :into WHERE id = :id"
    await door.sql(statement, into=into.id, id=attached.id)
    async with as_owner(door, DUE) as connection:
        assert await due(connection, RULE, DUE) == []
    await into.closed()
    async with as_owner(door, DUE) as connection:
        await hold(connection, into.id, by=door.person("chair.a"), why="x", until=None, at=NOW)
        assert {one.code: one.held for one in await due(connection, RULE, DUE)} == {into.code: 1, attached.code: 1}


def said(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value, default=str, ensure_ascii=False).encode()


async def test_erasing_leaves_counts_hashes_and_chains_and_no_word_of_the_child(door: Door) -> None:
    grown, sibling = await files(door, OLD, {"name": "Em Còn Nhỏ", "dob": "2024-01-01"}, happened="chuyện kín zqkinzq")
    await attach(door, "cpo.a", grown.case, PNG)
    words = {"words": "Lớn Rồi hay sang nhà bà"}
    noted = await door.post("sup.a", f"/cases/{grown.case}/notes", words, key=uuid4())
    assert noted.status_code == 201, noted.text
    objects = stored(door)
    counted = {of.name: of for of in METADATA.sorted_tables if of.name not in ("erasure", "audit_entry")}
    async with as_owner(door) as connection:
        before = {name: await connection.scalar(select(func.count()).select_from(of)) for name, of in counted.items()}
    hashes = await door.sql("SELECT id, content_hash FROM document ORDER BY id")
    await grown.closed()
    async with as_owner(door, DUE) as connection:
        names = await erase(connection, grown.id, RULE, at=DUE, by=door.person("admin"), decision="7/QĐ-UBND")
    assert set(names) == objects
    async with as_owner(door, DUE) as connection:
        after = {name: await connection.scalar(select(func.count()).select_from(of)) for name, of in counted.items()}
        assert after == before
        for of in METADATA.tables.values():
            for row in await connection.execute(select(of)):
                for value in row:
                    assert b"L\xe1\xbb\x9bn R\xe1\xbb\x93i" not in said(value), of.name
                    assert b"2010-05-06" not in said(value), of.name
        children = {row.id: row for row in await connection.execute(select(table(Child)))}
        (certificate,) = await certificates(connection)
    assert await door.sql("SELECT id, content_hash FROM document ORDER BY id") == hashes
    assert {(row.full_name, row.estimated_age, row.sex) for row in children.values()} == {
        (None, 16, "FEMALE"), ("Em Còn Nhỏ", None, None),
    }  # fmt: skip
    assert certificate.certificate["counts"] == {
        "documents": 1, "attachments": 1, "notes": 1, "reports_and_informants": 0, "shared_and_still_readable": 1,
    }  # fmt: skip
    assert (certificate.certificate["case"], certificate.certificate["decision"]) == (grown.code, "7/QĐ-UBND")
    assert certificate.certificate["rule_verified"] is False
    shown = (await door.get("cpo.a", f"/cases/{grown.case}")).json()
    assert (shown["child"]["full_name"], shown["state"]["process"]) == (None, "closed")
    assert [one["words"] for one in (await door.get("sup.a", f"/cases/{grown.case}/notes")).json()] == [None]
    # What the siblings shared is the other one's still.
    report = (await door.get("cpo.a", f"/reports/{sibling.report}")).json()
    assert report["content"]["m01"]["happened"] == "chuyện kín zqkinzq"


WORDS = ("Mẹ Kể Zqk", "vì con zqk", "con nói zqk", "thôi nhé zqk", "mở vội zqk", "xem lại zqk")
ALLEGED = "Zqkdoan Van Kin"


async def told_beside(door: Door, case: str) -> None:
    """Words about the child that are in none of its documents: consents, broken glass."""
    giver, note, view, back, why, found = WORDS
    said = {"scope": "SERVICE", "answer": "given", "giver": "MOTHER", "giver_name": giver, "means": "in_person",
            "child_view": view}  # fmt: skip
    made = await door.post("cpo.a", f"/cases/{case}/consents", said)
    assert made.status_code == 201, made.text
    ground = {"scope": "SERVICE", "answer": "ground", "ground": "LIFE_HEALTH", "best_interest_note": note}
    assert (await door.post("cpo.a", f"/cases/{case}/consents", ground)).status_code == 201
    path = f"/cases/{case}/consents/{made.json()['id']}/withdraw"
    assert (await door.post("cpo.a", path, {"note": back})).status_code == 200
    wanted = {"reason": "CHILD_FOUND", "note": why, "minutes": 60}
    grant = (await door.post("cpo.b", f"/cases/{case}/break-glass", wanted)).json()["id"]
    assert (await door.post("sup.b", f"/break-glass/{grant}/confirm")).status_code == 200
    reviewed = await door.post("sup.a", f"/break-glass/{grant}/review", {"finding": "JUSTIFIED", "note": found})
    assert reviewed.status_code == 200, reviewed.text


async def shown(door: Door, case: str) -> list[Any]:
    """Those words, as whoever may read them is shown them."""
    consents = (await door.get("cpo.a", f"/cases/{case}/consents")).json()
    names = ("giver_name", "best_interest_note", "child_view", "withdrawal_note")
    said = [one[name] for name in names for one in consents if name != "best_interest_note" or one["ground"]]
    (glass,) = (await door.get("sup.a", "/break-glass")).json()
    assert len(consents) == 2, "what was agreed to stays, in codes"
    return [one for one in [*said, glass["note"], glass["finding_note"]] if one is not None]


async def test_erasing_takes_what_was_said_beside_the_documents_and_who_is_alleged(door: Door) -> None:
    """Destroying the key is all it takes: nothing of it is in clear, in the rows or in a copy of them made before."""
    (one,) = await files(door, {**OLD, "alleged": [{"name": ALLEGED, "workplace": "Xưởng Zqk"}]})
    await told_beside(door, one.case)
    assert sorted(await shown(door, one.case)) == sorted(WORDS)
    tables = ("consent", "break_glass", "alleged_person", "conflict")
    before = {name: await door.sql(f"SELECT * FROM {name} ORDER BY id") for name in tables}
    assert all(before[name] for name in tables[:3])
    for name, rows in before.items():
        for row in rows:
            for value in row.values():
                assert b"zqk" not in said(value).lower(), name
    await one.closed()
    async with as_owner(door, DUE) as connection:
        await erase(connection, one.id, RULE, at=DUE, by=door.person("admin"), decision="7/QĐ-UBND")
    assert await shown(door, one.case) == []
    assert {name: await door.sql(f"SELECT * FROM {name} ORDER BY id") for name in tables} == before
    # Whoever bears the name is compared with nobody any more, and nothing fails over it.
    bearer = {"name": "Zqkđoàn Văn Kín", "relation": "VO_CHONG", "birth_year": 1980}
    answer = await door.post("sup.a", "/me/relatives", bearer)
    assert answer.status_code == 201, answer.text
    assert await door.sql("SELECT 1 FROM conflict") == []
    more = {"scope": "SERVICE", "answer": "ground", "ground": "LIFE_HEALTH", "best_interest_note": "x"}
    refused = await door.post("cpo.a", f"/cases/{one.case}/consents", more)
    assert (refused.status_code, refused.json()["code"]) == (410, "content-erased")
    (entry,) = await door.sql("SELECT actor_id, case_id, record FROM audit_entry WHERE code = 'content-erased'")
    assert (entry["actor_id"], entry["case_id"], entry["record"]) == (door.person("cpo.a"), one.id, "case")


async def test_who_bears_the_name_of_an_alleged_person_is_found_while_the_file_is_kept(door: Door) -> None:
    """The other half of the test above: the same relative, declared while the key is there."""
    (one,) = await files(door, {**OLD, "alleged": [{"name": ALLEGED}]})
    bearer = {"name": "Zqkđoàn Văn Kín", "relation": "VO_CHONG", "birth_year": 1980}
    assert (await door.post("sup.a", "/me/relatives", bearer)).status_code == 201
    (found,) = await door.sql("SELECT case_id, person_id, alleged_id FROM conflict")
    assert (found["case_id"], found["person_id"]) == (one.id, door.person("sup.a"))
    (alleged,) = await door.sql("SELECT id FROM alleged_person")
    assert found["alleged_id"] == alleged["id"]


async def test_a_certificate_is_never_changed_and_a_broken_chain_is_found(door: Door) -> None:
    made = await files(door, OLD, OLD, OLD)
    for one in made:
        await one.closed()
        async with as_owner(door, DUE) as connection:
            await erase(connection, one.id, RULE, at=DUE, by=door.person("admin"), decision="7/QĐ")
    for statement in ("UPDATE erasure SET hash = ''", "DELETE FROM erasure", "TRUNCATE erasure"):
        with pytest.raises(DBAPIError, match="append-only"):
            await door.sql(statement)
    async with as_owner(door) as connection:
        entries = await certificates(connection)
    assert (len(entries), first_broken(entries)) == (3, None)
    assert first_broken([entries[0], entries[2]]) == 2
    await door.sql("ALTER TABLE erasure DISABLE TRIGGER append_only")
    await door.sql('UPDATE erasure SET certificate = certificate || \'{"decision": "8"}\' WHERE number = 2')
    async with as_owner(door) as connection:
        assert first_broken(await certificates(connection)) == 2


async def test_the_operators_commands(door: Door, tmp_path: Path) -> None:
    grown, kept = await files(door, OLD, OLD)
    await attach(door, "cpo.a", grown.case, PNG)
    for one in (grown, kept):
        await one.closed()
    offset = (DUE - PlatformClock().now()).total_seconds()
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANNHI_")} | {
        "ANNHI_OWNER_DATABASE_URL": door.database.url(OWNER),
        "ANNHI_DATABASE_URL": door.database.url(API),
        "ANNHI_WORKER_DATABASE_URL": door.database.url(WORKER),
        "ANNHI_TEMPORAL_ADDRESS": "127.0.0.1:1",
        "ANNHI_VAULT_FILE": str(VAULT_FILE),
        "ANNHI_DATA_DIR": str(tmp_path),
        "ANNHI_CLOCK_OFFSET_SECONDS": str(offset),
    }

    async def annhi(*words: str, status: int = 0) -> str:
        done = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-m", "deploy.cli", "retention", *words],
            env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout

    said = await annhi("hold", kept.code, "--by", "chair.a", "--why", "vụ án đang xét xử")
    assert "on hold" in said
    await annhi("hold", "AN-XXXX-XXXX", "--by", "chair.a", "--why", "x", status=1)
    await annhi("run", "--by", "nobody.at.all", "--decision", "1", status=1)
    planned = await annhi("plan")
    assert "chưa kiểm chứng" in planned
    assert grown.code in planned
    assert "on hold" in planned
    assert await door.sql("SELECT * FROM erasure") == []
    erased = await annhi("run", "--by", "admin", "--decision", "7/QĐ-UBND")
    assert f"{grown.code}  đã xóa" in erased
    assert f"{kept.code}  có lệnh giữ" in erased
    assert stored(door) == set(), "the unreadable object is removed as well"
    assert "1 lệnh giữ" in await annhi("lift", kept.code, "--by", "chair.a")
    await annhi("run", "--by", "admin", "--decision", "8/QĐ-UBND")
    lines = [json.loads(line) for line in (await annhi("certificates")).splitlines()]
    assert [(one["number"], one["case"]) for one in lines] == [(1, grown.code), (2, kept.code)]
    entries = await door.sql(
        "SELECT action FROM audit_entry WHERE action IN ('erase', 'hold', 'lift_hold') ORDER BY at"
    )
    assert sorted(row["action"] for row in entries) == ["erase", "erase", "hold", "lift_hold"]

"""Encrypted under a key that can be destroyed: sealed, bound to its place, rotated while people work, erased."""

import asyncio
import hashlib
import json
import os
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from alembic import command
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from api.queries.consents import words as consent_words
from api.queries.emergencies import words as glass_words
from deploy.runtime.postgres import API, OWNER, WORKER, Postgres
from deploy.runtime.schema import check_vault
from deploy.runtime.temporal import Temporal
from deploy.runtime.trouble import Trouble
from models import migrations
from models.access.matching import Alleged
from models.database import Who, connect, transaction
from models.forms import canonical
from models.records.conflicts import Description, alleged_of
from models.records.vault import destroy_key, informant_of, key_of, shared_key, unseal
from models.tables import BreakGlass, CaseKey, Consent, Document, Informant, Report, table
from models.vault import AlteredError, DataKey, ErasedError, KeysAwayError, Wrapped
from models.vault import file as key_file
from models.vault.file import FileKeys
from tests.api_support import NOW, Door, open_door, temporal_away
from tests.test_migrations import STEPS
from tests.world import SIGNED, World, a_world, client_of, contents, form04
from workflows.client import CommandFailedError

CONSENT, GLASS = table(Consent), table(BreakGlass)
PLACE = "document/sealed/1"


# --- a key ------------------------------------------------------------------------------------------------------------


@given(st.binary(max_size=400))
def test_what_was_sealed_opens_where_it_was_sealed_for_and_nowhere_else(clear):
    key = DataKey.new()
    sealed = key.seal(clear, PLACE)
    assert key.open(sealed, PLACE) == clear
    assert sealed != key.seal(clear, PLACE), "a nonce of its own each time"
    for other, place in ((key, "document/sealed/2"), (key, "report/sealed/1"), (DataKey.new(), PLACE)):
        with pytest.raises(AlteredError):
            other.open(sealed, place)


def test_one_altered_byte_anywhere_and_any_cut_is_noticed():
    key = DataKey.new()
    sealed = key.seal("chuyện của bé".encode(), PLACE)
    for at in range(len(sealed)):
        altered = bytearray(sealed)
        altered[at] ^= 1
        with pytest.raises(AlteredError):
            key.open(bytes(altered), PLACE)
        with pytest.raises(AlteredError):
            key.open(sealed[:at], PLACE)


def test_a_hash_tells_nothing_to_whoever_has_not_the_key():
    one, other = DataKey.new(), DataKey.new()
    assert one.hash(b"x") == DataKey(one.raw).hash(b"x")
    assert one.names(b"x", one.hash(b"x"))
    assert not one.names(b"y", one.hash(b"x"))
    assert one.hash(b"x") != other.hash(b"x")
    assert one.raw.hex() not in repr(one)


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "vault.json"
    key_file.create(made)
    return made


def write(path: Path, said: str) -> None:
    path.with_suffix(".new").write_text(said)
    path.with_suffix(".new").replace(path)


def remove(path: Path) -> None:
    path.unlink()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def active_in(path: Path) -> str:
    return str(json.loads(path.read_text())["active"])


async def test_a_rotation_is_seen_by_whoever_has_the_file_open_and_old_keys_go_on_opening(path: Path) -> None:
    keys = FileKeys(path)
    before = await keys.wrap(b"k" * 32, "case/1")
    said = await keys.mac(b"x")
    name = key_file.add(path)
    assert (await keys.wrap(b"k" * 32, "case/1")).kek == before.kek, "added, not active yet"
    key_file.activate(path, name)
    after = await keys.wrap(b"k" * 32, "case/1")
    assert after.kek == name == await keys.active() != before.kek
    for wrapped in (before, after):
        assert await keys.unwrap(wrapped, "case/1") == b"k" * 32
        with pytest.raises(AlteredError):
            await keys.unwrap(wrapped, "case/2")
    assert await keys.mac(b"x") == said, "a request sent before a rotation is the same request after it"
    key_file.retire(path, before.kek)
    with pytest.raises(KeysAwayError, match=before.kek):
        await keys.unwrap(before, "case/1")
    assert mode(path) == 0o600


async def test_a_broken_file_stops_nobody_who_read_it_before_and_lets_nobody_start(path: Path) -> None:
    keys = FileKeys(path)
    wrapped = await keys.wrap(b"k" * 32, "case/1")
    for broken in ("", "{}", '{"active": "a", "keys": {"a": "eA=="}, "mac": "eA=="}', '{"active": "a", "keys": []}'):
        write(path, broken)
        assert await keys.unwrap(wrapped, "case/1") == b"k" * 32
        with pytest.raises(KeysAwayError, match=r"vault\.json"):
            FileKeys(path)
    remove(path)
    assert await keys.unwrap(wrapped, "case/1") == b"k" * 32
    with pytest.raises(KeysAwayError, match=r"vault\.json"):
        FileKeys(path)


def test_the_active_key_and_an_unknown_one_cannot_be_retired(path: Path) -> None:
    active = active_in(path)
    for name in (active, "k0"):
        with pytest.raises(KeysAwayError):
            key_file.retire(path, name)
    with pytest.raises(KeysAwayError):
        key_file.activate(path, "k0")
    key_file.create(path)
    assert active_in(path) == active, "an existing file is left as it is"


# --- in the service ---------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module")
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with open_door(postgres, await temporal_away(key_file)) as opened:
        yield opened


def owner(door: Door) -> Any:
    return transaction(door.database.owner, Who(system="test"), NOW)


async def m01(door: Door, username: str, case: str) -> dict[str, Any]:
    (listed,) = (await door.get(username, f"/cases/{case}/documents", params={"kind": "M01"})).json()["items"]
    shown: dict[str, Any] = (await door.get(username, f"/cases/{case}/documents/{listed['id']}")).json()
    return shown


SIBLINGS = {
    "m01": {
        "channel": "PHONE",
        "children": [{"name": "Anh Cả"}, {"name": "Em Út"}],
        "informant": {"name": "Bà Hàng Xóm"},
    }
}


@pytest.mark.servers
async def test_erasing_one_child_leaves_the_others_and_erasing_the_last_erases_what_they_shared(door: Door) -> None:
    receipt = await door.report("h111", **SIBLINGS)
    first, last = (case["id"] for case in receipt["cases"])
    report = receipt["id"]
    before = (await door.get("cpo.a", f"/reports/{report}")).json()
    hashes = await door.sql("SELECT content_hash FROM document UNION ALL SELECT content_hash FROM report ORDER BY 1")

    async with owner(door) as connection:
        await destroy_key(connection, UUID(first), NOW)
    gone, there = await m01(door, "cpo.a", first), await m01(door, "cpo.a", last)
    assert (gone["content"], gone["erased"], gone["withheld"]) == (None, True, False)
    assert (there["content"]["children"][0]["name"], there["erased"]) == ("Em Út", False)
    assert (await door.get("cpo.a", f"/reports/{report}")).json() == before
    path, why = f"/reports/{report}/informant/readings", {"purpose": "PROTECT"}
    assert (await door.post("chair.a", path, why)).json()["name"] == "Bà Hàng Xóm"

    async with owner(door) as connection:
        await destroy_key(connection, UUID(last), NOW)
    shown = (await door.get("cpo.a", f"/reports/{report}")).json()
    assert (shown["content"], shown["erased"], shown["content_hash"]) == (None, True, before["content_hash"])
    refused = await door.post("chair.a", path, why)
    assert (refused.status_code, refused.json()["code"]) == (410, "content-erased")
    refused = await door.act("cpo.a", first, "acknowledge", {"note": "muộn rồi"})
    assert (refused.status_code, refused.json()["code"]) == (410, "content-erased")
    # What is counted and compared is as it was.
    again = await door.sql("SELECT content_hash FROM document UNION ALL SELECT content_hash FROM report ORDER BY 1")
    assert again == hashes
    assert {one["id"] for one in (await door.get("cpo.a", "/cases")).json()["items"]} >= {first, last}


@pytest.mark.servers
async def test_a_dump_made_before_has_nothing_in_it_that_opens_what_was_erased(door: Door, path: Path) -> None:
    """The rows as they were, every table but the one of the keys; with it, and the key-encryption key, they open."""
    receipt = await door.report("h111")
    case = UUID(receipt["cases"][0]["id"])
    of = table(Document)
    async with owner(door) as connection:
        (copy,) = (await connection.execute(select(of).where(of.c.case_id == case))).all()
        (kept,) = (await connection.execute(select(table(CaseKey)).where(table(CaseKey).c.case_id == case))).all()
        key = await key_of(connection, case)
        await destroy_key(connection, case, NOW)
        with pytest.raises(ErasedError):
            await key_of(connection, case)
    assert unseal(key, of, copy.id, copy.sealed, copy.content_hash)["children"][0]["name"] == "Bé Mẫu"
    with pytest.raises(KeysAwayError):
        await FileKeys(path).unwrap(Wrapped(kept.kek, kept.wrapped), f"case_key/wrapped/{case}")
    assert str(key.raw) not in str(kept)


@pytest.mark.servers
async def test_a_row_put_in_anothers_place_is_noticed_and_its_content_is_shown_to_nobody(door: Door) -> None:
    receipt = await door.report("h111", **SIBLINGS)
    first, last = (case["id"] for case in receipt["cases"])
    await door.sql("ALTER TABLE document DISABLE TRIGGER frozen")
    await door.sql(
        "UPDATE document d SET sealed = o.sealed, content_hash = o.content_hash FROM document o "
        "WHERE d.case_id = :first AND o.case_id = :last",
        first=UUID(first), last=UUID(last),
    )  # fmt: skip
    await door.sql("ALTER TABLE document ENABLE TRIGGER frozen")
    (listed,) = (await door.get("cpo.a", f"/cases/{first}/documents")).json()["items"]
    answer = await door.get("cpo.a", f"/cases/{first}/documents/{listed['id']}")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "Em Út" not in answer.text
    assert (await m01(door, "cpo.a", last))["content"]["children"][0]["name"] == "Em Út"


@pytest.mark.servers
async def test_a_key_is_never_deleted_never_brought_back_and_never_written_by_the_service(door: Door) -> None:
    case = UUID((await door.report("h111"))["cases"][0]["id"])
    update = "UPDATE case_key SET {} WHERE case_id = :case"
    for engine in (door.database.api, door.database.worker):
        for statement in (update.format("kek = kek"), "DELETE FROM case_key", "TRUNCATE case_key"):
            with pytest.raises(DBAPIError, match="permission denied"):
                async with engine.begin() as connection:
                    await connection.execute(text(statement), {"case": case} if ":case" in statement else {})
    for statement in ("DELETE FROM case_key", "TRUNCATE case_key", update.format("created_at = now()")):
        with pytest.raises(DBAPIError, match=r"append-only|destroyed, once"):
            await door.sql(statement, **({"case": case} if ":case" in statement else {}))
    async with owner(door) as connection:
        await destroy_key(connection, case, NOW)
    with pytest.raises(DBAPIError, match="destroyed, once"):
        await door.sql(update.format("wrapped = 'x', kek = 'k', destroyed_at = NULL"), case=case)


@pytest.mark.servers
async def test_a_hash_in_the_database_cannot_be_tried_with_a_guess(door: Door) -> None:
    """A low-entropy content, and whole requests: what is stored of them is keyed."""
    body = {"note": "ok"}
    case = (await door.report("h111"))["cases"][0]["id"]
    assert (await door.act("cpo.a", case, "acknowledge", body)).status_code == 503
    guess = hashlib.sha256(canonical(body).encode()).hexdigest()
    rows = await door.sql("SELECT content_hash AS h FROM document UNION SELECT request_hash FROM submission")
    assert len(rows) > 2
    assert guess not in {row["h"] for row in rows}


# --- away, and rotated ------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def world(postgres: Postgres, temporal_process: Temporal, key_file: Path, path: Path) -> AsyncIterator[World]:
    async with a_world(postgres, await client_of(temporal_process, key_file), keys=FileKeys(path)) as made:
        yield made


def without(path: Path) -> str:
    """The file with only a key nobody used, and what it was."""
    before = path.read_text()
    data = json.loads(before)
    data["keys"] = {"other": data["keys"].popitem()[1]}
    data["active"] = "other"
    write(path, json.dumps(data))
    return before


@pytest.mark.servers
async def test_a_command_whose_key_is_away_waits_for_it_and_is_then_recorded_once(world: World, path: Path) -> None:
    case = await (await world.case()).accepted()
    sent = await case.prepare("suspend", "sup.a", reason_code="OTHER", reason="chờ giám định")
    before = without(path)
    sending = asyncio.create_task(case.send(sent))
    with pytest.raises(KeysAwayError, match="is not in"):
        await case.prepare("record_look", "sup.a", note="x")
    done, _ = await asyncio.wait([sending], timeout=2)
    assert not done
    assert (await case.row()).process == "initial_assessment"
    write(path, before)
    try:
        assert (await sending).accepted
    except CommandFailedError:  # the caller gave up first; the answer is kept all the same
        assert (await case.send(sent)).accepted
    assert len([one for one in case.sent if one.event == "suspend"]) == 1


@pytest.mark.servers
async def test_the_key_is_rotated_under_a_case_that_goes_on(
    world: World, path: Path, temporal_process: Temporal
) -> None:
    case = await (await world.case()).planning()
    old = active_in(path)
    database = world.database

    def annhi(*words: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("ANNHI_")} | {
            "ANNHI_OWNER_DATABASE_URL": database.url(OWNER),
            "ANNHI_DATABASE_URL": database.url(API),
            "ANNHI_WORKER_DATABASE_URL": database.url(WORKER),
            "ANNHI_TEMPORAL_ADDRESS": temporal_process.address,
            "ANNHI_VAULT_FILE": str(path),
            "ANNHI_DATA_DIR": str(path.parent / "data"),
        }
        return subprocess.run(
            [sys.executable, "-m", "deploy.cli", "keys", *words], env=env, capture_output=True, text=True, check=False
        )

    rotated = await asyncio.to_thread(annhi, "rotate")
    assert rotated.returncode == 0, rotated.stderr
    new = rotated.stdout.split()[0]
    await case.do("submit_plan", "cpo.a", m04=form04("tham-nha"), m05={})
    other = await world.case()
    refused = await asyncio.to_thread(annhi, "retire", old)
    assert (refused.returncode, "rewrap" in refused.stdout) == (1, True)
    rewrapping = asyncio.create_task(asyncio.to_thread(annhi, "rewrap"))
    plan = (await case.row()).memory["plan_hash"]
    await case.do("approve_plan", "chair.a", content_hash=plan, decision=SIGNED)
    assert (await rewrapping).stdout.startswith("1 ")
    said = (await asyncio.to_thread(annhi, "status")).stdout
    assert f"{new}  2" in said
    retired = await asyncio.to_thread(annhi, "retire", old)
    assert retired.returncode == 0, retired.stdout + retired.stderr
    assert old not in key_file.names(path)
    await case.do("record_step", "cpo.a", step={"key": "tham-nha", "outcome": "DONE"})
    assert len(await world.contents(case.id)) > 8
    await other.do("acknowledge", "cpo.a")
    await asyncio.to_thread(check_vault, database.url(OWNER), path)
    without(path)
    with pytest.raises(Trouble, match=new):
        await asyncio.to_thread(check_vault, database.url(OWNER), path)
    remove(path)
    with pytest.raises(Trouble, match=new):
        await asyncio.to_thread(check_vault, database.url(OWNER), path)


@pytest.mark.servers
async def test_a_report_goes_with_an_attached_case_and_comes_back_with_it(world: World) -> None:
    """The other case can open it while it is attached, even when the first is erased, and not afterwards."""
    target = await (await world.case()).accepted()
    source = await world.case(m01={"anonymous": False, "informant": {"name": "Bà Hàng Xóm"}})
    await source.do("acknowledge", "cpo.a")
    report = (await source.row()).report_id

    async def opens(case_id: UUID) -> set[UUID]:
        return {row.record_id for row in await world.rows_of("key_share") if row.case_id == case_id}

    own = await opens(target.id)
    await source.do("attach", "cpo.a", target_case=target.id, confirmed=True)
    assert await opens(target.id) == own | {report, informant_of(report)} == own | await opens(source.id)
    async with world.as_owner() as connection:
        await destroy_key(connection, source.id, world.clock.now())
        key = await shared_key(connection, report)
        (row,) = (await connection.execute(select(table(Report)).where(table(Report).c.id == report))).all()
        assert unseal(key, table(Report), report, row.sealed, row.content_hash)["m01"]["children"]
        await connection.rollback()
    await source.do("detach", "sup.a", reason="khác trẻ")
    assert await opens(target.id) == own


# --- what was stored before there was a vault ---------------------------------------------------------------------


async def _let_anybody_be_named(connection: AsyncConnection) -> None:
    foreign = await connection.execute(
        text("SELECT conrelid::regclass::text AS of, conname FROM pg_constraint WHERE contype = 'f'")
    )
    for row in foreign.all():
        await connection.execute(text(f"ALTER TABLE {row.of} DROP CONSTRAINT {row.conname}"))


async def _old_rows(engine: AsyncEngine) -> dict[str, UUID]:
    """A case with a report and a document as they were stored then. Who took it in matters to nobody here."""
    ids = {name: uuid4() for name in ("case", "report", "document", "link", "nobody")}
    said = {"m01": {"children": [{"name": "Bé"}], "informant": {"name": "Bà Cũ"}}}
    note = {"note": "chuyện cũ", "n": 1}
    values = ids | {
        "said": json.dumps(said), "note": json.dumps(note), "at": NOW,
        "of_note": hashlib.sha256(canonical(note).encode()).hexdigest(),
    }  # fmt: skip
    async with engine.begin() as connection:
        await _let_anybody_be_named(connection)
        for statement in (
            (
                "INSERT INTO report (id, code, received_at, recorded_at, channel, flagged, receiver_id, "
                "receiver_position_id, receiver_unit_id, content, content_hash) VALUES "
                "(:report, 'TB', :at, :at, 'PHONE', false, :nobody, :nobody, :nobody, CAST(:said AS jsonb), 'old')"
            ),
            (
                "INSERT INTO case_file (id, code, child_id, household_id, report_id, created_at, receipt_at, process, "
                "protection, ban, custody, memory, flagged, plan_version, sequence, protocol_version, updated_at) "
                "VALUES (:case, 'AN', :nobody, :nobody, :report, :at, :at, 'received', 'none', 'none', 'held', '{}', "
                "false, 1, 1, 'p', :at)"
            ),
            (
                "INSERT INTO case_report (id, case_id, report_id, how, received_at, flagged) VALUES "
                "(:link, :case, :report, 'first', :at, false)"
            ),
            (
                "INSERT INTO document (id, case_id, command_id, kind, content, content_hash, author_id, created_at) "
                "VALUES (:document, :case, :nobody, 'act', CAST(:note AS jsonb), :of_note, :nobody, :at)"
            ),
        ):
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            await connection.execute(text(statement), used)
    return ids


@asynccontextmanager
async def at_step(postgres: Postgres, path: Path, step: str) -> AsyncIterator[tuple[str, AsyncEngine]]:
    """A database of its own that has come as far as a migration: its URL, and an engine of the owner."""
    name = f"m_{uuid4().hex}"
    await postgres.sql(f"CREATE DATABASE {name} OWNER {OWNER}")
    url = postgres.url(OWNER, name)
    await asyncio.to_thread(command.upgrade, migrations.config(url), step)
    engine = connect(url, pool_size=1, keys=FileKeys(path))
    try:
        yield url, engine
    finally:
        await engine.dispose()
        await postgres.sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.servers
async def test_rows_of_before_are_sealed_by_the_migration_and_their_hashes_still_name_them(
    postgres: Postgres, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNHI_VAULT_FILE", str(path))
    async with at_step(postgres, path, STEPS[STEPS.index("0005") - 1]) as (url, engine):
        ids = await _old_rows(engine)
        await asyncio.to_thread(command.upgrade, migrations.config(url), "0005")
        async with transaction(engine, Who(system="test"), NOW) as connection:
            assert await contents(connection, ids["case"]) == [{"note": "chuyện cũ", "n": 1}]
            (report,) = (await connection.execute(select(table(Report)))).all()
            key = await shared_key(connection, ids["report"])
            said = unseal(key, table(Report), ids["report"], report.sealed, report.content_hash)
            assert said == {"m01": {"children": [{"name": "Bé"}]}}
            apart = informant_of(ids["report"])
            (informant,) = (await connection.execute(select(table(Informant)))).all()
            told = unseal(await shared_key(connection, apart), table(Informant), apart, informant.sealed)
            assert told == {"name": "Bà Cũ"}
            with pytest.raises(DBAPIError, match="append-only"):
                await connection.execute(text("UPDATE report SET code = 'x'"))


async def _beside(engine: AsyncEngine, ids: dict[str, UUID]) -> dict[str, UUID]:
    """What was said beside that case's documents, and beside an erased one's, as it was stored before it was sealed."""
    more = {name: uuid4() for name in ("consent", "ground", "gone", "glass", "alleged", "conflict", "erased")}
    values = ids | more | {"at": NOW, "until": NOW + timedelta(hours=1)}
    async with engine.begin() as connection:
        await _let_anybody_be_named(connection)
        for statement in (
            ("INSERT INTO case_key (case_id, created_at, destroyed_at) VALUES (:erased, :at, :at)"),
            (
                "INSERT INTO consent (id, case_id, scope, services, answer, giver, giver_name, means, ground, "
                "best_interest_note, child_view, said_at, recorded_at, recorded_by, position_id, withdrawn_at, "
                "withdrawn_by, withdrawal_note, stops) VALUES "
                "(:consent, :case, 'SERVICE', '[]', 'given', 'MOTHER', 'Bà Mẹ', 'in_person', NULL, NULL, 'con muốn', "
                ":at, :at, :nobody, :nobody, :at, :nobody, 'đổi ý', '[]'), "
                "(:ground, :case, 'SERVICE', '[]', 'ground', NULL, NULL, NULL, 'LIFE_HEALTH', 'cấp cứu', NULL, "
                ":at, :at, :nobody, :nobody, NULL, NULL, NULL, NULL), "
                "(:gone, :erased, 'SERVICE', '[]', 'ground', NULL, NULL, NULL, 'LIFE_HEALTH', 'đã xóa', NULL, "
                ":at, :at, :nobody, :nobody, NULL, NULL, NULL, NULL)"
            ),
            (
                "INSERT INTO break_glass (id, case_id, person_id, position_id, reason, note, minutes, asked_at, "
                "confirmed_by, confirmed_at, ends_at, review_due_at, reviewed_by, reviewed_at, finding, finding_note) "
                "VALUES (:glass, :case, :nobody, :nobody, 'CHILD_FOUND', 'vì sao', 60, :at, :case, :at, :until, "
                ":until, :report, :at, 'JUSTIFIED', 'đúng')"
            ),
            (
                "INSERT INTO alleged_person (id, case_id, folded_name, birth_year, age_band, relation, "
                "folded_workplace, unit_id, named_at) VALUES "
                "(:alleged, :case, 'tran van du', 1980, 'ADULT', 'CHA_ME_DE', 'truong a', :nobody, :at)"
            ),
            (
                "INSERT INTO conflict (id, case_id, person_id, alleged_id, score, reasons, state, found_at) "
                "VALUES (:conflict, :case, :nobody, :alleged, 50, 'NAME_SAME', 'possible', :at)"
            ),
        ):
            used = {name: value for name, value in values.items() if f":{name}" in statement}
            await connection.execute(text(statement), used)
    return more


@pytest.mark.servers
async def test_what_was_said_beside_the_documents_is_sealed_by_its_migration(
    postgres: Postgres, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANNHI_VAULT_FILE", str(path))
    before = {step: STEPS[STEPS.index(step) - 1] for step in ("0005", "0008")}
    async with at_step(postgres, path, before["0005"]) as (url, engine):
        ids = await _old_rows(engine)
        await asyncio.to_thread(command.upgrade, migrations.config(url), before["0008"])
        ids |= await _beside(engine, ids)
        await asyncio.to_thread(command.upgrade, migrations.config(url), "0008")
        async with transaction(engine, Who(system="screening"), NOW) as connection:
            key = await key_of(connection, ids["case"])
            consents = {row.id: row for row in await connection.execute(select(CONSENT))}
            (glass,) = (await connection.execute(select(GLASS))).all()
            assert consent_words(key, consents[ids["consent"]]) == {
                "giver_name": "Bà Mẹ", "best_interest_note": None, "child_view": "con muốn", "withdrawal_note": "đổi ý",
            }  # fmt: skip
            assert consent_words(key, consents[ids["ground"]])["best_interest_note"] == "cấp cứu"
            assert consents[ids["gone"]].best_interest_sealed == b"", "of an erased file nothing is kept"
            assert glass_words(key, glass) == ("vì sao", "đúng")
            (row,) = (await connection.execute(text("SELECT * FROM alleged_person"))).all()
            (found,) = await alleged_of(connection, ids["case"])
            assert found == Description(
                Alleged("tran van du", 1980, "ADULT", "CHA_ME_DE", "truong a"), unit_id=ids["nobody"]
            )
            assert row.id == found.id_in(ids["case"], key) != ids["alleged"], "the same description is one row still"
            assert await connection.scalar(text("SELECT alleged_id FROM conflict")) == row.id
            with pytest.raises(DBAPIError, match="what was agreed to or refused stays"):
                await connection.execute(text("UPDATE consent SET withdrawal_sealed = NULL"))

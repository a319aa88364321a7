"""One altered byte anywhere in the audit is found and named: with the owner's rights, and every trigger off."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from typer.testing import CliRunner

from activities.sealing import Sealer
from deploy.audit import ENTRIES, SEALS, told
from deploy.cli import app
from deploy.runtime.postgres import OWNER
from models import migrations
from models.audit import COLUMNS, Code, PublicKeys, Seal, SealError, SigningKeys, leaf, line, link, merkle_root, verify
from models.audit.canonical import read
from models.audit.kept import KEYS, SealFolder
from models.audit.seals import key_id
from models.database import transaction, work_on
from models.records.audit import open_reason
from models.tables import METADATA
from tests.audit_support import CASE, NASTY, OTHER, RING, WHO, Books, entry, filled_books
from tests.databases import Database
from tests.service import eventually

pytestmark = pytest.mark.servers
PROJECT = Path(__file__).resolve().parents[1]


@pytest_asyncio.fixture
async def books(database: Database, tmp_path: Path) -> AsyncIterator[Books]:
    async with filled_books(database, tmp_path) as made:
        yield made


async def checked(books: Books, *, kept: bool = True) -> Any:
    return await asyncio.to_thread(books.check, kept=kept)


def codes(verdict: Any) -> set[str]:
    return {one.code for one in verdict.findings}


def lines_of(folder: Path) -> tuple[list[str], list[str]]:
    return tuple((folder / name).read_text().split("\n")[:-1] for name in (ENTRIES, SEALS))  # type: ignore[return-value]


# what is sound


async def test_an_untouched_audit_is_sound(books: Books) -> None:
    verdict = await checked(books)
    assert verdict.sound, verdict.findings
    assert (verdict.entries, verdict.seals, verdict.linked, verdict.unsealed) == (24, 4, 11, 2)
    assert verdict.keys == {books.keys.active}
    assert "NGUYÊN VẸN · SOUND" in list(told(verdict))[-1]


def test_every_column_of_the_table_is_hashed() -> None:
    assert set(COLUMNS) == set(METADATA.tables["audit_entry"].c.keys())
    assert COLUMNS[-1] == "chain_hash"


async def test_postgresql_writes_the_line_that_the_pure_module_defines(books: Books) -> None:
    rows = await books.sql("SELECT audit_text(e) AS line, audit_leaf(e) AS leaf, e.* FROM audit_entry e")
    assert len(rows) == 24
    for row in rows:
        held = row._mapping
        said = read(row.line)
        assert line(said) == row.line
        assert leaf(row.line) == row.leaf
        assert said["at"] == held["at"].strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        for name in ("id", "actor_id", "case_id", "command_id", "role", "action", "outcome", "turn", "chain_seq"):
            assert said[name] == (None if held[name] is None else str(held[name]))
        for name in ("reason", "chain_hash"):
            assert said[name] == (None if held[name] is None else held[name].hex())
        assert json.loads(said["detail"] or "") == held["detail"]
    assert any(json.loads(read(row.line)["detail"] or "") == NASTY for row in rows)


async def test_the_line_does_not_depend_on_a_sessions_settings(books: Books) -> None:
    usual = await books.sql("SELECT audit_text(e) FROM audit_entry e ORDER BY e.id")
    async with books.database.owner.begin() as connection:
        for setting in ("timezone TO 'Asia/Ho_Chi_Minh'", "datestyle TO 'SQL, DMY'", "bytea_output TO 'escape'"):
            await connection.execute(text(f"SET LOCAL {setting}"))
        other = (await connection.execute(text("SELECT audit_text(e) FROM audit_entry e ORDER BY e.id"))).all()
    assert list(other) == usual


async def test_a_reason_is_stored_encrypted_and_can_be_read_with_the_key(books: Books) -> None:
    rows = await books.sql("SELECT reason_key, reason FROM audit_entry WHERE reason IS NOT NULL")
    for row in rows:
        assert "trẻ".encode() not in row.reason
        assert open_reason(RING, row.reason_key, row.reason) == "vì trẻ"
    assert len(rows) == 3


# the chain of a case


HELD_UP = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
LINKED = text(
    "INSERT INTO audit_entry (id, at, role, action, record, outcome, detail, case_id, chain_seq) "
    "VALUES (:id, now(), 'CPO', 'accept', 'case', 'done', '{}', :case, 0)"
)


async def test_entries_of_one_statement_are_linked_in_their_order(books: Books) -> None:
    async with transaction(books.database.worker, WHO, books.clock.now()) as connection:
        await work_on(connection, [OTHER])
        for number in range(5):
            await entry(connection, books.clock, f"act_{number}", case_id=CASE, chained=True)
            await entry(connection, books.clock, f"other_{number}", case_id=OTHER, chained=True)
            await entry(connection, books.clock, f"read_{number}", case_id=CASE)
    rows = await books.sql(
        "SELECT action, chain_seq, chain_hash, audit_text(e) AS line FROM audit_entry e WHERE case_id = :case "
        "AND chain_seq IS NOT NULL ORDER BY chain_seq",
        case=CASE,
    )
    assert [row.chain_seq for row in rows] == list(range(1, len(rows) + 1))
    assert [row.action for row in rows][-5:] == [f"act_{number}" for number in range(5)]
    head = b""
    for row in rows:
        head = link(head, row.line)
        assert head == row.chain_hash
    assert (await checked(books)).sound


async def test_a_chain_cannot_fork_even_where_nobody_held_the_cases_lock(books: Books) -> None:
    async with books.database.worker.connect() as one, books.database.worker.connect() as other:
        for connection in (one, other):
            await work_on(connection, [CASE])
        await one.execute(LINKED, {"id": uuid4(), "case": CASE})
        waiting = asyncio.create_task(other.execute(LINKED, {"id": uuid4(), "case": CASE}))

        async def held_up() -> bool:
            async with books.database.owner.connect() as looking:
                return bool((await looking.execute(HELD_UP)).scalar_one())

        await eventually(held_up)
        await one.commit()
        with pytest.raises(IntegrityError, match="uq_audit_entry_chain"):
            await waiting
    assert (await checked(books)).sound


@pytest.mark.parametrize("forged", ["turn = 1", "chain_seq = 99", "chain_hash = '\\x00'"])
async def test_nobody_says_themselves_where_an_entry_stands(books: Books, forged: str) -> None:
    name, value = forged.split(" = ")
    for engine in (books.database.api, books.database.worker):
        async with transaction(engine, WHO, books.clock.now()) as connection:
            await connection.execute(
                text(
                    "INSERT INTO audit_entry (id, at, role, action, record, outcome, detail, case_id, "
                    f"{name}) VALUES (:id, now(), 'CPO', 'read', 'case', 'done', '{{}}', :case, {value})"
                ),
                {"id": uuid4(), "case": CASE},
            )
    await books.seal()
    assert (await checked(books)).sound


# sealing: every entry once, whatever commits when


async def test_an_entry_that_commits_late_is_sealed_once_and_nothing_is_lost(books: Books) -> None:
    await books.seal()
    async with transaction(books.database.api, WHO, books.clock.now()) as late:
        await entry(late, books.clock, "late")
        await late.execute(text("SELECT 1"))
        for _ in range(3):
            await books.note("early")
            assert await books.seal() == 0, "whoever began before is still at work"
    assert await books.seal() == 4
    assert await books.seal() == 0
    verdict = await checked(books)
    assert verdict.sound, verdict.findings
    assert verdict.unsealed == 0


async def test_many_writers_and_two_sealers_at_once_seal_every_entry_exactly_once(books: Books) -> None:
    async def write(number: int) -> None:
        for turn in range(12):
            async with transaction(books.database.api, WHO, books.clock.now()) as connection:
                await entry(connection, books.clock, f"act_{number}")
                await connection.execute(text("SELECT pg_sleep(:pause)"), {"pause": 0.001 * ((number * 7 + turn) % 5)})

    async def keep_sealing(done: asyncio.Event) -> None:
        sealer = books.sealer()
        while not done.is_set():
            await sealer.seal()
            await sealer.keep()

    done = asyncio.Event()
    sealers = [asyncio.create_task(keep_sealing(done)) for _ in range(2)]
    await asyncio.gather(*(write(number) for number in range(6)))
    done.set()
    await asyncio.gather(*sealers)
    await books.seal()
    verdict = await checked(books)
    assert verdict.sound, verdict.findings
    assert (verdict.entries, verdict.unsealed) == (24 + 72, 0)
    sealed = [one for seal in SealFolder(books.kept).newest() for one, _ in seal.entries()]
    assert len(sealed) == len(set(sealed)) == 24 + 72


async def test_a_long_backlog_comes_under_several_seals(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    await books.seal()
    async with transaction(books.database.api, WHO, books.clock.now()) as connection:
        for _ in range(7):
            await entry(connection, books.clock)
    monkeypatch.setattr("activities.sealing.MOST", 3)
    assert [await books.seal() for _ in range(4)] == [3, 3, 1, 0]
    assert (await checked(books)).sound


async def test_a_database_restored_into_another_server_goes_on_being_sealed(books: Books) -> None:
    """A server of its own counts transactions from the beginning: below what is sealed already."""
    await books.seal()
    await books.sql("ALTER TABLE audit_seal DISABLE TRIGGER USER")
    (before,) = await books.sql("SELECT audit_turn() AS turn")
    # As if everything had been written where a billion transactions had gone before.
    await books.sql("DELETE FROM audit_seal")
    await books.sql("UPDATE audit_entry SET turn = turn + 1000000000, chain_seq = NULL, chain_hash = NULL")
    # ON CONFLICT: as the sealer of that server had left it.
    for name in ("turn", "horizon"):
        (made,) = await books.sql(f"SELECT pg_get_functiondef('audit_{name}()'::regprocedure) AS sql")
        await books.sql(made.sql.replace("+ 0", "+ 1000000000"))
    for file in books.kept.glob("*.jsonl"):
        file.unlink()
    assert await books.seal() == 24
    for name in ("turn", "horizon"):
        (made,) = await books.sql(f"SELECT pg_get_functiondef('audit_{name}()'::regprocedure) AS sql")
        await books.sql(made.sql.replace("+ 1000000000", "+ 0"))
    await books.note("after the restore")
    assert await books.seal() == 0, "it would never be sealed"

    await asyncio.to_thread(migrations.upgrade, books.database.url(OWNER))
    (after,) = await books.sql("SELECT audit_turn() AS turn")
    assert after.turn > before.turn + 1000000000
    await books.note("and on")
    await books.seal()
    stray = await books.sql("SELECT id FROM audit_entry WHERE action = 'after the restore'")
    verdict = await checked(books)
    assert [(one.code, one.name) for one in verdict.findings] == [(Code.INSERTED, str(stray[0].id))], "before migrating"
    await books.sql("DELETE FROM audit_entry WHERE action = 'after the restore'")
    assert (await checked(books)).sound


async def test_migrating_the_same_server_again_changes_no_turn(books: Books) -> None:
    (before,) = await books.sql("SELECT audit_go_on() AS added")
    await books.seal()
    await asyncio.to_thread(migrations.upgrade, books.database.url(OWNER))
    assert (await books.sql("SELECT audit_go_on() AS added")) == [before] == [(0,)]


# kept outside


async def test_what_a_crash_left_out_is_kept_by_the_next_sealer(books: Books) -> None:
    (file,) = books.kept.glob("*.jsonl")
    whole = file.read_bytes()
    lines = whole.splitlines(keepends=True)
    # The last line was cut short by a power failure, and the one before it was never written.
    file.write_bytes(b"".join(lines[:2]) + lines[3][:40])
    assert await books.sealer().keep() == 2
    assert file.read_bytes() == whole
    assert PublicKeys.read(books.kept / KEYS).raw == books.keys.public.raw


async def test_two_sealers_that_share_a_folder_keep_each_seal_once(books: Books) -> None:
    one, other = books.sealer(), books.sealer()
    for sealer in (one, other):
        await sealer.keep()
    await books.note()
    await one.seal()
    assert [await one.keep(), await other.keep()] == [1, 1]
    numbers = [Seal.read(text_).number for text_ in SealFolder(books.kept).lines()]
    assert numbers == sorted(set(numbers))


async def test_an_older_key_stays_good_after_a_new_one_was_made(books: Books) -> None:
    fresh = books.folder / "fresh.json"
    SigningKeys.create(fresh)
    new, old = json.loads(fresh.read_text()), json.loads((books.folder / "audit.json").read_text())
    fresh.write_text(json.dumps({"active": new["active"], "keys": {**old["keys"], **new["keys"]}}))
    books.keys = SigningKeys.read(fresh)
    await books.note()
    await books.seal()
    verdict = await checked(books)
    assert verdict.sound, verdict.findings
    assert verdict.keys == {new["active"], old["active"]}


# tampering with the database


ALTERED = {
    # Another value for each column; where a column may be empty, its row has a value.
    "id": "overlay(id::text placing 'f' from 1 for 1)::uuid",
    "at": "at + interval '1 microsecond'",
    "actor_id": "gen_random_uuid()",
    "position_id": "gen_random_uuid()",
    "role": "'SUP'",
    "action": "action || ' '",
    "record": "upper(record)",
    "record_id": "gen_random_uuid()",
    "case_id": "gen_random_uuid()",
    "command_id": "gen_random_uuid()",
    "outcome": "outcome || '.'",
    "code": "'x'",
    "detail": "detail || '{\"x\": 1}'",
    "purpose": "'audit'",
    "reason_key": "'K'",
    "reason": "set_byte(coalesce(reason, '\\x00'), 0, 255)",
    "origin": "'ab13'",
    "turn": "turn + 1",
    "chain_seq": "coalesce(chain_seq, 0) + 100",
    "chain_hash": "set_byte(coalesce(chain_hash, '\\x0000'), 1, 7)",
}
KINDS = {
    "a command": "action = 'accept' AND case_id = :case",
    "a timer's act": "action = 'fire_rung'",
    "a read": "action = 'read' AND reason IS NOT NULL",
    "a list": "action = 'list'",
    "a refused sign-in": "action = 'sign_in'",
}


async def test_any_altered_column_of_any_kind_of_entry_is_found_and_named(books: Books) -> None:
    assert set(ALTERED) == set(COLUMNS)
    await books.sql("CREATE TABLE kept AS SELECT * FROM audit_entry")
    wrong = []
    for kind, which in KINDS.items():
        (victim,) = await books.sql(
            f"SELECT id FROM audit_entry WHERE {which} AND (case_id = :case OR :case IS NOT NULL) ORDER BY id LIMIT 1",
            case=CASE,
        )
        for column, value in ALTERED.items():
            await books.sql(f"UPDATE audit_entry SET {column} = {value} WHERE id = :id", id=victim.id)
            verdict = await checked(books)
            if str(victim.id) not in {one.name for one in verdict.findings}:
                wrong.append((kind, column, verdict.findings))
            await books.sql("DELETE FROM audit_entry")
            await books.sql("INSERT INTO audit_entry SELECT * FROM kept")
    assert not wrong, wrong[:3]
    assert (await checked(books)).sound


async def test_an_altered_entry_that_is_not_sealed_yet_is_found_by_its_chain(books: Books) -> None:
    (victim,) = await books.sql("SELECT id FROM audit_entry WHERE chain_seq IS NOT NULL ORDER BY turn DESC LIMIT 1")
    await books.sql("UPDATE audit_entry SET outcome = 'refused' WHERE id = :id", id=victim.id)
    verdict = await checked(books)
    assert [(one.code, one.name, one.case) for one in verdict.findings] == [(Code.UNLINKED, str(victim.id), str(CASE))]


async def test_a_chain_computed_anew_by_its_owner_is_found_by_the_seals(books: Books) -> None:
    """Whoever owns the tables can make every hash of a chain right again; not the seals."""
    (victim,) = await books.sql("SELECT id FROM audit_entry WHERE chain_seq = 2 AND case_id = :case", case=CASE)
    await books.sql("UPDATE audit_entry SET action = 'close' WHERE id = :id", id=victim.id)
    rows = await books.sql(
        "SELECT id, audit_text(e) AS line FROM audit_entry e WHERE case_id = :case AND chain_seq IS NOT NULL "
        "ORDER BY chain_seq",
        case=CASE,
    )
    head = b""
    for row in rows:
        head = link(head, row.line)
        await books.sql("UPDATE audit_entry SET chain_hash = :head WHERE id = :id", head=head, id=row.id)
    verdict = await checked(books, kept=False)
    assert codes(verdict) == {Code.ALTERED}
    assert verdict.findings[0].name == str(victim.id)


async def test_a_deleted_entry_is_named_whatever_kind_it_is(books: Books) -> None:
    await books.sql("CREATE TABLE kept AS SELECT * FROM audit_entry")
    for victim in await books.sql("SELECT id, turn, chain_seq FROM audit_entry WHERE turn <= "
                                  "(SELECT max(upto_turn) FROM audit_seal)"):  # fmt: skip
        await books.sql("DELETE FROM audit_entry WHERE id = :id", id=victim.id)
        verdict = await checked(books)
        assert (Code.MISSING, str(victim.id)) in {(one.code, one.name) for one in verdict.findings}
        await books.sql("INSERT INTO audit_entry SELECT * FROM kept WHERE id = :id", id=victim.id)


async def test_a_case_that_was_dropped_whole_is_found(books: Books) -> None:
    gone = await books.sql("SELECT id FROM audit_entry WHERE case_id = :case AND chain_seq IS NOT NULL", case=OTHER)
    await books.sql("DELETE FROM audit_entry WHERE case_id = :case", case=OTHER)
    verdict = await checked(books, kept=False)
    assert codes(verdict) == {Code.MISSING}
    assert {str(row.id) for row in gone} <= {one.name for one in verdict.findings}


async def test_an_inserted_entry_is_named(books: Books) -> None:
    added = uuid4()
    await books.sql(
        "INSERT INTO audit_entry (id, at, role, action, record, outcome, detail, turn) "
        "SELECT :id, at, role, action, record, outcome, detail, turn FROM audit_entry ORDER BY turn LIMIT 1",
        id=added,
    )
    verdict = await checked(books)
    assert [(one.code, one.name, one.seal) for one in verdict.findings] == [(Code.INSERTED, str(added), 1)]


async def test_two_entries_that_changed_places_are_both_named(books: Books) -> None:
    one, other = await books.sql("SELECT id FROM audit_entry WHERE action = 'sign_in' ORDER BY id LIMIT 2")
    spare = UUID(int=7)
    for was, becomes in ((one.id, spare), (other.id, one.id), (spare, other.id)):
        await books.sql("UPDATE audit_entry SET id = :becomes WHERE id = :was", was=was, becomes=becomes)
    named = {found.name for found in (await checked(books)).findings}
    assert {str(one.id), str(other.id)} <= named


async def test_two_links_of_a_chain_that_changed_places_are_named(books: Books) -> None:
    rows = await books.sql("SELECT id, chain_seq FROM audit_entry WHERE case_id = :case AND chain_seq IN (3, 4)",
                           case=CASE)  # fmt: skip
    await books.sql("UPDATE audit_entry SET chain_seq = -1 WHERE id = :id", id=rows[0].id)
    await books.sql("UPDATE audit_entry SET chain_seq = :seq WHERE id = :id", seq=rows[0].chain_seq, id=rows[1].id)
    await books.sql("UPDATE audit_entry SET chain_seq = :seq WHERE id = :id", seq=rows[1].chain_seq, id=rows[0].id)
    verdict = await checked(books)
    assert {str(row.id) for row in rows} <= {one.name for one in verdict.findings}


async def test_seals_and_their_entries_cut_off_at_the_end_are_found_by_what_is_kept_outside(books: Books) -> None:
    (last,) = await books.sql("SELECT upto_turn FROM audit_seal WHERE number = 3")
    gone = await books.sql("SELECT id FROM audit_entry WHERE turn > :turn", turn=last.upto_turn)
    await books.sql("DELETE FROM audit_seal WHERE number > 3")
    await books.sql("DELETE FROM audit_entry WHERE turn > :turn", turn=last.upto_turn)
    assert (await checked(books, kept=False)).sound, "inside nothing is left to tell"
    verdict = await checked(books)
    assert [(one.code, one.name) for one in verdict.findings][:2] == [
        (Code.CUT_OFF, "4"),
        (Code.MISSING, str(min(row.id for row in gone))),
    ]


@pytest.mark.parametrize("column", ["number", "at", "upto_turn", "upto_id", "count", "root", "previous", "key_id",
                                    "leaves", "signature"])  # fmt: skip
async def test_any_altered_column_of_a_seal_is_found_and_named(books: Books, column: str) -> None:
    assert set(METADATA.tables["audit_seal"].c.keys()) == {
        "number", "at", "upto_turn", "upto_id", "count", "root", "previous", "key_id", "leaves", "signature",
    }  # fmt: skip
    value = {
        "number": "77",
        "at": "at + interval '1 microsecond'",
        "upto_turn": "upto_turn - 1",
        "upto_id": "gen_random_uuid()",
        "count": "count + 1",
        "key_id": "'0000000000000000'",
    }.get(column, f"set_byte({column}, 20, (get_byte({column}, 20) + 1) % 256)")
    await books.sql(f"UPDATE audit_seal SET {column} = {value} WHERE number = 2")
    for kept in (False, True):
        verdict = await checked(books, kept=kept)
        seals = {one.name for one in verdict.findings if one.kind == "seal"}
        assert "2" in seals, verdict.findings


async def test_seals_that_changed_places_are_named(books: Books) -> None:
    for was, becomes in ((2, 99), (3, 2), (99, 3)):
        await books.sql("UPDATE audit_seal SET number = :becomes WHERE number = :was", was=was, becomes=becomes)
    verdict = await checked(books, kept=False)
    assert {"2", "3"} <= {one.name for one in verdict.findings if one.kind == "seal"}


async def test_a_seal_that_is_gone_is_named_and_its_entries_are_not_called_false(books: Books) -> None:
    await books.sql("DELETE FROM audit_seal WHERE number = 2")
    verdict = await checked(books, kept=False)
    assert [(one.code, one.kind, one.name) for one in verdict.findings] == [(Code.MISSING, "seal", "2")]
    # With what is kept outside, its entries can be verified all the same.
    verdict = await checked(books)
    assert [(one.code, one.name) for one in verdict.findings] == [(Code.CUT_OFF, "2")]


async def test_everything_sealed_anew_with_another_key_is_no_proof(books: Books) -> None:
    """Who owns database and service can seal a false record; not with a key that the verifier trusts."""
    (books.folder / "forged").mkdir()
    SigningKeys.create(books.folder / "forged" / "audit.json")
    forger = SigningKeys.read(books.folder / "forged" / "audit.json")
    await books.sql("UPDATE audit_entry SET outcome = 'done'")
    await books.sql("UPDATE audit_entry SET chain_seq = NULL, chain_hash = NULL")
    await books.sql("DELETE FROM audit_seal")
    false = Sealer(books.database.worker, books.clock, forger, SealFolder(books.folder / "forged"))
    assert await false.seal() > 0
    verdict = await checked(books, kept=False)
    assert (verdict.findings[0].code, verdict.findings[0].name) == (Code.FORGED, "1")
    # A key under the name of the right one is refused before anything is read.
    with pytest.raises(SealError):
        PublicKeys({books.keys.active: forger.public.raw[forger.active]})


async def test_not_even_the_owner_changes_a_seal_while_the_triggers_are_on(books: Books) -> None:
    for engine in (books.database.owner, books.database.worker, books.database.api):
        for statement in ("UPDATE audit_seal SET count = 0", "DELETE FROM audit_seal", "TRUNCATE audit_seal"):
            with pytest.raises(DBAPIError) as refused:
                async with engine.begin() as connection:
                    await connection.execute(text(statement))
            assert getattr(refused.value.orig, "sqlstate", None) == "42501"


# tampering with a copy, byte by byte


async def test_one_altered_byte_anywhere_in_a_copy_is_found(books: Books) -> None:
    """Every byte of every line of entries and seals, each altered once. Nothing of the service runs here."""
    folder = await asyncio.to_thread(books.export)
    entries, seals = lines_of(folder)
    kept = list(SealFolder(books.kept).lines())
    keys = PublicKeys.read(folder / KEYS)
    assert verify(entries, seals, keys, kept).sound
    unsealed_reads = {number for number, each in enumerate(entries) if number >= 23}
    tried = 0
    for which, several in enumerate((entries, seals, kept)):
        # Of lines that look alike one is taken byte by byte, and of the others every seventeenth byte.
        for number, each in enumerate(several):
            if which == 0 and number in unsealed_reads:
                continue  # neither sealed nor chained yet: a matter of seconds
            raw = each.encode()
            step = 1 if number == 1 and which < 2 else 17
            for at in range(0, len(raw), step):
                altered = bytearray(raw)
                altered[at] ^= 1 << (at % 7)
                given: list[list[str]] = [list(entries), list(seals), list(kept)]
                given[which][number] = altered.decode(errors="replace")
                verdict = verify(given[0], given[1], keys, given[2] if which == 2 else None)
                assert not verdict.sound, (which, number, at)
                tried += 1
    assert tried > 1500


@pytest.mark.parametrize("seed", range(6))
async def test_lines_of_a_copy_that_were_moved_left_out_or_doubled_are_named(books: Books, seed: int) -> None:
    folder = await asyncio.to_thread(books.export)
    entries, seals = lines_of(folder)
    keys = PublicKeys.read(folder / KEYS)
    at = 3 + 2 * seed
    name = str(read(entries[at])["id"])
    moved = [*entries[:at], *entries[at + 1 : at + 2], entries[at], *entries[at + 2 :]]
    assert not verify(moved, seals, keys).sound
    without = verify([*entries[:at], *entries[at + 1 :]], seals, keys)
    assert name in {one.name for one in without.findings}
    assert not verify([*entries[: at + 1], *entries[at:]], seals, keys).sound


def test_a_seal_is_bound_to_the_one_before_it(tmp_path: Path) -> None:
    SigningKeys.create(tmp_path / "keys.json")
    keys = SigningKeys.read(tmp_path / "keys.json")
    first = keys.sign(Seal.over([], after=None, at="2026-11-25", upto=(1, UUID(int=0)), key_id=keys.active))
    second = keys.sign(Seal.over([], after=first, at="2026-11-25", upto=(2, UUID(int=0)), key_id=keys.active))
    assert verify([], [first.line(), second.line()], keys.public).sound
    stranger = keys.sign(replace(second, previous=bytes(32)))
    assert codes(verify([], [first.line(), stranger.line()], keys.public)) == {Code.REORDERED}
    assert key_id(keys.public.raw[keys.active]) == keys.active


def test_the_root_is_that_of_rfc_6962() -> None:
    """Known answers: RFC 6962's own test tree, as certificate-transparency's reference implementation has it."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
    roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    from hashlib import sha256  # noqa: PLC0415

    leaves = [sha256(b"\0" + bytes.fromhex(one)).digest() for one in inputs]
    assert [merkle_root(leaves[: count + 1]).hex() for count in range(8)] == roots
    assert merkle_root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


# the command


async def test_the_command_says_it_with_its_status_and_needs_nothing_of_the_service(books: Books) -> None:
    folder = await asyncio.to_thread(books.export)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        # Neither a database nor a data folder; and nothing that could reach one.
        code = (
            "import sys; from deploy.cli import app; sys.argv = ['annhi', 'audit', 'verify', *sys.argv[1:]]\n"
            "try: app()\n"
            "finally: print(*(n for n in ('sqlalchemy', 'asyncpg', 'temporalio') if n in sys.modules), file=sys.stderr)"
        )
        return subprocess.run(
            [sys.executable, "-c", code, *words], cwd=PROJECT, capture_output=True, text=True, check=False, timeout=60
        )

    sound = await asyncio.to_thread(run, "--export", str(folder), "--seals", str(books.kept))
    assert (sound.returncode, sound.stderr.strip()) == (0, ""), sound.stdout
    assert "NGUYÊN VẸN · SOUND" in sound.stdout
    entries = folder / ENTRIES
    lines = entries.read_text().split("\n")
    victim = read(lines[4])["id"]
    lines[4] = lines[4].replace('"done"', '"gone"')
    entries.write_text("\n".join(lines))
    broken = await asyncio.to_thread(run, "--export", str(folder))
    assert broken.returncode == 1
    assert f"Altered: entry {victim}" in broken.stdout
    missing = await asyncio.to_thread(run, "--export", str(books.folder))
    assert missing.returncode == 8
    assert "cannot be read" in missing.stderr


async def test_the_commands_work_on_a_database_and_the_export_is_itself_on_record(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    SigningKeys.create(books.folder / "audit.json")
    monkeypatch.setenv("ANNHI_KEY_FILE", str(books.folder / "keys.json"))
    monkeypatch.setenv("ANNHI_DATA_DIR", str(books.folder))
    monkeypatch.setenv("ANNHI_OWNER_DATABASE_URL", books.database.url(OWNER))
    for role in ("", "WORKER_"):
        monkeypatch.setenv(f"ANNHI_{role}DATABASE_URL", books.database.url(OWNER))

    def annhi(*words: str) -> Any:
        return CliRunner().invoke(app, ["audit", *words])

    sound = await asyncio.to_thread(annhi, "verify")
    assert (sound.exit_code, "24 mục" in sound.output) == (0, True), sound.output
    taken = await asyncio.to_thread(annhi, "export", str(books.folder / "for-the-inspector"))
    assert taken.exit_code == 0, taken.output
    (last,) = await books.sql("SELECT action, role FROM audit_entry ORDER BY turn DESC LIMIT 1")
    assert tuple(last) == ("export_audit", "SYSTEM")
    again = await asyncio.to_thread(annhi, "export", str(books.folder / "for-the-inspector"))
    assert (again.exit_code, "is not empty" in again.output) == (7, True)
    (victim,) = await books.sql("SELECT id FROM audit_entry WHERE action = 'list' LIMIT 1")
    await books.sql("UPDATE audit_entry SET role = 'SUP' WHERE id = :id", id=victim.id)
    broken = await asyncio.to_thread(annhi, "verify")
    assert (broken.exit_code, f"Altered: entry {victim.id}" in broken.output) == (1, True), broken.output
    nowhere = await asyncio.to_thread(annhi, "verify", "--database", "postgresql://annhi@127.0.0.1:1/annhi")
    assert (nowhere.exit_code, "cannot be reached" in nowhere.output) == (9, True), nowhere.output

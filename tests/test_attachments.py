"""Attachments: streamed, typed by content, sealed, scanned, never half there, and every hand they went through."""

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import select, text

from activities.attachments import STRAY_AFTER, AttachmentCare
from activities.clamd import Clamd, ScannerAwayError
from deploy.runtime.postgres import API, Postgres
from deploy.runtime.temporal import free_port
from models.audit.origin import Origins
from models.clock import PlatformClock
from models.database import Who, transaction
from models.records.attachments import custody, first_broken
from models.records.vault import destroy_key
from models.tables import METADATA
from models.vault import AlteredError, DataKey
from models.vault.media import media_type
from models.vault.objects import ObjectStore
from models.vault.stream import FRAME, open_stream, seal_stream
from tests.api_support import NOW, Door, HandClock, open_door, temporal_away
from tests.databases import VAULT_FILE
from tests.identity_support import audited
from tests.receivers import EICAR, scanner

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 64
PDF = b"%PDF-1.7\n%" + b"\xe2" * 64
NAME = "Ảnh vết thương bé Mẫu.png"
LIMIT = 2 * 1024 * 1024


# --- a stream ---------------------------------------------------------------------------------------------------------


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def whole(stream: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in stream])


@pytest.mark.parametrize("size", [1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME, 3 * FRAME + 7])
async def test_a_file_of_any_size_comes_out_as_it_went_in_however_it_was_cut(size: int) -> None:
    key, clear = DataKey.new(), os.urandom(size)
    sealed = await whole(seal_stream(key, "o", pieces(*(clear[at : at + 70_001] for at in range(0, size, 70_001)))))
    cut = [sealed[at : at + 50_003] for at in range(0, len(sealed), 50_003)]
    assert await whole(open_stream(key, "o", pieces(*cut))) == clear
    assert clear[:16] not in sealed or size < 16


async def test_a_frame_altered_left_out_swapped_or_cut_off_is_noticed() -> None:
    key, clear = DataKey.new(), os.urandom(3 * FRAME)
    sealed = await whole(seal_stream(key, "o", pieces(clear)))
    frame = FRAME + 16
    one, two, three = sealed[:frame], sealed[frame : 2 * frame], sealed[2 * frame :]
    altered = bytes([one[0] ^ 1]) + one[1:]
    for wrong in (altered + two + three, two + three, one + three, two + one + three, one + two, one + two + two, b""):
        with pytest.raises(AlteredError):
            await whole(open_stream(key, "o", pieces(wrong)))
    for other, name in ((key, "p"), (DataKey.new(), "o")):
        with pytest.raises(AlteredError):
            await whole(open_stream(other, name, pieces(sealed)))


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (PNG, "image/png"),
        (PDF, "application/pdf"),
        (b"\xff\xd8\xff\xe1\x00\x10Exif\0\0" + b"\0" * 64, "image/jpeg"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64, "image/heic"),
        (b"ID3\x03\0\0\0" + b"\0" * 64, "audio/mpeg"),
        (b"\0\0\0\x20ftypM4A \0\0\0\0M4A mp42isom" + b"\0" * 64, "audio/mp4"),
        (b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41" + b"\0" * 64, "video/mp4"),
        (b"#!AMR\n" + b"\0" * 64, "audio/amr"),
        (b"MZ\x90\0\x03" + b"\0" * 200, None),
        (b"<!DOCTYPE html><html><script>alert(1)</script>", None),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'>", None),
        (b"PK\x03\x04\x14\0\0\0" + b"\0" * 100, None),
        (b"#!/bin/sh\nrm -rf /", None),
        ("chỉ là chữ".encode(), None),
        (b"", None),
    ],
)
def test_a_file_is_what_its_content_says(head: bytes, expected: str | None) -> None:
    assert media_type(head) == expected


# --- through the door -------------------------------------------------------------------------------------------------

pytestmark = pytest.mark.servers


@pytest_asyncio.fixture(scope="module")
async def door(postgres: Postgres, key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    folder = tmp_path_factory.mktemp("data")
    client = await temporal_away(key_file)
    async with open_door(postgres, client, data_dir=folder, attachment_max_bytes=LIMIT) as opened:
        yield opened


@pytest_asyncio.fixture
async def case(door: Door) -> str:
    return str((await door.report("cpo.a"))["cases"][0]["id"])


def folder_of(door: Door) -> Path:
    return Path(door.app.state.door.settings.data_dir) / "attachments"


def stored(door: Door) -> set[str]:
    folder = folder_of(door)
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


async def attach(
    door: Door, username: str, case: str, body: Any = PNG, *, key: UUID | None = None, name: str | None = NAME,
    **more: str,
) -> httpx.Response:  # fmt: skip
    query = {"kind": "PHOTO", **more}
    headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": str(key or uuid4())}
    if name is not None:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return await door.call(username, "POST", f"/cases/{case}/attachments", content=body, params=query, headers=headers)


async def test_a_photo_is_stored_sealed_and_comes_back_unchanged_to_be_saved(door: Door, case: str) -> None:
    photo = PNG + b"GPS 21.0285 N" + os.urandom(600_000)
    answer = await attach(door, "cpo.a", case, photo)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["media_type"], made["size"], made["state"], made["name"]) == (
        "image/png", len(photo), "unscanned", NAME,
    )  # fmt: skip
    assert made["sha256"] == hashlib.sha256(photo).hexdigest()
    assert made["data_class"] == "P3"
    got = await door.get("sup.a", f"/cases/{case}/attachments/{made['id']}/content")
    assert got.content == photo, "with its own metadata: the original is evidence"
    assert got.headers["content-type"] == "image/png"
    assert got.headers["content-disposition"].startswith("attachment; filename*=UTF-8''")
    assert "sandbox" in got.headers["content-security-policy"]
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cache-control"] == "no-store"
    for name in stored(door):
        assert b"GPS 21" not in (folder_of(door) / name).read_bytes()
        assert "png" not in name


async def test_neither_name_nor_plain_hash_lies_in_clear_in_the_database(door: Door, case: str) -> None:
    made = (await attach(door, "cpo.a", case)).json()
    async with transaction(door.database.owner, Who(system="test"), NOW) as connection:
        for of in METADATA.tables.values():
            for row in await connection.execute(select(of)):
                said = b" ".join(value if isinstance(value, bytes) else str(value).encode() for value in row)
                assert NAME.encode() not in said, of.name
                assert made["sha256"].encode() not in said, of.name


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"<html><script>", 415, "attachment-type-not-allowed"),
        (b"MZ\x90\0" + b"\0" * 20_000, 415, "attachment-type-not-allowed"),
        (b"", 415, "attachment-type-not-allowed"),
        (PNG + b"\0" * LIMIT, 413, "attachment-too-large"),
    ],
)
async def test_what_may_not_be_attached_leaves_nothing(
    door: Door, case: str, body: bytes, status: int, code: str
) -> None:
    before = stored(door)
    for sent in (body, pieces(body[:9000], body[9000:])):
        answer = await attach(door, "cpo.a", case, sent)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert (await door.get("cpo.a", f"/cases/{case}/attachments")).json()["items"] == []
    assert stored(door) == before


async def test_another_content_type_and_an_unusable_name_are_refused(door: Door, case: str) -> None:
    headers = {"Content-Type": "image/png", "Idempotency-Key": str(uuid4())}
    path = f"/cases/{case}/attachments?kind=PHOTO"
    answer = await door.call("cpo.a", "POST", path, content=PNG, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "media-type-not-supported")
    assert (await attach(door, "cpo.a", case, name="x" * 300)).status_code == 422
    assert (await attach(door, "cpo.a", case, kind="VIRUS")).status_code == 422
    named = (await attach(door, "cpo.a", case, name="../../etc/passwd")).json()
    assert named["name"] == "passwd"
    assert (await attach(door, "cpo.a", case, name=None)).json()["name"] is None


async def test_the_same_request_again_is_the_same_attachment_and_another_file_is_not(door: Door, case: str) -> None:
    key = uuid4()
    first = await attach(door, "cpo.a", case, key=key)
    before = stored(door)
    again = await asyncio.gather(*(attach(door, "cpo.a", case, key=key) for _ in range(4)))
    assert {one.json()["id"] for one in again} == {first.json()["id"]}
    assert len((await door.get("cpo.a", f"/cases/{case}/attachments")).json()["items"]) == 1
    assert stored(door) == before
    other = await attach(door, "cpo.a", case, PDF, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")


async def test_who_may_open_it_goes_by_its_class_and_out_of_scope_is_unknown(door: Door, case: str) -> None:
    made = {level: (await attach(door, "cpo.a", case, data_class=level)).json()["id"] for level in ("P1", "P2", "P3")}
    for username, levels in {
        "cpo.a": "P1 P2 P3", "sup.a": "P1 P2 P3", "chair.a": "P1 P2 P3", "dohd": "P1 P2", "doh": "P1 P2", "prov": "",
    }.items():  # fmt: skip
        listed = {one["id"]: one for one in (await door.get(username, f"/cases/{case}/attachments")).json()["items"]}
        for level, attachment in made.items():
            seen = level in levels
            answer = await door.get(username, f"/cases/{case}/attachments/{attachment}/content")
            assert answer.status_code == (200 if seen else 403), (username, level)
            assert (listed[attachment]["name"] == NAME) is seen
            assert listed[attachment]["withheld"] is not seen
            alone = (await door.get(username, f"/cases/{case}/attachments/{attachment}")).json()
            assert (alone["sha256"] is not None) is seen
    for username in ("cpo.b", "h111", "nat", "aud", "admin"):
        for tail in ("", f"/{made['P1']}", f"/{made['P1']}/content"):
            assert (await door.get(username, f"/cases/{case}/attachments{tail}")).status_code in (403, 404), username
        assert (await attach(door, username, case)).status_code in (403, 404)
    elsewhere = (await door.report("cpo.b", unit="HN-B"))["cases"][0]["id"]
    assert (await door.get("cpo.b", f"/cases/{elsewhere}/attachments/{made['P1']}")).status_code == 404
    assert (await door.get("cpo.b", f"/cases/{elsewhere}/attachments/{made['P1']}/content")).status_code == 404


async def test_every_hand_it_went_through_is_one_link_and_a_broken_chain_is_found(door: Door, case: str) -> None:
    attachment = (await attach(door, "cpo.a", case)).json()["id"]
    path = f"/cases/{case}/attachments/{attachment}"
    await door.get("sup.a", f"{path}/content")
    body = {"what": "HANDED_OVER", "to": "Công an xã", "note": "theo biên bản số 7"}
    shown = (await door.post("cpo.a", f"{path}/custody", body)).json()
    assert [one["what"] for one in shown["custody"]] == ["RECEIVED", "VIEWED", "HANDED_OVER"]
    assert [one["by"]["id"] for one in shown["custody"]] == [
        str(door.person(name)) for name in ("cpo.a", "sup.a", "cpo.a")
    ]
    assert (shown["custody"][2]["to"], shown["custody"][2]["note"]) == ("Công an xã", "theo biên bản số 7")
    assert (await door.post("cpo.a", f"{path}/custody", {"what": "HANDED_OVER"})).status_code == 422
    assert (await door.post("prov", f"{path}/custody", {"what": "SEALED"})).status_code == 403
    province = (await door.get("prov", path)).json()["custody"]
    assert (province[2]["to"], province[2]["note"]) == (None, None)
    async with transaction(door.database.owner, Who(system="test"), NOW) as connection:
        entries = await custody(connection, UUID(attachment))
    assert first_broken(entries) is None
    assert first_broken([entries[0], entries[2]]) == 2
    assert first_broken([entries[1], entries[0], entries[2]]) == 1
    await door.sql("ALTER TABLE custody_entry DISABLE TRIGGER append_only")
    await door.sql("UPDATE custody_entry SET person_id = :p WHERE id = :id", p=door.person("cpo.a"), id=entries[1].id)
    await door.sql("ALTER TABLE custody_entry ENABLE TRIGGER append_only")
    async with transaction(door.database.owner, Who(system="test"), NOW) as connection:
        assert first_broken(await custody(connection, UUID(attachment))) == 2


async def test_twenty_at_once_make_one_unbroken_chain(door: Door, case: str) -> None:
    attachment = (await attach(door, "cpo.a", case)).json()["id"]
    path = f"/cases/{case}/attachments/{attachment}/content"
    answers = await asyncio.gather(*(door.get("cpo.a", path) for _ in range(20)))
    assert {one.status_code for one in answers} == {200}
    async with transaction(door.database.owner, Who(system="test"), NOW) as connection:
        entries = await custody(connection, UUID(attachment))
    assert (len(entries), first_broken(entries)) == (21, None)


async def test_with_the_childs_key_the_files_are_gone_too(door: Door, case: str) -> None:
    attachment = (await attach(door, "cpo.a", case)).json()["id"]
    async with transaction(door.database.owner, Who(system="test"), NOW) as connection:
        await destroy_key(connection, UUID(case), NOW)
    answer = await door.get("cpo.a", f"/cases/{case}/attachments/{attachment}/content")
    assert (answer.status_code, answer.json()["code"]) == (410, "content-erased")
    assert ("refused", "content-erased") in await audited(door, "request")
    (listed,) = (await door.get("cpo.a", f"/cases/{case}/attachments")).json()["items"]
    assert (listed["erased"], listed["name"], listed["size"]) == (True, None, len(PNG))
    assert (await attach(door, "cpo.a", case)).status_code == 410


async def test_a_file_that_was_altered_in_the_store_is_given_to_nobody(door: Door, case: str) -> None:
    before = stored(door)
    attachment = (await attach(door, "cpo.a", case)).json()["id"]
    (name,) = stored(door) - before
    path = folder_of(door) / name
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    answer = await door.get("cpo.a", f"/cases/{case}/attachments/{attachment}/content")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    path.unlink()
    answer = await door.get("cpo.a", f"/cases/{case}/attachments/{attachment}/content")
    assert (answer.status_code, answer.json()["code"]) == (503, "store-away")
    rows = await door.sql(
        "SELECT actor_id, case_id, code FROM audit_entry WHERE code IN ('internal', 'store-away') ORDER BY at, id"
    )
    assert {(row["actor_id"], row["case_id"], row["code"]) for row in rows} >= {
        (door.person("cpo.a"), UUID(case), "internal"), (door.person("cpo.a"), UUID(case), "store-away"),
    }  # fmt: skip
    async with transaction(door.database.owner, Who(system="test"), NOW) as connection:
        assert [one.what for one in await custody(connection, UUID(attachment))] == ["RECEIVED"]


# --- scanned ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("socket", ["tcp", "unix"])
async def test_what_is_in_quarantine_opens_when_it_was_scanned_and_not_before(
    postgres: Postgres, key_file: Path, tmp_path: Path, socket: str
) -> None:
    client = await temporal_away(key_file)
    async with (
        scanner(str(tmp_path / "clamd.ctl") if socket == "unix" else "") as clamd,
        open_door(postgres, client, data_dir=tmp_path, clamd=clamd.address) as door,
    ):
        case = (await door.report("cpo.a"))["cases"][0]["id"]
        photo, bad = PNG + os.urandom(FRAME * 2), PDF + EICAR
        good = (await attach(door, "cpo.a", case, photo)).json()
        harmful = (await attach(door, "cpo.a", case, bad)).json()
        assert good["state"] == harmful["state"] == "quarantined"

        async def opened(one: Any) -> tuple[int, str]:
            answer = await door.get("cpo.a", f"/cases/{case}/attachments/{one['id']}/content")
            return answer.status_code, answer.json()["code"] if answer.status_code != 200 else ""

        assert await opened(good) == (409, "attachment-quarantined")
        store = ObjectStore("", tmp_path / "attachments")
        care = AttachmentCare(door.database.worker, HandClock(), store, Clamd(clamd.address))
        clamd.drop = 1
        with pytest.raises(ScannerAwayError):
            await care.scan()
        clamd.reply = b"INSTREAM size limit exceeded. ERROR"
        with pytest.raises(ScannerAwayError, match="size limit"):
            await care.scan()
        clamd.reply = b""
        assert await opened(good) == (409, "attachment-quarantined"), "no verdict is no verdict"
        assert await care.scan() == 2
        assert await care.scan() == 0
        assert clamd.seen[-2:] == [photo, bad]
        assert await opened(good) == (200, "")
        assert await opened(harmful) == (409, "attachment-infected")
        chain = (await door.get("cpo.a", f"/cases/{case}/attachments/{good['id']}")).json()["custody"]
        assert [(one["what"], one["by"] is None) for one in chain] == [
            ("RECEIVED", False), ("SCANNED", True), ("VIEWED", False),
        ]  # fmt: skip


async def test_where_unscanned_files_may_not_be_opened_they_are_not(
    postgres: Postgres, key_file: Path, tmp_path: Path
) -> None:
    async with open_door(postgres, await temporal_away(key_file), data_dir=tmp_path, open_unscanned=False) as door:
        case = (await door.report("cpo.a"))["cases"][0]["id"]
        made = (await attach(door, "cpo.a", case)).json()
        assert made["state"] == "unscanned"
        answer = await door.get("cpo.a", f"/cases/{case}/attachments/{made['id']}/content")
        assert (answer.status_code, answer.json()["code"]) == (409, "attachment-quarantined")


# --- broken off -------------------------------------------------------------------------------------------------------


async def test_an_upload_whose_api_is_killed_leaves_nothing_listed_and_the_sweep_takes_the_rest(
    door: Door, case: str, key_file: Path, tmp_path: Path
) -> None:
    token, port = await door.sign_in("cpo.a"), free_port()
    Origins.create(tmp_path / "origin.key")
    env = {name: value for name, value in os.environ.items() if not name.startswith("ANNHI_")} | {
        "ANNHI_DATABASE_URL": door.database.url(API),
        "ANNHI_TEMPORAL_ADDRESS": "127.0.0.1:1",
        "ANNHI_KEY_FILE": str(key_file),
        "ANNHI_VAULT_FILE": str(VAULT_FILE),
        "ANNHI_ORIGIN_KEY_FILE": str(tmp_path / "origin.key"),
        "ANNHI_DATA_DIR": str(tmp_path),
        "ANNHI_API_PORT": str(port),
        "ANNHI_CLOCK_OFFSET_SECONDS": str((NOW - platform()).total_seconds()),
    }
    with running(env, tmp_path / "api.log") as process:
        url = f"http://127.0.0.1:{port}"
        await listening(url)
        folder, half = tmp_path / "attachments", asyncio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield PNG + os.urandom(12 * 1024 * 1024)
            half.set()
            await asyncio.sleep(60)
            yield b"the rest"

        async def upload() -> None:
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
                await http.post(
                    f"/api/v1/cases/{case}/attachments?kind=PHOTO", content=slowly(),
                    headers={
                        "Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid4()),
                        "Content-Type": "application/octet-stream",
                    },
                )  # fmt: skip

        sending = asyncio.create_task(upload())
        await half.wait()
        await until(lambda: folder.exists() and any(path.stat().st_size for path in folder.iterdir()))
        process.send_signal(signal.SIGKILL)
        with pytest.raises(httpx.HTTPError):
            await sending
    assert (await door.get("cpo.a", f"/cases/{case}/attachments")).json()["items"] == []
    assert list(folder.iterdir()), "the half of it is there"
    whole_one = ObjectStore("", folder)
    await whole_one.put("f" * 32, pieces(b"a whole object nobody put on record"))
    clock = HandClock(platform())
    care = AttachmentCare(door.database.worker, clock, whole_one, None)
    assert await care.sweep() == 0, "an upload may still be under way"
    clock.at += STRAY_AFTER + timedelta(minutes=1)
    assert await care.sweep() == 2
    assert list(folder.iterdir()) == []


async def test_the_sweep_leaves_what_is_on_record(door: Door, case: str) -> None:
    attachment = (await attach(door, "cpo.a", case)).json()["id"]
    clock = HandClock(platform() + STRAY_AFTER + timedelta(days=1))
    store = door.app.state.door.objects
    await store.put("e" * 32, pieces(b"stray"))
    before = stored(door)
    await AttachmentCare(door.database.worker, clock, store, None).sweep()
    assert "e" * 32 in before - stored(door)
    assert (await door.get("cpo.a", f"/cases/{case}/attachments/{attachment}/content")).status_code == 200


async def test_the_sweep_takes_nothing_for_a_stray_because_row_security_hides_it(door: Door, case: str) -> None:
    attachment = (await attach(door, "cpo.a", case)).json()["id"]
    await door.sql("DROP POLICY worker_finds ON attachment")
    worker, now = door.database.worker, door.clock.now()
    async with transaction(worker, Who(system="attachments"), now) as connection:
        assert (await connection.execute(text("SELECT count(*) FROM attachment"))).scalar_one() == 0
    clock, before = HandClock(platform() + STRAY_AFTER + timedelta(days=1)), stored(door)
    assert await AttachmentCare(worker, clock, door.app.state.door.objects, None).sweep() == 0
    assert stored(door) == before
    assert (await door.get("cpo.a", f"/cases/{case}/attachments/{attachment}/content")).status_code == 200


def platform() -> datetime:
    """The machine's own time, which the store goes by."""
    return PlatformClock().now()


@contextmanager
def running(env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as said:
        process = subprocess.Popen([sys.executable, "-m", "api"], env=env, stdout=said, stderr=said)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def listening(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as http:

        async def up() -> bool:
            try:
                return (await http.get("/health/live")).status_code == 200
            except httpx.HTTPError:
                return False

        for _ in range(600):
            if await up():
                return
            await asyncio.sleep(0.1)
    raise AssertionError("the API did not start")


async def until(look: Any) -> None:
    for _ in range(600):
        if look():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("never seen")

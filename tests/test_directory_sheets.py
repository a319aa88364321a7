"""Files of the directory: what is read of them, what is refused, and that nothing in them is believed."""

import csv
import io
import zipfile
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from api import sheets
from api.sheets import CSV, XLSX, SheetError
from models.calendar import TZ
from models.directory.dated import Add, DirectoryError, End, Held, cease, supersede
from models.directory.planning import Known, plan_areas, plan_providers
from models.directory.sheets import COLUMNS, Read, read
from models.vocabulary import codes
from tests.sheet_support import workbook

AT = datetime(2026, 11, 23, 9, tzinfo=TZ)
DAY = timedelta(days=1)
UNIT, COMMUNE = UUID(int=1), UUID(int=2)
KNOWN = Known(units={"HN-SYT": UNIT, "HN-A": COMMUNE}, communes=frozenset({COMMUNE}))
HEAD = [one.code for one in COLUMNS["providers"]]
SHELTER = {
    "provider_code": "N1", "kind": "shelter", "unit_code": "HN-SYT", "name_vi": "Nhà", "name_en": "House",
    "account": "có", "email": "nha@mau.example", "service": "shelter", "territory_code": "HN-SYT", "duty": "có",
    "capacity": "4",
}  # fmt: skip


def sheet(*rows: dict[str, str], head: list[str] = HEAD) -> Read:
    return read("providers", [head, *([row.get(name, "") for name in HEAD] for row in rows)])


def faults(*rows: dict[str, str]) -> list[tuple[int, str | None, str]]:
    plan = plan_providers(sheet(*rows), KNOWN, at=AT, new_id=uuid4)
    if plan.faults:
        assert plan.writes == ()
    return [(one.row, one.column, one.code) for one in plan.faults]


def test_headings_are_read_in_both_languages_and_by_code() -> None:
    for name in ("code", "vi", "en"):
        head = [getattr(one, name) for one in COLUMNS["providers"]]
        assert sheet(SHELTER, head=head).rows == sheet(SHELTER).rows
        assert not sheet(SHELTER, head=[f"  {one.upper()} " for one in head]).faults


def test_a_sheet_says_which_columns_it_lacks_or_has_twice_and_which_nobody_knows() -> None:
    told = read("areas", [["area_code", "Mã khu dân cư", "màu sắc", "name", "collaborator"], ["a", "", "", "b", "c"]])
    assert [(one.column, one.code) for one in told.faults] == [
        ("area_code", "column-twice"), ("#3", "column-unknown"), ("unit_code", "column-missing"),
    ]  # fmt: skip
    assert read("areas", []).faults[0].code == "empty"


@pytest.mark.parametrize(
    ("wrong", "column", "code"),
    [
        ({"provider_code": ""}, "provider_code", "code-format"),
        ({"provider_code": "mã số"}, "provider_code", "code-format"),
        ({"kind": "bakery"}, "kind", "unknown-kind"),
        ({"unit_code": "HN-Z"}, "unit_code", "unit-unknown"),
        ({"name_vi": ""}, "name_vi", "required"),
        ({"name_vi": "a" * 201}, "name_vi", "too-long"),
        ({"name_vi": "a\0"}, "name_vi", "text-not-storable"),
        ({"account": "có lẽ"}, "account", "yes-or-no"),
        ({"email": "không phải"}, "email", "email"),
        ({"webhook": "http://a.example"}, "webhook", "webhook"),
        ({"webhook": "https://u:p@a.example"}, "webhook", "webhook"),
        ({"webhook": "https://a.example/x?token=1"}, "webhook", "webhook"),
        ({"service": "baking"}, "service", "unknown-service"),
        ({"service": "police_report"}, "service", "kind-does-not-give"),
        ({"service": ""}, "service", "required"),
        ({"territory_code": ""}, "territory_code", "required"),
        ({"territory_code": "DN"}, "territory_code", "unit-unknown"),
        ({"hours": "T9 08:00-09:00"}, "hours", "hours-day"),
        ({"duty": ""}, "hours", "hours-missing"),
        ({"capacity": "-1"}, "capacity", "number"),
        ({"capacity": "1e3"}, "capacity", "number"),
        ({"valid_from": "23/11/2026"}, "valid_from", "date"),
        ({"valid_from": "2026-11-22"}, "valid_from", "in-the-past"),
        ({"valid_to": "2026-11-22"}, "valid_to", "ends-before-it-starts"),
        ({"valid_from": "2026-12-01", "valid_to": "2026-12-01"}, "valid_to", "ends-before-it-starts"),
    ],
)
def test_a_wrong_cell_is_named_by_row_and_column(wrong: dict[str, str], column: str, code: str) -> None:
    assert faults(SHELTER, {**SHELTER, "provider_code": "N2", **wrong}) == [(3, column, code)]


def test_every_code_a_row_can_be_refused_with_has_words() -> None:
    import inspect  # noqa: PLC0415

    from models.directory import dated, hours, planning  # noqa: PLC0415
    from models.directory import sheets as told  # noqa: PLC0415

    source = "".join(inspect.getsource(one) for one in (dated, hours, planning, told))
    said = {code for code in codes("import_errors") if f'"{code}"' in source}
    assert set(codes("import_errors")) - said == {"formula"}
    import re  # noqa: PLC0415

    raised = re.findall(r"(?:Error|Fault)\((?:[^()\"]*\"#?[^\"]*\", |[^()\"]*, )?\"([a-z]+(?:-[a-z]+)+)\"", source)
    assert len(raised) > 12
    assert set(raised) <= set(codes("import_errors"))


def test_rows_of_one_provider_say_the_same_of_it_and_each_line_once() -> None:
    more = {**SHELTER, "service": "alternative_care", "hours": "T2 08:00-09:00", "duty": ""}
    assert faults(SHELTER, more) == []
    assert faults(SHELTER, {**more, "name_vi": "Khác"}) == [(3, "name_vi", "differs-within-file")]
    assert faults(SHELTER, SHELTER) == [(3, "provider_code", "row-twice")]


def test_what_a_new_row_comes_to() -> None:
    plan = plan_providers(sheet(SHELTER), KNOWN, at=AT, new_id=lambda: UUID(int=9))
    assert [(one.row, one.outcome) for one in plan.results] == [(2, "added")]
    assert [one.table for one in plan.writes] == ["provider", "provider_name", "contact", "contact", "capability"]
    provider, *rest = plan.writes
    assert isinstance(provider, Add)
    assert provider.id == UUID(int=9)
    assert all(isinstance(one, Add) and one.values["provider_id"] == UUID(int=9) for one in rest)


def test_an_area_lies_in_a_commune_and_may_have_nobody_yet() -> None:
    head = ["area_code", "name", "unit_code", "collaborator", "phone"]

    def planned(*line: str) -> list[tuple[int, str | None, str]]:
        plan = plan_areas(read("areas", [head, list(line)]), KNOWN, at=AT, new_id=uuid4)
        return [(one.row, one.column, one.code) for one in plan.faults]

    assert planned("K1", "Thôn 1", "HN-A", "", "") == []
    assert planned("K1", "Thôn 1", "HN-SYT", "", "") == [(2, "unit_code", "not-a-commune")]
    assert planned("K1", "Thôn 1", "HN-A", "", "0123") == [(2, "collaborator", "required")]
    assert planned("K1", "Thôn 1", "HN-A", "Lan", "12") == [(2, "phone", "phone")]


# --- how what holds gives way ---------------------------------------------------------------------------------------

OLD = Held(UUID(int=5), {"v": 1}, AT - 30 * DAY, None)


@pytest.mark.parametrize(
    ("held", "values", "more", "writes"),
    [
        ([], {"v": 1}, {}, [Add("t", {"v": 1}, AT)]),
        ([OLD], {"v": 1}, {}, []),
        ([OLD], {"v": 1}, {"since": OLD.valid_from}, []),
        ([OLD], {"v": 2}, {}, [End("t", OLD.id, AT), Add("t", {"v": 2}, AT)]),
        ([OLD], {"v": 2}, {"since": OLD.valid_from}, [End("t", OLD.id, AT), Add("t", {"v": 2}, AT)]),
        ([OLD], {"v": 2}, {"since": AT + DAY}, [End("t", OLD.id, AT + DAY), Add("t", {"v": 2}, AT + DAY)]),
        ([OLD], {"v": 1}, {"until": AT + DAY}, [End("t", OLD.id, AT + DAY)]),
        ([OLD], {"v": 2}, {"until": AT + DAY}, [End("t", OLD.id, AT), Add("t", {"v": 2}, AT, AT + DAY)]),
    ],
)
def test_what_holds_ends_where_what_is_to_hold_begins(held, values, more, writes) -> None:
    assert supersede("t", held, values, at=AT, **more) == writes


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3), st.none() | st.integers(1, 6)), min_size=1, max_size=6))
def test_whatever_is_said_in_turn_no_two_rows_ever_hold_at_once(said: list[tuple[int, int, int | None]]) -> None:
    rows: list[Held] = []
    at = AT
    for value, since, until in said:
        at += DAY
        try:
            writes = supersede(
                "t", [one for one in rows if one.valid_to is None or one.valid_to > at], {"v": value}, at=at,
                since=at + since * DAY if since else None, until=None if until is None else at + until * DAY,
            )  # fmt: skip
        except DirectoryError:
            continue
        for one in writes:
            if isinstance(one, End):
                (old,) = [row for row in rows if row.id == one.id]
                assert old.valid_to is None or one.at <= old.valid_to
                rows[rows.index(old)] = Held(old.id, old.values, old.valid_from, one.at)
            else:
                rows.append(Held(uuid4(), one.values, one.valid_from, one.valid_to))
        rows.sort(key=lambda one: one.valid_from)
        for one, other in pairwise(rows):
            assert one.valid_to is not None
            assert one.valid_from < one.valid_to <= other.valid_from
        assert sum(one.valid_to is None for one in rows) <= 1


def test_what_has_not_begun_is_not_taken_back() -> None:
    with pytest.raises(DirectoryError, match="already-planned"):
        cease("t", [Held(UUID(int=1), {}, AT + DAY, None)], at=AT)
    with pytest.raises(DirectoryError, match="already-planned"):
        supersede("t", [Held(UUID(int=1), {"v": 1}, AT + DAY, None)], {"v": 2}, at=AT)


# --- files ----------------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=12)
DANGEROUS = ["=1+1", "+84912", "-1", "@SUM(A1)", "'=x", "''+", "'", '=HYPERLINK("http://x")']


@given(st.lists(st.lists(TEXTS | st.sampled_from(DANGEROUS), min_size=1, max_size=4), min_size=1, max_size=4))
def test_csv_is_read_as_it_was_written_and_no_cell_begins_like_a_formula(lines: list[list[str]]) -> None:
    lines = [["a", "b"], *lines]  # a first line of commas is what the separator is told by
    written = sheets.write(CSV, lines)
    assert sheets.read(CSV, written).cells == lines
    for line in csv.reader(io.StringIO(written.decode("utf-8-sig"), newline="")):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in line)


def test_xlsx_is_read_as_it_was_written_and_what_looks_like_a_formula_is_text() -> None:
    lines = [["Mã", "Tên"], [*DANGEROUS[:2]], [*DANGEROUS[2:4]], ["Nhà tạm lánh", "0123"]]
    written = sheets.write(XLSX, lines)
    told = sheets.read(XLSX, written)
    assert told.cells == lines
    assert told.formulas == frozenset()
    for row in load_workbook(io.BytesIO(written)).active.iter_rows():
        assert {cell.data_type for cell in row} == {"s"}


def test_cells_that_are_no_text_are_read_as_one_would_write_them() -> None:
    half_past_eight = datetime.combine(date(2026, 12, 1), time(8, 30))
    told = sheets.read(XLSX, workbook([4, 4.0, True, date(2026, 12, 1), half_past_eight, None, "x"]))
    assert told.cells == [["4", "4", "yes", "2026-12-01", "2026-12-01T08:30:00", "", "x"]]


def test_a_formula_is_never_computed_and_is_named() -> None:
    told = sheets.read(XLSX, workbook(["a", "b"], ["=1+1", "x"]))
    assert told.cells[1] == ["", "x"]
    assert told.formulas == frozenset({(2, 0)})


def packed(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return out.getvalue()


def with_part(name: str, content: bytes) -> bytes:
    """A workbook with one of its parts in another's place."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook(["a"]))) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for one in old.namelist():
            new.writestr(one, content if one == name else old.read(one))
    return out.getvalue()


SHEET1 = "xl/worksheets/sheet1.xml"
FAR_DOWN = (
    b"<worksheet xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><sheetData>"
    b"<row r='900000'><c r='A900000' t='inlineStr'><is><t>x</t></is></c></row></sheetData></worksheet>"
)
ELSEWHERE = b"<!DOCTYPE x SYSTEM 'http://a.example/x.dtd'>" + FAR_DOWN.replace(b"900000", b"1")
ENTITY = b"<?xml version='1.0'?><!DOCTYPE x [<!ENTITY a 'aaaa'>]><x>&a;</x>"


@pytest.mark.parametrize(
    ("media_type", "body", "code"),
    [
        (CSV, "tên".encode("utf-16"), "file-not-readable"),
        (CSV, b'a,"b\nc', "file-not-readable"),
        (CSV, b"a\n" * (sheets.MOST_ROWS + 2), "too-many-rows"),
        (CSV, b"a," * 70, "cell-too-long"),
        (CSV, b"a" * 5000, "cell-too-long"),
        (XLSX, b"", "file-not-readable"),
        (XLSX, b"PK\x03\x04 nothing", "file-not-readable"),
        (XLSX, packed(a=b"x"), "file-not-readable"),
        (XLSX, packed(**{f"f{n}": b"" for n in range(300)}), "file-unpacks-too-large"),
        (XLSX, with_part(SHEET1, b" " * (20 * 1024 * 1024)), "file-unpacks-too-large"),
        (XLSX, with_part(SHEET1, ENTITY), "file-not-readable"),
        (XLSX, with_part(SHEET1, ELSEWHERE), "file-not-readable"),
        (XLSX, with_part(SHEET1, ENTITY.decode().encode("utf-16")), "file-not-readable"),
        (XLSX, with_part(SHEET1, FAR_DOWN), "too-many-rows"),
    ],
)
def test_a_file_that_is_no_sheet_or_unpacks_to_too_much_is_refused(media_type: str, body: bytes, code: str) -> None:
    assert len(body) < 1024 * 1024
    with pytest.raises(SheetError) as refused:
        sheets.read(media_type, body)
    assert refused.value.code == code


def test_a_workbook_that_says_it_unpacks_to_less_than_it_does_is_read_no_further_than_it_says() -> None:
    bomb = with_part(SHEET1, b" " * (20 * 1024 * 1024))
    size = (20 * 1024 * 1024).to_bytes(4, "little")
    assert bomb.count(size) == 2
    with pytest.raises(SheetError, match="file-not-readable"):
        sheets.read(XLSX, bomb.replace(size, (1000).to_bytes(4, "little")))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode), st.sampled_from([CSV, XLSX]))
def test_whatever_is_sent_is_read_or_refused(body: bytes, media_type: str) -> None:
    try:
        lines = sheets.read(media_type, body)
    except SheetError:
        return
    assert all(isinstance(cell, str) for line in lines.cells for cell in line)


WORKBOOK = workbook(["area_code", "name"], ["K1", "Thôn"])


@given(st.lists(st.tuples(st.integers(0, len(WORKBOOK) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_workbook_is_read_or_refused(damage: list[tuple[int, int]]) -> None:
    body = bytearray(WORKBOOK)
    for place, value in damage:
        body[place] = value
    try:
        sheets.read(XLSX, bytes(body))
    except SheetError as refused:
        assert refused.code.startswith(("file-", "too-many-", "cell-"))  # noqa: PT017


CELLS = st.sampled_from(["HN-A", "HN-SYT", "shelter", "có", "2026-12-01", "T2 08:00-09:00", "4", ""]) | st.text(
    max_size=5
)


@given(st.lists(st.lists(CELLS, max_size=18), max_size=5))
def test_whatever_stands_in_the_cells_every_row_is_told(lines: list[list[str]]) -> None:
    told = read("providers", [HEAD, *lines])
    plan = plan_providers(told, KNOWN, at=AT, new_id=uuid4)
    filled = {number for number, line in enumerate(lines, start=2) if any(cell.strip() for cell in line)}
    assert {one.row for one in plan.results} == filled
    assert {one.row for one in plan.results if one.outcome == "refused"} == {one.row for one in plan.faults}
    assert not (plan.faults and plan.writes)
    assert {one.code for one in plan.faults} <= set(codes("import_errors"))

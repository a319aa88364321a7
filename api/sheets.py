"""Sheets as files: CSV and XLSX in and out, as lines of text.

Nothing in a file is believed: it is read within bounds, no formula is computed, nothing it points at is fetched. What
is written is text: a cell that begins like a formula stays text in whatever program opens it.
"""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final
from zipfile import BadZipFile, ZipFile

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell

CSV: Final = "text/csv"
XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMATS: Final = (CSV, XLSX)

MOST_ROWS: Final = 5_000
"""Rows with something in them, the headings not counted."""
_MOST_COLUMNS: Final = 64
_MOST_LINES: Final = 25_000
"""Rows in all: a sheet says how far it reaches, and may say anything."""
_MOST_IN_A_CELL: Final = 4_000
_MOST_FILES: Final = 200
_MOST_BYTES: Final = 16 * 1024 * 1024
"""What a workbook may unpack to; a sheet of ``MOST_ROWS`` has a quarter of that."""
_LOOKS_LIKE_A_FORMULA: Final = re.compile(r"'*[=+\-@\t\r]")
_SHIELDED: Final = re.compile(r"'+[=+\-@\t\r]")


class SheetError(ValueError):
    """A file that cannot be read at all. ``code`` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Lines:
    """The cells of a sheet as text. ``formulas``: row (the first is 1) and place (the first is 0) of each formula."""

    cells: list[list[str]]
    formulas: frozenset[tuple[int, int]] = frozenset()


def read(media_type: str, body: bytes) -> Lines:
    """The first sheet of a file.

    Raises:
        SheetError: ``file-not-readable``, ``file-unpacks-too-large``, ``too-many-rows`` or ``cell-too-long``.
    """
    return _read_xlsx(body) if media_type == XLSX else _read_csv(body)


def write(media_type: str, lines: Iterable[Sequence[str]]) -> bytes:
    """A file of these lines: CSV in UTF-8 with a mark that spreadsheets know it by, or XLSX with text cells only."""
    return _write_xlsx(lines) if media_type == XLSX else _write_csv(lines)


def _read_csv(body: bytes) -> Lines:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SheetError("file-not-readable") from None
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    cells = []
    try:
        for line in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            cells.append([cell[1:] if _SHIELDED.match(cell) else cell for cell in line])
            if len(cells) > MOST_ROWS + 1:
                raise SheetError("too-many-rows")
            if len(line) > _MOST_COLUMNS or any(len(cell) > _MOST_IN_A_CELL for cell in line):
                raise SheetError("cell-too-long")
    except csv.Error:
        raise SheetError("file-not-readable") from None
    return Lines(cells)


def _read_xlsx(body: bytes) -> Lines:
    try:
        with ZipFile(io.BytesIO(body)) as packed:
            _check_packed(packed)
        book = load_workbook(io.BytesIO(body), read_only=True, data_only=False, keep_links=False)
    except SheetError:
        raise
    except Exception:  # noqa: BLE001 - whatever a hostile file makes the library say
        raise SheetError("file-not-readable") from None
    try:
        return _cells(book)
    except SheetError:
        raise
    except Exception:  # noqa: BLE001 - as above: a sheet is read while it is asked for
        raise SheetError("file-not-readable") from None
    finally:
        book.close()


def _check_packed(packed: ZipFile) -> None:
    """Refuse what unpacks to more than a sheet needs, and XML that defines words of its own (entities).

    Raises:
        SheetError, BadZipFile: the sizes a file states bound what is read of it, so that they may be believed.
    """
    inside = packed.infolist()
    if len(inside) > _MOST_FILES or sum(one.file_size for one in inside) > _MOST_BYTES:
        raise SheetError("file-unpacks-too-large")
    for one in inside:
        if one.flag_bits & 0x1:
            raise BadZipFile
        if one.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise BadZipFile
        # A part is read as XML where the workbook says so, whatever its name ends in: every one is looked at. UTF-16
        # would hide what is looked for: every other byte of its markup is NUL.
        markup = packed.read(one).replace(b"\0", b"")
        if b"<!DOCTYPE" in markup or b"<!ENTITY" in markup:
            raise SheetError("file-not-readable")


def _cells(book: Any) -> Lines:
    sheet = book.worksheets[0]
    sheet.reset_dimensions()
    cells: list[list[str]] = []
    formulas = set()
    filled = 0
    for line in sheet.iter_rows(max_col=_MOST_COLUMNS):
        number, texts = len(cells) + 1, []
        for place, cell in enumerate(line):
            if cell.data_type == "f":
                formulas.add((number, place))
            texts.append("" if cell.data_type == "f" else _text(cell.value))
        filled += any(texts)
        if filled > MOST_ROWS + 1 or number > _MOST_LINES:
            raise SheetError("too-many-rows")
        if any(len(text) > _MOST_IN_A_CELL for text in texts):
            raise SheetError("cell-too-long")
        while texts and not texts[-1]:
            texts.pop()
        cells.append(texts)
    return Lines(cells, frozenset(formulas))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    if isinstance(value, time):
        return value.isoformat("minutes")
    return value.isoformat() if isinstance(value, date) else str(value)


def _write_csv(lines: Iterable[Sequence[str]]) -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerows([f"'{cell}" if _LOOKS_LIKE_A_FORMULA.match(cell) else cell for cell in line] for line in lines)
    return out.getvalue().encode("utf-8-sig")


def _write_xlsx(lines: Iterable[Sequence[str]]) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("An Nhi")
    for line in lines:
        row = []
        for text in line:
            cell = WriteOnlyCell(sheet)
            cell.value = text
            cell.data_type = "s"  # whatever it begins with
            cell.number_format = "@"
            row.append(cell)
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()

"""The two sheets an administrator fills in: which columns they have, and what stands in a row. Pure.

A heading is the column's code or its title in either language, marks and case aside. How files are read and written:
``api/sheets.py``; what a row changes: ``models.directory.planning``.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Final, Literal

from models.calendar import TZ
from models.directory.dated import DirectoryError
from models.directory.hours import Hours, HoursError
from models.directory.services import PROVIDER_KINDS, SERVICES, gives
from models.vocabulary import clean_text, fold
from models.vocabulary.fold import UncleanTextError

Sheet = Literal["providers", "areas"]

EMAIL: Final = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
WEBHOOK: Final = re.compile(r"https://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~%/-]*)?")
"""A webhook's address holds no user, no password and no parameters: a secret in it would be shown to everybody."""
PHONE: Final = re.compile(r"\+?[0-9]{3,15}")
CODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
MOST_AT_ONCE: Final = 100_000
_YES: Final = frozenset({"co", "yes", "x", "1", "true"})
_NO: Final = frozenset({"", "khong", "no", "0", "false"})


@dataclass(frozen=True)
class Column:
    """A column: its code, its titles, and how its text is read. ``needed``: the sheet must have it."""

    code: str
    vi: str
    en: str
    read: Callable[[str], Any]
    needed: bool = False


def _code(text: str) -> str:
    if not CODE.fullmatch(text):
        raise DirectoryError("code-format")
    return text


def _maybe_code(text: str) -> str | None:
    return _code(text) if text else None


def _name(text: str) -> str:
    if not text:
        raise DirectoryError("required")
    return _short(text)


def _short(text: str) -> str:
    if len(text) > 200:  # noqa: PLR2004 - as long as a line may be
        raise DirectoryError("too-long")
    return text


def _yes(text: str) -> bool:
    said = fold(text)
    if said not in _YES | _NO:
        raise DirectoryError("yes-or-no")
    return said in _YES


def _kind(text: str) -> str:
    if text not in PROVIDER_KINDS:
        raise DirectoryError("unknown-kind")
    return text


def _service(text: str) -> str | None:
    if text and text not in SERVICES:
        raise DirectoryError("unknown-service")
    return text or None


def _hours(text: str) -> str:
    try:
        return str(Hours.parse(text))
    except HoursError as error:
        raise DirectoryError(error.code) from None


def _count(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) > MOST_AT_ONCE:
        raise DirectoryError("number")
    return int(text)


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise DirectoryError("date") from None
    if len(text) == len("2026-11-23"):
        return datetime.combine(read.date(), time(), TZ)
    try:
        return read.replace(tzinfo=TZ) if read.tzinfo is None else read.astimezone(TZ)
    except (OverflowError, ValueError):
        raise DirectoryError("date") from None


def _matches(pattern: re.Pattern[str], code: str) -> Callable[[str], str | None]:
    def read(text: str) -> str | None:
        if text and not (len(text) <= 400 and pattern.fullmatch(text)):  # noqa: PLR2004 - the column's length
            raise DirectoryError(code)
        return text or None

    return read


def _paper(text: str) -> str | None:
    if len(text) > 400:  # noqa: PLR2004 - the column's length
        raise DirectoryError("too-long")
    return text or None


_DATES: Final = (
    Column("valid_from", "Hiệu lực từ", "Valid from", _instant),
    Column("valid_to", "Hết hiệu lực từ", "Valid until before", _instant),
)
COLUMNS: Final[dict[Sheet, tuple[Column, ...]]] = {
    "providers": (
        Column("provider_code", "Mã đơn vị cung cấp", "Provider code", _code, needed=True),
        Column("kind", "Loại đơn vị", "Kind", _kind, needed=True),
        Column("unit_code", "Mã cơ quan", "Office code", _code, needed=True),
        Column("name_vi", "Tên tiếng Việt", "Vietnamese name", _name, needed=True),
        Column("name_en", "Tên tiếng Anh", "English name", _name, needed=True),
        Column("account", "Có tài khoản", "Has accounts", _yes),
        Column("webhook", "Webhook", "Webhook address", _matches(WEBHOOK, "webhook")),
        Column("email", "Thư điện tử", "E-mail", _matches(EMAIL, "email")),
        Column("paper", "Nơi nhận văn bản", "Postal address", _paper),
        Column("service", "Dịch vụ", "Service", _service, needed=True),
        Column("territory_code", "Mã địa bàn", "Territory code", _maybe_code, needed=True),
        Column("hours", "Giờ làm việc", "Opening hours", _hours, needed=True),
        Column("duty", "Trực 24 giờ", "24-hour duty", _yes, needed=True),
        Column("capacity", "Số trẻ tiếp nhận cùng lúc", "Capacity", _count, needed=True),
        *_DATES,
    ),
    "areas": (
        Column("area_code", "Mã khu dân cư", "Area code", _code, needed=True),
        Column("name", "Tên khu dân cư", "Area name", _name, needed=True),
        Column("unit_code", "Mã xã, phường", "Commune code", _code, needed=True),
        Column("collaborator", "Cộng tác viên", "Collaborator", _short, needed=True),
        Column("phone", "Số điện thoại", "Phone", _matches(PHONE, "phone")),
        *_DATES,
    ),
}
"""The columns of each sheet, in the order in which they are written."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Where a sheet is wrong: the row as a spreadsheet numbers it (the headings are row 1), the column's code."""

    row: int
    column: str | None
    code: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row that was read: its number, and its values by the columns' codes."""

    number: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Read:
    """A sheet that was read. ``columns``: those it has; what is in none of them is left as it is."""

    columns: frozenset[str]
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]


def read(sheet: Sheet, lines: Sequence[Sequence[str]]) -> Read:
    """Read the cells of a sheet, the headings first. Empty rows are passed over."""
    if not lines:
        return Read(frozenset(), (), (Fault(1, None, "empty"),))
    order, faults = _headings(sheet, lines[0])
    if faults:
        return Read(frozenset(), (), tuple(faults))
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in line):
            continue
        row, wrong = _row(sheet, number, order, line)
        faults += wrong
        if not wrong:
            rows.append(row)
    return Read(frozenset(one.code for one in order if one is not None), tuple(rows), tuple(faults))


def _headings(sheet: Sheet, line: Sequence[str]) -> tuple[list[Column | None], list[Fault]]:
    known = {fold(name): one for one in COLUMNS[sheet] for name in (one.code, one.vi, one.en)}
    order: list[Column | None] = []
    faults = []
    for cell in line:
        column = known.get(" ".join(fold(cell).split())) if cell.strip() else None
        if column is None and cell.strip():
            faults.append(Fault(1, f"#{len(order) + 1}", "column-unknown"))
        elif column is not None and column in order:
            faults.append(Fault(1, column.code, "column-twice"))
        order.append(column)
    faults += [Fault(1, one.code, "column-missing") for one in COLUMNS[sheet] if one.needed and one not in order]
    return order, faults


def _row(sheet: Sheet, number: int, order: Sequence[Column | None], line: Sequence[str]) -> tuple[Row, list[Fault]]:
    values: dict[str, Any] = {}
    faults = []
    for place, cell in enumerate(line):
        column = order[place] if place < len(order) else None
        if column is None:
            if cell.strip():
                faults.append(Fault(number, f"#{place + 1}", "column-unknown"))
            continue
        try:
            values[column.code] = column.read(_clean(cell))
        except DirectoryError as error:
            faults.append(Fault(number, column.code, error.code))
    for column in order:
        if column is not None and column.code not in values and not faults:
            try:
                values[column.code] = column.read("")
            except DirectoryError as error:
                faults.append(Fault(number, column.code, error.code))
    if not faults:
        faults += [Fault(number, column, code) for column, code in _contradictions(sheet, values)]
    return Row(number, values), faults


def _clean(cell: str) -> str:
    try:
        return " ".join(clean_text(cell).split())
    except UncleanTextError:
        raise DirectoryError("text-not-storable") from None


def _contradictions(sheet: Sheet, values: Mapping[str, Any]) -> list[tuple[str, str]]:
    if sheet == "areas":
        alone = values["collaborator"] == "" and (values.get("phone") or values.get("valid_to"))
        return [("collaborator", "required")] if alone else []
    service = values["service"]
    if service is None:
        said = values["territory_code"] or values["hours"] or values["duty"] or values["capacity"] is not None
        return [("service", "required")] if said else []
    return [
        *([("service", "kind-does-not-give")] if not gives(values["kind"], service) else []),
        *([("territory_code", "required")] if values["territory_code"] is None else []),
        *([("hours", "hours-missing")] if not values["hours"] and not values["duty"] else []),
    ]

"""What the rows of a sheet change in the directory: what is to be written for each, or why it cannot be taken. Pure.

Rows add and change, and a row's own ``valid_to`` ends it; what is not in the sheet stays as it is. Nothing is written
here, and nothing at all is written of a sheet with one wrong row.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from models.directory.dated import Add, DirectoryError, Held, Write, cease, supersede
from models.directory.services import CONTACT_KINDS
from models.directory.sheets import Fault, Read, Row
from models.vocabulary import fold

Outcome = Literal["added", "changed", "unchanged", "refused"]


@dataclass(frozen=True)
class HeldProvider:
    """A provider that is there, with its rows that are not over."""

    id: UUID
    kind: str
    over: bool
    names: Sequence[Held]
    contacts: Mapping[str, Sequence[Held]]
    capabilities: Mapping[tuple[str, UUID], Sequence[Held]]


@dataclass(frozen=True)
class HeldArea:
    """A residential area that is there, with its rows that are not over; collaborators by their folded names."""

    id: UUID
    over: bool
    places: Sequence[Held]
    collaborators: Mapping[str, Sequence[Held]]


@dataclass(frozen=True)
class Known:
    """What the planning has to know.

    Attributes:
        units: the offices the administrator may name, by code.
        communes: those of them that are communes.
        providers, areas: by code; those of other administrators too, whose ids are in ``foreign``.
        foreign: what is not the administrator's to change.
    """

    units: Mapping[str, UUID]
    communes: frozenset[UUID] = frozenset()
    providers: Mapping[str, HeldProvider] = field(default_factory=dict)
    areas: Mapping[str, HeldArea] = field(default_factory=dict)
    foreign: frozenset[UUID] = frozenset()


@dataclass(frozen=True)
class Result:
    """What a row comes to."""

    row: int
    outcome: Outcome


@dataclass(frozen=True)
class Plan:
    """What a sheet comes to: row by row, what is wrong, and what is to be written if nothing is."""

    results: tuple[Result, ...]
    faults: tuple[Fault, ...]
    writes: tuple[Write, ...]


def plan_providers(sheet: Read, known: Known, *, at: datetime, new_id: Callable[[], UUID]) -> Plan:
    """What the rows of the sheet of providers change."""
    return _Providers(sheet, known, at, new_id).plan()


def plan_areas(sheet: Read, known: Known, *, at: datetime, new_id: Callable[[], UUID]) -> Plan:
    """What the rows of the sheet of residential areas change."""
    return _Areas(sheet, known, at, new_id).plan()


class _Planning:
    key = ""
    shared: tuple[str, ...] = ()

    def __init__(self, sheet: Read, known: Known, at: datetime, new_id: Callable[[], UUID]) -> None:
        self.sheet = sheet
        self.known = known
        self.at = at
        self.new_id = new_id
        self.made: dict[str, UUID] = {}
        self.seen: dict[str, Row] = {}
        self.lines: set[tuple[Any, ...]] = set()

    def plan(self) -> Plan:
        results = [Result(one, "refused") for one in sorted({fault.row for fault in self.sheet.faults})]
        faults, writes = list(self.sheet.faults), []
        for row in self.sheet.rows:
            try:
                new = row.values[self.key] not in self.seen and not self.is_there(row.values[self.key])
                made = list(self.changes(row))
            except DirectoryError as error:
                faults.append(Fault(row.number, error.column, error.code))
                results.append(Result(row.number, "refused"))
                continue
            writes += made
            # A line of its own that was not there is added even where the provider or the area was.
            added = new or (bool(made) and all(isinstance(one, Add) for one in made))
            results.append(Result(row.number, "unchanged" if not made else "added" if added else "changed"))
        ordered = tuple(sorted(faults, key=lambda one: (one.row, one.column or "")))
        return Plan(tuple(sorted(results, key=lambda one: one.row)), ordered, () if faults else tuple(writes))

    def is_there(self, code: str) -> bool:
        raise NotImplementedError

    def changes(self, row: Row) -> Iterator[Write]:
        raise NotImplementedError

    def first_of(self, row: Row) -> bool:
        """Whether it is the first row of its provider or area; a later one must say the same of it."""
        code = row.values[self.key]
        first = self.seen.setdefault(code, row)
        for column in self.shared:
            if row.values.get(column) != first.values.get(column):
                raise DirectoryError("differs-within-file", column)
        return first is row

    def once(self, *line: Any) -> None:
        """A line stands in the sheet once."""
        if line in self.lines:
            raise DirectoryError("row-twice", self.key)
        self.lines.add(line)

    def unit(self, row: Row, column: str) -> UUID:
        found = self.known.units.get(row.values[column])
        if found is None:
            raise DirectoryError("unit-unknown", column)
        return found

    def own(self, row_id: UUID) -> None:
        if row_id in self.known.foreign:
            raise DirectoryError("not-yours", self.key)

    def dates(self, row: Row) -> dict[str, datetime | None]:
        return {"since": row.values.get("valid_from"), "until": row.values.get("valid_to")}


class _Providers(_Planning):
    key = "provider_code"
    shared = ("kind", "unit_code", "name_vi", "name_en", "account", "webhook", "email", "paper")

    def is_there(self, code: str) -> bool:
        return code in self.known.providers

    def changes(self, row: Row) -> Iterator[Write]:
        values, code = row.values, row.values["provider_code"]
        held = self.known.providers.get(code)
        first, office = self.first_of(row), self.unit(row, "unit_code")
        if held is not None:
            self.own(held.id)
            if held.over:
                raise DirectoryError("code-ended", "provider_code")
            if held.kind != values["kind"]:
                raise DirectoryError("kind-changed", "kind")
            provider = held.id
        else:
            provider = self.made.setdefault(code, self.new_id())
        # Everything that can be refused comes before the first write.
        made: list[Write] = []
        if first:
            if held is None:
                made.append(Add("provider", {"code": code, "kind": values["kind"]}, self.at, id=provider))
            name = {
                "provider_id": provider, "unit_id": office, "name_vi": values["name_vi"], "name_en": values["name_en"],
            }  # fmt: skip
            made += supersede("provider_name", held.names if held else (), name, at=self.at)
            made += self._contacts(values, held, provider)
        if values["service"] is not None:
            territory = self.unit(row, "territory_code")
            self.once(code, values["service"], territory, values.get("valid_from"))
            wanted = {
                "provider_id": provider, "service": values["service"], "unit_id": territory,
                "hours": values["hours"], "duty": values["duty"], "capacity": values["capacity"],
            }  # fmt: skip
            rows = held.capabilities.get((values["service"], territory), ()) if held else ()
            made += supersede("capability", rows, wanted, at=self.at, **self.dates(row))
        yield from made

    def _contacts(self, values: Mapping[str, Any], held: HeldProvider | None, provider: UUID) -> Iterator[Write]:
        for kind in CONTACT_KINDS:
            if kind not in self.sheet.columns:
                continue
            rows = held.contacts.get(kind, ()) if held else ()
            if values[kind]:
                address = None if kind == "account" else values[kind]
                wanted = {"provider_id": provider, "kind": kind, "address": address}
                yield from supersede("contact", rows, wanted, at=self.at)
            else:
                yield from cease("contact", rows, at=self.at)


class _Areas(_Planning):
    key = "area_code"
    shared = ("name", "unit_code")

    def is_there(self, code: str) -> bool:
        return code in self.known.areas

    def changes(self, row: Row) -> Iterator[Write]:
        values, code = row.values, row.values["area_code"]
        held = self.known.areas.get(code)
        first, commune = self.first_of(row), self.unit(row, "unit_code")
        if commune not in self.known.communes:
            raise DirectoryError("not-a-commune", "unit_code")
        if held is not None:
            self.own(held.id)
            if held.over:
                raise DirectoryError("code-ended", "area_code")
        area = held.id if held is not None else self.made.setdefault(code, self.new_id())
        made: list[Write] = []
        if first:
            if held is None:
                made.append(Add("residential_area", {"code": code}, self.at, id=area))
            place = {"area_id": area, "unit_id": commune, "name": values["name"]}
            made += supersede("area_place", held.places if held else (), place, at=self.at)
        if values["collaborator"]:
            who = fold(values["collaborator"])
            self.once(code, who, values.get("valid_from"))
            wanted = {"area_id": area, "full_name": values["collaborator"], "phone": values.get("phone")}
            rows = held.collaborators.get(who, ()) if held else ()
            made += supersede("collaborator", rows, wanted, at=self.at, **self.dates(row))
        yield from made

"""The directory of the sample organisation: providers of every kind, residential areas and their collaborators."""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from models.directory import Hours

DIRECTORY: Final = Path(__file__).parent / "sample" / "hanoi-directory.toml"
TABLES: Final = (
    "provider", "provider_name", "capability", "contact", "residential_area", "area_place", "collaborator",
)  # fmt: skip
"""In an order that satisfies every foreign key."""

Rows = list[dict[str, Any]]


def directory_rows(
    unit_ids: Mapping[str, UUID], name_id: Callable[[str, str], UUID], since: datetime, path: Path = DIRECTORY
) -> dict[str, Rows]:
    """The rows of the sample's directory by table. Pure.

    Args:
        unit_ids: of the sample's offices by their keys.
        name_id: the id of a row by its table and its own key.
        since: from when everything holds.
        path: the TOML file.
    """
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    rows: dict[str, Rows] = {name: [] for name in TABLES}

    def add(table: str, key: str, **values: Any) -> UUID:
        row_id = name_id(table, key)
        rows[table].append({"id": row_id, **values, "valid_from": since})
        return row_id

    for one in _providers(raw):
        code = one["code"]
        provider = add("provider", code, code=code, kind=one["kind"], is_sample=True)
        office = unit_ids[one["unit"]]
        add("provider_name", code, provider_id=provider, unit_id=office, name_vi=one["vi"], name_en=one["en"])
        for service, (hours, duty, capacity, territory) in one["services"].items():
            add(
                "capability", f"{code}/{service}", provider_id=provider, service=service,
                unit_id=unit_ids[territory], hours=str(Hours.parse(hours)), duty=duty, capacity=capacity or None,
            )  # fmt: skip
        for kind, address in one["contact"].items():
            add("contact", f"{code}/{kind}", provider_id=provider, kind=kind, address=address or None)
    for group in raw["areas"]:
        commune = group["commune"]
        for number, name in enumerate(group["names"], start=1):
            code = f"{commune}-{number:02}"
            area = add("residential_area", code, code=code, is_sample=True)
            add("area_place", code, area_id=area, unit_id=unit_ids[commune], name=name)
            if number <= len(group["collaborators"]):
                who, phone = group["collaborators"][number - 1], f"+84000{len(rows['collaborator']):02}9000"
                add("collaborator", code, area_id=area, full_name=f"{who} (mẫu)", phone=phone, is_sample=True)
    return rows


def _providers(raw: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    communes = raw["communes"]
    for one in raw["provider"]:
        if "{c}" not in one["code"]:
            yield one
            continue
        for unit, name in zip(communes["units"], communes["names"], strict=True):
            yield _said(one, unit.rsplit("-", 1)[-1], name)


def _said(value: Any, letter: str, commune: str) -> Any:
    match value:
        case str():
            return value.replace("{c}", letter).replace("{commune}", commune)
        case dict():
            return {name: _said(one, letter, commune) for name, one in value.items()}
        case list():
            return [_said(one, letter, commune) for one in value]
        case _:
            return value

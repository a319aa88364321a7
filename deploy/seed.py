"""Reference data and a sample organisation, loaded as often as one likes: what is missing is added, the rest stays.

Run as ``python -m deploy.seed`` with the owner's database URL. Accounts get random passwords, made per installation and
written once to ``accounts.txt`` in the data folder (mode 0600); the database keeps argon2id hashes only.
"""

import asyncio
import hashlib
import json
import os
import secrets
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import cycle, islice
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from argon2 import PasswordHasher
from sqlalchemy import Table, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from deploy.sample_ids import position_id, sample_id
from deploy.seed_directory import TABLES as DIRECTORY_TABLES
from deploy.seed_directory import directory_rows
from models.calendar import TZ, load_calendars
from models.clock import Clock, PlatformClock
from models.database import Who, connect, transaction
from models.protocol.registry import load_protocols
from models.records.audit import audit
from models.settings import Settings
from models.tables import (
    METADATA,
    Account,
    ReferenceVersion,
    table,
)

SAMPLE: Final = Path(__file__).parent / "sample" / "hanoi.toml"
SINCE: Final = datetime(2020, 1, 1, tzinfo=TZ)
"""Everything in the sample holds from here on, so that drills may play in any year after it."""
TURN_STARTS: Final = time(8)
ROTA_BEHIND, ROTA_AHEAD = timedelta(weeks=1), timedelta(weeks=26)
"""How far a rota reaches around the given instant; every start of the service carries it on."""
_WHO = Who(system="seed")

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class SampleAccount:
    """Somebody of the sample who can sign in."""

    username: str
    person_id: UUID
    position_id: UUID
    full_name: str
    role: str
    unit: str


_ORDER: Final = ("unit", "unit_parent", "person", "position", "deputy", "shift", *DIRECTORY_TABLES)


@dataclass
class Organisation:
    """Rows of a sample organisation by table, ready to insert, in an order that satisfies every foreign key.

    ``unit_ids`` by the sample's keys (``HN-A``), ``person_ids`` by user name (``cpo.a``).
    """

    rows: dict[str, Rows] = field(default_factory=lambda: {name: [] for name in _ORDER})
    accounts: list[SampleAccount] = field(default_factory=list)
    unit_ids: dict[str, UUID] = field(default_factory=dict)
    person_ids: dict[str, UUID] = field(default_factory=dict)


def sample_organisation(at: datetime, path: Path = SAMPLE) -> Organisation:
    """The sample organisation with a rota around an instant. Pure: the same instant gives the same rows.

    Args:
        at: domain instant, timezone-aware; the rota reaches from a week before to half a year after it.
        path: the TOML file.
    """
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    made = Organisation()
    for unit in raw["unit"]:
        _add_unit(made, unit)
    commune = raw["commune"]
    for number, unit in enumerate(commune["units"]):
        letter = unit.rsplit("-", 1)[-1].lower()
        for key, role in commune["roles"].items():
            _add_person(made, f"{key}.{letter}", commune["names"][key][number], unit, role)
        for role, principal, deputy in commune["deputies"]:
            _add_deputy(made, unit, role, f"{principal}.{letter}", f"{deputy}.{letter}")
        for role, hours in commune["turns"].items():
            on_rota = [f"{key}.{letter}" for key, its_role in commune["roles"].items() if its_role == role]
            _add_rota(made, unit, role, on_rota, hours=hours, at=at)
    for staff in raw["staff"]:
        for username, name in staff["people"].items():
            _add_person(made, username, name, staff["unit"], staff["role"], language=staff.get("language", "vi"))
        if hours := staff.get("turns"):
            _add_rota(made, staff["unit"], staff["role"], list(staff["people"]), hours=hours, at=at)
    for system in raw["system"]:
        _add_person(made, system["key"], system["name"], system["unit"], system["role"], kind="service")
    made.rows |= directory_rows(made.unit_ids, sample_id, SINCE)
    return made


def turns(people: Sequence[str], hours: int, at: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    """A rota without a gap: who has which turn. Which turn falls to whom depends on the turn alone, never on ``at``."""
    length = timedelta(hours=hours)
    first_of_all = datetime.combine(SINCE.date(), TURN_STARTS, TZ)
    number = (at - ROTA_BEHIND - first_of_all) // length
    begin = first_of_all + number * length
    waiting = islice(cycle(people), number % len(people), None)
    while begin < at + ROTA_AHEAD:
        yield next(waiting), begin, begin + length
        begin += length


async def load_organisation(connection: AsyncConnection, organisation: Organisation) -> int:
    """Insert what is missing; nothing that is there is touched. Returns how many rows are new."""
    new = 0
    for name in _ORDER:
        new += await _insert(connection, METADATA.tables[name], organisation.rows[name])
    return new


async def load_references(connection: AsyncConnection, at: datetime) -> int:
    """Note the protocols and calendars this code brings. Returns how many are new.

    Raises:
        ValueError: a version that was loaded before now has another content; it needs a name of its own.
    """
    rows: Rows = [
        _reference("protocol", one.version, one.valid_from, one.model_dump(mode="json"), at)
        for one in load_protocols().versions
    ]
    rows += [
        _reference("calendar", one.version, one.published, one.model_dump(mode="json"), at)
        for one in load_calendars().versions
    ]
    references = table(ReferenceVersion)
    new = await _insert(connection, references, rows)
    held = {
        (row.kind, row.version): row.content_hash
        for row in await connection.execute(select(references.c.kind, references.c.version, references.c.content_hash))
    }
    for row in rows:
        if held[row["kind"], row["version"]] != row["content_hash"]:
            raise ValueError(
                f"{row['kind']} {row['version']} was loaded here with another content. Where cases have run under it: "
                "put its file back as it was, and what was changed into a version of its own "
                "(docs/guides/protocol.md). "
                "Where there are trial cases only: `make reset` starts anew"
            )
    return new


async def load_accounts(
    connection: AsyncConnection, accounts: Iterable[SampleAccount], file: Path, at: datetime
) -> list[SampleAccount]:
    """Give those an account who have none, with a random password each.

    The passwords are in the file, synced to disk, before the transaction commits: they exist nowhere else.

    Returns:
        The new ones.
    """
    held = set((await connection.execute(select(table(Account).c.person_id))).scalars())
    missing = [account for account in accounts if account.person_id not in held]
    if not missing:
        return []
    passwords = {account.username: secrets.token_urlsafe(12) for account in missing}
    hashes = await _hashed(passwords)
    await _insert(
        connection,
        table(Account),
        [
            {
                "id": sample_id("account", account.username),
                "person_id": account.person_id,
                "username": account.username,
                "password_hash": hashes[account.username],
                "failures": 0,
                "created_at": at,
            }
            for account in missing
        ],
    )
    _write_accounts(file, missing, passwords)
    return missing


async def seed(engine: AsyncEngine, clock: Clock, data: Path) -> tuple[int, int, int]:
    """Everything, in one transaction of the owner role.

    Args:
        engine: of the owner.
        clock: domain time, around which the rota is made.
        data: the data folder.

    Returns:
        How many references, rows of the organisation and accounts are new.
    """
    at = clock.now()
    organisation = sample_organisation(at)
    async with transaction(engine, _WHO, at) as connection:
        references = await load_references(connection, at)
        rows = await load_organisation(connection, organisation)
        accounts = await load_accounts(connection, organisation.accounts, data / "accounts.txt", at)
        if references or rows or accounts:
            await audit(
                connection,
                at=at,
                actor=None,
                action="seed",
                record="organisation",
                outcome="done",
                detail={"references": references, "rows": rows, "accounts": len(accounts)},
            )
    return references, rows, len(accounts)


def _add_unit(made: Organisation, unit: Mapping[str, str]) -> None:
    key = unit["key"]
    made.unit_ids[key] = sample_id("unit", key)
    made.rows["unit"].append(
        {
            "id": made.unit_ids[key],
            "code": key,
            "kind": unit["kind"],
            "name_vi": unit["vi"],
            "name_en": unit["en"],
            "is_sample": True,
            "valid_from": SINCE,
        }
    )
    if parent := unit.get("parent"):
        made.rows["unit_parent"].append(
            {
                "id": sample_id("unit_parent", key),
                "unit_id": made.unit_ids[key],
                "parent_id": made.unit_ids[parent],
                "valid_from": SINCE,
            }
        )


def _add_person(
    made: Organisation, username: str, name: str, unit: str, role: str, *, language: str = "vi", kind: str = "person"
) -> None:
    person, position = sample_id("person", username), position_id(username, unit, role)
    made.person_ids[username] = person
    made.rows["person"].append(
        {
            "id": person,
            "full_name": f"{name} (mẫu)",
            "email": f"{username}@mau.example",
            "phone": f"+84000{len(made.person_ids):06d}",
            "language": language,
            "is_sample": True,
        }
    )
    made.rows["position"].append(
        {
            "id": position,
            "person_id": person,
            "unit_id": made.unit_ids[unit],
            "role": role,
            "kind": kind,
            "valid_from": SINCE,
        }
    )
    if kind == "person":
        made.accounts.append(SampleAccount(username, person, position, f"{name} (mẫu)", role, unit))


def _add_deputy(made: Organisation, unit: str, role: str, principal: str, deputy: str) -> None:
    made.rows["deputy"].append(
        {
            "id": sample_id("deputy", f"{unit}/{role}/{principal}/{deputy}"),
            "principal_id": made.person_ids[principal],
            "deputy_id": made.person_ids[deputy],
            "unit_id": made.unit_ids[unit],
            "role": role,
            "valid_from": SINCE,
        }
    )


def _add_rota(made: Organisation, unit: str, role: str, people: Sequence[str], *, hours: int, at: datetime) -> None:
    made.rows["shift"] += [
        {
            "id": sample_id("shift", f"{unit}/{role}/{begin.astimezone(UTC).isoformat()}"),
            "unit_id": made.unit_ids[unit],
            "role": role,
            "person_id": made.person_ids[who],
            "starts_at": begin,
            "ends_at": end,
        }
        for who, begin, end in turns(people, hours, at)
    ]


def _reference(kind: str, version: str, valid_from: date, content: Mapping[str, Any], at: datetime) -> dict[str, Any]:
    written = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return {
        "kind": kind,
        "version": version,
        "valid_from": valid_from,
        "content_hash": hashlib.sha256(written.encode()).hexdigest(),
        "content": content,
        "loaded_at": at,
    }


async def _insert(connection: AsyncConnection, into: Table, rows: Rows) -> int:
    if not rows:
        return 0
    result = await connection.execute(insert(into).on_conflict_do_nothing().returning(*into.primary_key.columns), rows)
    return len(result.all())


async def _hashed(passwords: Mapping[str, str]) -> dict[str, str]:
    hasher = PasswordHasher()

    async def one(password: str) -> str:
        return await asyncio.to_thread(hasher.hash, password)

    hashes = await asyncio.gather(*(one(password) for password in passwords.values()))
    return dict(zip(passwords, hashes, strict=True))


_HEADING = (
    "# Tài khoản mẫu của bản cài đặt này; mọi người ở đây đều không có thật. Mật khẩu chỉ có trong tệp này.\n"
    "# Sample accounts of this installation; everybody here is invented. The passwords are nowhere else.\n"
)


def _write_accounts(file: Path, new: Sequence[SampleAccount], passwords: Mapping[str, str]) -> None:
    # A user name that is written again is one whose account was never committed, or was removed: its old line is void.
    kept = [line for line in _lines(file) if line.split(maxsplit=1)[0] not in passwords]
    kept += [
        f"{one.username:<10} {passwords[one.username]}   {one.role:<6} {one.unit:<8} {one.full_name}" for one in new
    ]
    draft = file.with_name(f"{file.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
        out.write(_HEADING + "\n".join(kept) + "\n")
        out.flush()
        os.fsync(out.fileno())
    draft.replace(file)


def _lines(file: Path) -> list[str]:
    if not file.exists():
        return []
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]


async def _main() -> None:
    settings = Settings()
    url = settings.owner_database_url.get_secret_value()
    if not url:
        sys.exit("ANNHI_OWNER_DATABASE_URL chưa được khai báo · is not set")
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = connect(url, pool_size=1)
    try:
        clock = PlatformClock(timedelta(seconds=settings.clock_offset_seconds))
        references, rows, accounts = await seed(engine, clock, settings.data_dir)
    finally:
        await engine.dispose()
    print(f"Dữ liệu tham chiếu · references: +{references}; tổ chức mẫu · sample organisation: +{rows}")
    if accounts:
        print(f"Tài khoản mẫu · sample accounts: +{accounts} → {settings.data_dir / 'accounts.txt'}")


if __name__ == "__main__":
    asyncio.run(_main())

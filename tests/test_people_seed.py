"""The seed: loaded as often as one likes, everybody marked as sample, passwords random and in one closed file."""

import asyncio
import os
import stat
import subprocess
import sys
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import func, select, update

from deploy.runtime.postgres import OWNER
from deploy.sample_ids import PUBLIC_DESK
from deploy.seed import ROTA_AHEAD, ROTA_BEHIND, load_references, sample_organisation, seed, turns
from deploy.seed_directory import TABLES as DIRECTORY
from models.database import Who, transaction
from models.directory import PROVIDER_KINDS, SERVICES, gives
from models.lifecycle.roles import ROLES
from models.tables import METADATA, Account, ReferenceVersion, table
from tests.people_support import NOW

PROJECT = Path(__file__).resolve().parents[1]

TABLES = (
    "unit", "unit_parent", "person", "position", "deputy", "shift", "account", "reference_version", *DIRECTORY,
)  # fmt: skip


class At:
    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at


async def counts(database: Any) -> dict[str, int]:
    async with transaction(database.owner, Who(system="test"), NOW) as connection:
        return {
            name: await connection.scalar(select(func.count()).select_from(METADATA.tables[name])) for name in TABLES
        }


def passwords(folder: Path) -> dict[str, str]:
    lines = (folder / "accounts.txt").read_text(encoding="utf-8").splitlines()
    return {line.split()[0]: line.split()[1] for line in lines if not line.startswith("#")}


async def test_a_second_run_changes_nothing_and_a_later_one_only_carries_the_rota_on(
    database: Any, tmp_path: Path
) -> None:
    await seed(database.owner, At(NOW), tmp_path)
    held, written = await counts(database), (tmp_path / "accounts.txt").read_bytes()
    assert all(held.values())
    assert await seed(database.owner, At(NOW), tmp_path) == (0, 0, 0)
    assert await counts(database) == held
    await seed(database.owner, At(NOW + timedelta(weeks=4)), tmp_path)
    later = await counts(database)
    assert later.pop("shift") > held.pop("shift")
    assert later == held
    assert (tmp_path / "accounts.txt").read_bytes() == written


async def test_each_password_opens_its_own_account_and_the_file_is_closed_to_others(
    database: Any, tmp_path: Path
) -> None:
    await seed(database.owner, At(NOW), tmp_path)
    said = passwords(tmp_path)
    assert stat.S_IMODE((tmp_path / "accounts.txt").stat().st_mode) == 0o600
    assert len(set(said.values())) == len(said) > 40
    async with transaction(database.owner, Who(system="test"), NOW) as connection:
        hashes = {row.username: row.password_hash for row in await connection.execute(select(table(Account)))}
    assert hashes.keys() == said.keys()
    assert all(one.startswith("$argon2id$") for one in hashes.values())
    assert PasswordHasher().verify(hashes["cpo.a"], said["cpo.a"])
    with pytest.raises(VerifyMismatchError):
        PasswordHasher().verify(hashes["cpo.a"], said["sup.a"])


async def test_two_installations_have_different_passwords(database: Any, tmp_path: Path) -> None:
    await seed(database.owner, At(NOW), tmp_path)
    first = passwords(tmp_path)
    async with transaction(database.owner, Who(system="test"), NOW) as connection:
        await connection.execute(table(Account).delete())
    await seed(database.owner, At(NOW), tmp_path)
    second = passwords(tmp_path)
    assert first.keys() == second.keys()
    assert not set(first.values()) & set(second.values())


async def test_an_account_that_was_removed_gets_a_new_password_and_the_others_keep_theirs(
    database: Any, tmp_path: Path
) -> None:
    await seed(database.owner, At(NOW), tmp_path)
    before = passwords(tmp_path)
    async with transaction(database.owner, Who(system="test"), NOW) as connection:
        await connection.execute(table(Account).delete().where(table(Account).c.username == "cpo.a"))
    assert await seed(database.owner, At(NOW), tmp_path) == (0, 0, 1)
    after = passwords(tmp_path)
    assert {name for name in after if after[name] != before[name]} == {"cpo.a"}


async def test_a_reference_version_with_another_content_is_refused(database: Any) -> None:
    async with transaction(database.owner, Who(system="test"), NOW) as connection:
        assert await load_references(connection, NOW) >= 2
        await connection.execute(update(table(ReferenceVersion)).values(content_hash="0" * 64))
        with pytest.raises(
            ValueError, match=r"vn-d56/1 was loaded here with another content.*protocol\.md.*make reset"
        ):
            await load_references(connection, NOW)


def test_what_is_stored_of_a_calendar_is_the_same_in_every_process() -> None:
    """Else a second start would find it "with another content"."""
    show = "from models.calendar import load_calendars; print(load_calendars().versions[0].model_dump_json())"
    seen = {
        subprocess.run(
            [sys.executable, "-c", show], env={**os.environ, "PYTHONHASHSEED": str(number)}, cwd=PROJECT,
            capture_output=True, text=True, check=True,
        ).stdout
        for number in range(6)
    }  # fmt: skip
    assert len(seen) == 1


def test_everybody_and_every_office_says_that_it_is_a_sample() -> None:
    rows = sample_organisation(NOW).rows
    assert all(row["is_sample"] and "(mẫu)" in row["name_vi"] and "(sample)" in row["name_en"] for row in rows["unit"])
    assert all(row["is_sample"] and row["full_name"].endswith("(mẫu)") for row in rows["person"])
    assert len({row["full_name"] for row in rows["person"]}) == len(rows["person"])
    assert all(row["email"].endswith(".example") and row["phone"].startswith("+84000") for row in rows["person"])
    names = [row["name_vi"] for row in rows["provider_name"]]
    names += [row["name"] for row in rows["area_place"]] + [row["full_name"] for row in rows["collaborator"]]
    assert all(name.endswith("(mẫu)") for name in names)
    assert all(row["is_sample"] for table in ("provider", "residential_area", "collaborator") for row in rows[table])
    addresses = [row["address"] for row in rows["contact"] if row["address"] is not None]
    assert all(".example" in one or one.endswith("(mẫu)") for one in addresses)


def test_the_sample_has_a_provider_of_every_kind_and_for_every_service() -> None:
    rows = sample_organisation(NOW).rows
    kind_of = {row["id"]: row["kind"] for row in rows["provider"]}
    assert set(kind_of.values()) == set(PROVIDER_KINDS)
    assert {row["service"] for row in rows["capability"]} == set(SERVICES)
    assert all(gives(kind_of[row["provider_id"]], row["service"]) for row in rows["capability"])
    assert {row["provider_id"] for row in rows["contact"]} == set(kind_of)
    covered = {row["area_id"] for row in rows["collaborator"]}
    assert 0 < len(covered) < len(rows["residential_area"])


def test_there_is_somebody_for_every_role() -> None:
    held = {row["role"] for row in sample_organisation(NOW).rows["position"]}
    # Nobody signs in as an informant, and a decider is named for one case.
    assert set(ROLES) - held <= {"INF", "DEL"}


def test_the_desk_of_reports_by_anybody_is_a_system_nobody_signs_in_as() -> None:
    made = sample_organisation(NOW)
    (desk,) = (row for row in made.rows["position"] if row["kind"] == "service")
    assert (desk["id"], desk["unit_id"]) == (PUBLIC_DESK, made.unit_ids["111"])
    assert PUBLIC_DESK not in {one.position_id for one in made.accounts}


@pytest.mark.parametrize("year", [2021, 2026, 2031])
def test_every_rota_covers_every_minute_without_overlap_in_any_year(year: int) -> None:
    at = datetime(year, 2, 5, 16, 40, tzinfo=UTC)
    by_desk: dict[Any, list[Any]] = defaultdict(list)
    for row in sample_organisation(at).rows["shift"]:
        by_desk[row["unit_id"], row["role"]].append(row)
    assert {role for _, role in by_desk} == {"CPO", "DOHD", "H111S"}
    for desk in by_desk.values():
        desk.sort(key=lambda row: row["starts_at"])
        assert desk[0]["starts_at"] <= at - ROTA_BEHIND
        assert desk[-1]["ends_at"] >= at + ROTA_AHEAD
        assert all(one["ends_at"] == other["starts_at"] for one, other in pairwise(desk))


def test_whose_turn_it_is_does_not_depend_on_when_the_rota_was_made() -> None:
    early = {begin: who for who, begin, _ in turns(["a", "b", "c"], 24, NOW)}
    late = {begin: who for who, begin, _ in turns(["a", "b", "c"], 24, NOW + timedelta(weeks=5, hours=7))}
    both = early.keys() & late.keys()
    assert len(both) > 100
    assert {begin: early[begin] for begin in both} == {begin: late[begin] for begin in both}


async def test_the_command_seeds_the_database_it_is_given(database: Any, tmp_path: Path) -> None:
    env = os.environ | {"ANNHI_OWNER_DATABASE_URL": database.url(OWNER), "ANNHI_DATA_DIR": str(tmp_path)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "deploy.seed", env=env)
    assert await process.wait() == 0
    assert (await counts(database))["account"] == len(passwords(tmp_path))

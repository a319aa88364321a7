"""Who is asked for a service, read from a real directory; and what PostgreSQL lets nobody change in it."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from models.calendar import TZ
from models.database import Who, transaction
from models.records.directory import Candidate, capable
from models.tables import Capability, Contact, ProviderName, UnitChange
from tests.people_support import NOW, Province, load_province

NIGHT = datetime(2026, 11, 24, 3, 0, tzinfo=TZ)
"""A public holiday, at night."""


@pytest_asyncio.fixture
async def province(database: Any) -> Province:
    return await load_province(database.owner)


def provider(province: Province, code: str) -> UUID:
    return next(row["id"] for row in province.sample.rows["provider"] if row["code"] == code)


async def asked(
    database: Any, province: Province, service: str, unit: str = "HN-A", *, at: datetime = NOW, **more: Any
) -> list[Candidate]:
    more.setdefault("without", [])
    async with transaction(database.worker, Who(system="test"), at) as connection:
        return await capable(connection, service=service, unit_id=province.unit(unit), at=at, **more)


def codes(province: Province, found: list[Candidate]) -> list[str]:
    code_of = {row["id"]: row["code"] for row in province.sample.rows["provider"]}
    return [code_of[one.provider_id] for one in found]


async def change(province: Province, statement: str, **values: Any) -> None:
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        await connection.execute(text(statement), values)


async def test_the_communes_own_police_come_before_the_citys(database: Any, province: Province) -> None:
    found = await asked(database, province, "police_report", "HN-B", at=NIGHT)
    assert codes(province, found) == ["CA-B", "CA-TP"]
    first, second = found
    assert (first.unit_id, first.role, first.contact, first.on_duty) == (province.unit("HN-B"), "POL", "account", True)
    assert (first.distance, second.distance, second.unit_id) == (0, 2, province.unit("HN-CA"))


async def test_by_day_the_station_nearby_and_by_night_the_hospital_that_is_open(
    database: Any, province: Province
) -> None:
    by_day = await asked(database, province, "medical_emergency")
    by_night = await asked(database, province, "medical_emergency", at=NIGHT)
    assert codes(province, by_day) == ["TYT-A", "BV-SM"]
    assert codes(province, by_night) == ["BV-SM", "TYT-A"]
    assert [one.on_duty for one in by_night] == [True, False]
    # 24 November is a holiday, on which the station opens at eight.
    assert by_night[1].opens_at == datetime(2026, 11, 24, 8, 0, tzinfo=TZ)
    assert (by_night[1].contact, by_night[1].address) == ("email", "tramyte.A@mau.example")


async def test_whoever_declined_is_not_asked_again_by_provider_or_by_office(database: Any, province: Province) -> None:
    everybody = await asked(database, province, "police_report")
    by_provider = await asked(database, province, "police_report", without=[everybody[0].provider_id])
    by_office = await asked(database, province, "police_report", without={everybody[1].unit_id})
    assert codes(province, by_provider) == ["CA-TP"]
    assert codes(province, by_office) == ["CA-A"]


async def test_a_full_provider_comes_after_one_with_a_place(database: Any, province: Province) -> None:
    hospital, centre = provider(province, "BV-SM-TV"), provider(province, "CTXH-MA")
    before = await asked(database, province, "psychosocial", "HN-C")
    after = await asked(database, province, "psychosocial", "HN-C", load={hospital: 20, centre: 3})
    assert codes(province, before) == ["BV-SM-TV", "CTXH-MA"]
    assert codes(province, after) == ["CTXH-MA", "BV-SM-TV"]
    assert [(one.load, one.capacity, one.is_full) for one in after] == [(3, 40, False), (20, 20, True)]


async def test_an_entry_that_ended_or_has_not_begun_is_not_there(database: Any, province: Province) -> None:
    shelter = provider(province, "NTL-MA")
    await change(province, "UPDATE capability SET valid_to = :at WHERE service = 'shelter'", at=NOW)
    assert await asked(database, province, "shelter") == []
    assert len(await asked(database, province, "shelter", at=NOW - timedelta(seconds=1))) == 1
    await province.add(
        Capability, provider_id=shelter, service="shelter", unit_id=province.unit("HN-A"), hours="", duty=True,
        capacity=4, valid_from=NOW + timedelta(days=1),
    )  # fmt: skip
    assert await asked(database, province, "shelter") == []
    (one,) = await asked(database, province, "shelter", at=NOW + timedelta(days=1))
    assert (one.provider_id, one.capacity, one.distance) == (shelter, 4, 0)
    assert await asked(database, province, "shelter", "HN-B", at=NOW + timedelta(days=1)) == []


async def test_the_best_contact_in_force_is_given(database: Any, province: Province) -> None:
    legal = provider(province, "TGPL-TP")
    await change(province, "UPDATE contact SET valid_to = :at WHERE provider_id = :it", at=NOW, it=legal)
    (one,) = await asked(database, province, "legal_aid")
    assert (one.contact, one.address) == (None, None)
    for kind, address in (
        ("paper", "Số 1 Phố Mẫu"),
        ("email", "tgpl@mau.example"),
        ("webhook", "https://tgpl.example"),
    ):
        await province.add(Contact, provider_id=legal, kind=kind, address=address, valid_from=NOW)
    (one,) = await asked(database, province, "legal_aid")
    assert (one.contact, one.address) == ("webhook", "https://tgpl.example")


async def test_a_case_of_a_commune_that_was_merged_away_is_served_by_the_heirs_providers(
    database: Any, province: Province
) -> None:
    old, new = province.unit("HN-B"), province.unit("HN-A")
    await province.add(
        UnitChange, act_id=uuid4(), kind="merge", predecessor_id=old, successor_id=new, heir=True, name_vi="Cũ",
        name_en="Old", decision="01/NQ", decided_on=NOW.date(), at=NOW, made_by=province.person("admin"),
    )  # fmt: skip
    assert codes(province, await asked(database, province, "police_report", "HN-B")) == ["CA-A", "CA-TP"]
    before = await asked(database, province, "police_report", "HN-B", at=NOW - timedelta(seconds=1))
    assert codes(province, before) == ["CA-B", "CA-TP"]


async def test_a_provider_of_an_office_that_has_ended_is_not_asked(database: Any, province: Province) -> None:
    await change(province, "UPDATE unit SET valid_to = :at WHERE id = :it", at=NOW, it=province.unit("HN-CA"))
    assert codes(province, await asked(database, province, "police_report")) == ["CA-A"]


async def test_a_service_there_is_not_is_refused(database: Any, province: Province) -> None:
    with pytest.raises(ValueError, match="no service"):
        await asked(database, province, "psychology")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE provider_name SET name_vi = 'khác' WHERE name_vi LIKE 'Công an%'",
        "UPDATE capability SET capacity = 99 WHERE service = 'shelter'",
        "DELETE FROM contact WHERE kind = 'account'",
        "UPDATE capability SET valid_to = NULL WHERE valid_to IS NOT NULL",
        "UPDATE capability SET valid_to = valid_to + interval '1 day' WHERE valid_to IS NOT NULL",
    ],
)
async def test_what_the_directory_said_stays_whoever_asks(province: Province, statement: str) -> None:
    await change(province, "UPDATE capability SET valid_to = :at WHERE service = 'shelter'", at=NOW)
    with pytest.raises(DBAPIError) as refused:
        await change(province, statement)
    assert getattr(refused.value.orig, "sqlstate", None) == "42501"


async def test_there_is_one_name_and_one_office_at_a_time(province: Province) -> None:
    with pytest.raises(DBAPIError, match="uq_provider_name_in_force"):
        await province.add(
            ProviderName, provider_id=provider(province, "BV-SM"), unit_id=province.unit("HN-BV"), name_vi="Hai",
            name_en="Two", valid_from=NOW,
        )  # fmt: skip

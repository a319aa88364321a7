"""Gathered writes: what was put down is there for whoever reads next, once, in order, or not at all."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from models.database import Who, transaction
from models.tables import AuditEntry, Household, Person, new_id, table
from models.writing import change, put, put_all
from tests.databases import Database

pytestmark = pytest.mark.servers

_HOUSEHOLD, _PERSON, _AUDIT = table(Household), table(Person), table(AuditEntry)
_NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
_WHO = Who(system="o'test")


def person(name: str, identifier: UUID | None = None) -> dict[str, object]:
    return {"id": identifier or new_id(), "full_name": name, "language": "vi", "is_sample": True}


async def names(database: Database) -> list[str]:
    async with transaction(database.owner, _WHO, _NOW) as connection:
        return sorted((await connection.execute(select(_PERSON.c.full_name))).scalars())


async def test_what_was_gathered_is_seen_by_the_next_read_of_the_same_transaction(database: Database) -> None:
    async with transaction(database.owner, _WHO, _NOW) as connection:
        await put_all(connection, _PERSON, [person("An"), person("Nhi")])
        assert (await connection.execute(select(func.count()).select_from(_PERSON))).scalar_one() == 2


async def test_what_was_gathered_last_is_committed(database: Database) -> None:
    async with transaction(database.owner, _WHO, _NOW) as connection:
        await put_all(connection, _PERSON, [person("An")])
    assert await names(database) == ["An"]


async def fail_after_gathering(database: Database) -> None:
    async with transaction(database.owner, _WHO, _NOW) as connection:
        await put_all(connection, _PERSON, [person("An")])
        raise NotImplementedError


async def test_nothing_gathered_outlives_a_transaction_that_failed(database: Database) -> None:
    with pytest.raises(NotImplementedError):
        await fail_after_gathering(database)
    async with transaction(database.owner, _WHO, _NOW) as connection:
        await put(connection, _HOUSEHOLD, id=new_id(), created_at=_NOW)
    assert await names(database) == []


async def test_many_tables_take_one_statement_and_two_writes_to_one_row_take_two(database: Database) -> None:
    one = new_id()
    async with transaction(database.owner, _WHO, _NOW) as connection:
        await put_all(connection, _PERSON, [person("An", one)])
        await put(connection, _HOUSEHOLD, id=new_id(), created_at=_NOW)
        # Were both in one statement, the change would not see the row and be lost.
        await change(connection, _PERSON, [{"id": one, "full_name": "Bình"}])
        await change(connection, _PERSON, [{"id": one, "full_name": "Chi"}])
    assert await names(database) == ["Chi"]


async def test_a_row_that_is_there_is_left_alone_where_that_is_asked_for(database: Database) -> None:
    one = new_id()
    async with transaction(database.owner, _WHO, _NOW) as connection:
        await put_all(connection, _PERSON, [person("An", one)])
    async with transaction(database.owner, _WHO, _NOW) as connection:
        await put_all(connection, _PERSON, [person("Bình", one)], once=True)
    assert await names(database) == ["An"]
    with pytest.raises(IntegrityError):
        async with transaction(database.owner, _WHO, _NOW) as connection:
            await put_all(connection, _PERSON, [person("Bình", one)])


async def test_an_error_hides_the_values_that_were_sent(database: Database) -> None:
    with pytest.raises(DBAPIError) as failed:
        async with transaction(database.owner, _WHO, _NOW) as connection:
            await put_all(connection, _PERSON, [{**person("Nguyễn Thị Bí Mật"), "language": None}])
    assert "parameters hidden" in str(failed.value)


async def test_a_transaction_says_for_whom_it_is_with_its_first_statement(database: Database) -> None:
    who = Who(uuid4(), uuid4(), "o'test", uuid4())
    said = text("SELECT current_setting('annhi.person'), current_setting('annhi.system'), current_setting('annhi.now')")
    async with transaction(database.owner, who, _NOW) as connection:
        assert tuple((await connection.execute(said)).one()) == (str(who.person_id), "o'test", _NOW.isoformat())
    async with transaction(database.owner, Who(), _NOW) as connection:
        assert tuple((await connection.execute(said)).one())[:2] == ("", "")


async def test_a_transaction_without_a_statement_leaves_no_announcement_to_the_next(database: Database) -> None:
    async with transaction(database.owner, _WHO, _NOW):
        pass
    async with database.owner.begin() as connection:
        found = (await connection.execute(text("SELECT current_setting('annhi.system', true)"))).scalar_one()
    assert not found

"""Who may write what, as PostgreSQL itself says it: column grants and triggers hold whatever our code does.

Row security stands before them (tests/test_row_security.py): these statements say who they are, and then find the case.
"""

from contextlib import suppress
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from deploy.runtime.postgres import API, OWNER, WORKER
from models.database import Who, transaction
from models.tables import LIFECYCLE_COLUMNS, METADATA, REFERRAL_LIFECYCLE_COLUMNS, REFERRAL_PLACE_COLUMNS
from tests.referral_support import refer
from tests.world import FOLLOW_UP, MONDAY, Case, World

pytestmark = pytest.mark.servers

CONTENT = ("audit_entry", "case_event", "referral_event", "report", "command_record", "document")
"""What nobody changes once it is written."""

GRANTS: dict[str, tuple[str, str]] = {
    # table: what the API may, what the worker may. S, I, U (some columns), D; a new table has to be put here.
    "absence": ("SIU", "S"),
    "access_token": ("SIU", ""),
    "account": ("SIU", ""),
    "alleged_person": ("SI", "SI"),
    "answer_link": ("SIU", "S"),
    "alembic_version": ("S", "S"),
    "area_place": ("SIU", "S"),
    "attachment": ("SI", "SU"),
    "attachment_share": ("SIU", ""),
    "audit_entry": ("SI", "SI"),
    "audit_seal": ("", "SI"),
    "breach": ("S", "SIU"),
    "break_glass": ("SIU", "S"),
    "call_task": ("SIU", "SIU"),
    "capability": ("SIU", "S"),
    "case_area": ("SI", "S"),
    "case_declaration": ("SI", ""),
    "case_event": ("SI", "SI"),
    "case_file": ("SI", "SU"),
    "case_key": ("SI", "S"),
    "case_report": ("SI", "SIU"),
    "child": ("SI", ""),  # the worker: the columns that say how old it is
    "collaborator": ("SIU", "S"),
    "command_record": ("S", "SI"),
    "conflict": ("SI", "SIU"),
    "consent": ("SIU", "SI"),
    "contact": ("SIU", "S"),
    "case_note": ("SI", ""),
    "custody_interval": ("S", "S"),
    "custody_entry": ("SI", "SI"),
    "deadline": ("SI", "SIU"),
    "delegate": ("S", "SIU"),
    "deputy": ("SIU", "S"),
    "document": ("SI", "SU"),
    "erasure": ("S", ""),
    "escalation": ("SU", "SIU"),
    "escalation_recipient": ("S", "SI"),
    "external_identity": ("SIU", ""),
    "household": ("SI", "S"),
    "informant": ("SI", ""),
    "informant_reading": ("SI", ""),
    "key_share": ("SI", "SID"),
    "legal_hold": ("S", ""),
    "not_same_child": ("SI", ""),
    "notice": ("SIU", "SIU"),
    "passkey": ("SIU", ""),
    "person": ("SIU", "S"),
    "position": ("SIU", "S"),
    "provider": ("SIU", "S"),
    "provider_name": ("SIU", "S"),
    "public_receipt": ("SI", ""),
    "public_words": ("SID", ""),
    "recovery_code": ("SIU", ""),
    "recusal": ("SI", "SIU"),
    "reference_version": ("S", "S"),
    "referral": ("S", "SIU"),
    "referral_event": ("S", "SI"),
    "relative": ("SIU", ""),
    "report": ("SI", "S"),
    "residential_area": ("SIU", "S"),
    "rung": ("SI", "SIUD"),
    "service_token": ("SIU", ""),
    "set_aside": ("SIU", ""),
    "set_aside_receipt": ("SI", ""),
    "set_up_link": ("SIU", ""),
    "shift": ("SIU", "S"),
    "sign_in_step": ("SIUD", ""),
    "sign_in_throttle": ("SIU", ""),
    "submission": ("SIU", "SU"),
    "suspension": ("SIU", "S"),
    "sweep_run": ("S", "SIU"),
    "totp": ("SIU", ""),
    "unit": ("SIU", "S"),
    "unit_change": ("SI", "S"),
    "unit_name": ("SI", ""),
    "unit_parent": ("SIU", "S"),
    "webhook_attempt": ("S", "SI"),
    "webhook_delivery": ("SU", "SIU"),
    "webhook_endpoint": ("SIU", "S"),
    "webhook_secret": ("IU", "S"),  # the API: never what is sealed in it
    "withholding": ("SIU", ""),
}


@pytest_asyncio.fixture(scope="module")
async def case(world: World) -> Case:
    """A case with a row of everything in it."""
    case = await (await world.case(flagged=True, trigger="LIFE")).accepted()
    await case.do("record_recusal", "sup.a", person_id=world.person("vch.a"), reason="quen biết")
    await case.do("name_delegate", "dohd", person_id=world.person("doh"), for_role="CHAIR")
    await refer(case, "shelter").sent()
    return case


async def refuses(engine: AsyncEngine, statement: str, who: Who | None = None, **values: Any) -> str:
    """The statement must be refused for want of the right to it; gives PostgreSQL's words."""
    with pytest.raises(DBAPIError) as caught:
        async with transaction(engine, who or Who(system="worker"), MONDAY) as connection:
            await connection.execute(text(statement), values)
    assert getattr(caught.value.orig, "sqlstate", None) == "42501", caught.value
    return str(caught.value.orig)


async def works(engine: AsyncEngine, statement: str, who: Who, **values: Any) -> int:
    """The statement is allowed; what it did is taken back. Gives the number of rows it touched."""
    count = 0
    with suppress(_TakenBackError):
        async with transaction(engine, who, MONDAY) as connection:
            count = (await connection.execute(text(statement), values)).rowcount
            raise _TakenBackError
    return count


class _TakenBackError(Exception):
    pass


def working_on(case: Case) -> Who:
    """The worker, at work on a case."""
    return Who(system="worker", case_id=case.id)


def receiving(world: World) -> Who:
    """The hotline, taking in a report."""
    h111 = world.acting("h111")
    return Who(h111.person_id, h111.position_id, "intake")


async def held(world: World, role: str) -> dict[str, str]:
    """What a role holds on every table of the schema, in the letters above; U also for some columns only."""
    async with world.as_owner() as connection:
        rows = await connection.execute(
            text(
                """
                SELECT c.relname,
                       has_table_privilege(:role, c.oid, 'SELECT') AS may_s,
                       has_table_privilege(:role, c.oid, 'INSERT') AS may_i,
                       has_any_column_privilege(:role, c.oid, 'UPDATE') AS may_u,
                       has_table_privilege(:role, c.oid, 'DELETE') AS may_d,
                       has_table_privilege(:role, c.oid, 'TRUNCATE') AS may_t,
                       has_table_privilege(:role, c.oid, 'REFERENCES') AS may_r,
                       has_table_privilege(:role, c.oid, 'TRIGGER') AS may_g
                FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
                """
            ),
            {"role": role},
        )
        return {
            row.relname: "".join(letter for letter in "SIUDTRG" if getattr(row, f"may_{letter.lower()}"))
            for row in rows
        }


async def test_every_table_is_granted_on_purpose_and_none_to_everybody(world: World) -> None:
    api, worker = await held(world, API), await held(world, WORKER)
    assert {name: (api[name], worker[name]) for name in api} == GRANTS
    assert set(GRANTS) == set(METADATA.tables) | {"alembic_version"}
    assert set((await held(world, "public")).values()) == {""}


async def test_a_table_nobody_thought_of_fails_the_test_above(world: World) -> None:
    async with world.as_owner() as connection:
        await connection.execute(text("CREATE TABLE forgotten (id int)"))
        await connection.execute(text(f"GRANT SELECT ON forgotten TO {API}"))
    try:
        assert (await held(world, API))["forgotten"] == "S"
        assert "forgotten" not in GRANTS
        assert (await held(world, WORKER))["forgotten"] == "", "a new table is nobody's until it is granted"
    finally:
        async with world.as_owner() as connection:
            await connection.execute(text("DROP TABLE forgotten"))


@pytest.mark.parametrize("column", LIFECYCLE_COLUMNS)
async def test_the_api_writes_no_lifecycle_column(world: World, case: Case, column: str) -> None:
    await refuses(world.database.api, f"UPDATE case_file SET {column} = {column} WHERE id = :id", id=case.id)
    change = f"UPDATE case_file SET {column} = {column} WHERE id = :id"
    assert await works(world.database.worker, change, working_on(case), id=case.id)


@pytest.mark.parametrize("column", [*REFERRAL_LIFECYCLE_COLUMNS, *REFERRAL_PLACE_COLUMNS])
async def test_the_worker_alone_moves_a_referral(world: World, case: Case, column: str) -> None:
    statement = f"UPDATE referral SET {column} = {column} WHERE case_id = :id"
    await refuses(world.database.api, statement, id=case.id)
    assert await works(world.database.worker, statement, working_on(case), id=case.id)


@pytest.mark.parametrize("column", ["id", "code", "service", "need", "rerouted_from", "created_at"])
async def test_nobody_writes_what_a_referral_was_asked_for_with(world: World, case: Case, column: str) -> None:
    for engine in (world.database.api, world.database.worker):
        await refuses(engine, f"UPDATE referral SET {column} = {column} WHERE case_id = :id", id=case.id)
    assert "append-only" in await refuses(world.database.owner, "DELETE FROM referral WHERE case_id = :id", id=case.id)


@pytest.mark.parametrize("column", ["id", "code", "child_id", "household_id", "report_id", "created_at"])
async def test_nobody_writes_what_a_case_was_born_with(world: World, case: Case, column: str) -> None:
    for engine in (world.database.api, world.database.worker):
        await refuses(engine, f"UPDATE case_file SET {column} = {column} WHERE id = :id", id=case.id)


def test_every_column_of_a_case_is_one_or_the_other() -> None:
    born = {"id", "code", "child_id", "household_id", "report_id", "created_at"}
    assert set(METADATA.tables["case_file"].c.keys()) == born | set(LIFECYCLE_COLUMNS)


@pytest.mark.parametrize("table", CONTENT)
async def test_what_was_written_is_neither_changed_nor_deleted_by_anybody(world: World, case: Case, table: str) -> None:
    await case.do("record_follow_up", "cpo.a", follow_up=FOLLOW_UP) if table == "document" else None
    columns = METADATA.tables[table].c.keys()
    for engine in (world.database.api, world.database.worker):
        for column in columns:
            if table == "document" and engine is world.database.worker and column in FREEZES:
                continue
            await refuses(engine, f"UPDATE {table} SET {column} = {column}")
        await refuses(engine, f"DELETE FROM {table}")
    # Not even by the owner of the tables: there triggers stand.
    owner = world.database.owner
    assert "append-only" in await refuses(owner, f"DELETE FROM {table}")
    if table == "document":
        for column in columns:
            assert "never changes" in await refuses(
                owner, f"UPDATE document SET {column} = {column} WHERE frozen_at IS NOT NULL"
            )
    else:
        assert "append-only" in await refuses(owner, f"UPDATE {table} SET {columns[0]} = {columns[0]}")


FREEZES = ("version", "plan_version", "frozen_at", "sequence")


async def test_freezing_is_the_one_change_a_document_sees_and_only_once(world: World, case: Case) -> None:
    await case.prepare("record_follow_up", "cpo.a", follow_up=FOLLOW_UP)
    freeze = "UPDATE document SET version = 9, frozen_at = created_at WHERE command_id = :id"
    command = case.sent.pop().command_id
    assert await works(world.database.worker, freeze, working_on(case), id=command) == 1
    await refuses(world.database.api, freeze, id=command)
    frozen = "UPDATE document SET version = version WHERE frozen_at IS NOT NULL"
    case_with_frozen = await case.do("record_follow_up", "cpo.a", follow_up=FOLLOW_UP)
    assert case_with_frozen.accepted
    assert "never changes" in await refuses(world.database.worker, frozen, working_on(case))
    # What waits to be frozen is not changed on the way: not by the owner either.
    assert "never changes" in await refuses(
        world.database.owner, "UPDATE document SET sealed = '' WHERE command_id = :id", id=command
    )


@pytest.mark.parametrize("table", [*CONTENT, "case_file", "child", "rung", "breach", "notice"])
async def test_no_table_is_emptied_at_a_stroke(world: World, case: Case, table: str) -> None:
    for engine in (world.database.api, world.database.worker):
        await refuses(engine, f"TRUNCATE {table} CASCADE")
    if table in CONTENT:
        assert "append-only" in await refuses(world.database.owner, f"TRUNCATE {table} CASCADE")
    assert (await case.row()).sequence > 1


async def test_the_api_opens_a_case_only_where_every_case_starts(world: World, case: Case) -> None:
    """One row like another in everything but its ids, its process and its sequence."""
    columns = [one.name for one in METADATA.tables["case_file"].c if one.name not in ("id", "code")]
    chosen = ", ".join({"process": ":process", "sequence": ":sequence"}.get(name, name) for name in columns)
    insert = (
        f"INSERT INTO case_file (id, code, {', '.join(columns)}) "
        f"SELECT CAST(:new AS uuid), :code, {chosen} FROM case_file WHERE id = :id"
    )
    given = {"id": case.id, "new": uuid4(), "code": "AN-TEST"}
    for process, sequence in (("active", 1), ("received", 2), ("received", 0), ("closed", 7)):
        words = await refuses(world.database.api, insert, receiving(world), **given, process=process, sequence=sequence)
        assert "a case starts as received" in words
    assert await works(world.database.api, insert, receiving(world), **given, process="received", sequence=1) == 1
    await refuses(world.database.worker, insert, working_on(case), **given, process="received", sequence=1)


async def test_the_api_keeps_somebody_out_only_until_an_officer_has_decided(world: World, case: Case) -> None:
    insert = (
        "INSERT INTO recusal (id, case_id, person_id, reason, since, until) SELECT :new, id, :one, :reason, created_at"
    )
    given = {"new": uuid4(), "one": world.person("pol.a"), "id": case.id}
    for reason, until in (("RELATIVE", "NULL"), ("POSSIBLE", "created_at")):
        statement = f"{insert}, {until} FROM case_file WHERE id = :id"
        words = await refuses(world.database.api, statement, receiving(world), **given, reason=reason)
        assert "recorded by a command" in words
    statement = f"{insert}, NULL FROM case_file WHERE id = :id"
    assert await works(world.database.api, statement, receiving(world), **given, reason="POSSIBLE") == 1
    await refuses(world.database.api, "UPDATE recusal SET until = since")


@pytest.mark.parametrize(
    "table",
    [
        "account", "access_token", "sign_in_throttle", "sign_in_step", "set_up_link", "totp", "passkey",
        "recovery_code", "external_identity", "service_token",
    ],
)  # fmt: skip
async def test_the_worker_sees_nothing_of_how_people_sign_in(world: World, table: str) -> None:
    await refuses(world.database.worker, f"SELECT count(*) FROM {table}")
    assert await works(world.database.api, f"SELECT count(*) FROM {table}", Who(system="door")) == 1


async def test_a_rung_that_fired_stays_and_a_planned_one_may_be_planned_anew(world: World, case: Case) -> None:
    planned = "DELETE FROM rung WHERE case_id = :id AND state = 'planned'"
    assert await works(world.database.worker, planned, working_on(case), id=case.id) > 0
    await refuses(world.database.api, planned, id=case.id)
    for engine in (world.database.worker, world.database.owner):
        async with transaction(engine, working_on(case), MONDAY) as connection:
            await connection.execute(text("UPDATE rung SET state = 'fired' WHERE case_id = :id"), {"id": case.id})
            with pytest.raises(DBAPIError, match="append-only"):
                await connection.execute(text("DELETE FROM rung WHERE case_id = :id"), {"id": case.id})


async def test_neither_role_owns_anything_bypasses_anything_or_makes_tables(world: World) -> None:
    async with world.as_owner() as connection:
        roles = {
            row.rolname: row
            for row in await connection.execute(
                text("SELECT * FROM pg_roles WHERE rolname IN (:api, :worker)"), {"api": API, "worker": WORKER}
            )
        }
        owners = await connection.execute(text("SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"))
        assert set(owners.scalars()) == {OWNER}
    for role in (API, WORKER):
        one = roles[role]
        for power in ("rolsuper", "rolbypassrls", "rolcreatedb", "rolcreaterole", "rolreplication"):
            assert not getattr(one, power), power
    for engine in (world.database.api, world.database.worker):
        await refuses(engine, "CREATE TABLE mine (id int)")
        await refuses(engine, f"SET ROLE {OWNER}")

"""PostgreSQL itself keeps everybody to what is theirs: the same matrix again, in raw SQL as the API's own role.

Nothing of the service's code stands between these statements and the rows.
"""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text, true
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from api.queries import cases, escalations, reports
from deploy.runtime.postgres import API, OWNER, WORKER, Postgres
from models.access import DATA, HOTLINE, SENSITIVE_KINDS, TABLE, DataClass, Relation, Scope, may, reach, reads, sees
from models.access.routes import ROUTES
from models.access.slices import CHILD_FIELDS, SEES, Slice, Stands, services_of
from models.database import Who, as_part, transaction, work_on
from models.lifecycle import EVENTS, ROLES
from models.migrations.scripts import NEXT
from models.records.actor import Acting
from models.security import made, script
from models.security.__main__ import ran
from models.security.changes import WholeNeededError, changes
from models.security.functions import functions
from models.security.policies import GUARDED, NOBODY, OPEN, PARTS
from models.tables import METADATA
from tests.access_support import Everybody, everybody, refer
from tests.api_support import NOW, open_door, temporal_away
from tests.case_support import recuse
from tests.databases import Database
from tests.test_access_matrix import of
from tests.test_grants import GRANTS

pytestmark = pytest.mark.servers

DECISION = Path(__file__).parents[1] / "docs" / "decisions" / "0013-row-security.md"


# --- what the database was given ------------------------------------------------------------------------------------

_SHAPE = """
SELECT tablename || ' ' || policyname,
       concat_ws(E'\\n', permissive, roles::text, cmd, qual, with_check) FROM pg_policies WHERE schemaname = 'public'
UNION ALL
SELECT oid::regprocedure::text, pg_get_functiondef(oid) || coalesce(proacl::text, '') FROM pg_proc
 WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'annhi\\_%'
UNION ALL
SELECT relname, concat(relrowsecurity, relforcerowsecurity) FROM pg_class
 WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
"""


async def shape(connection: AsyncConnection) -> dict[str, str]:
    return {row[0]: row[1] for row in await connection.execute(text(_SHAPE))}


async def shape_of_today(connection: AsyncConnection) -> dict[str, str]:
    """What the database would look like if the script of today ran; nothing of it stays."""
    for statement in script().split(NEXT):
        if statement.strip():
            await connection.exec_driver_sql(statement)
    found = await shape(connection)
    await connection.rollback()
    return found


async def test_a_migrated_database_has_what_the_access_table_makes(database: Database) -> None:
    async with database.owner.connect() as connection:
        there = await shape(connection)
        assert await shape_of_today(connection) == there, "python -m models.security, and a migration that runs it"


async def test_a_changed_table_without_a_migration_is_noticed(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.owner.connect() as connection:
        there = await shape(connection)
        monkeypatch.setitem(TABLE["read_case"], "AUD", Scope.PROVINCE)
        changed = await shape_of_today(connection)
    assert {name for name in there if there[name] != changed[name]} == {
        "annhi_opened()", "annhi_reads(uuid)", "annhi_scope()", "annhi_units()",
    }  # fmt: skip


async def test_what_is_printed_for_a_migration_leads_to_what_is_made_today(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert changes(ran()) == ""
    monkeypatch.setitem(TABLE["read_case"], "AUD", Scope.PROVINCE)
    # One policy gone, another made anew.
    monkeypatch.setitem(GUARDED, "case_note", replace(GUARDED["case_note"], api="false", api_adds=NOBODY))
    printed = changes(ran())
    assert (printed.count("CREATE OR REPLACE FUNCTION"), printed.count("DROP POLICY")) == (4, 2)
    async with database.owner.connect() as connection:
        today = await shape_of_today(connection)
        for statement in filter(str.strip, printed.split(NEXT)):
            await connection.exec_driver_sql(statement)
        assert await shape(connection) == today
        await connection.rollback()
    # Scripts follow one another: what the last one dropped is not dropped again.
    assert changes([*ran(), printed]) == ""


def test_what_cannot_be_made_piece_by_piece_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    before = ran()
    gone = [one for one in made() if "FUNCTION annhi_left_with(" not in one]
    monkeypatch.setattr("models.security.changes.made", lambda: gone)
    with pytest.raises(WholeNeededError, match="annhi_left_with"):
        changes(before)
    wider = [one.replace("annhi_left_with(p_unit uuid)", "annhi_left_with(p_unit uuid, p_more text)") for one in made()]
    monkeypatch.setattr("models.security.changes.made", lambda: wider)
    with pytest.raises(WholeNeededError, match="annhi_left_with"):
        changes(before)


async def test_every_table_is_guarded_or_says_why_not(database: Database) -> None:
    assert set(GUARDED) | set(OPEN) == set(METADATA.tables) | {"alembic_version"}
    assert not set(GUARDED) & set(OPEN)
    assert all(len(why.split()) > 3 for why in OPEN.values())
    async with database.owner.connect() as connection:
        found = await connection.execute(
            text(
                "SELECT relname, relrowsecurity AND relforcerowsecurity FROM pg_class "
                "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')"
            )
        )
        assert dict(found.all()) == {**dict.fromkeys(GUARDED, True), **dict.fromkeys(OPEN, False)}  # type: ignore[arg-type]


async def test_every_function_that_reaches_beyond_reading_is_in_the_documentation_and_no_other() -> None:
    listed = set(re.findall(r"^\| `(annhi_\w+)` \|", DECISION.read_text(encoding="utf-8"), re.MULTILINE))
    assert listed == {one.name for one in functions() if one.beyond}
    rows = re.findall(r"^\| (`(?!annhi_)\w+`.*?) \|", DECISION.read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == _OLDER | _OF_MIGRATIONS


async def test_what_runs_with_the_owners_rights_is_the_owners_and_for_one_role(database: Database) -> None:
    async with database.owner.connect() as connection:
        rows = list(
            await connection.execute(
                text(
                    "SELECT proname, proowner::regrole::text AS owner, prosecdef, proconfig, proacl::text[] AS acl "
                    "FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef"
                )
            )
        )
    assert {row.proname for row in rows} == {one.name for one in functions()} | _OLDER | _OF_MIGRATIONS
    for row in rows:
        assert row.owner == OWNER
        older = row.proname in _OLDER
        assert row.proconfig == ["search_path=public, pg_temp" if older else "search_path=pg_catalog, public, pg_temp"]
        # Where nothing was said of who may call it, everybody may.
        assert {grant.split("=")[0] for grant in row.acl or ["=X"]} <= {OWNER, API, WORKER}, row.proname


_OLDER = {"people_near", "alleged_in", "audit_link", "heir_of", "case_goes_to_the_heir", "cases_follow"}
"""Of migrations before: what screening compares, and the link of an audit entry, which nobody calls by itself."""

_OF_MIGRATIONS = {"custody_moves", "transfers_follow"}
"""Of later ones, which no policy asks: who held a case, and to whom it is proposed when a commune is merged."""


# --- who finds what -------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module")
async def people(postgres: Postgres, key_file: Path) -> AsyncIterator[Everybody]:
    """Everybody of the matrix, with a very sensitive document in each case."""
    async with open_door(postgres, await temporal_away(key_file)) as door:
        made = await everybody(door)
        for subject in {one.id: one for one in made.subjects.values()}.values():
            await door.sql(
                "INSERT INTO document (id, case_id, command_id, kind, sealed, content_hash, author_id, created_at, "
                "version, frozen_at) VALUES (:id, :case, :id, 'M03', '\\x00', 'x', :author, :at, 1, :at)",
                id=uuid4(), case=subject.id, author=door.person("sup.c"), at=NOW,
            )  # fmt: skip
        yield made


@asynccontextmanager
async def as_api(people: Everybody, who: Acting) -> AsyncIterator[AsyncConnection]:
    async with transaction(
        people.door.database.api, Who(who.person_id, who.position_id), people.door.clock.now()
    ) as connection:
        yield connection


BELOW = ["case_report", "case_event", "deadline", "rung", "escalation", "recusal"]
"""Tables whose rows are found with their case, and only with it."""


async def found(connection: AsyncConnection, case: UUID, report: UUID) -> dict[str, int]:
    """How many rows of each table a session finds of one case."""
    parts = [f"(SELECT count(*) FROM {name} WHERE case_id = :case) AS {name}" for name in BELOW]
    parts += [
        "(SELECT count(*) FROM case_file WHERE id = :case) AS case_file",
        (
            "(SELECT count(*) FROM child c WHERE c.id = ANY (ARRAY(SELECT id FROM child)) AND EXISTS "
            "(SELECT FROM case_file f WHERE f.id = :case AND f.child_id = c.id)) AS child"
        ),
        (
            "(SELECT count(*) FROM household h WHERE EXISTS "
            "(SELECT FROM case_file f WHERE f.id = :case AND f.household_id = h.id)) AS household"
        ),
        "(SELECT count(*) FROM document WHERE case_id = :case AND kind = 'M01') AS narrative",
        "(SELECT count(*) FROM document WHERE case_id = :case AND kind = 'M03') AS sensitive",
        "(SELECT count(*) FROM report WHERE id = :report) AS report",
    ]
    row = await connection.execute(text(f"SELECT {', '.join(parts)}"), {"case": case, "report": report})
    return dict(row.mappings().one())


@pytest.mark.parametrize("role", ROLES)
async def test_raw_sql_finds_what_the_matrix_says(people: Everybody, role: str) -> None:
    assert "M03" in SENSITIVE_KINDS
    for relation, subject in people.relations(role).items():
        async with as_api(people, people.acting[people.username(role)]) as connection:
            counts = await found(connection, subject.id, subject.report_id)
        async with people.door.database.owner.begin() as connection:
            there = await found(connection, subject.id, subject.report_id)
        mine, own = reads(role, relation), relation is Relation.OWN
        expected = {name: there[name] if mine else 0 for name in (*BELOW, "case_file", "household")}
        # Of the hotline each row is asked: the child while its report waits, and what the shift wrote itself.
        hotline = role in HOTLINE
        expected["child"] = int(mine and sees(role, DataClass.P1))
        expected["narrative"] = int(mine and (own or role == "H111S" if hotline else sees(role, DataClass.P2)))
        expected["sensitive"] = int(mine and sees(role, DataClass.P3))
        expected["report"] = int(mine or own)
        assert counts == expected, (role, relation)
        assert all(there[name] for name in expected if name != "recusal"), there


async def test_to_say_what_a_transaction_is_about_gives_nothing(people: Everybody) -> None:
    for role in ROLES:
        who = people.acting[people.username(role)]
        for relation, subject in people.relations(role).items():
            counts = []
            for about in (None, subject.id):
                announced = Who(who.person_id, who.position_id, case_id=about)
                async with transaction(people.door.database.api, announced, people.door.clock.now()) as connection:
                    counts.append(await found(connection, subject.id, subject.report_id))
            assert counts[0] == counts[1], (role, relation)


async def test_the_cases_found_in_raw_sql_are_those_of_the_list(people: Everybody) -> None:
    for role in ROLES:
        async with as_api(people, people.acting[people.username(role)]) as connection:
            rows = set((await connection.execute(text("SELECT id FROM case_file"))).scalars())
        if not may(role, "read_case"):
            assert not rows, role
            continue
        answer = await people.door.get(people.username(role), "/cases", params={"limit": 200})
        assert {UUID(item["id"]) for item in answer.json()["items"]} == rows, role
        assert answer.json()["next"] is None


async def test_a_wrapped_key_is_found_by_whoever_needs_it_and_by_nobody_else(people: Everybody) -> None:
    for role in ROLES:
        anywhere = {how for event in EVENTS for how in reach(role, event)}
        async with as_api(people, people.acting[people.username(role)]) as connection:
            for relation, subject in people.relations(role).items():
                for name in ("case_key", "key_share"):
                    counted = text(f"SELECT count(*) FROM {name} WHERE case_id = :case")
                    count = (await connection.execute(counted, {"case": subject.id})).scalar_one()
                    answers = bool(services_of(role)) and relation is not Relation.RECUSED
                    if reads(role, relation) or relation is Relation.OWN or answers:
                        assert count, (role, relation, name)
                    elif relation is Relation.RECUSED or not anywhere:
                        assert not count, (role, relation, name)
                    elif relation is Relation.ELSEWHERE:
                        assert bool(count) == (role in HOTLINE), (role, name)


async def test_nobody_finds_anything_before_they_have_said_who_they_are(people: Everybody) -> None:
    database = people.door.database
    stranger = Who(person_id=uuid4(), position_id=uuid4(), case_id=uuid4())
    not_theirs = Who(people.acting["one.cpo"].person_id, people.acting["one.sup"].position_id)
    for engine, role in ((database.api, API), (database.worker, WORKER)):
        for who in (Who(), stranger, not_theirs):
            async with transaction(engine, who, NOW) as connection:
                for name in GUARDED:
                    if not _granted(role, name):
                        continue
                    own = who is not_theirs and name in _ONES_OWN
                    organisation = role == WORKER and who is not stranger and who != Who()
                    if own or organisation or (role == WORKER and who is stranger and name in _ORGANISATION):
                        continue
                    count = (await connection.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one()
                    assert count == 0, (role, who, name)


def _granted(role: str, name: str) -> bool:
    return "S" in GRANTS[name][0 if role == API else 1]


_ONES_OWN = {"person", "position", "account", "access_token", "submission", "report", "notice", "document"}
_ORGANISATION = {
    "person", "position", "unit", "unit_parent", "shift", "deputy", "absence", "suspension", "provider",
    "provider_name", "capability", "contact", "residential_area", "area_place", "collaborator", "unit_change",
    "unit_name",
}  # fmt: skip


async def test_a_position_that_has_ended_finds_nothing_at_the_next_statement(people: Everybody) -> None:
    who, subject = people.acting["two.sup"], people.subjects["SUP", Relation.OWN]
    async with as_api(people, who) as connection:
        assert (await found(connection, subject.id, subject.report_id))["case_file"] == 1
    ended = "UPDATE position SET valid_to = :at WHERE id = :id"
    await people.door.sql(ended, at=people.door.clock.now(), id=who.position_id)
    try:
        async with as_api(people, who) as connection:
            assert (await found(connection, subject.id, subject.report_id))["case_file"] == 0
    finally:
        await people.door.sql("UPDATE position SET valid_to = NULL WHERE id = :id", id=who.position_id)


# --- the same rows though the service asks for none -------------------------------------------------------------------


async def test_with_the_services_own_checks_off_every_read_answers_the_same(
    people: Everybody, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever opens a case for the first time declares, and only then is shown the child in lists: everybody once.
    await _answers(people)
    before = await _answers(people)
    for module in (cases, escalations, reports):
        for name in ("readable", "readable_escalation", "readable_report"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, lambda *_: true())
    _forget_statements()
    try:
        after = await _answers(people)
    finally:
        monkeypatch.undo()
        _forget_statements()
    assert before == after
    assert {status for status, _ in before.values()} == {200, 403, 404, 422}


def _forget_statements() -> None:
    for module in (cases, escalations, reports):
        for one in vars(module).values():
            if hasattr(one, "cache_clear"):
                one.cache_clear()


async def _answers(people: Everybody) -> dict[tuple[str, str], tuple[int, Any]]:
    """What every role is answered at every address that reads a case, and in its lists."""
    answers = {}
    for role in ("CPO", "VCH", "H111", "H111S", "DOH", "PROV", "NAT", "EDU", "AUD"):
        paths = {"/cases?limit=200", "/escalations?limit=200", "/inbox?limit=200", "/calls?limit=200"}
        for address in ROUTES:
            if address.startswith("GET ") and re.search(r"\{(case|report)\}", address):
                paths |= {path for one in people.relations(role).values() if (path := of(address, one)) is not None}
        for path in sorted(paths):
            answer = await people.door.get(people.username(role), path)
            said = answer.json() if "json" in answer.headers["content-type"] else answer.content
            if isinstance(said, dict):
                said.pop("custody", None)  # every reading is entered there
            answers[role, path] = (answer.status_code, said if answer.status_code == 200 else said["code"])
    return answers


# --- search ---------------------------------------------------------------------------------------------------------


async def test_a_name_is_found_where_the_case_is_the_readers_and_nowhere_else(people: Everybody) -> None:
    door, found = people.door, {}
    cases_of: dict[str, UUID] = {}
    for unit, username in (("HN-A", "one.cpo"), ("HN-B", "sup.b"), ("DN-X", "sup.x")):
        receipt = await door.report(username, unit=unit, children=[{"name": "Nguyễn Thị Ước Hiếm"}])
        cases_of[unit] = UUID(receipt["cases"][0]["id"])
    await recuse(door, cases_of["HN-A"], people.acting["one.chair"].person_id)
    for role in ROLES:
        answer = await door.post(people.username(role), "/search", {"name": "thị ước"})
        if not may(role, "search"):
            assert answer.status_code == 403, role
            continue
        found[role] = {unit for unit, case in cases_of.items() if str(case) in answer.text}
        # Found, and not shown before they have said whether they are related to the child.
        assert "Nguyễn Thị Ước Hiếm" not in answer.text
    assert found == {
        "CPO": {"HN-A"}, "SUP": {"HN-A"}, "VCH": set(), "CHAIR": set(), "DOH": {"HN-A", "HN-B"},
        "DOHD": {"HN-A", "HN-B"},
    }  # fmt: skip


async def test_a_search_in_raw_sql_is_a_search_of_ones_own(people: Everybody) -> None:
    ask = text("SELECT count(*) FROM annhi_search('be mau', 1000)")
    for username, some in (("one.sup", True), ("one.aud", False), ("one.h111s", False), ("one.hlt", False)):
        async with as_api(people, people.acting[username]) as connection:
            assert ((await connection.execute(ask)).scalar_one() > 0) is some, username
    async with transaction(people.door.database.api, Who(), NOW) as connection:
        assert (await connection.execute(ask)).scalar_one() == 0


async def test_a_search_finds_by_what_was_misheard_and_leaves_its_count_on_record(people: Everybody) -> None:
    door = people.door
    receipt = await door.report("one.sup", children=[{"name": "Trần Khánh Huyền"}])
    await door.get("one.sup", f"/cases/{receipt['cases'][0]['id']}")  # declares
    assert "Trần Khánh Huyền" in (await door.post("one.sup", "/search", {"name": "tran kanh huyen"})).text
    for name in ("%", "_%", "\\", "h", "   "):
        assert (await door.post("one.sup", "/search", {"name": name})).status_code == 422, name
    (entry,) = await door.sql(
        "SELECT detail FROM audit_entry WHERE action = 'search' AND actor_id = :who ORDER BY id DESC LIMIT 1",
        who=people.acting["one.sup"].person_id,
    )
    assert entry["detail"] == {"found": 1}


# --- who adds and changes what ----------------------------------------------------------------------------------------


async def refused(connection: AsyncConnection, statement: str, why: str = "row-level security", **values: Any) -> None:
    with pytest.raises(DBAPIError, match=why):
        async with connection.begin_nested():
            await connection.execute(text(statement), values)


async def test_nothing_is_written_in_anothers_name_or_beside_the_intake(people: Everybody) -> None:
    own, other = people.acting["one.cpo"], people.acting["two.cpo"]
    subject = people.subjects["CPO", Relation.OWN]
    async with as_api(people, own) as connection:
        for statement in (
            (
                "INSERT INTO document (id, case_id, command_id, kind, sealed, content_hash, author_id, created_at) "
                "VALUES (:id, :case, :id, 'note', '\\x00', 'x', :other, :at)"
            ),
            (
                "INSERT INTO submission (id, person_id, key, target, request_hash, created_at) "
                "VALUES (:id, :other, :id, 'x', 'x', :at)"
            ),
            (
                "INSERT INTO audit_entry (id, at, actor_id, role, action, record, outcome, detail) "
                "VALUES (:id, :at, :other, 'CPO', 'read', 'case', 'done', '{}')"
            ),
            (
                "INSERT INTO audit_entry (id, at, role, action, record, outcome, detail) "
                "VALUES (:id, :at, 'SYSTEM', 'read', 'case', 'done', '{}')"
            ),
            "INSERT INTO household (id, created_at) VALUES (:id, :at)",
            "INSERT INTO informant (id, report_id, sealed, created_at) VALUES (:id, :theirs, '\\x00', :at)",
            (
                "INSERT INTO case_report (id, case_id, report_id, how, received_at, flagged) "
                "VALUES (:id, :case, :report, 'first', :at, false)"
            ),
        ):
            given = {
                "id": uuid4(),
                "case": subject.id,
                "other": other.person_id,
                "at": NOW,
                "report": subject.report_id,
                "theirs": people.subjects["CPO", Relation.SAME_UNIT].report_id,
            }
            await refused(
                connection, statement, **{key: value for key, value in given.items() if f":{key}" in statement}
            )


async def test_an_administrator_gives_nothing_to_themselves_and_nothing_outside_their_offices(
    people: Everybody,
) -> None:
    admin, door = people.acting["one.adm"], people.door
    add = "INSERT INTO position (id, person_id, unit_id, role, valid_from) VALUES (:id, :person, :unit, 'CPO', :at)"
    for who, unit in ((admin.person_id, "HN-A"), (people.acting["one.cpo"].person_id, "VN")):
        async with as_api(people, admin) as connection:
            await refused(connection, add, id=uuid4(), person=who, unit=door.unit(unit), at=NOW)
    async with as_api(people, people.acting["one.sup"]) as connection:
        await refused(
            connection, add, id=uuid4(), person=people.acting["one.edu"].person_id, unit=door.unit("HN-A"), at=NOW
        )


# --- an agency and its referrals --------------------------------------------------------------------------------------

AGENCIES = sorted(role for role in ROLES if services_of(role))


@pytest.mark.parametrize("how", Stands)
@pytest.mark.parametrize("role", AGENCIES)
async def test_an_agency_finds_of_a_child_what_its_referral_shows_and_nothing_else(
    people: Everybody, role: str, how: Stands
) -> None:
    subject = people.subjects["SUP", Relation.SAME_UNIT]
    referral = await refer(people.door, subject.id, role, how)
    who = people.acting[f"one.{role.lower()}"]
    files = await files_of(people, subject.id, referral, role)
    if how is Stands.RECUSED:
        await recuse(people.door, subject.id, who.person_id)
    try:
        async with as_api(people, who) as connection:
            found = await connection.execute(text("SELECT id FROM referral WHERE id = :id"), {"id": referral})
            seen = (await connection.execute(text("SELECT * FROM annhi_slices(:id)"), {"id": referral})).one_or_none()
            shown = SEES[how]
            assert (found.scalar_one_or_none() is not None) == (shown is not Slice.NOTHING)
            assert (seen is not None) == (shown is not Slice.NOTHING)
            if seen is not None:
                assert seen.age == 8
                named = shown is Slice.SLICE and "full_name" in CHILD_FIELDS[services_of(role)[0]]
                assert seen.full_name == ("Bé Mẫu" if named else None)
            # Of what lies in the case, the file of this referral and the one that is shared with it; with the slice.
            rows = await connection.execute(
                text("SELECT id FROM attachment WHERE case_id = :id ORDER BY created_at"), {"id": subject.id}
            )
            seen_files = list(rows.scalars())
            assert set(seen_files) == (set(files) if shown is Slice.SLICE else set())
            counted = "SELECT (SELECT count(*) FROM attachment_share), (SELECT count(*) FROM custody_entry)"
            assert tuple((await connection.execute(text(counted))).one()) == (
                (1, 2) if shown is Slice.SLICE else (0, 0)
            )
            for table in ("case_file", "case_event", "document", "report", "breach"):
                column = {"case_file": "id", "report": "id"}.get(table, "case_id")
                rows = await connection.execute(
                    text(f"SELECT count(*) FROM {table} WHERE {column} = :id"),
                    {"id": subject.report_id if table == "report" else subject.id},
                )
                assert rows.scalar_one() == 0, table
            assert (await connection.execute(text("SELECT count(*) FROM child"))).scalar_one() == 0
    finally:
        await people.door.sql("DELETE FROM recusal WHERE case_id = :id", id=subject.id)
        await people.door.sql("UPDATE referral SET receiver_id = NULL WHERE id = :id", id=referral)


async def files_of(people: Everybody, case: UUID, referral: UUID, role: str) -> list[UUID]:
    """A file of a referral's agency and one of the case that is shared with it, each with an entry of custody; beside
    them one that was shared and taken back, and one of the case alone."""
    door, at, who = people.door, people.door.clock.now(), people.acting[f"two.{role.lower()}"]
    sup, made = people.acting["one.sup"], [uuid4() for _ in range(4)]
    for one in made:
        own = one == made[0]
        await door.sql(
            "INSERT INTO attachment (id, case_id, object_name, kind, data_class, media_type, size, sealed, "
            "content_hash, author_id, created_at, state, referral_id, agency_id) VALUES (:id, :case, :name, 'PHOTO', "
            "'P3', 'image/png', 1, '\\x00', 'x', :author, :at, 'clean', :referral, :agency)",
            id=one, case=case, name=one.hex, at=at, author=who.person_id if own else sup.person_id,
            referral=referral if own else None, agency=who.unit_id if own else None,
        )  # fmt: skip
        await door.sql(
            "INSERT INTO custody_entry (id, attachment_id, sequence, what, at, hash) "
            "VALUES (:id, :one, 1, 'SCANNED', :at, 'x')",
            id=uuid4(), one=one, at=at,
        )  # fmt: skip
    for one in made[1:3]:
        over = one == made[2]
        await door.sql(
            "INSERT INTO attachment_share (id, attachment_id, referral_id, case_id, shared_by, position_id, shared_at, "
            "ended_by, ended_position_id, ended_at) VALUES (:id, :one, :referral, :case, :who, :position, :at, "
            ":ender, :ended, :over)",
            id=uuid4(), one=one, referral=referral, case=case, who=sup.person_id, position=sup.position_id, at=at,
            ender=sup.person_id if over else None, ended=sup.position_id if over else None, over=at if over else None,
        )  # fmt: skip
    return made[:2]


_ADD_FILE = (
    "INSERT INTO attachment (id, case_id, object_name, kind, data_class, media_type, size, sealed, content_hash, "
    "author_id, created_at, state, referral_id, agency_id) VALUES (:id, :case, :name, 'PHOTO', 'P3', 'image/png', 1, "
    "'\\x00', 'x', :who, :at, 'unscanned', :referral, :unit)"
)
_SHARE = (
    "INSERT INTO attachment_share (id, attachment_id, referral_id, case_id, shared_by, position_id, shared_at) "
    "VALUES (:id, :file, :referral, :case, :who, :position, :at)"
)


@pytest.mark.parametrize("how", Stands)
async def test_an_agency_adds_a_file_to_a_referral_it_has_taken_on_and_to_nothing_else(
    people: Everybody, how: Stands
) -> None:
    subject, other = people.subjects["SUP", Relation.SAME_UNIT], people.subjects["SUP", Relation.OWN]
    referral, who = await refer(people.door, subject.id, "LEG", how), people.acting["one.leg"]
    if how is Stands.RECUSED:
        await recuse(people.door, subject.id, who.person_id)
    given = {
        "id": uuid4(), "name": uuid4().hex, "case": subject.id, "who": who.person_id, "at": NOW, "referral": referral,
        "unit": who.unit_id,
    }  # fmt: skip
    wrong: list[dict[str, Any]] = [
        {"case": other.id}, {"referral": None, "unit": None}, {"unit": people.door.unit("HN-BV")},
        {"who": people.acting["two.leg"].person_id},
    ]  # fmt: skip
    try:
        async with as_api(people, who) as connection:
            for one in wrong:
                await refused(connection, _ADD_FILE, **{**given, **one})
            if how is Stands.AGREED:
                await connection.execute(text(_ADD_FILE), given)
            else:
                await refused(connection, _ADD_FILE, **given)
            await connection.rollback()
        async with as_api(people, people.acting["one.hlt"]) as connection:
            await refused(connection, _ADD_FILE, **{**given, "who": people.acting["one.hlt"].person_id})
    finally:
        await people.door.sql("DELETE FROM recusal WHERE case_id = :id", id=subject.id)
        await people.door.sql("UPDATE referral SET receiver_id = NULL WHERE id = :id", id=referral)


async def test_a_file_is_shared_by_whoever_reads_its_case_with_a_referral_of_that_case_and_taken_back_once(
    people: Everybody,
) -> None:
    subject, other = people.subjects["SUP", Relation.SAME_UNIT], people.subjects["SUP", Relation.OWN]
    here, there = [await refer(people.door, one.id, "LEG", Stands.AGREED) for one in (subject, other)]
    sup = people.acting["one.sup"]
    given = {
        "id": uuid4(), "file": subject.attachment_id, "referral": here, "case": subject.id, "who": sup.person_id,
        "position": sup.position_id, "at": NOW,
    }  # fmt: skip
    for username in ("one.leg", "one.h111", "one.prov", "one.adm"):
        person = people.acting[username]
        async with as_api(people, person) as connection:
            await refused(connection, _SHARE, **{**given, "who": person.person_id, "position": person.position_id})
    async with as_api(people, sup) as connection:
        for one in ({"referral": there}, {"case": other.id}, {"file": other.attachment_id},
                    {"referral": there, "case": other.id}, {"who": people.acting["two.sup"].person_id}):  # fmt: skip
            await refused(connection, _SHARE, **{**given, **one})
        await connection.execute(text(_SHARE), given)
        end = (
            "UPDATE attachment_share SET ended_by = :who, ended_position_id = :position, ended_at = :at WHERE id = :id"
        )
        await refused(connection, "DELETE FROM attachment_share WHERE id = :id", "permission denied", id=given["id"])
        moved = "UPDATE attachment_share SET referral_id = :there WHERE id = :id"
        await refused(connection, moved, "permission denied", there=there, id=given["id"])
        await connection.execute(text(end), given)
        await refused(connection, end, "append-only", **given)
        await connection.rollback()


async def test_what_was_asked_of_an_agency_is_handed_out_once_it_has_agreed(people: Everybody) -> None:
    subject, at = people.subjects["SUP", Relation.SAME_UNIT], people.door.clock.now()
    asked, document = await refer(people.door, subject.id, "LEG", Stands.ASKED), uuid4()
    await people.door.sql(
        "INSERT INTO document (id, case_id, command_id, kind, sealed, content_hash, author_id, created_at, version, "
        "frozen_at) VALUES (:id, :case, :id, 'act', '\\x00', 'x', :author, :at, 1, :at)",
        id=document, case=subject.id, author=people.door.person("sup.a"), at=at,
    )  # fmt: skip
    await people.door.sql(
        "INSERT INTO referral_event (id, referral_id, case_id, sequence, command_id, event, implied, after, role, "
        "occurred_at, recorded_at, documents, facts, protocol_version) VALUES (:id, :referral, :case, 1, :id, "
        "'ask_service', '[]', 'draft', 'SUP', :at, :at, jsonb_build_array(jsonb_build_object('id', "
        "cast(:document AS text))), '{}', 'x')",
        id=uuid4(), referral=asked, case=subject.id, at=at, document=str(document),
    )  # fmt: skip

    async def handed(who: str) -> list[UUID]:
        async with as_api(people, people.acting[who]) as connection:
            rows = await connection.execute(text("SELECT id FROM annhi_request(:id)"), {"id": asked})
            return list(rows.scalars())

    assert await handed("one.leg") == []
    assert await handed("one.sup") == [document]
    await people.door.sql("UPDATE referral SET state = 'accepted', accepted_at = :at WHERE id = :id", id=asked, at=at)
    assert await handed("one.leg") == [document]
    assert await handed("one.hlt") == await handed("one.adm") == []


# --- the worker and the named parts of the system --------------------------------------------------------------------


async def test_the_worker_finds_the_case_it_works_on_and_no_other(people: Everybody) -> None:
    one, other = people.subjects["CPO", Relation.OWN], people.subjects["SUP", Relation.OWN]
    async with transaction(people.door.database.worker, Who(system="worker", case_id=one.id), NOW) as connection:
        for name in ("case_event", "deadline", "rung", "document", "case_report"):
            rows = await connection.execute(text(f"SELECT DISTINCT case_id FROM {name}"))
            assert set(rows.scalars()) == {one.id}, name
        child = await connection.execute(text("SELECT c.id FROM case_file c JOIN child k ON k.id = c.child_id"))
        assert list(child.scalars()) == [one.id], "how old its child is, and no other"
        await refused(connection, "SELECT full_name FROM child", why="permission denied")
        await work_on(connection, [other.id])
        rows = await connection.execute(text("SELECT id FROM case_file"))
        assert set(rows.scalars()) == {one.id, other.id}
        changed = await connection.execute(text("UPDATE case_file SET risk = 'R1'"))
        assert changed.rowcount == 2
        await connection.rollback()


async def test_the_worker_adds_nobody_to_another_cases_escalation(people: Everybody) -> None:
    one, other = people.subjects["CPO", Relation.OWN], people.subjects["SUP", Relation.OWN]
    add = "INSERT INTO escalation_recipient (escalation_id, person_id, role, watching) VALUES (:id, :who, 'SUP', false)"
    who = people.acting["one.sup"].person_id
    async with transaction(people.door.database.worker, Who(system="worker", case_id=one.id), NOW) as connection:
        await refused(connection, add, id=other.escalation_id, who=who)
        await connection.execute(text(add), {"id": one.escalation_id, "who": who})
        await connection.rollback()


@pytest.mark.parametrize("part", PARTS)
async def test_a_named_part_finds_what_it_was_given_and_nothing_else(people: Everybody, part: str) -> None:
    given = PARTS[part]
    engine = people.door.database.api if given.role == API else people.door.database.worker
    async with transaction(engine, Who(system=part), NOW) as connection:
        for name in GUARDED:
            if not _granted(given.role, name) or (given.role == WORKER and name in _ORGANISATION):
                continue
            count = (await connection.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one()
            whole = given.finds.get(name) == "true" and bool(await _there(people, name))
            assert bool(count) == whole or name in given.finds, (part, name)
        # Whatever it is for, no part of the system learns who a child is or what was said.
        for name in ("child", "document"):
            assert (await connection.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one() == 0


async def _there(people: Everybody, name: str) -> int:
    async with people.door.database.owner.begin() as connection:
        count: int = (await connection.execute(text(f"SELECT count(*) FROM {name}"))).scalar_one()
        return count


async def test_what_screening_compares_is_handed_to_nobody_else(people: Everybody) -> None:
    near, unit = text("SELECT count(*) FROM people_near(NULL, :units, '{}', :at)"), people.door.unit("HN-A")
    at = people.door.clock.now()
    async with as_api(people, people.acting["one.cpo"]) as connection:
        assert (await connection.execute(near, {"units": [unit], "at": at})).scalar_one() == 0
        async with as_part(connection, "screening"):
            assert (await connection.execute(near, {"units": [unit], "at": at})).scalar_one() > 0
        assert (await connection.execute(text("SELECT count(*) FROM alleged_in(NULL)"))).scalar_one() == 0


async def test_a_unit_is_handed_over_by_nobody_who_administers_one_side_only(people: Everybody) -> None:
    admin, door = people.acting["one.adm"], people.door
    add = (
        "INSERT INTO unit_change (id, act_id, kind, predecessor_id, successor_id, heir, name_vi, name_en, decision, "
        "decided_on, at, made_by) VALUES (:id, :id, 'merge', :old, :new, true, 'x', 'x', 'x', '2026-01-01', :at, :who)"
    )
    async with as_api(people, admin) as connection:
        for old, new in (("HN-A", "DN-X"), ("DN-X", "HN-A")):
            given = {"id": uuid4(), "old": door.unit(old), "new": door.unit(new), "at": NOW, "who": admin.person_id}
            await refused(connection, add, **given)


async def test_a_part_works_no_further_than_the_exception_that_ends_it(people: Everybody) -> None:
    part = text("SELECT annhi_part(), (SELECT count(*) FROM conflict)")

    class RefusedError(Exception):
        pass

    async with as_api(people, people.acting["one.cpo"]) as connection:
        await work_on(connection, [people.subjects["CPO", Relation.OWN].id])
        before = (await connection.execute(part)).one()

        async def broken_off() -> None:
            async with as_part(connection, "screening"):
                assert (await connection.execute(part)).one()[0] == "screening"
                raise RefusedError

        with pytest.raises(RefusedError):
            await broken_off()
        assert (await connection.execute(part)).one() == before
        # What PostgreSQL refuses is the exception that is told, though nothing can be said to it any more.
        for _ in range(2):
            with pytest.raises(DBAPIError, match="division by zero"):
                async with connection.begin_nested(), as_part(connection, "screening"):
                    await connection.execute(text("SELECT 1/0"))
            assert (await connection.execute(part)).one() == before


async def test_a_connection_that_is_lost_in_a_part_is_told_as_lost(people: Everybody) -> None:
    """Else whoever asked is told of a fault of ours, and not to try again."""

    async def cut_off() -> None:
        async with as_api(people, people.acting["one.cpo"]) as connection, as_part(connection, "screening"):
            backend = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
            async with as_api(people, people.acting["one.cpo"]) as other:
                await other.execute(text("SELECT pg_terminate_backend(:backend)"), {"backend": backend})
            await connection.execute(text("SELECT 1"))

    with pytest.raises(DBAPIError) as lost:
        await cut_off()
    assert lost.value.connection_invalidated


def test_every_role_that_reads_a_case_sees_some_class_of_data() -> None:
    for role in ROLES:
        if any(reads(role, relation) for relation in Relation):
            assert DATA.get(role), role

"""The unit at the record: who may send what from where, the same as at the door, and refused where it is not."""

from datetime import timedelta
from itertools import product
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import and_, select, update

from activities.transition import Transitions
from models.access import COMMUNE, Standpoint, may_send
from models.database import Who, transaction
from models.forms import ReportInput
from models.lifecycle.events import PERSON_EVENTS
from models.messages import Command
from models.records.actor import Acting
from models.records.cases import lock_cases, surroundings
from models.records.intake import receive_report
from models.records.reach import in_reach
from models.records.reference import load_reference
from models.records.scope import in_scope, kept_from, not_, within
from models.records.terms import said, terms
from models.tables import AuditEntry, BreakGlass, CaseEvent, CaseFile, Deputy, Position, UnitParent, table
from tests.people_support import NOW, Province, load_province
from tests.test_rungs_firing import At

CASE = table(CaseFile)
REFERENCE = load_reference()
ASKED = (
    "acknowledge", "record_follow_up", "add_report", "raise_emergency", "request_ban", "order_isolation", "reopen",
    "clear_conflict",
)  # fmt: skip


@pytest_asyncio.fixture
async def province(database: Any) -> Province:
    return await load_province(database.owner)


def acting(province: Province, username: str) -> Acting:
    person = province.person(username)
    one = next(row for row in province.sample.rows["position"] if row["person_id"] == person)
    return Acting(person, one["id"], one["unit_id"], one["role"])


async def taken_in(database: Any, province: Province, by: str, **units: str) -> UUID:
    who = acting(province, by)
    async with transaction(database.api, Who(who.person_id, who.position_id, "intake"), NOW) as connection:
        intake = await receive_report(
            connection, report=ReportInput.model_validate(units), actor=who, now=NOW,
            reference=REFERENCE, command_id=uuid4(),
        )  # fmt: skip
    return intake.cases[0].case_id


async def change(province: Province, case_id: UUID, **columns: Any) -> None:
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        await connection.execute(update(CASE).where(CASE.c.id == case_id).values(**columns))


async def cases_of_all_sorts(database: Any, province: Province) -> list[UUID]:
    """Held, held elsewhere than where it happened, answered and not, nobody's, taken in by everybody who may."""
    made = [
        await taken_in(database, province, by, **units)
        for by, units in product(
            ("h111", "cpo.a", "pol.a", "hlt", "doh"),
            ({"incident_unit": "HN-A"}, {"incident_unit": "HN-B", "residence_unit": "HN-A"}, {}),
        )
    ]
    for case_id in made[::2]:
        await change(province, case_id, process="screening")
    moved = await taken_in(database, province, "h111", incident_unit="HN-A", residence_unit="HN-B")
    await change(province, moved, unit_id=province.unit("HN-C"))
    return [*made, moved]


async def test_the_record_draws_the_line_exactly_where_the_door_does(database: Any, province: Province) -> None:
    """Every sample person, every sort of case, every kind of event: no false refusal, and none missing."""
    made = await cases_of_all_sorts(database, province)
    # One stands in for the chair of another commune, one was named decider of a case elsewhere, one commune is alone.
    await province.add(
        Deputy, unit_id=province.unit("HN-B"), role="CHAIR", principal_id=province.person("chair.b"),
        deputy_id=province.person("cpo.c"), valid_from=NOW - timedelta(days=1),
    )  # fmt: skip
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        (named,) = (await connection.execute(select(CASE.c.id, CASE.c.code, CASE.c.owner_id).limit(1))).all()
        parents = table(UnitParent)
        await connection.execute(
            parents.update().where(parents.c.unit_id == province.unit("HN-D")).values(valid_to=NOW)
        )
    await province.delegate(named, "chair.c")
    # Who looks into cases by broken glass acts on none of them.
    looking = acting(province, "sup.b")
    for case_id in made:
        await province.add(
            BreakGlass, case_id=case_id, person_id=looking.person_id, position_id=looking.position_id,
            reason="CHILD_FOUND", note_sealed=b"x", minutes=60, asked_at=NOW, confirmed_by=province.person("chair.b"),
            confirmed_at=NOW, ends_at=NOW + timedelta(hours=1), review_due_at=NOW + timedelta(days=1),
        )  # fmt: skip
    differ, yes = [], 0
    people = sorted({row["person_id"] for row in province.sample.rows["position"]}, key=str)
    for person in people:
        sender = acting(province, province.name(person))
        async with transaction(database.worker, Who(person, sender.position_id), NOW) as connection:
            rows = await lock_cases(connection, made)
            for event in ASKED:
                door: set[UUID] = set()
                of_sender = terms(sender.role)
                for clause in (in_scope(of_sender), and_(not_(kept_from(of_sender)), within(of_sender, event))):
                    found = select(CASE.c.id).where(CASE.c.id.in_(made), clause)
                    door |= set(await connection.scalars(found, said(sender, NOW)))
                for case in rows.values():
                    around = await surroundings(
                        connection, case, positions=[sender.position_id], persons=[person], at=NOW
                    )
                    record = in_reach(sender, event, case, around)
                    yes += record
                    if record != (case.id in door):
                        differ.append((province.name(person), event, case.code, record))
    assert differ == []
    assert 0 < yes < len(people) * len(ASKED) * len(made)


@pytest.mark.parametrize("role", sorted(COMMUNE))
def test_a_commune_acts_on_what_it_holds_and_on_nothing_else(role: str) -> None:
    for event in PERSON_EVENTS:
        assert may_send(role, event, Standpoint(holds=True))
        assert not may_send(role, event, Standpoint(province=True, took_in=True, unit_took_in=True))


async def recorded(database: Any, case_id: UUID, who: Acting, event: str) -> str | None:
    """The refusal's code of a command that reached the record, whoever sent it; None where it was accepted."""
    answer = await Transitions(database.worker, REFERENCE, At(NOW)).record_transition(
        Command(
            command_id=uuid4(), case_id=case_id, event=event, person_id=who.person_id, position_id=who.position_id,
            recorded_at=NOW, occurred_at=NOW,
        )
    )  # fmt: skip
    return answer.code


async def test_a_command_from_another_commune_moves_nothing(database: Any, province: Province) -> None:
    case_id = await taken_in(database, province, "h111", incident_unit="HN-A")
    assert await recorded(database, case_id, acting(province, "cpo.b"), "acknowledge") == "not-your-unit"
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        of = table(CaseEvent)
        events = (await connection.execute(select(of.c.event).where(of.c.case_id == case_id))).scalars().all()
        entries = table(AuditEntry)
        refused = await connection.execute(
            select(entries.c.code).where(entries.c.case_id == case_id, entries.c.outcome == "refused")
        )
        assert (events, refused.scalars().all()) == (["receive_report"], ["not-your-unit"])
    assert await recorded(database, case_id, acting(province, "dohd"), "acknowledge") is None


async def test_the_unit_tree_counts_as_it_is_when_the_command_is_recorded(database: Any, province: Province) -> None:
    """The commune left the province a second ago: its duty desk no longer acts there."""
    case_id = await taken_in(database, province, "h111", incident_unit="HN-A")
    parents = table(UnitParent)
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        await connection.execute(
            parents.update()
            .where(parents.c.unit_id == province.unit("HN-A"))
            .values(valid_to=NOW - timedelta(seconds=1))
        )
    assert await recorded(database, case_id, acting(province, "dohd"), "acknowledge") == "not-your-unit"
    assert await recorded(database, case_id, acting(province, "cpo.a"), "acknowledge") is None


async def test_a_deputy_acts_where_they_stand_in_and_nowhere_else(database: Any, province: Province) -> None:
    here = await taken_in(database, province, "h111", incident_unit="HN-B")
    there = await taken_in(database, province, "h111", incident_unit="HN-A")
    await province.add(
        Deputy, unit_id=province.unit("HN-B"), role="SUP", principal_id=province.person("sup.b"),
        deputy_id=province.person("cpo.c"), valid_from=NOW - timedelta(days=1),
    )  # fmt: skip
    deputy = acting(province, "cpo.c")
    assert await recorded(database, here, deputy, "acknowledge") is None
    assert await recorded(database, there, deputy, "acknowledge") == "not-your-unit"


async def test_a_second_hat_in_the_cases_commune_counts_only_when_it_is_worn(database: Any, province: Province) -> None:
    case_id = await taken_in(database, province, "h111", incident_unit="HN-A")
    other = acting(province, "cpo.b")
    hat = uuid4()
    async with transaction(province.engine, Who(system="test"), NOW) as connection:
        await connection.execute(
            table(Position).insert().values(
                id=hat, person_id=other.person_id, unit_id=province.unit("HN-A"), role="CPO",
                valid_from=NOW - timedelta(days=1),
            )
        )  # fmt: skip
    assert await recorded(database, case_id, other, "acknowledge") == "not-your-unit"
    worn = Acting(other.person_id, hat, province.unit("HN-A"), "CPO")
    assert await recorded(database, case_id, worn, "acknowledge") is None

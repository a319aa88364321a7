"""The whole table of state x event at the record: a refusal leaves an audit line and its answer, nothing else.

The rows are generated from the chart. Each is tried for real, in a transaction of the worker role that is rolled back:
once by a role that may and once by one that may not, with nothing given beside the event's name.
"""

from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby
from uuid import UUID, uuid4

import pytest
import structlog
from sqlalchemy import func, select, update
from structlog.testing import capture_logs

from activities.transition import Transitions
from deploy.seed import load_organisation, sample_organisation
from models import writing
from models.clock import PlatformClock
from models.database import Who, transaction
from models.forms import INPUTS, ReportInput
from models.lifecycle.table import ALLOWED, Row, rows, standing_in
from models.messages import Command
from models.records.actor import Acting
from models.records.content import REPORTING, report_id_of
from models.records.intake import receive_report, store_report
from models.records.reference import load_reference
from models.records.vault import keys_of
from models.tables import METADATA, CaseFile, table

pytestmark = pytest.mark.servers

CASE = table(CaseFile)
CLOCK = PlatformClock()
BY_STATE = {"not-allowed-in-state", "emergency-in-force", "unknown-event"}
SAID = ("audit_entry", "command_record")
"""What a refusal writes, one row each."""


def chosen() -> Iterator[Row]:
    """For each state and event a role the table allows and one it refuses, of those the sample has in the commune."""
    present = {"CPO", "SUP", "CHAIR", "VCH", "POL", "GRP", "DOH", "DOHD", "H111", "AUD"}
    for _, several in groupby(rows(), key=lambda row: (row.region, row.state, row.variant, row.event)):
        asked = [row for row in several if row.role in present and row.event in INPUTS]
        for group in (
            [row for row in asked if row.outcome == ALLOWED],
            [row for row in asked if row.outcome != ALLOWED],
        ):
            yield from group[:1]


@pytest.fixture
async def desk(database):
    """A case of the sample's commune, everybody's position, and the activity that records commands."""
    reference = load_reference()
    now = CLOCK.now()
    made = sample_organisation(now)
    async with transaction(database.owner, Who(system="test"), now) as connection:
        await load_organisation(connection, made)
    units = {row["id"]: row["code"] for row in made.rows["unit"]}
    post = {
        row["role"]: Acting(row["person_id"], row["id"], row["unit_id"], row["role"])
        for row in reversed(made.rows["position"])
        if units[row["unit_id"]] in ("HN-A", "HN-SYT", "111")
    }
    cpo = post["CPO"]
    async with transaction(database.api, Who(cpo.person_id, cpo.position_id, "intake"), now) as connection:
        intake = await receive_report(
            connection, report=ReportInput.model_validate({"incident_unit": "HN-A", "residence_unit": "HN-A"}),
            actor=cpo, now=now, reference=reference, command_id=uuid4(),
        )  # fmt: skip
    return database, Transitions(database.worker, reference, CLOCK), intake.cases[0].case_id, post


async def try_out(desk, row: Row) -> tuple[str | None, dict[str, int]]:
    """Send one event to the case in one standing; its refusal code (None: accepted) and the rows it would leave."""
    database, transitions, case_id, post = desk
    standing = standing_in(row.region, row.state, row.variant)
    now = CLOCK.now()
    command = Command(
        command_id=uuid4(), case_id=case_id, event=row.event, person_id=post[row.role].person_id,
        position_id=post[row.role].position_id, recorded_at=now, occurred_at=now,
    )  # fmt: skip
    async with database.owner.connect() as connection, connection.begin() as undone:
        with writing.gathering(connection):
            # As the owner: the test itself puts the case where no chart would, and brings the report of `add_report`.
            await connection.execute(update(CASE).where(CASE.c.id == case_id).values(**standing.model_dump()))
            if row.event in REPORTING:
                await store_report(
                    connection, report=ReportInput(), actor=post[row.role], now=now,
                    report_id=report_id_of(command.command_id), cases=await keys_of(connection, [case_id]),
                )  # fmt: skip
            before = await counts(connection, case_id)
            answer = await transitions._record(connection, command)
            after = await counts(connection, case_id)
        await undone.rollback()
    return answer.code, {name: after[name] - before[name] for name in after if after[name] != before[name]}


async def counts(connection, case_id: UUID) -> dict[str, int]:
    found = {}
    for each in METADATA.sorted_tables:
        if "case_id" in each.c:
            statement = select(func.count()).select_from(each).where(each.c.case_id == case_id)
            found[each.name] = (await connection.execute(statement)).scalar_one()
    sequence = select(CASE.c.sequence).where(CASE.c.id == case_id)
    return found | {"sequence": (await connection.execute(sequence)).scalar_one()}


async def test_every_state_and_event_does_at_the_record_what_the_table_says(desk):
    wrong, tried = [], 0
    for row in chosen():
        code, left = await try_out(desk, row)
        tried += 1
        refused_as_said = code == row.outcome
        if row.outcome != ALLOWED:
            fine = refused_as_said and left == dict.fromkeys(SAID, 1)
        elif code is None:
            fine = left["sequence"] == left["case_event"] == left["audit_entry"] == left["command_record"] == 1
        else:
            # Something the act needs was not given; state and role were not the reason.
            fine = code not in BY_STATE | {"not-your-role"} and left == dict.fromkeys(SAID, 1)
        if not fine:
            wrong.append((row, code, left))
    assert not wrong, wrong[:5]
    assert tried > 1500  # every state, most of them with an allowed and a refused role


async def test_a_transition_is_a_line_with_its_ids_from_where_and_to_where(desk, database):
    _, transitions, case_id, post = desk
    now = CLOCK.now()
    sent = [
        Command(
            command_id=uuid4(), case_id=case_id, event=event, person_id=post["CPO"].person_id,
            position_id=post["CPO"].position_id, recorded_at=now, occurred_at=now,
        )
        for event in ("acknowledge", "start_review")
    ]  # fmt: skip
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as said:
        for command in sent:
            await transitions.record_transition(command)
    done, refused = [one for one in said if one["event"] == "transition"]
    async with database.owner.connect() as connection:
        code = (await connection.execute(select(CASE.c.code).where(CASE.c.id == case_id))).scalar_one()
    for line, command in ((done, sent[0]), (refused, sent[1])):
        assert (line["command_id"], line["workflow_id"]) == (str(command.command_id), f"case/{case_id}")
        assert (line["case_code"], line["event_code"]) == (code, command.event)
    assert (done["outcome"], done["before"]["process"], done["after"]["process"]) == (
        *("accepted", "received"),
        "screening",
    )
    assert (refused["outcome"], refused["code"]) == ("refused", "not-allowed-in-state")
    assert (refused["before"]["process"], refused["after"]) == ("screening", None)
    assert not structlog.contextvars.get_contextvars().keys() & {"command_id", "case_code"}


async def test_a_command_of_a_position_that_ended_is_refused(desk, database):
    _, transitions, case_id, post = desk
    ended = post["CPO"]
    position = METADATA.tables["position"]
    async with transaction(database.owner, Who(system="test"), CLOCK.now()) as connection:
        yesterday = CLOCK.now() - timedelta(days=1)
        await connection.execute(update(position).where(position.c.id == ended.position_id).values(valid_to=yesterday))
    now = CLOCK.now()
    answer = await transitions.record_transition(
        Command(
            command_id=uuid4(),
            case_id=case_id,
            event="acknowledge",
            person_id=ended.person_id,
            position_id=ended.position_id,
            recorded_at=now,
            occurred_at=now,
        )
    )
    assert (answer.accepted, answer.code) == (False, "not-your-role")

"""Somebody leaves: their cases go to a successor in one act, each with a result of its own, and none twice."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from deploy.runtime.postgres import Postgres
from deploy.runtime.temporal import Temporal
from models.messages import Command, CommandResult
from models.tables import CaseEvent
from tests.api_support import Door, door_of
from tests.world import Case, World, a_world, client_of
from workflows.client import CaseDesk, TemporalAwayError

pytestmark = pytest.mark.servers


class Line(CaseDesk):
    """The way to Temporal, which breaks off after so many commands."""

    left: int | None = None

    async def send(self, command: Command, *, may_start: bool = False) -> CommandResult:
        if self.left == 0:
            raise TemporalAwayError
        if self.left is not None:
            self.left -= 1
        return await super().send(command, may_start=may_start)


@asynccontextmanager
async def a_place(postgres: Postgres, temporal: Temporal, key_file: Path) -> AsyncIterator[tuple[World, Door, Line]]:
    async with a_world(postgres, await client_of(temporal, key_file)) as world:
        line = Line(world.client, task_queue=world.task_queue, offset=world.offset, timeout=30)
        async with door_of(world, desk=line) as door:
            yield world, door, line


@pytest_asyncio.fixture
async def place(
    postgres: Postgres, temporal_process: Temporal, key_file: Path
) -> AsyncIterator[tuple[World, Door, Line]]:
    async with a_place(postgres, temporal_process, key_file) as made:
        yield made


async def cases_of(world: World, owner: str, many: int) -> list[Case]:
    return [await (await world.case(by=owner)).accepted(owner) for _ in range(many)]


async def hand_over(door: Door, who: str, leaver: str, to: UUID | str, key: UUID) -> Any:
    return await door.post(who, f"/people/{door.person(leaver)}/hand-over", {"to": str(to)}, key=key)


def results(answer: Any) -> dict[str, str]:
    """What became of each case: done, or the problem's code."""
    assert answer.status_code == 200, answer.text
    assert all((one["problem"] is None) == one["done"] for one in answer.json())
    return {one["case_id"]: "done" if one["done"] else one["problem"]["code"] for one in answer.json()}


async def times_given(case: Case) -> int:
    return len(await case.rows(CaseEvent, event="assign_owner"))


async def test_every_live_case_of_whoever_leaves_is_given_and_each_says_what_became_of_it(
    place: tuple[World, Door, Line],
) -> None:
    world, door, _ = place
    plain, kept, other = await cases_of(world, "cpo.a", 3)
    (hers,) = await cases_of(world, "cpo2.a", 1)
    ended, elsewhere = await cases_of(world, "cpo.a", 2)
    await ended.damage(process="closed")
    await elsewhere.damage(unit_id=world.unit("HN-B"))
    await kept.do("record_recusal", "sup.a", person_id=str(world.person("cpo2.a")), reason="họ hàng")

    key, to = uuid4(), door.person("cpo2.a")
    answer = await hand_over(door, "sup.a", "cpo.a", to, key)
    expected = {str(plain.id): "done", str(kept.id): "owner-recused", str(other.id): "done"}
    assert results(answer) == expected
    assert [one["case_code"] for one in answer.json()] == [(await one.row()).code for one in (plain, kept, other)]
    (refused,) = [one["problem"] for one in answer.json() if one["problem"]]
    assert refused["status"] == 409
    assert "xung đột" in refused["detail"] or "tham gia" in refused["detail"], refused
    for case, owner in ((plain, "cpo2.a"), (other, "cpo2.a"), (kept, "cpo.a"), (ended, "cpo.a"), (elsewhere, "cpo.a")):
        assert (await case.row()).owner_id == door.person(owner)
    assert await times_given(hers) == 0

    # The same again: the same answers, and nothing is done twice.
    assert results(await hand_over(door, "sup.a", "cpo.a", to, key)) == expected
    assert [await times_given(case) for case in (plain, kept, other)] == [1, 0, 1]
    # The key stands for what was asked, not for whatever comes next.
    reused = await hand_over(door, "sup.a", "cpo.a", door.person("sup.a"), key)
    assert (reused.status_code, reused.json()["code"]) == (422, "idempotency-key-reused")
    # What nobody could take over goes to somebody else, by whoever heads the office.
    assert results(await hand_over(door, "chair.a", "cpo.a", door.person("sup.a"), uuid4())) == {str(kept.id): "done"}
    # The same key for another person is another request.
    assert results(await hand_over(door, "sup.a", "cpo2.a", to=door.person("cpo.a"), key=key)) == {
        str(case.id): "done" for case in (plain, other, hers)
    }
    entries = await door.sql("SELECT detail FROM audit_entry WHERE action = 'hand_over' AND record_id IS NOT NULL")
    assert {case for entry in entries for case in entry["detail"]["cases"]} == {
        str(case.id) for case in (plain, kept, other, hers)
    }


async def test_a_hand_over_broken_off_half_way_goes_on_where_it_stopped(place: tuple[World, Door, Line]) -> None:
    world, door, line = place
    cases = await cases_of(world, "cpo.a", 4)
    ids = [str(case.id) for case in cases]
    key, to = uuid4(), door.person("cpo2.a")
    line.left = 2
    answer = await hand_over(door, "sup.a", "cpo.a", to, key)
    assert results(answer) == dict(zip(ids, ["done", "done", *["command-not-confirmed"] * 2], strict=True))
    assert [await times_given(case) for case in cases] == [1, 1, 0, 0]
    line.left = None
    assert results(await hand_over(door, "sup.a", "cpo.a", to, key)) == dict.fromkeys(ids, "done")
    assert [await times_given(case) for case in cases] == [1, 1, 1, 1]
    assert {(await case.row()).owner_id for case in cases} == {to}


async def test_cases_are_handed_over_by_the_head_of_their_office_to_somebody_who_serves_there(
    place: tuple[World, Door, Line],
) -> None:
    world, door, _ = place
    (case,) = await cases_of(world, "cpo.a", 1)
    to = door.person("cpo2.a")
    for who in ("cpo.a", "doh", "admin", "pol.a", "h111"):
        assert (await hand_over(door, who, "cpo.a", to, uuid4())).json()["code"] == "not-permitted", who
    assert (await hand_over(door, "sup.b", "cpo.a", to, uuid4())).json()["code"] == "not-found"
    unknown = await door.post("sup.a", f"/people/{uuid4()}/hand-over", {"to": str(to)}, key=uuid4())
    assert unknown.json()["code"] == "not-found"
    same = await hand_over(door, "sup.a", "cpo.a", door.person("cpo.a"), uuid4())
    assert same.json()["errors"] == [{"path": ["body", "to"], "code": "same-person"}]
    for nobody in (door.person("cpo.b"), uuid4()):
        answer = await hand_over(door, "sup.a", "cpo.a", nobody, uuid4())
        assert results(answer) == {str(case.id): "owner-not-serving"}
    # Whoever must keep out of a case gives it to nobody.
    await case.do("record_recusal", "chair.a", person_id=str(world.person("sup.a")), reason="họ hàng")
    assert results(await hand_over(door, "sup.a", "cpo.a", to, uuid4())) == {}
    assert (await case.row()).owner_id == door.person("cpo.a")

"""Stored histories replay on the present workflows; a change that would break a running case makes this fail.

What is stored, how, and how it is recorded again: tests/record_histories.py.
"""

import asyncio
import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from temporalio import workflow
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer, UnsandboxedWorkflowRunner, WorkflowReplayResult

from models.messages import CaseInput, Command, OpenDeadline, Recorded, RungDue, Snapshot
from models.vault import KeyRing
from tests.record_histories import FOLDER, KEYS, NOW
from workflows import case as case_module
from workflows import delivery as delivery_module
from workflows import referral as referral_module
from workflows import sweep as sweep_module
from workflows.case import Case
from workflows.connection import data_converter
from workflows.delivery import Delivery
from workflows.referral import Referral
from workflows.sweep import Sweep

STORED = sorted(FOLDER.glob("v*/*.json"))
WORKFLOWS = (Case, Referral, Delivery, Sweep)


def stored(path: Path) -> WorkflowHistory:
    content = json.loads(path.read_text(encoding="utf-8"))
    started = content["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started["workflowId"], content)


def type_of(path: Path) -> str:
    content = json.loads(path.read_text(encoding="utf-8"))
    name: str = content["events"][0]["workflowExecutionStartedEventAttributes"]["workflowType"]["name"]
    return name


def kinds(name: str) -> list[str]:
    """Kinds of the events of a history of the present version."""
    content = json.loads((NOW / f"{name}.json").read_text(encoding="utf-8"))
    return [EventType.Name(EventType.Value(event["eventType"])) for event in content["events"]]


def scheduled(name: str, folder: Path = NOW) -> set[str]:
    """Names of the ordinary activities a history scheduled."""
    content = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    found = [event.get("activityTaskScheduledEventAttributes") for event in content["events"]]
    return {one["activityType"]["name"] for one in found if one}


def local(name: str) -> set[str]:
    """Names of the local activities whose results a history holds."""
    content = json.loads((NOW / f"{name}.json").read_text(encoding="utf-8"))
    markers = [event.get("markerRecordedEventAttributes") for event in content["events"]]
    about = [one["details"]["data"]["payloads"][0]["data"] for one in markers if one and "data" in one["details"]]
    return {json.loads(base64.b64decode(data))["activity_type"] for data in about}


async def replayed(path: Path, *workflows: type, sandboxed: bool = True) -> WorkflowReplayResult:
    runner = {} if sandboxed else {"workflow_runner": UnsandboxedWorkflowRunner()}
    replayer = Replayer(
        workflows=workflows or WORKFLOWS,
        data_converter=data_converter(KeyRing.read(KEYS)),
        debug_mode=True,  # two seconds without yielding are a deadlock otherwise, and a busy machine has such seconds
        **runner,  # type: ignore[arg-type]
    )
    return await replayer.replay_workflow(stored(path), raise_on_replay_failure=False)


@pytest.mark.parametrize("path", STORED, ids=lambda path: f"{path.parent.name}-{path.stem}")
async def test_a_stored_history_replays_on_the_present_workflows(path: Path) -> None:
    result = await replayed(path)
    assert result.replay_failure is None, result.replay_failure


def test_every_workflow_type_has_a_stored_history() -> None:
    definitions = {
        value.__temporal_workflow_definition.name
        for module in (case_module, referral_module, delivery_module, sweep_module)
        for value in vars(module).values()
        if isinstance(value, type) and hasattr(value, "__temporal_workflow_definition")
    }
    assert definitions == {type_of(path) for path in STORED} == {"Case", "Referral", "Delivery", "Sweep"}


def test_every_workflow_file_is_looked_at_here() -> None:
    files = {
        path.stem
        for path in Path(case_module.__file__).parent.glob("*.py")
        if "@workflow.defn" in path.read_text(encoding="utf-8")
    }
    assert files == {"case", "referral", "delivery", "sweep"}


def test_the_histories_are_of_runs_that_matter() -> None:
    ended = "EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED"
    assert kinds("s3-not-substantiated")[-1] == ended
    assert {"EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED", "EVENT_TYPE_MARKER_RECORDED"} <= set(
        kinds("s3-not-substantiated")
    )
    assert "fire_rung" in local("emergency-with-rungs") - scheduled("emergency-with-rungs")
    assert "fire_rung" in scheduled("emergency-with-rungs", FOLDER / "v1"), "as it was before docs/decisions/0005"
    assert {"EVENT_TYPE_TIMER_FIRED", "EVENT_TYPE_TIMER_CANCELED"} <= set(kinds("emergency-with-rungs"))
    assert kinds("attached")[-1] == ended
    assert "wake_case" in scheduled("attached") & scheduled("sibling-that-wakes")
    signal = "EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED"
    assert signal in kinds("attached-to")
    assert signal in kinds("sibling-that-is-woken")
    assert kinds("continues-as-new")[-1] == "EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW"
    assert kinds("referral-closed")[-1] == kinds("referral-revoked")[-1] == ended
    assert "wake_referral" in scheduled("referral-declined")
    assert signal in kinds("referral-passed-on")
    assert "fire_rung" in local("referral-unanswered")
    for name in ("continued", "reopened"):
        assert "EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED" in kinds(name)


def test_no_history_says_where_it_was_recorded() -> None:
    for path in STORED:
        assert set(_identities(json.loads(path.read_text(encoding="utf-8")))) <= {"recorder"}, path.name


def _identities(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [one for key, one in value.items() if key == "identity"]
        return own + [name for one in value.values() for name in _identities(one)]
    return [name for one in value for name in _identities(one)] if isinstance(value, list) else []


# --- it can fail: workflows that somebody changed without a patch -----------------------------------------------------


@workflow.defn(name="Case")
class Copy(Case):
    """A copy of the case's workflow, to be changed."""

    @workflow.init
    def __init__(self, start: CaseInput) -> None:
        super().__init__(start)

    @workflow.run
    async def run(self, start: CaseInput) -> None:
        await super().run(start)


async def _rests(self: Case) -> None:
    await asyncio.sleep(1)
    self._changes += 1
    await Case._wait(self)


async def _records_by_an_ordinary_activity(_: Case, command: Command) -> Recorded:
    result: Recorded = await workflow.execute_activity(
        "record_transition", command, result_type=Recorded, start_to_close_timeout=timedelta(seconds=10)
    )
    return result


async def _fires_under_another_name(_: Case, due: OpenDeadline) -> None:
    await workflow.execute_activity("ring", due, start_to_close_timeout=timedelta(seconds=10))


async def _fires_as_before(_: Case, rung: RungDue) -> Snapshot:
    snapshot: Snapshot = await workflow.execute_activity(
        "fire_rung", rung, result_type=Snapshot, start_to_close_timeout=timedelta(seconds=30)
    )
    return snapshot


async def _fires_without_a_patch(_: Case, rung: RungDue) -> Snapshot:
    snapshot: Snapshot = await workflow.execute_local_activity(
        "fire_rung", rung, result_type=Snapshot, start_to_close_timeout=timedelta(seconds=5)
    )
    return snapshot


async def _wakes_nobody(_: Case, __: str, ___: UUID) -> None:
    return


def _never_leaves(_: Case) -> bool:
    return False


@pytest.mark.parametrize(
    ("name", "method", "history"),
    [
        ("_wait", _rests, "v2/s3-not-substantiated"),
        ("_record", _records_by_an_ordinary_activity, "v2/reopened"),
        ("_fire", _fires_under_another_name, "v2/emergency-with-rungs"),
        ("_fired", _fires_as_before, "v2/emergency-with-rungs"),
        ("_fired", _fires_without_a_patch, "v1/emergency-with-rungs"),
        ("_wake", _wakes_nobody, "v2/attached"),
        ("_may_leave", _never_leaves, "v2/continues-as-new"),
        ("_may_leave", _never_leaves, "v2/s3-not-substantiated"),
    ],
    ids=lambda value: getattr(value, "__name__", value).strip("_"),
)
async def test_a_planted_non_determinism_is_noticed(
    name: str, method: Any, history: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Copy, name, method)
    result = await replayed(FOLDER / f"{history}.json", Copy, Referral, Delivery, Sweep, sandboxed=False)
    assert isinstance(result.replay_failure, workflow.NondeterminismError), result.replay_failure


async def test_the_copy_itself_is_not_what_is_noticed() -> None:
    for path in STORED:
        result = await replayed(path, Copy, Referral, Delivery, Sweep, sandboxed=False)
        assert result.replay_failure is None, (path.name, result.replay_failure)

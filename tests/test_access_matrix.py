"""Every address × every role × every relation answers what the printed matrix says, over HTTP."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from api.app import create_app
from deploy.runtime.postgres import Postgres
from models.access import ACTIONS, TABLE, Relation, Scope, may, reach, reads, scope
from models.access.describe import main, matrix, replaced
from models.access.routes import ROUTES, Guard, refusal
from models.forms import INPUTS
from models.lifecycle import EVENTS, ROLES
from models.settings import Settings
from tests.access_support import Everybody, Subject, everybody
from tests.api_support import open_door, report_body, temporal_away

PAGE = Path(__file__).parents[1] / "docs" / "access.md"


# --- the table and what is printed of it -----------------------------------------------------------------------------


def test_the_printed_matrix_equals_the_table() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert matrix() in text
    assert replaced(text) == text


def test_a_page_that_fell_behind_the_table_is_noticed_and_repaired(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- access:begin -->\nstale\n<!-- access:end -->\nafter\n", encoding="utf-8")
    assert main(["--check", str(page)]) == 1
    assert "differs from the table" in capsys.readouterr().err
    assert main(["--write", str(page)]) == 0
    assert main(["--check", str(page)]) == 0


def test_a_changed_table_changes_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    before = matrix()
    monkeypatch.setitem(TABLE["read_case"], "AUD", Scope.NATIONAL)
    assert matrix() != before


def test_every_address_there_is_says_who_may_use_it_and_no_other_is_listed() -> None:
    app = create_app(Settings(), None, None, None)  # type: ignore[arg-type]  # it is only asked for its addresses
    there = {
        f"{method.upper()} {re.sub(r'/actions/[a-z_]+$', '/actions/{event}', path)}"
        for path, methods in app.openapi()["paths"].items()
        for method in methods
    }
    assert there == set(ROUTES)


def test_every_address_that_is_not_open_asks_for_a_row_of_the_table() -> None:
    for address, rule in ROUTES.items():
        assert (rule.guard is Guard.OPEN) == (rule.action is None), address
    assert {rule.action for rule in ROUTES.values()} - {None} | {"read_reference"} == set(ACTIONS)


# --- the same over HTTP ----------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module")
async def people(postgres: Postgres, key_file: Path) -> AsyncIterator[Everybody]:
    """Somebody of every role and a case of every relation; Temporal is away, and nothing here needs it."""
    async with open_door(postgres, await temporal_away(key_file)) as door:
        yield await everybody(door)


def of(address: str, subject: Subject) -> str | None:
    """The address with the subject's ids in it; None where it is about no case."""
    filled = (
        address.removeprefix("GET /api/v1")
        .replace("{case}", str(subject.id))
        .replace("{document}", str(subject.document_id))
        .replace("{report}", str(subject.report_id))
    )
    return None if "{" in filled else filled


READS = sorted(address for address in ROUTES if address.startswith("GET /api/v1") and "/reference/" not in address)


@pytest.mark.servers
@pytest.mark.parametrize("role", ROLES)
async def test_what_a_role_reads_is_what_the_matrix_says(people: Everybody, role: str) -> None:
    asked: set[str] = set()
    for relation, subject in people.relations(role).items():
        for address in READS:
            path = of(address, subject)
            if path is None or path in asked:
                continue
            answer = await people.door.get(people.username(role), path)
            expected = refusal(ROUTES[address], role, relation) or 200
            assert answer.status_code == expected, (role, relation, address, answer.text)
            asked.add(path)
    assert len(asked) > 25


@pytest.mark.servers
@pytest.mark.parametrize("role", ROLES)
async def test_what_a_role_finds_in_lists_is_what_the_matrix_says(people: Everybody, role: str) -> None:
    asked = people.relations(role)
    for path, key, action in (("/cases", "id", "read_case"), ("/escalations", "case_id", "read_escalations")):
        answer = await people.door.get(people.username(role), path, params={"limit": 200})
        if not may(role, action):
            assert answer.status_code == 403
            continue
        assert answer.json()["next"] is None
        found = {item[key] for item in answer.json()["items"]}
        shown = {relation for relation, subject in asked.items() if str(subject.id) in found}
        assert shown == {relation for relation in asked if reads(role, relation)}, path


@pytest.mark.servers
async def test_whoever_is_signed_out_is_told_nothing_at_any_address(people: Everybody) -> None:
    (subject, *_) = people.subjects.values()
    bodies = []
    for address, rule in ROUTES.items():
        if rule.guard is Guard.OPEN:
            continue
        method, path = address.split()
        filled = re.sub(r"\{\w+\}", str(subject.id), path.replace("{event}", "acknowledge"))
        answer = await people.door.http.request(method, filled, json={}, headers={"Idempotency-Key": str(uuid4())})
        assert answer.status_code == 401, address
        bodies.append({name: value for name, value in answer.json().items() if name != "trace_id"})
    assert all(body == bodies[0] for body in bodies)


BODIES: dict[str, dict[str, Any]] = {
    "acknowledge": {}, "lift_ban": {}, "detach": {"reason": "x"}, "stand_down": {"reason": "x"},
    "record_recusal": {"person_id": str(uuid4()), "reason": "x"}, "raise_emergency": {"trigger": "LIFE"},
    "add_report": {"m01": {"channel": "PHONE", "children": [{}]}, "flagged": False},
}  # fmt: skip
"""Events whose form is short; the door treats all of them alike (``api/routes/actions.py``)."""


@pytest.mark.servers
@pytest.mark.parametrize("role", ROLES)
async def test_no_event_reaches_a_case_that_is_not_in_reach(people: Everybody, role: str) -> None:
    """The body is that of an unknown case, to the letter."""
    asked = people.relations(role)
    unknown: dict[str, Any] | None = None
    for relation in (Relation.ELSEWHERE, Relation.RECUSED):
        if relation not in asked or reads(role, relation):
            continue
        for event, body in BODIES.items():
            if reach(role, event) and relation is not Relation.RECUSED:
                continue  # who may act unread: tests/test_api_actions.py
            username = people.username(role)
            if unknown is None:
                unknown = _body(await people.door.act(username, str(uuid4()), event, body))
            answer = await people.door.act(username, str(asked[relation].id), event, body)
            assert answer.status_code == 404, (relation, event)
            assert _body(answer) == unknown
    assert unknown is not None


def test_the_short_forms_cover_events_of_every_region() -> None:
    assert {EVENTS[event].region for event in BODIES} >= {"process", "protection", "ban"}
    for event, body in BODIES.items():
        INPUTS[event].model_validate(body)


WRITES: dict[str, dict[str, Any]] = {
    "POST /api/v1/reports": report_body(),
    "POST /api/v1/search": {"name": "tên không có"},
    "POST /api/v1/calls/{call}/record": {"outcome": "reached"},
    "POST /api/v1/units": {"code": "Z", "kind": "commune", "name_vi": "Z", "name_en": "Z", "parent_id": str(uuid4())},
    "PATCH /api/v1/units/{unit}": {"name_vi": "Z", "name_en": "Z"},
    "POST /api/v1/people": {"full_name": "Z"},
    "PUT /api/v1/people/{person}": {"full_name": "Z"},
    "POST /api/v1/people/{person}/account": {"username": "z.z"},
    "POST /api/v1/positions": {"person_id": str(uuid4()), "unit_id": str(uuid4()), "role": "CPO"},
    "POST /api/v1/shifts": {"person_id": str(uuid4()), "unit_id": str(uuid4()), "role": "CPO",
                            "starts_at": "2026-11-23T02:00:00Z", "ends_at": "2026-11-23T03:00:00Z"},
    "POST /api/v1/absences": {"person_id": str(uuid4()), "starts_at": "2026-11-23T02:00:00Z",
                              "ends_at": "2026-11-23T03:00:00Z"},
    "POST /api/v1/deputies": {"principal_id": str(uuid4()), "deputy_id": str(uuid4()), "unit_id": str(uuid4()),
                              "role": "CPO"},
    **{f"POST /api/v1/{what}/end": {} for what in ("units/{unit}", "positions/{position}", "shifts/{shift}",
                                                   "absences/{absence}", "deputies/{deputy}")},
}  # fmt: skip


@pytest.mark.servers
@pytest.mark.parametrize("role", ROLES)
async def test_what_a_role_may_not_do_anywhere_it_is_refused_at_once(people: Everybody, role: str) -> None:
    for address, body in WRITES.items():
        rule = ROUTES[address]
        assert rule.action is not None
        method, path = address.split()
        filled = re.sub(r"\{\w+\}", str(uuid4()), path.removeprefix("/api/v1"))
        headers = {"Idempotency-Key": str(uuid4()), "If-Match": '"x"'}
        answer = await people.door.call(people.username(role), method, filled, json=body, headers=headers)
        if scope(role, rule.action) is Scope.NONE:
            assert (answer.status_code, answer.json()["code"]) == (403, "not-permitted"), address
        else:
            assert answer.status_code in {200, 201, 404, 422}, (address, answer.text)


def test_every_address_that_is_kept_by_role_is_among_them() -> None:
    kept = {address for address, rule in ROUTES.items() if rule.guard in (Guard.ROLE, Guard.BOTH)}
    assert kept - set(WRITES) == {address for address in kept if address.startswith("GET ")}


@pytest.mark.servers
async def test_another_cases_ids_are_unknown_on_every_nested_address(people: Everybody) -> None:
    nested = [address for address in ROUTES if len(re.findall(r"\{(?!event)\w+\}", address)) > 1]
    assert nested == ["GET /api/v1/cases/{case}/documents/{document}"]
    door, asked = people.door, people.relations("SUP")
    own, other = asked[Relation.OWN], asked[Relation.SAME_UNIT]
    assert (await door.get("one.sup", f"/cases/{own.id}/documents/{own.document_id}")).status_code == 200
    assert (await door.get("one.sup", f"/cases/{other.id}/documents/{other.document_id}")).status_code == 200
    mixed = await door.get("one.sup", f"/cases/{own.id}/documents/{other.document_id}")
    assert mixed.status_code == 404
    assert _body(mixed) == _body(await door.get("one.sup", f"/cases/{uuid4()}"))


def _body(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "trace_id"}

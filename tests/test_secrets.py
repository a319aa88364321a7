"""Planted words: what is told about a child, or by whom, is found where content is kept and nowhere else.

Every text a person may type is filled with a planted word, a case is driven through its life with them, refusals and
faults included, and then everything that leaves the tables of content is searched.
"""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pyotp
import pytest
import pytest_asyncio
import structlog
from prometheus_client import generate_latest
from pydantic import BaseModel
from sqlalchemy import select
from temporalio.client import Client

from api.queries import submissions
from deploy.runtime.postgres import Postgres
from deploy.runtime.temporal import Temporal
from models.forms import INPUTS, Part, ReportInput
from models.logs import configure_logging
from models.records.texts import render
from models.settings import Settings
from models.tables import METADATA, Document, Notice
from tests.api_support import PASSWORD, Door, open_door, temporal_away
from tests.identity_support import SITE
from tests.test_codec import payloads
from tests.world import (
    CONTACT,
    FOLLOW_UP,
    HOUR,
    MEASURES,
    MINUTE,
    MINUTES,
    SIGNED,
    WRITTEN,
    Case,
    World,
    a_world,
    client_of,
    eventually,
    form02,
    form04,
    form06,
    form07,
)
from workflows.client import CommandFailedError

pytestmark = pytest.mark.servers

PLANTED = "zqkinzq"
"""No word of any language, and the same in every encoding."""

NO_NAME = f"{PLANTED} {PLANTED}"
"""As the name of a field: it is no identifier, so it is not repeated; a misspelt name that is one is named."""

BAD = 400
"""Statuses from here on are refusals."""

KEPT = {("child", "full_name"), ("child", "folded_name")}
"""The only columns that hold what was typed in clear: what a child is found by. Everything else of it is sealed."""


# --- filling every text -----------------------------------------------------------------------------------------------


def filled(model: type[BaseModel], base: Mapping[str, Any]) -> dict[str, Any]:
    """The body with a planted word in every text of it, and of every part that ``base`` names."""
    schema = model.model_json_schema()
    made = _fill(schema, schema.get("$defs", {}), dict(base), "")
    assert isinstance(made, dict)
    return made


def _fill(schema: Mapping[str, Any], defs: Mapping[str, Any], given: Any, path: str) -> Any:
    schema = _resolved(schema, defs)
    if "properties" in schema:
        told = dict(given or {})
        for name, of in schema["properties"].items():
            if name in told or _is_text(of, defs):
                told[name] = _fill(of, defs, told.get(name), f"{path}.{name}")
        return told
    if schema.get("type") == "array":
        items = schema["items"]
        return [_fill(items, defs, one, path) for one in given or ([None] if _is_text(items, defs) else [])]
    return f"{PLANTED} {path}" if _is_text(schema, defs) else given


def _resolved(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in schema:
        schema = {**schema, **defs[schema["$ref"].rsplit("/", 1)[-1]]}
    if "anyOf" in schema:
        (one,) = [each for each in schema["anyOf"] if each.get("type") != "null"]
        schema = {**schema, **_resolved(one, defs)}
    return schema


def _is_text(schema: Mapping[str, Any], defs: Mapping[str, Any]) -> bool:
    """A text anybody may write anything in, or a list of them; not a code, a date, an id or a key."""
    schema = _resolved(schema, defs)
    if schema.get("type") == "array":
        return _is_text(schema["items"], defs)
    return schema.get("type") == "string" and not {"enum", "format", "pattern", "const"} & set(schema)


CHILD = {"father": {}, "mother": {}, "carer": {}, "alleged": [{}], "incident_unit": "HN-A", "abuse_forms": []}
TOLD: dict[str, Any] = {"m01": {"children": [CHILD], "informant": {}}}


async def do(case: Case, event: str, who: str, **base: Any) -> None:
    await case.do(event, who, **filled(INPUTS[event], base))


# --- the life of a case -----------------------------------------------------------------------------------------------


@contextmanager
def logged(log_format: str) -> Iterator[io.StringIO]:
    """Every line of this process, as the service writes them; what the tests had set up comes back afterwards."""
    root = logging.getLogger()
    before, level, config = root.handlers, root.level, structlog.get_config()
    lines = io.StringIO()
    configure_logging(Settings(log_format=log_format, log_level="DEBUG"), stream=lines)
    try:
        yield lines
    finally:
        root.handlers = before
        root.setLevel(level)
        structlog.configure(**config)


@pytest_asyncio.fixture(scope="module")
async def life(
    postgres: Postgres, temporal_process: Temporal, key_file: Path
) -> AsyncIterator[tuple[World, list[Case], str]]:
    """Cases with planted words everywhere, and the log of everything that happened to them."""
    with logged("json") as log:
        async with a_world(postgres, await client_of(temporal_process, key_file)) as world:
            cases = [await _whole_life(world), await _trouble(world), await _rungs(world)]
            yield world, cases, log.getvalue()


async def _whole_life(world: World) -> Case:
    told = filled(ReportInput, {**TOLD, "flagged": True, "trigger": "LIFE", "on_behalf_of": None})
    case = await world.case(m01={**told["m01"], "anonymous": False}, children=told["m01"]["children"], flagged=True,
                            trigger="LIFE")  # fmt: skip
    mine = {"owner_id": world.person("cpo.a")}
    await do(case, "acknowledge", "cpo.a")
    await do(case, "accept", "cpo.a", **mine)
    await do(case, "complete_initial_assessment", "cpo.a",
             m02=form02(emergency=True, risk="R4", safety_measures=[{"kind": "SAFE_PLACE"}]))  # fmt: skip
    await do(case, "order_isolation", "chair.a", m07=form07())
    await do(case, "request_ban", "cpo.a", request={"requested_by": "VICTIM"})
    await do(case, "refuse_ban", "chair.a")
    await do(case, "substantiate", "cpo.a", verification={})
    await do(case, "complete_detailed_assessment", "cpo.a", m03={})
    await do(case, "record_needs_meeting", "cpo.a", minutes={**MINUTES, "participants": [{}]})
    await do(case, "submit_plan", "cpo.a", m04=form04("tham-nha"), m05={})
    plan = {"content_hash": (await case.row()).memory["plan_hash"], "decision": SIGNED}
    await case.do(
        "approve_plan", "chair.a", **filled(INPUTS["approve_plan"], plan) | {"content_hash": plan["content_hash"]}
    )
    await do(case, "record_step", "cpo.a", step={"key": "tham-nha", "outcome": "PARTLY"})
    await do(case, "add_report", "h111", m01={**TOLD["m01"]}, incident_unit="HN-A")
    await do(case, "rule_out_emergency", "cpo.a")
    await do(case, "update_risk", "sup.a", risk="R2")
    await do(case, "record_follow_up", "cpo.a", follow_up=FOLLOW_UP)
    await do(case, "record_recusal", "sup.a", person_id=world.person("vch.a"))
    await do(case, "end_isolation", "chair.a", end_ground="CARERS_SAFE", decision=SIGNED)
    await do(case, "review_measures", "cpo.a", review={"measures": [{"kind": "SAFE_PLACE", "holds": True}]})
    await do(case, "end_protection", "chair.a")
    await do(case, "suspend", "sup.a", reason_code="OTHER")
    await do(case, "record_look", "sup.a")
    await do(case, "resume", "sup.a")
    await do(case, "start_review", "cpo.a")
    await do(case, "propose_closure", "cpo.a", m06=form06("END"), closure_reason="OBJECTIVES_MET")
    await do(case, "return_closure", "chair.a")
    await do(case, "propose_closure", "cpo.a", m06=form06("END"), closure_reason="OBJECTIVES_MET")
    await do(case, "approve_closure", "chair.a", decision=SIGNED)
    for _ in range(2):
        await do(case, "send_written_report", "cpo.a", report=WRITTEN)
    await do(case, "record_contact", "cpo.a", contact=CONTACT)
    return case


async def _trouble(world: World) -> Case:
    """Refusals, a fault whose message quotes what somebody typed, and a damaged row."""
    told = filled(ReportInput, TOLD)
    case = await world.case(m01={**told["m01"], "anonymous": False}, children=told["m01"]["children"])
    await do(case, "acknowledge", "cpo.a")
    for event, who, base in (
        ("accept", "chair.a", {"owner_id": world.person("cpo.a")}),
        ("propose_redirect", "chair.a", {}),
        ("apply_measures", "cpo.a", {"measures": MEASURES}),
        ("raise_emergency", "cpo.a", {"trigger": "LIFE"}),
    ):
        answer = await case.ask(event, who, **filled(INPUTS[event], base))
        assert answer.accepted == (event == "raise_emergency")
    # Content no form would have let through: reading it fails with a message that quotes it.
    command = await case.prepare("order_isolation", "chair.a", m07=form07())
    content = {"until": f"{PLANTED} until", "isolated_from": [PLANTED]}
    async with world.as_api(world.acting("chair.a"), case.now()) as connection:
        refs = await submissions.store_documents(
            connection, case_id=case.id, command_id=uuid4(), author_id=world.person("chair.a"),
            parts=[Part("M07", content)], at=case.now(),
        )  # fmt: skip
    with pytest.raises(CommandFailedError):
        await case.send(command.model_copy(update={"content": refs}), confirm=False)
    memory = (await case.row()).memory
    await case.damage(memory=[PLANTED])
    with pytest.raises(CommandFailedError):
        await case.send(await case.prepare("suspend", "sup.a", reason_code="OTHER", reason=PLANTED), confirm=False)
    await case.damage(memory=memory)
    return case


async def _rungs(world: World) -> Case:
    told = filled(ReportInput, TOLD)
    case = await world.case(
        m01={**told["m01"], "anonymous": False}, children=told["m01"]["children"], flagged=True, trigger="LIFE",
        ago=13 * HOUR + MINUTE,
    )  # fmt: skip
    await eventually(lambda: _fired(case))
    return case


async def _fired(case: Case) -> bool:
    return len(await case.fired("emergency_12h")) == 4


Life = tuple[World, list[Case], str]

# --- where it is, and where it is not ---------------------------------------------------------------------------------


async def test_what_was_typed_is_in_clear_in_no_column_but_a_childs_name(life: Life) -> None:
    world, _, _ = life
    found: dict[tuple[str, str], int] = {}
    async with world.as_owner() as connection:
        for name, of in METADATA.tables.items():
            for row in await connection.execute(select(of)):
                for column, value in row._mapping.items():
                    said = value if isinstance(value, bytes) else json.dumps(value, default=str, ensure_ascii=False)
                    if (PLANTED.encode() if isinstance(said, bytes) else PLANTED) in said:
                        found[name, column] = found.get((name, column), 0) + 1
    assert set(found) == KEPT
    for of in ("audit_entry", "command_record", "case_event", "notice", "call_task", "escalation", "breach",
               "alleged_person"):  # fmt: skip
        assert await world.rows_of(of), f"there is nothing in {of} to be searched"


async def _opened(world: World, case: Case) -> list[tuple[str, dict[str, Any]]]:
    rows = sorted(await case.rows(Document), key=lambda one: one.id)
    return list(zip([one.kind for one in rows], await world.contents(case.id), strict=True))


async def test_every_kind_of_form_was_filled(life: Life) -> None:
    world, cases, _ = life
    opened = [one for case in cases for one in await _opened(world, case)]
    assert len(opened) > 30
    kinds = {kind for kind, said in opened if PLANTED in json.dumps(said)}
    assert {"M01", "M02", "M03", "M04", "M05", "M06", "M07", "minutes", "act", "ban_request"} <= kinds


async def test_temporal_has_it_neither_sealed_nor_open_nor_beside(life: Life, temporal_process: Temporal) -> None:
    """Not even inside what is encrypted: messages are ids and codes."""
    world, cases, _ = life
    plain = await Client.connect(temporal_process.address, namespace=world.client.namespace)
    codec = world.client.data_converter.payload_codec
    assert codec is not None
    opened = 0
    for case in cases:
        described = await plain.get_workflow_handle(case.handle.id).describe()
        assert PLANTED.encode() not in described.raw_description.SerializeToString()
        assert await described.memo() == {}
        assert {one.key.name for one in described.typed_search_attributes} <= {"BuildIds"}
        async for event in plain.get_workflow_handle(case.handle.id).fetch_history_events():
            assert PLANTED.encode() not in event.SerializeToString()
            for payload in await codec.decode(list(payloads(event))):
                assert PLANTED.encode() not in payload.data
                opened += 1
    assert opened > 100
    assert PLANTED not in world.task_queue


async def test_the_failure_a_fault_leaves_says_nothing_of_what_it_was_about(life: Life) -> None:
    world, (_, trouble, _), _ = life
    messages = []
    async for event in trouble.handle.fetch_history_events():
        outcome = event.workflow_execution_update_completed_event_attributes.outcome
        if outcome.HasField("failure"):
            decoded: Any = await world.client.data_converter.decode_failure(outcome.failure)
            while decoded is not None:
                messages.append(f"{type(decoded).__name__} {decoded} {getattr(decoded, 'stack_trace', '')}")
                decoded = decoded.__cause__
    assert any("could not be recorded" in one for one in messages)
    assert not [one for one in messages if PLANTED in one]


async def test_no_line_of_any_log_has_it(life: Life, postgres: Postgres, temporal_process: Temporal) -> None:
    """Ours, PostgreSQL's and Temporal's."""
    _, cases, log = life
    assert PLANTED not in log
    for servers in (postgres.log, temporal_process.log):
        assert PLANTED.encode() not in await asyncio.to_thread(servers.read_bytes)
    lines = [json.loads(line) for line in log.splitlines()]
    assert [one for one in lines if one.get("exception")], "the faults were logged"
    assert str(cases[1].id) in log


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_an_exception_is_logged_by_where_it_was_not_by_what_it_said(log_format: str) -> None:
    with logged(log_format) as log:
        try:
            raise ValueError(PLANTED)  # noqa: TRY301 - a traceback is what is wanted
        except ValueError:
            logging.getLogger("temporalio.activity").exception("it failed")
            structlog.get_logger("test").exception("it failed")
    assert "it failed" in log.getvalue()
    assert "ValueError" in log.getvalue()
    assert PLANTED not in log.getvalue()


async def test_no_metric_has_it(life: Life) -> None:
    assert life
    exposed = generate_latest().decode()
    assert "annhi_rungs_fired" in exposed
    assert PLANTED not in exposed


async def test_no_notice_says_more_than_a_code_a_deadline_and_a_link(life: Life) -> None:
    world, cases, _ = life
    notices = await world.rows(Notice)
    assert {one.channel for one in notices} == {"inbox", "email", "sms", "voice"}
    assert {one.case_id for one in notices} == {case.id for case in cases}
    for one in notices:
        for language in ("vi", "en"):
            text = render(one.kind, one._mapping["values"], language, "https://annhi.example/c")
            assert PLANTED not in f"{text}"


async def test_a_planted_word_would_have_been_found(life: Life) -> None:
    """The searches above look at the right things: each finds what is there."""
    world, (first, *_), log = life
    assert PLANTED in json.dumps((await _opened(world, first))[0][1])
    assert str(first.id) in log
    raw = (await first.handle.describe()).raw_description.SerializeToString()
    assert str(first.id).encode() in raw


# --- at the door: what is typed to get in, and what is handed out -----------------------------------------------------


@dataclass
class Knocked:
    """What the door said while planted words and real secrets went through it, and every secret by its kind."""

    door: Door
    log: str
    refused: list[str]
    secrets: dict[str, str]


@pytest_asyncio.fixture(scope="module")
async def knocked(postgres: Postgres, key_file: Path) -> AsyncIterator[Knocked]:
    with logged("json") as log:
        async with open_door(postgres, await temporal_away(key_file)) as door:
            secrets, refused = await _handed_out(door), await _refused(door)
            yield Knocked(door, log.getvalue(), refused, secrets)


async def _handed_out(door: Door) -> dict[str, str]:
    """Every kind of secret there is, made and used once; and words planted where names are typed."""
    found = {"session": await door.sign_in("cpo.a")}
    informant = {"name": f"{PLANTED} Hương", "note": PLANTED, "address": PLANTED, "sealed": True}
    m01 = {"channel": "PHONE", "children": [{"name": "Bé Mẫu"}], "informant": informant}
    receipt = (await door.post("cpo.a", "/reports", {"m01": m01, "incident_unit": "HN-A"}, key=uuid4())).json()
    why = {"purpose": "OTHER", "note": f"{PLANTED} why"}
    opened = await door.post("cpo.a", f"/reports/{receipt['id']}/informant/readings", why)
    assert PLANTED in opened.text
    case = receipt["cases"][0]["id"]
    path = f"/cases/{case}/attachments"
    headers = {
        "Content-Type": "application/octet-stream", "Idempotency-Key": str(uuid4()),
        "Content-Disposition": f"attachment; filename*=UTF-8''{PLANTED}.pdf",
    }  # fmt: skip
    content = b"%PDF-1.7\n" + PLANTED.encode() + bytes(600)
    made = await door.call("cpo.a", "POST", f"{path}?kind=DOCUMENT", content=content, headers=headers)
    assert PLANTED in made.text
    assert PLANTED in (await door.get("cpo.a", f"{path}/{made.json()['id']}/content")).text
    await _told_beside_the_documents(door, case)
    person = door.person("grp.a")
    link = (await door.post("admin", f"/people/{person}/account", {"username": "grp.a"})).json()["set_up_link"]
    found["set-up link"] = link.partition("link=")[2]
    assert (await door.http.get("/set-up", params={"link": found["set-up link"]})).status_code == 200
    found["password"] = f"{PLANTED} mật khẩu mới"
    used = await door.http.post("/api/v1/set-up", json={"link": found["set-up link"], "password": found["password"]})
    assert used.status_code == 204, used.text
    found["totp secret"] = (await door.post("h111", "/me/second-factor/totp")).json()["secret"]
    digits = pyotp.TOTP(found["totp secret"]).at(door.clock.at)
    confirmed = await door.post("h111", "/me/second-factor/totp/confirm", {"code": digits})
    found["recovery code"] = confirmed.json()["recovery_codes"][0]
    step = await door.http.post("/api/v1/sessions", json={"username": "h111", "password": PASSWORD})
    found["step"] = step.json()["step"]["token"]
    system = {"name": "Hệ thống mẫu", "unit_id": str(door.unit("HN-BV")), "role": "HLT"}
    position = (await door.post("admin", "/services", system)).json()["id"]
    wanted = {"scopes": ["reports:write"], "expires_at": (door.clock.at + timedelta(days=9)).isoformat()}
    found["service token"] = (await door.post("admin", f"/services/{position}/tokens", wanted)).json()["secret"]
    return found


async def _told_beside_the_documents(door: Door, case: str) -> None:
    """Planted words in consents, in broken glass and in whom a report names, each of them shown again."""
    child = {"name": "Bé Hai", "alleged": [{"name": f"{PLANTED} Văn", "workplace": f"{PLANTED} xưởng"}]}
    await door.report("cpo.a", children=[child])
    answer = {
        "scope": "SERVICE", "answer": "given", "giver": "MOTHER", "giver_name": f"{PLANTED} Thị", "means": "in_person",
        "child_view": f"{PLANTED} view",
    }  # fmt: skip
    ground = {"scope": "SERVICE", "answer": "ground", "ground": "LIFE_HEALTH", "best_interest_note": f"{PLANTED} note"}
    for body in (answer, ground):
        made = await door.post("cpo.a", f"/cases/{case}/consents", body)
        assert made.text.count(PLANTED) == len([one for one in body.values() if PLANTED in one]), made.text
        path = f"/cases/{case}/consents/{made.json()['id']}/withdraw"
        assert PLANTED in (await door.post("cpo.a", path, {"note": f"{PLANTED} withdrawn"})).json()["withdrawal_note"]
    wanted = {"reason": "CHILD_FOUND", "note": f"{PLANTED} glass", "minutes": 60}
    grant = (await door.post("cpo.b", f"/cases/{case}/break-glass", wanted)).json()
    assert grant["note"] == wanted["note"]
    assert (await door.post("sup.b", f"/break-glass/{grant['id']}/confirm")).status_code == 200
    found = {"finding": "JUSTIFIED", "note": f"{PLANTED} found"}
    reviewed = await door.post("sup.a", f"/break-glass/{grant['id']}/review", found)
    assert reviewed.json()["finding_note"] == found["note"], reviewed.text
    for of in ("consent", "break_glass", "alleged_person"):
        assert await door.sql(f"SELECT 1 FROM {of}")


async def _refused(door: Door) -> list[str]:
    """Planted words in everything that is refused; what was answered."""
    bodies: list[tuple[str, Any]] = [
        ("/sessions", {"username": PLANTED, "password": f"{PLANTED} x"}),
        ("/sessions", {"username": PLANTED, "password": "x", NO_NAME: 1}),
        ("/sessions/second-factor", {"step": PLANTED, "code": PLANTED}),
        ("/set-up", {"link": PLANTED, "password": f"{PLANTED} {PLANTED}"}),
        ("/me/password", {"current": PLANTED, "new": f"{PLANTED} {PLANTED}"}),
        ("/me/second-factor/totp/confirm", {"code": PLANTED}),
        ("/reports", {"m01": {"channel": PLANTED}, NO_NAME: PLANTED}),
    ]
    said = [await door.post("cpo.a", path, body, key=uuid4()) for path, body in bodies]
    said += [
        await door.get("cpo.a", f"/cases/{PLANTED}"),
        await door.get("cpo.a", "/cases", params={NO_NAME: PLANTED}),
        await door.http.get(f"/{PLANTED}"),
        await door.http.get("/api/v1/me", headers={"Authorization": f"Bearer {PLANTED}"}),
        await door.http.get("/set-up", params={"link": "x", "lang": PLANTED}),
        await door.http.post("/sign-in", data={"username": PLANTED, "password": PLANTED}, headers=SITE),
    ]
    assert len([one for one in said if one.status_code >= BAD]) >= len(said) - 1
    return [f"{one.text} {one.headers}" for one in said]


async def test_no_answer_repeats_what_was_refused(knocked: Knocked) -> None:
    assert [one for one in knocked.refused if PLANTED in one] == []


async def test_neither_log_nor_metric_has_a_secret_or_a_planted_word(knocked: Knocked, postgres: Postgres) -> None:
    metrics = (await knocked.door.http.get("/metrics")).text
    server = (await asyncio.to_thread(postgres.log.read_bytes)).decode(errors="replace")
    assert "/api/v1/sessions" in knocked.log
    assert "/api/v1/sessions" in metrics
    assert len(knocked.secrets) == 7
    for kind, secret in {**knocked.secrets, "planted": PLANTED}.items():
        for place, text in (("log", knocked.log), ("metrics", metrics), ("PostgreSQL's log", server)):
            assert secret not in text, f"{kind} stands in the {place}"


async def test_no_column_holds_a_secret_or_a_name_that_is_to_be_sealed(knocked: Knocked) -> None:
    found: dict[tuple[str, str], str] = {}
    rows = 0
    for name, of in METADATA.tables.items():
        for row in await knocked.door.sql(str(select(of))):
            rows += 1
            for column, value in row.items():
                held = value if isinstance(value, bytes) else str(value).encode()
                for kind, secret in {**knocked.secrets, "planted": PLANTED}.items():
                    if secret.encode() in held:
                        found[name, column] = kind
    assert rows > 100
    assert found == {}

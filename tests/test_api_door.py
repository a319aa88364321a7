"""The door itself: problems, bodies, languages, sign-in, and what every operation declares."""

import json
import re
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from temporalio.client import Client

from activities import delivery, rungs
from api import problems
from api.fhir.resources import MEDIA_TYPE as FHIR
from api.language import preferred
from api.problems import PROBLEMS, REFUSAL_CODES
from api.services import throttle
from api.whence import DoorKeys
from deploy.runtime.postgres import Postgres
from models.database import Who, transaction
from models.forms import INPUTS
from models.lifecycle import PERSON_EVENTS, REFUSALS
from tests.api_support import NOW, PASSWORD, Door, open_door, report_body, temporal_away
from tests.world import contents

PROJECT = Path(__file__).resolve().parents[1]

WITHOUT_SIGN_IN = {
    "POST /api/v1/sessions",
    "POST /api/v1/sessions/second-factor",
    "POST /api/v1/sessions/second-factor/passkey",
    "POST /api/v1/set-up",
    "POST /api/v1/gateway/receipts",
    "POST /api/v1/public/reports",
    "POST /api/v1/public/reports/standing",
    "GET /health/live",
    "GET /health/ready",
    "GET /metrics",
    "GET /protocol",
    "GET /lifecycle",
}
"""Operations that ask for no bearer token; reference data besides."""


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    """The door while Temporal is away."""
    async with open_door(postgres, await temporal_away(key_file)) as opened:
        yield opened


# --- problems ------------------------------------------------------------------------------------------------------


def test_every_problem_has_a_status_of_an_error_and_its_sentences_in_both_languages() -> None:
    for code, spec in PROBLEMS.items():
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)
        assert 400 <= spec.status < 600
        for both in (spec.title, spec.detail, spec.next):
            assert both.vi.strip(), code
            assert both.en.strip(), code
            assert both.vi != both.en, code


@pytest.mark.parametrize("code", ["internal", "database-away"])
def test_a_failure_nobody_can_see_through_does_not_claim_that_nothing_was_recorded(code: str) -> None:
    said = problems.PROBLEMS[code]
    words = " ".join(part.text(language) for part in (said.detail, said.next) for language in ("vi", "en"))
    assert "chưa có gì" not in words
    assert "nothing was recorded" not in words
    assert "cùng khóa" in words
    assert "same key" in words


def test_every_refusal_of_the_lifecycle_is_a_problem() -> None:
    assert set(REFUSAL_CODES) == set(REFUSALS)
    assert set(REFUSALS) <= set(PROBLEMS)


def test_the_list_of_problems_in_the_documentation_equals_the_code() -> None:
    assert (PROJECT / "docs" / "problems.md").read_text(encoding="utf-8") == problems.markdown()


def test_every_problem_raised_in_the_door_is_in_the_table() -> None:
    raised = {
        code
        for path in (PROJECT / "api").rglob("*.py")
        for code in re.findall(r'Problem\(\s*"([a-z0-9-]+)"', path.read_text(encoding="utf-8"))
    }
    assert len(raised) > 15
    assert raised <= set(PROBLEMS)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, None),
        ("vi", "vi"),
        ("en-GB,en;q=0.9", "en"),
        ("fr, en;q=0.4, vi;q=0.6", "vi"),
        ("de", None),
        ("en;q=0", None),
        ("en;q=nonsense", None),
    ],
)
def test_the_caller_chooses_the_language(header: str | None, language: str | None) -> None:
    assert preferred(header) == language


async def test_a_problem_speaks_vietnamese_first_and_carries_the_trace_of_its_log_line(door: Door) -> None:
    answer = await door.http.get("/api/v1/cases")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said["code"] == "not-signed-in"
    assert said["next"] == "Hãy đăng nhập lại."
    assert said["trace_id"] == answer.headers["x-trace-id"]
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_problem_speaks_english_to_who_asks_for_it(door: Door) -> None:
    answer = await door.http.get("/api/v1/cases", headers={"Accept-Language": "en"})
    assert answer.json()["next"] == "Sign in again."
    assert answer.headers["content-language"] == "en"


async def test_somebody_signed_in_is_answered_in_their_own_language(door: Door) -> None:
    answer = await door.get("nat", "/cases")
    assert answer.status_code == 403
    assert answer.json()["title"] == "Not within your powers"


@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b"{", "application/json", "malformed-json"),
        (b"[" * 200 + b"]" * 200, "application/json", "malformed-json"),
        (b'{"a": NaN}', "application/json", "malformed-json"),
        (b'{"a": 1, "a": 2}', "application/json", "malformed-json"),
        (b"\xff\xfe", "application/json", "malformed-json"),
        (b"a=1", "application/x-www-form-urlencoded", "media-type-not-supported"),
        (b"{}", "", "media-type-not-supported"),
        (b'{"username": "a\\u0000b", "password": "x"}', "application/json", "text-not-storable"),
        (b'{"username": "a\\ud800", "password": "x"}', "application/json", "text-not-storable"),
        (b'{"\\u0000": 1}', "application/json", "text-not-storable"),
        (b'{"a":"' + b"x" * 1024 * 1024 + b'"}', "application/json", "body-too-large"),
        (b'{"username": "a"}', "application/json", "invalid-request"),
        (b'"text"', "application/json", "invalid-request"),
    ],
)
async def test_a_body_that_cannot_be_meant_is_refused_by_its_code(
    door: Door, body: bytes, content_type: str, code: str
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    answer = await door.http.post("/api/v1/sessions", content=body, headers=headers)
    assert answer.json()["code"] == code
    assert answer.status_code == PROBLEMS[code].status


async def test_text_that_looks_like_an_escape_is_text(door: Door) -> None:
    body = b'{"username": "a\\\\u0000b", "password": "x"}'
    answer = await door.http.post("/api/v1/sessions", content=body, headers={"Content-Type": "application/json"})
    assert answer.json()["code"] == "sign-in-failed"


async def test_a_body_in_pieces_is_counted_too(door: Door) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 32 * 1024

    answer = await door.http.post("/api/v1/sessions", content=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


async def test_a_wrong_field_is_named_and_what_was_typed_is_not_repeated(door: Door) -> None:
    body = {"username": 7, "password": "bí mật", "Nguyễn Văn A": "bí mật", "extra": 1}
    answer = await door.http.post("/api/v1/sessions", json=body)
    errors = {(*map(str, error["path"]), error["code"]) for error in answer.json()["errors"]}
    assert errors == {
        ("body", "username", "string-type"),
        ("body", "?", "extra-forbidden"),
        ("body", "extra", "extra-forbidden"),
    }
    assert "bí mật" not in answer.text
    assert "Nguyễn" not in answer.text


async def test_an_unknown_address_and_an_unknown_method_are_problems(door: Door) -> None:
    assert (await door.http.get("/api/v1/nothing")).json()["code"] == "not-found"
    wrong = await door.http.put("/api/v1/sessions", json={})
    assert wrong.json()["code"] == "method-not-allowed"
    assert wrong.headers["allow"]


async def test_an_unknown_query_parameter_is_refused(door: Door) -> None:
    answer = await door.get("cpo.a", "/cases", params={"ownr": "x"})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"path": ["query", "ownr"], "code": "extra-forbidden"}]


async def test_with_postgresql_away_the_door_says_so_and_when_to_come_back(door: Door) -> None:
    await door.sign_in("cpo.a")
    await door.database.server.sql(f"ALTER DATABASE {door.database.name} ALLOW_CONNECTIONS false")
    await door.database.server.sql(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{door.database.name}'"
    )
    try:
        asked = time.monotonic()
        answer = await door.get("cpo.a", "/cases")
        assert time.monotonic() - asked < 5
        assert answer.status_code == 503
        assert answer.json()["code"] == "database-away"
        assert answer.headers["retry-after"]
        ready = await door.http.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["status"] == "away"
        assert (await door.http.get("/health/live")).status_code == 200
        assert (await door.http.get("/metrics")).status_code == 200
    finally:
        await door.database.server.sql(f"ALTER DATABASE {door.database.name} ALLOW_CONNECTIONS true")
    assert (await door.get("cpo.a", "/cases")).status_code == 200


# --- tests about the tests -----------------------------------------------------------------------------------------


async def test_every_operation_but_the_named_ones_asks_who_is_there(door: Door) -> None:
    paths = door.app.openapi()["paths"]
    open_ones = {
        f"{method.upper()} {path}"
        for path, operations in paths.items()
        for method, operation in operations.items()
        if {"HTTPBearer": []} not in operation.get("security", [])
    }
    assert open_ones - WITHOUT_SIGN_IN == {name for name in open_ones if "/reference/" in name}
    for path, operations in paths.items():
        for method in operations:
            name = f"{method.upper()} {path}"
            if name in open_ones:
                continue
            filled = re.sub(r"\{[^}]+\}", str(uuid4()), path)
            answer = await door.http.request(method, filled, headers={"Idempotency-Key": str(uuid4())}, json={})
            assert answer.status_code == 401, name


async def test_every_operation_declares_its_problems(door: Door) -> None:
    for path, operations in door.app.openapi()["paths"].items():
        if not path.startswith("/api/v1"):
            continue
        for method, operation in operations.items():
            statuses = set(operation["responses"])
            expected = {"422", "500", "503"}
            if {"HTTPBearer": []} in operation.get("security", []):
                expected.add("401")
            if "requestBody" in operation:
                expected |= {"400", "413", "415"}
            if "{" in path and "/actions/" not in path:
                expected.add("404")
            assert expected <= statuses, f"{method} {path}: {expected - statuses}"
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    wanted = FHIR if path.startswith("/api/v1/fhir/") else "application/problem+json"
                    assert list(response["content"]) == [wanted], f"{method} {path} {status}"


async def test_every_event_a_person_may_send_has_its_address_and_its_form(door: Door) -> None:
    paths = door.app.openapi()["paths"]
    sent = {path.rsplit("/", 1)[1] for path in paths if "/actions/" in path}
    assert sent == set(INPUTS)
    assert set(PERSON_EVENTS) - {"receive_report"} == sent
    assert all("403" in paths[path]["post"]["responses"] for path in paths if "/actions/" in path)


async def test_what_goes_out_has_no_defaults() -> None:
    from api.shapes.base import Output  # noqa: PLC0415

    waiting, seen = [Output], []
    while waiting:
        shape = waiting.pop()
        seen.append(shape)
        waiting += shape.__subclasses__()
    assert len(seen) > 20
    loose = {
        f"{shape.__name__}.{name}"
        for shape in seen
        for name, field in shape.model_fields.items()
        if not field.is_required()
    }
    assert loose == set()


# --- sign-in -------------------------------------------------------------------------------------------------------


async def test_signing_in_gives_a_token_that_tells_who_one_is(door: Door) -> None:
    await door.sign_in("cpo.a")
    me = (await door.get("cpo.a", "/me")).json()
    assert me["name"] == "Trịnh Thu Hà (mẫu)"
    assert me["position"]["role"] == "CPO"
    assert me["position"]["unit"]["code"] == "HN-A"
    assert me["roles"] == ["CPO"]


async def test_the_token_itself_is_stored_nowhere(door: Door) -> None:
    token = await door.sign_in("cpo.a")
    rows = await door.sql("SELECT t::text AS row FROM access_token t")
    assert len(rows) == 1
    assert token not in rows[0]["row"]
    assert len(token) >= 43


async def test_signing_out_ends_the_token(door: Door) -> None:
    await door.sign_in("cpo.a")
    assert (await door.call("cpo.a", "DELETE", "/sessions/current")).status_code == 204
    assert (await door.get("cpo.a", "/me")).json()["code"] == "session-ended"


async def test_a_token_holds_for_one_shift(door: Door) -> None:
    await door.sign_in("cpo.a")
    door.clock.forward(hours=11, minutes=59)
    assert (await door.get("cpo.a", "/me")).status_code == 200
    door.clock.forward(minutes=1)
    assert (await door.get("cpo.a", "/me")).json()["code"] == "session-ended"


async def test_a_position_that_ended_is_refused_at_the_next_request_and_that_is_on_record(door: Door) -> None:
    await door.sign_in("cpo.a")
    assert (await door.get("cpo.a", "/me")).status_code == 200
    await door.sql("UPDATE position SET valid_to = :at WHERE person_id = :who", at=NOW, who=door.person("cpo.a"))
    assert (await door.get("cpo.a", "/me")).json()["code"] == "position-ended"
    denied = await door.sql("SELECT code FROM audit_entry WHERE outcome = 'refused'")
    assert [row["code"] for row in denied] == ["position-ended"]


async def test_a_token_nobody_was_given_is_refused(door: Door) -> None:
    for token in ("x", "ü".encode().decode("latin-1"), "a" * 5000):
        answer = await door.http.get("/api/v1/me", headers={b"Authorization": f"Bearer {token}".encode("latin-1")})
        assert answer.json()["code"] == "not-signed-in"


async def _try(door: Door, username: str, password: str = "sai") -> tuple[int, dict[str, object]]:
    answer = await door.http.post("/api/v1/sessions", json={"username": username, "password": password})
    said = answer.json()
    said.pop("trace_id", None)
    return answer.status_code, said


async def test_an_unknown_user_name_is_answered_like_a_wrong_password(door: Door) -> None:
    assert await _try(door, "cpo.a") == await _try(door, "nobody.at.all")


async def test_six_failures_lock_an_account_for_half_an_hour_and_nobody_is_told(door: Door) -> None:
    for _ in range(6):
        status, said = await _try(door, "cpo.a")
        assert status == 401
        door.clock.forward(minutes=2)
    door.clock.forward(minutes=-2)
    locked = await door.sql("SELECT locked_until FROM account WHERE username = 'cpo.a'")
    assert locked[0]["locked_until"] == door.clock.at + timedelta(minutes=30)
    door.clock.forward(minutes=2)
    assert await _try(door, "cpo.a", PASSWORD) == (status, said)
    door.clock.forward(minutes=28)
    assert (await _try(door, "cpo.a", PASSWORD))[0] == 201
    assert (await door.sql("SELECT failures FROM account WHERE username = 'cpo.a'"))[0]["failures"] == 0


@pytest.mark.parametrize("username", ["cpo.a", "nobody.at.all"])
async def test_more_than_six_tries_a_minute_are_refused_whoever_it_is(door: Door, username: str) -> None:
    statuses = [(await _try(door, username))[0] for _ in range(8)]
    assert statuses == [401] * 6 + [429] * 2
    door.clock.forward(minutes=1)
    assert (await _try(door, username))[0] == 401


async def test_one_address_cannot_try_many_names(door: Door) -> None:
    statuses = [(await _try(door, f"name{number}"))[0] for number in range(7)]
    assert statuses == [401] * 6 + [429]


async def test_what_tries_are_counted_under_tells_no_name_to_whoever_has_the_table(door: Door) -> None:
    await _try(door, "cpo.a")
    held = {row["key"] for row in await door.sql("SELECT key FROM sign_in_throttle")}
    inside = door.app.state.door
    counted = {throttle.key(inside, "user", "cpo.a"), throttle.key(inside, "address", "192.0.2.7")}
    assert held == counted
    other = replace(inside, keys=DoorKeys.for_once())
    assert held.isdisjoint({throttle.key(other, "user", "cpo.a"), throttle.key(other, "address", "192.0.2.7")})


async def test_signing_in_rightly_does_not_use_the_tries_up(door: Door) -> None:
    for _ in range(8):
        await door.sign_in("cpo.a")


async def test_sign_ins_are_on_record_without_a_name_or_password(door: Door) -> None:
    await door.sign_in("cpo.a")
    await _try(door, "nobody.at.all", "một mật khẩu")
    rows = await door.sql(
        "SELECT outcome, role, a::text AS whole FROM audit_entry a WHERE action = 'sign_in' ORDER BY at, id"
    )
    assert [(row["outcome"], row["role"]) for row in rows] == [("done", "CPO"), ("refused", "SYSTEM")]
    assert "nobody.at.all" not in rows[1]["whole"]
    assert "mật khẩu" not in rows[1]["whole"]


# --- logs, metrics, pages ------------------------------------------------------------------------------------------


async def test_metrics_carry_codes_and_templates_only(door: Door) -> None:
    receipt = await door.report(children=[{"name": "Tên Rất Riêng"}])
    await door.get("cpo.a", f"/cases/{receipt['cases'][0]['id']}")
    await door.get("cpo.b", f"/cases/{receipt['cases'][0]['id']}")
    shown = (await door.http.get("/metrics")).text
    assert 'annhi_reports_total{flagged="false"} 1.0' in shown
    assert 'annhi_refusals_total{code="not-found"} 1.0' in shown
    assert 'annhi_open_cases{process="received",protection="none"} 1.0' in shown
    assert 'annhi_http_requests_total{method="GET",route="/api/v1/cases/{case}",status="200"} 1.0' in shown
    for private in (receipt["cases"][0]["id"], receipt["cases"][0]["code"], "Riêng", "cpo.a"):
        assert private not in shown


async def test_what_the_record_counts_has_no_name_of_the_workers(door: Door) -> None:
    await door.report("cpo.a")
    shown = {
        line.split()[2] for line in (await door.http.get("/metrics")).text.splitlines() if line.startswith("# TYPE")
    }
    counted = {family.name for family in (*rungs.FIRED.collect(), *rungs.LATENESS.collect())}
    counted |= {family.name for family in delivery.WAITING.collect()}
    assert counted
    assert not {name.removesuffix("_total") for name in shown} & counted


async def test_the_service_is_degraded_not_dead_while_temporal_is_away(door: Door) -> None:
    answer = await door.http.get("/health/ready")
    assert answer.status_code == 200
    found = {one["name"]: one["status"] for one in answer.json()["dependencies"]}
    assert found == {"postgres": "ok", "migrations": "ok", "temporal": "away", "worker": "away"}
    assert answer.json()["status"] == "degraded"


async def test_with_real_temporal_and_no_worker_the_worker_is_not_heard_from(
    postgres: Postgres, temporal: Client, task_queue: str
) -> None:
    async with open_door(postgres, temporal, task_queue) as opened:
        found = (await opened.http.get("/health/ready")).json()["dependencies"]
    assert {one["name"]: one["code"] for one in found}["worker"] == "not-heard-from"
    assert {one["name"]: one["status"] for one in found}["temporal"] == "ok"


async def test_the_protocol_page_is_a_table_without_script_and_marks_what_is_unverified(door: Door) -> None:
    vi = await door.http.get("/protocol")
    en = await door.http.get("/protocol?lang=en")
    assert vi.status_code == en.status_code == 200
    assert "chưa kiểm chứng" in vi.text
    assert "<script" not in vi.text
    assert " style=" not in vi.text
    assert " on" + "click" not in vi.text
    assert '<html lang="vi">' in vi.text
    assert '<html lang="en">' in en.text
    assert 'name="viewport"' in vi.text
    assert "default-src 'none'" in vi.headers["content-security-policy"]
    for row in (await door.http.get("/api/v1/reference/protocols")).json():
        shown = (await door.http.get(f"/api/v1/reference/protocols/{row['version']}")).json()
        for deadline in shown["rows"]:
            assert deadline["name"]["vi"] in vi.text


async def test_the_lifecycle_page_names_every_state(door: Door) -> None:
    page = (await door.http.get("/lifecycle")).text
    said = (await door.http.get("/api/v1/reference/lifecycle")).json()
    assert "stateDiagram-v2" in page
    assert json.dumps(said)
    assert "stateDiagram-v2" in (await door.http.get("/api/v1/reference/lifecycle/diagram")).text


async def test_reference_data_are_there_in_both_languages(door: Door) -> None:
    names = (await door.http.get("/api/v1/reference/vocabularies")).json()
    assert len(names) > 5
    for one in names:
        found = (await door.http.get(f"/api/v1/reference/vocabularies/{one['name']}")).json()
        assert all(term["label"]["vi"] and term["label"]["en"] for term in found["terms"])
    for kind in (await door.http.get("/api/v1/reference/forms")).json():
        assert (await door.http.get(f"/api/v1/reference/forms/{kind}")).json()["input"]["title"]
    assert (await door.http.get("/api/v1/reference/forms/M99")).status_code == 404
    assert (await door.http.get("/api/v1/reference/vocabularies/none")).status_code == 404
    assert (await door.http.get("/api/v1/reference/protocols/none")).status_code == 404
    listed = (await door.http.get("/api/v1/reference/problems")).json()
    assert {one["code"] for one in listed} == set(PROBLEMS)


async def test_the_gateway_needs_its_own_token(door: Door) -> None:
    body = {"reference": str(uuid4()), "state": "delivered"}
    refused = await door.http.post("/api/v1/gateway/receipts", json=body, headers={"Authorization": "Bearer wrong"})
    assert refused.json()["code"] == "gateway-not-known"
    headers = {"Authorization": "Bearer gateway-token-of-the-tests"}
    taken = await door.http.post("/api/v1/gateway/receipts", json=body, headers=headers)
    assert taken.json() == {"recorded": False}


async def test_an_action_while_temporal_is_away_keeps_what_was_typed(door: Door) -> None:
    receipt = await door.report()
    case, key = receipt["cases"][0]["id"], UUID(int=7)
    body = {"note": "Đã gọi điện cho trường"}
    first = await door.act("cpo.a", case, "acknowledge", body, key=key)
    again = await door.act("cpo.a", case, "acknowledge", body, key=key)
    for answer in (first, again):
        assert answer.status_code == 503
        assert answer.json()["code"] == "command-not-confirmed"
        assert answer.headers["retry-after"]
    async with transaction(door.database.owner, Who(system="test"), door.clock.now()) as connection:
        kept = await contents(connection, UUID(case), kind="act", frozen_at=None)
    assert [one["note"] for one in kept] == ["Đã gọi điện cho trường"]
    other = await door.act("cpo.a", case, "acknowledge", {"note": "khác"}, key=key)
    assert other.json()["code"] == "idempotency-key-reused"
    unconfirmed = await door.sql("SELECT confirmed_at FROM submission WHERE case_id IS NOT NULL")
    assert [row["confirmed_at"] for row in unconfirmed] == [None]


async def test_report_body_of_the_tests_is_a_valid_one(door: Door) -> None:
    assert (await door.post("cpo.a", "/reports", report_body(), key=uuid4())).status_code == 201

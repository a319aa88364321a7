"""Every address × every role × every relation answers what the printed matrix says, over HTTP."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from api.app import create_app
from deploy.runtime.postgres import Postgres
from models.access import ACTIONS, ASKS_PURPOSE, TABLE, Relation, Scope, may, reach, reads, scope
from models.access.describe import main, matrix, replaced
from models.access.routes import ROUTES, UNKNOWN, Besides, Guard, refusal
from models.access.slices import Stands
from models.forms import INPUTS
from models.lifecycle import EVENTS, ROLES
from models.settings import Settings
from tests.access_support import ELSEWHERE, INFORMANT, Everybody, Subject, everybody, refer
from tests.api_support import DECLARE, open_door, report_body, temporal_away

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
        assert (rule.guard in UNKNOWN) == (rule.action is None), address
        assert (Besides.PURPOSE in rule.besides) == (rule.action in ASKS_PURPOSE), address
    # Reference data is open: it says nothing of anybody.
    assert {rule.action for rule in ROUTES.values()} - {None} == set(ACTIONS) - {"read_reference"}


# --- the same over HTTP ----------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module")
async def people(
    postgres: Postgres, key_file: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Everybody]:
    """Somebody of every role and a case of every relation; Temporal is away, and nothing here needs it."""
    files = tmp_path_factory.mktemp("files")
    async with open_door(postgres, await temporal_away(key_file), data_dir=files) as door:
        yield await everybody(door)


def of(address: str, subject: Subject) -> str | None:
    """The address with the subject's ids in it; None where it is about no case."""
    filled = (
        address.split(" ")[1]
        .removeprefix("/api/v1")
        .replace("{case}", str(subject.id))
        .replace("{document}", str(subject.document_id))
        .replace("{report}", str(subject.report_id))
        .replace("{attachment}", str(subject.attachment_id))
    )
    return None if "{" in filled else filled


READS = sorted(address for address in ROUTES if address.startswith("GET /api/v1") and "/reference/" not in address)
QUERIES = {
    "GET /api/v1/directory/candidates": {"gives": "shelter", "unit": str(uuid4())},
    "GET /api/v1/directory/exports": {"sheet": "areas"},
    "POST /api/v1/directory/imports": {"sheet": "areas"},
    "GET /api/v1/cases/{case}/consents/allows": {"scope": "SHARING"},
    "GET /api/v1/cases/{case}/views/guardian": {"who": "MOTHER"},
}
PURPOSE = {"X-Purpose": "rights_request"}


@pytest.mark.servers
@pytest.mark.parametrize("role", ROLES)
async def test_what_a_role_reads_is_what_the_matrix_says(people: Everybody, role: str) -> None:
    asked: set[str] = set()
    for relation, subject in people.relations(role).items():
        for address in READS:
            path = of(address, subject)
            if path is None or path in asked:
                continue
            headers = PURPOSE if Besides.PURPOSE in ROUTES[address].besides else {}
            answer = await people.door.get(
                people.username(role), path, params=QUERIES.get(address, {}), headers=headers
            )
            expected = refusal(ROUTES[address], role, relation) or 200
            assert answer.status_code == expected, (role, relation, address, answer.text)
            asked.add(path)
    about = {address for address in READS if "{case}" in address or "{report}" in address}
    assert len(asked) >= len(about) * len(people.relations(role))


@pytest.mark.servers
@pytest.mark.parametrize("role", ROLES)
async def test_who_informed_is_opened_to_whom_the_matrix_says(people: Everybody, role: str) -> None:
    rule = ROUTES["POST /api/v1/reports/{report}/informant/readings"]
    for relation, subject in people.relations(role).items():
        path, username = f"/reports/{subject.report_id}", people.username(role)
        await people.door.get(username, path)  # declares
        answer = await people.door.post(username, f"{path}/informant/readings", {"purpose": "ASK_AGAIN"})
        assert answer.status_code == (refusal(rule, role, relation) or 200), (relation, answer.text)
        assert (answer.json().get("name") == INFORMANT["name"]) == (answer.status_code == 200)


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
        if rule.guard in UNKNOWN:
            continue
        method, path = address.split()
        filled = re.sub(r"\{\w+\}", str(subject.id), path.replace("{event}", "acknowledge"))
        answer = await people.door.http.request(method, filled, json={}, headers={"Idempotency-Key": str(uuid4())})
        assert answer.status_code == 401, address
        if "/fhir/" in path:
            assert code_of(answer) == "not-signed-in"
            continue
        bodies.append({name: value for name, value in answer.json().items() if name != "trace_id"})
    assert all(body == bodies[0] for body in bodies)


def code_of(answer: Any) -> str:
    """The code of a problem; over FHIR it stands in the first issue of an OperationOutcome."""
    body = answer.json()
    return str(body["code"] if "code" in body else body["issue"][0]["details"]["coding"][0]["code"])


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


SOON, LATER = "2026-11-23T02:00:00Z", "2026-11-23T03:00:00Z"
CONSENT = {
    "scope": "SERVICE", "services": ["DV_TL"], "answer": "given", "giver": "MOTHER", "means": "in_person",
    "child_view": "x",
}  # fmt: skip
WITHHOLDING = {"reader": "MOTHER", "reason": "RISK_IF_TOLD"}
PROVIDER = {"kind": "shelter", "unit_code": "Z", "name_vi": "Z", "name_en": "Z", "contacts": {}, "capabilities": []}
AREA = {"name": "Z", "unit_code": "Z", "collaborators": []}
WRITES: dict[str, dict[str, Any]] = {
    "POST /api/v1/search": {"name": "tên không có"},
    "POST /api/v1/reports": report_body(),
    "POST /api/v1/set-aside/{item}/let-in": {},
    "POST /api/v1/set-aside/{item}/put-away": {"reason": "SPAM"},
    "POST /api/v1/reports/{report}/informant/readings": {"purpose": "ASK_AGAIN"},
    "POST /api/v1/cases/{case}/declaration": {"answer": "none"},
    "POST /api/v1/cases/{case}/possible-duplicates/{other}/not-the-same": {},
    "POST /api/v1/cases/{case}/attachments": {},
    "POST /api/v1/cases/{case}/attachments/{attachment}/custody": {"what": "SEALED"},
    "POST /api/v1/cases/{case}/attachments/{attachment}/shares/{referral}": {},
    "POST /api/v1/cases/{case}/attachments/{attachment}/shares/{referral}/end": {},
    "POST /api/v1/referrals/{referral}/attachments": {},
    "POST /api/v1/cases/{case}/consents": CONSENT,
    "POST /api/v1/cases/{case}/consents/{consent}/withdraw": {},
    "POST /api/v1/cases/{case}/withholdings": WITHHOLDING,
    "POST /api/v1/cases/{case}/withholdings/{withholding}/end": {},
    "POST /api/v1/cases/{case}/notes": {"words": "Đã gọi cho bà"},
    "POST /api/v1/cases/{case}/areas": {"kind": "residence", "area_code": "HN-A-01"},
    "POST /api/v1/people/{person}/hand-over": {"to": str(uuid4())},
    "POST /api/v1/cases/{case}/break-glass": {"reason": "CHILD_IN_DANGER", "note": "x"},
    "POST /api/v1/break-glass/{grant}/confirm": {},
    "POST /api/v1/break-glass/{grant}/review": {"finding": "JUSTIFIED", "note": "x"},
    "POST /api/v1/referrals/{referral}/links": {"how": "paper"},
    "POST /api/v1/referrals/{referral}/links/{link}/end": {},
    "POST /api/v1/escalations/{escalation}/acknowledge": {},
    "POST /api/v1/escalations/{escalation}/resolve": {"resolution": "x"},
    "POST /api/v1/calls/{call}/record": {"outcome": "reached"},
    "POST /api/v1/units": {"code": "Z", "kind": "commune", "name_vi": "Z", "name_en": "Z", "parent_id": str(uuid4())},
    "PATCH /api/v1/units/{unit}": {"name_vi": "Z", "name_en": "Z"},
    "POST /api/v1/people": {"full_name": "Z"},
    "PUT /api/v1/people/{person}": {"full_name": "Z"},
    "POST /api/v1/people/{person}/account": {"username": "z.z"},
    "POST /api/v1/people/{person}/account/end": {},
    "POST /api/v1/people/{person}/second-factors/end": {},
    "POST /api/v1/people/{person}/identities": {"issuer": "https://id.test", "subject": "z"},
    "POST /api/v1/people/{person}/identities/{identity}/end": {},
    "POST /api/v1/positions": {"person_id": str(uuid4()), "unit_id": str(uuid4()), "role": "CPO"},
    "POST /api/v1/shifts": {"person_id": str(uuid4()), "unit_id": str(uuid4()), "role": "CPO",
                            "starts_at": SOON, "ends_at": LATER},
    "POST /api/v1/absences": {"person_id": str(uuid4()), "starts_at": SOON, "ends_at": LATER},
    "POST /api/v1/deputies": {"principal_id": str(uuid4()), "deputy_id": str(uuid4()), "unit_id": str(uuid4()),
                              "role": "CPO"},
    "POST /api/v1/suspensions": {"person_id": str(uuid4()), "reason": "INQUIRY"},
    "POST /api/v1/services": {"name": "Z", "unit_id": str(uuid4()), "role": "HLT"},
    "POST /api/v1/services/{position}/tokens": {"scopes": ["cases:read"], "expires_at": "2026-12-23T02:00:00Z"},
    "POST /api/v1/service-tokens/{token}/rotate": {"expires_at": "2026-12-23T02:00:00Z"},
    "POST /api/v1/service-tokens/{token}/revoke": {},
    "POST /api/v1/services/{position}/endpoints": {"url": "https://agency.example/"},
    "PUT /api/v1/webhook-endpoints/{endpoint}": {"url": "https://agency.example/"},
    "POST /api/v1/webhook-endpoints/{endpoint}/secrets": {},
    "POST /api/v1/webhook-endpoints/{endpoint}/end": {},
    "POST /api/v1/referrals/{referral}/deliveries/{delivery}/resend": {},
    "POST /api/v1/unit-changes": {"kind": "rename", "unit": "Z", "name_vi": "Z", "name_en": "Z", "decision": "Z",
                                  "decided_on": "2026-11-01"},
    "POST /api/v1/directory/providers": {"code": "Z", **PROVIDER},
    "PUT /api/v1/directory/providers/{provider}": PROVIDER,
    "POST /api/v1/directory/areas": {"code": "Z", **AREA},
    "PUT /api/v1/directory/areas/{area}": AREA,
    "POST /api/v1/directory/imports": {},
    **{f"POST /api/v1/directory/{what}/end": {} for what in ("providers/{provider}", "areas/{area}")},
    **{f"POST /api/v1/{what}/end": {} for what in ("units/{unit}", "positions/{position}", "shifts/{shift}",
                                                   "absences/{absence}", "deputies/{deputy}",
                                                   "suspensions/{suspension}")},
}  # fmt: skip
BY_ROLE = [a for a, rule in ROUTES.items() if rule.guard in (Guard.ROLE, Guard.BOTH, Guard.OPENER)]
OF_CASE = [
    address
    for address, rule in ROUTES.items()
    if address.startswith("POST ") and re.search(r"\{(case|report|escalation|grant)\}", address) and not rule.send
]


async def send(people: Everybody, username: str, address: str, path: str) -> Any:
    """One request that is in order but for who sends it."""
    method = address.split(maxsplit=1)[0]
    headers = {"Idempotency-Key": str(uuid4()), "If-Match": '"x"'}
    if Besides.PURPOSE in ROUTES[address].besides:
        headers |= PURPOSE
    more: dict[str, Any] = {"json": WRITES[address]} if address in WRITES else {}
    if re.fullmatch(r"POST /api/v1/(cases|referrals)/\{\w+\}/attachments", address):
        headers["Content-Type"] = "application/octet-stream"
        more = {"content": b"x", "params": {"kind": "PHOTO"}}
    if address == "POST /api/v1/directory/imports":
        headers["Content-Type"] = "text/csv"
        more = {"content": b"x"}
    return await people.door.call(
        username, method, path, headers=headers, **{"params": QUERIES.get(address, {}), **more}
    )


def unknown(address: str, **known: object) -> str:
    """The address with ids of nothing in it, but for those that are given."""
    path = address.split()[1].removeprefix("/api/v1")
    return re.sub(r"\{(\w+)\}", lambda name: str(known.get(name[1]) or uuid4()), path)


@pytest.mark.servers
@pytest.mark.parametrize("role", ROLES)
async def test_what_a_role_may_not_do_anywhere_it_is_refused_at_once(people: Everybody, role: str) -> None:
    for address in BY_ROLE:
        rule = ROUTES[address]
        assert rule.action is not None
        answer = await send(people, people.username(role), address, unknown(address))
        if scope(role, rule.action) is Scope.NONE:
            assert (answer.status_code, code_of(answer)) == (403, "not-permitted"), address
        elif rule.guard is Guard.ROLE:
            assert answer.status_code in {200, 201, 404, 422}, (address, answer.text)
        else:
            assert answer.status_code == 404, (address, answer.text)


def test_every_address_that_is_kept_by_role_or_about_a_case_is_among_them() -> None:
    written = {address for address in (*BY_ROLE, *OF_CASE) if not address.startswith("GET ")}
    assert written == set(WRITES)


@pytest.mark.servers
@pytest.mark.parametrize("role", ROLES)
async def test_nothing_is_written_to_a_case_that_is_not_in_reach(people: Everybody, role: str) -> None:
    for relation, subject in people.relations(role).items():
        await people.door.get(people.username(role), f"/cases/{subject.id}")  # declares
        for address in OF_CASE:
            expected = refusal(ROUTES[address], role, relation)
            if expected is None and "{grant}" in address:
                expected = 409  # found, and too late for it
            if expected is None:
                continue
            path = unknown(
                address, case=subject.id, report=subject.report_id, attachment=subject.attachment_id,
                escalation=subject.escalation_id, grant=subject.grant_id,
            )  # fmt: skip
            answer = await send(people, people.username(role), address, path)
            assert answer.status_code == expected, (relation, address, answer.text)


@pytest.mark.servers
async def test_a_declaration_is_asked_for_where_the_matrix_says_and_nowhere_else(
    people: Everybody, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of somebody who reads everything below it and has opened nothing."""
    monkeypatch.setattr(people.door, "undeclared", True)
    subject = people.subjects["CHAIR", Relation.SAME_UNIT]
    for address, rule in ROUTES.items():
        if not re.search(r"\{(case|report)\}", address) or rule.send or address.endswith("/declaration"):
            continue
        known = {"report": subject.report_id, "attachment": subject.attachment_id, "other": subject.id}
        path = unknown(address, case=subject.id, **known)
        answer = await send(people, "chair.a", address, path)
        assert (answer.status_code == DECLARE) == (Besides.DECLARATION in rule.besides), (address, answer.text)


@pytest.mark.servers
async def test_another_cases_ids_are_unknown_on_every_nested_address(people: Everybody) -> None:
    door, asked = people.door, people.relations("SUP")
    own, other = asked[Relation.OWN], asked[Relation.SAME_UNIT]
    ids: dict[str, dict[str, UUID]] = {}
    for case in (own, other):
        assert (await door.get("one.sup", f"/cases/{case.id}")).status_code == 200  # declares
        # To the police, who are given sensitive files; what is passed on to them is agreed to.
        made = {"referral": await refer(door, case.id, "POL", Stands.AGREED)}
        shared = {**CONSENT, "scope": "SHARING", "services": []}
        assert (await door.post("one.sup", f"/cases/{case.id}/consents", shared)).status_code == 201
        for name, part, body in (("consent", "consents", CONSENT), ("withholding", "withholdings", WITHHOLDING)):
            answer = await door.post("one.sup", f"/cases/{case.id}/{part}", body)
            assert answer.status_code == 201, answer.text
            made[name] = UUID(answer.json()["id"])
        ids[str(case.id)] = {"document": case.document_id, "attachment": case.attachment_id, **made}
    nested = [a for a in ROUTES if "{case}" in a and len(re.findall(r"\{(?!event|other)\w+\}", a)) > 1]
    assert {name for a in nested for name in re.findall(r"\{(\w+)\}", a)} == {"case", *ids[str(own.id)]}
    nothing = _body(await door.get("one.sup", f"/cases/{uuid4()}"))
    for address in nested:
        mixed = await send(people, "one.sup", address, unknown(address, case=own.id, **ids[str(other.id)]))
        assert mixed.status_code == 404, address
        assert _body(mixed) == nothing
        for case in (own, other):
            answer = await send(people, "one.sup", address, unknown(address, case=case.id, **ids[str(case.id)]))
            assert answer.status_code == 200, (address, answer.text)


@pytest.mark.servers
async def test_another_persons_identity_at_a_provider_is_unknown_below_a_person(people: Everybody) -> None:
    door, ids = people.door, {}
    for username in ("one.cpo", "two.cpo"):
        ids[username] = uuid4()
        await door.sql(
            "INSERT INTO external_identity (id, account_id, issuer, subject, linked_by, linked_at) SELECT "
            ":id, id, 'https://id.test', username, person_id, :at FROM account WHERE username = :username",
            id=ids[username], username=username, at=door.clock.now(),
        )  # fmt: skip
    person = people.acting["one.cpo"].person_id
    for username, status in (("two.cpo", 404), ("one.cpo", 204)):
        path = f"/people/{person}/identities/{ids[username]}/end"
        assert (await door.post("one.adm", path)).status_code == status


@pytest.mark.servers
async def test_what_is_administered_elsewhere_is_as_if_it_were_not_there(people: Everybody) -> None:
    door = people.door
    (position,) = await door.sql("SELECT id FROM position WHERE person_id = :id", id=door.person("sup.x"))
    known = {"unit": door.unit(ELSEWHERE), "person": door.person("sup.x"), "position": position["id"]}
    administered = [address for address, rule in ROUTES.items() if rule.action == "administer"]
    about = [address for address in administered if any(f"{{{name}}}" in address for name in known)]
    assert len(about) > 10
    for address in about:
        answer = await send(people, "one.adm", address, unknown(address, **known))
        assert answer.status_code == 404, (address, answer.text)


def _body(answer: Any) -> dict[str, Any]:
    return {name: value for name, value in answer.json().items() if name != "trace_id"}

"""Every request of somebody known leaves one entry, whether it was carried out or refused; and none happens without.

The calls are listed by route, and the list is compared with the application's own routes: a new route fails here until
it says how it is called, or why it leaves no entry.
"""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from api.services.audit import action_label
from api.whence import DoorKeys
from deploy.runtime.postgres import Postgres
from models.access import ASKS_PURPOSE, TABLE
from models.audit.origin import Origins
from models.forms import INPUTS
from models.lifecycle import EVENTS
from models.settings import Settings
from models.tables import METADATA
from models.vocabulary import codes
from tests.api_support import (
    GATEWAY_TOKEN,
    PASSWORD,
    PEOPLE,
    PROBLEM_TYPES,
    Door,
    open_door,
    problem_code,
    report_body,
    temporal_away,
)
from tests.authenticator import Authenticator
from tests.identity_support import second_position
from tests.test_attachments import PNG, attach
from tests.test_identity_factors import code_of, first_step, with_passkey, with_totp
from tests.test_identity_links import link_for
from tests.test_identity_oidc import configured
from tests.test_identity_services import service, token_for
from tests.test_informant import WHY, reported
from tests.test_set_aside import an_ad, with_desk

pytestmark = pytest.mark.servers
PROJECT = Path(__file__).resolve().parents[1]

EXEMPT = {
    "GET /me": "tells the caller who they are, and nothing of anybody else",
    "GET /fhir/metadata": "says what the server can do, and nothing of anybody",
    "GET /reference/": "public: law, words and forms; asks for no sign-in",
    "GET /health/live": "says nothing of anybody",
    "GET /health/ready": "says nothing of anybody",
    "GET /metrics": "counts by code",
    "POST /public/reports": "asked by nobody known: what it opens is on record, with the case and from nowhere",
    "POST /public/reports/standing": "asked by nobody known: one word, to whoever holds a receipt",
}
"""Routes whose success leaves no entry, and why. What ends in a slash is a beginning."""

NOBODY_KNOWN = {
    "POST /sessions", "POST /sessions/second-factor", "POST /sessions/second-factor/passkey", "POST /set-up",
    "POST /gateway/receipts",
}  # fmt: skip
"""Where nobody is signed in yet: a body that is none is nobody's, and leaves no entry."""

TAKES_NOTHING = {
    "GET /sessions", "DELETE /sessions/current", "DELETE /sessions/others", "GET /me/second-factor",
    "POST /me/second-factor/totp", "POST /me/second-factor/passkeys", "GET /me/relatives", "GET /break-glass",
    "GET /directory/coverage",
}  # fmt: skip
"""What shows one's own and is told nothing: only its headers can be wrong."""

BESIDE = {"POST /set-aside/{item}/let-in": {"went_in", "receive_report"}}
"""What a call brings about in another's name has entries of its own: here, of the system that had taken it in."""

ISSUER = "https://id.example"
A_FILE = {"Content-Type": "application/octet-stream"}

Call = tuple[str | None, str, Any, dict[str, str]]
"""Who, which path, with what body, with what headers."""


async def declared(door: Door, case: str) -> str:
    for username in ("cpo.a", "sup.a"):
        answer = await door.post(username, f"/cases/{case}/declaration", {"answer": "none"})
        assert answer.status_code == 200, answer.text
    return case


async def a_case(door: Door) -> str:
    """A case its people may open."""
    return await declared(door, str((await door.report("cpo.a"))["cases"][0]["id"]))


async def an_escalation(door: Door) -> str:
    case, escalation = await a_case(door), uuid4()
    await door.sql(
        "INSERT INTO escalation (id, case_id, deadline_id, ordinal, level, unit_id, state, nobody, opened_at) "
        "SELECT :id, :case, id, 0, 'E1', :unit, 'open', false, :at FROM deadline WHERE case_id = :case LIMIT 1",
        id=escalation, case=case, unit=door.unit("HN-A"), at=door.clock.at,
    )  # fmt: skip
    await door.sql(
        "INSERT INTO escalation_recipient (escalation_id, person_id, role, watching) VALUES (:id, :who, 'SUP', false)",
        id=escalation, who=door.person("sup.a"),
    )  # fmt: skip
    return str(escalation)


async def a_call(door: Door) -> str:
    case, call = await a_case(door), uuid4()
    await door.sql(
        "INSERT INTO call_task (id, case_id, person_id, caller_unit_id, reason, state, created_at) "
        "VALUES (:id, :case, :who, :unit, 'no_channel', 'open', :at)",
        id=call, case=case, who=door.person("sup.a"), unit=door.unit("HN-SYT"), at=door.clock.at,
    )  # fmt: skip
    return str(call)


async def something_set_aside(door: Door) -> str:
    position = uuid4()
    await with_desk(door, position, uuid4())
    inside = door.app.state.door
    named = inside.settings.model_copy(update={"public_desk": position})
    door.app.state.door = replace(inside, settings=named)
    return await an_ad(door, place=str(position))


async def a_referral(door: Door) -> str:
    case, referral = await a_case(door), uuid4()
    await door.sql(
        "INSERT INTO referral (id, code, case_id, service, need, created_at, warnings, receiver_id, state, memory, "
        "sequence, sent_at, protocol_version, updated_at) VALUES (:id, :code, :case, 'school_support', 'DV_GD', "
        ":at, '[]', :unit, 'sent', '{}', 2, :at, 'vn-d56/1', :at)",
        id=referral, code=f"CG-{uuid4().hex[:8]}", case=case, unit=door.unit("HN-A-TH"), at=door.clock.at,
    )  # fmt: skip
    return str(referral)


A_HOOK = {"url": "https://benh-vien.example/an-nhi"}


async def an_endpoint(door: Door) -> str:
    made = await door.post("admin", f"/services/{await service(door)}/endpoints", A_HOOK)
    assert made.status_code == 201, made.text
    return str(made.json()["endpoint"]["id"])


async def a_dead_letter(door: Door) -> str:
    referral, endpoint, delivery = await a_referral(door), await an_endpoint(door), uuid4()
    await door.sql(
        "INSERT INTO webhook_delivery (id, endpoint_id, position_id, referral_id, case_id, sequence, event, data, "
        "created_at, state, attempts) SELECT :id, e.id, e.position_id, r.id, r.case_id, 2, 'send', "
        "'{\"code\": \"CG-1\", \"service\": \"school_support\"}', :at, 'dead', 9 FROM webhook_endpoint e, referral r "
        "WHERE e.id = :endpoint AND r.id = :referral",
        id=delivery, endpoint=endpoint, referral=referral, at=door.clock.at,
    )  # fmt: skip
    return f"{referral}/deliveries/{delivery}"


async def a_document(door: Door) -> str:
    case = await a_case(door)
    return f"{case}/documents/{(await door.get('cpo.a', f'/cases/{case}/documents')).json()['items'][0]['id']}"


async def a_unit(door: Door) -> dict[str, Any]:
    made: dict[str, Any] = (await door.post("admin", "/units", unit_body(door))).json()
    door.clock.forward(minutes=1)
    return made


def unit_body(door: Door) -> dict[str, Any]:
    return {"code": f"HN-{uuid4().hex[:6]}", "kind": "commune", "name_vi": "Xã Mới", "name_en": "New",
            "parent_id": str(door.unit("HN-SYT"))}  # fmt: skip


def organisation_body(door: Door, what: str) -> dict[str, Any]:
    cpo, sup, unit = str(door.person("cpo.a")), str(door.person("sup.a")), str(door.unit("HN-A"))
    now = door.clock.at
    span = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(hours=8)).isoformat()}
    return {
        "positions": {"person_id": cpo, "unit_id": unit, "role": "GRP"},
        "shifts": {"unit_id": unit, "role": "CPO", "person_id": cpo, **span},
        "absences": {"person_id": cpo, **span},
        "deputies": {"principal_id": sup, "deputy_id": cpo, "unit_id": unit, "role": "SUP"},
    }[what]


async def a_row(door: Door, what: str) -> str:
    added = await door.post("admin", f"/{what}", organisation_body(door, what))
    assert added.status_code == 201, added.text
    door.clock.forward(minutes=1)
    return f"/{what}/{added.json()['id']}"


async def a_person(door: Door) -> tuple[str, str]:
    """A person of the administrator's, and the ETag."""
    path = f"/people/{door.person('hlt')}"
    return path, (await door.get("admin", path)).headers.get("etag", "")


RELATIVE = {"name": "Nguyễn Văn Anh", "relation": "ANH_CHI_EM"}
CONSENT = {"scope": "SERVICE", "services": ["DV_TL"], "answer": "given", "giver": "MOTHER", "means": "in_person",
           "child_view": "Con đồng ý gặp cô tâm lý"}  # fmt: skip
WITHHELD = {"reader": "MOTHER", "part": "PLAN", "reason": "RISK_IF_TOLD"}
GLASS = {"reason": "CHILD_FOUND", "note": "Trẻ vừa được tìm thấy ở xã khác", "minutes": 30}


async def declare(door: Door) -> Call:
    case = str((await door.report("cpo.a"))["cases"][0]["id"])
    return "sup.a", f"/cases/{case}/declaration", {"answer": "none"}, {}


async def end_link(door: Door) -> Call:
    referral = await a_referral(door)
    link = await door.post("sup.a", f"/referrals/{referral}/links", {"how": "paper"}, key=uuid4())
    return "sup.a", f"/referrals/{referral}/links/{link.json()['id']}/end", None, {}


async def end_relative(door: Door) -> Call:
    made = await door.post("cpo.a", "/me/relatives", RELATIVE)
    assert made.status_code == 201, made.text
    return "cpo.a", f"/me/relatives/{made.json()['id']}/end", None, {}


def of_a_case(what: str, body: Any, tail: str, after: Any = None) -> Callable[[Door], Awaitable[Call]]:
    """A call on something added to a case before: ``what`` and ``body`` add it."""

    async def make(door: Door) -> Call:
        case = await a_case(door)
        made = await door.post("cpo.a", f"/cases/{case}/{what}", body)
        assert made.status_code == 201, made.text
        return "sup.a", f"/cases/{case}/{what}/{made.json()['id']}/{tail}", after, {}

    return make


async def two_children(door: Door) -> Call:
    return "cpo.a", f"/cases/{await a_case(door)}/possible-duplicates/{await a_case(door)}/not-the-same", None, {}


async def a_glass(door: Door) -> str:
    made = await door.post("cpo.b", f"/cases/{await a_case(door)}/break-glass", GLASS)
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


async def review_glass(door: Door) -> Call:
    grant = await a_glass(door)
    assert (await door.post("sup.b", f"/break-glass/{grant}/confirm")).status_code == 200
    return "sup.a", f"/break-glass/{grant}/review", {"finding": "JUSTIFIED", "note": "Đúng quy định"}, {}


def known(user: str | None, path: str, body: Any = None, **headers: str) -> Callable[[Door], Awaitable[Call]]:
    async def make(_door: Door) -> Call:
        return user, path, body, headers

    return make


def on(
    make: Callable[[Door], Awaitable[Any]], user: str, path: str, body: Any = None, **headers: str
) -> Callable[[Door], Awaitable[Call]]:
    """A call on something that has to be made first; its id goes into ``path``."""

    async def made(door: Door) -> Call:
        return user, path.format(await make(door)), body, headers

    return made


async def add_unit(door: Door) -> Call:
    return "admin", "/units", unit_body(door), {}


async def rename_unit(door: Door) -> Call:
    path = f"/units/{(await a_unit(door))['id']}"
    tag = (await door.get("admin", path)).headers["etag"]
    return "admin", path, {"name_vi": "Xã Khác", "name_en": "Other"}, {"If-Match": tag}


async def change_person(door: Door) -> Call:
    path, tag = await a_person(door)
    return "admin", path, {"full_name": "Nguyễn Văn Khác"}, {"If-Match": tag}


async def see_notice(door: Door) -> Call:
    await a_case(door)
    (notice,) = await door.sql(
        "SELECT id, person_id FROM notice WHERE channel = 'inbox' AND deliver_at <= :at ORDER BY id DESC LIMIT 1",
        at=door.clock.at,
    )
    (username,) = (name for name in PEOPLE if door.person(name) == notice["person_id"])
    return username, f"/inbox/{notice['id']}/seen", None, {}


async def read_report(door: Door) -> Call:
    return "cpo.a", f"/reports/{(await door.report('cpo.a'))['id']}", None, {}


def adding(what: str) -> Callable[[Door], Awaitable[Call]]:
    async def make(door: Door) -> Call:
        return "admin", f"/{what}", organisation_body(door, what), {}

    return make


def ending(what: str) -> Callable[[Door], Awaitable[Call]]:
    async def make(door: Door) -> Call:
        return "admin", f"{await a_row(door, what)}/end", {}, {}

    return make


async def somebody(door: Door) -> str:
    """A new person with an account, of whom no other test knows anything."""
    username, person = f"u{uuid4().hex[:10]}", uuid4()
    await door.sql(
        "INSERT INTO person (id, full_name, language, is_sample) VALUES (:id, 'Nguyễn Văn Mới', 'vi', true)", id=person
    )
    door.sample.person_ids[username] = person
    await second_position(door, username, "GRP", "HN-B")
    await door.sql(
        "INSERT INTO account (id, person_id, username, password_hash, failures, created_at) "
        "SELECT :id, :person, :username, password_hash, 0, :at FROM account WHERE username = 'cpo.a'",
        id=uuid4(), person=person, username=username, at=door.clock.at,
    )  # fmt: skip
    return username


def by_somebody(path: str, body: Any = None) -> Callable[[Door], Awaitable[Call]]:
    async def make(door: Door) -> Call:
        return await somebody(door), path, body, {}

    return make


async def leaving(door: Door) -> Call:
    to = {"to": str(door.person("cpo.a"))}
    return "sup.a", f"/people/{door.person('cpo2.a')}/hand-over", to, {"Idempotency-Key": str(uuid4())}


def to_somebody(path: str, body: Any = None) -> Callable[[Door], Awaitable[Call]]:
    async def make(door: Door) -> Call:
        return "admin", path.format(door.person(await somebody(door))), body, {}

    return make


async def take_second_step(door: Door) -> Call:
    who = await somebody(door)
    secret, _ = await with_totp(door, who)
    step = await first_step(door, who)
    door.clock.forward(minutes=1)
    return None, "/sessions/second-factor", {"step": step["token"], "code": code_of(door, secret)}, {}


async def ask_passkey(door: Door) -> Call:
    who = await somebody(door)
    await with_passkey(door, who)
    return None, "/sessions/second-factor/passkey", {"step": (await first_step(door, who))["token"]}, {}


async def set_up(door: Door) -> Call:
    who = await somebody(door)
    link = await link_for(door, who)
    return None, "/set-up", {"link": link, "password": PASSWORD}, {}


async def end_session(door: Door) -> Call:
    who = await somebody(door)
    await door.sign_in(who)
    await door.sign_in(who)
    (other,) = [one["id"] for one in (await door.get(who, "/sessions")).json() if not one["current"]]
    return who, f"/sessions/{other}", None, {}


async def switch_position(door: Door) -> Call:
    who = await somebody(door)
    other = await second_position(door, who, "GRP", "HN-A")
    return who, "/me/position", {"position_id": str(other)}, {}


async def confirm_totp(door: Door) -> Call:
    who = await somebody(door)
    secret = (await door.post(who, "/me/second-factor/totp")).json()["secret"]
    return who, "/me/second-factor/totp/confirm", {"code": code_of(door, secret)}, {}


async def confirm_passkey(door: Door) -> Call:
    who = await somebody(door)
    asked = (await door.post(who, "/me/second-factor/passkeys")).json()
    body = {"step": asked["step"], "label": "Điện thoại", "credential": Authenticator().make(asked["options"])}
    return who, "/me/second-factor/passkeys/confirm", body, {}


async def renew_recovery(door: Door) -> Call:
    who = await somebody(door)
    await with_totp(door, who)
    return who, "/me/second-factor/recovery-codes", None, {}


async def remove_factor(door: Door) -> Call:
    who = await somebody(door)
    await with_totp(door, who)
    (factor,) = (await door.get(who, "/me/second-factor")).json()["factors"]
    return who, f"/me/second-factor/{factor['id']}", None, {}


async def unlink_identity(door: Door) -> Call:
    path = f"/people/{door.person(await somebody(door))}/identities"
    made = await door.post("admin", path, {"issuer": ISSUER, "subject": uuid4().hex})
    return "admin", f"{path}/{made.json()['id']}/end", None, {}


async def suspend(door: Door) -> Call:
    return "admin", "/suspensions", {"person_id": str(door.person(await somebody(door))), "reason": "LEAVE"}, {}


async def end_suspension(door: Door) -> Call:
    _, path, body, _ = await suspend(door)
    made = await door.post("admin", path, body)
    door.clock.forward(minutes=1)
    return "admin", f"{path}/{made.json()['id']}/end", {}, {}


async def add_service(door: Door) -> Call:
    return "admin", "/services", {"name": "Hệ thống (mẫu)", "unit_id": str(door.unit("HN-BV")), "role": "HLT"}, {}


async def issue_token(door: Door) -> Call:
    until = (door.clock.at + timedelta(days=30)).isoformat()
    body = {"scopes": ["reports:write"], "expires_at": until}
    return "admin", f"/services/{await service(door)}/tokens", body, {}


async def rotate_token(door: Door) -> Call:
    until = (door.clock.at + timedelta(days=60)).isoformat()
    return "admin", f"/service-tokens/{await a_token(door)}/rotate", {"expires_at": until}, {}


async def a_token(door: Door) -> str:
    return str((await token_for(door, await service(door), "reports:write"))["token"]["id"])


async def an_attachment(door: Door) -> str:
    case = await a_case(door)
    made = await attach(door, "cpo.a", case)
    return f"{case}/attachments/{made.json()['id']}"


async def a_shareable(door: Door, *, shared: bool = False) -> str:
    """A file of a case, and a referral of it that may be shown it; ``shared``: it is."""
    referral = await a_referral(door)
    (row,) = await door.sql("SELECT case_id FROM referral WHERE id = :id", id=referral)
    case = row["case_id"]
    await door.sql("UPDATE referral SET state = 'accepted', accepted_at = updated_at WHERE id = :id", id=referral)
    agreed = {**CONSENT, "scope": "SHARING", "services": []}
    assert (await door.post("cpo.a", f"/cases/{case}/consents", agreed)).status_code == 201
    made = (await attach(door, "cpo.a", str(case), data_class="P1")).json()
    path = f"/cases/{case}/attachments/{made['id']}/shares/{referral}"
    if shared:
        assert (await door.post("cpo.a", path)).status_code == 200
    return path


async def a_shared_file(door: Door) -> str:
    """The same as the agency finds it."""
    words = (await a_shareable(door, shared=True)).split("/")
    return f"/referrals/{words[-1]}/attachments/{words[4]}"


async def a_referral_at_work(door: Door) -> str:
    return (await a_shared_file(door)).split("/")[2]


async def open_informant(door: Door) -> Call:
    report = (await reported(door))["id"]
    return "h111", f"/reports/{report}/informant/readings", WHY, {}


ENTRIES: dict[str, dict[str, Any]] = {
    "providers": {
        "kind": "shelter", "unit_code": "HN-CTXH", "name_vi": "Nhà mới (mẫu)", "name_en": "New (sample)",
        "contacts": {"paper": "Số 1 (mẫu)"},
        "capabilities": [{"service": "shelter", "territory_code": "HN-SYT", "duty": True, "capacity": 3}],
    },
    "areas": {"name": "Thôn Mới (mẫu)", "unit_code": "HN-A", "collaborators": [{"name": "Trần Mới (mẫu)"}]},
}  # fmt: skip


def entering(what: str) -> Callable[[Door], Awaitable[Call]]:
    async def make(_: Door) -> Call:
        return "admin", f"/directory/{what}", {"code": f"T-{uuid4().hex[:8]}", **ENTRIES[what]}, {}

    return make


def an_entry(what: str) -> Callable[[Door], Awaitable[str]]:
    async def make(door: Door) -> str:
        user, path, body, _ = await entering(what)(door)
        made = await door.post(user, path, body)
        assert made.status_code == 201, made.text
        door.clock.forward(minutes=1)
        return f"{path}/{made.json()['id']}"

    return make


def changing(what: str) -> Callable[[Door], Awaitable[Call]]:
    async def make(door: Door) -> Call:
        path = await an_entry(what)(door)
        tag = (await door.get("admin", path)).headers["etag"]
        return "admin", path, ENTRIES[what], {"If-Match": tag}

    return make


async def history(door: Door) -> Call:
    return "cpo.a", f"/units/{door.unit('HN-A')}/history", None, {}


async def merge_units(door: Door) -> Call:
    old, new = (await a_unit(door))["code"], (await a_unit(door))["code"]
    body = {"kind": "merge", "predecessors": [old], "successor": new, "decision": "01/NQ", "decided_on": "2026-11-01"}
    return "admin", "/unit-changes", {**body, "dry_run": False}, {}


async def candidates(door: Door) -> Call:
    return "cpo.a", f"/directory/candidates?gives=shelter&unit={door.unit('HN-A')}", None, {}


CALLS: dict[str, Callable[[Door], Awaitable[Call]]] = {
    "POST /sessions": known(None, "/sessions", {"username": "vch.a", "password": PASSWORD}),
    "POST /sessions/second-factor": take_second_step,
    "POST /sessions/second-factor/passkey": ask_passkey,
    "POST /set-up": set_up,
    "GET /sessions": known("pol.a", "/sessions"),
    "DELETE /sessions/current": known("pol.a", "/sessions/current"),
    "DELETE /sessions/others": known("pol.a", "/sessions/others"),
    "DELETE /sessions/{session}": end_session,
    "POST /me/position": switch_position,
    "POST /me/password": by_somebody("/me/password", {"current_password": PASSWORD, "new_password": f"{PASSWORD}!"}),
    "GET /me/second-factor": by_somebody("/me/second-factor"),
    "POST /me/second-factor/totp": by_somebody("/me/second-factor/totp"),
    "POST /me/second-factor/totp/confirm": confirm_totp,
    "POST /me/second-factor/passkeys": by_somebody("/me/second-factor/passkeys"),
    "POST /me/second-factor/passkeys/confirm": confirm_passkey,
    "POST /me/second-factor/recovery-codes": renew_recovery,
    "DELETE /me/second-factor/{factor}": remove_factor,
    "POST /reports": known("cpo.a", "/reports", report_body(), **{"Idempotency-Key": str(uuid4())}),
    "GET /reports/{report}": read_report,
    "POST /reports/{report}/informant/readings": open_informant,
    "GET /cases": known("sup.a", "/cases"),
    "POST /search": known("sup.a", "/search", {"name": "nguyen"}),
    **{
        f"GET /cases/{{case}}{tail}": on(a_case, "sup.a", f"/cases/{{}}{tail}")
        for tail in ("", "/timeline", "/deadlines", "/household", "/documents", "/escalations", "/attachments")
    },
    "POST /cases/{case}/attachments": on(
        a_case, "cpo.a", "/cases/{}/attachments?kind=PHOTO", PNG, **A_FILE, **{"Idempotency-Key": str(uuid4())}
    ),
    "GET /cases/{case}/attachments/{attachment}": on(an_attachment, "sup.a", "/cases/{}"),
    "GET /cases/{case}/attachments/{attachment}/content": on(an_attachment, "sup.a", "/cases/{}/content"),
    "POST /cases/{case}/attachments/{attachment}/custody": on(
        an_attachment, "cpo.a", "/cases/{}/custody", {"what": "SEALED"}
    ),
    "GET /cases/{case}/documents/{document}": on(a_document, "sup.a", "/cases/{}"),
    "GET /work": known("sup.a", "/work"),
    "GET /cases/{case}/work": on(a_case, "cpo.a", "/cases/{}/work"),
    "GET /cases/{case}/notes": on(a_case, "cpo.a", "/cases/{}/notes"),
    "POST /cases/{case}/notes": on(
        a_case, "cpo.a", "/cases/{}/notes", {"words": "Đã gọi cho bà"}, **{"Idempotency-Key": str(uuid4())}
    ),
    "GET /transfers": known("sup.a", "/transfers"),
    "GET /transfers/handed-over": known("sup.a", "/transfers/handed-over"),
    "GET /cases/{case}/custody": on(a_case, "cpo.a", "/cases/{}/custody"),
    "GET /escalations": known("sup.a", "/escalations"),
    "POST /escalations/{escalation}/acknowledge": on(an_escalation, "sup.a", "/escalations/{}/acknowledge"),
    "POST /escalations/{escalation}/resolve": on(
        an_escalation, "sup.a", "/escalations/{}/resolve", {"resolution": "Đã cử người đến"}
    ),
    "GET /inbox": known("sup.a", "/inbox"),
    "POST /inbox/{notice}/seen": see_notice,
    "GET /set-aside": known("h111", "/set-aside"),
    "GET /set-aside/{item}": on(something_set_aside, "h111", "/set-aside/{}"),
    "POST /set-aside/{item}/let-in": on(something_set_aside, "h111", "/set-aside/{}/let-in", {}),
    "POST /set-aside/{item}/put-away": on(something_set_aside, "h111", "/set-aside/{}/put-away", {"reason": "SPAM"}),
    "GET /calls": known("dohd", "/calls"),
    "POST /calls/{call}/record": on(a_call, "dohd", "/calls/{}/record", {"outcome": "reached"}),
    "POST /gateway/receipts": known(
        None,
        "/gateway/receipts",
        {"reference": str(uuid4()), "state": "delivered"},
        Authorization=f"Bearer {GATEWAY_TOKEN}",
    ),
    "GET /units": known("cpo.a", "/units"),
    "POST /units": add_unit,
    "GET /units/{unit}": on(a_unit, "admin", "/units/{[id]}"),
    "PATCH /units/{unit}": rename_unit,
    "POST /units/{unit}/end": on(a_unit, "admin", "/units/{[id]}/end", {}),
    "GET /people": known("admin", "/people"),
    "POST /people": known("admin", "/people", {"full_name": "Người Mới"}),
    "GET /people/{person}": on(a_person, "admin", "{[0]}"),
    "PUT /people/{person}": change_person,
    "POST /people/{person}/hand-over": leaving,
    "POST /people/{person}/account": on(a_person, "admin", "{[0]}/account", {"username": f"u{uuid4().hex[:8]}"}),
    "POST /people/{person}/account/end": to_somebody("/people/{}/account/end"),
    "POST /people/{person}/second-factors/end": to_somebody("/people/{}/second-factors/end"),
    "GET /people/{person}/identities": to_somebody("/people/{}/identities"),
    "POST /people/{person}/identities": to_somebody(
        "/people/{}/identities", {"issuer": ISSUER, "subject": "officer-17"}
    ),
    "POST /people/{person}/identities/{identity}/end": unlink_identity,
    "GET /suspensions": known("admin", "/suspensions"),
    "POST /suspensions": suspend,
    "POST /suspensions/{suspension}/end": end_suspension,
    "POST /services": add_service,
    "GET /services/{position}/tokens": on(service, "admin", "/services/{}/tokens"),
    "POST /services/{position}/tokens": issue_token,
    "POST /service-tokens/{token}/rotate": rotate_token,
    "POST /service-tokens/{token}/revoke": on(a_token, "admin", "/service-tokens/{}/revoke"),
    **{f"GET /{what}": known("admin", f"/{what}") for what in ("positions", "shifts", "absences", "deputies")},
    **{f"POST /{what}": adding(what) for what in ("positions", "shifts", "absences", "deputies")},
    **{
        f"POST /{what}/{{{one}}}/end": ending(what)
        for what, one in (
            ("positions", "position"),
            ("shifts", "shift"),
            ("absences", "absence"),
            ("deputies", "deputy"),
        )
    },
    **{f"GET /directory/{what}": known("cpo.a", f"/directory/{what}") for what in ("providers", "areas", "coverage")},
    "GET /directory/candidates": candidates,
    **{
        f"GET /directory/{what}/{{{one}}}": on(an_entry(what), "cpo.a", "{}")
        for what, one in (("providers", "provider"), ("areas", "area"))
    },
    **{f"POST /directory/{what}": entering(what) for what in ENTRIES},
    **{
        f"PUT /directory/{what}/{{{one}}}": changing(what)
        for what, one in (("providers", "provider"), ("areas", "area"))
    },
    **{
        f"POST /directory/{what}/{{{one}}}/end": on(an_entry(what), "admin", "{}/end", {})
        for what, one in (("providers", "provider"), ("areas", "area"))
    },
    "POST /cases/{case}/areas": on(a_case, "cpo.a", "/cases/{}/areas", {"kind": "residence", "area_code": "HN-A-01"}),
    "POST /cases/{case}/possible-duplicates/{other}/not-the-same": two_children,
    "POST /unit-changes": merge_units,
    "GET /units/{unit}/history": history,
    "POST /directory/imports": known(
        "admin",
        "/directory/imports?sheet=areas&dry_run=false",
        b"area_code,name,unit_code,collaborator\nT-1,T,HN-A,\n",
        **{"Content-Type": "text/csv"},
    ),
    "GET /directory/exports": known("admin", "/directory/exports?sheet=providers&kind=xlsx"),
    "GET /me/relatives": known("cpo.a", "/me/relatives"),
    "POST /me/relatives": known("cpo.a", "/me/relatives", RELATIVE),
    "POST /me/relatives/{relative}/end": end_relative,
    "POST /cases/{case}/declaration": declare,
    **{
        f"GET /cases/{{case}}/{what}": on(a_case, "sup.a", f"/cases/{{}}/{what}{asked}")
        for what, asked in (
            ("conflicts", ""),
            ("possible-duplicates", ""),
            ("consents", ""),
            ("consents/allows", "?scope=SERVICE&service=DV_TL"),
            ("views/child", ""),
            ("views/guardian", "?who=MOTHER"),
        )
    },
    "POST /cases/{case}/consents": on(a_case, "sup.a", "/cases/{}/consents", CONSENT),
    "POST /cases/{case}/consents/{consent}/withdraw": of_a_case("consents", CONSENT, "withdraw", {}),
    "POST /cases/{case}/withholdings": on(a_case, "sup.a", "/cases/{}/withholdings", WITHHELD),
    "POST /cases/{case}/withholdings/{withholding}/end": of_a_case("withholdings", WITHHELD, "end"),
    "POST /cases/{case}/break-glass": on(a_case, "cpo.b", "/cases/{}/break-glass", GLASS),
    "GET /cases/{case}/referrals": on(a_case, "sup.a", "/cases/{}/referrals"),
    "GET /referrals": known("edu", "/referrals"),
    "GET /fhir/Task": known("edu", "/fhir/Task"),
    "GET /fhir/Task/{referral}": on(a_referral, "edu", "/fhir/Task/{}"),
    "PUT /fhir/Task/{referral}": on(
        a_referral, "edu", "/fhir/Task/{}", {"resourceType": "Task", "status": "requested", "intent": "order"}
    ),
    "GET /referrals/counts": known("edu", "/referrals/counts"),
    "GET /referrals/{referral}": on(a_referral, "edu", "/referrals/{}"),
    "GET /referrals/{referral}/attachments": on(a_referral_at_work, "edu", "/referrals/{}/attachments"),
    "POST /referrals/{referral}/attachments": on(
        a_referral_at_work,
        "edu",
        "/referrals/{}/attachments?kind=PHOTO",
        PNG,
        **A_FILE,
        **{"Idempotency-Key": str(uuid4())},
    ),
    "GET /referrals/{referral}/attachments/{attachment}/content": on(a_shared_file, "edu", "{}/content"),
    "POST /cases/{case}/attachments/{attachment}/shares/{referral}": on(a_shareable, "cpo.a", "{}"),
    "POST /cases/{case}/attachments/{attachment}/shares/{referral}/end": on(
        lambda door: a_shareable(door, shared=True), "cpo.a", "{}/end"
    ),
    "GET /referrals/{referral}/links": on(a_referral, "sup.a", "/referrals/{}/links"),
    "POST /referrals/{referral}/links": on(
        a_referral,
        "sup.a",
        "/referrals/{}/links",
        {"how": "paper"},
        **{"Idempotency-Key": str(uuid4())},
    ),
    "POST /referrals/{referral}/links/{link}/end": end_link,
    "GET /referrals/{referral}/deliveries": on(a_referral, "sup.a", "/referrals/{}/deliveries"),
    "POST /referrals/{referral}/deliveries/{delivery}/resend": on(a_dead_letter, "sup.a", "/referrals/{}/resend"),
    "GET /services/{position}/endpoints": on(service, "admin", "/services/{}/endpoints"),
    "POST /services/{position}/endpoints": on(service, "admin", "/services/{}/endpoints", A_HOOK),
    "PUT /webhook-endpoints/{endpoint}": on(an_endpoint, "admin", "/webhook-endpoints/{}", A_HOOK),
    "POST /webhook-endpoints/{endpoint}/secrets": on(an_endpoint, "admin", "/webhook-endpoints/{}/secrets", {}),
    "POST /webhook-endpoints/{endpoint}/end": on(an_endpoint, "admin", "/webhook-endpoints/{}/end"),
    "GET /webhook-endpoints/{endpoint}/deliveries": on(an_endpoint, "admin", "/webhook-endpoints/{}/deliveries"),
    "GET /break-glass": known("sup.a", "/break-glass"),
    "POST /break-glass/{grant}/confirm": on(a_glass, "sup.b", "/break-glass/{}/confirm"),
    "POST /break-glass/{grant}/review": review_glass,
    "GET /audit": known("aud", "/audit"),
    "GET /cases/{case}/access-report": on(a_case, "dpo", "/cases/{}/access-report", **{"X-Purpose": "rights_request"}),
}
ACTIONS = {f"POST /cases/{{case}}/actions/{event}" for event in INPUTS} | {
    "POST /cases/{case}/referrals", "POST /referrals/{referral}/actions",
}  # fmt: skip
"""Carried out by the worker: tests/test_table_recorded.py counts the entry of each, accepted and refused; of those on
referrals, tests/test_api_referrals.py."""


@pytest_asyncio.fixture(scope="module")
async def door(postgres: Postgres, key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """The door while Temporal is away, for the whole module."""
    folder = tmp_path_factory.mktemp("data")
    more = {"data_dir": folder, "oidc_file": configured(folder, ISSUER)}
    async with open_door(postgres, await temporal_away(key_file), **more) as opened:
        yield opened


@pytest.fixture(autouse=True)
def _later(door: Door) -> None:
    """Every test signs people in anew: the clock was moved, and sessions end."""
    door.tokens.clear()
    door.clock.forward(minutes=2)


def routes(door: Door) -> set[str]:
    """Every operation of the API, as ``METHOD /path``."""
    return {
        f"{method.upper()} {path.removeprefix('/api/v1')}"
        for path, operations in door.app.openapi()["paths"].items()
        for method in operations
    }


def exempt(route: str) -> bool:
    return any(_begins(route, beginning) for beginning in EXEMPT)


def _begins(route: str, beginning: str) -> bool:
    return route.startswith(beginning) if beginning.endswith("/") else route == beginning


async def send(door: Door, route: str, call: Call, **more: str) -> Any:
    user, path, body, headers = call
    sent = {"content": body} if isinstance(body, bytes) else {"json": body}
    return await door.call(user, route.split(maxsplit=1)[0], path, **sent, headers={**headers, **more})


async def ready(door: Door, route: str) -> Call:
    """The call, whose caller is signed in."""
    call = await CALLS[route](door)
    if call[0] is not None and call[0] not in door.tokens:
        await door.sign_in(call[0])
        door.clock.forward(minutes=2)
    return call


async def entries(door: Door) -> list[Any]:
    return list(await door.sql("SELECT id, action, outcome, code, origin, purpose, reason FROM audit_entry"))


async def new_entries(door: Door, before: list[Any]) -> list[Any]:
    known_ids = {row["id"] for row in before}
    return [row for row in await entries(door) if row["id"] not in known_ids]


def test_every_route_is_called_here_or_says_why_not(door: Door) -> None:
    there = {route for route in routes(door) if not exempt(route)}
    assert there == set(CALLS) | ACTIONS
    for beginning, why in EXEMPT.items():
        assert why
        assert any(_begins(route, beginning) for route in routes(door)), f"nothing is exempt by {beginning}"


@pytest.mark.parametrize("route", CALLS)
async def test_a_call_that_succeeds_leaves_one_entry(door: Door, route: str) -> None:
    call = await ready(door, route)
    before = await entries(door)
    answer = await send(door, route, call)
    assert answer.status_code < 300, answer.text
    made = await new_entries(door, before)
    (left,) = [one for one in made if one["action"] not in BESIDE.get(route, ())]
    assert {one["action"] for one in made} - {left["action"]} == BESIDE.get(route, set())
    assert left["outcome"] in ("done", "unknown")
    if route != "POST /gateway/receipts":
        assert left["origin"] == door.app.state.door.keys.origins.of("192.0.2.7")


@pytest.mark.parametrize("route", sorted(ACTIONS | set(CALLS) - NOBODY_KNOWN))
async def test_a_call_that_is_refused_leaves_one_entry(door: Door, route: str) -> None:
    """Whatever is wrong with it: here an unknown purpose, unknown ids, and a body that is none."""
    method, path = route.split()
    path = re.sub(r"\{\w+\}", str(uuid4()), path)
    if "nat" not in door.tokens:
        await door.sign_in("nat")
    wrong: list[tuple[dict[str, str], Any]] = [({"X-Purpose": "curiosity"}, None), ({}, {"nonsense": 1})]
    for headers, body in wrong[:1] if route in TAKES_NOTHING else wrong:
        before = await entries(door)
        params = {"cursor": "nonsense"} if method == "GET" else {}
        answer = await door.call("nat", method, path, json=body, headers=headers, params=params)
        assert 400 <= answer.status_code < 500, answer.text
        (left,) = await new_entries(door, before)
        assert (left["outcome"], left["code"]) == ("refused", problem_code(answer))


async def test_the_answer_to_an_earlier_request_received_again_is_an_entry_of_its_own(door: Door) -> None:
    key = uuid4()
    first = await door.post("cpo.a", "/reports", report_body(), key=key)
    before = await entries(door)
    again = await door.post("cpo.a", "/reports", report_body(), key=key)
    assert again.json() == first.json()
    assert [row["action"] for row in await new_entries(door, before)] == ["repeat"]
    case = await declared(door, first.json()["cases"][0]["id"])
    file = await attach(door, "cpo.a", case, key=key)
    before = await entries(door)
    assert (await attach(door, "cpo.a", case, key=key)).json() == file.json()
    assert [row["action"] for row in await new_entries(door, before)] == ["repeat"]


async def test_an_ended_session_and_a_refused_sign_in_leave_one_entry_each(door: Door) -> None:
    token = await door.sign_in("wu.a")
    await door.call("wu.a", "DELETE", "/sessions/current")
    before = await entries(door)
    door.tokens["wu.a"] = token
    assert (await door.get("wu.a", "/me")).json()["code"] == "session-ended"
    for username in ("wu.a", "nobody.at.all"):
        body = {"username": username, "password": "sai mật khẩu"}
        assert (await door.post(None, "/sessions", body)).status_code == 401
    left = await new_entries(door, before)
    assert sorted(row["code"] for row in left) == ["session-ended", "sign-in-failed", "sign-in-failed"]
    assert len({row["origin"] for row in left}) == 1


async def test_who_goes_on_trying_to_sign_in_is_put_on_record_once_a_window(door: Door) -> None:
    door.clock.forward(minutes=5)
    before = await entries(door)
    answers = [
        (await door.post(None, "/sessions", {"username": "ai.do", "password": "x"})).json()["code"] for _ in range(10)
    ]
    assert answers == ["sign-in-failed"] * 6 + ["too-many-sign-ins"] * 4
    assert sorted(row["code"] for row in await new_entries(door, before)) == [
        *["sign-in-failed"] * 6, "too-many-sign-ins"
    ]  # fmt: skip
    door.clock.forward(minutes=5)


async def test_who_goes_on_making_up_second_steps_is_put_on_record_once_a_window(door: Door) -> None:
    door.clock.forward(minutes=5)
    before = await entries(door)
    made_up = {"step": "x", "code": "123456"}
    answers = [(await door.post(None, "/sessions/second-factor", made_up)).json()["code"] for _ in range(10)]
    assert answers == ["sign-in-step-ended"] * 6 + ["too-many-sign-ins"] * 4
    assert len(await new_entries(door, before)) == 7
    door.clock.forward(minutes=5)


async def test_nobody_known_leaves_no_entry_but_is_refused(door: Door) -> None:
    """Otherwise anybody could fill the record. What nobody known asks for is logged and counted."""
    before = await entries(door)
    for path in ("/cases", "/audit", "/nowhere"):
        assert (await door.get(None, path)).status_code in (401, 404)
    assert (await door.http.get("/api/v1/cases", headers={"Authorization": "Bearer none"})).status_code == 401
    assert await new_entries(door, before) == []


# no audit, no action


async def everything(door: Door) -> dict[str, str]:
    """Every row of every table but the audit, and the count of tries to sign in, which is kept whatever happens.

    When a session was used last is kept as well, for it was used: of all of it, that column is left out.
    """
    hashed = "SELECT md5(coalesce(string_agg({row}, '|' ORDER BY {row}), '')) AS sum FROM {name} t"
    names = set(METADATA.tables) - {"audit_entry", "sign_in_throttle"}
    row = {"access_token": "(to_jsonb(t) - 'seen_at')::text"}
    return {name: (await door.sql(hashed.format(name=name, row=row.get(name, "t::text"))))[0]["sum"] for name in names}


MUTATING = sorted(route for route in CALLS if not route.startswith("GET"))


@pytest.mark.parametrize("route", MUTATING)
async def test_where_no_entry_can_be_written_nothing_happens(door: Door, route: str) -> None:
    call = await ready(door, route)
    before = await everything(door)
    await door.sql("REVOKE INSERT ON audit_entry FROM annhi_api")
    try:
        answer = await send(door, route, call, **{"Idempotency-Key": str(uuid4())})
    finally:
        await door.sql("GRANT INSERT ON audit_entry TO annhi_api")
    assert (answer.status_code, problem_code(answer)) == (500, "internal"), answer.text
    assert answer.headers["content-type"] in PROBLEM_TYPES
    assert await everything(door) == before


async def test_where_the_audit_is_locked_the_caller_is_told_to_come_back_and_nothing_happens(door: Door) -> None:
    await door.sign_in("cpo.a")
    before = await everything(door)
    async with door.database.owner.begin() as connection:
        await connection.execute(text("LOCK TABLE audit_entry IN ACCESS EXCLUSIVE MODE"))
        answer = await door.post("cpo.a", "/reports", report_body(), key=uuid4())
    assert (answer.status_code, answer.json()["code"]) == (503, "database-away")
    assert "retry-after" in answer.headers
    assert await everything(door) == before


# why, and from where


async def test_the_purpose_and_the_reason_are_put_down_and_the_words_are_encrypted(door: Door) -> None:
    case = await a_case(door)
    before = await entries(door)
    said = {"X-Purpose": "supervision", "X-Reason": quote("Bà nội của bé Mẫu gọi điện khiếu nại")}
    assert (await door.get("sup.a", f"/cases/{case}", headers=said)).status_code == 200
    left = (await new_entries(door, before))[-1]
    assert left["purpose"] == "supervision"
    assert left["reason"] is not None
    assert "bé Mẫu".encode() not in left["reason"]
    shown = await door.get("dpo", f"/cases/{case}/access-report", headers={"X-Purpose": "rights_request"})
    (read,) = [one for one in shown.json()["items"] if one["purpose"] and one["action"] == "read"]
    assert read["reason"] == "Bà nội của bé Mẫu gọi điện khiếu nại"
    assert read["purpose"] == {"vi": "Kiểm tra, giám sát nội bộ", "en": "Internal supervision"}


@pytest.mark.parametrize(
    ("header", "value", "code"),
    [
        ("X-Purpose", "curiosity", "unknown"),
        ("X-Purpose", "", "unknown"),
        ("X-Reason", "%00", "text-has-nul"),
        ("X-Reason", "%ff", "not-utf-8"),
        ("X-Reason", "%20", "empty"),
        ("X-Reason", "a" * 501, "too-long"),
    ],
)
async def test_a_purpose_or_reason_that_is_none_is_named_without_its_value(
    door: Door, header: str, value: str, code: str
) -> None:
    answer = await door.get("sup.a", "/cases", headers={header: value})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [{"path": ["header", header], "code": code}]


async def test_what_the_table_asks_a_purpose_for_is_not_done_without(door: Door) -> None:
    assert set(ASKS_PURPOSE) <= set(TABLE)
    case = await a_case(door)
    answer = await door.get("dpo", f"/cases/{case}/access-report")
    assert (answer.status_code, answer.json()["code"]) == (422, "purpose-required")


def test_an_origin_tells_addresses_apart_and_gives_none_away(tmp_path: Path) -> None:
    Origins.create(tmp_path / "origin.key")
    one, other = Origins.read(tmp_path / "origin.key"), Origins.for_once()
    assert one.of("192.0.2.7") == one.of("::ffff:192.0.2.7") != one.of("192.0.2.8")
    assert one.of("192.0.2.7") != other.of("192.0.2.7"), "without the key nobody can try addresses"
    assert one.of("2001:db8:1:2::1") == one.of("2001:db8:1:2:ffff::9") != one.of("2001:db8:1:3::1")
    assert one.of("fe80::1%eth0") == one.of("fe80::1")
    assert one.of("") is one.of(None) is None
    assert re.fullmatch(r"[0-9a-f]{16}", one.of("somewhere") or "")
    with pytest.raises(ValueError, match="32 bytes"):
        Origins(b"short")


def test_the_processes_read_the_keys_that_migrating_made(tmp_path: Path) -> None:
    from deploy.runtime.schema import create_keys  # noqa: PLC0415

    create_keys(tmp_path / "keys.json", tmp_path / "vault.json")
    config = Settings(key_file=tmp_path / "keys.json")
    first = DoorKeys.read(config)
    for file in (config.signing_keys, config.origin_key):
        assert file.stat().st_mode & 0o077 == 0
    create_keys(tmp_path / "keys.json", tmp_path / "vault.json")
    assert DoorKeys.read(config).origins.of("a") == first.origins.of("a")


# searching it


async def test_the_audit_is_searched_by_who_which_case_what_how_and_when_without_a_gap(door: Door) -> None:
    receipt = (await door.report("cpo.a"))["cases"][0]
    await door.get("sup.a", f"/cases/{receipt['id']}")
    await door.get("cpo.b", f"/cases/{receipt['id']}")

    async def found(username: str = "aud", **by: Any) -> list[dict[str, Any]]:
        answer = await door.get(username, "/audit", params={"limit": 200, **by})
        assert answer.status_code == 200, answer.text
        items: list[dict[str, Any]] = answer.json()["items"]
        return items

    of_case = await found(case=receipt["code"])
    # Opened for the first time, it asked for a declaration; that is on record too.
    assert {one["action"] for one in of_case} == {"receive_report", "request", "declare", "read"}
    assert await found(case=receipt["id"], action="read") == [one for one in of_case if one["action"] == "read"]
    assert {one["actor"]["id"] for one in await found(actor=str(door.person("sup.a")))} == {str(door.person("sup.a"))}
    assert {one["outcome"] for one in await found(username="dpo", outcome="refused")} == {"refused"}
    now = door.clock.at.isoformat()
    assert await found(since=(door.clock.at + timedelta(seconds=1)).isoformat()) == []
    assert all(one["at"] < now for one in await found(until=now))
    whole = await found()
    seen: list[str] = []
    async for page in door.pages("aud", "/audit", limit=7, until=now):
        seen += [one["id"] for one in page]
        if len(seen) > 150:
            break
    expected = [one["id"] for one in await found(until=now)]
    assert seen[: len(expected)][:150] == expected[:150]
    assert whole[0]["action"] == "search_audit", "the searching is on record as well"
    assert whole[0]["label"] == {"vi": "Tìm trong nhật ký kiểm tra", "en": "Searched the audit"}


async def test_the_audit_shows_no_case_content_and_only_to_whoever_looks_after_it(door: Door) -> None:
    child = "Trần Thị Bí Mật"
    receipt = await door.report("cpo.a", children=[{"name": child}])
    case = receipt["cases"][0]["id"]
    await door.get("sup.a", f"/cases/{case}", headers={"X-Reason": quote(f"vì {child}")})
    for username in ("aud", "dpo"):
        said = await door.get(username, "/audit", params={"limit": 200})
        assert said.status_code == 200
        assert child not in said.text
        assert (await door.get(username, f"/cases/{case}")).status_code == 404
    assert any(one["reason_given"] for one in said.json()["items"])
    for username in ("cpo.a", "sup.a", "chair.a", "doh", "prov", "nat", "admin"):
        assert (await door.get(username, "/audit")).status_code == 403, username
        report = await door.get(username, f"/cases/{case}/access-report", headers={"X-Purpose": "rights_request"})
        assert report.status_code == 403, username
    aud = await door.get("aud", f"/cases/{case}/access-report", headers={"X-Purpose": "inspection"})
    assert aud.status_code == 403


async def test_whoever_must_keep_out_of_a_case_is_shown_nothing_of_it_in_the_audit(door: Door) -> None:
    kept, other = (await door.report("cpo.a"))["cases"][0], (await door.report("cpo.a"))["cases"][0]
    await door.sql(
        "INSERT INTO recusal (id, case_id, person_id, reason, since) VALUES (:id, :case, :person, 'x', :at)",
        id=uuid4(), case=kept["id"], person=door.person("aud"), at=door.clock.at,
    )  # fmt: skip

    async def codes_in(username: str, **by: str) -> set[str | None]:
        answer = await door.get(username, "/audit", params={"limit": 200, **by})
        assert answer.status_code == 200, answer.text
        return {one["case_code"] for one in answer.json()["items"]}

    assert await codes_in("dpo", case=kept["code"]) == {kept["code"]}
    for by in ({"case": kept["code"]}, {"case": kept["id"]}):
        assert await codes_in("aud", **by) == set()
    found = await codes_in("aud")
    assert other["code"] in found
    assert kept["code"] not in found
    (asked, _) = await door.sql(
        "SELECT actor_id FROM audit_entry WHERE action = 'search_audit' AND case_id = :case AND actor_id = :who",
        case=kept["id"], who=door.person("aud"),
    )  # fmt: skip
    assert asked["actor_id"] == door.person("aud"), "that they asked for it is on record with it"


async def test_what_failed_in_a_case_is_on_record_with_who_asked_and_the_case(door: Door) -> None:
    case = await a_case(door)
    document = (await door.get("cpo.a", f"/cases/{case}/documents")).json()["items"][0]["id"]

    async def failed(code: str) -> list[tuple[Any, Any, str]]:
        rows = await door.sql(
            "SELECT actor_id, case_id, outcome FROM audit_entry WHERE code = :code AND case_id = :case",
            code=code, case=case,
        )  # fmt: skip
        return [(row["actor_id"], str(row["case_id"]), row["outcome"]) for row in rows]

    await door.sql("UPDATE case_key SET kek = 'kgone' WHERE case_id = :case", case=case)
    answer = await door.get("cpo.a", f"/cases/{case}/documents/{document}")
    assert (answer.status_code, answer.json()["code"]) == (503, "keys-away")
    assert await failed("keys-away") == [(door.person("cpo.a"), case, "refused")]
    await door.sql("ALTER TABLE withholding ADD CONSTRAINT broken CHECK (reader <> 'CHILD') NOT VALID")
    body = {"reader": "CHILD", "part": "PLAN", "reason": "CHILD_WISH"}
    answer = await door.post("cpo.a", f"/cases/{case}/withholdings", body)
    await door.sql("ALTER TABLE withholding DROP CONSTRAINT broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert await failed("internal") == [(door.person("cpo.a"), case, "refused")]


# who had to do with one child's file


async def test_the_access_report_names_everybody_who_read_or_acted_in_which_position_and_when(door: Door) -> None:
    receipt = await door.report("cpo.a", children=[{"name": "Bé Một"}, {"name": "Bé Hai"}])
    case, sibling = (one["id"] for one in receipt["cases"])
    door.clock.forward(minutes=1)
    await door.get("sup.a", f"/cases/{case}")
    door.clock.forward(minutes=1)
    await door.get("chair.a", "/cases", params={"limit": 200})
    door.clock.forward(minutes=1)
    await door.get("cpo2.a", f"/cases/{sibling}/household")
    door.clock.forward(minutes=1)
    await door.get("cpo.a", f"/reports/{receipt['id']}")
    door.clock.forward(minutes=1)
    await door.act("vch.a", case, "acknowledge")
    purpose = {"X-Purpose": "rights_request"}
    answer = await door.get("dpo", f"/cases/{case}/access-report", headers=purpose)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    people = {(one["person"]["id"], one["role"]): one for one in said["people"]}
    for name, role in (("cpo.a", "CPO"), ("sup.a", "SUP"), ("chair.a", "CHAIR"), ("cpo2.a", "CPO"), ("vch.a", "VCH")):
        one = people[str(door.person(name)), role]
        assert one["unit"]["code"] == "HN-A"
        assert one["role_label"]["vi"]
        assert one["first_at"] <= one["last_at"]
    items = [(one["action"], one["person"]["id"], one["record"], one["outcome"]) for one in said["items"]]
    sup = str(door.person("sup.a"))
    first_opened = [(sup, "declare", "case", "done"), (sup, "request", "case", "refused")]
    asked = {(person, action, record, outcome) for action, person, record, outcome in items}
    assert asked >= set(first_opened), "opening for the first time asks for a declaration"
    items = [one for one in items if (one[1], one[0], one[2], one[3]) not in first_opened]
    assert items == [
        ("request", str(door.person("vch.a")), "case", "refused"),
        ("read", str(door.person("cpo.a")), "report", "done"),
        ("read_household", str(door.person("cpo2.a")), "case", "done"),
        ("list", str(door.person("chair.a")), "case", "done"),
        ("read", str(door.person("sup.a")), "case", "done"),
        ("receive_report", str(door.person("cpo.a")), "case", "done"),
    ]
    assert "Bé Một" not in answer.text
    again = (await door.get("dpo", f"/cases/{said['case_code']}/access-report", headers=purpose)).json()
    assert again["items"][0]["action"] == "report_access", "who asked for it is in it the next time"
    first = (await door.get("dpo", f"/cases/{case}/access-report", headers=purpose, params={"limit": 3})).json()
    more = await door.get(
        "dpo", f"/cases/{case}/access-report", headers=purpose, params={"limit": 200, "cursor": first["next"]}
    )
    whole = (await door.get("dpo", f"/cases/{case}/access-report", headers=purpose)).json()["items"]
    assert [*first["items"], *more.json()["items"]] == whole[2:]


async def test_a_case_that_is_not_there_has_no_report(door: Door) -> None:
    answer = await door.get("dpo", f"/cases/{uuid4()}/access-report", headers={"X-Purpose": "inspection"})
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


# words


def test_every_action_that_is_put_down_anywhere_has_words_in_both_languages() -> None:
    found: set[str] = set()
    for room in ("api", "models", "activities", "deploy"):
        for path in (PROJECT / room).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            found |= set(re.findall(r'(?:audit|too_many)\([^)]*?action="([a-z_]+)"', source, re.DOTALL))
            found |= set(re.findall(r'failed\(\s*connection, \w+, now, "[a-z-]+", "([a-z_]+)"', source))
            found |= set(re.findall(r'(?:note|_put_on_record)\(\s*connection,\s*"([a-z_]+)"', source))
            # The database writes entries of its own, beside what it does in one of its functions.
            if path.parent.name == "versions":
                entries = re.findall(r"INSERT INTO audit_entry \(.*?\)\s+VALUES \((.*?)\);", source, re.DOTALL)
                found |= {action for entry in entries for action in re.findall(r"'([a-z]+_[a-z_]+)',\s*'case'", entry)}
    assert len(found) > 20
    assert found <= set(codes("audit_actions")) | set(EVENTS)
    assert set(codes("audit_actions")) <= found
    for action in found:
        label = action_label(action)
        assert label.vi != label.en

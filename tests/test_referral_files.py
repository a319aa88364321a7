"""Files of referrals: what an agency adds, what it is shown, what the case's people see of it, and when it is over."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from activities.attachments import AttachmentCare
from activities.clamd import Clamd
from deploy.runtime.postgres import Postgres
from deploy.runtime.temporal import Temporal
from models.access import VIEWS, DataClass
from models.access.slices import SHARED_CLASSES, TAKES_FILES, Stands
from models.database import Who, transaction
from models.lifecycle.referral import LIVE, SERVICES
from models.records import attachments
from models.records.attachments import custody, first_broken
from models.records.retention import certificates, erase
from models.records.vault import destroy_key
from models.retention import load
from models.vault.objects import ObjectStore
from tests.access_support import refer
from tests.api_support import NOW, Door, HandClock, door_to, open_door, temporal_away
from tests.receivers import EICAR, scanner
from tests.test_api_referrals import AID, CONSENT, a_case, asked, done
from tests.test_attachments import LIMIT, NAME, PDF, PNG, attach, pieces, stored
from tests.test_identity_services import service, token_for
from tests.test_secrets import logged
from tests.world import World, a_world, client_of, eventually

pytestmark = pytest.mark.servers


def test_an_agency_adds_files_for_as_long_as_somebody_has_to_do_something() -> None:
    assert {"accepted", "scheduled", "waiting_order", "in_service", "delivered"} == TAKES_FILES <= LIVE


def test_no_narrative_is_shared_and_nothing_sensitive_with_those_who_can_do_without() -> None:
    for service_code, classes in SHARED_CLASSES.items():
        assert classes <= VIEWS["provider"].classes
        assert DataClass.P2 not in classes
        assert DataClass.P1 in classes
        assert SERVICES[service_code].emergency <= (DataClass.P3 in classes)
    without = {code for code, classes in SHARED_CLASSES.items() if DataClass.P3 not in classes}
    assert without == {
        "alternative_care", "school_support", "cash_support", "civil_registration", "parenting_reintegration",
    }  # fmt: skip


# --- with workflows ---------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module")
async def world(postgres: Postgres, temporal_process: Temporal, key_file: Path) -> AsyncIterator[World]:
    async with a_world(postgres, await client_of(temporal_process, key_file)) as made:
        yield made


@pytest_asyncio.fixture(scope="module")
async def lived(world: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    async with door_to(
        world.database, sample=world.organisation, desk=world.desk, clock=world.clock, task_queue=world.task_queue,
        data_dir=tmp_path_factory.mktemp("data"),
    ) as opened:  # fmt: skip
        yield opened


async def send(
    door: Door, username: str, referral: str, body: Any = PDF, *, key: UUID | None = None, name: str | None = NAME,
    **more: str,
) -> httpx.Response:  # fmt: skip
    """A file of an agency, sent as a case's is."""
    headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": str(key or uuid4())}
    if name is not None:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    query = {"kind": "DOCUMENT", **more}
    return await door.call(
        username, "POST", f"/referrals/{referral}/attachments", content=body, params=query, headers=headers
    )


async def files(door: Door, username: str, referral: str) -> list[dict[str, Any]]:
    answer = await door.get(username, f"/referrals/{referral}/attachments")
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def opened(door: Door, username: str, referral: str, attachment: str) -> httpx.Response:
    return await door.get(username, f"/referrals/{referral}/attachments/{attachment}/content")


async def share(door: Door, username: str, case: str, attachment: str, referral: str, *, end: bool = False) -> Any:
    path = f"/cases/{case}/attachments/{attachment}/shares/{referral}{'/end' if end else ''}"
    return await door.post(username, path)


async def test_a_report_of_an_agency_reaches_the_case_and_a_photo_of_the_case_the_agency(lived: Door) -> None:
    door, report = lived, PDF + os.urandom(400_000)
    case = await a_case(door)
    (result,) = await asked(door, case, AID)
    referral = result["referral"]["id"]
    photo = (await attach(door, "cpo.a", case)).json()
    shared = await share(door, "cpo.a", case, photo["id"], referral)
    assert shared.status_code == 200, shared.text
    await done(door, "leg", referral, "acknowledge")
    assert await files(door, "leg", referral) == [], "nothing before it has agreed"
    early = await send(door, "leg", referral)
    assert (early.status_code, early.json()["code"]) == (409, "referral-not-allowed-in-state")
    assert (await opened(door, "leg", referral, photo["id"])).status_code == 404

    await done(door, "leg", referral, "accept")
    (seen,) = await files(door, "leg", referral)
    assert (seen["id"], seen["name"], seen["data_class"]) == (photo["id"], NAME, "P3")
    got = await opened(door, "leg", referral, photo["id"])
    assert (got.content, got.headers["content-type"]) == (PNG, "image/png")
    assert "sandbox" in got.headers["content-security-policy"]
    made = await send(door, "leg", referral, report, name="Kết luận.pdf")
    assert made.status_code == 201, made.text
    own = made.json()
    assert (own["name"], own["size"], own["data_class"]) == ("Kết luận.pdf", len(report), "P3")
    assert [one["id"] for one in await files(door, "leg", referral)] == [photo["id"], own["id"]]
    assert (own["custody"], own["shares"], seen["custody"], seen["shares"]) == (None, None, None, None)
    for name in stored(door):
        assert report[:400] not in (Path(door.app.state.door.settings.data_dir) / "attachments" / name).read_bytes()

    listed = {one["id"]: one for one in (await door.get("sup.a", f"/cases/{case}/attachments")).json()["items"]}
    came = listed[own["id"]]["referral"]
    assert (came["id"], came["code"], came["agency"]["code"]) == (referral, result["referral"]["code"], "HN-TGPL")
    assert listed[photo["id"]]["referral"] is None
    assert [(one["referral"], one["ended_at"]) for one in listed[photo["id"]]["shares"]] == [(referral, None)]
    assert listed[photo["id"]]["shares"][0]["shared_by"]["id"] == str(door.person("cpo.a"))
    content = await door.get("sup.a", f"/cases/{case}/attachments/{own['id']}/content")
    assert content.content == report
    for attachment, expected in (
        (own["id"], [("RECEIVED", "HN-TGPL"), ("VIEWED", "HN-A")]),
        (photo["id"], [("RECEIVED", "HN-A"), ("SHARED", "HN-A"), ("VIEWED", "HN-TGPL")]),
    ):
        chain = (await door.get("sup.a", f"/cases/{case}/attachments/{attachment}")).json()["custody"]
        assert [(one["what"], one["unit"]["code"]) for one in chain] == expected
        async with transaction(door.database.owner, Who(system="test"), NOW) as connection:
            assert first_broken(await custody(connection, UUID(attachment))) is None
    assert chain[1]["to"].endswith(result["referral"]["code"])
    rows = await door.sql(
        "SELECT action, actor_id FROM audit_entry WHERE record = 'attachment' AND case_id = :c", c=case
    )
    assert {(row["action"], row["actor_id"]) for row in rows} >= {
        ("add_attachment", door.person("leg")), ("open", door.person("leg")),
        ("share_attachment", door.person("cpo.a")), ("open", door.person("sup.a")),
    }  # fmt: skip

    back = await share(door, "sup.a", case, photo["id"], referral, end=True)
    assert back.json()["shares"][0]["ended_by"]["id"] == str(door.person("sup.a"))
    assert [one["id"] for one in await files(door, "leg", referral)] == [own["id"]]
    assert (await opened(door, "leg", referral, photo["id"])).status_code == 404


async def test_what_was_sent_is_there_though_the_referral_has_gone_on(lived: Door) -> None:
    door, key = lived, uuid4()
    case = await a_case(door)
    (result,) = await asked(door, case, AID)
    referral = result["referral"]["id"]
    for event in ("acknowledge", "accept", "start_service"):
        await done(door, "leg", referral, event)
    first = await send(door, "leg", referral, key=key)
    await done(door, "leg", referral, "deliver", outcome="PROVIDED", report="Đã tư vấn")
    late = await send(door, "leg", referral)
    assert late.status_code == 201, "what is delivered may still be corrected by a paper"
    await done(door, "cpo.a", referral, "confirm")
    before = stored(door)
    again = await send(door, "leg", referral, key=key)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    refused = await send(door, "leg", referral)
    assert (refused.status_code, refused.json()["code"]) == (409, "referral-not-allowed-in-state")
    assert stored(door) == before
    ids = [first.json()["id"], late.json()["id"]]
    assert [one["id"] for one in await files(door, "leg", referral)] == ids, "as the slice: 30 days after the end"
    assert (await opened(door, "leg", referral, ids[0])).content == PDF
    await door.sql("UPDATE referral SET ended_at = ended_at - interval '30 days' WHERE id = :id", id=referral)
    assert (await door.get("leg", f"/referrals/{referral}/attachments")).status_code == 404
    assert (await opened(door, "leg", referral, ids[0])).status_code == 404
    assert (await send(door, "leg", referral, key=key)).status_code == 404
    assert len((await door.get("cpo.a", f"/cases/{case}/attachments")).json()["items"]) == 2, "the case keeps them"


async def test_a_referral_takes_its_files_along_to_another_case_and_back(lived: Door) -> None:
    """What was added before stays with the case it was recorded on, and is shown wherever the referral is."""
    door, known = lived, await a_case(lived)
    fresh = str((await door.report("cpo.a"))["cases"][0]["id"])
    await door.act("cpo.a", fresh, "acknowledge", None)
    for scope in ("SHARING", "SERVICE"):
        assert (await door.post("cpo.a", f"/cases/{fresh}/consents", {"scope": scope, **CONSENT})).status_code == 201
    (result,) = await asked(door, fresh, AID)
    referral = result["referral"]["id"]
    for event in ("acknowledge", "accept"):
        await done(door, "leg", referral, event)
    photo = (await attach(door, "cpo.a", fresh)).json()["id"]
    assert (await share(door, "cpo.a", fresh, photo, referral)).status_code == 200
    before = (await send(door, "leg", referral, name="trước.pdf")).json()["id"]
    moved = await door.act("cpo.a", fresh, "attach", {"target_case": known, "confirmed": True})
    assert moved.status_code == 200, moved.text

    async def at(case: str) -> bool:
        (row,) = await door.sql("SELECT case_id FROM referral WHERE id = :id", id=referral)
        return str(row["case_id"]) == case

    await eventually(lambda: at(known))
    after = (await send(door, "leg", referral, name="sau.pdf")).json()["id"]

    async def listed(case: str) -> dict[str, Any]:
        items = (await door.get("cpo.a", f"/cases/{case}/attachments")).json()["items"]
        return {one["id"]: one["name"] for one in items}

    async def all_there() -> None:
        assert [one["id"] for one in await files(door, "leg", referral)] == [photo, before, after]
        for one in (photo, before, after):
            assert (await opened(door, "leg", referral, one)).status_code == 200, one

    await all_there()
    assert await listed(known) == {before: "trước.pdf", after: "sau.pdf"}
    assert (await door.get("cpo.a", f"/cases/{known}/attachments/{before}/content")).content == PDF
    assert await listed(fresh) == {photo: NAME, before: "trước.pdf"}
    rows = await door.sql("SELECT id, case_id FROM attachment WHERE referral_id = :id", id=referral)
    assert {str(row["id"]): str(row["case_id"]) for row in rows} == {before: fresh, after: known}
    # An earlier one, shared from the case the referral has left, is taken back there; and from where it is now, shared.
    assert (await share(door, "cpo.a", fresh, photo, referral, end=True)).status_code == 200
    assert [one["id"] for one in await files(door, "leg", referral)] == [before, after]
    (second,) = await asked(door, known, {"service": "psychosocial", "receiver": "HN-BV"})
    assert (await share(door, "cpo.a", known, before, second["referral"]["id"])).status_code == 200
    back = await door.act("sup.a", fresh, "detach", {"reason": "không phải cùng một trẻ"})
    assert back.status_code == 200, back.text
    await eventually(lambda: at(fresh))
    assert [one["id"] for one in await files(door, "leg", referral)] == [before, after]
    assert (await opened(door, "leg", referral, after)).status_code == 200
    assert set(await listed(fresh)) == {photo, before, after}
    assert set(await listed(known)) == {after}


# --- by the state alone -----------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module")
async def door(postgres: Postgres, key_file: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    """The door while Temporal is away: no file waits for a workflow."""
    client = await temporal_away(key_file)
    folder = tmp_path_factory.mktemp("data")
    async with open_door(postgres, client, data_dir=folder, attachment_max_bytes=LIMIT) as opened:
        yield opened


async def a_referral(
    door: Door, role: str = "LEG", how: Stands = Stands.AGREED, *, service: str | None = None, consent: bool = True
) -> tuple[str, str]:
    """A case, and a referral of it that stands so to the agency."""
    case = str((await door.report("cpo.a"))["cases"][0]["id"])
    if consent:
        answer = await door.post("cpo.a", f"/cases/{case}/consents", {"scope": "SHARING", **CONSENT})
        assert answer.status_code == 201, answer.text
    referral = str(await refer(door, UUID(case), role, how))
    if service is not None:
        await door.sql("UPDATE referral SET service = :s WHERE id = :id", s=service, id=referral)
    return case, referral


async def test_without_the_consent_an_agency_has_no_file_and_an_emergency_service_goes_on(door: Door) -> None:
    for role, who, status in (("LEG", "leg", 409), ("HLT", "hlt", 201)):
        case, referral = await a_referral(door, role)
        own = (await send(door, who, referral)).json()["id"]
        photo = (await attach(door, "cpo.a", case)).json()["id"]
        assert (await share(door, "cpo.a", case, photo, referral)).status_code == 200
        await door.sql("UPDATE referral SET consent_lost_at = updated_at WHERE id = :id", id=referral)
        found = {one["id"] for one in await files(door, who, referral)}
        assert found == ({own, photo} if status == 201 else set())
        assert (await opened(door, who, referral, own)).status_code == (200 if status == 201 else 404)
        assert (await send(door, who, referral)).status_code == status


async def test_another_agency_another_referral_and_the_cases_own_people_have_no_part_in_it(door: Door) -> None:
    case, referral = await a_referral(door)
    mine = (await send(door, "leg", referral)).json()["id"]
    photo = (await attach(door, "cpo.a", case)).json()["id"]
    unknown = await door.get("hlt", f"/referrals/{uuid4()}/attachments")
    for who in ("hlt", "edu", "wu.a", "pol.a"):
        for answer in (
            await door.get(who, f"/referrals/{referral}/attachments"),
            await opened(door, who, referral, mine),
            await send(door, who, referral),
        ):
            assert (answer.status_code, answer.json()["code"]) == (404, unknown.json()["code"]), who
    for who in ("cpo.a", "sup.a", "doh", "aud", "admin", "h111"):
        assert (await door.get(who, f"/referrals/{referral}/attachments")).status_code == 403, who
        assert (await send(door, who, referral)).status_code == 403, who
    # Through another referral of the same agency, of the same child even, neither is found.
    for elsewhere in ((await a_referral(door))[1], str(await refer(door, UUID(case), "LEG", Stands.AGREED))):
        assert await files(door, "leg", elsewhere) == []
        for one in (mine, photo):
            assert (await opened(door, "leg", elsewhere, one)).status_code == 404
    assert (await opened(door, "leg", referral, photo)).status_code == 404, "it was not shared"
    for tail in ("", f"/{mine}", f"/{mine}/content"):
        assert (await door.get("leg", f"/cases/{case}/attachments{tail}")).status_code in (403, 404)
    assert (await attach(door, "leg", case)).status_code == 403
    other = str((await door.report("cpo.b", unit="HN-B"))["cases"][0]["id"])
    for who, where in (("cpo.b", case), ("cpo.b", other), ("cpo.a", other)):
        assert (await door.get(who, f"/cases/{where}/attachments/{mine}")).status_code == 404


@pytest.mark.parametrize("how", Stands)
async def test_files_go_with_the_slice(door: Door, how: Stands) -> None:
    case, referral = await a_referral(door, how=how)
    photo = (await attach(door, "cpo.a", case)).json()["id"]
    sup, at = door.person("sup.a"), door.clock.now()
    await door.sql(
        "INSERT INTO attachment_share (id, attachment_id, referral_id, case_id, shared_by, position_id, shared_at) "
        "SELECT :id, :file, :referral, :case, person_id, id, :at FROM position WHERE person_id = :who",
        id=uuid4(), file=photo, referral=referral, case=case, at=at, who=sup,
    )  # fmt: skip
    if how is Stands.RECUSED:
        await door.sql(
            "INSERT INTO recusal (id, case_id, person_id, reason, since) VALUES (:id, :case, :who, 'relative', :at)",
            id=uuid4(), case=case, who=door.person("leg"), at=at - timedelta(minutes=1),
        )  # fmt: skip
    if how is Stands.WITHHELD:
        await door.sql(
            "UPDATE referral SET accepted_at = :at, consent_lost_at = :at WHERE id = :id", at=at, id=referral
        )
    listed = await door.get("leg", f"/referrals/{referral}/attachments")
    content, added = await opened(door, "leg", referral, photo), await send(door, "leg", referral)
    found = [one["id"] for one in listed.json()["items"]] if listed.status_code == 200 else listed.status_code
    expected: dict[Stands, tuple[Any, int, int]] = {
        Stands.AGREED: ([photo], 200, 201),
        Stands.ENDED: ([photo], 200, 409),
        **dict.fromkeys((Stands.ASKED, Stands.TURNED_AWAY, Stands.WITHHELD), ([], 404, 409)),
    }
    assert (found, content.status_code, added.status_code) == expected.get(how, (404, 404, 404))


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"<html><script>", 415, "attachment-type-not-allowed"),
        (b"MZ\x90\0" + b"\0" * 20_000, 415, "attachment-type-not-allowed"),
        (b"", 415, "attachment-type-not-allowed"),
        (PNG + b"\0" * LIMIT, 413, "attachment-too-large"),
    ],
)
async def test_what_may_not_be_attached_leaves_nothing(door: Door, body: bytes, status: int, code: str) -> None:
    case, referral = await a_referral(door)
    before = stored(door)
    for sent in (body, pieces(body[:9000], body[9000:])):
        answer = await send(door, "leg", referral, sent)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await files(door, "leg", referral) == []
    assert (await door.get("cpo.a", f"/cases/{case}/attachments")).json()["items"] == []
    assert stored(door) == before


async def test_a_name_is_what_can_be_stored_and_shown(door: Door) -> None:
    case, referral = await a_referral(door)
    for name, shown in (("🩺 Kết quả 👧🏽.pdf", "🩺 Kết quả 👧🏽.pdf"), ("../../etc/passwd", "passwd"), (None, None)):
        made = await send(door, "leg", referral, name=name)
        assert (made.status_code, made.json().get("name")) == (201, shown), made.text
        got = await opened(door, "leg", referral, made.json()["id"])
        assert got.headers["content-disposition"].endswith(quote(shown or made.json()["id"], safe=""))
    for name in ("a\0b.pdf", "x" * 300):
        refused = await send(door, "leg", referral, name=name)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "name-not-usable"), name
    assert (await send(door, "leg", referral, kind="VIRUS")).status_code == 422
    assert (await send(door, "leg", referral, data_class="P4")).status_code == 422
    headers = {"Content-Type": "application/pdf", "Idempotency-Key": str(uuid4())}
    path = f"/referrals/{referral}/attachments?kind=PHOTO"
    wrong = await door.call("leg", "POST", path, content=PDF, headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (415, "media-type-not-supported")
    assert len((await door.get("cpo.a", f"/cases/{case}/attachments")).json()["items"]) == 3


async def test_the_same_request_again_is_the_same_file_and_another_is_not(door: Door) -> None:
    (_, referral), key = await a_referral(door), uuid4()
    first = await send(door, "leg", referral, key=key)
    before = stored(door)
    again = await send(door, "leg", referral, key=key)
    assert again.json()["id"] == first.json()["id"]
    other = await send(door, "leg", referral, PNG, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
    assert stored(door) == before
    assert len(await files(door, "leg", referral)) == 1
    _, elsewhere = await a_referral(door)
    assert (await send(door, "leg", elsewhere, key=key)).json()["id"] != first.json()["id"]


@pytest.mark.parametrize(("what", "status"), [("ended", 409), ("moved", 400), ("recused", 404)])
async def test_what_happens_to_a_referral_while_a_file_is_on_its_way_is_noticed(
    door: Door, what: str, status: int
) -> None:
    (case, referral), (other, _) = await a_referral(door), await a_referral(door)
    before, key = stored(door), uuid4()
    statements = {
        "ended": "UPDATE referral SET state = 'revoked', ended_at = :at WHERE id = :referral",
        "moved": "UPDATE referral SET case_id = :other WHERE id = :referral",
        "recused": (
            "INSERT INTO recusal (id, case_id, person_id, reason, since) VALUES (:id, :case, :who, 'relative', :at)"
        ),
    }
    given = {"at": door.clock.now(), "referral": referral, "other": other, "id": uuid4(), "case": case,
             "who": door.person("leg")}  # fmt: skip

    async def body() -> AsyncIterator[bytes]:
        yield PDF
        statement = statements[what]
        await door.sql(statement, **{name: value for name, value in given.items() if f":{name}" in statement})
        yield b"%%EOF"

    answer = await send(door, "leg", referral, body(), key=key)
    assert answer.status_code == status, answer.text
    assert stored(door) == before, "nothing is left of it"
    assert (await door.get("cpo.a", f"/cases/{case}/attachments")).json()["items"] == []
    if what == "moved":
        assert (await send(door, "leg", referral, PDF + b"%%EOF", key=key)).status_code == 201, "the same key again"


async def test_a_referral_that_ends_between_the_last_look_and_the_writing_is_noticed_by_row_security(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, referral = await a_referral(door)
    before, key, record = stored(door), uuid4(), attachments.record

    async def ended_first(*args: Any, **more: Any) -> bool:
        await door.sql("UPDATE referral SET state = 'revoked', ended_at = now() WHERE id = :id", id=referral)
        return await record(*args, **more)

    monkeypatch.setattr("api.services.attachments.record", ended_first)
    answer = await send(door, "leg", referral, key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, "attachment-broken-off")
    again = await send(door, "leg", referral, key=key)
    assert (again.status_code, again.json()["code"]) == (409, "referral-not-allowed-in-state")
    assert stored(door) == before, "nothing is left of it"
    assert (await door.get("cpo.a", f"/cases/{case}/attachments")).json()["items"] == []


async def test_an_agency_cannot_use_up_the_cases_own_number_of_files(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attachments, "MOST_OF_REFERRAL", 2)
    monkeypatch.setattr(attachments, "MOST", 3)
    case, referral = await a_referral(door)
    answers = [(await send(door, "leg", referral)).status_code for _ in range(3)]
    assert answers == [201, 201, 409]
    assert [(await attach(door, "cpo.a", case)).status_code for _ in range(4)] == [201, 201, 201, 409]


async def test_a_file_of_an_agency_is_kept_back_until_it_was_scanned(
    postgres: Postgres, key_file: Path, tmp_path: Path
) -> None:
    client = await temporal_away(key_file)
    async with (
        scanner() as clamd,
        open_door(postgres, client, data_dir=tmp_path, clamd=clamd.address) as door,
    ):
        case, referral = await a_referral(door)
        good = (await send(door, "leg", referral)).json()["id"]
        bad = (await send(door, "leg", referral, PDF + EICAR)).json()["id"]
        harmful = (await attach(door, "cpo.a", case, PDF + EICAR, data_class="P3")).json()["id"]

        async def both(one: str) -> set[str]:
            answers = (
                await opened(door, "leg", referral, one),
                await door.get("cpo.a", f"/cases/{case}/attachments/{one}/content"),
            )
            return {answer.json()["code"] if answer.status_code != 200 else "" for answer in answers}

        assert await both(good) == {"attachment-quarantined"}
        store = ObjectStore("", tmp_path / "attachments")
        care = AttachmentCare(door.database.worker, HandClock(), store, Clamd(clamd.address))
        assert await care.scan() == 3
        assert await both(good) == {""}
        assert await both(bad) == {"attachment-infected"}
        refused = await share(door, "cpo.a", case, harmful, referral)
        assert (refused.status_code, refused.json()["code"]) == (409, "attachment-infected")
        chain = (await door.get("cpo.a", f"/cases/{case}/attachments/{bad}")).json()["custody"]
        assert [(one["what"], one["unit"] and one["unit"]["code"]) for one in chain] == [
            ("RECEIVED", "HN-TGPL"), ("SCANNED", None),
        ]  # fmt: skip


# --- sharing ----------------------------------------------------------------------------------------------------------


async def test_what_is_shared_goes_by_class_service_and_consent(door: Door) -> None:
    case, referral = await a_referral(door, "EDU", service="school_support")
    legal = str(await refer(door, UUID(case), "LEG", Stands.AGREED))
    made = {level: (await attach(door, "cpo.a", case, data_class=level)).json()["id"] for level in ("P1", "P2", "P3")}
    for to, allowed in ((referral, {"P1"}), (legal, {"P1", "P3"})):
        for level, one in made.items():
            answer = await share(door, "cpo.a", case, one, to)
            expected = (200, None) if level in allowed else (409, "attachment-not-shareable")
            assert (answer.status_code, answer.json().get("code")) == expected, (to, level)
    assert {one["id"] for one in await files(door, "edu", referral)} == {made["P1"]}
    assert {one["id"] for one in await files(door, "leg", legal)} == {made["P1"], made["P3"]}

    for role, who in (("LEG", "leg"), ("HLT", "hlt")):
        unsaid, to = await a_referral(door, role, consent=False)
        one = (await attach(door, "cpo.a", unsaid)).json()["id"]
        refused = await share(door, "cpo.a", unsaid, one, to)
        assert (refused.status_code, refused.json()["code"]) == (409, "consent-missing"), "an emergency has its ground"
        ground = {"scope": "SHARING", "services": [], "answer": "ground", "ground": "LIFE_HEALTH",
                  "best_interest_note": "Cần cho việc cứu chữa"}  # fmt: skip
        assert (await door.post("cpo.a", f"/cases/{unsaid}/consents", ground)).status_code == 201
        assert (await share(door, "cpo.a", unsaid, one, to)).status_code == 200
        assert len(await files(door, who, to)) == 1


async def test_who_shares_is_who_sends_and_sees_the_file(door: Door) -> None:
    case, referral = await a_referral(door)
    made = {level: (await attach(door, "cpo.a", case, data_class=level)).json()["id"] for level in ("P1", "P3")}
    for username, level, status in (
        ("prov", "P1", 403), ("h111", "P1", 403), ("leg", "P1", 403), ("admin", "P1", 403),
        ("cpo.b", "P1", 404), ("dohd", "P3", 403), ("dohd", "P1", 200), ("chair.a", "P3", 200),
    ):  # fmt: skip
        answer = await share(door, username, case, made[level], referral)
        assert answer.status_code == status, (username, level, answer.text)
    # Whoever may share may take back, what they may not open as well.
    taken = await share(door, "dohd", case, made["P3"], referral, end=True)
    assert (taken.status_code, taken.json()["withheld"]) == (200, True)
    assert [one["id"] for one in await files(door, "leg", referral)] == [made["P1"]]
    for username, status in (("prov", 403), ("cpo.b", 404), ("leg", 403)):
        assert (await share(door, username, case, made["P1"], referral, end=True)).status_code == status


async def test_sharing_and_taking_back_once_each_however_often_it_is_sent(door: Door) -> None:
    case, referral = await a_referral(door)
    photo = (await attach(door, "cpo.a", case)).json()["id"]
    assert (await share(door, "cpo.a", case, photo, referral, end=True)).status_code == 404, "it never was"
    for end in (False, False, True, True, False):
        door.clock.forward(minutes=1)
        answer = await share(door, "cpo.a", case, photo, referral, end=end)
        assert answer.status_code == 200
        assert bool(await files(door, "leg", referral)) is not end
    shown = answer.json()
    assert [one["ended_at"] is None for one in shown["shares"]] == [False, True]
    assert [one["what"] for one in shown["custody"]] == ["RECEIVED", "SHARED", "SHARE_ENDED", "SHARED"]
    rows = await door.sql(
        "SELECT action FROM audit_entry WHERE record_id = :id "
        "AND action IN ('share_attachment', 'end_share', 'repeat') ORDER BY at",
        id=photo,
    )
    assert [row["action"] for row in rows] == [
        "share_attachment", "repeat", "end_share", "repeat", "share_attachment",
    ]  # fmt: skip


async def test_a_file_is_shared_with_a_live_referral_of_its_case_and_with_no_other(door: Door) -> None:
    case, referral = await a_referral(door)
    photo = (await attach(door, "cpo.a", case)).json()["id"]
    other, elsewhere = await a_referral(door)
    theirs = (await attach(door, "cpo.a", other)).json()["id"]
    for of, one, to in ((case, photo, elsewhere), (case, theirs, referral), (other, photo, elsewhere),
                        (case, photo, str(uuid4())), (case, str(uuid4()), referral)):  # fmt: skip
        assert (await share(door, "cpo.a", of, one, to)).status_code == 404
    for how, status in (
        (Stands.DRAFT, 409), (Stands.ASKED, 200), (Stands.TURNED_AWAY, 409), (Stands.ENDED, 409),
        (Stands.LONG_ENDED, 409),
    ):  # fmt: skip
        to = str(await refer(door, UUID(case), "LEG", how))
        answer = await share(door, "cpo.a", case, photo, to)
        assert answer.status_code == status, how
        assert status == 200 or answer.json()["code"] == "referral-not-allowed-in-state"
    own = (await send(door, "leg", referral)).json()["id"]
    refused = await share(door, "cpo.a", case, own, referral)
    assert refused.json()["code"] == "attachment-not-shareable", "its own is not ours to take back"
    hospital = str(await refer(door, UUID(case), "HLT", Stands.AGREED))
    assert (await share(door, "cpo.a", case, own, hospital)).status_code == 200
    (seen,) = await files(door, "hlt", hospital)
    assert (seen["id"], seen["referral"]["agency"]["code"], seen["referral"]["code"]) == (own, "HN-TGPL", None)


# --- beside it --------------------------------------------------------------------------------------------------------


async def test_with_the_childs_key_the_agencys_files_are_gone_too(door: Door) -> None:
    case, referral = await a_referral(door)
    own = (await send(door, "leg", referral)).json()["id"]
    photo = (await attach(door, "cpo.a", case)).json()["id"]
    assert (await share(door, "cpo.a", case, photo, referral)).status_code == 200
    async with transaction(door.database.owner, Who(system="test"), NOW) as connection:
        await destroy_key(connection, UUID(case), NOW)
    for one in (own, photo):
        answer = await opened(door, "leg", referral, one)
        assert (answer.status_code, answer.json()["code"]) == (410, "content-erased")
    assert {(one["erased"], one["name"]) for one in await files(door, "leg", referral)} == {(True, None)}
    assert (await send(door, "leg", referral)).status_code == 410
    _, legal = case, str(await refer(door, UUID(case), "LEG", Stands.AGREED))
    assert (await share(door, "cpo.a", case, photo, legal)).status_code == 410
    assert (await share(door, "cpo.a", case, photo, referral, end=True)).status_code == 200
    assert [one["id"] for one in await files(door, "leg", referral)] == [own]


async def test_erasing_a_case_takes_the_agencys_files_with_it(door: Door) -> None:
    case, referral = await a_referral(door)
    before = stored(door)
    own = (await send(door, "leg", referral)).json()["id"]
    photo = (await attach(door, "cpo.a", case)).json()["id"]
    assert (await share(door, "cpo.a", case, photo, referral)).status_code == 200
    objects, due = stored(door) - before, NOW + timedelta(days=365 * 60)
    await door.sql("UPDATE case_file SET process = 'closed', closed_at = :at WHERE id = :id", at=NOW, id=case)
    async with transaction(door.database.owner, Who(system="test"), due) as connection:
        names = await erase(connection, UUID(case), load(), at=due, by=door.person("admin"), decision="7/QĐ")
        (certificate,) = await certificates(connection)
    assert set(names) == objects
    assert certificate.certificate["counts"]["attachments"] == len(objects) == 2
    assert (await opened(door, "leg", referral, own)).status_code == 410


async def test_a_system_of_an_agency_adds_files_with_the_scope_of_referrals(door: Door) -> None:
    _, referral = await a_referral(door, "HLT")
    for scope, status in (("reports:write", 403), ("referrals:read", 403), ("referrals:write", 201)):
        secret = (await token_for(door, await service(door), scope))["secret"]
        headers = {
            "Authorization": f"Bearer {secret}", "Content-Type": "application/octet-stream",
            "Idempotency-Key": str(uuid4()),
        }  # fmt: skip
        path = f"/api/v1/referrals/{referral}/attachments"
        answer = await door.http.post(path, params={"kind": "DOCUMENT"}, content=PDF, headers=headers)
        assert answer.status_code == status, (scope, answer.text)


async def test_no_log_line_has_the_name_of_a_file_or_what_it_says(postgres: Postgres, key_file: Path) -> None:
    with logged("json") as log:
        async with open_door(postgres, await temporal_away(key_file)) as door:
            case, referral = await a_referral(door)
            own = (await send(door, "leg", referral, PDF + b"zqkinzq", name="zqkinzq.pdf")).json()
            assert own["name"] == "zqkinzq.pdf"
            photo = (await attach(door, "cpo.a", case, name="zqkinzq.png")).json()["id"]
            assert (await share(door, "cpo.a", case, photo, referral)).status_code == 200
            assert "zqkinzq" in (await opened(door, "leg", referral, own["id"])).text
            await share(door, "cpo.a", case, photo, referral, end=True)
            assert (await send(door, "leg", referral, b"MZzqkinzq", name="zqkinzq.exe")).status_code == 415
    assert "attachment stored" in log.getvalue()
    assert "zqkinzq" not in log.getvalue()
    assert own["sha256"] not in log.getvalue()

"""Somebody of every role, and to each a case of every relation of the printed matrix.

Two communes below one province and a commune of another; in each office two people of each role, so that "own" and
"same unit" can be told apart. What each cell should say is asked of ``models.access``, never written down here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert

from models.access import COMMUNE, Relation
from models.access.slices import Stands, services_of
from models.database import Who, transaction
from models.lifecycle.referral import SERVICES
from models.lifecycle.roles import RECEIVERS, ROLES
from models.records.actor import Acting
from models.records.referrals import code_of
from models.records.vault import key_of, seal_text
from models.tables import Account, BreakGlass, Person, Position, Unit, UnitParent, new_id, table
from tests.api_support import CHEAP, NOW, PASSWORD, Door
from tests.case_support import recuse

HOME: Mapping[str, str] = {
    **dict.fromkeys(ROLES, "HN-A"),
    **dict.fromkeys(("H111", "H111S"), "111"),
    **dict.fromkeys(("DOH", "DOHD", "DPO", "AUD", "ADM"), "HN-SYT"),
    **dict.fromkeys(("HLT",), "HN-BV"),
    **dict.fromkeys(("FOR",), "HN-PY"),
    **dict.fromkeys(("SHL", "SWC"), "HN-CTXH"),
    **dict.fromkeys(("LEG",), "HN-TGPL"),
    **dict.fromkeys(("EDU",), "HN-A-TH"),
    "PROV": "HN",
    "NAT": "VN",
}
"""The office each role is asked from."""

ELSEWHERE = "DN-X"
"""A commune of another province."""

INFORMANT = {"name": "Lê Thị Mẫu", "phone": "0900000000"}
FILE = b"%PDF-1.7\n%" + b"\xe2" * 64


@dataclass(frozen=True)
class Subject:
    """One case of the matrix and what lies below it. The grant was asked for by an outsider and has lapsed."""

    id: UUID
    report_id: UUID
    document_id: UUID
    escalation_id: UUID
    attachment_id: UUID
    grant_id: UUID


@dataclass
class Everybody:
    """Who asks, and what they are asked about."""

    door: Door
    acting: dict[str, Acting] = field(default_factory=dict)
    subjects: dict[tuple[str, Relation], Subject] = field(default_factory=dict)

    def username(self, role: str) -> str:
        """Who asks in a role."""
        return f"one.{role.lower()}"

    def relations(self, role: str) -> dict[Relation, Subject]:
        """The cases a role is asked about, by how they stand to them."""
        return {relation: subject for (whose, relation), subject in self.subjects.items() if whose == role}


async def everybody(door: Door) -> Everybody:
    """The whole population over a door's database."""
    made = Everybody(door)
    await _other_province(door)
    for role in ROLES:
        for which in ("one", "two"):
            made.acting[f"{which}.{role.lower()}"] = await _person(door, f"{which}.{role.lower()}", role, HOME[role])
    await _person(door, "sup.x", "SUP", ELSEWHERE)
    shared = {
        Relation.SAME_PROVINCE: await _subject(door, "sup.b", "HN-B"),
        Relation.ELSEWHERE: await _subject(door, "sup.x", ELSEWHERE),
    }
    for role in ROLES:
        for relation, subject in shared.items():
            made.subjects[role, relation] = subject
        held = HOME[role] if role in COMMUNE else "HN-A"
        if role in RECEIVERS:
            made.subjects[role, Relation.OWN] = await _subject(door, f"one.{role.lower()}", held)
            made.subjects[role, Relation.SAME_UNIT] = await _subject(door, f"two.{role.lower()}", held)
        recused = await _subject(door, f"one.{role.lower()}" if role in RECEIVERS else "sup.a", held)
        await recuse(door, recused.id, made.acting[made.username(role)].person_id)
        made.subjects[role, Relation.RECUSED] = recused
        if services_of(role):
            # A referral an agency has taken on opens its slice, and not one door to the case.
            for subject in made.relations(role).values():
                await refer(door, subject.id, role, Stands.AGREED)
    return made


async def refer(door: Door, case: UUID, role: str, how: Stands) -> UUID:
    """A referral of a case that stands so to the office of a role."""
    at, referral = door.clock.now() - timedelta(days=40), uuid4()
    agreed = how in {Stands.AGREED, Stands.ENDED, Stands.LONG_ENDED}
    over = {Stands.TURNED_AWAY: 1, Stands.ENDED: 1, Stands.LONG_ENDED: 31}.get(how)
    state = {Stands.DRAFT: "draft", Stands.TURNED_AWAY: "declined"}.get(how, "accepted" if agreed else "sent")
    service = services_of(role)[0]
    await door.sql(
        "INSERT INTO referral (id, code, case_id, service, need, created_at, warnings, receiver_id, state, memory, "
        "sequence, sent_at, accepted_at, ended_at, protocol_version, updated_at) VALUES (:id, :code, :case, :service, "
        ":need, :at, '[]', :unit, :state, '{}', 1, :at, :accepted, :ended, 'x', :at)",
        id=referral, code=code_of(referral), case=case, service=service, need=SERVICES[service].need, at=at,
        unit=door.unit("VN" if how is Stands.OTHER else HOME[role]), accepted=at if agreed else None,
        state="revoked" if over and agreed else state,
        ended=door.clock.now() - timedelta(days=over) if over else None,
    )  # fmt: skip
    return referral


async def _subject(door: Door, reporter: str, unit: str) -> Subject:
    m01 = {"channel": "PHONE", "children": [{"name": "Bé Mẫu", "estimated_age": 8}], "informant": INFORMANT}
    receipt = await door.report(reporter, unit=unit, m01=m01)
    case = receipt["cases"][0]["id"]
    (found,) = await door.sql(
        "SELECT d.id AS document, l.id AS deadline FROM document d JOIN deadline l ON l.case_id = d.case_id "
        "WHERE d.case_id = :case ORDER BY l.code LIMIT 1",
        case=case,
    )
    escalation = uuid4()
    await door.sql(
        "INSERT INTO escalation (id, case_id, deadline_id, ordinal, level, state, nobody, opened_at) "
        "VALUES (:id, :case, :deadline, 0, 'E1', 'open', false, :at)",
        id=escalation, case=case, deadline=found["deadline"], at=door.clock.now(),
    )  # fmt: skip
    attached = await attach(door, f"sup.{unit[-1].lower()}", case)
    grant, at = uuid4(), door.clock.now() - timedelta(hours=2)
    async with transaction(door.database.owner, Who(system="test"), at) as connection:
        key = await key_of(connection, UUID(case))
    await door.sql(
        "INSERT INTO break_glass (id, case_id, person_id, position_id, reason, note_sealed, minutes, asked_at) "
        "SELECT :id, :case, person_id, id, 'CHILD_FOUND', :note, 60, :at FROM position WHERE person_id = :who",
        id=grant, case=case, who=door.person("sup.x"), at=at,
        note=seal_text(key, table(BreakGlass).c.note_sealed, grant, "x"),
    )  # fmt: skip
    return Subject(UUID(case), UUID(receipt["id"]), found["document"], escalation, attached, grant)


async def attach(door: Door, username: str, case: str) -> UUID:
    """A file of the class that is assumed where nobody says otherwise."""
    await door.get(username, f"/cases/{case}")  # declares
    headers = {"Content-Type": "application/octet-stream", "Idempotency-Key": str(uuid4())}
    answer = await door.call(
        username, "POST", f"/cases/{case}/attachments", content=FILE, params={"kind": "DOCUMENT"}, headers=headers
    )
    assert answer.status_code == 201, answer.text
    return UUID(answer.json()["id"])


async def _other_province(door: Door) -> None:
    await add_unit(door, "DN-SYT", "province", "VN")
    await add_unit(door, ELSEWHERE, "commune", "DN-SYT")


async def add_unit(door: Door, code: str, kind: str, parent: str) -> None:
    """One more office, from before the sample's first day."""
    door.sample.unit_ids[code] = unit = new_id()
    since = NOW - timedelta(days=400)
    async with transaction(door.database.owner, Who(system="test"), NOW) as connection:
        await connection.execute(
            insert(table(Unit)).values(
                id=unit, code=code, kind=kind, name_vi=code, name_en=code, is_sample=True, valid_from=since
            )
        )
        await connection.execute(
            insert(table(UnitParent)).values(id=new_id(), unit_id=unit, parent_id=door.unit(parent), valid_from=since)
        )


async def _person(door: Door, username: str, role: str, unit: str) -> Acting:
    acting = Acting(new_id(), new_id(), door.unit(unit), role)
    door.sample.person_ids[username] = acting.person_id
    rows: list[tuple[Any, dict[str, Any]]] = [
        (Person, {"id": acting.person_id, "full_name": username, "language": "vi", "is_sample": True}),
        (Position, {"id": acting.position_id, "person_id": acting.person_id, "unit_id": acting.unit_id, "role": role,
                    "valid_from": NOW - timedelta(days=100)}),
        (Account, {"id": new_id(), "person_id": acting.person_id, "username": username, "failures": 0,
                   "password_hash": CHEAP.hash(PASSWORD), "created_at": NOW}),
    ]  # fmt: skip
    async with transaction(door.database.owner, Who(system="test"), NOW) as connection:
        for model, values in rows:
            await connection.execute(insert(table(model)).values(**values))
    return acting

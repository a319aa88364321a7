"""Who is to be told: a level of the ladder, or a role, resolved to people at one instant.

One statement gathers what the organisation says at that instant; the choice itself is pure. Source of the rules:
lifecycle.md (ladder, DEL, invariant 5) and process.md §6.5 (conflict of interest).
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    CompoundSelect,
    DateTime,
    Select,
    Text,
    Uuid,
    and_,
    bindparam,
    exists,
    literal,
    select,
    text,
    union,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from models.records.dated import in_force
from models.records.terms import Terms
from models.tables import BreakGlass, Delegate, Deputy, Position, Recusal, Suspension, table
from models.writing import APART

ClockUnit = Literal["H", "day"]
"""``H``: the matter runs day and night and the rota decides who is reachable. ``day``: it waits for office hours."""

OWNER = "OWNER"
"""Asks for whoever owns the case; without one, or with one out of reach, for the CPO on duty."""

Part = Literal["acts", "watches", "informed"]
"""``acts``: they are to act. ``watches``: told in the same way, and somebody else is to act. ``informed``: it is in
their inbox, where it can be found; nobody is disturbed by it."""

_LADDER: dict[str, tuple[tuple[str, Part], ...]] = {
    "E0": ((OWNER, "acts"),),
    "E1": (("SUP", "acts"),),
    "E2": (("CHAIR", "acts"),),
    "E3": (("DOHD", "acts"), ("H111S", "watches")),
    # "PROV, logged nationally; with nobody there NAT", says lifecycle.md.
    "E4": (("PROV", "acts"), ("NAT", "informed")),
}
_IN_THE_UNIT_ITSELF = frozenset({"CPO", "SUP", "CHAIR", "VCH", "POL", "GRP", "WU", "YU", "FF"})
_ON_DUTY = frozenset({"CPO", "DOHD", "H111", "H111S"})
"""Roles somebody holds in turns: the one on shift is meant, for day clocks as well."""

_RECUSAL, _DELEGATE, _SUSPENSION = table(Recusal), table(Delegate), table(Suspension)
_GLASS = table(BreakGlass)
_DEPUTY, _POSITION = table(Deputy), table(Position)


# --- conflict of interest, as clauses: the one place that says who must keep out ------------------------------------
# What they are given is an expression (or a value, which becomes a literal): see ``models.records.terms``.


def keeps_out(case_id: Any, reader: Terms) -> ColumnElement[bool]:
    """The clause on a case's id: this person must keep out of it, in this position, at this instant."""
    asked: ColumnElement[Any] = literal(case_id, Uuid()) if isinstance(case_id, UUID) else case_id
    return asked.in_(kept_out_of(reader))


def kept_out_of(reader: Terms) -> Select[Any] | CompoundSelect[Any]:
    """The ids of the cases somebody must keep out of.

    Out is whoever is recused. Out is also the vice-chair of a recused chair, who decides in her name and by her leave,
    unless the department has named them the case's decider (lifecycle.md, DEL; process.md §6.5). ``resolve`` leaves
    the same people out.
    """
    own = _RECUSAL.alias()
    recused = select(own.c.case_id).where(own.c.person_id == reader.person, in_force(own, reader.at))
    if reader.role != "VCH":
        return recused
    chair, hers = _POSITION.alias("recused_chair"), _RECUSAL.alias()
    of_recused_chair = (
        select(hers.c.case_id)
        .join(chair, chair.c.person_id == hers.c.person_id)
        .where(
            chair.c.unit_id == reader.unit,
            chair.c.role == "CHAIR",
            chair.c.person_id != reader.person,
            in_force(chair, reader.at),
            in_force(hers, reader.at),
            ~is_named_decider(hers.c.case_id, reader.person, reader.at),
        )
    )
    return union(recused, of_recused_chair)


def is_recused(case_id: Any, person_id: Any, at: Any) -> ColumnElement[bool]:
    """The clause: a recusal of this person from this case is in force."""
    row = _RECUSAL.alias()
    here = and_(row.c.case_id == case_id, row.c.person_id == person_id, in_force(row, at))
    return exists().where(here).correlate_except(row)


def is_named_decider(case_id: Any, person_id: Any, at: Any) -> ColumnElement[bool]:
    """The clause: this person is the decider (DEL) named for this case."""
    row = _DELEGATE.alias()
    return exists().where(row.c.case_id == case_id, _names(row, person_id, at)).correlate_except(row)


def named_for(person_id: Any, at: Any) -> Select[Any]:
    """The ids of the cases this person is the named decider of."""
    return select(_DELEGATE.c.case_id).where(_names(_DELEGATE, person_id, at))


def _names(row: Any, person_id: Any, at: Any) -> ColumnElement[bool]:
    return and_(row.c.person_id == person_id, in_force(row, at))


def is_suspended(person_id: Any, at: datetime) -> ColumnElement[bool]:
    """The clause: this person is suspended and may act in no position."""
    row = _SUSPENSION.alias()
    here = and_(row.c.person_id == person_id, in_force(row, at))
    return exists().where(here).correlate_except(row)


def has_broken_glass(case_id: Any, person_id: Any, at: Any) -> ColumnElement[bool]:
    """The clause: this person may look into the case at this instant, on a second person's word.

    The end is compared with the instant of the asking: no job has to take the access away.
    """
    row = _GLASS.alias()
    return exists().where(row.c.case_id == case_id, _broken(row, person_id, at)).correlate_except(row)


def behind_glass(person_id: Any, at: Any) -> Select[Any]:
    """The ids of the cases this person may look into so."""
    return select(_GLASS.c.case_id).where(_broken(_GLASS, person_id, at))


def _broken(row: Any, person_id: Any, at: Any) -> ColumnElement[bool]:
    return and_(row.c.person_id == person_id, row.c.confirmed_at <= at, row.c.ends_at > at)


def deputyship(deputy: Any, case_id: Any, person_id: Any, at: Any) -> ColumnElement[bool]:
    """The clause on a row of ``deputy`` (or an alias of it): it gives this person power in this case.

    A deputyship of a recused principal gives none: who must keep out does not act through another.
    """
    return and_(stands_in(deputy, person_id, at), ~is_recused(case_id, deputy.c.principal_id, at))


def stands_in(deputy: Any, person_id: Any, at: Any) -> ColumnElement[bool]:
    """The clause on a row of ``deputy``: it is this person's, and in force."""
    return and_(deputy.c.deputy_id == person_id, in_force(deputy, at))


# --- who is told ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class CasePlace:
    """What resolving needs of a case row: who holds it, who owns it. ``code`` and ``flagged`` go into the notices."""

    id: UUID
    code: str
    unit_id: UUID | None
    owner_id: UUID | None
    flagged: bool


@dataclass(frozen=True)
class Recipient:
    """Somebody to be told, in the role that makes it their business, with where they are reached.

    ``watching``: told, but somebody else is to act. ``informed``: watching, and told in the inbox only.
    ``stands_for``: the principal whose deputy this is.
    """

    person_id: UUID
    role: str
    watching: bool = False
    informed: bool = False
    unit_id: UUID | None = None
    email: str | None = None
    phone: str | None = None
    stands_for: UUID | None = None


@dataclass(frozen=True)
class Resolution:
    """The answer: in a fixed order, with the codes of what decided it.

    ``nobody``: nobody who could act was found (somebody watching does not act). ``alert``: the ladder's end was reached
    without the people it names, so the operator must hear of it. ``hotline_unit`` and ``duty_unit`` are the offices
    that can phone somebody: the national hotline and the province's duty desk, where there are such.

    ``why``: ``no-owner`` ``owner-left`` ``owner-off-duty`` ``off-duty`` (a rota exists and nobody is on it now)
    ``no-holder`` ``absent`` ``deputy`` ``recused`` ``delegate`` ``delegate-away`` ``chair-away`` ``national-instead``.
    """

    recipients: tuple[Recipient, ...]
    nobody: bool
    why: tuple[str, ...] = ()
    alert: bool = False
    hotline_unit: UUID | None = None
    duty_unit: UUID | None = None

    @property
    def acting(self) -> tuple[Recipient, ...]:
        """Those who are to act."""
        return tuple(one for one in self.recipients if not one.watching)

    @property
    def persons(self) -> frozenset[UUID]:
        """Ids of everybody found."""
        return frozenset(one.person_id for one in self.recipients)

    @property
    def addressed(self) -> tuple[Recipient, ...]:
        """Those who act or watch: everybody but the informed."""
        return tuple(one for one in self.recipients if not one.informed)

    @property
    def informed(self) -> tuple[Recipient, ...]:
        """Those for whom it is on record only."""
        return tuple(one for one in self.recipients if one.informed)


async def resolve(
    connection: AsyncConnection,
    *,
    case: CasePlace,
    at: datetime,
    clock_unit: ClockUnit,
    level: str | None = None,
    roles: Sequence[str] = (),
    persons: Collection[UUID] = (),
    unit_id: UUID | None = None,
) -> Resolution:
    """Who is told now.

    Args:
        connection: any transaction; nothing is written.
        case: the case it is about.
        at: domain instant; the organisation, recusals and delegates are taken as in force then.
        clock_unit: see ``ClockUnit``.
        level: a level of the ladder, ``E0`` … ``E4``.
        roles: roles instead of a level, each resolved as on the ladder (``OWNER``, ``CPO`` on duty, ``CHAIR`` or VCH).
        persons: people named one by one; the recused among them are left out.
        unit_id: the unit to start from where it is not the one that holds the case (the receiver of a transfer).
    """
    wanted: list[tuple[str, Part]] = [*_LADDER[level]] if level is not None else []
    wanted += [(role, "acts") for role in roles]
    organisation = await _read(connection, case, at, wanted, persons=persons, unit_id=unit_id)
    found: list[Recipient] = [
        Recipient(post.person_id, "NAMED", email=post.email, phone=post.phone)
        for post in organisation.named
        if not organisation.is_recused(post)
    ]
    for role, part in wanted:
        watching, informed = part != "acts", part == "informed"
        found += [replace(one, watching=watching, informed=informed) for one in organisation.reach(role, clock_unit)]
    alert = level == "E4" and all(one.watching for one in found)
    if alert:
        organisation.say("national-instead")
        found = [replace(one, watching=False, informed=False) for one in found]
    recipients = _once(found)
    return Resolution(
        recipients=recipients,
        nobody=not any(not one.watching for one in recipients),
        why=tuple(organisation.why),
        alert=alert,
        hotline_unit=organisation.hotline_unit,
        duty_unit=organisation.office_of("DOHD"),
    )


def together(answers: Sequence[Resolution]) -> Resolution:
    """Several answers as one: each person once; nobody is reached only where none of them reached anybody."""
    first = answers[0]
    if len(answers) == 1:
        return first
    return replace(
        first,
        recipients=_once(person for answer in answers for person in answer.recipients),
        nobody=all(answer.nobody for answer in answers),
        why=tuple(dict.fromkeys(code for answer in answers for code in answer.why)),
        alert=any(answer.alert for answer in answers),
    )


def _once(found: Iterable[Recipient]) -> tuple[Recipient, ...]:
    """Each person once, in the order found. The ladder names those who act before those who watch, so acting wins."""
    by_person: dict[UUID, Recipient] = {}
    for one in found:
        by_person.setdefault(one.person_id, one)
    return tuple(by_person.values())


@dataclass(frozen=True)
class _Post:
    tag: str
    depth: int
    unit_id: UUID | None
    role: str
    person_id: UUID
    principal_id: UUID | None
    email: str | None
    phone: str | None
    serves: bool
    away: bool
    recused: bool


@dataclass
class _Organisation:
    """What the organisation says about one case at one instant, and the choice among its people."""

    posts: list[_Post]
    rotas: set[tuple[UUID, str]]
    hotline_unit: UUID | None
    why: dict[str, None] = field(default_factory=dict)

    def say(self, code: str) -> None:
        self.why.setdefault(code)

    def is_recused(self, post: _Post) -> bool:
        if post.recused:
            self.say("recused")
        return post.recused

    @property
    def named(self) -> list[_Post]:
        return [post for post in self.posts if post.tag == "named"]

    def reach(self, role: str, unit: ClockUnit) -> list[Recipient]:
        special: dict[str, Callable[[ClockUnit], list[Recipient]]] = {
            OWNER: self._owner,
            "SUP": self._supervisor,
            "CHAIR": self._chair,
        }
        return special[role](unit) if role in special else self._holders(role, unit)

    def office_of(self, role: str) -> UUID | None:
        """The one unit that has the role: the case's own, or the nearest above it; None where several are as near."""
        offices = self._offices(role)
        return offices[0] if len(offices) == 1 else None

    def _offices(self, role: str) -> list[UUID]:
        holding = [
            (post.depth, post.unit_id)
            for post in self.posts
            if post.tag in ("holder", "shift")
            and post.role == role
            and post.unit_id is not None
            and (post.depth == 0 or role not in _IN_THE_UNIT_ITSELF)
        ]
        if not holding:
            return []
        nearest = min(depth for depth, _ in holding)
        return sorted({unit for depth, unit in holding if depth == nearest})

    def _owner(self, unit: ClockUnit) -> list[Recipient]:
        owner = next((post for post in self.posts if post.tag == "owner"), None)
        if owner is None:
            self.say("no-owner")
            return self._holders("CPO", unit)
        if self.is_recused(owner):
            # His stand-ins are left out with him; the others on duty are not his.
            return self._holders("CPO", unit)
        if not owner.serves:
            self.say("owner-left")
            return self._holders("CPO", unit)
        if owner.away:
            self.say("absent")
            deputies = self._deputies(owner.person_id, "CPO", seen={owner.person_id})
            return deputies or self._holders("CPO", unit)
        if unit == "H" and self._is_off_duty(owner):
            self.say("owner-off-duty")
            return self._holders("CPO", unit)
        return [self._recipient(owner, self._role_of(owner))]

    def _supervisor(self, unit: ClockUnit) -> list[Recipient]:
        return self._delegates() or self._holders("SUP", unit)

    def _chair(self, unit: ClockUnit) -> list[Recipient]:
        if delegates := self._delegates():
            return delegates
        chairs = [post for post in self.posts if post.tag == "holder" and post.role == "CHAIR" and post.depth == 0]
        if any(self.is_recused(post) for post in chairs):
            # Her vice-chair acts in her name: neither is told; DOH names a decider (``keeps_out``).
            return []
        reached = self._holders("CHAIR", unit)
        if not reached:
            self.say("chair-away")
            reached = self._holders("VCH", unit)
        return reached

    def _delegates(self) -> list[Recipient]:
        named = [post for post in self.posts if post.tag == "delegate"]
        reached = [post for post in named if not self.is_recused(post) and post.serves and not post.away]
        if reached:
            self.say("delegate")
        elif named:
            self.say("delegate-away")
        return [self._recipient(post, "DEL") for post in reached]

    def _holders(self, role: str, unit: ClockUnit) -> list[Recipient]:
        """Whoever can be reached in a role: those on shift where there is a rota, else those in the position."""
        found: list[Recipient] = []
        offices = self._offices(role)
        for office in offices:
            shifts, holders = self._in(office, role, "shift"), self._in(office, role, "holder")
            if unit == "H" and (office, role) in self.rotas:
                if not shifts:
                    self.say("off-duty")
                found += self._reachable(shifts, role)
            elif role in _ON_DUTY and shifts:
                found += self._reachable(shifts, role) or self._reachable(holders, role)
            else:
                found += self._reachable(holders, role)
        if not offices:
            self.say("no-holder")
        return found

    def _in(self, office: UUID, role: str, tag: str) -> list[_Post]:
        return [p for p in self.posts if p.tag == tag and p.role == role and p.unit_id == office and p.serves]

    def _reachable(self, posts: list[_Post], role: str) -> list[Recipient]:
        found: list[Recipient] = []
        for post in posts:
            if self.is_recused(post):
                continue
            if post.away:
                self.say("absent")
                found += self._deputies(post.person_id, role, seen={post.person_id})
            else:
                found.append(self._recipient(post, role))
        return found

    def _deputies(self, principal: UUID, role: str, seen: set[UUID]) -> list[Recipient]:
        """The named stand-ins of an absent principal, and theirs where they are absent too."""
        found: list[Recipient] = []
        for post in self.posts:
            if post.tag != "deputy" or post.role != role or post.principal_id != principal or post.person_id in seen:
                continue
            if self.is_recused(post) or not post.serves:
                continue
            seen.add(post.person_id)
            if post.away:
                found += self._deputies(post.person_id, role, seen)
            else:
                self.say("deputy")
                own = "VCH" if role == "CHAIR" and self._holds(post.person_id, "VCH") else role
                found.append(replace(self._recipient(post, own), stands_for=principal))
        return found

    def _holds(self, person: UUID, role: str) -> bool:
        return any(p.tag == "holder" and p.role == role and p.person_id == person for p in self.posts)

    def _is_off_duty(self, owner: _Post) -> bool:
        if any(post.tag == "shift" and post.person_id == owner.person_id for post in self.posts):
            return False
        own = [p for p in self.posts if p.tag == "holder" and p.depth == 0 and p.person_id == owner.person_id]
        return bool(own) and all((post.unit_id, post.role) in self.rotas for post in own)

    def _role_of(self, owner: _Post) -> str:
        own = {p.role for p in self.posts if p.tag == "holder" and p.depth == 0 and p.person_id == owner.person_id}
        return "SUP" if own == {"SUP"} else "CPO"

    @staticmethod
    def _recipient(post: _Post, role: str) -> Recipient:
        return Recipient(post.person_id, role, unit_id=post.unit_id, email=post.email, phone=post.phone)


# One statement, because 5,000 rungs may fall due in a minute. Units: the case's own one and those above it; besides,
# the hotline and the national bodies, which serve every case. Where no parent link tells the province (a case nobody
# holds, taken in by a national body), the only one there is; of several, the duty desk of each and nothing else:
# one of them must take it up, and none can be known to be the right one.
_ORGANISATION = text(
    """
WITH RECURSIVE place AS (
    SELECT :unit_id AS unit_id WHERE :unit_id IS NOT NULL
    UNION ALL
    SELECT coalesce(c.unit_id, c.incident_unit_id, c.residence_unit_id, r.receiver_unit_id)
    FROM case_file c JOIN report r ON r.id = c.report_id
    WHERE c.id = :case_id AND :unit_id IS NULL
), up AS (
    SELECT unit_id, 0 AS depth FROM place WHERE unit_id IS NOT NULL
    UNION ALL
    SELECT p.parent_id, up.depth + 1
    FROM up JOIN unit_parent p ON p.unit_id = up.unit_id
    WHERE p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at) AND up.depth < 8
), province AS (
    SELECT u.id AS unit_id
    FROM unit u
    WHERE u.kind = 'province' AND u.valid_from <= :at AND (u.valid_to IS NULL OR u.valid_to > :at)
      AND NOT EXISTS (SELECT FROM up JOIN unit a ON a.id = up.unit_id WHERE a.kind = 'province')
), beside AS (
    SELECT unit_id, 50 AS depth FROM province WHERE (SELECT count(*) FROM province) = 1
    UNION ALL
    SELECT p.parent_id, beside.depth + 1
    FROM beside JOIN unit_parent p ON p.unit_id = beside.unit_id
    WHERE p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at) AND beside.depth < 58
), reached AS (
    SELECT unit_id, depth FROM up
    UNION ALL
    SELECT unit_id, depth FROM beside
    UNION ALL
    SELECT unit_id, 90 FROM province
    UNION ALL
    SELECT u.id, 100 FROM unit u WHERE u.kind IN ('hotline', 'national')
), known AS (
    SELECT u.id AS unit_id, u.kind, min(reached.depth) AS depth
    FROM reached JOIN unit u ON u.id = reached.unit_id
    WHERE u.valid_from <= :at AND (u.valid_to IS NULL OR u.valid_to > :at)
    GROUP BY u.id, u.kind
), post AS (
    SELECT 'holder' AS tag, k.depth, k.unit_id, p.role, p.person_id, NULL::uuid AS principal_id
    FROM known k JOIN position p ON p.unit_id = k.unit_id
    WHERE p.role = ANY(:roles) AND p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at)
      AND p.kind = 'person' AND (k.depth <> 90 OR p.role = 'DOHD')
    UNION ALL
    SELECT 'shift', k.depth, k.unit_id, s.role, s.person_id, NULL
    FROM known k JOIN shift s ON s.unit_id = k.unit_id
    WHERE s.role = ANY(:roles) AND s.starts_at <= :at AND s.ends_at > :at
      AND (k.depth <> 90 OR s.role = 'DOHD')
    UNION ALL
    SELECT 'deputy', k.depth, k.unit_id, d.role, d.deputy_id, d.principal_id
    FROM known k JOIN deputy d ON d.unit_id = k.unit_id
    WHERE d.role = ANY(:roles) AND d.valid_from <= :at AND (d.valid_to IS NULL OR d.valid_to > :at)
    UNION ALL
    SELECT 'delegate', 0, NULL, 'DEL', g.person_id, NULL
    FROM delegate g
    WHERE g.case_id = :case_id AND g.since <= :at AND (g.until IS NULL OR g.until > :at)
    UNION ALL
    SELECT 'owner', 0, NULL, 'CPO', :owner_id, NULL WHERE :owner_id IS NOT NULL
    UNION ALL
    SELECT 'named', 0, NULL, '', n, NULL FROM unnest(:persons) AS n
    UNION ALL
    SELECT 'rota', k.depth, k.unit_id, r, NULL, NULL
    FROM known k CROSS JOIN unnest(:roles) AS r
    WHERE EXISTS (SELECT FROM shift s WHERE s.unit_id = k.unit_id AND s.role = r)
    UNION ALL
    SELECT 'hotline', k.depth, k.unit_id, '', NULL, NULL FROM known k WHERE k.kind = 'hotline'
)
SELECT DISTINCT post.tag, post.depth, post.unit_id, post.role, post.person_id, post.principal_id, e.email, e.phone,
    EXISTS (SELECT FROM position p WHERE p.person_id = post.person_id
              AND p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at)) AS serves,
    EXISTS (SELECT FROM absence a WHERE a.person_id = post.person_id AND a.starts_at <= :at AND a.ends_at > :at)
        OR EXISTS (SELECT FROM suspension z WHERE z.person_id = post.person_id
              AND z.starts_at <= :at AND (z.ends_at IS NULL OR z.ends_at > :at)) AS away,
    EXISTS (SELECT FROM recusal q WHERE q.case_id = :case_id AND q.person_id = post.person_id
              AND q.since <= :at AND (q.until IS NULL OR q.until > :at)) AS recused
FROM post LEFT JOIN person e ON e.id = post.person_id
ORDER BY post.depth, post.person_id, post.tag, post.role, post.unit_id, post.principal_id
"""
).bindparams(
    bindparam("unit_id", type_=Uuid()),
    bindparam("case_id", type_=Uuid()),
    bindparam("owner_id", type_=Uuid()),
    bindparam("at", type_=DateTime(timezone=True)),
    bindparam("roles", type_=ARRAY(Text())),
    bindparam("persons", type_=ARRAY(Uuid())),
)


async def _read(
    connection: AsyncConnection,
    case: CasePlace,
    at: datetime,
    wanted: Sequence[tuple[str, Part]],
    *,
    persons: Collection[UUID],
    unit_id: UUID | None,
) -> _Organisation:
    roles = {"DOHD"} | {role for role, _ in wanted}
    if OWNER in roles:
        roles = roles - {OWNER} | {"CPO", "SUP"}
    if "CHAIR" in roles:
        roles.add("VCH")
    rows = (
        await connection.execute(
            _ORGANISATION,
            {
                "unit_id": unit_id or case.unit_id,
                "case_id": case.id,
                "owner_id": case.owner_id,
                "at": at,
                "roles": sorted(roles),
                "persons": sorted(persons),
            },
            # Where the office is known, the case's own row is not asked; who is recused or delegated is never gathered.
            execution_options=APART if unit_id or case.unit_id else {},
        )
    ).all()
    return _Organisation(
        posts=[_Post(*row) for row in rows if row.person_id is not None],
        rotas={(row.unit_id, row.role) for row in rows if row.tag == "rota"},
        hotline_unit=next((row.unit_id for row in rows if row.tag == "hotline"), None),
    )

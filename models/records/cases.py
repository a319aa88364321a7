"""The row of a case under its lock, and what the organisation says about those who act on it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import DateTime, Text, Uuid, any_, bindparam, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from models.access import COMMUNE
from models.database import work_on
from models.lifecycle.referral.states import LIVE as LIVE_REFERRAL
from models.lifecycle.states import LIVE
from models.lifecycle.types import Standing
from models.protocol.types import Clock
from models.tables import CaseFile, table

_CASE = table(CaseFile)


@dataclass(frozen=True)
class CaseRow:
    """One row of ``case_file``, as read under its lock."""

    id: UUID
    code: str
    child_id: UUID
    household_id: UUID
    report_id: UUID
    receipt_at: datetime
    unit_id: UUID | None
    incident_unit_id: UUID | None
    residence_unit_id: UUID | None
    owner_id: UUID | None
    process: str
    protection: str
    ban: str
    custody: str
    memory: dict[str, Any]
    risk: str | None
    flagged: bool
    plan_version: int
    sequence: int
    protocol_version: str
    attached_to: UUID | None
    closed_at: datetime | None
    closure_reason: str | None
    transfer_to_id: UUID | None = None
    former_unit_id: UUID | None = None

    @property
    def standing(self) -> Standing:
        """Where the case stands, with the chart's memory."""
        return Standing(
            process=self.process,
            protection=self.protection,
            ban=self.ban,
            custody=self.custody,
            memory=self.memory,
        )


CASE_COLUMNS = tuple(_CASE.c[name] for name in CaseRow.__dataclass_fields__)
"""The columns of a ``CaseRow``, in its order; the first is the id."""

# Statements asked for with every command are made once: making one costs as much as sending it.
_LOCK = (
    select(*CASE_COLUMNS)
    .where(_CASE.c.id == any_(bindparam("case_ids", type_=ARRAY(Uuid))))
    .order_by(_CASE.c.id)
    .with_for_update()
)


async def lock_cases(connection: AsyncConnection, case_ids: Iterable[UUID]) -> dict[UUID, CaseRow]:
    """Lock the rows of some cases, in one order for everybody so that two commands cannot wait for each other.

    To lock a case is to work on it: row security shows it to the worker from here on.

    Args:
        connection: the transaction that is to hold the locks.
        case_ids: which; one that does not exist is left out of the answer.
    """
    ids = sorted(case_ids)
    await work_on(connection, ids)
    rows = await connection.execute(_LOCK, {"case_ids": ids})
    return {row.id: CaseRow(*row) for row in rows}


@dataclass(frozen=True)
class Post:
    """A position a person holds at an instant."""

    position_id: UUID
    person_id: UUID
    unit_id: UUID
    role: str


@dataclass(frozen=True)
class Surroundings:
    """What must be known beside the case's own row to judge one act on it.

    Attributes:
        posts: the positions asked about that are in force, by person.
        deputises: by person the roles they are named deputy for at the case's offices.
        stands_in: by person the offices they are that at.
        serving: by person asked about the roles they hold at the case's offices, or where the act leads it.
        known, in_office: those of the persons asked about who exist, and who hold a position anywhere.
        recused: persons recused from the case.
        recused_roles: roles at the office in charge whose holder is recused.
        delegates: persons named decider for this case.
        siblings, siblings_risk: the household's other live cases, and the highest risk among them.
        unit_code: code of the office that holds the case.
        reports: the case's reports as (id, received, flagged, acknowledged), oldest first.
        stand_in: persons asked about who are named deputy for somebody of the case team at the office that holds it.
        brought: who took in the reports that opened or reopened the case, as (person, unit).
        receivers: the units that took in any report of it.
        above: by unit (those that act, the offices, the receivers) itself and the units above it, each with its kind;
            empty where everybody who acts serves in the unit that holds the case, of whom nothing more is asked.
        clocks: every clock of the case, past and present, as ``deadlines.load_clocks`` gives them.
        live_referrals: the services of its referrals that live.
        live_proceedings: kinds of proceedings that live: ``criminal`` from an outcome of the police that opened one, or
            suspended it, until its end is on record.
        not_prosecuted: the police decided, of one of its referrals, not to prosecute.
        answered: the stored answer of the command asked about, if it was recorded before.
    """

    posts: dict[UUID, Post]
    deputises: dict[UUID, frozenset[str]]
    stands_in: dict[UUID, frozenset[UUID]]
    serving: dict[UUID, frozenset[str]]
    known: frozenset[UUID]
    in_office: frozenset[UUID]
    recused: frozenset[UUID]
    recused_roles: frozenset[str]
    delegates: frozenset[UUID]
    siblings: tuple[UUID, ...]
    siblings_risk: str | None
    unit_code: str | None
    reports: tuple[tuple[UUID, datetime, bool, datetime | None], ...]
    stand_in: frozenset[UUID]
    brought: frozenset[tuple[UUID, UUID]]
    receivers: frozenset[UUID]
    above: dict[UUID, dict[UUID, str]]
    clocks: tuple[Clock, ...]
    live_referrals: frozenset[str]
    live_proceedings: frozenset[str]
    not_prosecuted: bool
    answered: dict[str, Any] | None


_CLOCKS = TypeAdapter(tuple[Clock, ...])

_SURROUNDINGS = text(
    """
    SELECT
      (SELECT json_agg(json_build_array(p.id, p.person_id, p.unit_id, p.role))
         FROM position p
        WHERE (p.id = ANY(:positions) OR (p.person_id = ANY(:persons) AND p.unit_id = ANY(:units)))
          AND NOT EXISTS (SELECT FROM suspension s WHERE s.person_id = p.person_id
                           AND s.starts_at <= :at AND (s.ends_at IS NULL OR s.ends_at > :at))
          AND p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at)) AS posts,
      (SELECT json_agg(json_build_array(d.deputy_id, d.role, d.unit_id))
         FROM deputy d
        WHERE d.deputy_id = ANY(:persons) AND d.unit_id = ANY(:units)
          AND NOT EXISTS (SELECT FROM recusal r WHERE r.case_id = :case_id AND r.person_id = d.principal_id
                           AND r.since <= :at AND (r.until IS NULL OR r.until > :at))
          AND d.valid_from <= :at AND (d.valid_to IS NULL OR d.valid_to > :at)) AS deputises,
      (SELECT json_agg(json_build_array(
                n.id,
                EXISTS (SELECT FROM position p WHERE p.person_id = n.id
                         AND p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at)),
                (SELECT json_agg(p.role) FROM position p WHERE p.person_id = n.id AND p.unit_id = ANY(:places)
                    AND p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at))))
         FROM person n WHERE n.id = ANY(:persons)) AS named,
      (SELECT json_agg(r.person_id) FROM recusal r
        WHERE r.case_id = :case_id AND r.since <= :at AND (r.until IS NULL OR r.until > :at)) AS recused,
      (SELECT json_agg(DISTINCT p.role) FROM recusal r JOIN position p ON p.person_id = r.person_id
        WHERE r.case_id = :case_id AND r.since <= :at AND (r.until IS NULL OR r.until > :at)
          AND p.unit_id = :unit_id AND p.valid_from <= :at AND (p.valid_to IS NULL OR p.valid_to > :at)
      ) AS recused_roles,
      (SELECT json_agg(d.person_id) FROM delegate d
        WHERE d.case_id = :case_id AND d.since <= :at AND (d.until IS NULL OR d.until > :at)) AS delegates,
      (SELECT max(c.risk) FROM case_file c
        WHERE c.household_id = :household_id AND c.id <> :case_id AND c.process = ANY(:live)) AS siblings_risk,
      (SELECT json_agg(json_build_array(cr.report_id, cr.received_at, cr.flagged, cr.acknowledged_at,
                                        cr.how, r.receiver_id, r.receiver_unit_id)
                       ORDER BY cr.received_at)
         FROM case_report cr JOIN report r ON r.id = cr.report_id
        WHERE cr.case_id = :case_id AND cr.until IS NULL) AS reports,
      (WITH RECURSIVE tree AS (
         SELECT start.id, start.id AS above
           FROM (SELECT unnest(:units) AS id
                 UNION SELECT p.unit_id FROM position p WHERE p.id = ANY(:positions)
                 UNION SELECT r.receiver_unit_id FROM case_report cr JOIN report r ON r.id = cr.report_id
                        WHERE cr.case_id = :case_id AND cr.until IS NULL) start
          WHERE EXISTS (SELECT FROM position p WHERE p.id = ANY(:positions) AND p.unit_id IS DISTINCT FROM :unit_id)
         UNION
         SELECT t.id, n.parent_id FROM tree t JOIN unit_parent n ON n.unit_id = t.above
          WHERE n.valid_from <= :at AND (n.valid_to IS NULL OR n.valid_to > :at))
       SELECT json_agg(json_build_array(t.id, t.above, u.kind)) FROM tree t JOIN unit u ON u.id = t.above) AS above,
      (SELECT u.code FROM unit u WHERE u.id = :unit_id) AS unit_code,
      (SELECT json_agg(d.clock || jsonb_build_object('fired', coalesce(f.fired, '[]')) ORDER BY d.started_at, d.id)
         FROM deadline d
         LEFT JOIN (SELECT r.deadline_id, jsonb_agg(r.ordinal ORDER BY r.ordinal) AS fired FROM rung r
                     WHERE r.case_id = :case_id AND r.state IN ('fired', 'not_needed') GROUP BY r.deadline_id) f
                ON f.deadline_id = d.id
        WHERE d.case_id = :case_id AND d.referral_id IS NULL)::text AS clocks,
      (SELECT json_agg(DISTINCT f.service) FROM referral f
        WHERE f.case_id = :case_id AND f.state = ANY(:live_referral)) AS live_referrals,
      (SELECT EXISTS (SELECT FROM referral f
        WHERE f.case_id = :case_id AND f.outcome IN ('PROSECUTED', 'SUSPENDED')
          AND NOT EXISTS (SELECT FROM case_event e WHERE e.case_id = f.case_id AND e.event = 'record_proceeding_end'
                           AND e.recorded_at >= f.updated_at))) AS prosecuted,
      (SELECT EXISTS (SELECT FROM referral f
        WHERE f.case_id = :case_id AND f.outcome = 'NOT_PROSECUTED')) AS not_prosecuted,
      (SELECT c.result FROM command_record c WHERE c.command_id = :command_id) AS answered,
      (SELECT json_agg(c.id) FROM case_file c
        WHERE c.household_id = :household_id AND c.id <> :case_id AND c.process = ANY(:live)) AS siblings
    """
).bindparams(
    bindparam("positions", type_=ARRAY(Uuid)),
    bindparam("persons", type_=ARRAY(Uuid)),
    bindparam("units", type_=ARRAY(Uuid)),
    bindparam("places", type_=ARRAY(Uuid)),
    bindparam("live", type_=ARRAY(Text)),
    bindparam("live_referral", type_=ARRAY(Text)),
    bindparam("at", type_=DateTime(timezone=True)),
    bindparam("case_id", type_=Uuid),
    bindparam("unit_id", type_=Uuid),
    bindparam("command_id", type_=Uuid),
    bindparam("household_id", type_=Uuid),
)


def offices_of(case: CaseRow) -> tuple[UUID, ...]:
    """The offices a case has to do with: that holds it, is asked to, or is a place of incident or of residence."""
    units = (case.unit_id, case.incident_unit_id, case.residence_unit_id, case.transfer_to_id)
    return tuple(unit for unit in units if unit)


async def surroundings(
    connection: AsyncConnection,
    case: CaseRow,
    *,
    positions: Sequence[UUID],
    persons: Sequence[UUID],
    at: datetime,
    command_id: UUID | None = None,
    places: Iterable[UUID | None] = (),
    besides: Iterable[UUID | None] = (),
    only_at: UUID | None = None,
) -> Surroundings:
    """Everything that must be known around one act, in one statement.

    Args:
        connection: a transaction that holds the case's lock.
        case: the case.
        positions: positions that act.
        persons: persons whose positions at the case's offices matter (who is spoken for, who approves an exception).
        at: the instant at which it must hold: a position that ended yesterday gives nothing today.
        command_id: the command that may have been answered before.
        places: where a new report leads: somebody who serves there may be named, but acts on this case only once it
            is there.
        besides: units whose people count like those of the case's offices: the agency a referral went to.
        only_at: the one office where whoever is named must serve, where it is one.
    """
    offices = sorted({*offices_of(case), *besides} - {None}, key=str)
    # Before it has agreed, a commune that was asked has nobody who could own the case.
    own = set(offices) - ({case.transfer_to_id} - {case.unit_id, case.incident_unit_id, case.residence_unit_id})
    row = (
        await connection.execute(
            _SURROUNDINGS,
            {
                "positions": list(positions),
                "persons": list(persons),
                "units": offices,
                "places": [only_at] if only_at else sorted({*own, *places} - {None}, key=str),
                "live": sorted(LIVE),
                "live_referral": sorted(LIVE_REFERRAL),
                "at": at,
                "case_id": case.id,
                "unit_id": case.unit_id,
                "command_id": command_id,
                "household_id": case.household_id,
            },
        )
    ).one()
    posts: dict[UUID, Post] = {}
    for position_id, person_id, unit_id, role in row.posts or ():
        post = Post(UUID(position_id), UUID(person_id), UUID(unit_id), role)
        if post.position_id in positions or post.person_id not in posts:
            posts[post.person_id] = post
    deputises: dict[UUID, set[str]] = {}
    stands_in: dict[UUID, set[UUID]] = {}
    stand_in: set[UUID] = set()
    for person_id, role, unit_id in row.deputises or ():
        deputises.setdefault(UUID(person_id), set()).add(role)
        stands_in.setdefault(UUID(person_id), set()).add(UUID(unit_id))
        if role in COMMUNE and UUID(unit_id) == case.unit_id:
            stand_in.add(UUID(person_id))
    above: dict[UUID, dict[UUID, str]] = {}
    for unit_id, higher, kind in row.above or ():
        above.setdefault(UUID(unit_id), {})[UUID(higher)] = kind
    named = [(UUID(person), posted, frozenset(roles or ())) for person, posted, roles in row.named or ()]
    return Surroundings(
        posts=posts,
        deputises={person: frozenset(roles) for person, roles in deputises.items()},
        stands_in={person: frozenset(units) for person, units in stands_in.items()},
        serving={person: roles for person, _, roles in named},
        known=frozenset(person for person, _, _ in named),
        in_office=frozenset(person for person, posted, _ in named if posted),
        recused=frozenset(UUID(person) for person in row.recused or ()),
        recused_roles=frozenset(row.recused_roles or ()),
        delegates=frozenset(UUID(person) for person in row.delegates or ()),
        siblings=tuple(UUID(sibling) for sibling in row.siblings or ()),
        siblings_risk=row.siblings_risk,
        unit_code=row.unit_code,
        reports=tuple(
            (
                UUID(report_id),
                datetime.fromisoformat(received),
                flagged,
                datetime.fromisoformat(acknowledged) if acknowledged else None,
            )
            for report_id, received, flagged, acknowledged, *_ in row.reports or ()
        ),
        stand_in=frozenset(stand_in),
        brought=frozenset(
            (UUID(person), UUID(unit)) for *_, how, person, unit in row.reports or () if how != "further"
        ),
        receivers=frozenset(UUID(unit) for *_, unit in row.reports or ()),
        above=above,
        clocks=_CLOCKS.validate_json(row.clocks) if row.clocks else (),
        live_referrals=frozenset(row.live_referrals or ()),
        live_proceedings=frozenset({"criminal"} if row.prosecuted else ()),
        not_prosecuted=row.not_prosecuted,
        answered=row.answered,
    )

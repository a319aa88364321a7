"""The functions of a session that policies ask, and the narrow ones through which the API reaches beyond reading.

They belong to the owner and run with its rights, so that what a policy asks is not asked of policies again. Each looks
up who is announced (``models.database``) for itself: a position counts only where it is the announced person's and in
force at the announced instant. What they answer is compiled from the clauses of ``models.records.scope`` and from
``models.access``; nothing about who sees what is written down here a second time.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ClauseElement,
    ColumnElement,
    CompoundSelect,
    DateTime,
    Select,
    Uuid,
    func,
    literal_column,
    select,
)
from sqlalchemy.dialects import postgresql

from models.access import BY_NAME, COMMUNE, DATA, HOTLINE, Action, DataClass, Scope, may, reach, scope, sees
from models.access.slices import CHILD_FIELDS, services_of
from models.calendar.days import TZ
from models.lifecycle.events import EVENTS
from models.lifecycle.referral.services import SERVICES, providers_of
from models.lifecycle.referral.states import LIVE
from models.lifecycle.roles import ROLES
from models.lifecycle.states import ENDED, FINAL
from models.records import scope as clauses
from models.records.people import behind_glass, kept_out_of, named_for, stands_in
from models.records.terms import Terms
from models.tables import Deputy, table

CASE = clauses.CASE
SEARCH_MOST: Final = 50
"""How many cases one search finds at most."""
ALIKE_MOST: Final = 60
"""How many cases are compared with one."""
_DEPUTY = table(Deputy)
_ABOUT: Final[ColumnElement[Any]] = literal_column("(SELECT annhi_at_work())::uuid[]")


@dataclass(frozen=True)
class Function:
    """One function of the database.

    Attributes:
        name: without arguments.
        arguments: as SQL has them.
        returns: the type.
        body: PL/pgSQL from BEGIN's next line on; ``v_person``, ``v_role``, ``v_unit`` and ``v_at`` say who asks.
        why: what it is for, as its comment in the database.
        beyond: it reaches beyond what its caller may read, and is listed in the documentation for that.
        to: the role that may call it.
        first: what is done before it is looked up who asks.
        writes: it adds rows.
    """

    name: str
    arguments: str
    returns: str
    body: str
    why: str
    beyond: bool = False
    to: str = "annhi_api"
    first: str = ""
    writes: bool = False

    @property
    def signature(self) -> str:
        """Name and argument types."""
        types = ", ".join(argument.split()[-1] for argument in self.arguments.split(", ") if argument)
        return f"{self.name}({types})"


def _who(role: str) -> Terms:
    """Terms whose expressions are the variables every function declares."""
    return Terms(
        role,
        literal_column("v_person", Uuid()),
        literal_column("v_unit", Uuid()),
        literal_column("v_at", DateTime(timezone=True)),
    )


def text(clause: ClauseElement) -> str:
    """A clause as SQL text."""
    compiled = clause.compile(
        dialect=postgresql.dialect(),  # type: ignore[no-untyped-call]
        compile_kwargs={"literal_binds": True},
    )
    return " ".join(str(compiled).split())


def array(codes: Any) -> str:
    """Codes as an array of SQL."""
    return "'{" + ",".join(sorted(codes)) + "}'"


def _by_role(answer: Callable[[Terms], str], otherwise: str) -> str:
    """One branch for all the roles that are answered alike; ``otherwise`` where no position is announced."""
    alike: dict[str, list[str]] = {}
    for role in ROLES:
        alike.setdefault(answer(_who(role)), []).append(role)
    branches = [
        f"{'ELSIF' if index else 'IF'} v_role = ANY ({array(roles)}) THEN\n        RETURN {said};"
        for index, (said, roles) in enumerate(alike.items())
    ]
    return "\n    ".join([*branches, f"ELSE\n        RETURN {otherwise};", "END IF;"])


def _one_case(clause: ColumnElement[bool]) -> str:
    return f"EXISTS ({text(select(CASE.c.id).where(CASE.c.id == literal_column('p_case', Uuid()), clause))})"


def _set(statement: Select[Any] | CompoundSelect[Any]) -> str:
    return f"ARRAY({text(statement)})"


def _units(reader: Terms) -> str:
    match scope(reader.role, "read_case"):
        case Scope.UNIT:
            return "ARRAY[v_unit]"
        case Scope.PROVINCE:
            return _set(clauses.province(reader))
        case _:
            return "'{}'"


def _of_agency(clause: ColumnElement[bool], reader: Terms) -> str:
    if not services_of(reader.role):
        return "'{}'"
    return _set(select(clauses.REFERRAL.c.id).where(clause))


def _referred(reader: Terms) -> str:
    return _of_agency(clauses.at_agency(reader), reader)


def _takes(reader: Terms) -> str:
    if not may(reader.role, "add_referral_file"):
        return "false"
    one = (clauses.REFERRAL.c.id == literal_column("p_referral", Uuid()),
           clauses.REFERRAL.c.case_id == literal_column("p_case", Uuid()))  # fmt: skip
    return f"EXISTS ({text(select(clauses.REFERRAL.c.id).where(*one, clauses.takes_files(reader)))})"


def _brought(asked: str) -> str:
    """A set made of the cases somebody brought; ``asked``: in whose braces they stand. Empty for all other roles."""
    by_scope: dict[str, list[str]] = {}
    for role in ROLES:
        if scope(role, "read_case") in clauses.BROUGHT:
            by_scope.setdefault(text(clauses.brought(_who(role))), []).append(role)
    return "\n    ".join(
        f"IF v_role = ANY ({array(roles)}) THEN\n        RETURN QUERY {asked.format(made)};\n    END IF;"
        for made, roles in by_scope.items()
    )


def _acts(event: str | None = "p_event", *, by_name: bool | None = None) -> str:
    """Where somebody may send an event unread: one branch for each way of reaching.

    ``event`` None: any of them, those of ``BY_NAME`` only or none of those.
    """
    ways: dict[str, list[tuple[str, str]]] = {}
    for sent in sorted(EVENTS):
        for role in ROLES:
            how = reach(role, sent)
            if how and (by_name is None or by_name == bool(how & BY_NAME)):
                ways.setdefault(text(clauses.within(_who(role), sent)), []).append((sent, role))
    branches = []
    for clause, those in ways.items():
        roles: dict[str, list[str]] = {}
        for sent, role in those:
            roles.setdefault(sent, []).append(role)
        alike: dict[tuple[str, ...], list[str]] = {}
        for sent, senders in roles.items():
            alike.setdefault(tuple(senders), []).append(sent)
        asked = " OR ".join(
            (f"{event} = ANY ({array(events)}) AND " if event else "") + f"v_role = ANY ({array(senders)})"
            for senders, events in alike.items()
        )
        branches.append(f"(({asked}) AND ({clause}))")
    return "\n                OR ".join(branches)


def functions() -> Iterator[Function]:
    """Every one of them, in an order in which each knows those it calls."""
    yield Function(
        "annhi_role", "", "text", "RETURN v_role;", "the role of the announced position, while it is in force"
    )
    yield Function("annhi_unit", "", "uuid", "RETURN v_unit;", "the office of the announced position")
    scopes: dict[Scope, list[str]] = {}
    for role in ROLES:
        scopes.setdefault(scope(role, "read_case"), []).append(role)
    branches = " ".join(
        f"WHEN v_role = ANY ({array(roles)}) THEN '{one}'" for one, roles in scopes.items() if one is not Scope.NONE
    )
    yield Function(
        "annhi_scope", "", "text", f"RETURN CASE {branches} ELSE '{Scope.NONE}' END;", "how far the reader reads cases"
    )
    yield Function(
        "annhi_units", "", "uuid[]", _by_role(_units, "'{}'"), "the offices whose cases the reader reads by their role"
    )
    yield Function(
        "annhi_brought",
        "",
        "SETOF uuid",
        _brought("SELECT b.case_id FROM ({}) b WHERE b.case_id <> ALL ((SELECT annhi_out())::uuid[])"),
        "the cases the reader, or their office, took in, where that is how far they read",
    )
    yield Function(
        "annhi_brought_reports",
        "",
        "SETOF uuid",
        _brought(
            "SELECT l.report_id FROM case_report l JOIN ({}) b ON b.case_id = l.case_id WHERE l.until IS NULL "
            "AND l.report_id <> ALL ((SELECT annhi_out_reports())::uuid[])"
        ),
        "the reports of these cases",
    )
    yield Function(
        "annhi_out",
        "",
        "uuid[]",
        _by_role(lambda reader: _set(kept_out_of(reader)), _set(kept_out_of(_who("")))),
        "the cases the reader must keep out of",
    )
    yield Function(
        "annhi_named",
        "",
        "uuid[]",
        f"RETURN {_set(named_for(_who('').person, _who('').at))};",
        "the cases the reader is the named decider of",
    )
    yield Function(
        "annhi_glass",
        "",
        "uuid[]",
        f"RETURN {_set(behind_glass(_who('').person, _who('').at))};",
        "the cases the reader may look into now by broken glass",
    )
    stood = (
        select(_DEPUTY.c.unit_id)
        .distinct()
        .where(_DEPUTY.c.role.in_(sorted(COMMUNE)), stands_in(_DEPUTY, _who("").person, _who("").at))
    )
    yield Function(
        "annhi_stood", "", "uuid[]", f"RETURN {_set(stood)};", "the offices where the reader deputises the case team"
    )
    yield Function(
        "annhi_reads",
        "p_case uuid",
        "boolean",
        _by_role(lambda reader: _one_case(clauses.readable(reader)), "false"),
        "whether the reader reads a case: the clause of the scope itself",
    )
    yield Function(
        "annhi_opened",
        "",
        "uuid[]",
        _by_role(
            lambda reader: _set(
                select(CASE.c.id).where(
                    CASE.c.id == func.any(literal_column("(SELECT annhi_at_work())::uuid[]")), clauses.readable(reader)
                )
            ),
            "'{}'",
        ),
        "of the cases a transaction says it is about, those the reader reads: asked once a statement, not of every row",
        first=_NOTHING_OPENED,
    )
    yield Function(
        "annhi_children",
        "",
        "uuid[]",
        f"""RETURN ARRAY(SELECT c.child_id FROM case_file c
                   WHERE c.id = ANY ((SELECT annhi_opened())::uuid[]) AND {_NAMED});""",  # noqa: S608 - our own words
        "the children of these cases, for whoever sees who they are",
        first=_NOTHING_OPENED,
    )
    yield Function(
        "annhi_reads_child",
        "p_child uuid",
        "boolean",
        f"RETURN EXISTS (SELECT FROM case_file c WHERE c.child_id = p_child AND {_NAMED} AND annhi_reads(c.id));",
        "whether the reader reads a case of a child, and sees who it is",
    )
    yield Function(
        "annhi_reads_household",
        "p_household uuid",
        "boolean",
        "RETURN EXISTS (SELECT FROM case_file c WHERE c.household_id = p_household AND annhi_reads(c.id));",
        "whether the reader reads a case of a household",
    )
    yield Function(
        "annhi_reads_report",
        "p_report uuid",
        "boolean",
        "RETURN EXISTS (SELECT FROM case_report l WHERE l.report_id = p_report AND l.until IS NULL\n"
        "                    AND annhi_reads(l.case_id));",
        "whether the reader reads a case of a report",
    )
    yield Function(
        "annhi_referred",
        "",
        "uuid[]",
        _by_role(_referred, "'{}'"),
        "the referrals to the reader's office, whose service they give",
    )
    yield Function(
        "annhi_served",
        "",
        "uuid[]",
        _by_role(lambda reader: _of_agency(clauses.served(reader), reader), "'{}'"),
        "of these referrals, those of which the reader sees the slice, and with it the files",
    )
    yield Function(
        "annhi_takes",
        "p_referral uuid, p_case uuid",
        "boolean",
        _by_role(_takes, "false"),
        "whether the reader, of the agency, may add a file to a referral of a case",
    )
    yield Function(
        "annhi_shared",
        "",
        "uuid[]",
        """RETURN ARRAY(SELECT s.attachment_id FROM attachment_share s
                  WHERE s.ended_at IS NULL AND s.referral_id = ANY ((SELECT annhi_served())::uuid[]));""",
        "the files of cases that are shared with these referrals now",
    )
    yield Function(
        "annhi_unlocks",
        "p_case uuid",
        "boolean",
        f"""RETURN v_role IS NOT NULL AND p_case <> ALL ((SELECT annhi_out())::uuid[]) AND (annhi_reads(p_case)
        OR EXISTS (SELECT FROM case_report l JOIN report r ON r.id = l.report_id
                    WHERE l.case_id = p_case AND r.receiver_id = v_person)
        OR EXISTS (SELECT FROM referral f WHERE f.case_id = p_case AND f.id = ANY ((SELECT annhi_referred())::uuid[]))
        OR EXISTS (SELECT FROM case_file WHERE case_file.id = p_case AND (
                {_acts(None, by_name=False)}))
        OR (p_case = ANY (annhi_at_work()) AND EXISTS (SELECT FROM case_file WHERE case_file.id = p_case AND (
                {_acts(None, by_name=True)})))
        OR EXISTS (SELECT FROM attachment a WHERE a.case_id = p_case AND (
                a.referral_id = ANY ((SELECT annhi_served())::uuid[])
                OR a.id = ANY ((SELECT annhi_shared())::uuid[]))));""",  # noqa: S608
        "whether the reader needs a case's wrapped key: they read it, took a report of it in, answer a referral of it, "
        "have a file of it with one that has gone on to another case, or may add to it unread; where that is to any "
        "case whose name they know, of the one they name",
    )
    yield Function(
        "annhi_of_another",
        "p_report uuid",
        "boolean",
        "RETURN EXISTS (SELECT FROM report r WHERE r.id = p_report AND r.receiver_id IS DISTINCT FROM v_person);",
        "whether a report is there already, and somebody else took it in",
    )
    yield Function(
        "annhi_elsewhere",
        "p_escalation uuid",
        "boolean",
        """RETURN EXISTS (SELECT FROM escalation e
                   WHERE e.id = p_escalation AND e.case_id <> ALL ((SELECT annhi_at_work())::uuid[]));""",
        "whether an escalation is there already, of a case the worker does not work on",
        to="annhi_worker",
    )
    yield Function(
        "annhi_out_reports",
        "",
        "uuid[]",
        "RETURN ARRAY(SELECT report_id FROM case_report WHERE case_id = ANY ((SELECT annhi_out())::uuid[]));",
        "the reports of the cases the reader must keep out of",
    )
    yield Function(
        "annhi_sent",
        "p_escalation uuid",
        "boolean",
        "RETURN EXISTS (SELECT FROM escalation_recipient WHERE escalation_id = p_escalation AND person_id = v_person);",
        "whether an escalation went to the reader",
    )
    yield Function(
        "annhi_administered",
        "",
        "uuid[]",
        "IF v_role = ANY ({roles}) THEN\n        RETURN {below};\n    END IF;\n    RETURN '{{}}';".format(
            roles=array(role for role in ROLES if scope(role, "administer") is not Scope.NONE),
            below=_set(clauses.below(_who("ADM").unit, _who("ADM").at)),
        ),
        "the offices the reader administers",
    )
    yield Function(
        "annhi_administers",
        "p_person uuid",
        "boolean",
        f"""RETURN v_role = ANY ({array(role for role in ROLES if scope(role, "administer") is not Scope.NONE)})
        AND NOT EXISTS (SELECT FROM position p WHERE p.person_id = p_person
                         AND (p.valid_to IS NULL OR p.valid_to > v_at)
                         AND p.unit_id <> ALL ((SELECT annhi_administered())::uuid[]));""",
        "whether every position a person holds is in an office the reader administers",
    )
    yield Function(
        "annhi_households",
        "",
        "SETOF uuid",
        "RETURN QUERY SELECT c.household_id FROM case_file c WHERE c.id = ANY ((SELECT annhi_at_work())::uuid[]);",
        "the households of the cases the worker works on",
        to="annhi_worker",
    )
    yield Function(
        "annhi_reviews",
        "p_case uuid",
        "boolean",
        _by_role(lambda reader: _one_case(clauses.reviewable(reader)), "false"),
        "whether looking at a case's broken glass afterwards is the reader's",
    )
    yield from _beyond()


_NOTHING_OPENED: Final = "IF cardinality(annhi_at_work()) = 0 THEN\n        RETURN '{}';\n    END IF;"

_FOLLOWS_UP: Final = array(role for role in HOTLINE if sees(role, DataClass.P1))
_NAMED: Final = f"""(v_role = ANY ({array(role for role in DATA if role not in HOTLINE and sees(role, DataClass.P1))})
        OR (v_role = ANY ({_FOLLOWS_UP}) AND (c.process = 'received'
                OR c.id = ANY ((SELECT annhi_glass())::uuid[]))))"""
"""On a case ``c``: who the child is, is shown; to the hotline while its report waits, or by broken glass."""


def _providers() -> str:
    """By service, the roles that give it."""
    return " ".join(f"WHEN '{code}' THEN {array(providers_of(code))}::text[]" for code in SERVICES)


def _shown_fields() -> str:
    """The child's fields in a slice, each for the services that need it."""
    agreed = text(clauses.agreed())
    fields = {"full_name": "text", "birth_date": "date", "estimated_age": "int"}
    return ", ".join(
        f"CASE WHEN {agreed} AND referral.service = ANY "
        f"({array(code for code, shown in CHILD_FIELDS.items() if name in shown)}) THEN k.{name}::{kind} END"
        for name, kind in fields.items()
    )


def _doing(*actions: Action) -> str:
    """The roles that may do one of some things."""
    return array({role for role in ROLES for action in actions if may(role, action)})


def _beyond() -> Iterator[Function]:
    yield Function(
        "annhi_address",
        "p_id uuid, p_code text, p_event text, p_key uuid",
        "TABLE (id uuid, code text, unit_id uuid, process text, sight text)",
        # Compiled clauses and codes of our own, never a value.
        f"""RETURN QUERY
    SELECT found.id, found.code::text, found.unit_id, found.process::text,
           CASE WHEN found.acts THEN 'acts' ELSE 'lost' END
      FROM (SELECT case_file.*, case_file.id <> ALL ((SELECT annhi_out())::uuid[]) AND (
                {_acts()}) AS acts
              FROM case_file WHERE case_file.id = p_id OR case_file.code = p_code) found
     WHERE found.acts OR EXISTS (SELECT FROM submission s WHERE s.person_id = v_person AND s.key = p_key
                                  AND s.target = format('cases/%s/%s', found.id, p_event));""",  # noqa: S608
        "what sending an event needs of a case its sender does not read: where they may send it, or did before",
        beyond=True,
    )
    yield Function(
        "annhi_behind_glass",
        "p_id uuid, p_code text",
        "TABLE (id uuid, code text, unit_id uuid, process text, owner_id uuid, flagged boolean, "
        "key_wrapped bytea, key_kek text)",
        f"""RETURN QUERY
    SELECT c.id, c.code::text, c.unit_id, c.process::text, c.owner_id, c.flagged, k.wrapped, k.kek::text
      FROM case_file c LEFT JOIN case_key k ON k.case_id = c.id
     WHERE (c.id = p_id OR c.code = p_code) AND c.id <> ALL ((SELECT annhi_out())::uuid[])
       AND v_role = ANY ({_doing("break_glass")});""",  # noqa: S608
        "the case somebody names exactly to break its glass",
        beyond=True,
    )
    yield Function(
        "annhi_grants",
        "p_grant uuid",
        "TABLE (grant_id uuid, code text, unit_id uuid, owner_id uuid, flagged boolean, to_review boolean, "
        "key_wrapped bytea, key_kek text)",
        f"""RETURN QUERY
    SELECT seen.id, case_file.code::text, case_file.unit_id, case_file.owner_id, case_file.flagged, seen.to_review,
           k.wrapped, k.kek::text
      FROM (SELECT g.id, g.case_id, g.person_id, g.confirmed_by, annhi_reviews(g.case_id) AS to_review
              FROM break_glass g
             WHERE (p_grant IS NULL OR g.id = p_grant) AND g.case_id <> ALL ((SELECT annhi_out())::uuid[])) seen
      JOIN case_file ON case_file.id = seen.case_id LEFT JOIN case_key k ON k.case_id = seen.case_id
     WHERE seen.person_id = v_person OR seen.confirmed_by = v_person OR seen.to_review
        OR (p_grant IS NOT NULL AND v_role = ANY ({_doing("confirm_break_glass")}));""",  # noqa: S608
        "what the reader asked for, confirmed or is to review of broken glass; one that is named, whoever may confirm",
        beyond=True,
    )
    yield Function(
        "annhi_audited",
        "p_id uuid, p_code text",
        "TABLE (id uuid, code text, kept_out boolean)",
        f"""RETURN QUERY
    SELECT c.id, c.code::text, c.id = ANY ((SELECT annhi_out())::uuid[]) FROM case_file c
     WHERE (c.id = p_id OR c.code = p_code) AND v_role = ANY ({_doing("search_audit", "report_access")});""",  # noqa: S608
        "id and code of a case the audit speaks of, for whoever looks after the audit",
        beyond=True,
    )
    yield Function(
        "annhi_about",
        "p_report uuid",
        "SETOF uuid",
        """RETURN QUERY
    SELECT l.case_id FROM case_report l JOIN report r ON r.id = l.report_id
     WHERE l.report_id = p_report AND (r.receiver_id = v_person OR annhi_reads_report(p_report))
       AND p_report <> ALL ((SELECT annhi_out_reports())::uuid[]) ORDER BY l.case_id;""",
        "the ids of all cases a report in scope is about, for the record of who read it",
        beyond=True,
    )
    yield Function(
        "annhi_code_of",
        "p_case uuid",
        "text",
        """RETURN (SELECT c.code FROM case_file c
         WHERE c.id = p_case AND c.id <> ALL ((SELECT annhi_out())::uuid[]) AND (
            annhi_reads(c.id)
            OR EXISTS (SELECT FROM notice n WHERE n.case_id = c.id AND n.person_id = v_person)
            OR EXISTS (SELECT FROM call_task t WHERE t.case_id = c.id
                        AND (t.caller_unit_id = v_unit OR (t.caller_unit_id IS NULL AND v_role = 'NAT')))));""",
        "the code of a case the reader was told of or is to phone about",
        beyond=True,
    )
    yield Function(
        "annhi_escalated",
        "p_escalation uuid",
        "jsonb",
        """RETURN (SELECT jsonb_build_object('case', c.code, 'deadline', d.code, 'due_at', coalesce(r.due_at, d.due_at))
              FROM escalation e JOIN case_file c ON c.id = e.case_id JOIN deadline d ON d.id = e.deadline_id
              LEFT JOIN rung r ON r.deadline_id = e.deadline_id AND r.ordinal = e.ordinal
             WHERE e.id = p_escalation AND annhi_sent(e.id) AND c.id <> ALL ((SELECT annhi_out())::uuid[]));""",
        "what an escalation that went to the reader is about: codes and an instant",
        beyond=True,
    )
    yield Function(
        "annhi_outcome",
        "p_command uuid",
        "jsonb",
        """RETURN (SELECT jsonb_build_object('implied', v.implied, 'deadlines', (
               SELECT coalesce(jsonb_agg(
                          jsonb_build_object('clock', d.clock, 'breaches', '[]'::jsonb, 'rungs', (
                              SELECT coalesce(jsonb_agg(
                                         jsonb_build_object('ordinal', r.ordinal, 'state', r.state, 'told', '[]'::jsonb,
                                                            'fired_at', r.fired_at, 'nobody', false)), '[]')
                                FROM rung r WHERE r.deadline_id = d.id))
                          ORDER BY d.started_at, d.code, d.occurrence), '[]')
                 FROM deadline d WHERE d.case_id = v.case_id AND d.updated_at = v.recorded_at))
              FROM case_event v
             WHERE v.command_id = p_command AND v.actor_id = v_person
               AND v.case_id <> ALL ((SELECT annhi_out())::uuid[]));""",
        "what the caller's own act brought about: the deadlines it was the last to touch",
        beyond=True,
    )
    yield Function(
        "annhi_whole_report",
        "p_report uuid",
        "boolean",
        """RETURN NOT EXISTS (SELECT FROM case_report l WHERE l.report_id = p_report AND l.until IS NULL
                        AND NOT annhi_reads(l.case_id));""",
        "whether the reader reads every case of a report, and so may read it whole",
        beyond=True,
    )
    yield Function(
        "annhi_search",
        "p_name text, p_limit int",
        "TABLE (id uuid)",
        f"""RETURN QUERY
    SELECT c.id FROM child k JOIN case_file c ON c.child_id = k.id
     WHERE v_role = ANY ({array(role for role in ROLES if scope(role, "search") is not Scope.NONE)})
       AND (k.folded_name LIKE '%' || p_name || '%' OR k.folded_name % p_name)
       AND (c.unit_id = ANY ((SELECT annhi_units())::uuid[]) OR annhi_reads(c.id))
       AND c.id <> ALL ((SELECT annhi_out())::uuid[])
     ORDER BY similarity(k.folded_name, p_name) DESC, c.receipt_at DESC, c.id DESC
     LIMIT least(p_limit, {SEARCH_MOST});""",  # noqa: S608
        "the reader's own cases by a child's name: a policy would keep the trigram index from being used",
        beyond=True,
    )
    yield Function(
        "annhi_standing",
        "p_code_hash text",
        "text",
        f"""RETURN (
        SELECT CASE WHEN s.taken_in_at IS NULL AND s.decision = 'put_away' THEN 'handled'
                    WHEN s.id IS NOT NULL AND s.taken_in_at IS NULL THEN 'received'
                    ELSE (SELECT CASE WHEN bool_and(c.process = ANY ({array(FINAL)})) THEN 'handled'
                                      WHEN bool_or(c.process <> 'received' OR l.acknowledged_at IS NOT NULL)
                                      THEN 'taken_up' ELSE 'received' END
                            FROM case_report l JOIN case_file c ON c.id = l.case_id AND c.process <> 'attached'
                           WHERE l.report_id = given.id AND l.until IS NULL) END
          FROM (SELECT p.report_id AS id FROM public_receipt p WHERE p.code_hash = p_code_hash
                UNION ALL
                SELECT r.set_aside_id FROM set_aside_receipt r WHERE r.code_hash = p_code_hash) given
          LEFT JOIN set_aside s ON s.id = given.id);""",  # noqa: S608
        "whether the report of a receipt was taken up, and nothing else of it",
        beyond=True,
    )
    yield Function(
        "annhi_alike",
        "p_case uuid",
        "SETOF uuid",
        f"""RETURN QUERY
    WITH mine AS (SELECT {_LOOKED_AT}),
    alike AS (
        SELECT k.id FROM child k WHERE k.folded_name % (SELECT m.folded_name FROM mine m)
        UNION
        SELECT k.id FROM child k WHERE k.birth_date = (SELECT m.birth_date FROM mine m)
        UNION
        SELECT k.id FROM mine m JOIN case_file c ON c.unit_id = m.unit_id JOIN child k ON k.id = c.child_id
         WHERE abs({_YEAR.format("k")} - m.year) <= 1)
    SELECT c.id FROM mine m, alike a JOIN child k ON k.id = a.id JOIN case_file c ON c.child_id = k.id
     WHERE c.id <> m.id AND c.report_id <> m.report_id AND coalesce(c.attached_to <> m.id, true)
       AND coalesce(m.attached_to <> c.id, true)
       AND (c.unit_id = ANY ((SELECT annhi_units())::uuid[]) OR annhi_reads(c.id))
       AND c.id <> ALL ((SELECT annhi_out())::uuid[])
     ORDER BY coalesce(similarity(k.folded_name, m.folded_name), 0) * 50
            + CASE WHEN k.birth_date = m.birth_date THEN 30 ELSE 0 END
            + CASE WHEN c.unit_id = m.unit_id THEN 10 ELSE 0 END DESC, c.receipt_at DESC, c.id DESC
     LIMIT {ALIKE_MOST};""",  # noqa: S608
        "the reader's own cases whose child may be that of a case of theirs: as annhi_search, by name, birth and place",
        beyond=True,
    )
    yield Function(
        "annhi_alike_elsewhere",
        "p_case uuid",
        "boolean",
        f"""RETURN EXISTS (
        WITH mine AS (SELECT {_LOOKED_AT})
        SELECT FROM mine m JOIN child k ON k.folded_name % m.folded_name JOIN case_file c ON c.child_id = k.id
         WHERE m.folded_name LIKE '% %' AND similarity(k.folded_name, m.folded_name) >= 0.9
           AND abs({_YEAR.format("k")} - m.year) <= 1
           AND NOT annhi_reads(c.id) AND c.id <> ALL ((SELECT annhi_out())::uuid[]));""",  # noqa: S608
        "yes or no: a case the reader does not read is of a child of the same whole name and age",
        beyond=True,
    )
    yield Function(
        "annhi_slices",
        "p_referral uuid",
        "TABLE (id uuid, age int, sex text, unit_id uuid, risk text, full_name text, birth_date date, "
        "estimated_age int)",
        f"""RETURN QUERY
    SELECT referral.id, coalesce(extract(year FROM age((v_at AT TIME ZONE '{TZ.key}')::date, k.birth_date))::int,
                                 k.estimated_age), k.sex::text, c.unit_id, c.risk::text, {_shown_fields()}
      FROM referral JOIN case_file c ON c.id = referral.case_id JOIN child k ON k.id = c.child_id
     WHERE (p_referral IS NULL OR referral.id = p_referral)
       AND referral.id = ANY ((SELECT annhi_referred())::uuid[]);""",  # noqa: S608
        "what the reader's office may know of a child it is asked for, in one referral or in all: the fields its "
        "service needs once it has agreed",
        beyond=True,
    )
    yield Function(
        "annhi_request",
        "p_referral uuid",
        "TABLE (id uuid, case_id uuid, sealed bytea, content_hash text, key_wrapped bytea, key_kek text)",
        f"""RETURN QUERY
    WITH RECURSIVE asked AS (
        SELECT referral.id, referral.case_id, referral.rerouted_from FROM referral
         WHERE referral.id = p_referral AND (
            (referral.id = ANY ((SELECT annhi_referred())::uuid[]) AND {text(clauses.agreed())})
            OR (v_role = ANY ({array(role for role in DATA if role not in HOTLINE and sees(role, DataClass.P2))})
                AND annhi_reads(referral.case_id)))
        UNION SELECT r.id, r.case_id, r.rerouted_from FROM referral r JOIN asked ON r.id = asked.rerouted_from)
    SELECT d.id, d.case_id, d.sealed, d.content_hash::text, key.wrapped, key.kek::text
      FROM asked JOIN referral_event v ON v.referral_id = asked.id AND v.event = 'ask_service'
      CROSS JOIN jsonb_array_elements(v.documents) said JOIN document d ON d.id = (said->>'id')::uuid
      LEFT JOIN case_key key ON key.case_id = d.case_id;""",  # noqa: S608
        "what was asked of an agency, sealed: for the agency once it has agreed, wherever the need was passed on from",
        beyond=True,
    )
    yield Function(
        "annhi_link_position",
        "p_referral uuid, p_role text",
        "TABLE (position_id uuid, person_id uuid, address text)",
        f"""DECLARE
        v_to uuid;
        v_name text;
        v_mail text;
    BEGIN
        SELECT u.id, u.name_vi INTO v_to, v_name FROM referral f JOIN unit u ON u.id = f.receiver_id
         WHERE f.id = p_referral AND f.state <> 'draft' AND annhi_reads(f.case_id)
           AND v_role = ANY ({_doing("link_referral")})
           AND p_role = ANY (CASE f.service {_providers()} ELSE '{{}}'::text[] END)
           FOR UPDATE OF u;
        IF v_to IS NULL THEN
            RETURN;
        END IF;
        IF NOT EXISTS (SELECT FROM position p WHERE p.unit_id = v_to AND p.role = p_role AND p.kind = 'link') THEN
            WITH made AS (INSERT INTO person (id, full_name, language, is_sample)
                          VALUES (gen_random_uuid(), 'Trả lời qua liên kết · ' || v_name, 'vi', false) RETURNING id)
            INSERT INTO position (id, person_id, unit_id, role, kind, valid_from)
            SELECT gen_random_uuid(), made.id, v_to, p_role, 'link', v_at FROM made;
        END IF;
        SELECT c.address INTO v_mail FROM provider_name n JOIN contact c ON c.provider_id = n.provider_id
         WHERE n.unit_id = v_to AND c.kind = 'email' AND n.valid_from <= v_at AND c.valid_from <= v_at
           AND (n.valid_to IS NULL OR n.valid_to > v_at) AND (c.valid_to IS NULL OR c.valid_to > v_at)
         ORDER BY c.valid_from DESC, c.id LIMIT 1;
        UPDATE person SET email = v_mail FROM position p
         WHERE p.person_id = person.id AND p.unit_id = v_to AND p.role = p_role AND p.kind = 'link';
        RETURN QUERY SELECT p.id, p.person_id, v_mail FROM position p
         WHERE p.unit_id = v_to AND p.role = p_role AND p.kind = 'link';
    END;""",  # noqa: S608
        "the technical position in which an agency answers by a one-time link; made with the first one",
        beyond=True,
        writes=True,
    )
    yield Function(
        "annhi_loads",
        "p_service text",
        "TABLE (provider_id uuid, children bigint)",
        f"""RETURN QUERY
    SELECT n.provider_id, count(*) FROM referral f JOIN provider_name n ON n.unit_id = f.receiver_id
     WHERE f.service = p_service AND f.state = ANY ({array(LIVE)})
       AND n.valid_from <= v_at AND (n.valid_to IS NULL OR n.valid_to > v_at) GROUP BY n.provider_id;""",  # noqa: S608
        "how many children each provider has with a service now: a new referral goes where there is room",
        beyond=True,
        to="annhi_worker",
    )
    yield Function(
        "annhi_case_of_referral",
        "p_referral uuid",
        "uuid",
        "RETURN (SELECT f.case_id FROM referral f WHERE f.id = p_referral);",
        "which case a referral is at: it goes along with a case that is attached, and whoever works on it follows it",
        beyond=True,
        to="annhi_worker",
    )
    yield Function(
        "annhi_left_with",
        "p_unit uuid",
        "TABLE (open_cases bigint, ended_cases bigint, referrals bigint)",
        f"""IF p_unit <> ALL ((SELECT annhi_administered())::uuid[]) THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT count(*) FILTER (WHERE c.process <> ALL ({array(ENDED)})),
           count(*) FILTER (WHERE c.process = ANY ({array(ENDED)})),
           (SELECT count(*) FROM referral f WHERE f.receiver_id = p_unit AND f.state = ANY ({array(LIVE)}))
      FROM case_file c
     WHERE c.unit_id = p_unit
        OR (c.unit_id IS NULL AND (c.incident_unit_id = p_unit OR c.residence_unit_id = p_unit));""",  # noqa: S608
        "how many cases and referrals an office of the administrator still has: it may end only with none",
        beyond=True,
    )
    yield Function(
        "annhi_kept",
        "p_names text[]",
        "SETOF text",
        "RETURN QUERY SELECT a.object_name::text FROM attachment a WHERE a.object_name = ANY (p_names);",
        "which objects of the store are attachments: what a policy hid would be taken for strays, and removed",
        beyond=True,
        to="annhi_worker",
    )
    yield Function(
        "annhi_documents",
        "p_case uuid",
        "TABLE (id uuid, case_id uuid, command_id uuid, kind text, content_hash text, author_id uuid, "
        "created_at timestamptz, version int, plan_version int, frozen_at timestamptz, sequence int)",
        """RETURN QUERY
    SELECT d.id, d.case_id, d.command_id, d.kind::text, d.content_hash::text, d.author_id, d.created_at, d.version,
           d.plan_version, d.frozen_at, d.sequence
      FROM document d
     WHERE d.case_id = p_case AND (d.frozen_at IS NOT NULL OR d.author_id = v_person) AND annhi_reads(p_case);""",
        "which documents a case has, without what stands in them",
        beyond=True,
    )


_YEAR: Final = "coalesce(extract(year FROM {0}.birth_date), extract(year FROM {0}.created_at) - {0}.estimated_age)"
_LOOKED_AT: Final = f"""c.id, c.report_id, c.attached_to, c.unit_id, k.folded_name, k.birth_date,
           {_YEAR.format("k")} AS year
      FROM case_file c JOIN child k ON k.id = c.child_id
     WHERE c.id = p_case AND annhi_reads(c.id)
       AND v_role = ANY ({array(role for role in ROLES if scope(role, "search") is not Scope.NONE)})"""
"""The case that is looked at, for whoever reads it and may search by a child's name."""

_COST: Final = 2000
"""Of one call, in units of an operator: a comparison stands before it wherever there is one."""

_WHO: Final = (
    ("annhi_person", "uuid", "nullif(current_setting('annhi.person', true), '')::uuid"),
    ("annhi_position", "uuid", "nullif(current_setting('annhi.position', true), '')::uuid"),
    ("annhi_part", "text", "coalesce(current_setting('annhi.system', true), '')"),
    ("annhi_now", "timestamptz", "nullif(current_setting('annhi.now', true), '')::timestamptz"),
    (
        "annhi_at_work",
        "uuid[]",
        "coalesce(string_to_array(nullif(current_setting('annhi.case', true), ''), ',')::uuid[], '{}')",
    ),
)
"""What a transaction announces, as it is announced."""


def statements() -> Iterator[str]:
    """The SQL that makes them."""
    for name, returns, sql in _WHO:
        yield (
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS {returns} LANGUAGE sql STABLE PARALLEL SAFE "
            f"AS $$ SELECT {sql} $$"
        )
    for one in functions():
        yield (
            f"CREATE OR REPLACE FUNCTION {one.name}({one.arguments}) RETURNS {one.returns} "  # noqa: S608 - our own words
            f"LANGUAGE plpgsql {'VOLATILE' if one.writes else 'STABLE'} SECURITY DEFINER COST {_COST} "
            "SET search_path = pg_catalog, public, pg_temp AS $$\n"
            "#variable_conflict use_column\n"
            "DECLARE\n"
            "    v_person uuid := annhi_person();\n"
            "    v_at timestamptz := annhi_now();\n"
            "    v_role text;\n"
            "    v_unit uuid;\n"
            "BEGIN\n"
            f"    {one.first}\n"
            "    SELECT p.role, p.unit_id INTO v_role, v_unit FROM position p\n"
            "     WHERE p.id = annhi_position() AND p.person_id = v_person AND p.valid_from <= v_at\n"
            "       AND (p.valid_to IS NULL OR p.valid_to > v_at);\n"
            f"    {one.body}\n"
            "END $$"
        )
        yield f"COMMENT ON FUNCTION {one.signature} IS '{one.why.replace(chr(39), chr(39) * 2)}'"
        yield f"REVOKE ALL ON FUNCTION {one.signature} FROM PUBLIC"
        yield f"GRANT EXECUTE ON FUNCTION {one.signature} TO {one.to}"

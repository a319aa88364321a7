"""Who finds which rows of which table: one entry a table, of which the policies of row security are made.

A new table is either in ``GUARDED`` or, where it holds nobody's data, in ``OPEN`` with its reason; a test compares both
with the tables there are. An entry says in SQL what the API's role and the worker's role find, add and change; what a
named part of the system is given beside that stands in ``PARTS``. Afterwards ``python -m models.security`` writes the
script of the next migration (``models/security/__init__.py``), and the tests fail until a migration has run it.

What the expressions are made of:

* ``annhi_person()``, ``annhi_part()``, ``annhi_at_work()``: what the transaction announced (``models.database``).
* the reader's sets, computed once a statement because they stand in a sub-select of their own: ``annhi_units()``,
  ``annhi_out()`` … (``models.security.functions``).
* a table below a case compares with the cases the transaction says it is about, as far as the reader reads them, and
  asks a function of every other row: ``_of_case``. A table of which one list reads many rows, of many cases, asks for
  the case itself, under the case's own policy: ``_of_some_case``. That is cheap for each row and dear for the plan.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from models.access import COMMUNE, DATA, HOTLINE, SENSITIVE_KINDS, DataClass, Scope, scope, sees
from models.lifecycle.roles import ROLES
from models.records.scope import BROUGHT
from models.security.functions import array

NOBODY: Final = "false"

_PERSON = "(SELECT annhi_person())"
_SOMEBODY = f"{_PERSON} IS NOT NULL"
_ROLE = "(SELECT annhi_role())"
_UNIT = "(SELECT annhi_unit())"
_AT_WORK = "ANY ((SELECT annhi_at_work())::uuid[])"


def _in(column: str, made_by: str) -> str:
    return f"{column} = ANY ((SELECT {made_by}())::uuid[])"


def _not_out(column: str = "case_id") -> str:
    return f"{column} <> ALL ((SELECT annhi_out())::uuid[])"


def _role_of(roles: frozenset[str] | set[str]) -> str:
    return f"{_ROLE} = ANY ({array(roles)})"


def _of_case() -> str:
    # Of a person only: a part of the system that finds every case does not find what lies below them by that.
    return f"({_in('case_id', 'annhi_opened')} OR ({_SOMEBODY} AND annhi_reads(case_id)))"


def _of_some_case(table: str) -> str:
    return f"({_SOMEBODY} AND EXISTS (SELECT FROM case_file seen WHERE seen.id = {table}.case_id))"


def _seeing(data: DataClass) -> set[str]:
    """The roles that see a class of data by their role alone; of the hotline each row is asked."""
    return {role for role in DATA if sees(role, data)} - HOTLINE


def _seeing_behind_glass(data: DataClass) -> set[str]:
    """The roles of the hotline that see a class of data in a case they look into by broken glass: no row is asked."""
    return {role for role in HOTLINE if sees(role, data)}


def _doing(action: str) -> set[str]:
    return {role for role in ROLES if scope(role, action) is not Scope.NONE}  # type: ignore[arg-type]


# Who may ever read a case by one of its reports or by its place is asked with the whole clause; these conditions only
# keep the others from being asked, row by row. ``IS TRUE``: of what is unknown AND asks the other side as well, and an
# office that is not there makes a comparison unknown.
_MAY_BE_ASKED: Final = f"""CASE (SELECT annhi_scope())
        WHEN '{Scope.UNIT}' THEN (process = 'received' AND (incident_unit_id = {_UNIT} OR residence_unit_id = {_UNIT}))
                                 OR transfer_to_id = {_UNIT} OR former_unit_id = {_UNIT}
        WHEN '{Scope.PROVINCE}' THEN unit_id IS NULL
        WHEN '{Scope.NATIONAL}' THEN true
        ELSE false END"""

# Who reads what they brought, reads a list of it by a set that is made once; one case, by naming it.
_BY_REPORT: Final = f"(SELECT annhi_scope()) = ANY ({array(BROUGHT)})"

_READS_CASE: Final = f"""{_in("id", "annhi_opened")} OR (({_in("unit_id", "annhi_units")}
        OR ({_BY_REPORT} AND id IN (SELECT annhi_brought()))
        OR (({_in("id", "annhi_named")} OR {_in("id", "annhi_glass")}
        OR {_in("unit_id", "annhi_stood")} OR {_MAY_BE_ASKED}) IS TRUE AND annhi_reads(id)))
    AND {_not_out("id")})"""

# Theirs by a set, and not asked again of all the others, unless they have another way to read: a page of theirs looks
# through the whole table for what they brought.
_CASE_REPORT: Final = f"""{_in("case_id", "annhi_opened")}
    OR CASE WHEN {_BY_REPORT}
            THEN case_id IN (SELECT annhi_brought()) OR (
                ({_in("case_id", "annhi_named")} OR {_in("case_id", "annhi_glass")}
                 OR cardinality((SELECT annhi_stood())) > 0) AND annhi_reads(case_id))
            ELSE {_SOMEBODY} AND annhi_reads(case_id) END"""

_CHILD: Final = f"{_in('id', 'annhi_children')} OR ({_SOMEBODY} AND annhi_reads_child(id))"

_DOCUMENT: Final = f"""{_not_out()} AND (
        (author_id = {_PERSON} AND (frozen_at IS NULL OR {_of_case()}))
        OR (frozen_at IS NOT NULL AND (
                (kind = ANY ({array(SENSITIVE_KINDS)}) AND {_role_of(_seeing(DataClass.P3))})
                OR (kind <> ALL ({array(SENSITIVE_KINDS)}) AND {_role_of(_seeing(DataClass.P2))})
                OR ({_in("case_id", "annhi_glass")} AND (
                    (kind = ANY ({array(SENSITIVE_KINDS)}) AND {_role_of(_seeing_behind_glass(DataClass.P3))})
                    OR (kind <> ALL ({array(SENSITIVE_KINDS)}) AND {_role_of(_seeing_behind_glass(DataClass.P2))})))
                OR ({_ROLE} = 'H111S' AND EXISTS (
                    SELECT FROM position p WHERE p.person_id = document.author_id AND p.unit_id = {_UNIT}
                       AND p.valid_from <= document.created_at
                       AND (p.valid_to IS NULL OR p.valid_to > document.created_at))))
            AND {_of_case()}))"""

_REPORT: Final = f"""(receiver_id = {_PERSON}
        OR ({_BY_REPORT} AND id IN (SELECT annhi_brought_reports()))
        OR ({_SOMEBODY} AND annhi_reads_report(id)))
    AND id <> ALL ((SELECT annhi_out_reports())::uuid[])"""

_ESCALATION: Final = f"""{_in("case_id", "annhi_opened")}
    OR (({_of_some_case("escalation")} OR annhi_sent(id)) AND {_not_out()})"""

_OF_ESCALATION: Final = "EXISTS (SELECT FROM escalation seen WHERE seen.id = escalation_recipient.escalation_id)"

_CALL: Final = f"""{_role_of(_doing("read_calls"))} AND {_not_out()}
    AND (caller_unit_id = {_UNIT} OR (caller_unit_id IS NULL AND {_ROLE} = 'NAT'))"""

_DIRECTORY: Final = _role_of(_doing("read_directory"))
_ADMINISTRATOR: Final = _role_of(_doing("administer"))
_INTAKE: Final = "(SELECT annhi_part()) = 'intake'"
_FOUND_BY: Final = "(SELECT annhi_part()) = ANY ('{intake,screening}')"
"""Who is to be told, and who must keep out, is found out by these two parts of the API."""


def _of_account(table: str) -> str:
    # One's own, and those of the people an administrator looks after: the account's policy says which.
    return f"EXISTS (SELECT FROM account seen WHERE seen.id = {table}.account_id)"


def _of_own_account(table: str) -> str:
    return f"EXISTS (SELECT FROM account seen WHERE seen.id = {table}.account_id AND seen.person_id = {_PERSON})"


def _judging(action: str) -> str:
    return f"{_role_of(_doing(action))} AND {_of_case()}"


_OF_ATTACHMENT: Final = "EXISTS (SELECT FROM attachment seen WHERE seen.id = custody_entry.attachment_id)"
# A file of the case, or one that an agency added to a referral that is there now, with a referral of the same case.
_OF_ITS_CASE: Final = """EXISTS (SELECT FROM referral seen
        WHERE seen.id = attachment_share.referral_id AND seen.case_id = attachment_share.case_id)
    AND EXISTS (SELECT FROM attachment seen LEFT JOIN referral came ON came.id = seen.referral_id
        WHERE seen.id = attachment_share.attachment_id
          AND attachment_share.case_id IN (seen.case_id, came.case_id))"""
# A key that is wrapped opens nothing by itself. Whoever adds to a case unread seals what they add under its key.
_UNLOCKED: Final = f"{_in('case_id', 'annhi_opened')} OR ({_SOMEBODY} AND annhi_unlocks(case_id))"


def _in_service(table: str) -> str:
    return f"""{_ADMINISTRATOR} AND EXISTS (
        SELECT FROM position seen WHERE seen.id = {table}.position_id
           AND {_in("seen.unit_id", "annhi_administered")})"""


_IN_SERVICE: Final = _in_service("service_token")
_ITS_ENDPOINT: Final = _in_service("webhook_endpoint")
# Of an endpoint the administrator finds what was sent there; its policy says which endpoints are theirs.
_OF_ENDPOINT: Final = "EXISTS (SELECT FROM webhook_endpoint seen WHERE seen.id = {}.endpoint_id)"
# The worker opens a secret only while it is at work on a case of which something is sent there.
_TO_SEND: Final = f"""EXISTS (SELECT FROM webhook_delivery seen
        WHERE seen.endpoint_id = webhook_secret.endpoint_id AND seen.case_id = {_AT_WORK})"""
_SET_ASIDE: Final = f"{_role_of(_doing('judge_set_aside'))} AND receiver_unit_id = {_UNIT}"
_INFORMANT: Final = f"""{_role_of(_doing("read_informant"))} AND EXISTS (
        SELECT FROM report seen WHERE seen.id = informant.report_id
           AND (seen.receiver_id = {_PERSON} OR {_role_of(_seeing(DataClass.INFORMANT))}))"""


@dataclass(frozen=True)
class Guard:
    """What is found, added and changed of one table, as SQL over its columns.

    ``api``: by whoever is announced, through the API's role; ``worker``: through the worker's, which announces the
    cases it works on. Without an entry: nothing. ``api_changes`` and ``worker_changes`` are also what a row must still
    answer to afterwards. ``api_removes``, ``worker_removes``: what may be taken away again.
    """

    api: str = NOBODY
    api_adds: str = NOBODY
    api_changes: str = NOBODY
    api_removes: str = NOBODY
    worker: str = NOBODY
    worker_adds: str = NOBODY
    worker_changes: str = NOBODY
    worker_removes: str = NOBODY


def _below_case(*, api: str | None = None, api_adds: str = NOBODY, api_changes: str = NOBODY) -> Guard:
    """A table whose rows belong to a case: found with it; the worker's where it works on the case."""
    here = f"case_id = {_AT_WORK}"
    return Guard(api or _of_case(), api_adds, api_changes, worker=here, worker_adds=here, worker_changes=here)


def _factor(table: str) -> Guard:
    """A second factor of an account: its holder's, and an administrator may end it."""
    return Guard(_of_account(table), _of_own_account(table), _of_account(table))


def _directory(*, adds: str, changes: str) -> Guard:
    """A table of the organisation: everybody reads who is where; the administrator changes it, below their office."""
    return Guard(_DIRECTORY, f"{_ADMINISTRATOR} AND {adds}", f"{_ADMINISTRATOR} AND {changes}", worker="true")


_ITS_UNIT = _in("unit_id", "annhi_administered")

GUARDED: Final[Mapping[str, Guard]] = {
    "case_file": Guard(
        api=_READS_CASE,
        api_adds=_INTAKE,
        # Of the household the worker reads the others' risk, which sets the pace; it changes what it works on.
        worker=f"id = {_AT_WORK} OR household_id = ANY (ARRAY(SELECT annhi_households()))",
        worker_changes=f"id = {_AT_WORK}",
    ),
    # How old the child is decides whose consent counts; the worker's grant holds nothing else of them.
    "child": Guard(
        api=_CHILD,
        api_adds=_INTAKE,
        worker=f"EXISTS (SELECT FROM case_file seen WHERE seen.child_id = child.id AND seen.id = {_AT_WORK})",
    ),
    "household": Guard(
        api=f"{_SOMEBODY} AND annhi_reads_household(id)",
        api_adds=_INTAKE,
    ),
    "report": Guard(
        api=_REPORT,
        api_adds=f"receiver_id = {_PERSON} AND receiver_position_id = (SELECT annhi_position())",
        # What a command brings is no case's yet; it was stored by whoever sent the command.
        worker=f"""receiver_id = {_PERSON}
            OR EXISTS (SELECT FROM case_report seen WHERE seen.report_id = report.id AND seen.case_id = {_AT_WORK})""",
    ),
    "case_report": _below_case(api=_CASE_REPORT, api_adds=_INTAKE),
    "document": _below_case(api=_DOCUMENT, api_adds=f"author_id = {_PERSON}"),
    # Of whoever reads what is written of a case; the hotline what it wrote itself.
    "case_note": Guard(
        f"{_of_case()} AND (author_id = {_PERSON} OR {_role_of(_seeing(DataClass.P2))} "
        f"OR {_in('case_id', 'annhi_glass')})",
        f"author_id = {_PERSON} AND {_judging('write_note')}",
    ),
    # Whoever held it finds what became of it, though they read the case no more; written by a trigger.
    "custody_interval": Guard(
        f"({_of_case()}) OR ({_role_of(COMMUNE)} AND {_in('unit_id', 'annhi_units')} AND {_not_out()})",
        worker=f"case_id = {_AT_WORK}",
    ),
    "case_event": _below_case(api_adds=f"{_INTAKE} AND actor_id = {_PERSON}"),
    "deadline": _below_case(api=f"{_in('referral_id', 'annhi_referred')} OR {_of_case()}", api_adds=_INTAKE),
    "referral": _below_case(api=f"{_in('id', 'annhi_referred')} OR {_of_case()}"),
    # Handed out by whoever reads the case; opened by whoever holds it, through the door.
    "answer_link": Guard(
        _judging("link_referral"),
        f"issued_by = {_PERSON} AND {_judging('link_referral')}",
        _judging("link_referral"),
    ),
    "referral_event": _below_case(api=f"{_in('referral_id', 'annhi_referred')} OR {_of_case()}"),
    "rung": Guard(
        api=_of_case(),
        api_adds=_INTAKE,
        worker=f"case_id = {_AT_WORK}",
        worker_adds=f"case_id = {_AT_WORK}",
        worker_changes=f"case_id = {_AT_WORK}",
        worker_removes=f"case_id = {_AT_WORK}",
    ),
    "breach": _below_case(),
    "escalation": _below_case(
        api=_ESCALATION,
        api_changes=_ESCALATION,
    ),
    "escalation_recipient": Guard(
        api=f"{_SOMEBODY} AND {_OF_ESCALATION}",
        worker=_OF_ESCALATION,
        # Written in one statement with its escalation, which no policy can see yet.
        worker_adds="cardinality((SELECT annhi_at_work())) > 0 AND NOT annhi_elsewhere(escalation_id)",
    ),
    "notice": _below_case(
        api=f"(person_id = {_PERSON} OR ({_of_case()})) AND {_not_out()}",
        api_adds=_FOUND_BY,
        api_changes=f"person_id = {_PERSON} AND {_not_out()}",
    ),
    "call_task": _below_case(api=_CALL, api_changes=_CALL),
    "submission": Guard(
        api=f"person_id = {_PERSON}",
        api_adds=f"person_id = {_PERSON}",
        api_changes=f"person_id = {_PERSON}",
        worker=f"case_id = {_AT_WORK}",
    ),
    "command_record": _below_case(api=f"person_id = {_PERSON}"),
    "recusal": _below_case(api_adds=_FOUND_BY),
    "delegate": _below_case(),
    "audit_entry": Guard(
        api=_role_of(_doing("search_audit") | _doing("report_access")),
        api_adds=f"actor_id = {_PERSON} OR (actor_id IS NULL AND (SELECT annhi_part()) <> '')",
        worker_adds=f"case_id = {_AT_WORK} OR case_id IS NULL",
    ),
    "account": Guard(
        api=f"person_id = {_PERSON} OR ({_ADMINISTRATOR} AND annhi_administers(person_id))",
        api_adds=f"{_ADMINISTRATOR} AND person_id <> {_PERSON} AND annhi_administers(person_id)",
        api_changes=f"""person_id = {_PERSON} OR ({_ADMINISTRATOR} AND annhi_administers(person_id))""",
    ),
    "access_token": Guard(
        api=_of_account("access_token"),
        api_adds=_of_own_account("access_token"),
        api_changes=_of_account("access_token"),
    ),
    "sign_in_throttle": Guard(),
    "sign_in_step": Guard(
        api=_of_own_account("sign_in_step"),
        api_adds=_of_own_account("sign_in_step"),
        api_changes=_of_own_account("sign_in_step"),
        # What was left lying is cleared away by whoever comes next.
        api_removes=f"expires_at < (SELECT annhi_now()) AND ({_SOMEBODY} OR (SELECT annhi_part()) = 'door')",
    ),
    "set_up_link": Guard(
        _of_account("set_up_link"),
        f"{_ADMINISTRATOR} AND made_by = {_PERSON} AND {_of_account('set_up_link')}",
        _of_account("set_up_link"),
    ),
    "totp": _factor("totp"),
    "passkey": _factor("passkey"),
    "recovery_code": _factor("recovery_code"),
    "external_identity": Guard(
        _of_account("external_identity"),
        f"{_ADMINISTRATOR} AND linked_by = {_PERSON} AND {_of_account('external_identity')}",
        f"{_ADMINISTRATOR} AND {_of_account('external_identity')}",
    ),
    "service_token": Guard(_IN_SERVICE, f"{_IN_SERVICE} AND issued_by = {_PERSON}", _IN_SERVICE),
    "suspension": Guard(
        api=f"person_id = {_PERSON} OR ({_ADMINISTRATOR} AND annhi_administers(person_id))",
        api_adds=f"""{_ADMINISTRATOR} AND person_id <> {_PERSON} AND annhi_administers(person_id)
            AND ordered_by = {_PERSON}""",
        api_changes=f"{_ADMINISTRATOR} AND person_id <> {_PERSON} AND annhi_administers(person_id)",
        worker="true",
    ),
    "webhook_endpoint": Guard(_ITS_ENDPOINT, f"{_ITS_ENDPOINT} AND added_by = {_PERSON}", _ITS_ENDPOINT, worker="true"),
    "webhook_secret": Guard(
        _OF_ENDPOINT.format("webhook_secret"),
        f"{_OF_ENDPOINT.format('webhook_secret')} AND issued_by = {_PERSON}",
        _OF_ENDPOINT.format("webhook_secret"),
        worker=_TO_SEND,
    ),
    "webhook_delivery": _below_case(
        api=f"{_of_case()} OR ({_ADMINISTRATOR} AND {_OF_ENDPOINT.format('webhook_delivery')})", api_changes=_of_case()
    ),
    "webhook_attempt": _below_case(),
    "case_key": Guard(api=_UNLOCKED, api_adds=_INTAKE, worker=f"case_id = {_AT_WORK}"),
    "key_share": Guard(
        api=_UNLOCKED,
        api_adds=f"{_INTAKE} OR {_UNLOCKED}",
        worker=f"case_id = {_AT_WORK}",
        worker_adds=f"case_id = {_AT_WORK}",
        worker_removes=f"case_id = {_AT_WORK}",
    ),
    # Written in one statement with its report, which no policy can see yet; never with one that is there and another's.
    "informant": Guard(_INFORMANT, f"{_role_of(_doing('receive_report'))} AND NOT annhi_of_another(report_id)"),
    "informant_reading": Guard(f"person_id = {_PERSON}", f"person_id = {_PERSON}"),
    # Of a case by its people; of a referral by its agency, for as long as that sees its slice.
    "attachment": Guard(
        api=f"{_of_case()} OR {_in('referral_id', 'annhi_served')} OR {_in('id', 'annhi_shared')}",
        api_adds=f"""author_id = {_PERSON} AND ((referral_id IS NULL AND {_judging("add_attachment")})
            OR (agency_id = {_UNIT} AND annhi_takes(referral_id, case_id)))""",
        worker=f"case_id = {_AT_WORK}",
        worker_changes=f"case_id = {_AT_WORK}",
    ),
    # The end of one is added by whoever may share; a trigger keeps the rest as it was.
    "attachment_share": Guard(
        f"{_of_case()} OR (ended_at IS NULL AND {_in('referral_id', 'annhi_served')})",
        f"shared_by = {_PERSON} AND {_judging('share_attachment')} AND {_OF_ITS_CASE}",
        _judging("share_attachment"),
    ),
    "custody_entry": Guard(
        _OF_ATTACHMENT,
        f"person_id = {_PERSON} AND {_OF_ATTACHMENT}",
        worker=_OF_ATTACHMENT,
        worker_adds=f"person_id IS NULL AND {_OF_ATTACHMENT}",
    ),
    "legal_hold": Guard(_of_case()),
    "erasure": Guard(_of_case()),
    "audit_seal": Guard(),
    "relative": Guard(
        # A relative is named to whoever decides on the conflict there is through them.
        f"person_id = {_PERSON} OR EXISTS (SELECT FROM conflict seen WHERE seen.relative_id = relative.id)",
        f"person_id = {_PERSON}",
        f"person_id = {_PERSON}",
    ),
    "alleged_person": _below_case(api=NOBODY, api_adds=_FOUND_BY),
    "conflict": _below_case(api=_judging("judge_conflicts"), api_adds=_FOUND_BY),
    "case_declaration": Guard(f"person_id = {_PERSON}", f"person_id = {_PERSON}"),
    "break_glass": Guard(
        f"person_id = {_PERSON} OR ({_SOMEBODY} AND EXISTS (SELECT FROM annhi_grants(id)))",
        f"person_id = {_PERSON} AND confirmed_by IS NULL AND {_role_of(_doing('break_glass'))} AND {_not_out()}",
        f"{_SOMEBODY} AND EXISTS (SELECT FROM annhi_grants(id))",
        worker=f"case_id = {_AT_WORK}",
    ),
    "consent": Guard(
        _judging("read_consents"),
        f"recorded_by = {_PERSON} AND {_judging('record_consent')}",
        _judging("record_consent"),
        worker=f"case_id = {_AT_WORK}",
        worker_adds=f"case_id = {_AT_WORK} AND answer = 'ground'",
    ),
    "withholding": Guard(
        _judging("read_consents"),
        f"recorded_by = {_PERSON} AND {_judging('record_consent')}",
        _judging("record_consent"),
    ),
    # Found from either side, by whoever reads the one or the other.
    "not_same_child": Guard(
        f"{_in('case_id', 'annhi_opened')} OR {_in('other_id', 'annhi_opened')} "
        f"OR ({_SOMEBODY} AND (annhi_reads(case_id) OR annhi_reads(other_id)))",
        f"decided_by = {_PERSON} AND {_judging('search')} AND annhi_reads(other_id)",
    ),
    # Nobody finds a receipt: a function answers for a code, and says where its report stands.
    "public_receipt": Guard(api_adds=_INTAKE),
    # Of the office whose system took it in, whoever judges it there.
    "set_aside": Guard(_SET_ASIDE, api_changes=_SET_ASIDE),
    "set_aside_receipt": Guard(),
    "public_words": Guard(api_removes="(SELECT annhi_part()) = 'public_door'"),
    "person": Guard(
        api=f"{_DIRECTORY} OR id = {_PERSON}",
        api_adds=_ADMINISTRATOR,
        api_changes=f"{_ADMINISTRATOR} AND annhi_administers(id)",
        worker="true",
    ),
    "unit": Guard(
        api=f"{_DIRECTORY} OR id = {_UNIT}",
        api_adds=_ADMINISTRATOR,
        api_changes=f"{_ADMINISTRATOR} AND {_in('id', 'annhi_administered')}",
        worker="true",
    ),
    # Said as a unit of the administrator's is renamed; a part of the history, which nobody changes.
    "unit_name": Guard(_DIRECTORY, f"{_ADMINISTRATOR} AND {_ITS_UNIT}"),
    "unit_parent": _directory(
        adds=_in("parent_id", "annhi_administered"), changes=_in("parent_id", "annhi_administered")
    ),
    "position": Guard(
        api=f"{_DIRECTORY} OR person_id = {_PERSON}",
        api_adds=f"{_ADMINISTRATOR} AND {_ITS_UNIT} AND person_id <> {_PERSON}",
        api_changes=f"{_ADMINISTRATOR} AND {_ITS_UNIT}",
        worker="true",
    ),
    "shift": _directory(adds=_ITS_UNIT, changes=_ITS_UNIT),
    "deputy": _directory(adds=f"{_ITS_UNIT} AND deputy_id <> {_PERSON}", changes=_ITS_UNIT),
    "absence": Guard(
        api=f"{_ADMINISTRATOR} AND annhi_administers(person_id)",
        api_adds=f"{_ADMINISTRATOR} AND annhi_administers(person_id)",
        api_changes=f"{_ADMINISTRATOR} AND annhi_administers(person_id)",
        worker="true",
    ),
    # Whose the row may be to change is said by what it belongs to; here, that it is an administrator's.
    "provider": _directory(adds="true", changes="true"),
    "provider_name": _directory(adds=_ITS_UNIT, changes=_ITS_UNIT),
    "capability": _directory(adds="true", changes="true"),
    "contact": _directory(adds="true", changes="true"),
    "residential_area": _directory(adds="true", changes="true"),
    "area_place": _directory(adds=_ITS_UNIT, changes=_ITS_UNIT),
    "collaborator": _directory(adds="true", changes="true"),
    "unit_change": _directory(
        adds=f"""made_by = {_PERSON} AND {_in("predecessor_id", "annhi_administered")}
            AND {_in("successor_id", "annhi_administered")}""",
        changes=NOBODY,
    ),
    "case_area": Guard(_of_case(), f"recorded_by = {_PERSON} AND {_of_case()}", worker=f"case_id = {_AT_WORK}"),
}
"""By table. ``true`` for the worker: the organisation, by which it finds out who is to be told."""

OPEN: Final[Mapping[str, str]] = {
    "alembic_version": "one revision; whether it is the newest is asked before anybody is known",
    "reference_version": "protocols and calendars, which everybody may read",
    "sweep_run": "counts and ids of cases; written by the sweep, read by the operator",
}
"""Tables that hold nobody's data, and why."""


@dataclass(frozen=True)
class Part:
    """What a named part of the system is given beside what belongs to a person or a case.

    ``finds``, ``adds``, ``changes``: by table, which rows (``true``: all).
    """

    role: str
    finds: Mapping[str, str]
    adds: Mapping[str, str]
    changes: Mapping[str, str]


def _part(
    role: str,
    finds: Mapping[str, str] | str = "",
    *,
    adds: Mapping[str, str] | str = "",
    changes: Mapping[str, str] | str = "",
) -> Part:
    def every(one: Mapping[str, str] | str) -> Mapping[str, str]:
        return dict.fromkeys(one.split(), "true") if isinstance(one, str) else one

    return Part(role, every(finds), every(adds), every(changes))


_OVER_THE_PHONE = "channel = ANY ('{sms,voice}')"
_SIGNING_IN = "access_token sign_in_throttle sign_in_step totp passkey recovery_code"
_UNHELD = "EXISTS (SELECT FROM case_file seen WHERE seen.report_id = report.id AND seen.unit_id IS NULL)"
_ORGANISATION = "person position unit unit_parent shift absence suspension deputy"

PARTS: Final[Mapping[str, Part]] = {
    # The API, while nobody is known yet: signing in, and whose a token is.
    "door": _part(
        "annhi_api",
        f"person position unit suspension account {_SIGNING_IN} set_up_link external_identity service_token "
        "answer_link",
        adds=f"audit_entry {_SIGNING_IN}",
        changes=f"account {_SIGNING_IN} set_up_link service_token answer_link",
    ),
    # The API, noting for many people at once that they have the answers to their commands.
    "answers": _part("annhi_api", "submission", changes="submission"),
    # The API, taking a report in: who can be reached decides who is told, and who must keep out.
    "intake": _part("annhi_api", "absence suspension recusal delegate conflict"),
    # The API, where anybody reports: what is known again, what is set aside, and what of it goes in after all.
    "public_door": _part(
        "annhi_api",
        "set_aside public_words",
        adds={"public_words": "true", "set_aside_receipt": "true", "set_aside": f"receiver_id = {_PERSON}"},
        changes="set_aside",
    ),
    # The API, where somebody declares a relative, takes office or comes to a case: whom it is kept from, who is told.
    "screening": _part("annhi_api", "case_file report case_report absence suspension recusal delegate conflict"),
    # The API, where a unit is merged or split: which cases name it, whoever holds them, and the areas recorded of them.
    "succession": _part("annhi_api", "case_file case_area"),
    # The API, mailing a one-time link to an agency: the one kind of notice it may write by it.
    "linking": _part("annhi_api", adds={"notice": "kind = 'answer_link'"}),
    # The API, counting what stands in the record: codes and instants.
    "metrics": _part("annhi_api", "case_file deadline rung escalation notice set_aside"),
    # The gateway's word on a message over the phone; a failed one goes on to a call, by whoever is on duty.
    "gateway": _part(
        "annhi_api",
        {"notice": _OVER_THE_PHONE, "report": _UNHELD,
         **dict.fromkeys(f"case_file recusal delegate {_ORGANISATION}".split(), "true")},
        adds={"notice": _OVER_THE_PHONE, "call_task": "true"},
        changes={"notice": _OVER_THE_PHONE},
    ),
    # The worker, comparing the record with Temporal.
    "sweep": _part(
        "annhi_worker",
        "case_file submission command_record deadline rung referral webhook_delivery",
        changes="submission webhook_delivery",
    ),
    # The worker, bringing notices out of the house, and on to a call where that failed.
    "outbox": _part(
        "annhi_worker",
        {"notice": "true", "report": _UNHELD,
         **dict.fromkeys(["case_file", "recusal", "delegate", "answer_link"], "true")},
        adds={"notice": _OVER_THE_PHONE, "call_task": "true"},
        changes={"notice": "true"},
    ),
    # The worker, scanning attachments and clearing away what never became one: it must see which there are.
    "attachments": _part("annhi_worker", "attachment custody_entry", changes="attachment"),
    # The worker, sealing the audit.
    "sealer": _part("annhi_worker", "audit_entry audit_seal", adds="audit_seal"),
    # An operator's command on every case with a running deadline, one case at a time.
    "replan": _part("annhi_worker", "case_file deadline"),
}  # fmt: skip
"""By the name a transaction announces."""


def policies() -> Mapping[str, list[str]]:
    """The statements that make the policies, by table."""
    made: dict[str, list[str]] = {}
    for table, guard in GUARDED.items():
        rows = [f"CREATE POLICY owner ON {table} TO annhi_owner USING (true) WITH CHECK (true)"]
        for role, name, finds, adds, changes, removes in (
            ("annhi_api", "api", guard.api, guard.api_adds, guard.api_changes, guard.api_removes),
            ("annhi_worker", "worker", guard.worker, guard.worker_adds, guard.worker_changes, guard.worker_removes),
        ):
            parts = {name: part for name, part in PARTS.items() if part.role == role}
            found = _also(finds, {name: part.finds.get(table) for name, part in parts.items()})
            added = _also(adds, {name: part.adds.get(table) for name, part in parts.items()})
            changed = _also(changes, {name: part.changes.get(table) for name, part in parts.items()})
            if found == "true":
                # Nothing at all before the transaction has said who it is.
                found = f"(SELECT annhi_part()) <> '' OR {_PERSON} IS NOT NULL"
            for command, clause, of in (
                ("SELECT", "USING", found), ("INSERT", "WITH CHECK", added), ("UPDATE", "USING", changed),
                ("DELETE", "USING", removes),
            ):  # fmt: skip
                if of != NOBODY:
                    verb = {"SELECT": "finds", "INSERT": "adds", "UPDATE": "changes", "DELETE": "removes"}[command]
                    rows.append(f"CREATE POLICY {name}_{verb} ON {table} FOR {command} TO {role}\n    {clause} ({of})")
        made[table] = rows
    return made


def _also(clause: str, given: Mapping[str, str | None]) -> str:
    """A clause, and what the parts of the system are given beside it."""
    alike: dict[str, list[str]] = {}
    for part, rows in given.items():
        if rows is not None and clause != "true":
            alike.setdefault(rows, []).append(part)
    ways = [f"({clause})"] if clause != NOBODY else []
    for rows, parts in alike.items():
        asked = f"(SELECT annhi_part()) = ANY ({array(parts)})"
        ways.append(f"({asked})" if rows == "true" else f"({asked} AND ({rows}))")
    return "\n    OR ".join(ways) if ways and clause != "true" else clause

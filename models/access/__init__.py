"""Who may do what, how far: the one table of role × action × scope, and which classes of data a role sees.

Events of a case are not here: ``models.lifecycle.EVENTS`` says who may send each. Here stands everything around them:
reading, lists, escalations, administration, reference data. Sources: process.md §6.4 (who sees what),
lifecycle.md (roles).

Everything else that knows who sees what is made of this table: the API's checks and the clauses of its statements, the
policies of PostgreSQL's row security (``models.security``), and the printed matrix (``docs/access.md``).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

from models.lifecycle.events import EVENTS
from models.lifecycle.referral.services import PROVIDERS
from models.lifecycle.roles import DECIDERS, DEPARTMENT, RECEIVERS, ROLES

Action = Literal[
    "receive_report",
    "judge_set_aside",
    "read_report",
    "read_informant",
    "read_case",
    "read_attachment",
    "add_attachment",
    "share_attachment",
    "read_referral_files",
    "add_referral_file",
    "search",
    "answer_escalation",
    "read_escalations",
    "read_calls",
    "administer",
    "read_directory",
    "read_reference",
    "read_own",
    "search_audit",
    "report_access",
    "judge_conflicts",
    "break_glass",
    "confirm_break_glass",
    "review_break_glass",
    "read_consents",
    "record_consent",
    "read_referral",
    "read_referrals",
    "link_referral",
    "read_deliveries",
    "resend_delivery",
    "record_area",
    "read_transfers",
    "read_work",
    "write_note",
    "hand_over",
]
ACTIONS: Final[tuple[Action, ...]] = (
    "receive_report",
    "judge_set_aside",
    "read_report",
    "read_informant",
    "read_case",
    "read_attachment",
    "add_attachment",
    "share_attachment",
    "read_referral_files",
    "add_referral_file",
    "search",
    "answer_escalation",
    "read_escalations",
    "read_calls",
    "administer",
    "read_directory",
    "read_reference",
    "read_own",
    "search_audit",
    "report_access",
    "judge_conflicts",
    "break_glass",
    "confirm_break_glass",
    "review_break_glass",
    "read_consents",
    "record_consent",
    "read_referral",
    "read_referrals",
    "link_referral",
    "read_deliveries",
    "resend_delivery",
    "record_area",
    "read_transfers",
    "read_work",
    "write_note",
    "hand_over",
)


class Scope(StrEnum):
    """How far an action reaches.

    ``own``: what one took in, or was sent, oneself · ``received``: what one's unit took in · ``unit``: what one's unit
    holds · ``province``: the units below one's province · ``national``: everywhere · ``referral slice``: what was
    referred to one's agency, for as long as the referral lasts and a while after (``models.access.slices``): of a case
    as such it holds nothing.
    """

    NONE = "none"
    OWN = "own"
    RECEIVED = "received"
    UNIT = "unit"
    PROVINCE = "province"
    NATIONAL = "national"
    REFERRAL = "referral slice"


class Relation(StrEnum):
    """How somebody stands to a case: what the matrix is asked for, beside the role.

    ``own``: they took its report in · ``same unit``: a colleague of their office did, and the office holds it where it
    is a commune · ``same province``: another commune below the same province holds it · ``elsewhere``: one of another
    province · ``recused``: as ``own`` or ``same unit``, and they must keep out · ``signed out``: nobody is known.
    """

    OWN = "own"
    SAME_UNIT = "same unit"
    SAME_PROVINCE = "same province"
    ELSEWHERE = "elsewhere"
    RECUSED = "recused"
    SIGNED_OUT = "signed out"


REACHES: Final[dict[Scope, frozenset[Relation]]] = {
    Scope.NONE: frozenset(),
    Scope.OWN: frozenset({Relation.OWN}),
    Scope.RECEIVED: frozenset({Relation.OWN, Relation.SAME_UNIT}),
    Scope.UNIT: frozenset({Relation.OWN, Relation.SAME_UNIT}),
    Scope.PROVINCE: frozenset({Relation.OWN, Relation.SAME_UNIT, Relation.SAME_PROVINCE}),
    Scope.NATIONAL: frozenset({Relation.OWN, Relation.SAME_UNIT, Relation.SAME_PROVINCE, Relation.ELSEWHERE}),
    Scope.REFERRAL: frozenset(),
}
"""What a scope means in the matrix. Whoever is recused or signed out is in nobody's reach."""


class Reach(StrEnum):
    """Which cases somebody may act on without being able to read them, by where their own unit stands.

    ``place``: the commune of the incident or of residence · ``commune``: one of these, or the one that holds the case ·
    ``province``: an office other than a commune, below the same province · ``everywhere``: a unit of ``EVERYWHERE`` ·
    ``asked``: the commune the case was proposed to · ``another commune``: any that does not hold it · ``nation``: a
    national body.
    """

    PLACE = "place"
    COMMUNE = "commune"
    PROVINCE = "province"
    EVERYWHERE = "everywhere"
    ASKED = "asked"
    ANOTHER_COMMUNE = "another commune"
    NATION = "nation"


BY_NAME: Final = frozenset({Reach.ANOTHER_COMMUNE, Reach.NATION})
"""Ways of reaching any case there is: whoever has one names the case, and is given nothing of the others."""

EVERYWHERE: Final = frozenset({"hotline"})
"""Kinds of unit that take in reports from the whole country: the second call about a child comes to 111 as well."""


class DataClass(StrEnum):
    """Classes of data of process.md §6.4; the informant's identity stands apart (receiver and Chair only)."""

    P1 = "identifiers"
    P2 = "narrative"
    P3 = "very_sensitive"
    P4 = "coded"
    INFORMANT = "informant"


COMMUNE: Final = frozenset({"CPO", "SUP", "CHAIR", "VCH"})
"""The commune's case team: its unit's cases."""
AGENCIES: Final = frozenset({"POL", "HLT", "FOR", "EDU", "LEG", "SHL", "SWC"})
"""Whoever a child may be referred to: reads the provider's slice of a case, and of a case as such nothing."""

_OFFICES: Final[dict[str, Scope]] = {
    **dict.fromkeys(COMMUNE, Scope.UNIT),
    **dict.fromkeys(DEPARTMENT, Scope.PROVINCE),
    "PROV": Scope.PROVINCE,
    "H111": Scope.OWN,
    "H111S": Scope.RECEIVED,
}

# A rung may reach the nation's desk, which answers it without ever reading the case.
_ESCALATIONS: Final[dict[str, Scope]] = {**_OFFICES, "NAT": Scope.OWN}

TABLE: Final[dict[Action, dict[str, Scope]]] = {
    "receive_report": dict.fromkeys(RECEIVERS, Scope.OWN),
    # What was set aside of the reports by anybody that the hotline's own system took in.
    "judge_set_aside": {"H111": Scope.UNIT, "H111S": Scope.UNIT},
    "read_report": {**dict.fromkeys(RECEIVERS, Scope.OWN), **_OFFICES},
    "read_informant": {**dict.fromkeys(RECEIVERS, Scope.OWN), **dict.fromkeys(DECIDERS, Scope.UNIT)},
    "read_case": {**_OFFICES, **dict.fromkeys(AGENCIES, Scope.REFERRAL)},
    "read_attachment": _OFFICES,
    "add_attachment": {role: how_far for role, how_far in _OFFICES.items() if role != "PROV"},
    # With the agency of one referral: whoever adds files to the case and records what may be passed on.
    "share_attachment": {role: _OFFICES[role] for role in (*sorted(COMMUNE), *sorted(DEPARTMENT))},
    "read_referral_files": dict.fromkeys(sorted(PROVIDERS), Scope.REFERRAL),
    "add_referral_file": dict.fromkeys(sorted(PROVIDERS), Scope.REFERRAL),
    # By a child's name: whoever reads names for as long as a case lasts. The hotline reads them only while it waits.
    "search": {role: how_far for role, how_far in _OFFICES.items() if role in COMMUNE | DEPARTMENT},
    "read_escalations": _ESCALATIONS,
    "answer_escalation": _ESCALATIONS,
    "read_calls": {"H111S": Scope.UNIT, "H111": Scope.UNIT, "DOHD": Scope.UNIT, "DOH": Scope.UNIT, "NAT": Scope.UNIT},
    "administer": {"ADM": Scope.UNIT},
    "read_directory": dict.fromkeys((role for role in ROLES if role != "INF"), Scope.NATIONAL),
    "read_reference": dict.fromkeys(ROLES, Scope.NATIONAL),
    "read_own": dict.fromkeys(ROLES, Scope.OWN),
    "search_audit": dict.fromkeys(("DPO", "AUD"), Scope.NATIONAL),
    "report_access": {"DPO": Scope.NATIONAL},
    "judge_conflicts": {role: _OFFICES[role] for role in sorted(EVENTS["clear_conflict"].roles)},
    "break_glass": dict.fromkeys((*sorted(COMMUNE), *sorted(DEPARTMENT), "H111", "H111S"), Scope.NATIONAL),
    "confirm_break_glass": dict.fromkeys(("SUP", "CHAIR", "VCH", "H111S", *sorted(DEPARTMENT)), Scope.NATIONAL),
    "read_consents": {role: _OFFICES[role] for role in (*sorted(COMMUNE), *sorted(DEPARTMENT))},
    "record_consent": {role: _OFFICES[role] for role in (*sorted(COMMUNE), *sorted(DEPARTMENT))},
    # A one-time link to whoever has nobody in the system: handed out where a referral is sent from.
    "link_referral": {role: _OFFICES[role] for role in ("CPO", "SUP", *sorted(DEPARTMENT))},
    "read_referral": {**_OFFICES, **dict.fromkeys(sorted(PROVIDERS), Scope.REFERRAL)},
    "read_referrals": dict.fromkeys(sorted(PROVIDERS), Scope.REFERRAL),
    "read_deliveries": {role: _OFFICES[role] for role in (*sorted(COMMUNE), *sorted(DEPARTMENT))},
    "resend_delivery": {role: _OFFICES[role] for role in (*sorted(COMMUNE), *sorted(DEPARTMENT))},
    "record_area": {role: _OFFICES[role] for role in (*sorted(COMMUNE), *sorted(DEPARTMENT))},
    "read_transfers": {role: _OFFICES[role] for role in (*sorted(COMMUNE), *sorted(DEPARTMENT))},
    "read_work": {role: _OFFICES[role] for role in (*sorted(COMMUNE), *sorted(DEPARTMENT))},
    # Whoever reads what is written of a case may add a word to it; what they may not is to move it.
    "write_note": {role: how_far for role, how_far in _OFFICES.items() if role != "PROV"},
    # Of what the lifecycle's ``assign_owner`` allows, where whoever leaves has their office.
    "hand_over": {role: _OFFICES[role] for role in sorted(EVENTS["assign_owner"].roles & COMMUNE)},
    "review_break_glass": {"SUP": Scope.UNIT, "DPO": Scope.PROVINCE},
}
"""Scope by action and role; a role that is not in a row has none. ``administer`` reaches the unit and what is
below it."""

ASKS_PURPOSE: Final[frozenset[Action]] = frozenset({"report_access"})
"""What nobody does without saying why (``X-Purpose``); anything else may be said why of."""

RECEIVED: Final = frozenset({"add_report", "raise_emergency", "request_ban"})
"""What a receiver brings to a case whoever holds it (lifecycle.md: "any receiver")."""


def reach(role: str, event: str) -> frozenset[Reach]:
    """Where ``role`` may send ``event`` beyond the cases it reads.

    A receiver's events reach the cases of their commune, or of their province where they are no commune; an isolation
    is ordered by the Chair of the place of incident or of residence, whoever holds the case (NĐ 56/2017 Điều 32). A
    commune answers what it was asked to take over, and may ask for a case whose code it was told; the nation decides
    where two provinces do not (lifecycle.md, custody). The answer to such an act tells nothing of the case.
    """
    if event in RECEIVED and role in RECEIVERS & EVENTS[event].roles:
        return frozenset({Reach.COMMUNE, Reach.PROVINCE, Reach.EVERYWHERE})
    if event == "order_isolation" and role in DECIDERS:
        return frozenset({Reach.PLACE})
    for events, roles, how in _HAND_OVER:
        if event in events and role in roles & EVENTS[event].roles:
            return frozenset({how})
    return frozenset()


_HAND_OVER: Final[tuple[tuple[frozenset[str], frozenset[str], Reach], ...]] = (
    (frozenset({"accept_transfer", "refuse_transfer"}), COMMUNE, Reach.ASKED),
    (frozenset({"request_transfer"}), COMMUNE, Reach.ANOTHER_COMMUNE),
    (frozenset({"assign_transfer"}), frozenset({"NAT"}), Reach.NATION),
)


@dataclass(frozen=True, slots=True)
class Standpoint:
    """Where somebody's position stands to a case, at one instant of the unit tree.

    Attributes:
        holds: their unit holds the case.
        place: it is the commune of the incident or of residence.
        waits: it is one of these, took in a report of the case, and nobody has acknowledged the case yet.
        province: the case is held below their province, or by nobody where a report of it was taken in below their
            province, or below none.
        around: their office is no commune, and the holder or a place is below the same province.
        took_in, unit_took_in: they, or their unit, took in a report that opened or reopened the case.
        everywhere: their unit is of a kind of ``EVERYWHERE``.
        asked: the case was proposed to their unit.
        another: their unit is a commune, and another one holds the case.
        nation: their unit is a national body.
        named: they are the decider named for the case.
        deputises: they stand in for somebody of the case team of the unit that holds it.
    """

    holds: bool = False
    place: bool = False
    waits: bool = False
    province: bool = False
    around: bool = False
    took_in: bool = False
    unit_took_in: bool = False
    everywhere: bool = False
    asked: bool = False
    another: bool = False
    nation: bool = False
    named: bool = False
    deputises: bool = False


def may_send(role: str, event: str, stands: Standpoint) -> bool:
    """Whether ``role`` may send ``event`` from where it stands: to the cases it reads, and where ``reach`` says."""
    reads = {
        Scope.OWN: stands.took_in,
        Scope.RECEIVED: stands.unit_took_in,
        Scope.UNIT: stands.holds or stands.waits,
        Scope.PROVINCE: stands.province,
        Scope.NATIONAL: True,
    }
    beyond = {
        Reach.PLACE: stands.place,
        Reach.COMMUNE: stands.place or stands.holds,
        Reach.PROVINCE: stands.around,
        Reach.EVERYWHERE: stands.everywhere,
        Reach.ASKED: stands.asked,
        Reach.ANOTHER_COMMUNE: stands.another,
        Reach.NATION: stands.nation,
    }
    return (
        stands.named
        or stands.deputises
        or reads.get(scope(role, "read_case"), False)
        or any(beyond[how] for how in reach(role, event))
    )


HOTLINE: Final = frozenset({"H111", "H111S"})
"""The hotline follows up what it passed on (process.md §1.3): of a case it sees codes, and what it brought itself."""

CALLS_COLLABORATORS: Final = COMMUNE | DEPARTMENT | HOTLINE | {"ADM"}
"""Who is shown the phone numbers of the collaborators of residential areas: whoever sends them to a child's door."""

_TEAM: Final = frozenset({DataClass.P1, DataClass.P2, DataClass.P3, DataClass.P4})

DATA: Final[dict[str, frozenset[DataClass]]] = {
    "CPO": _TEAM,
    "SUP": _TEAM,
    "CHAIR": _TEAM | {DataClass.INFORMANT},
    "VCH": _TEAM | {DataClass.INFORMANT},
    "DEL": _TEAM | {DataClass.INFORMANT},
    "H111": _TEAM - {DataClass.P3},
    "H111S": _TEAM - {DataClass.P3},
    # The duty desk may assess and protect in the commune's stead, which needs the narrative; not the sensitive rest.
    "DOH": _TEAM - {DataClass.P3},
    "DOHD": _TEAM - {DataClass.P3},
    "PROV": frozenset({DataClass.P4}),
    "NAT": frozenset({DataClass.P4}),
    "AUD": frozenset({DataClass.P4}),
}
"""What a role sees of a case it may read at all; a role that is not in it sees nothing."""

SECOND_FACTOR: Final = frozenset({"ADM", "DPO", "AUD", "DOH"})
"""Roles that act with a second factor only, unless the installation says otherwise (``ANNHI_SECOND_FACTOR_ROLES``):
they give powers, search everything, or decide for a whole province."""

_ANYWHERE: Final = frozenset({"ADM", "DPO", "AUD"})
_AGENCY: Final = frozenset({"POL", "HLT", "FOR", "EDU", "LEG", "SHL", "SWC", "WU", "YU", "FF", "GRP"})

ROLES_OF_UNIT: Final[dict[str, frozenset[str]]] = {
    "commune": COMMUNE | {"GRP", "POL", "WU", "YU", "FF", "EDU", "HLT", "SWC"} | _ANYWHERE,
    "province": DEPARTMENT | {"DEL"} | _ANYWHERE,
    "department": DEPARTMENT | _AGENCY | _ANYWHERE,
    "committee": frozenset({"PROV"}) | _ANYWHERE,
    "hotline": HOTLINE | _ANYWHERE,
    "national": frozenset({"NAT"}) | _ANYWHERE,
    "agency": _AGENCY | _ANYWHERE,
}
"""Which roles an office of each kind has. Nobody is given another there: a hospital has no chair."""

OVERSIGHT: Final = frozenset({"DPO", "AUD"})
"""Those who watch the administrators. One is appointed from above the office they watch, never from within it."""


def grantable(role: str, unit_kind: str, *, own_unit: bool) -> bool:
    """Whether an administrator may give ``role`` in an office of this kind within their reach.

    Args:
        role: to be given.
        unit_kind: of the office it is given in.
        own_unit: that office is the administrator's own.
    """
    if own_unit and role in OVERSIGHT:
        return False
    return role in ROLES_OF_UNIT.get(unit_kind, frozenset())


SERVICE_SCOPES: Final = (
    "reports:read", "reports:write", "cases:read", "actions:write", "organisation:read", "referrals:read",
    "referrals:write",
)  # fmt: skip
"""What a token of an agency's system may be given: a part of the API, to read or to write; nothing else of it answers.

A scope narrows, it never widens: the token's position must be allowed the same by ``TABLE`` and ``EVENTS``. Sign-in,
administration, escalations and the inbox are people's business and are in no scope.
"""


def service_scope(part: str, *, reads: bool) -> str:
    """The scope a token needs for an operation of a part of the API."""
    return f"{part}:{'read' if reads else 'write'}"


@dataclass(frozen=True)
class View:
    """A part of a case that somebody outside the case team is shown, and what takes it away again.

    Attributes:
        name: what process.md §6.4 calls it.
        classes: the classes of data it is cut out of.
        holds: what of them, as codes.
        withheld: the flags of the case under which nothing of it is shown.
        days_after: how long it stays readable after what it was given for has ended; None: it was not given for a time.
    """

    name: str
    classes: frozenset[DataClass]
    holds: frozenset[str]
    withheld: frozenset[str] = frozenset()
    days_after: int | None = None


VIEWS: Final[dict[str, View]] = {
    "guardian": View(
        "guardian view",
        frozenset({DataClass.P1, DataClass.P4}),
        frozenset({"plan_items", "appointments", "decisions_served"}),
        withheld=frozenset({"PERPETRATOR", "RISK_IF_TOLD"}),
    ),
    "child": View(
        "child view",
        frozenset({DataClass.P1, DataClass.P4}),
        frozenset({"plan_items", "appointments", "decisions_served", "own_words"}),
        withheld=frozenset({"RISK_IF_TOLD"}),
    ),
    "provider": View(
        "provider slice",
        frozenset({DataClass.P1, DataClass.P3}),
        frozenset({"referral"}),
        days_after=30,
    ),
}
"""Views that are no role's: what a parent, a child or a provider is given of a case (process.md §6.4)."""

SENSITIVE_KINDS: Final = frozenset({"M03", "minutes", "conference_minutes"})
"""Documents that hold very sensitive data (P3) as a rule: the detailed assessment, and minutes of meetings."""


def scope(role: str, action: Action) -> Scope:
    """How far ``role`` may do ``action``; ``Scope.NONE`` where not at all."""
    return TABLE[action].get(role, Scope.NONE)


def reads(role: str, relation: Relation) -> bool:
    """Whether ``role`` reads a case to which they stand so."""
    return relation in REACHES[scope(role, "read_case")]


def may(role: str, action: Action) -> bool:
    """Whether ``role`` may do ``action`` anywhere."""
    return scope(role, action) is not Scope.NONE


def sees(role: str, data: DataClass) -> bool:
    """Whether ``role`` sees this class of data in a case within its scope."""
    return data in DATA.get(role, frozenset())


def sees_document(role: str, kind: str) -> bool:
    """Whether ``role`` sees the content of a document of this kind in a case within its scope."""
    return sees(role, DataClass.P3 if kind in SENSITIVE_KINDS else DataClass.P2)

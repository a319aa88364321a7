"""What must hold for an act on a referral beyond state and role; each answers None, or the refusal's code and detail.

Numbers here are maxima that no protocol may lengthen.
"""

from collections.abc import Callable, Mapping

from models.lifecycle.checks import No
from models.lifecycle.referral.facts import Facts
from models.lifecycle.referral.services import POLICE, SERVICES, is_emergency, providers_of
from models.lifecycle.referral.types import EventSpec, Memory, Standing
from models.lifecycle.roles import acting_roles

DECLINE_REASONS = frozenset(
    {
        "NO_CAPACITY",
        "NOT_OUR_SERVICE",
        "NOT_OUR_AREA",
        "CLOSED_NOW",
        "NEEDS_OTHER_CARE",
        "CONFLICT_OF_INTEREST",
        "OTHER",
    }
)
"""Why an agency may say no (lifecycle.md: a reason code)."""

OUTCOMES = frozenset({"PROVIDED", "PARTLY", "NOT_AVAILABLE", "DECLINED_BY_FAMILY", "CHILD_UNREACHABLE"})
"""How a service ended (lifecycle.md; process.md §2.7)."""

POLICE_OUTCOMES = frozenset({"PROSECUTED", "NOT_PROSECUTED", "SUSPENDED", "TRANSFERRED"})
"""How a report to the police ended (lifecycle.md; BLTTHS Điều 147)."""

DECIDED = POLICE_OUTCOMES - {"TRANSFERRED"}
"""Outcomes that are a decision, with number and date."""

MET = frozenset({"PROVIDED", "PARTLY", *POLICE_OUTCOMES})
"""Outcomes after which the need is met, as far as this service goes; after any other it is open again on the plan."""

ORDERS = frozenset({"FORENSIC_REQUEST", "CARE_DECISION", "COURT_DECISION", "OTHER"})
"""Legal orders an agency may have to wait for."""

EXTENSIONS_AT_MOST = 2
"""Of the decision on a crime report: to 2 months, then to 4 in all (lifecycle.md; BLTTHS Điều 147)."""

Condition = Callable[[Standing, EventSpec, Facts], No | None]


def service_of(facts: Facts) -> str:
    """The service the act is about; empty where none is named."""
    return facts.service or ""


def roles_for(spec: EventSpec, service: str) -> frozenset[str]:
    """The roles that may send an event on a referral to one service, whoever else sent it."""
    if spec.in_emergency is not None and is_emergency(service):
        return spec.in_emergency
    roles = set(spec.roles)
    if "sender" in spec.parties:
        roles |= {"CPO", "SUP"}
    if "agency" in spec.parties:
        roles |= providers_of(service)
    return frozenset(roles)


def role(spec: EventSpec, facts: Facts) -> No | None:
    """Whether who acts may, by role and by where they stand to the referral.

    An agency's role counts at the unit it was sent to; an office's where the case is worked on. POL brings a legal
    order from wherever it stands.
    """
    service = service_of(facts)
    wanted = roles_for(spec, service)
    held = acting_roles(facts.actor)
    by_service = spec.in_emergency is None or not is_emergency(service)
    if "sender" in spec.parties and by_service and facts.is_sender:
        return None
    if not held & wanted:
        return No("not-your-role", {"roles": " ".join(sorted(wanted))})
    as_agency = held & providers_of(service) if "agency" in spec.parties and by_service else frozenset()
    if as_agency and facts.at_agency:
        return None
    elsewhere = held & wanted - (as_agency - spec.roles)
    return None if elsewhere and (facts.in_reach or "POL" in elsewhere & spec.roles) else No("not-your-unit", {})


def authors_of(standing: Standing) -> frozenset[str]:
    """Person ids of who asked for the service, or sent it."""
    return frozenset(standing.memory.get(Memory.AUTHOR, "").split())


def _service_known(_: Standing, __: EventSpec, facts: Facts) -> No | None:
    return None if service_of(facts) in SERVICES else No("value-not-allowed", {"field": "service"})


def _case_at_work(_: Standing, __: EventSpec, facts: Facts) -> No | None:
    return None if facts.case_at_work else No("case-not-at-work", {})


def _receiver_provides(_: Standing, __: EventSpec, facts: Facts) -> No | None:
    return None if facts.receiver_provides else No("receiver-does-not-provide", {"field": "receiver"})


def _consent(_: Standing, spec: EventSpec, facts: Facts) -> No | None:
    """Consent, or a recorded ground. To an emergency service one may go first: ``override_ground`` then runs."""
    goes_first = is_emergency(service_of(facts)) and spec.code != "regain_consent"
    if facts.consent.allowed or goes_first:
        return None
    return No("consent-missing", {"service": service_of(facts)})


def _consent_stands(_: Standing, __: EventSpec, facts: Facts) -> No | None:
    return No("consent-stands", {"service": service_of(facts)}) if facts.consent.allowed else None


def _consent_not_lost(_: Standing, __: EventSpec, facts: Facts) -> No | None:
    """Nothing more is sent to an agency once the consent was taken back; an emergency service goes on."""
    return No("consent-lost", {}) if facts.consent_lost and not is_emergency(service_of(facts)) else None


def _ground_by_supervisor(standing: Standing, _: EventSpec, facts: Facts) -> No | None:
    """A ground against a refusal has the word of the head of office, who is not the author."""
    if not facts.consent.overrides_refusal or is_emergency(service_of(facts)):
        return None
    authors = authors_of(standing) | facts.authors | set(facts.people)
    return None if facts.consent.decided_by - authors else No("ground-needs-supervisor", {})


def _not_the_author(standing: Standing, _: EventSpec, facts: Facts) -> No | None:
    return No("approver-is-author", {}) if authors_of(standing) & set(facts.people) else None


def _one_of(field: str, values: frozenset[str]) -> Condition:
    def check(_: Standing, __: EventSpec, facts: Facts) -> No | None:
        value = getattr(facts, field)
        return None if value is None or value in values else No("value-not-allowed", {"field": field})

    return check


def _outcome(_: Standing, __: EventSpec, facts: Facts) -> No | None:
    values = POLICE_OUTCOMES if service_of(facts) == POLICE else OUTCOMES
    return None if facts.outcome in values else No("value-not-allowed", {"field": "outcome"})


def _decision(_: Standing, spec: EventSpec, facts: Facts) -> No | None:
    """Number, date and signer of the order; of an outcome, only where it is a decision."""
    needed = spec.code != "deliver" or facts.outcome in DECIDED
    return No("decision-missing", {"field": "decision"}) if needed and "decision" not in facts.given else None


def _extensions(standing: Standing, _: EventSpec, __: Facts) -> No | None:
    so_far = int(standing.memory.get(Memory.EXTENSIONS, "0"))
    return None if so_far < EXTENSIONS_AT_MOST else No("extended-twice", {"at_most": str(EXTENSIONS_AT_MOST)})


def _may_expire(_: Standing, __: EventSpec, facts: Facts) -> No | None:
    """Police and emergency services stay open, however long nobody answers."""
    return No("never-expires", {"service": service_of(facts)}) if is_emergency(service_of(facts)) else None


def _may_not_expire(_: Standing, __: EventSpec, facts: Facts) -> No | None:
    return None if is_emergency(service_of(facts)) else No("expires-instead", {"service": service_of(facts)})


CONDITIONS: Mapping[str, Condition] = {
    "service-unknown": _service_known,
    "case-not-at-work": _case_at_work,
    "receiver-does-not-provide": _receiver_provides,
    "consent-missing": _consent,
    "consent-stands": _consent_stands,
    "consent-lost": _consent_not_lost,
    "ground-needs-supervisor": _ground_by_supervisor,
    "approver-is-author": _not_the_author,
    "decline-reason-not-allowed": _one_of("decline_reason", DECLINE_REASONS),
    "order-not-allowed": _one_of("order_awaited", ORDERS),
    "outcome-not-allowed": _outcome,
    "decision-missing": _decision,
    "extended-twice": _extensions,
    "never-expires": _may_expire,
    "expires-instead": _may_not_expire,
}
"""The conditions by the name ``EventSpec.conditions`` gives them."""

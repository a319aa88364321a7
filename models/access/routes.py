"""What the access table asks for at every address of the API: the way from an address to a row of the table.

A test compares this list with the addresses there are: a new one has to say here who may use it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.access import REACHES, Action, Relation, Scope, scope


class Guard(StrEnum):
    """How an address keeps out whoever may not.

    ``open``: it says nothing of anybody, or asks for a secret of its own · ``signed in``: for everybody known; shows
    what is their own · ``role``: 403 for a role that has no scope for the action · ``record``: 404 for a record that
    is not in scope, as for one there is not · ``role, then record``: first the one, then the other.
    """

    OPEN = "open"
    SIGNED_IN = "signed in"
    ROLE = "role"
    RECORD = "record"
    BOTH = "role, then record"


@dataclass(frozen=True)
class Rule:
    """One address: the action it carries out and how it keeps others out. ``send``: the lifecycle's events say who."""

    guard: Guard
    action: Action | None = None
    send: bool = False


def _all(addresses: str, rule: Rule) -> dict[str, Rule]:
    return {f"{method} {path}": rule for method, path in (line.split() for line in addresses.strip().splitlines())}


ROUTES: Final[dict[str, Rule]] = {
    **_all(
        """
        POST /api/v1/sessions
        POST /api/v1/gateway/receipts
        GET /api/v1/reference/lifecycle
        GET /api/v1/reference/lifecycle/diagram
        GET /api/v1/reference/protocols
        GET /api/v1/reference/protocols/{version}
        GET /api/v1/reference/vocabularies
        GET /api/v1/reference/vocabularies/{name}
        GET /api/v1/reference/forms
        GET /api/v1/reference/forms/{kind}
        GET /api/v1/reference/problems
        GET /health/live
        GET /health/ready
        GET /metrics
        """,
        Rule(Guard.OPEN),
    ),
    **_all(
        """
        DELETE /api/v1/sessions/current
        GET /api/v1/me
        GET /api/v1/inbox
        """,
        Rule(Guard.SIGNED_IN, "read_own"),
    ),
    **_all("POST /api/v1/inbox/{notice}/seen", Rule(Guard.RECORD, "read_own")),
    **_all("POST /api/v1/reports", Rule(Guard.ROLE, "receive_report")),
    **_all("GET /api/v1/reports/{report}", Rule(Guard.RECORD, "read_report")),
    **_all("GET /api/v1/cases", Rule(Guard.ROLE, "read_case")),
    **_all(
        """
        GET /api/v1/cases/{case}
        GET /api/v1/cases/{case}/timeline
        GET /api/v1/cases/{case}/deadlines
        GET /api/v1/cases/{case}/household
        GET /api/v1/cases/{case}/documents
        GET /api/v1/cases/{case}/documents/{document}
        GET /api/v1/cases/{case}/escalations
        """,
        Rule(Guard.RECORD, "read_case"),
    ),
    **_all("POST /api/v1/search", Rule(Guard.ROLE, "search")),
    **_all("POST /api/v1/cases/{case}/actions/{event}", Rule(Guard.RECORD, "read_case", send=True)),
    **_all("GET /api/v1/escalations", Rule(Guard.ROLE, "read_escalations")),
    **_all(
        """
        POST /api/v1/escalations/{escalation}/acknowledge
        POST /api/v1/escalations/{escalation}/resolve
        """,
        Rule(Guard.RECORD, "answer_escalation"),
    ),
    **_all("GET /api/v1/calls", Rule(Guard.ROLE, "read_calls")),
    **_all("POST /api/v1/calls/{call}/record", Rule(Guard.BOTH, "read_calls")),
    **_all(
        """
        GET /api/v1/units
        GET /api/v1/units/{unit}
        GET /api/v1/positions
        GET /api/v1/shifts
        GET /api/v1/deputies
        """,
        Rule(Guard.ROLE, "read_directory"),
    ),
    **_all(
        """
        POST /api/v1/units
        GET /api/v1/people
        POST /api/v1/people
        POST /api/v1/positions
        POST /api/v1/shifts
        GET /api/v1/absences
        POST /api/v1/absences
        POST /api/v1/deputies
        """,
        Rule(Guard.ROLE, "administer"),
    ),
    **_all(
        """
        PATCH /api/v1/units/{unit}
        POST /api/v1/units/{unit}/end
        GET /api/v1/people/{person}
        PUT /api/v1/people/{person}
        POST /api/v1/people/{person}/account
        POST /api/v1/positions/{position}/end
        POST /api/v1/shifts/{shift}/end
        POST /api/v1/absences/{absence}/end
        POST /api/v1/deputies/{deputy}/end
        """,
        Rule(Guard.BOTH, "administer"),
    ),
}
"""By method and path, in the words of the OpenAPI document."""


def refusal(rule: Rule, role: str, relation: Relation) -> int | None:
    """The status that keeps somebody out of an address, None where they pass.

    For an address of a record it is the case's record that is meant; what one was sent oneself (an escalation, a
    notice) is one's own.
    """
    if rule.guard is Guard.OPEN:
        return None
    if relation is Relation.SIGNED_OUT:
        return 401
    how_far = scope(role, rule.action) if rule.action is not None else Scope.NATIONAL
    if rule.guard in (Guard.ROLE, Guard.BOTH) and how_far is Scope.NONE:
        return 403
    if rule.guard in (Guard.RECORD, Guard.BOTH) and relation not in REACHES[how_far]:
        return 404
    return None

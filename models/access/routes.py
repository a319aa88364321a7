"""What the access table asks for at every address of the API: the way from an address to a row of the table.

A test compares this list with the addresses there are: a new one has to say here who may use it.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from models.access import REACHES, Action, DataClass, Relation, Scope, scope, sees


class Guard(StrEnum):
    """How an address keeps out whoever may not.

    ``open``: it says nothing of anybody · ``proof``: it asks for a secret of its own: a password, a step of signing
    in, a set-up link, the gateway's token, a receipt · ``signed in``: for everybody known; what is their own ·
    ``role``: 403 for a role that has no scope for the action · ``record``: 404 for a record that is not in scope, as
    for one there is not · ``role, then record``: first the one, then the other · ``role, then report, then opener``:
    as these, and 403 for a report one reads where the action does not reach.
    """

    OPEN = "open"
    PROOF = "proof"
    SIGNED_IN = "signed in"
    ROLE = "role"
    RECORD = "record"
    BOTH = "role, then record"
    OPENER = "role, then report, then opener"


UNKNOWN: Final = frozenset({Guard.OPEN, Guard.PROOF})
"""Where nobody has to be signed in."""


class Besides(StrEnum):
    """What an address asks of whoever passes.

    ``declaration``: 428 until they have said whether they are related to the case · ``purpose``: ``X-Purpose``, 422
    without · ``reason``: in the body, kept on record · ``second person``: 403 for the one who asked.
    """

    DECLARATION = "declaration"
    PURPOSE = "purpose"
    REASON = "reason"
    SECOND_PERSON = "second person"


@dataclass(frozen=True)
class Rule:
    """One address.

    Attributes:
        guard: how it keeps others out.
        action: what it carries out, of the table's rows.
        besides: what it asks of whoever passes.
        send: the lifecycle's events say who.
        data: 403 for a record of this class, taken in by somebody else, where the role does not see the class.
    """

    guard: Guard
    action: Action | None = None
    besides: frozenset[Besides] = frozenset()
    send: bool = False
    data: DataClass | None = None


_BY_ROLE: Final = frozenset({Guard.ROLE, Guard.BOTH, Guard.OPENER})
_BY_RECORD: Final = frozenset({Guard.RECORD, Guard.BOTH, Guard.OPENER})
_DECLARED: Final = frozenset({Besides.DECLARATION})


def _all(addresses: str, rule: Rule) -> dict[str, Rule]:
    return {f"{method} {path}": rule for method, path in (line.split() for line in addresses.strip().splitlines())}


ROUTES: Final[dict[str, Rule]] = {
    **_all(
        """
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
        POST /api/v1/sessions
        POST /api/v1/sessions/second-factor
        POST /api/v1/sessions/second-factor/passkey
        POST /api/v1/set-up
        POST /api/v1/gateway/receipts
        POST /api/v1/public/reports/standing
        """,
        Rule(Guard.PROOF),
    ),
    **_all("POST /api/v1/public/reports", Rule(Guard.OPEN)),
    **_all(
        """
        GET /api/v1/sessions
        DELETE /api/v1/sessions/current
        DELETE /api/v1/sessions/others
        GET /api/v1/me
        POST /api/v1/me/position
        POST /api/v1/me/password
        GET /api/v1/me/second-factor
        POST /api/v1/me/second-factor/totp
        POST /api/v1/me/second-factor/totp/confirm
        POST /api/v1/me/second-factor/passkeys
        POST /api/v1/me/second-factor/passkeys/confirm
        POST /api/v1/me/second-factor/recovery-codes
        GET /api/v1/me/relatives
        POST /api/v1/me/relatives
        GET /api/v1/inbox
        GET /api/v1/break-glass
        """,
        Rule(Guard.SIGNED_IN, "read_own"),
    ),
    **_all(
        """
        DELETE /api/v1/sessions/{session}
        DELETE /api/v1/me/second-factor/{factor}
        POST /api/v1/me/relatives/{relative}/end
        POST /api/v1/inbox/{notice}/seen
        """,
        Rule(Guard.RECORD, "read_own"),
    ),
    **_all("POST /api/v1/reports", Rule(Guard.ROLE, "receive_report")),
    **_all("GET /api/v1/set-aside", Rule(Guard.ROLE, "judge_set_aside")),
    **_all(
        """
        GET /api/v1/set-aside/{item}
        POST /api/v1/set-aside/{item}/let-in
        POST /api/v1/set-aside/{item}/put-away
        """,
        Rule(Guard.BOTH, "judge_set_aside"),
    ),
    **_all("GET /api/v1/reports/{report}", Rule(Guard.RECORD, "read_report", _DECLARED)),
    **_all(
        "POST /api/v1/reports/{report}/informant/readings",
        Rule(Guard.OPENER, "read_informant", _DECLARED | {Besides.REASON}),
    ),
    **_all("GET /api/v1/cases", Rule(Guard.ROLE, "read_case")),
    **_all("POST /api/v1/search", Rule(Guard.ROLE, "search")),
    **_all(
        """
        GET /api/v1/cases/{case}
        GET /api/v1/cases/{case}/timeline
        GET /api/v1/cases/{case}/deadlines
        GET /api/v1/cases/{case}/custody
        GET /api/v1/cases/{case}/work
        GET /api/v1/cases/{case}/notes
        GET /api/v1/cases/{case}/household
        GET /api/v1/cases/{case}/documents
        GET /api/v1/cases/{case}/documents/{document}
        GET /api/v1/cases/{case}/escalations
        """,
        Rule(Guard.RECORD, "read_case", _DECLARED),
    ),
    **_all("POST /api/v1/cases/{case}/declaration", Rule(Guard.RECORD, "read_case")),
    **_all("POST /api/v1/cases/{case}/actions/{event}", Rule(Guard.RECORD, "read_case", send=True)),
    **_all("GET /api/v1/cases/{case}/referrals", Rule(Guard.RECORD, "read_referral", _DECLARED)),
    **_all("POST /api/v1/cases/{case}/referrals", Rule(Guard.RECORD, "read_referral", send=True)),
    **_all("GET /api/v1/referrals", Rule(Guard.ROLE, "read_referrals")),
    **_all("GET /api/v1/fhir/metadata", Rule(Guard.SIGNED_IN, "read_own")),
    **_all("GET /api/v1/fhir/Task", Rule(Guard.ROLE, "read_referrals")),
    **_all("GET /api/v1/fhir/Task/{referral}", Rule(Guard.RECORD, "read_referral")),
    **_all("PUT /api/v1/fhir/Task/{referral}", Rule(Guard.RECORD, "read_referral", send=True)),
    **_all("GET /api/v1/referrals/counts", Rule(Guard.ROLE, "read_referrals")),
    **_all("GET /api/v1/referrals/{referral}", Rule(Guard.RECORD, "read_referral")),
    **_all("GET /api/v1/referrals/{referral}/links", Rule(Guard.BOTH, "link_referral")),
    **_all("POST /api/v1/referrals/{referral}/links", Rule(Guard.BOTH, "link_referral")),
    **_all("POST /api/v1/referrals/{referral}/links/{link}/end", Rule(Guard.BOTH, "link_referral")),
    **_all("POST /api/v1/referrals/{referral}/actions", Rule(Guard.RECORD, "read_referral", send=True)),
    **_all("GET /api/v1/referrals/{referral}/deliveries", Rule(Guard.BOTH, "read_deliveries")),
    **_all("POST /api/v1/referrals/{referral}/deliveries/{delivery}/resend", Rule(Guard.BOTH, "resend_delivery")),
    **_all(
        """
        GET /api/v1/cases/{case}/attachments
        GET /api/v1/cases/{case}/attachments/{attachment}
        """,
        Rule(Guard.RECORD, "read_attachment", _DECLARED),
    ),
    **_all(
        "GET /api/v1/cases/{case}/attachments/{attachment}/content",
        Rule(Guard.BOTH, "read_attachment", _DECLARED, data=DataClass.P3),
    ),
    **_all("POST /api/v1/cases/{case}/attachments", Rule(Guard.BOTH, "add_attachment")),
    **_all(
        """
        POST /api/v1/cases/{case}/attachments/{attachment}/shares/{referral}
        POST /api/v1/cases/{case}/attachments/{attachment}/shares/{referral}/end
        """,
        Rule(Guard.BOTH, "share_attachment", _DECLARED),
    ),
    **_all(
        """
        GET /api/v1/referrals/{referral}/attachments
        GET /api/v1/referrals/{referral}/attachments/{attachment}/content
        """,
        Rule(Guard.BOTH, "read_referral_files"),
    ),
    **_all("POST /api/v1/referrals/{referral}/attachments", Rule(Guard.BOTH, "add_referral_file")),
    **_all(
        "POST /api/v1/cases/{case}/attachments/{attachment}/custody",
        Rule(Guard.BOTH, "add_attachment", _DECLARED, data=DataClass.P3),
    ),
    **_all(
        """
        GET /api/v1/cases/{case}/possible-duplicates
        POST /api/v1/cases/{case}/possible-duplicates/{other}/not-the-same
        """,
        Rule(Guard.BOTH, "search", _DECLARED),
    ),
    **_all("GET /api/v1/cases/{case}/conflicts", Rule(Guard.BOTH, "judge_conflicts", _DECLARED)),
    **_all(
        """
        GET /api/v1/cases/{case}/consents
        GET /api/v1/cases/{case}/consents/allows
        GET /api/v1/cases/{case}/views/child
        GET /api/v1/cases/{case}/views/guardian
        """,
        Rule(Guard.BOTH, "read_consents", _DECLARED),
    ),
    **_all(
        """
        POST /api/v1/cases/{case}/consents
        POST /api/v1/cases/{case}/consents/{consent}/withdraw
        POST /api/v1/cases/{case}/withholdings
        POST /api/v1/cases/{case}/withholdings/{withholding}/end
        """,
        Rule(Guard.BOTH, "record_consent", _DECLARED),
    ),
    **_all("POST /api/v1/cases/{case}/areas", Rule(Guard.BOTH, "record_area", _DECLARED)),
    **_all("POST /api/v1/people/{person}/hand-over", Rule(Guard.BOTH, "hand_over")),
    **_all("POST /api/v1/cases/{case}/break-glass", Rule(Guard.BOTH, "break_glass", frozenset({Besides.REASON}))),
    **_all(
        "POST /api/v1/break-glass/{grant}/confirm",
        Rule(Guard.BOTH, "confirm_break_glass", frozenset({Besides.SECOND_PERSON})),
    ),
    **_all(
        "POST /api/v1/break-glass/{grant}/review",
        Rule(Guard.BOTH, "review_break_glass", frozenset({Besides.SECOND_PERSON})),
    ),
    **_all(
        "GET /api/v1/cases/{case}/access-report",
        Rule(Guard.BOTH, "report_access", frozenset({Besides.PURPOSE})),
    ),
    **_all("GET /api/v1/audit", Rule(Guard.ROLE, "search_audit")),
    **_all("GET /api/v1/work", Rule(Guard.ROLE, "read_work")),
    **_all("POST /api/v1/cases/{case}/notes", Rule(Guard.BOTH, "write_note", _DECLARED)),
    **_all(
        """
        GET /api/v1/transfers
        GET /api/v1/transfers/handed-over
        """,
        Rule(Guard.ROLE, "read_transfers"),
    ),
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
        GET /api/v1/units/{unit}/history
        GET /api/v1/positions
        GET /api/v1/shifts
        GET /api/v1/deputies
        GET /api/v1/directory/providers
        GET /api/v1/directory/providers/{provider}
        GET /api/v1/directory/candidates
        GET /api/v1/directory/areas
        GET /api/v1/directory/areas/{area}
        GET /api/v1/directory/coverage
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
        GET /api/v1/suspensions
        POST /api/v1/suspensions
        POST /api/v1/services
        POST /api/v1/unit-changes
        POST /api/v1/directory/providers
        POST /api/v1/directory/areas
        POST /api/v1/directory/imports
        GET /api/v1/directory/exports
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
        POST /api/v1/people/{person}/account/end
        POST /api/v1/people/{person}/second-factors/end
        GET /api/v1/people/{person}/identities
        POST /api/v1/people/{person}/identities
        POST /api/v1/people/{person}/identities/{identity}/end
        POST /api/v1/positions/{position}/end
        POST /api/v1/shifts/{shift}/end
        POST /api/v1/absences/{absence}/end
        POST /api/v1/deputies/{deputy}/end
        POST /api/v1/suspensions/{suspension}/end
        GET /api/v1/services/{position}/tokens
        POST /api/v1/services/{position}/tokens
        POST /api/v1/service-tokens/{token}/rotate
        POST /api/v1/service-tokens/{token}/revoke
        GET /api/v1/services/{position}/endpoints
        POST /api/v1/services/{position}/endpoints
        PUT /api/v1/webhook-endpoints/{endpoint}
        POST /api/v1/webhook-endpoints/{endpoint}/secrets
        POST /api/v1/webhook-endpoints/{endpoint}/end
        GET /api/v1/webhook-endpoints/{endpoint}/deliveries
        PUT /api/v1/directory/providers/{provider}
        POST /api/v1/directory/providers/{provider}/end
        PUT /api/v1/directory/areas/{area}
        POST /api/v1/directory/areas/{area}/end
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
    if rule.guard in UNKNOWN:
        return None
    if relation is Relation.SIGNED_OUT:
        return 401
    how_far = scope(role, rule.action) if rule.action is not None else Scope.NATIONAL
    if rule.guard in _BY_ROLE and how_far is Scope.NONE:
        return 403
    # Whoever opens an informant's name has to find its report first, by the row of the report.
    found = scope(role, "read_report") if rule.guard is Guard.OPENER else how_far
    if rule.guard in _BY_RECORD and relation not in REACHES[found]:
        return 404
    hidden = rule.data is not None and not sees(role, rule.data)
    return 403 if hidden or (rule.guard is Guard.OPENER and relation not in REACHES[how_far]) else None

"""What both directions share: addresses of our code systems, and which FHIR code stands for which of ours.

Codes of FHIR are those of R4B (http://hl7.org/fhir/R4B/valueset-task-status.html, …/valueset-request-status.html,
…/valueset-request-priority.html).
"""

from typing import Final

MEDIA_TYPE: Final = "application/fhir+json"
VERSION: Final = "4.3.0"
PATH: Final = "/api/v1/fhir"

STATUS: Final[dict[str, str]] = {
    "sent": "requested",
    "acknowledged": "received",
    "needs_info": "on-hold",
    "accepted": "accepted",
    "scheduled": "accepted",
    "waiting_order": "on-hold",
    "in_service": "in-progress",
    "delivered": "completed",
    "closed": "completed",
    "declined": "rejected",
    "revoked": "cancelled",
    "child_refused": "cancelled",
    "expired": "failed",
}
"""Task.status by the state of a referral; a draft is nobody's to see. The state itself is Task.businessStatus."""

REQUEST_STATUS: Final[dict[str, str]] = {
    **dict.fromkeys(
        ("sent", "acknowledged", "needs_info", "accepted", "scheduled", "waiting_order", "in_service"), "active"
    ),
    **dict.fromkeys(("delivered", "closed"), "completed"),
    **dict.fromkeys(("declined", "revoked", "child_refused", "expired"), "revoked"),
}
"""ServiceRequest.status by the state of a referral."""

PRIORITY: Final[dict[str, str]] = {"EMERGENCY": "stat", "HIGH": "urgent", "ORDINARY": "routine"}
"""Task.priority by urgency."""

GENDER: Final[dict[str, str]] = {"MALE": "male", "FEMALE": "female"}
"""Patient.gender; any other code of ours is ``unknown``."""


def system(base: str, vocabulary: str) -> str:
    """The address of one of our vocabularies as a FHIR code system.

    Args:
        base: public address of the installation.
        vocabulary: its name in ``models.vocabulary``.
    """
    return f"{base.rstrip('/')}{PATH}/CodeSystem/{vocabulary.replace('_', '-')}"

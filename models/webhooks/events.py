"""The events an agency's system is told of its referrals, as CloudEvents: codes, ids and instants, never a child."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

MEDIA_TYPE: Final = "application/cloudevents+json; charset=utf-8"

TRIED_FOR: Final = timedelta(days=3)
"""How long one event is tried before it is a dead letter with an owner."""

UNTOLD: Final = frozenset({"ask_service", "reroute", "record_ground", "ask_again"})
"""What an agency is not told: what happened before it was asked, and the sender's own affairs."""


def event_type(event: str) -> str:
    """The CloudEvents type of an event of a referral's lifecycle; a change that breaks readers gets another number."""
    return f"vn.annhi.referral.{event}.v1"


def described(  # noqa: PLR0917 - one event, whole
    referral_id: str, code: str, service: str, event: str, state: str, sequence: int, occurred_at: datetime
) -> dict[str, Any]:
    """What is kept of an event until it is sent, and sent as the event's data."""
    return {
        "referral": referral_id,
        "code": code,
        "service": service,
        "event": event,
        "state": state,
        "sequence": sequence,
        "occurred_at": occurred_at.isoformat(),
    }


def envelope(message_id: str, data: Mapping[str, Any], public_url: str) -> dict[str, Any]:
    """An event as it is sent: CloudEvents 1.0, structured JSON.

    Args:
        message_id: the event's id, which is also the header ``webhook-id``.
        data: as ``described`` made it.
        public_url: of this installation: the event's source, and where the rest is asked for.
    """
    referral = data["referral"]
    return {
        "specversion": "1.0",
        "id": message_id,
        "source": public_url,
        "type": event_type(data["event"]),
        "subject": referral,
        "time": data["occurred_at"],
        "sequence": f"{data['sequence']:08d}",
        "datacontenttype": "application/json",
        "data": {**data, "url": f"{public_url}/api/v1/referrals/{referral}"},
    }

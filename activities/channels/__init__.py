"""The ways out of the house: one module per kind of server, all with the same two verbs."""

from activities.channels.gateway import Gateway
from activities.channels.message import Channel, Message, Outcome, Rejected, Unreachable
from activities.channels.smtp import Smtp
from models.settings import Settings

__all__ = ["Channel", "Gateway", "Message", "Outcome", "Rejected", "Smtp", "Unreachable", "configured"]


def configured(settings: Settings) -> dict[str, Channel]:
    """The channels the settings name, by channel code; one that is not configured is missing."""
    found: dict[str, Channel] = {}
    if settings.smtp_host:
        found["email"] = Smtp(settings)
    if settings.gateway_url:
        gateway = Gateway(settings)
        found |= {"sms": gateway, "voice": gateway}
    return found

"""What the service computes by: protocols, calendars and local overrides, loaded once when a process starts."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from models.calendar import Calendar, Calendars, load_calendars
from models.protocol.overrides import Overrides, load_overrides
from models.protocol.registry import Protocols, load_protocols
from models.protocol.rules import Protocol


@dataclass(frozen=True)
class Reference:
    """Every version loaded, and which one is in force when."""

    protocols: Protocols
    calendars: Calendars
    overrides: Overrides = field(default_factory=Overrides)

    @property
    def known(self) -> dict[str, Protocol]:
        """Every protocol by its version, for clocks that started under an older one."""
        return {protocol.version: protocol for protocol in self.protocols.versions}

    def protocol_at(self, instant: datetime) -> Protocol:
        """The protocol in force at an instant."""
        return self.protocols.at(instant)

    def calendar_at(self, instant: datetime) -> Calendar:
        """The calendar in force at an instant."""
        return self.calendars.at(instant)


def load_reference(overrides: Path | None = None) -> Reference:
    """The versions shipped with the service, and the local overrides of a folder where one is named.

    Raises:
        ProtocolError: a file cannot be meant; an override that would lengthen a limit is refused here.
        CalendarError: no calendar.
    """
    protocols = load_protocols()
    found = Overrides()
    if overrides is not None and overrides.is_dir():
        found = load_overrides(overrides, protocols.versions[-1])
    return Reference(protocols, load_calendars(), found)

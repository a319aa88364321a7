"""The protocol versions that exist side by side, read from TOML files beside this module."""

import tomllib
from datetime import datetime
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from models.calendar import local_date
from models.protocol.arithmetic import ProtocolError
from models.protocol.rules import Protocol

DATA = Path(__file__).parent / "data"


class Protocols(BaseModel):
    """Every loaded version, the earliest in force first."""

    model_config = ConfigDict(frozen=True)

    versions: tuple[Protocol, ...]

    def get(self, version: str) -> Protocol:
        """Return the named version.

        Raises:
            ProtocolError: no such version; the message names those there are.
        """
        for protocol in self.versions:
            if protocol.version == version:
                return protocol
        known = ", ".join(protocol.version for protocol in self.versions)
        raise ProtocolError(f"there is no protocol {version!r}; loaded are: {known}")

    def at(self, instant: datetime) -> Protocol:
        """Return the version in force at a timezone-aware instant.

        Raises:
            ProtocolError: none is in force that early.
        """
        day = local_date(instant)
        in_force = [protocol for protocol in self.versions if protocol.valid_from <= day]
        if not in_force:
            raise ProtocolError(
                f"no protocol is in force on {day}; the first is valid from {self.versions[0].valid_from}"
            )
        return in_force[-1]


def read_protocol(path: Path) -> Protocol:
    """Read one protocol file.

    Raises:
        ProtocolError: what the file says cannot be meant; the message names the file.
    """
    try:
        return Protocol.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValueError as error:
        raise ProtocolError(f"{path.name}: {error}") from error


def load_protocols(directory: Path = DATA) -> Protocols:
    """Read every version of a directory.

    Raises:
        ProtocolError: none there, a bad file, or two versions of one name or one day.
    """
    versions = sorted(map(read_protocol, directory.glob("*.toml")), key=lambda protocol: protocol.valid_from)
    if not versions:
        raise ProtocolError(f"no protocol in {directory}")
    for one, other in pairwise(versions):
        if one.valid_from == other.valid_from:
            raise ProtocolError(f"protocols {one.version} and {other.version} are both valid from {one.valid_from}")
    if len({protocol.version for protocol in versions}) < len(versions):
        raise ProtocolError(f"a protocol version stands twice in {directory}")
    return Protocols(versions=tuple(versions))


@lru_cache(maxsize=1)
def shipped_protocols() -> Protocols:
    """Return the versions shipped with the service."""
    return load_protocols()


def protocol_at(instant: datetime) -> Protocol:
    """Return the shipped version in force at a timezone-aware instant."""
    return shipped_protocols().at(instant)

"""Ids of the sample are derived from names, so that a second run finds what the first one made."""

from typing import Final
from uuid import UUID, uuid5

NAMESPACE: Final = UUID("6f0a1d0e-4a39-5d1c-9b53-0d5f7f2b6b11")


def sample_id(kind: str, name: str) -> UUID:
    """The id of something in the sample."""
    return uuid5(NAMESPACE, f"{kind}/{name}")


def position_id(username: str, unit: str, role: str) -> UUID:
    """The id of somebody's position in the sample."""
    return sample_id("position", f"{username}/{unit}/{role}")


PUBLIC_DESK: Final = position_id("trang-bao-tin", "111", "H111")
"""The sample's system in whose name reports by anybody are taken in (docs/decisions/0018-reports-from-outside.md)."""

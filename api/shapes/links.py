"""Answer links as the office that hands them out sees them, and what is asked for one."""

from typing import Literal
from uuid import UUID

from api.shapes.base import Input, Moment, Output


class LinkIn(Input):
    """How the link reaches the agency: by e-mail to its address in the directory, or on a printed sheet."""

    how: Literal["email", "paper"]


class LinkOut(Output):
    """One link.

    ``standing``: waiting, opened, expired, replaced, taken_back or locked. ``phrase``: the words to read out over the
    phone, while it waits. ``tries``: wrong ones so far.
    """

    id: UUID
    how: Literal["email", "paper"]
    standing: str
    phrase: str | None
    tries: int
    issued_at: Moment
    expires_at: Moment
    opened_at: Moment | None


class NewLinkOut(LinkOut):
    """A link that was just made. ``address`` is shown this once, and only of one to be printed."""

    address: str | None

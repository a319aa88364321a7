"""Somebody who asks, as SQL knows them: expressions instead of values.

The clauses of scope and of recusal are functions of ``Terms``, so that each is written once for everybody in a role. A
process binds values to them (``terms``, ``said``); the functions of row security (``models.security``) put their own
variables in their place.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final

from sqlalchemy import ColumnElement, DateTime, Uuid, bindparam

from models.records.actor import Acting


@dataclass(frozen=True)
class Terms:
    """Who asks, from which office, at which domain instant.

    Attributes:
        role: of the position they act from; a plain value, for it decides which clauses there are.
        person: expression of the person's id.
        unit: expression of the id of the position's office.
        at: expression of the instant.
    """

    role: str
    person: ColumnElement[Any]
    unit: ColumnElement[Any]
    at: ColumnElement[Any]


PERSON: Final = bindparam("reader_person", type_=Uuid())
UNIT: Final = bindparam("reader_unit", type_=Uuid())
AT: Final = bindparam("reader_at", type_=DateTime(timezone=True))


@cache
def terms(role: str) -> Terms:
    """The terms of a role whose values are bound when the statement is executed: see ``said``."""
    return Terms(role, PERSON, UNIT, AT)


def said(reader: Acting, at: datetime, **more: Any) -> dict[str, Any]:
    """The values of ``terms`` for one reader at a domain instant, beside those of the statement's own parameters."""
    return {"reader_person": reader.person_id, "reader_unit": reader.unit_id, "reader_at": at, **more}

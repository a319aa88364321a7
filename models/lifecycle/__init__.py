"""The life of a case: what may happen where, who may, with what, and where the case stands then. Pure.

Ask :func:`advance`; :data:`EVENTS` says what there is to ask. The chart is in ``chart``, everything else is data or one
idea per module.
"""

from models.lifecycle.decide import advance, allowed_events, allowed_in
from models.lifecycle.events import EVENTS, PERSON_EVENTS
from models.lifecycle.facts import (
    SYSTEM_ROLE,
    Actor,
    CaseFacts,
    ClockFact,
    DocumentFact,
    ExceptionFact,
    Facts,
    ReportFact,
)
from models.lifecycle.refusals import REFUSALS
from models.lifecycle.roles import RECEIVERS, ROLES, acting_roles
from models.lifecycle.states import FINAL, LIVE, STATES
from models.lifecycle.types import REGIONS, Decision, EventSpec, Memory, Refused, Standing

__all__ = [
    "EVENTS",
    "FINAL",
    "LIVE",
    "PERSON_EVENTS",
    "RECEIVERS",
    "REFUSALS",
    "REGIONS",
    "ROLES",
    "STATES",
    "SYSTEM_ROLE",
    "Actor",
    "CaseFacts",
    "ClockFact",
    "Decision",
    "DocumentFact",
    "EventSpec",
    "ExceptionFact",
    "Facts",
    "Memory",
    "Refused",
    "ReportFact",
    "Standing",
    "acting_roles",
    "advance",
    "allowed_events",
    "allowed_in",
]

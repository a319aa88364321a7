"""The life of a referral: one service asked for, from its draft to its end. Pure, in the way of the case's lifecycle.

Ask :func:`advance`; :data:`EVENTS` says what there is to ask, :data:`SERVICES` for what.
"""

from models.lifecycle.referral.decide import advance, allowed_events, allowed_in
from models.lifecycle.referral.events import BEGINNINGS, EVENTS, PERSON_EVENTS
from models.lifecycle.referral.facts import ConsentFact, Facts
from models.lifecycle.referral.refusals import REFUSALS
from models.lifecycle.referral.services import POLICE, SERVICES, Service, is_emergency
from models.lifecycle.referral.states import FINAL, LIVE, STATES, TAKEN_ON, TURNED_AWAY, UNANSWERED
from models.lifecycle.referral.types import Decision, EventSpec, Memory, Standing

__all__ = [
    "BEGINNINGS",
    "EVENTS",
    "FINAL",
    "LIVE",
    "PERSON_EVENTS",
    "POLICE",
    "REFUSALS",
    "SERVICES",
    "STATES",
    "TAKEN_ON",
    "TURNED_AWAY",
    "UNANSWERED",
    "ConsentFact",
    "Decision",
    "EventSpec",
    "Facts",
    "Memory",
    "Service",
    "Standing",
    "advance",
    "allowed_events",
    "allowed_in",
    "is_emergency",
]

"""The protocol: versioned rules on how long everything may take, and the pure engine that turns them into clocks."""

from models.protocol.arithmetic import Amount, ProtocolError, limit_instant
from models.protocol.attach import carry, give_back
from models.protocol.book import with_changes
from models.protocol.conditions import RungFacts, rung_applies, rung_facts
from models.protocol.describe import describe, describe_row
from models.protocol.engine import EngineError, recompute, replan, uncovered, why_not_pause
from models.protocol.overrides import Override, OverrideError, Overrides, load_overrides
from models.protocol.registry import Protocols, load_protocols, protocol_at, shipped_protocols
from models.protocol.rules import DeadlineRule, Protocol
from models.protocol.types import (
    CaseView,
    Changes,
    Clock,
    Happened,
    Move,
    Pause,
    PlanStep,
    Report,
    Rung,
    Standing,
    Values,
    clock_id,
)

__all__ = [
    "Amount",
    "CaseView",
    "Changes",
    "Clock",
    "DeadlineRule",
    "EngineError",
    "Happened",
    "Move",
    "Override",
    "OverrideError",
    "Overrides",
    "Pause",
    "PlanStep",
    "Protocol",
    "ProtocolError",
    "Protocols",
    "Report",
    "Rung",
    "RungFacts",
    "Standing",
    "Values",
    "carry",
    "clock_id",
    "describe",
    "describe_row",
    "give_back",
    "limit_instant",
    "load_overrides",
    "load_protocols",
    "protocol_at",
    "recompute",
    "replan",
    "rung_applies",
    "rung_facts",
    "shipped_protocols",
    "uncovered",
    "why_not_pause",
    "with_changes",
]

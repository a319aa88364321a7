"""Who a person is for the lifecycle: the roles an actor holds when they act, and who counts as a receiver.

Role codes are those of lifecycle.md.
"""

from models.lifecycle.facts import SYSTEM_ROLE, Actor, Facts

ROLES: tuple[str, ...] = (
    "INF", "H111", "H111S", "CPO", "SUP", "CHAIR", "VCH", "DEL", "GRP", "POL", "HLT", "FOR", "EDU", "LEG", "SHL", "SWC",
    "WU", "YU", "FF", "DOH", "DOHD", "PROV", "NAT", "DPO", "AUD", "ADM",
)  # fmt: skip
"""Every role code, in the order of lifecycle.md."""

RECEIVERS = frozenset(
    {
        "H111", "H111S", "CPO", "SUP", "CHAIR", "VCH", "GRP", "POL", "HLT", "EDU", "SHL", "SWC", "WU", "YU", "FF",
        "DOH", "DOHD",
    }
)  # fmt: skip
"""Who may take in a report.

Hotline, health authority, police and commune by Nghị định 56/2017 Art. 25; school, Front and mass organisations by the
domestic-violence law (process.md §1.2); the commune's standing group, health facilities, shelters and social-work
centres because a child speaks there first and a report must not be turned away.
"""

DECIDERS = frozenset({"CHAIR", "VCH"})
"""The statutory deciders of a commune."""

DEPARTMENT = frozenset({"DOH", "DOHD"})
"""The province's department of health, and its duty desk."""


def acting_roles(actor: Actor) -> frozenset[str]:
    """The roles an actor's act may count as.

    Their position's and those they deputise; a delegate named for the case holds CHAIR's and SUP's events (a DEL not
    named for it holds nothing); SUP, or a deputy named for it, may also act as CPO.
    """
    roles = set(actor.deputises)
    if actor.role != "DEL":
        roles.add(actor.role)
    if actor.is_delegate:
        roles |= {"DEL", "CHAIR", "SUP"}
    if "SUP" in roles:
        roles.add("CPO")
    return frozenset(roles - ({SYSTEM_ROLE} if actor.role != SYSTEM_ROLE else set()))


def decision_roles(facts: Facts) -> frozenset[str]:
    """The roles an actor's act may count as on this very case.

    With the Chair recused her deputised vice-chair does not decide in her place: DOH names who does (lifecycle.md,
    DEL).
    """
    roles = acting_roles(facts.actor)
    if "CHAIR" in facts.case.recused_roles and not facts.actor.is_delegate:
        roles -= {"VCH"}
    return roles


def may_record_for(recorder: Actor) -> bool:
    """Whether somebody may type in what another person did: whoever may take in a report may, and a delegate."""
    return bool(acting_roles(recorder) & (RECEIVERS | {"DEL"}))

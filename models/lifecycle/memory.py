"""What a standing must remember to go on: computed after each move, and forgotten with the state that needed it."""

from models.lifecycle.facts import Facts
from models.lifecycle.rules import NO_END, conclusion_role
from models.lifecycle.states import FINAL, stronger
from models.lifecycle.types import Memory, Region, Standing

_ISOLATION = (Memory.ISOLATED_SINCE, Memory.GROUND_END)
_SETTLES_CUSTODY = frozenset({"accept_transfer", "withdraw_transfer", "assign_transfer", "attach"})


def remember(before: Standing, codes: dict[Region, tuple[str, str | None]], event: str, facts: Facts) -> Standing:
    """The standing after one event.

    Args:
        before: the standing it left.
        codes: by region the state now, and the kind of conclusion that waits there, if any.
        event: the event that led here.
        facts: the act's facts.

    Returns:
        The new standing, its memory holding exactly what the new states need.
    """
    process, conclusion = codes["process"]
    protection, ban, custody = codes["protection"][0], codes["ban"][0], codes["custody"][0]
    memory = dict(before.memory)
    if conclusion is not None:
        memory[Memory.CONCLUSION] = conclusion
    _authors(memory, event, facts)
    if event == "suspend":
        memory[Memory.SUSPENDED_FROM] = before.process
    if process == "closure_proposed" and before.process != process:
        memory[Memory.CLOSURE_FROM] = before.process
    if event == "attach":
        _move_out(memory, before)
    elif event in ("add_report", "reopen") and facts.adopts is not None:
        _adopt(memory, before, protection, ban, facts.adopts)
    else:
        _own_move(memory, before, protection, ban)
    _isolation(memory, event, facts)
    if custody != "held" or event in _SETTLES_CUSTODY:
        memory.pop(Memory.TRANSFER_REFUSED, None)
    if event == "refuse_transfer":
        memory[Memory.TRANSFER_REFUSED] = facts.case.transfer_to
    kept = _kept(memory, process, protection)
    return Standing(process=process, protection=protection, ban=ban, custody=custody, memory=kept)


def _authors(memory: dict[str, str], event: str, facts: Facts) -> None:
    # Whoever typed a proposal in for somebody else has written it as well: neither of them approves it.
    author = " ".join(dict.fromkeys(facts.people))
    if event in ("propose_not_substantiated", "propose_redirect"):
        memory[Memory.CONCLUSION_AUTHOR] = author
        memory[Memory.CONCLUSION_ROLE] = conclusion_role(facts)
    elif event == "submit_plan":
        memory[Memory.PLAN_AUTHOR] = author
        memory[Memory.PLAN_HASH] = facts.documents["M04"].content_hash
    elif event in ("propose_closure", "propose_early_closure"):
        memory[Memory.CLOSURE_AUTHOR] = author


def _isolation(memory: dict[str, str], event: str, facts: Facts) -> None:
    """Since when the child is isolated, and until when a recorded ground lets that last: no later act forgets it."""
    if event == "order_isolation":
        memory.setdefault(Memory.ISOLATED_SINCE, facts.occurred_at.isoformat())
    if event in ("order_isolation", "extend_isolation") and facts.ground:
        memory[Memory.GROUND_END] = facts.ground_end.isoformat() if facts.ground_end else NO_END


def _own_move(memory: dict[str, str], before: Standing, protection: str, ban: str) -> None:
    """Where an emergency was raised from; what an attachment brought is this case's own once somebody acts on it."""
    if protection == "emergency" and before.protection in ("none", "protected"):
        memory[Memory.RAISED_FROM] = memory.get(Memory.MOVED_RAISED_FROM, before.protection)
    if protection != before.protection:
        memory.pop(Memory.ADOPTED_PROTECTION, None)
    if ban != before.ban:
        memory.pop(Memory.ADOPTED_BAN, None)


def _move_out(memory: dict[str, str], before: Standing) -> None:
    """Protection and ban go to the other case; what went is remembered, for ``detach``."""
    memory[Memory.MOVED_PROTECTION] = before.protection
    memory[Memory.MOVED_BAN] = before.ban
    if Memory.RAISED_FROM in memory:
        memory[Memory.MOVED_RAISED_FROM] = memory[Memory.RAISED_FROM]


def _adopt(memory: dict[str, str], before: Standing, protection: str, ban: str, adopts: Standing) -> None:
    """The stronger state holds; where that changed this case, ``give_back`` can undo it until somebody acts on it."""
    if protection == "emergency":
        here = before.memory.get(Memory.RAISED_FROM, before.protection)
        there = adopts.memory.get(Memory.RAISED_FROM, adopts.protection)
        calm = [state for state in (here, there) if state in ("none", "protected")]
        memory[Memory.RAISED_FROM] = stronger("protection", calm[0], calm[-1]) if calm else "none"
    if protection == "isolated" != before.protection:
        memory |= {key: adopts.memory[key] for key in _ISOLATION if key in adopts.memory}
    if protection != before.protection:
        memory[Memory.ADOPTED_PROTECTION] = f"{before.protection}>{protection}"
    if ban != before.ban:
        memory[Memory.ADOPTED_BAN] = f"{before.ban}>{ban}"


def _kept(memory: dict[str, str], process: str, protection: str) -> dict[str, str]:
    """The keys the standing's states still need. A final state needs none."""
    if process in FINAL:
        return {}
    at = {process}  # the states this one may return to by history count as its own
    if process == "closure_proposed":
        at.add(memory[Memory.CLOSURE_FROM])
    if "suspended" in at:
        at.add(memory[Memory.SUSPENDED_FROM])
    needed: set[str] = set()
    for state, keys in (
        ("closure_proposed", {Memory.CLOSURE_FROM, Memory.CLOSURE_AUTHOR}),
        ("suspended", {Memory.SUSPENDED_FROM}),
        ("conclusion_review", {Memory.CONCLUSION, Memory.CONCLUSION_AUTHOR, Memory.CONCLUSION_ROLE}),
        ("plan_approval", {Memory.PLAN_AUTHOR, Memory.PLAN_HASH}),
        ("attached", {Memory.MOVED_PROTECTION, Memory.MOVED_BAN, Memory.MOVED_RAISED_FROM}),
    ):
        if state in at:
            needed |= keys
    adopted = memory.get(Memory.ADOPTED_PROTECTION, "")
    if adopted:
        needed.add(Memory.ADOPTED_PROTECTION)
    if protection == "emergency" or adopted.startswith("emergency>"):
        needed.add(Memory.RAISED_FROM)
    if protection == "isolated" or ("attached" in at and memory[Memory.MOVED_PROTECTION] == "isolated"):
        needed |= set(_ISOLATION)
    needed |= {Memory.ADOPTED_BAN, Memory.TRANSFER_REFUSED} & memory.keys()
    return {key: value for key, value in memory.items() if key in needed}

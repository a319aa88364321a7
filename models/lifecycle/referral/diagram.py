"""The referral's lifecycle drawn and tabulated from the chart; ``models.lifecycle.diagram`` writes it into the docs."""

from collections.abc import Sequence

from models.lifecycle.referral.describe import HISTORY, STAYS, begins_in, leads, moves
from models.lifecycle.referral.events import EVENTS
from models.lifecycle.referral.services import SERVICES
from models.lifecycle.referral.states import FINAL, INITIAL, LIVE, STATES
from models.lifecycle.referral.types import EventSpec

_MANY = 5
"""An event that leaves so many states is said below the drawing."""


def mermaid() -> str:
    """The chart as a Mermaid ``stateDiagram-v2``."""
    lines = ["stateDiagram-v2", f"    [*] --> {INITIAL} : ask_service", "    [*] --> sent : reroute"]
    lines += [f"    {code} : {code} · {label.vi}" for code, label in STATES.items()]
    arrows: dict[tuple[str, str], list[str]] = {}
    for event, source, target in moves():
        if target not in (source, HISTORY) and not _leaves_many(event):
            arrows.setdefault((source, target), []).append(event)
    lines += [f"    {source} --> {target} : {', '.join(events)}" for (source, target), events in arrows.items()]
    lines += [f"    {code} --> [*]" for code in STATES if code in FINAL]
    return "\n".join(lines)


def diagram() -> str:
    """The drawing, with the arrows that were said rather than drawn."""
    said: dict[tuple[str, str], list[str]] = {}
    for event, source, target in moves():
        if target != source and (target == HISTORY or _leaves_many(event)):
            said.setdefault((event, target), []).append(source)
    lines = [
        f"- `{event}` → {'the state it left' if target == HISTORY else f'`{target}`'}, from {_states(sources)}"
        for (event, target), sources in said.items()
    ]
    return f"```mermaid\n{mermaid()}\n```\n\nNot drawn:\n\n" + "\n".join(lines)


def tables() -> str:
    """States, services and events as tables, in both languages."""
    states = [f"| `{code}` | {said.vi} | {said.en} |" for code, said in STATES.items()]
    services = [
        f"| `{one.code}` | {one.label_vi} | {one.label_en} | {', '.join(sorted(one.providers))} | "
        f"{'yes' if one.emergency else '–'} |"
        for one in SERVICES.values()
    ]
    head = "| event | from → to | who may | needs | further conditions | tiếng Việt · English | law |"
    return "\n\n".join(
        (
            "\n".join(["| state | tiếng Việt | English |", "| --- " * 3 + "|", *states]),
            "\n".join(["| service | tiếng Việt | English | agencies | emergency |", "| --- " * 5 + "|", *services]),
            "\n".join([head, "| --- " * 7 + "|", *(_line(spec) for spec in EVENTS.values())]),
        )
    )


def _line(spec: EventSpec) -> str:
    where = [
        f"{_states(sources)} → {target if target in (STAYS, HISTORY) else f'`{target}`'}"
        for (_, target), sources in leads(move for move in moves() if move[0] == spec.code).items()
    ]
    if begun := begins_in(spec.code):
        where.append(f"→ `{begun}`")
    cells = (
        f"`{spec.code}`",
        "; ".join(where),
        _who(spec),
        ", ".join(spec.needs) or "–",
        ", ".join(spec.conditions) or "–",
        f"{spec.label_vi} · {spec.label_en}",
        spec.legal_basis or "–",
    )
    return f"| {' | '.join(cells)} |"


def _who(spec: EventSpec) -> str:
    who = ", ".join((*sorted(spec.parties), *sorted(spec.roles)))
    if spec.services:
        who += f"; only {', '.join(f'`{service}`' for service in sorted(spec.services))}"
    if spec.in_emergency is not None:
        who += f"; emergency services: {', '.join(sorted(spec.in_emergency))}"
    return who


def _states(sources: Sequence[str]) -> str:
    if set(sources) == LIVE:
        return "any live state"
    return ", ".join(f"`{code}`" for code in sources)


def _leaves_many(event: str) -> bool:
    return sum(event == other and source != target for other, source, target in moves()) >= _MANY

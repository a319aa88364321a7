"""The lifecycle drawn and tabulated from the chart, for the README and docs/lifecycle.md.

``python -m models.lifecycle.diagram --write README.md docs/lifecycle.md`` replaces what stands between the markers in
those files; ``--check`` says whether they equal the chart (exit status 1 if not). Without either it prints them.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from models.lifecycle.describe import HISTORY, Move, moves
from models.lifecycle.events import EVENTS
from models.lifecycle.referral import diagram as referral
from models.lifecycle.referral.describe import STAYS, leads
from models.lifecycle.states import FINAL, REGION_LABELS, STATES
from models.lifecycle.types import REGIONS, EventSpec, Region

DIAGRAM = "lifecycle"
"""Marker of the diagrams: ``<!-- lifecycle:begin -->`` … ``<!-- lifecycle:end -->``."""

TABLES = "lifecycle-tables"
"""Marker of the tables of states and events."""

REFERRAL = "referral"
"""Marker of the referral's diagram."""

REFERRAL_TABLES = "referral-tables"
"""Marker of its tables of states, services and events."""

_INITIAL = {"process": "received", "protection": "none", "ban": "none", "custody": "held"}
# arrows that would leave nearly every state are said once, below the drawing
_MANY = 5


def mermaid(region: Region) -> str:
    """One region as a Mermaid ``stateDiagram-v2``."""
    lines = ["stateDiagram-v2", f"    [*] --> {_INITIAL[region]}"]
    lines += [f"    {code} : {code} · {label.vi}" for code, label in STATES[region].items()]
    arrows: dict[tuple[str, str], list[str]] = {}
    for move in _drawn(region):
        arrows.setdefault((move.source, move.target), []).append(move.event)
    lines += [f"    {source} --> {target} : {', '.join(events)}" for (source, target), events in arrows.items()]
    if region == "process":
        lines += [f"    {code} --> [*]" for code in STATES[region] if code in FINAL]
    return "\n".join(lines)


def diagrams() -> str:
    """All four regions, with the arrows that were said rather than drawn."""
    parts = []
    for region in REGIONS:
        label = REGION_LABELS[region]
        parts.append(f"**{region}** · {label.vi} · {label.en}\n\n```mermaid\n{mermaid(region)}\n```")
        parts += list(_said(region))
    return "\n\n".join(parts)


def tables() -> str:
    """States and events of every region as tables, in both languages."""
    parts = []
    for region in REGIONS:
        label = REGION_LABELS[region]
        parts.append(f"## {region} · {label.vi} · {label.en}")
        states = [f"| `{code}` | {said.vi} | {said.en} |" for code, said in STATES[region].items()]
        parts.append("\n".join(["| state | tiếng Việt | English |", "| --- | --- | --- |", *states]))
        events = [_event_line(spec) for spec in EVENTS.values() if spec.region == region]
        head = "| event | from → to | who may | needs | further conditions | tiếng Việt · English | law |"
        parts.append("\n".join([head, "| --- " * 7 + "|", *events]))
    return "\n\n".join(parts)


def replaced(text: str) -> str:
    """A file's text with what stands between its markers made anew; markers it has not are left out."""
    parts = (
        (DIAGRAM, diagrams), (TABLES, tables), (REFERRAL, referral.diagram), (REFERRAL_TABLES, referral.tables),
    )  # fmt: skip
    for marker, made in parts:
        pattern = re.compile(rf"(<!-- {marker}:begin -->\n).*?(<!-- {marker}:end -->)", re.DOTALL)
        if pattern.search(text):
            block = made()
            text = pattern.sub(lambda found, block=block: f"{found[1]}{block}\n{found[2]}", text)  # type: ignore[misc]
    return text


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m models.lifecycle.diagram", description=__doc__)
    parser.add_argument("--write", nargs="+", type=Path, default=[], metavar="FILE", help="files to bring up to date")
    parser.add_argument("--check", nargs="+", type=Path, default=[], metavar="FILE", help="files that must equal it")
    asked = parser.parse_args(argv)
    if not asked.write and not asked.check:
        sys.stdout.write(diagrams() + "\n")
    for file in asked.write:
        file.write_text(replaced(file.read_text(encoding="utf-8")), encoding="utf-8")
    behind = [file for file in asked.check if replaced(text := file.read_text(encoding="utf-8")) != text]
    for file in behind:
        sys.stderr.write(f"{file} differs from the chart: run python -m models.lifecycle.diagram --write {file}\n")
    return 1 if behind else 0


def _changing(region: Region) -> list[Move]:
    return [move for move in moves() if move.region == region and move.source != move.target]


def _drawn(region: Region) -> list[Move]:
    """Moves between two named states whose event belongs to the region and leaves few states."""
    own = [move for move in _changing(region) if EVENTS[move.event].region == region]
    return [move for move in own if move.target != HISTORY and not _leaves_many(move, own)]


def _leaves_many(move: Move, among: Iterable[Move]) -> bool:
    return len({other.source for other in among if (other.event, other.target) == (move.event, move.target)}) >= _MANY


def _said(region: Region) -> Iterable[str]:
    drawn = set(_drawn(region))
    lines: dict[tuple[str, str], list[str]] = {}
    along: dict[str, None] = {}
    for move in _changing(region):
        if EVENTS[move.event].region != region:
            along[f"`{move.event}`"] = None
        elif move not in drawn:
            lines.setdefault((move.event, move.target), []).append(move.source)
    said = []
    for (event, target), sources in lines.items():
        where = "the state it left" if target == HISTORY else f"`{target}`"
        said.append(f"- `{event}` → {where}, from {_states(region, sources)}")
    if along and region == "custody":
        said.append(f"- {', '.join(along)} ends a proposal that waits")
    elif along:
        said.append(f"- {', '.join(along)} carry this region along with an attached case; the stronger state holds")
    if said:
        yield "\n".join(["Not drawn:", "", *said])


def _states(region: Region, sources: Sequence[str]) -> str:
    missing = [code for code in STATES[region] if code not in sources]
    if len(sources) >= _MANY and len(missing) < len(sources):
        return "any state" + (f" but {', '.join(f'`{code}`' for code in missing)}" if missing else "")
    return ", ".join(f"`{code}`" for code in dict.fromkeys(sources))


def _event_line(spec: EventSpec) -> str:
    here = [move for move in moves() if (move.event, move.region) == (spec.code, spec.region)]
    where = "; ".join(
        f"{_states(spec.region, sources)} → {target if target in (STAYS, HISTORY) else f'`{target}`'}"
        for (_, target), sources in leads((move.event, move.source, move.target) for move in here).items()
    )
    cells = (
        f"`{spec.code}`",
        where or f"→ `{_INITIAL[spec.region]}`",
        ", ".join(sorted(spec.roles)),
        ", ".join((*spec.documents, *spec.needs)) or "–",
        ", ".join(spec.conditions) or "–",
        f"{spec.label_vi} · {spec.label_en}",
        spec.legal_basis or "–",
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    sys.exit(main())

"""What a drill shows: the ladder as it climbs, for people; the same as one JSON document, for machines."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from rich.console import Console
from rich.text import Text

from deploy.drill.format import HERE, Drill, Pending

Kind = Literal["act", "rung", "notice", "breach", "call", "expectation"]

_LEVEL_STYLE = {"E0": "cyan", "E1": "green", "E2": "yellow", "E3": "magenta", "E4": "bold red"}


@dataclass(frozen=True)
class Line:
    """One thing that happened or was looked at, at one domain instant.

    ``held`` is set for expectations only; ``expected`` and ``seen`` say more where it did not hold.
    """

    at: datetime
    kind: Kind
    text: str
    case: str | None = None
    level: str | None = None
    people: tuple[str, ...] = ()
    step: int | None = None
    clause: str | None = None
    held: bool | None = None
    expected: str | None = None
    seen: str | None = None


@dataclass
class Account:
    """What one playing of a drill came to."""

    drill: Drill
    file: str
    lines: list[Line] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def failures(self) -> list[Line]:
        """The expectations that did not hold."""
        return [line for line in self.lines if line.held is False]

    @property
    def held(self) -> int:
        """How many expectations held."""
        return sum(line.held is True for line in self.lines)

    def as_json(self) -> str:
        """One JSON document; instants with Việt Nam's offset."""
        return json.dumps(
            {
                "drill": self.drill.drill,
                "title": self.drill.title,
                "scenario": self.drill.scenario,
                "file": self.file,
                "passed": not self.failures,
                "expectations": {"held": self.held, "failed": len(self.failures)},
                "pending": [pending.model_dump() for pending in self.drill.pending],
                "seconds": round(self.seconds, 2),
                "lines": [_plain(line) for line in self.lines],
            },
            ensure_ascii=False,
            indent=2,
        )


def _plain(line: Line) -> dict[str, Any]:
    return asdict(line) | {"at": line.at.astimezone(HERE).isoformat(timespec="seconds")}


class Teller:
    """Prints a drill as it plays.

    Args:
        console: where; give a silent one to tell nothing.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: datetime | None = None
        self._clause: str | None = None

    def begin(self, drill: Drill) -> None:
        """The heading."""
        self._console.print(Text(f"{drill.title}", style="bold"))
        self._console.print(
            Text(f"{drill.scenario} · mọi người, nơi chốn và trẻ em đều là hư cấu · all invented", style="dim")
        )

    def tell(self, line: Line) -> None:
        """One line, under its instant."""
        minute = line.at.astimezone(HERE).replace(microsecond=0)
        if minute != self._last:
            if self._last is None or minute.date() != self._last.date():
                self._console.print(Text(f"\n{_day(minute)}", style="bold underline"))
            self._last = minute
            stamp = minute.strftime("%H:%M:%S" if minute.second else "%H:%M")
        else:
            stamp = ""
        if line.clause and line.clause != self._clause:
            self._console.print(Text(f"{stamp:>8}  § {line.clause}", style="italic"), soft_wrap=True)
            stamp = ""
        self._clause = line.clause
        self._console.print(Text(f"{stamp:>8}  ").append_text(_styled(line)), soft_wrap=True)

    def end(self, account: Account) -> None:
        """What it came to."""
        self._console.print()
        for pending in account.drill.pending:
            self._console.print(_pending(pending), soft_wrap=True)
        style = "bold red" if account.failures else "bold green"
        sign = "✘" if account.failures else "✔"
        self._console.print(
            Text(
                f"{sign} {account.drill.drill}: {account.held} đúng · held, {len(account.failures)} sai · failed, "
                f"{len(account.drill.pending)} chờ · pending; {account.seconds:.1f} giây · seconds",
                style=style,
            )
        )


def _styled(line: Line) -> Text:
    case = f" [{line.case}]" if line.case else ""
    people = f" → {', '.join(line.people)}" if line.people else ""
    if line.kind == "expectation":
        return _expectation(line)
    if line.kind == "rung":
        style = _LEVEL_STYLE.get(line.level or "", "")
        return Text.assemble((f"{line.level:<2} ", style), (f"{line.text}", style), case, (people, "bold"))
    signs = {"act": "● ", "notice": "✉ ", "breach": "⚠ ", "call": "☎ "}
    return Text(f"{signs[line.kind]}{line.text}{case}{people}", style="bold red" if line.kind == "breach" else "")


def _expectation(line: Line) -> Text:
    case = f" [{line.case}]" if line.case else ""
    if line.held:
        return Text(f"✔ {line.text}{case}", style="green")
    told = Text(f"✘ {line.text}{case}", style="bold red")
    told.append(f"\n            cần · expected: {line.expected}", style="red")
    told.append(f"\n            thấy · seen:    {line.seen or 'không có · nothing'}", style="red")
    return told


def _pending(pending: Pending) -> Text:
    return Text(f"… chờ · pending ({pending.needs}): {pending.clause}: {pending.reason}", style="yellow")


_WEEKDAYS = ("Thứ Hai", "Thứ Ba", "Thứ Tư", "Thứ Năm", "Thứ Sáu", "Thứ Bảy", "Chủ Nhật")


def _day(at: datetime) -> str:
    return f"{_WEEKDAYS[at.weekday()]} {at:%d/%m/%Y} (+07:00)"


def in_order(lines: list[Line]) -> bool:
    """Whether the lines stand in the order of their instants, to the second."""
    return all((later.at - sooner.at).total_seconds() > -1 for sooner, later in pairwise(lines))

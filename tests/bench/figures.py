"""Numbers for people and for machines: percentiles, medians of rounds, one table per bench."""

import math
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that ``share`` percent of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds."""
    return {f"p{share}_ms": round(percentile(seconds, share) * 1000, 2) for share in (50, 95, 99)}


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


@dataclass
class Outcome:
    """What a bench found.

    Attributes:
        name: the bench.
        goal: in words; empty where there is none.
        met: whether the goal holds, None where there is none.
        rows: one mapping per line of the table, the same keys in each.
        notes: how it was measured.
    """

    name: str
    goal: str
    met: bool | None
    rows: list[Mapping[str, Any]]
    notes: list[str] = field(default_factory=list)

    def show(self, console: Console) -> None:
        """Print the table."""
        table = Table(title=f"{self.name}: {self.goal}" if self.goal else self.name, title_justify="left")
        for column in self.rows[0]:
            table.add_column(column, justify="right" if column not in ("what", "where") else "left")
        for row in self.rows:
            table.add_row(*("" if value is None else str(value) for value in row.values()))
        console.print(table)
        for note in self.notes:
            console.print(f"  {note}", highlight=False)
        if self.met is not None:
            console.print(f"  goal {'met' if self.met else 'NOT met'}", style="green" if self.met else "red")

    def as_json(self) -> dict[str, Any]:
        """The same for machines."""
        return {"name": self.name, "goal": self.goal, "met": self.met, "rows": self.rows, "notes": self.notes}


def machine() -> dict[str, Any]:
    """On what it was measured."""
    model = platform.processor()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123 - a pseudo file
            model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        pass
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "cores": psutil.cpu_count(),
        "processor": model,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": psutil.getloadavg()[0],
    }

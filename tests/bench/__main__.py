"""``python -m tests.bench [name …] [--small] [--json FILE]``: run the benches and print what they found."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from rich.console import Console

from tests.bench.audit import audits
from tests.bench.figures import Outcome, machine
from tests.bench.guards import guards
from tests.bench.intake import intake
from tests.bench.lifecycle import lifecycles
from tests.bench.memory import memory
from tests.bench.protection import protection
from tests.bench.referrals import referrals
from tests.bench.rungs import rungs

BENCHES: dict[str, Callable[..., Awaitable[Outcome]]] = {
    "lifecycles": lifecycles,
    "intake": intake,
    "rungs": rungs,
    "memory": memory,
    "audit": audits,
    "guards": guards,
    "protection": protection,
    "referrals": referrals,
}


def main() -> int:
    """Run what was asked for. Returns 1 where a goal does not hold."""
    words = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    words.add_argument("names", nargs="*", choices=[[], *BENCHES], metavar="name", help=" ".join(BENCHES))
    words.add_argument("--small", action="store_true", help="a quick run; its figures are no record")
    words.add_argument("--json", type=Path, help="also write the figures here")
    asked = words.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 140)
    found = []
    about = machine()
    console.print(" · ".join(f"{name} {value}" for name, value in about.items()), highlight=False)
    for name in asked.names or BENCHES:
        outcome = asyncio.run(BENCHES[name](small=asked.small))
        outcome.show(console)
        found.append(outcome)
        if asked.json:
            said = {"machine": about, "small": asked.small, "benches": [one.as_json() for one in found]}
            asked.json.write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return 1 if any(one.met is False for one in found) else 0


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # Temporal's library may abort while Python 3.11 takes its interpreter down

"""Prints what changed: ``python -m models.security > models/migrations/sql/NNNN_row_security.sql``.

``python -m models.security --whole`` prints the whole script, for a change that cannot be made piece by piece.
"""

import sys

from models.migrations.scripts import SCRIPTS
from models.security import script
from models.security.changes import changes

_RAN = sorted(SCRIPTS.glob("*_row_security.sql"))


def ran() -> list[str]:
    """The scripts that are there; the shell has made the one to be written already, and it is empty."""
    return [text for one in _RAN if (text := one.read_text(encoding="utf-8"))]


if __name__ == "__main__":
    whole = "--whole" in sys.argv[1:]
    sys.stdout.write(script() if whole else changes(ran()))

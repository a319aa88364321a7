"""Migrations whose SQL is too long to stand in them."""

from pathlib import Path
from typing import Final

from alembic import op

SCRIPTS: Final = Path(__file__).parent / "sql"
NEXT: Final = "\n;\n\n"
"""Between two statements: a function's body has semicolons of its own."""


def run(name: str) -> None:
    """Run a script of ``SCRIPTS`` statement by statement, in the migration that is under way.

    It was printed on the day of its migration and is not printed anew: what it is made of would change without one.
    """
    for statement in (SCRIPTS / name).read_text(encoding="utf-8").split(NEXT):
        if statement.strip():
            op.execute(statement)

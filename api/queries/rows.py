"""What every module of queries knows: the type of a row, and how many statements it keeps."""

from typing import Any, Final, TypeAlias

Found: TypeAlias = Any
"""A row as SQLAlchemy gives it: its columns are attributes, named by the statement that asked for them."""

KEPT: Final = 128
"""How many statements of one kind are kept, by role and shape; of a client that asks in more ways, the last ones."""

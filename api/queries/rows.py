"""The type of a row."""

from typing import Any, TypeAlias

Found: TypeAlias = Any
"""A row as SQLAlchemy gives it: its columns are attributes, named by the statement that asked for them."""

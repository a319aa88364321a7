"""The one form of an entry that is hashed: a line of JSON, the texts of its columns in a fixed order.

PostgreSQL makes the line (function ``audit_text``), and it is what an export holds, byte for byte: whoever verifies
hashes what they were given and interprets nothing. ``line`` makes the same one here; a test compares the two.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Final

FORMAT: Final = "1"
"""Stands first in every line. A column added later makes format 2, for the rows that have a value in it."""

COLUMNS: Final = (
    "id", "at", "actor_id", "position_id", "role", "action", "record", "record_id", "case_id", "command_id", "outcome",
    "code", "detail", "purpose", "reason_key", "reason", "origin", "turn", "chain_seq", "chain_hash",
)  # fmt: skip
"""The columns of ``audit_entry`` after the format, all of them. ``chain_hash`` is last: a link is computed without."""

HASH_BYTES: Final = 32
ID_BYTES: Final = 16
LEAF_BYTES: Final = ID_BYTES + HASH_BYTES
"""What a seal holds of an entry: its id and its hash."""

Values = Sequence[str | None]


def line(values: Mapping[str, str | None]) -> str:
    """The canonical line of an entry, from the texts of its columns (None where a column is empty)."""
    return dump([FORMAT, *(values[name] for name in COLUMNS)])


def dump(texts: Values) -> str:
    """Texts as PostgreSQL's ``json_build_array`` writes them."""
    return json.dumps(list(texts), ensure_ascii=False)


def read(text: str) -> dict[str, str | None]:
    """The columns of a line.

    Raises:
        ValueError: it is no canonical line: another format, or anything written otherwise than ``line`` writes it.
    """
    texts = json.loads(text)
    if not isinstance(texts, list) or len(texts) != len(COLUMNS) + 1 or texts[0] != FORMAT:
        raise ValueError("no line of this format")
    if not all(isinstance(one, str) or one is None for one in texts) or dump(texts) != text:
        raise ValueError("not in canonical form")
    return dict(zip(COLUMNS, texts[1:], strict=True))


def leaf(text: str) -> bytes:
    """The hash of a line, as a leaf of a Merkle tree (RFC 6962: a zero byte before it)."""
    return hashlib.sha256(b"\0" + text.encode()).digest()


def link(previous: bytes, text: str) -> bytes:
    """The hash of an entry in its case's chain.

    Args:
        previous: the hash of the link before; empty for the first of a case.
        text: its line; what stands in it as ``chain_hash`` does not count.
    """
    texts = json.loads(text)
    return hashlib.sha256(previous + dump([*texts[:-1], None]).encode()).digest()


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over leaf hashes in their order (RFC 6962, 2.1); that of nothing is the hash of nothing."""
    level = list(leaves)
    if not level:
        return hashlib.sha256(b"").digest()
    while len(level) > 1:
        pairs = [hashlib.sha256(b"\1" + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)]
        level = pairs + level[len(pairs) * 2 :]
    return level[0]

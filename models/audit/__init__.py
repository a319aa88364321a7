"""The audit as something anybody can check: canonical form, chain of a case, Merkle root, signed seals, verification.

Standard library and ``cryptography`` only, so that an export can be verified on another machine, with nothing of the
service running (docs/audit.md, docs/decisions/0006-audit.md).
"""

from models.audit.canonical import COLUMNS, LEAF_BYTES, leaf, line, link, merkle_root
from models.audit.seals import PublicKeys, Seal, SealError, SigningKeys
from models.audit.verify import Code, Finding, Verdict, verify

__all__ = [
    "COLUMNS",
    "LEAF_BYTES",
    "Code",
    "Finding",
    "PublicKeys",
    "Seal",
    "SealError",
    "SigningKeys",
    "Verdict",
    "leaf",
    "line",
    "link",
    "merkle_root",
    "verify",
]

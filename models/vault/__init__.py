"""The vault: what is told about a child, and by whom, is stored encrypted under keys that can be destroyed.

Three layers. A *key-encryption key* is the service's own; it stands on a ring outside the database and rotates. It
wraps one *data key* per child's case. What several cases share (a report about siblings, the informant of it) has a
data key of its own, wrapped once under each case's: whoever holds one of the cases can open it, and it is gone with
the last of them. Destroying a case's key therefore erases that child's part and nobody else's.

No SQL here; where the keys are kept is ``models.records.vault``'s business. docs/decisions/0008-encryption.md.
"""

from models.vault.datakey import AlteredError, DataKey
from models.vault.provider import ErasedError, KeyProvider, KeysAwayError, Wrapped
from models.vault.ring import KeyRing, UnknownKeyError

__all__ = [
    "AlteredError", "DataKey", "ErasedError", "KeyProvider", "KeyRing", "KeysAwayError", "UnknownKeyError", "Wrapped",
]  # fmt: skip

"""What is sent to systems of agencies, and where to: pure. No SQL, no network.

Sources: the Standard Webhooks specification (headers, signature, secrets ``whsec_``, 410), CloudEvents 1.0.2
(structured mode; the extension ``sequence``). Signing itself is the library's (``standardwebhooks``).
"""

from models.webhooks.destination import BadDestinationError, Destinations
from models.webhooks.events import MEDIA_TYPE, TRIED_FOR, UNTOLD, described, envelope, event_type
from models.webhooks.secrets import PREFIX, new_secret, shown, signatures

__all__ = [
    "MEDIA_TYPE", "PREFIX", "TRIED_FOR", "UNTOLD", "BadDestinationError", "Destinations", "described", "envelope",
    "event_type", "new_secret", "shown", "signatures",
]  # fmt: skip

"""Second factors: what somebody has, sets up and removes."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from api.shapes.base import Input, Moment, Output
from api.shapes.sessions import Code, Credential, Step
from models.forms.base import Line

Label = Annotated[Line, Field(max_length=80)]


class FactorOut(Output):
    """One second factor. ``kind`` is ``totp`` or ``passkey``; only a passkey has a label."""

    id: UUID
    kind: str
    label: str | None
    since: Moment


class FactorsOut(Output):
    """One's second factors. ``required``: the present position may not act without one."""

    required: bool
    factors: list[FactorOut]
    recovery_codes_left: int


class TotpOut(Output):
    """A new secret, shown this once: as text, and as the address a QR code is made of."""

    secret: str
    uri: str


class TotpCode(Input):
    """A code of the authenticator."""

    code: Code


class PasskeyAnswer(Step):
    """What the browser made, and a name for it."""

    label: Label
    credential: Credential


class RecoveryCodes(Output):
    """Codes for the day the second factor is lost: shown this once, each good once. Empty where there were some."""

    recovery_codes: list[str]

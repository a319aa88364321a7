"""Referrals over FHIR: the same reading and the same acts as over JSON, in a partner's words."""

from collections.abc import Mapping
from typing import Any, Final, cast
from uuid import UUID, uuid5

from pydantic import ValidationError

from api.door import Visit
from api.errors import invalid
from api.fhir import inward, outward
from api.problems import Problem
from api.services import keys, referrals
from models.calendar import local_date
from models.forms.referral import REFERRAL_INPUTS, AnyReferralAct

Resource = dict[str, Any]
_ANSWERS: Final = UUID("6b0b8f7e-7f0a-4c3e-9d0c-0d5c2a4f7f11")
"""Of the keys of what a Task says: the same Task on the same version of a referral is the same request."""


async def search(visit: Visit) -> Resource:
    """The live referrals to the reader's unit.

    Raises:
        Problem: ``not-permitted``.
    """
    await visit.require("read_referrals")
    found = await referrals.inbox(visit, emergency=False)
    return _json(outward.searchset(found, visit.door.settings.public_url, visit.language))


async def read(visit: Visit, referral: UUID) -> Resource:
    """One referral.

    Raises:
        Problem: ``not-found``.
    """
    return _json(outward.task(await referrals.read(visit, referral), visit.door.settings.public_url, visit.language))


async def update(visit: Visit, referral: UUID, body: Mapping[str, Any], if_match: str | None) -> Resource:
    """Carry out what a partner's Task says; what it says already being so, nothing.

    Raises:
        Problem: ``not-found``; ``precondition-failed`` where the referral has moved on; ``invalid-request``;
            ``fhir-status-not-possible``; the lifecycle's refusal.
    """
    base = visit.door.settings.public_url
    shown = await referrals.read(visit, referral)
    if if_match is not None and if_match.strip() != f'W/"{shown.sequence}"':
        raise Problem("precondition-failed")
    for said in inward.events(body, shown, base):
        try:
            act = REFERRAL_INPUTS[said["event"]].model_validate(said)
        except ValidationError as error:
            raise invalid([{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]) from None
        async with visit.transaction() as connection:
            digest = await keys.request_hash(connection, act)
        key = uuid5(_ANSWERS, f"{referral}/{shown.sequence}/{digest}")
        shown = await referrals.act(visit, referral, key, cast("AnyReferralAct", act))
    return _json(outward.task(shown, base, visit.language))


def metadata(visit: Visit) -> Resource:
    """What this server does of FHIR."""
    return _json(outward.capabilities(visit.door.settings.public_url, local_date(visit.now).isoformat()))


def _json(resource: Any) -> Resource:
    made: Resource = resource.model_dump(mode="json", by_alias=True)
    return made

"""Referrals through the door, for tests: a case that may be referred, what is asked for, and what is answered."""

from typing import Any
from uuid import uuid4

import httpx

from tests.api_support import Door
from tests.case_support import a_case as an_owned_case

CONSENT = {"answer": "given", "giver": "MOTHER", "means": "in_person", "child_view": "Con đồng ý"}
AID = {
    "service": "legal_aid", "receiver": "HN-TGPL", "request": "Trẻ cần luật sư bảo vệ quyền lợi",
    "warnings": ["DO_NOT_TELL_CARERS"],
}  # fmt: skip


async def a_case(door: Door, *, name: str = "Bé Mẫu", consent: bool = True) -> str:
    """A case with an owner, and with consent to every service unless told otherwise."""
    child = {"name": name, "estimated_age": 8, "sex": "FEMALE"}
    case = await an_owned_case(door, children=[child])
    if consent:
        for scope in ("SHARING", "SERVICE"):
            answer = await door.post("cpo.a", f"/cases/{case}/consents", {"scope": scope, **CONSENT})
            assert answer.status_code == 201, answer.text
    return case


async def asked(door: Door, case: str, *referrals: dict[str, Any], who: str = "cpo.a", key: Any = None) -> Any:
    """Referrals asked for at once; the result of each."""
    answer = await door.post(who, f"/cases/{case}/referrals", {"referrals": list(referrals)}, key=key or uuid4())
    assert answer.status_code == 200, answer.text
    return answer.json()


async def act(door: Door, who: str, referral: str, event: str, **body: Any) -> httpx.Response:
    """An act on a referral, and whatever it is answered."""
    return await door.post(who, f"/referrals/{referral}/actions", {"event": event, **body}, key=uuid4())


async def done(door: Door, who: str, referral: str, event: str, **body: Any) -> dict[str, Any]:
    """An act that must be accepted, and its answer."""
    answer = await act(door, who, referral, event, **body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())

"""Reports from the systems of the hotline, schools, hospitals and collaborators: one intake, whoever sends it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from deploy.runtime.postgres import Postgres
from tests.api_support import Door, report_body
from tests.identity_support import a_door, audited, code, with_token
from tests.test_identity_services import service, token_for

pytestmark = pytest.mark.servers

SENDERS = {
    "hotline": ("111", "H111", "HOTLINE"),
    "school": ("HN-A-TH", "EDU", "SCHOOL"),
    "hospital": ("HN-BV", "HLT", "HEALTH"),
    "collaborators": ("HN-A", "GRP", None),
}


@pytest_asyncio.fixture
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with a_door(postgres, key_file) as opened:
        # The hotline's systems are its own administrator's: the city's is not above it.
        await opened.sql(
            "UPDATE unit_parent SET parent_id = :above WHERE unit_id = :hotline", above=opened.unit("HN-SYT"),
            hotline=opened.unit("111"),
        )  # fmt: skip
        yield opened


async def sends(door: Door, secret: str, body: Any, key: UUID | None = None) -> Any:
    headers = {"Authorization": f"Bearer {secret}", "Idempotency-Key": str(key or uuid4())}
    return await door.http.post("/api/v1/reports", json=body, headers=headers)


def told(**more: Any) -> dict[str, Any]:
    body = report_body(**more)
    del body["m01"]["channel"]
    return body


@pytest.mark.parametrize("sender", SENDERS)
async def test_a_system_s_report_goes_to_the_commune_and_says_which_system_sent_it(door: Door, sender: str) -> None:
    unit, role, source = SENDERS[sender]
    secret = (await token_for(door, await service(door, unit=unit, role=role), "reports:write"))["secret"]
    taken = await sends(door, secret, told(flagged=True, reference="VU-2026/00417"))
    assert taken.status_code == 201, taken.text
    await door.post("cpo.a", f"/cases/{taken.json()['cases'][0]['id']}/declaration", {"answer": "none"})
    seen = (await door.get("cpo.a", f"/reports/{taken.json()['id']}")).json()
    assert seen["by_system"] is True
    assert seen["receiver"]["name"] == "Hệ thống bệnh viện (mẫu)"
    assert seen["receiver_unit"]["code"] == unit
    assert seen["content"]["reference"] == "VU-2026/00417"
    assert seen["content"]["m01"]["channel"] == "SYSTEM"
    assert seen["content"]["m01"].get("source") == source


async def test_what_a_system_says_of_channel_and_source_is_kept(door: Door) -> None:
    secret = (await token_for(door, await service(door), "reports:write", "reports:read"))["secret"]
    body = told()
    body["m01"] |= {"channel": "IN_PERSON", "source": "RELATIVE"}
    taken = (await sends(door, secret, body)).json()
    seen = (await with_token(door, secret, "GET", f"/reports/{taken['id']}")).json()["content"]["m01"]
    assert (seen["channel"], seen["source"]) == ("IN_PERSON", "RELATIVE")


async def test_an_officer_s_report_is_no_system_s(door: Door) -> None:
    seen = (await door.get("cpo.a", f"/reports/{(await door.report('cpo.a'))['id']}")).json()
    assert seen["by_system"] is False


async def test_the_same_report_sent_again_even_with_a_new_token_is_one_report_with_one_receipt(door: Door) -> None:
    position, key = await service(door, unit="111", role="H111"), uuid4()
    old = await token_for(door, position, "reports:write")
    body = told(reference="VU-2026/00418")
    first = await sends(door, old["secret"], body, key)
    until = (door.clock.at + timedelta(days=30)).isoformat()
    rotated = await door.post("admin", f"/service-tokens/{old['token']['id']}/rotate", {"expires_at": until})
    assert rotated.status_code in (200, 201), rotated.text
    again = await sends(door, rotated.json()["secret"], body, key)
    assert (again.status_code, again.json()) == (201, first.json())
    changed = await sends(door, rotated.json()["secret"], told(reference="VU-2026/00419"), key)
    assert await code(changed) == "idempotency-key-reused"
    (count,) = await door.sql("SELECT count(*) AS n FROM report")
    assert count["n"] == 1
    assert len(await audited(door, "repeat")) == 1


async def test_two_systems_may_use_the_same_key(door: Door) -> None:
    key = uuid4()
    for unit, role, _ in (SENDERS["school"], SENDERS["hospital"]):
        secret = (await token_for(door, await service(door, unit=unit, role=role), "reports:write"))["secret"]
        assert (await sends(door, secret, told(), key)).status_code == 201
    (count,) = await door.sql("SELECT count(*) AS n FROM report")
    assert count["n"] == 2


async def test_a_place_nobody_knows_leaves_the_report_with_the_province_and_loses_nothing(door: Door) -> None:
    secret = (await token_for(door, await service(door, unit="HN-A-TH", role="EDU"), "reports:write"))["secret"]
    taken = await sends(door, secret, told(unit="XX-KHONG-CO"))
    assert taken.status_code == 201, taken.text
    assert taken.json()["cases"][0]["state"]["custody"] == "unrouted"


@pytest.mark.parametrize("reference", ["x" * 5000, "a\0b", ["VU-1"], {"so": 1}], ids=["huge", "nul", "list", "object"])
async def test_a_bad_reference_is_a_clear_problem(door: Door, reference: Any) -> None:
    secret = (await token_for(door, await service(door), "reports:write"))["secret"]
    refused = await sends(door, secret, told(reference=reference))
    assert await code(refused) in {"invalid-request", "text-not-storable"}
    assert "x" * 100 not in refused.text

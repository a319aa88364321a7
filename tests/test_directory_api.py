"""The directory at the door: read by officers, kept by administrators of the offices it is about, and as files."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from api.sheets import CSV, XLSX
from deploy.runtime.postgres import Postgres
from models.directory.sheets import COLUMNS
from tests.api_support import Door, open_door, temporal_away

pytestmark = pytest.mark.servers

SHELTER: dict[str, Any] = {
    "kind": "shelter", "unit_code": "HN-CTXH", "name_vi": "Nhà Bình Yên (mẫu)", "name_en": "Bình Yên House (sample)",
    "contacts": {"email": "binhyen@mau.example", "paper": "Số 2 (mẫu)"},
    "capabilities": [{"service": "shelter", "territory_code": "HN-A", "duty": True, "capacity": 3}],
}  # fmt: skip


@pytest_asyncio.fixture(scope="module")
async def door(postgres: Postgres, key_file: Path) -> AsyncIterator[Door]:
    async with open_door(postgres, await temporal_away(key_file)) as made:
        yield made


async def added(door: Door, **more: Any) -> dict[str, Any]:
    answer = await door.post("admin", "/directory/providers", {"code": f"N-{uuid4().hex[:8]}", **SHELTER, **more})
    assert answer.status_code == 201, answer.text
    door.clock.forward(minutes=1)
    made: dict[str, Any] = answer.json()
    return made


async def put(door: Door, path: str, body: dict[str, Any]) -> Any:
    tag = (await door.get("admin", path)).headers["etag"]
    return await door.call("admin", "PUT", path, json=body, headers={"If-Match": tag})


async def bring_in(
    door: Door, sheet: str, body: bytes, kind: str = CSV, *, by: str = "admin", dry: bool = False
) -> Any:
    params = {"sheet": sheet, "dry_run": str(dry).lower()}
    return await door.call(
        by, "POST", "/directory/imports", content=body, headers={"Content-Type": kind}, params=params
    )


async def count(door: Door) -> list[int]:
    tables = ("provider", "provider_name", "capability", "contact", "residential_area", "area_place", "collaborator")
    return [(await door.sql(f"SELECT count(*) AS n FROM {name}"))[0]["n"] for name in tables]


async def test_an_officer_finds_who_gives_a_service_and_who_would_be_asked_first(door: Door) -> None:
    listed = (await door.get("cpo.a", "/directory/providers", params={"gives": "shelter", "limit": 200})).json()
    assert "NTL-MA" in {one["code"] for one in listed["items"]}
    asked = {"gives": "police_report", "unit": str(door.unit("HN-C"))}
    first, second = (await door.get("cpo.a", "/directory/candidates", params=asked)).json()
    assert (first["code"], first["role"], first["on_duty"], first["distance"]) == ("CA-C", "POL", True, 0)
    assert second["code"] == "CA-TP"
    wrong = await door.get("cpo.a", "/directory/candidates", params={**asked, "gives": "baking"})
    assert wrong.status_code == 422


async def test_a_change_is_a_new_validity_and_what_held_before_is_still_there(door: Door) -> None:
    made = await added(door)
    path, before = f"/directory/providers/{made['id']}", door.clock.at.isoformat()
    door.clock.forward(minutes=1)
    capabilities = [
        {"service": "shelter", "territory_code": "HN-A", "duty": True, "capacity": 9},
        {"service": "alternative_care", "territory_code": "HN-SYT", "hours": "Mon-Fri 08:00-17:00"},
    ]
    body = {**SHELTER, "name_vi": "Nhà Bình An (mẫu)", "contacts": {"account": True}, "capabilities": capabilities}
    changed = await put(door, path, body)
    assert changed.status_code == 200, changed.text
    now = changed.json()
    assert (now["name_vi"], [one["kind"] for one in now["contacts"]]) == ("Nhà Bình An (mẫu)", ["account"])
    assert {one["service"]: one["capacity"] for one in now["capabilities"]} == {"shelter": 9, "alternative_care": None}
    then = (await door.get("cpo.a", path, params={"at": before})).json()
    assert (then["name_vi"], then["capabilities"][0]["capacity"]) == ("Nhà Bình Yên (mẫu)", 3)
    assert sorted(one["kind"] for one in then["contacts"]) == ["email", "paper"]
    # The same once more changes nothing, and what is left out ends.
    rows = await count(door)
    assert (await put(door, path, body)).status_code == 200
    assert await count(door) == rows
    door.clock.forward(minutes=1)
    fewer = (await put(door, path, {**body, "capabilities": capabilities[:1]})).json()
    assert [one["service"] for one in fewer["capabilities"]] == ["shelter"]


async def test_two_who_change_the_same_do_not_overwrite_each_other(door: Door) -> None:
    made = await added(door)
    path = f"/directory/providers/{made['id']}"
    tag = (await door.get("admin", path)).headers["etag"]
    assert (await door.call("admin", "PUT", path, json=SHELTER)).status_code == 428
    assert (await put(door, path, {**SHELTER, "name_en": "Other (sample)"})).status_code == 200
    late = await door.call("admin", "PUT", path, json=SHELTER, headers={"If-Match": tag})
    assert (late.status_code, late.json()["code"]) == (412, "precondition-failed")


async def test_what_ended_is_asked_no_more_and_its_code_is_not_used_again(door: Door) -> None:
    made = await added(door)
    asked = {"gives": "shelter", "unit": str(door.unit("HN-A"))}
    assert made["code"] in {
        one["code"] for one in (await door.get("cpo.a", "/directory/candidates", params=asked)).json()
    }
    ended = await door.post("admin", f"/directory/providers/{made['id']}/end", {})
    assert ended.status_code == 200, ended.text
    assert ended.json()["valid_to"] is not None
    door.clock.forward(minutes=1)
    left = {one["code"] for one in (await door.get("cpo.a", "/directory/candidates", params=asked)).json()}
    assert made["code"] not in left
    assert (await door.post("admin", f"/directory/providers/{made['id']}/end", {})).json()["code"] == "already-ended"
    again = await door.post("admin", "/directory/providers", {"code": made["code"], **SHELTER})
    assert again.json()["code"] == "code-taken"


async def test_an_administrator_keeps_only_what_is_in_their_own_offices(door: Door) -> None:
    # City police and legal aid stand beside the department, not below it.
    police = next(one for one in door.sample.rows["provider"] if one["code"] == "CA-TP")["id"]
    path = f"/directory/providers/{police}"
    body = {**SHELTER, "kind": "police", "capabilities": []}
    tag = (await door.get("admin", path)).headers["etag"]
    answer = await door.call("admin", "PUT", path, json=body, headers={"If-Match": tag})
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
    assert (await door.post("admin", f"{path}/end", {})).status_code == 404
    elsewhere = await door.post("admin", "/directory/providers", {"code": "X-1", **SHELTER, "unit_code": "HN-CA"})
    assert elsewhere.json()["errors"] == [{"path": ["body", "unit_code"], "code": "unit-unknown"}]
    too_far = {**SHELTER["capabilities"][0], "territory_code": "HN"}
    answer = await door.post("admin", "/directory/providers", {"code": "X-1", **SHELTER, "capabilities": [too_far]})
    assert answer.json()["errors"] == [{"path": ["body", "territory_code"], "code": "unit-unknown"}]
    head = ",".join(one.code for one in COLUMNS["providers"])
    row = "CA-TP,police,HN-A,Công an,Police,,,,,,,,,,,"
    told = (await bring_in(door, "providers", f"{head}\n{row}\n".encode())).json()
    assert [(one["row"], one["code"]) for one in told["errors"]] == [(2, "not-yours")]


async def test_coverage_says_which_areas_nobody_looks_after(door: Door) -> None:
    rows = (await door.get("cpo.a", "/directory/coverage", params={"unit": str(door.unit("HN-SYT"))})).json()
    by_code = {one["unit"]["code"]: (one["areas"], one["without"]) for one in rows}
    assert by_code["HN-B"] == (3, 1)
    of_b = {"unit": str(door.unit("HN-B")), "covered": "false"}
    (alone,) = (await door.get("cpo.a", "/directory/areas", params=of_b)).json()["items"]
    assert (alone["code"], alone["covered"], alone["collaborators"]) == ("HN-B-03", False, [])
    path = f"/directory/areas/{alone['id']}"
    body = {
        "name": alone["name"],
        "unit_code": "HN-B",
        "collaborators": [{"name": "Hồ Thị Mới (mẫu)", "phone": "0123"}],
    }
    assert (await put(door, path, body)).json()["covered"] is True
    door.clock.forward(minutes=1)
    assert (await door.get("cpo.a", "/directory/areas", params=of_b)).json()["items"] == []
    assert (await door.get("cpo.b", path)).json()["collaborators"][0]["phone"] == "0123"
    assert (await door.get("hlt", path)).json()["collaborators"][0]["phone"] is None
    assert (await put(door, path, {**body, "collaborators": []})).json()["collaborators"] == []
    assert (await door.post("admin", f"{path}/end", {})).status_code == 200


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize("sheet", ["providers", "areas"])
async def test_what_was_taken_out_comes_in_again_and_changes_nothing(door: Door, sheet: str, kind: str) -> None:
    await added(door)
    later = {**SHELTER["capabilities"][0], "territory_code": "HN-B", "valid_from": "2027-01-04T00:00:00+07:00"}
    await added(door, capabilities=[*SHELTER["capabilities"], later])
    taken = await door.get("admin", "/directory/exports", params={"sheet": sheet, "kind": kind})
    assert taken.headers["content-disposition"] == f'attachment; filename="{sheet}.{kind}"'
    before = await count(door)
    door.clock.forward(minutes=5)
    told = (await bring_in(door, sheet, taken.content, taken.headers["content-type"].split(";")[0])).json()
    assert (told["applied"], told["errors"]) == (True, [])
    assert {name: n for name, n in told["outcomes"].items() if n} == {"unchanged": len(told["rows"])}
    assert len(told["rows"]) >= 11
    assert await count(door) == before


async def test_one_wrong_row_keeps_the_whole_file_out_and_every_row_is_told(door: Door) -> None:
    head = "Mã khu dân cư;Tên khu dân cư;Mã xã, phường;Cộng tác viên"
    body = f"{head}\nK-1;Thôn Một;HN-A;Lan\nK-2;Thôn Hai;HN-Q;Mai\nHN-A-01;Thôn Cầu Mây (mẫu);HN-A;Trần Thị Mơ (mẫu)\n"
    before = await count(door)
    told = (await bring_in(door, "areas", body.encode())).json()
    assert told["applied"] is False
    (error,) = told["errors"]
    assert (error["row"], error["column"], error["code"]) == (3, "unit_code", "unit-unknown")
    assert error["message"]["vi"].startswith("Không có cơ quan này")
    assert error["message"]["en"].startswith("There is no such office")
    assert {one["row"]: one["outcome"] for one in told["rows"]} == {2: "added", 3: "refused", 4: "changed"}
    assert await count(door) == before
    right = body.replace("HN-Q", "HN-B").encode()
    dry = (await bring_in(door, "areas", right, dry=True)).json()
    assert (dry["applied"], dry["dry_run"], dry["errors"]) == (False, True, [])
    assert await count(door) == before
    done = (await bring_in(door, "areas", right)).json()
    assert done["applied"] is True
    assert done["rows"] == dry["rows"]
    now = await count(door)
    assert [new - old for new, old in zip(now, before, strict=True)] == [0, 0, 0, 0, 2, 2, 3]


async def test_an_import_is_on_record_with_what_it_changed_and_no_name(door: Door) -> None:
    code = f"K-{uuid4().hex[:6]}"
    told = await bring_in(
        door, "areas", f"area_code,name,unit_code,collaborator\n{code},Thôn Ba,HN-A,Lê Kín\n".encode()
    )
    assert told.json()["applied"] is True
    (area,) = await door.sql("SELECT id FROM residential_area WHERE code = :code", code=code)
    (entry,) = await door.sql(
        "SELECT detail, detail::text AS written FROM audit_entry WHERE action = 'import_directory' "
        "AND detail -> 'records' ? :id", id=str(area["id"]),
    )  # fmt: skip
    assert entry["detail"]["outcomes"] == {"added": 1}
    assert "Kín" not in entry["written"]


@pytest.mark.parametrize(
    ("body", "kind", "status", "code"),
    [
        (b"x" * (1024 * 1024 + 1), CSV, 413, "body-too-large"),
        (b"{}", "application/json", 415, "media-type-not-supported"),
        (b"PK nothing", XLSX, 422, "file-not-readable"),
        ("tên".encode("utf-16"), CSV, 422, "file-not-readable"),
    ],
)
async def test_what_is_no_such_file_is_refused(door: Door, body: bytes, kind: str, status: int, code: str) -> None:
    answer = await bring_in(door, "areas", body, kind)
    assert answer.status_code == status, answer.text
    said = answer.json()
    assert code in (said["code"], *(one["code"] for one in said.get("errors", ())))


async def test_a_file_is_taken_in_nowhere_else(door: Door) -> None:
    answer = await door.call(
        "admin", "POST", "/directory/areas", content=b"a,b", headers={"Content-Type": CSV}
    )  # fmt: skip
    assert (answer.status_code, answer.json()["code"]) == (415, "media-type-not-supported")


async def test_a_collaborators_name_that_looks_like_a_formula_leaves_as_text(door: Door) -> None:
    assert (await bring_in(door, "areas", b"area_code,name,unit_code,collaborator\nK-F,T,HN-A,'=1+1\n")).json()[
        "applied"
    ]
    taken = await door.get("admin", "/directory/exports", params={"sheet": "areas", "kind": "csv"})
    assert ",'=1+1," in taken.text
    assert ",=1+1," not in taken.text

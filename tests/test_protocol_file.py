"""The protocol file against lifecycle.md's table, what it refuses, and how it reads as plain data."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from models.protocol import ProtocolError, describe, load_protocols, protocol_at
from models.protocol.registry import DATA
from models.protocol.rules import UNVERIFIED, Protocol
from tests.protocol_support import PROTOCOL, at

SHIPPED = next(DATA.glob("*.toml"))

TABLE = {
    "acknowledge": ("○", "flagged: 30 min E1 30 min, E3 60 min, E3 2 H | 2 H E1 2 H, E2 4 H"),
    "screen": ("○", "2 H E1 2 H, E2 4 H"),
    "initial_assessment": (
        "○",
        "flagged: 4 H E0 50 %, E1 75 %, E2 90 %, E3 100 % | 24 H E0 50 %, E1 75 %, E2 90 %, E3 100 %",
    ),
    "emergency_12h": ("★", "flagged: 12 H E1 2 H, E2 4 H, E3 8 H, E4 12 H | 12 H E1 8 H, E2 10 H, E3 11 H, E4 12 H"),
    "written_report": ("◇", "24 H E0 18 H, E1 24 H, E2 30 H"),
    "signed_order": ("○", "24 H E1 12 H, E2 24 H"),
    "verify": ("○", "return_to_verification: 2 WD E1 1 WD, E2 2 WD | 3 WD E1 2 WD, E2 3 WD"),
    "conclusion_review": ("○", "2 WD E1 1 WD, E2 2 WD"),
    "plan": (
        "★",
        (
            "return_plan: ○ 2 WD E1 1 WD, E2 2 WD, E3 3 WD | emergency: ○ 5 WD E0 3 WD, E1 4 WD, E2 5 WD, E3 6 WD"
            " | 5 WD E0 3 WD, E1 4 WD, E2 5 WD, E3 6 WD"
        ),
    ),
    "plan_approval": ("◇", "2 WD E1 1 WD, E2 2 WD, E3 3 WD, E4 5 WD"),
    "isolation_max": (
        "★",
        "extend_isolation: date E1 -3 CD, E2 -1 CD, E4 limit | 15 CD E1 7 CD, E2 10 CD, E3 13 CD, E4 15 CD",
    ),
    "measures_review": ("○", "R4: 7 CD E1 limit, E2 +2 CD | 14 CD E1 limit, E2 +2 CD"),
    "ban_decision": ("★", "12 H E2 6 H, E3 12 H"),
    "ban_max": ("★", "3 CD E1 -24 H, E2 -6 H, E0 limit"),
    "follow_up": (
        "○",
        (
            "R4: 48 H E0 -1 CD, E1 limit, E2 +2 WD | R3: 7 CD E0 -1 CD, E1 limit, E2 +2 WD"
            " | R2: 14 CD E0 -1 CD, E1 limit, E2 +2 WD | 30 CD E0 -1 CD, E1 limit, E2 +2 WD"
        ),
    ),
    "plan_step": ("○", "date E0 -1 CD, E1 limit, E2 +2 WD"),
    "case_task": ("○", "date E0 -1 CD, E1 limit, E2 +2 WD"),
    "conference": ("○", "date E0 -1 CD, E1 limit, E2 +2 WD"),
    "case_flag": ("○", "date E0 -1 CD, E1 limit, E2 +2 WD"),
    "review": ("○", "R3/R4: 30 CD E1 limit, E2 +3 WD, E3 +10 WD | 90 CD E1 limit, E2 +3 WD, E3 +10 WD"),
    "review_completion": ("○", "5 WD E1 4 WD, E2 5 WD"),
    "closure_approval": ("○", "2 WD E1 1 WD, E2 2 WD"),
    "transfer_acceptance": ("○", "R3/R4: 24 H E1 limit, E3 200 % | 2 WD E1 limit, E3 200 %"),
    "transfer_request": ("○", "2 WD E1 limit, E2 200 %, E3 300 %"),
    "route": ("○", "30 min E3 30 min, E4 2 H"),
    "suspension_review": ("○", "R4: 48 H E1 limit, E2 +2 WD | 30 CD E1 limit, E2 +2 WD"),
    "post_closure_contact": ("○", "date E0 limit, E1 +5 WD"),
    "closure_quality_review": ("○", "10 WD E1 limit, E2 200 %, E3 300 %"),
    "death_review": ("○", "10 WD E3 limit, E4 200 %"),
    "name_delegate": ("○", "flagged: 2 H E3 2 H | 1 WD E3 1 WD"),
    "break_glass_review": ("○", "2 WD E1 limit, E3 +2 WD"),
    "conflict_decision": ("○", "flagged: 2 H E1 1 H, E3 2 H | 1 WD E3 1 WD"),
}


def rows() -> dict[str, dict[str, Any]]:
    return {row["code"]: row for row in describe(PROTOCOL)["rows"]}


def shown(row: dict[str, Any]) -> str:
    variants = []
    for limit in row["limits"]:
        when = f"{limit['when_text']}: " if limit["when_text"] else ""
        mark = f"{limit['mark']} " if limit["mark"] != row["mark"] else ""
        ladder = ", ".join(f"{rung['level']} {rung['at']}" for rung in limit["ladder"])
        variants.append(f"{when}{mark}{limit['amount'] or 'date'} {ladder}")
    return " | ".join(variants)


def test_every_deadline_of_the_table_is_in_the_file_and_no_other() -> None:
    assert set(rows()) == set(TABLE)


@pytest.mark.parametrize("code", TABLE)
def test_marks_limits_and_ladders_are_those_of_the_table(code: str) -> None:
    row = rows()[code]
    assert (row["mark"], shown(row)) == TABLE[code]


def test_every_ladder_has_one_breach_record_at_its_limit_but_the_one_that_ends_by_itself() -> None:
    for row in rows().values():
        for limit in row["limits"]:
            at_limit = [rung for rung in limit["ladder"] if rung["breach"] or rung["then"]]
            assert len(at_limit) == 1, row["code"]
            assert at_limit[0]["at_limit"], row["code"]
            assert (at_limit[0]["then"] == "ban_ends") is (row["code"] == "ban_max")


def test_no_row_rolls_over_a_rest_day_and_the_two_maxima_say_that_they_are() -> None:
    assert not any(row["rolls"] for row in rows().values())
    assert {code for code, row in rows().items() if row["maximum"]} == {"isolation_max", "ban_max"}


def test_only_design_clocks_may_be_paused_or_stopped() -> None:
    for row in rows().values():
        if row["pausable"] or row["stops_when_suspended"]:
            assert "○" in {limit["mark"] for limit in row["limits"]}, row["code"]


def test_what_outlives_a_final_state_is_what_the_table_names_and_the_visits_that_start_there() -> None:
    outlive = {code for code, row in rows().items() if not row["cancelled_at_final_state"]}
    assert outlive == {"written_report", "signed_order", "post_closure_contact", "death_review"}


def test_nothing_unverified_is_shown_as_law() -> None:
    for row in rows().values():
        law = row["standing"]["en"] == "Law"
        assert law is (row["mark"] == "★"), row["code"]
        if law:
            assert row["verified"], row["code"]
        if row["legal_basis"] is not None and not row["verified"]:
            assert row["legal_basis"]["label"] == UNVERIFIED
    approval = rows()["plan_approval"]
    assert (approval["verified"], approval["standing"]["vi"]) == (False, "chưa kiểm chứng")


def test_a_design_default_says_that_it_is_no_law() -> None:
    assert rows()["screen"]["standing"] == {
        "vi": "Mặc định của hệ thống, không phải quy định của pháp luật",
        "en": "A default of this service, no rule of law",
    }


def test_acknowledging_by_role_is_in_the_file() -> None:
    by = {met["event"]: met["roles"] for met in rows()["acknowledge"]["met_by"]}
    assert by == {event: ["CPO", "SUP", "DOHD"] for event in ("acknowledge", "acknowledge_report", "attach", "reopen")}


def test_the_description_is_json_with_names_in_both_languages() -> None:
    described = json.loads(json.dumps(describe(PROTOCOL), ensure_ascii=False))
    assert described["version"] == "vn-d56/1"
    assert all(row["name"]["vi"] and row["name"]["en"] for row in described["rows"])


def test_every_event_of_the_file_is_an_event_of_the_lifecycle() -> None:
    lifecycle = pytest.importorskip("models.lifecycle")
    named = {start.event for rule in PROTOCOL.rows for start in rule.starts}
    named |= {met.event for rule in PROTOCOL.rows for met in rule.met_by}
    named |= {event for rule in PROTOCOL.rows for event in rule.cancelled_by}
    # `*` is any event. Hand-offs bring theirs.
    later = {
        "*",
        "propose_transfer",
        "accept_transfer",
        "refuse_transfer",
        "assign_transfer",
        "withdraw_transfer",
        "request_transfer",
        "decline_request",
    }
    assert named - set(lifecycle.EVENTS) <= later


def test_the_shipped_protocol_is_in_force_for_old_cases_and_none_is_before_it() -> None:
    assert protocol_at(at("2025-07-01 00:00")).version == "vn-d56/1"
    assert protocol_at(at("2027-02-05 23:40")).version == "vn-d56/1"
    with pytest.raises(ProtocolError, match="2025-06-30"):
        protocol_at(at("2025-06-30 23:59"))


def second_version(directory: Path, **changes: str) -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    changes = {"vn-d56/1": "vn-d56/2", "valid_from = 2025-07-01": "valid_from = 2027-01-01", **changes}
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    (directory / "second.toml").write_text(text, encoding="utf-8")


def test_two_versions_are_in_force_one_after_the_other(tmp_path: Path) -> None:
    shutil.copy(SHIPPED, tmp_path)
    second_version(tmp_path)
    protocols = load_protocols(tmp_path)
    assert protocols.at(at("2026-12-31 23:59")).version == "vn-d56/1"
    assert protocols.at(at("2027-01-01 00:00")).version == "vn-d56/2"
    assert protocols.get("vn-d56/1").version == "vn-d56/1"
    with pytest.raises(ProtocolError, match="vn-d56/1, vn-d56/2"):
        protocols.get("vn-d56/3")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"vn-d56/1": "vn-d56/1"}, "stands twice"),
        ({"valid_from = 2025-07-01": "valid_from = 2025-07-01"}, "both valid from"),
        ({'code = "verify"': 'code = "screen"'}, "screen stands twice"),
        ({'level = "E4", at = "12 H"': 'level = "E4", at = "11 H"'}, "not at the limit"),
        ({'level = "E4", at = "12 H", breach = true': 'level = "E4", at = "12 H"'}, "exactly one rung"),
        ({"maximum = true\nmoves": "maximum = true\nrolls = true\nmoves"}, "a maximum never rolls"),
        ({'kind = "local"': 'kind = "local"\npausable = true'}, "only design clocks"),
        ({'limit = "15 CD"': 'limit = "15 D"'}, "no amount"),
        ({'limit = "15 CD"': 'limit = "15 CD"\nlimits = 1'}, "limits"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path: Path, changes: dict[str, str], reason: str) -> None:
    shutil.copy(SHIPPED, tmp_path)
    second_version(tmp_path, **changes)
    with pytest.raises(ProtocolError, match=reason):
        load_protocols(tmp_path)


def test_an_empty_folder_is_no_protocol(tmp_path: Path) -> None:
    with pytest.raises(ProtocolError, match="no protocol"):
        load_protocols(tmp_path)


def test_a_protocol_survives_being_written_and_read() -> None:
    assert Protocol.model_validate_json(PROTOCOL.model_dump_json()) == PROTOCOL

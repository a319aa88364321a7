"""The drills: the scenarios play and hold; a wrong file, a wrong expectation and a broken stage are told apart."""

import asyncio
import json
import re
import subprocess
import sysconfig
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import pytest
from pydantic import BaseModel
from rich.console import Console

from deploy.drill.expectations import check, reading
from deploy.drill.format import KINDS, Drill, Expect, WantReading
from deploy.drill.loading import load, loads
from deploy.drill.main import Outcome, play, run
from deploy.drill.reading import BadDrillError
from deploy.drill.report import Account, in_order
from deploy.drill.seen import Seen
from deploy.runtime.postgres import Postgres

ROOT = Path(__file__).parents[1]
DRILLS = ROOT / "tests" / "drills"
GUIDE = ROOT / "docs" / "guides" / "drills.md"
SCENARIOS = (
    "s2", "s2-breach", "s3", "s5", "s7", "s10", "referral-silence", "two-accept", "consent-withdrawn",
    "transfer-refused", "unit-merged",
)  # fmt: skip


def the_example() -> str:
    found = re.search(r"<!-- example -->\n```yaml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return found[1]


async def played(path: Path, postgres: Postgres) -> tuple[Account, str]:
    told = StringIO()
    account = await play(path, Console(file=told, width=200, soft_wrap=True), server=postgres)
    return account, told.getvalue()


def said_of(account: Account) -> str:
    return "\n".join(f"{line.text}: expected {line.expected}, seen {line.seen}" for line in account.failures)


@pytest.mark.servers
@pytest.mark.parametrize("name", SCENARIOS)
async def test_every_clause_of_the_scenario_holds(name: str, postgres: Postgres) -> None:
    account, told = await played(DRILLS / f"{name}.yaml", postgres)
    assert not account.failures, said_of(account)
    assert account.held > 12
    assert in_order(account.lines)
    assert f"{account.held} đúng" in told
    assert f"{len(account.drill.pending)} chờ" in told


@pytest.mark.servers
async def test_who_holds_the_file_of_one_child_reads_nothing_of_the_other(postgres: Postgres) -> None:
    account, _ = await played(DRILLS / "siblings.yaml", postgres)
    assert not account.failures, said_of(account)
    assert account.held == 4


@pytest.mark.servers
async def test_the_guides_example_plays(postgres: Postgres, tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(the_example(), encoding="utf-8")
    account, told = await played(file, postgres)
    assert not account.failures, said_of(account)
    assert re.search(r"20:30 +E1 acknowledge .*→ yen", told)
    assert re.search(r"21:00 +E3 acknowledge .*→ truc-so", told)


@pytest.mark.servers
async def test_a_rung_is_printed_at_its_legal_instant_and_the_night_is_no_queue(postgres: Postgres) -> None:
    account, _ = await played(DRILLS / "s2-breach.yaml", postgres)
    emergency = [line for line in account.lines if line.kind == "rung" and line.text.startswith("emergency_12h")]
    ladder = [(line.level, line.at.astimezone(account.drill.start.tzinfo).strftime("%d %H:%M")) for line in emergency]
    assert ladder == [("E1", "06 01:40"), ("E2", "06 03:40"), ("E3", "06 07:40"), ("E4", "06 11:40")]


@pytest.mark.servers
async def test_an_expectation_that_does_not_hold_fails_the_drill_and_names_the_step(postgres: Postgres) -> None:
    account, told = await played(DRILLS / "broken-expectation.yaml", postgres)
    assert account.held == 1
    failed = {line.expected: (line.step, line.seen) for line in account.failures}
    step, seen = failed["deadline emergency_12h, due 07/12/2026 23:00"]
    assert step == 2
    assert seen is not None
    assert "due 07/12/2026 22:00" in seen
    assert failed["notice minh, level receipt"][0] == 2
    assert failed["breach acknowledge"][0] == 2
    assert failed["lan acknowledge is refused with not-your-role"] == (3, "200: it was done")
    assert "step 2" in told
    assert "Không bao giờ" not in told, "what follows an act that went otherwise must not be played"


@pytest.mark.servers
async def test_machines_get_one_document_and_a_status(postgres: Postgres, capsys: pytest.CaptureFixture[str]) -> None:
    status = await asyncio.to_thread(run, DRILLS / "broken-expectation.yaml", True, server=postgres)
    assert status == Outcome.FAILED
    document = json.loads(capsys.readouterr().out)
    assert document["passed"] is False
    assert document["expectations"] == {"held": 1, "failed": 4}
    assert [line["step"] for line in document["lines"] if line["held"] is False] == [2, 2, 2, 3]
    assert document["lines"][0]["at"] == "2026-12-07T10:00:00+07:00"


@pytest.mark.servers
async def test_a_stage_that_does_not_stand_is_no_failed_expectation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    never_started = Postgres(tmp_path / "postgres", tmp_path / "postgres.json", tmp_path / "postgres.log")
    status = await asyncio.to_thread(run, DRILLS / "s3.yaml", False, server=never_started)
    assert status == Outcome.ENVIRONMENT
    assert "the environment failed" in capsys.readouterr().err


@pytest.mark.servers
async def test_instants_too_close_together_are_refused_with_a_sentence(postgres: Postgres, tmp_path: Path) -> None:
    file = tmp_path / "close.yaml"
    close = the_example().replace(
        "at: 2026-12-11T21:00:00+07:00\n    clause", "at: 2026-12-11T20:59:59+07:00\n    clause"
    )
    close = close.replace("at: 2026-12-11T21:10:00+07:00", "at: 2026-12-11T21:00:00+07:00")
    file.write_text(close, encoding="utf-8")
    with pytest.raises(BadDrillError, match=r"step 5 at 11/12/2026 21:00 .* leave 6 seconds"):
        await play(file, Console(quiet=True), server=postgres)


def annhi(*words: str) -> "subprocess.CompletedProcess[str]":
    program = Path(sysconfig.get_path("scripts")) / "annhi"
    return subprocess.run([str(program), "drill", *words], capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.servers
def test_the_command_plays_on_servers_of_its_own_and_ends_with_the_status(tmp_path: Path) -> None:
    file = tmp_path / "example.yaml"
    file.write_text(the_example(), encoding="utf-8")
    done = annhi(str(file))
    assert done.returncode == Outcome.PASSED, done.stdout + done.stderr
    assert "0 sai · failed, 1 chờ · pending" in done.stdout


def test_the_command_says_what_is_wrong_with_a_file() -> None:
    done = annhi(str(DRILLS / "broken-order.yaml"))
    assert done.returncode == Outcome.BAD_FILE
    assert "broken-order.yaml:12: step 2 (Xác nhận trước khi có tin) › at: is before the step above it" in done.stderr
    assert not done.stdout.strip()


# ── the format ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scenarios_can_be_read(name: str) -> None:
    drill = load(DRILLS / f"{name}.yaml")
    assert drill.drill == name
    assert all(pending.needs in {"referrals", "matching", "statistics", "evidence"} for pending in drill.pending)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("invented: true ", "invented: false ", r":4: invented: Input should be True"),
        ("title:", "titel:", r"titel: Extra inputs are not permitted|title: Field required"),
        ("start: 2026-12-11T20:00:00+07:00", "start: 2026-12-11T20:00:00", "needs its offset from UTC"),
        ("start: 2026-12-11T20:00:00+07:00", "start: tối thứ Sáu", "an instant is written 2027-02-05T23:40:00"),
        ("parent: tinh-mau}", "parent: tinh-khac}", "no unit has the code 'tinh-khac'"),
        ("unit: xa-a, role: SUP", "unit: xa-b, role: SUP", "no unit has the code 'xa-b'"),
        ("{who: lan, from", "{who: lam, from", "rota 1 › who: nobody in the cast is called 'lam'"),
        ("until: 2026-12-14T07:30:00+07:00}\ndep", "until: 2026-12-10T07:30:00+07:00}\ndep", "until: must come after"),
        ("by: truc-so, case", "by: truc-xa, case", r"step 5 .* › act › by: nobody in the cast is called 'truc-xa'"),
        ("case: be-binh, event: acknowledge}", "case: be-an, event: acknowledge}", "no report above opens a case"),
        ("event: acknowledge}", "event: acknowlege}", "'acknowlege' is no event of the lifecycle"),
        ("absent: {who", "absent: {whom", r"step 3 .* › absent › (who: Field required|whom: Extra inputs)"),
        ("m01: {channel: HOTLINE_111", "m01: {channel: TELEX", r"report › form › m01 › channel: Not a code"),
        ("opens: [be-binh]", "opens: []", "either opens cases"),
        ("${person:lan}", "${person:nobody}", "points at nobody and nothing above"),
        ("end: 2026-12-11T21:30:00+07:00", "end: 2026-12-11T21:00:00+07:00", "end: is before the last step"),
        ("scenario: docs", "title: hai lần\nscenario: docs", r":3: the key 'title' stands here twice"),
        ("drill: vi-du", "drill: [vi-du", "is not YAML"),
        ("    absent: {who", "    expect: {case: be-binh}\n    absent: {who", "a step is exactly one of report, act"),
        ("to: [yen]", "to: [iến]", "nobody in the cast is called 'iến'|should match pattern"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_place(old: str, new: str, expected: str) -> None:
    text = the_example()
    assert old in text
    with pytest.raises(BadDrillError, match=expected) as refused:
        loads(text.replace(old, new, 1), "example.yaml")
    assert str(refused.value).startswith("example.yaml:")


REFERRED = """  - at: 2026-12-11T21:20:00+07:00
    refer: {by: lan, case: be-binh, opens: luat, service: legal_aid, unit: xa-a}
  - {at: 2026-12-11T21:21:00+07:00, act: {by: lan, referral: luat-2, event: revoke, form: {reason: "x"}}}

pending:"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("unit: xa-a}", "unit: xa-z}", "refer › unit: no unit has the code 'xa-z'"),
        ("opens: luat", "opens: luat-2", "refer › opens: is taken, or ends like a referral that was passed on"),
        ("referral: luat-2", "referral: khac", "nothing above refers a child under the name 'khac'"),
        ("service: legal_aid", "service: legal_help", "refer › form › service: Not a code"),
        ("event: revoke", "event: recall", "'recall' is no event of the lifecycle"),
        ("referral: luat-2, event", "event", "an act is on a case"),
        ('form: {reason: "x"}', "form: {}", "act › form › reason: Field required"),
    ],
)
def test_a_referral_that_cannot_be_meant_is_refused_with_its_place(old: str, new: str, expected: str) -> None:
    text = the_example().replace("pending:", REFERRED, 1)
    loads(text)
    assert old in text
    with pytest.raises(BadDrillError, match=expected):
        loads(text.replace(old, new), "example.yaml")


def test_a_time_of_day_stays_text_and_yes_is_no_truth_value() -> None:
    with pytest.raises(BadDrillError, match="invented: Input should be True"):
        loads(the_example().replace("invented: true", "invented: yes"), "example.yaml")


def test_a_drill_is_a_mapping() -> None:
    with pytest.raises(BadDrillError, match=r"example\.yaml:1: a drill is a mapping"):
        loads("- một\n- hai\n", "example.yaml")


def fields_of(model: type[BaseModel], seen: set[type[BaseModel]]) -> set[str]:
    if model in seen:
        return set()
    seen.add(model)
    found: set[str] = set()
    for name, field in model.model_fields.items():
        found.add(field.alias or name)
        for inner in models_in(field.annotation):
            found |= fields_of(inner, seen)
    return found


def models_in(kind: Any) -> list[type[BaseModel]]:
    if get_origin(kind) in (Union, UnionType, tuple, dict, list):
        return [model for argument in get_args(kind) for model in models_in(argument)]
    return [kind] if isinstance(kind, type) and issubclass(kind, BaseModel) else []


def test_the_guide_explains_every_field_in_vietnamese() -> None:
    vietnamese = GUIDE.read_text(encoding="utf-8").split("# Writing a drill")[0].split("## Cách viết")[1]
    words = set(re.findall(r"[a-z_0-9]+", " ".join(re.findall(r"`([^`]+)`", vietnamese))))
    assert sorted(fields_of(Drill, set()) - words) == []


def test_the_guide_names_every_kind_of_step_in_english() -> None:
    english = GUIDE.read_text(encoding="utf-8").split("# Writing a drill")[1]
    assert all(f"- `{kind}`: " in english for kind in KINDS)


# ── expectations, each made to fail ─────────────────────────────────────────────────────────────────


CASE: dict[str, Any] = {
    "process": "received", "protection": "none", "ban": "none", "custody": "held", "risk": None, "flagged": False,
    "plan_version": 1, "closed_at": None, "closure_reason": None, "owner_id": None,
}  # fmt: skip


def findings(expect: dict[str, Any], seen: Seen) -> list[bool]:
    return [one.held for one in check(Expect.model_validate({"case": "be", **expect}), seen, {1: "lan", 2: "minh"})]


def test_a_state_is_held_against_what_is_there() -> None:
    seen = Seen(case=CASE)
    assert findings({"state": {"process": "received", "ban": "none"}}, seen) == [True, True]
    assert findings({"state": {"process": "screening"}}, seen) == [False]
    assert findings({"owner": None}, seen) == [True]
    assert findings({"owner": "lan"}, seen) == [False]
    assert findings({"owner": "lan"}, replace(seen, case=CASE | {"owner_id": 1})) == [True]
    assert findings({"risk": "R4", "flagged": True}, seen) == [False, False]
    assert findings({}, seen) == []


def test_who_was_told_is_held_person_by_person() -> None:
    notice = {
        "who": 1, "role": "CPO", "level": "E1", "deadline": "acknowledge", "at": load(DRILLS / "s2.yaml").start,
        "channel": "sms", "deliver_at": None,
    }  # fmt: skip
    seen = Seen(case=CASE, notices=[notice])
    at = "2027-02-05T23:40:00+07:00"
    assert findings({"notified": [{"who": "lan", "level": "E1", "at": at}]}, seen) == [True]
    assert findings({"notified": [{"who": "lan", "at": "2027-02-05T23:41:00+07:00"}]}, seen) == [False]
    assert findings({"notified": [{"who": "minh"}]}, seen) == [False]
    assert findings({"not_notified": [{"who": "minh"}, {"who": "lan", "level": "E2"}]}, seen) == [True, True]
    assert findings({"not_notified": [{"who": "lan", "since": at}]}, seen) == [False]


def test_the_people_of_an_escalation_are_named_exactly() -> None:
    escalation = {
        "deadline": "plan",
        "level": "E2",
        "at": None,
        "state": "open",
        "to": [1, 2],
        "watching": [],
        "nobody": False,
    }
    seen = Seen(case=CASE, escalations=[escalation])
    assert findings({"escalations": [{"deadline": "plan", "level": "E2", "to": ["minh", "lan"]}]}, seen) == [True]
    assert findings({"escalations": [{"deadline": "plan", "level": "E2", "to": ["lan"]}]}, seen) == [False]
    assert findings({"escalations": [{"deadline": "plan", "level": "E2", "watching": ["lan"]}]}, seen) == [False]


def test_what_must_not_be_there_fails_when_it_is() -> None:
    seen = Seen(
        case=CASE,
        deadlines=[{"code": "plan", "occurrence": 1, "status": "open", "due": None}],
        breaches=[{"code": "plan", "kind": "statutory", "due": None, "recorded_at": None, "mark": None}],
        events=[{"event": "reopen", "by": None, "on_behalf_of": None, "means": None, "occurred_at": None,
                 "recorded_at": None, "implied": None}],
    )  # fmt: skip
    assert findings({"no_open": ["plan", "verify"], "no_breach": ["plan"], "no_event": ["reopen"]}, seen) == [
        False,
        True,
        False,
        False,
    ]


def test_a_clock_of_a_referral_is_not_taken_for_the_cases_own() -> None:
    clock = {"code": "acknowledge", "occurrence": 1, "subject": None, "status": "open", "started": None, "due": None,
             "met_at": None, "referral": 7}  # fmt: skip
    breach = {"code": "acknowledge", "kind": "design", "due": None, "recorded_at": None, "mark": None, "referral": 7}
    one = {"referral": 7, "state": "sent", "unit": "hospital", "outcome": None, "decline_reason": None}
    seen = Seen(case=CASE, deadlines=[clock], breaches=[breach], referrals=[one])

    def held(**expect: Any) -> list[bool]:
        wanted = Expect.model_validate({"case": "be", **expect})
        return [found.held for found in check(wanted, seen, {7: "aid"})]

    assert held(no_open=["acknowledge"], no_breach=["acknowledge"]) == [True, True]
    assert held(deadlines=[{"code": "acknowledge", "status": "open"}]) == [False]
    assert held(deadlines=[{"code": "acknowledge", "referral": "aid"}]) == [True]
    assert held(deadlines=[{"code": "acknowledge", "referral": "other"}]) == [False]
    assert held(referrals=[{"referral": "aid", "state": "sent"}, {"referral": "aid", "unit": "x"}]) == [True, False]


def test_reading_looks_at_status_and_words() -> None:
    want = WantReading(who="lan", status=200, shows=("có",), hides=("kín",))
    assert reading(want, 200, "có gì").held
    assert not reading(want, 404, "có gì").held
    assert not reading(want, 200, "không").held
    assert not reading(want, 200, "có điều kín").held

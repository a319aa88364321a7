"""What people read of the lifecycle equals the lifecycle, in both languages."""

import json
import re
import unicodedata
from pathlib import Path

import pytest

from models.lifecycle import EVENTS, REFUSALS, REGIONS, STATES
from models.lifecycle.describe import HISTORY, describe, moves
from models.lifecycle.diagram import diagrams, main, mermaid, replaced, tables
from models.lifecycle.rules import CONDITIONS, ITEM_CLOCKS

ROOT = Path(__file__).parent.parent
ROOM = ROOT / "models" / "lifecycle"


def test_the_documentation_page_equals_the_chart():
    text = (ROOT / "docs" / "lifecycle.md").read_text(encoding="utf-8")
    assert "<!-- lifecycle:begin -->" in text
    assert "<!-- lifecycle-tables:begin -->" in text
    assert diagrams() in text
    assert tables() in text


def test_the_readme_equals_the_chart_where_it_shows_it():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert replaced(text) == text


def test_checking_a_page_that_fell_behind_fails_and_writing_it_repairs_it(tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- lifecycle:begin -->\nstale\n<!-- lifecycle:end -->\nafter\n", encoding="utf-8")
    assert main(["--check", str(page)]) == 1
    assert "differs from the chart" in capsys.readouterr().err
    assert main(["--write", str(page)]) == 0
    assert main(["--check", str(page)]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "stale" not in text


@pytest.mark.parametrize("region", REGIONS)
def test_a_drawing_shows_every_state_and_every_move_is_drawn_or_said(region):
    drawing = mermaid(region)
    for code, label in STATES[region].items():
        assert f"    {code} : {code} · {label.vi}" in drawing
    whole = diagrams()
    for move in moves():
        if move.region == region and move.source != move.target:
            drawn = re.search(rf"{move.source} --> {move.target} : .*\b{move.event}\b", drawing)
            assert drawn or f"`{move.event}`" in whole, move


def test_the_description_is_json_and_names_every_move():
    said = json.loads(json.dumps(describe()))
    assert [region["code"] for region in said["regions"]] == list(REGIONS)
    assert {event["code"] for event in said["events"]} == set(EVENTS)
    by_code = {event["code"]: event for event in said["events"]}
    assert by_code["receive_report"]["moves"] == [{"region": "process", "from": None, "to": "received", "if": ""}]
    assert {"region": "process", "from": "suspended", "to": HISTORY, "if": ""} in by_code["resume"]["moves"]
    assert sum(len(event["moves"]) for event in said["events"]) == len(moves()) + 1


VIETNAMESE = re.compile(r"[àáảãạăằắẳẵặâầấẩẫậđèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵ]", re.IGNORECASE)


def test_every_event_and_state_has_a_native_label_in_both_languages():
    labels = [(spec.label_vi, spec.label_en) for spec in EVENTS.values()]
    labels += [(label.vi, label.en) for region in REGIONS for label in STATES[region].values()]
    for vi, en in labels:
        assert VIETNAMESE.search(vi), vi
        assert unicodedata.is_normalized("NFC", vi), vi
        assert en, vi
        assert not VIETNAMESE.search(en.replace("Mẫu", "")), en


def test_labels_tell_the_events_apart():
    assert len({spec.label_vi for spec in EVENTS.values()}) == len(EVENTS)
    assert len({spec.label_en for spec in EVENTS.values()}) == len(EVENTS)


def test_every_refusal_that_can_be_given_has_its_sentences_and_no_other_is_kept():
    given = set(ITEM_CLOCKS)
    for module in ("rules.py", "decide.py", "checks.py"):
        text = (ROOM / module).read_text(encoding="utf-8")
        given |= set(re.findall(r'No\(\s*"([a-z0-9-]+)"', text))
        given |= set(re.findall(r'": "([a-z]+(?:-[a-z]+)+)"', text)) | set(re.findall(r', "(field-missing)"', text))
    assert given == set(REFUSALS)


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_says_in_both_languages_what_to_do_next(code):
    said = REFUSALS[code]
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", code)
    assert VIETNAMESE.search(said.vi)
    assert unicodedata.is_normalized("NFC", said.vi)
    assert re.search(r"[Hh]ãy ", said.vi), "no instruction"
    assert said.vi.endswith(".")
    assert said.en.endswith(".")


def test_every_condition_named_by_an_event_exists_and_every_condition_is_used():
    named = {name for spec in EVENTS.values() for name in spec.conditions}
    assert named - {"approver-is-author"} == set(CONDITIONS)

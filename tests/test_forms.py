"""Forms and action bodies: what is accepted, what is refused with which code, what becomes a document."""

import json
import time
import typing
import unicodedata
from datetime import UTC, date, datetime
from functools import cache
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as sampled
from hypothesis import strategies as st
from pydantic import ValidationError

from models.forms import (
    AS_STORED,
    FORMS,
    INPUTS,
    M01,
    M02,
    M04,
    M06,
    M07,
    BanRequest,
    ChildInfo,
    Form,
    ReportInput,
    Sheet,
    StepRecord,
    canonical,
    carried,
    content,
    given,
    parts,
    schema,
)
from models.forms.inputs import Reported
from models.lifecycle import EVENTS, PERSON_EVENTS
from models.lifecycle.facts import TYPED_NEEDS
from models.vocabulary import codes

# --- a random value for any JSON schema of ours -------------------------------------------------------------------

TEXTS = st.text(
    st.characters(
        codec="utf-8", exclude_characters="\0", exclude_categories=("Cs", "Cc", "Cf", "Mn")
    ),  # Cf may be cleaned away to nothing
    min_size=1,
    max_size=30,
)
PATTERNS = {
    r"^[0-9a-f]{64}$": st.text("0123456789abcdef", min_size=64, max_size=64),
    r"^[a-z0-9][a-z0-9_-]{0,31}$": st.uuids().map(lambda u: f"step-{u.hex[:12]}"),
    r"^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$": st.integers(1, 99999).map(lambda n: f"{n:05}"),
}


def of_schema(node, defs, secret=None):
    """Values a schema accepts. With `secret`, every free text is that secret."""
    if "$ref" in node:
        return of_schema(defs[node["$ref"].rsplit("/", 1)[1]], defs, secret)
    if "anyOf" in node:
        return st.one_of(*(of_schema(one, defs, secret) for one in node["anyOf"]))
    if "const" in node or "enum" in node:
        return st.sampled_from(node.get("enum") or [node["const"]])
    if node["type"] == "object":
        required = set(node.get("required", ()))
        fields = {k: of_schema(v, defs, secret) for k, v in node["properties"].items()}
        return st.fixed_dictionaries(
            {k: v for k, v in fields.items() if k in required},
            optional={k: v for k, v in fields.items() if k not in required},
        )
    return {
        "array": lambda: st.lists(
            of_schema(node["items"], defs, secret), min_size=node.get("minItems", 0), max_size=node.get("minItems", 2)
        ),
        "string": lambda: text_of(node, secret),
        "integer": lambda: st.integers(node.get("minimum", 0), node.get("maximum", 1000)),
        "boolean": st.booleans,
        "null": st.none,
    }[node["type"]]()


def text_of(node, secret):
    if node.get("format") == "date-time":
        return st.integers(0, 4_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC).isoformat())
    if node.get("format") == "date":
        return st.dates(date(2000, 1, 1), date(2100, 1, 1)).map(date.isoformat)
    if node.get("format") == "uuid":
        return st.uuids().map(str)
    if "pattern" in node:
        return PATTERNS[node["pattern"]]
    return st.just(secret) if secret else TEXTS.filter(str.strip)


def settle(value, model):
    """Make a random value agree with itself where one field depends on another."""
    for name, field in model.model_fields.items():
        inner = sheet_in(field.annotation)
        among = value.get(name) if isinstance(value.get(name), list) else [value.get(name)]
        for item in among:
            if inner and isinstance(item, dict):
                settle(item, inner)
    for names, agreed in AGREED:
        if names <= model.model_fields.keys():
            value |= agreed
    if "emergency" in value:
        value["trigger"] = "LIFE" if value["emergency"] else None
    if issubclass(model, Reported) and "m01" in value:
        value["m01"]["children"] = value["m01"].get("children", [{}])[:1]
    if "m06" in value:
        value["m06"]["conclusion"] = "CONTINUE" if model.EVENT == "continue_plan" else "END"
    return value


AGREED = (
    ({"emergency", "risk_override"}, {"risk_override": None}),
    ({"flagged", "trigger"}, {"trigger": None, "received_at": None}),
    ({"anonymous"}, {"anonymous": False}),
    ({"starts_at", "until"}, {"starts_at": None}),
    ({"starts_at", "ends_at"}, {"ends_at": None}),
    ({"requested_by", "consent"}, {"consent": True}),
    ({"outcome", "why_not"}, {"why_not": "chưa liên hệ được"}),
    ({"person_id", "role", "means"}, {"role": "CHAIR"}),
    ({"physical_state"}, {"physical_state": "ổn định"}),
    ({"person_id", "name", "organisation"}, {"organisation": "công an xã"}),
    ({"decision", "assignee_id", "due"}, {"assignee_id": None, "due": None}),
    ({"held", "why_not", "participants"}, {"why_not": "chưa đủ thành phần", "held": False}),
    (
        {"spoken", "number", "signed_on", "signer"},
        {"spoken": False, "number": "12/QĐ-UBND", "signed_on": "2027-02-06", "signer": "Chủ tịch"},
    ),
)
"""What is set where a sheet has all of these fields."""


def sheet_in(annotation):
    if isinstance(annotation, type) and issubclass(annotation, Sheet):
        return annotation
    return next((found for one in typing.get_args(annotation) if (found := sheet_in(one))), None)


@cache
def any_of(model, secret=None):
    node = model.model_json_schema()
    return of_schema(node, node.get("$defs", {}), secret).map(lambda value: settle(value, model))


quick = settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def refusal(model, value, **kwargs):
    """Codes with which a value is refused; empty if it is not."""
    try:
        model.model_validate(value, **kwargs)
    except ValidationError as refused:
        return [e["type"] for e in refused.errors(include_url=False)]
    return []


# --- forms --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", FORMS)
@quick
@sampled(data=st.data())
def test_a_form_written_as_json_and_read_back_is_stored_the_same(kind, data):
    form = FORMS[kind].model_validate(data.draw(any_of(FORMS[kind])))
    stored = content(form)
    again = FORMS[kind].model_validate_json(canonical(stored))
    assert again == form
    assert canonical(content(again)) == canonical(content(form)) == canonical(json.loads(canonical(stored)))


@pytest.mark.parametrize("model", [*FORMS.values(), *INPUTS.values(), ReportInput], ids=lambda m: m.__name__)
@quick
@sampled(data=st.data())
def test_an_unknown_field_is_refused(model, data):
    value = data.draw(any_of(model))
    assert refusal(model, value) == []
    assert "extra_forbidden" in refusal(model, {**value, "khong_co_truong_nay": ""})


def test_the_kinds_of_documents_are_those_of_the_vocabulary():
    assert {*FORMS, "act"} == set(codes("document_kinds"))


def sheets():
    found, queue = set(), [*FORMS.values(), *INPUTS.values(), ReportInput]
    while queue:
        model = queue.pop()
        if model in found:
            continue
        found.add(model)
        queue += [inner for f in model.model_fields.values() if (inner := sheet_in(f.annotation))]
    return sorted(found, key=lambda m: m.__name__)


@pytest.mark.parametrize("model", sheets(), ids=lambda m: m.__name__)
def test_every_sheet_and_every_field_is_titled_in_both_languages(model):
    shown = model.model_json_schema()
    assert shown["title"] == model.VI
    assert shown["en"] == model.EN
    assert model.VI
    for name, said in shown["properties"].items():
        # Beside a $ref the schema leaves out what the definition says already.
        field = {**shown.get("$defs", {}).get(said.get("$ref", "").rsplit("/", 1)[-1], {}), **said}
        assert field["title"], name
        assert field["en"], name
        assert isinstance(field["verified"], bool), name
        for text in (field["title"], field.get("help_vi", "")):
            assert unicodedata.is_normalized("NFC", text)
        assert field["title"] != field["en"], name


@pytest.mark.parametrize("model", sheets(), ids=lambda m: m.__name__)
def test_every_text_and_every_list_has_a_size_cap(model):
    def walk(node, where):
        if isinstance(node, dict):
            if node.get("type") == "string" and not {"enum", "format", "pattern", "const"} & node.keys():
                assert "maxLength" in node, where
            if node.get("type") == "array":
                assert "maxItems" in node, where
            for key, inner in node.items():
                if key != "default":
                    walk(inner, f"{where}.{key}")
        elif isinstance(node, list):
            for inner in node:
                walk(inner, where)

    walk(model.model_json_schema(), model.__name__)


def test_nothing_need_be_known_of_a_child():
    assert ChildInfo() == ChildInfo.model_validate({})
    assert ReportInput.model_validate({}).m01.children == (ChildInfo(),)


def test_an_unnamed_informant_has_no_name():
    assert refusal(M01, {"anonymous": True, "informant": {"phone": "0900000000"}}) == ["anonymous-has-identity"]
    assert refusal(M01, {"anonymous": True, "informant": {"note": "hàng xóm"}}) == []


def test_the_file_of_one_child_holds_nothing_of_the_others():
    report = M01.model_validate({"children": [{"name": "Bé An"}, {"name": "Bé Bình"}], "happened": "…"})
    assert [c.name for c in report.for_child(1).children] == ["Bé Bình"]
    assert "An" not in canonical(content(report.for_child(1)))


def m02(severity="THAP", further="THAP", self_="CAO", knows="CAO", adult="CAO", **more):
    names = ("severity", "further_harm", "self_protection", "knows_protector", "other_adult")
    levels = dict(zip(names, (severity, further, self_, knows, adult), strict=True))
    return {"emergency": False, **{k: {"level": v} for k, v in levels.items()}, **more}


@pytest.mark.parametrize(
    ("form", "risk"),
    [
        (m02(), "R1"),
        (m02(severity="TRUNG_BINH", further="TRUNG_BINH"), "R1"),
        (m02(severity="TRUNG_BINH", further="TRUNG_BINH", self_="THAP"), "R2"),
        (m02(self_="THAP", knows="TRUNG_BINH", adult="THAP"), "R2"),
        (m02(further="CAO", adult="TRUNG_BINH"), "R1"),
        (m02(further="CAO", adult="THAP"), "R3"),
        (m02(severity="CAO"), "R3"),
        (m02(emergency=True, trigger="HEALTH"), "R4"),
    ],
)
def test_the_risk_level_follows_from_the_criteria(form, risk):
    assert M02.model_validate(form).risk == risk


def test_the_risk_level_may_be_raised_with_a_reason_and_never_lowered():
    assert M02.model_validate(m02(risk_override="R3", risk_override_reason="từng tái diễn")).risk == "R3"
    assert refusal(M02, m02(risk_override="R3")) == ["risk-override-without-reason"]
    assert refusal(M02, m02(severity="CAO", risk_override="R2", risk_override_reason="…")) == ["risk-below-derived"]


def test_an_emergency_names_its_trigger_and_only_an_emergency_has_one():
    assert refusal(M02, m02(emergency=True)) == ["trigger-missing"]
    assert refusal(M02, m02(trigger="LIFE")) == ["trigger-without-emergency"]
    assert refusal(M02, m02(emergency=True, trigger="FIRE")) == ["unknown-code"]


def test_totals_are_counted_per_part_and_cannot_be_changed():
    form = M02.model_validate(m02(severity="CAO", self_="THAP"))
    stored = content(form)
    assert stored["harm_totals"] == {"cao": 1, "trung_binh": 0, "thap": 1}
    assert stored["capacity_totals"] == {"cao": 2, "trung_binh": 0, "thap": 1}
    assert M02.model_validate(stored) == form
    forged = {**stored, "harm_totals": {"cao": 0, "trung_binh": 0, "thap": 2}}
    assert refusal(M02, forged) == ["computed-differs"]
    assert refusal(M02, {**stored, "risk": "R1"}) == ["computed-differs"]
    # What was stored under an older rule must stay readable.
    assert refusal(M02, {**stored, "derived_risk": "R2", "risk": "R2"}, context={AS_STORED: True}) == []


def test_a_decision_is_signed_or_spoken():
    order = {"isolated_from": ["người cha"], "isolated_to": "nhà dì ruột", "until": "2027-02-20"}
    signed = {"number": "12/QĐ-UBND", "signed_on": "2027-02-06", "signer": "Chủ tịch Trần Văn Mẫu"}
    assert refusal(M07, order) == ["decision-incomplete"]
    assert refusal(M07, {**order, **signed, "signer": "  "}) == ["decision-incomplete"]
    assert refusal(M07, {**order, **signed}) == []
    assert refusal(M07, {**order, "spoken": True}) == []
    assert refusal(M07, {**order, **signed, "spoken": True}) == ["spoken-has-number"]


def test_an_isolation_that_begins_on_a_vietnamese_day_may_end_on_that_day():
    order = {"isolated_from": ["x"], "isolated_to": "y", "spoken": True, "starts_at": "2027-02-05T18:00:00Z"}
    assert refusal(M07, {**order, "until": "2027-02-06"}) == []
    assert refusal(M07, {**order, "until": "2027-02-05"}) == ["ends-before-start"]


def test_a_body_asks_for_a_ban_with_consent_or_because_life_is_threatened():
    request = {"requested_by": "POL", "against": "người cha", "reason": "đánh con nhiều lần"}
    assert refusal(BanRequest, request) == ["ban-consent-missing"]
    assert refusal(BanRequest, {**request, "consent": True}) == []
    assert refusal(BanRequest, {**request, "life_threatened": True}) == []
    assert refusal(BanRequest, {**request, "requested_by": "VICTIM"}) == []


def test_a_step_that_was_not_done_says_why():
    assert refusal(StepRecord, {"key": "kham", "outcome": "NOT_DONE"}) == ["step-without-reason"]
    assert refusal(StepRecord, {"key": "kham", "outcome": "DONE"}) == []


def plan(*keys):
    step = {"measure": "Khám sức khỏe", "responsible": "Trạm y tế", "due": "2027-03-01"}
    return {"objectives": ["Trẻ an toàn"], "measures": [{**step, "key": key} for key in keys]}


def test_the_steps_of_a_plan_have_keys_of_their_own():
    assert refusal(M04, plan("kham", "tham")) == []
    assert refusal(M04, plan("kham", "kham")) == ["step-key-twice"]
    assert refusal(M04, plan()) == ["too_short"]
    assert M04.model_validate(plan("kham")).carried() == {"steps": {"kham": "2027-03-01"}}


# --- text, dates, codes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("note", "code"),
    [("a\0b", "text-has-nul"), ("\ud83d", "text-has-surrogate"), ("x" * 4001, "text-too-long"), (5, "string_type")],
)
def test_text_that_cannot_be_kept_is_refused_with_a_code(note, code):
    assert refusal(INPUTS["acknowledge"], {"note": note}) == [code]


def test_a_refusal_does_not_repeat_what_was_typed():
    with pytest.raises(ValidationError) as refused:
        INPUTS["detach"].model_validate({"reason": "Nguyễn Thị Bí Mật\0"})
    assert "Bí Mật" not in str(refused.value)


def test_emoji_and_composed_letters_are_kept_in_nfc():
    body = INPUTS["acknowledge"].model_validate({"note": "  Bé ngoan 👧🏻 Nguye\u0302\u0303n "})
    assert body.note == "Bé ngoan 👧🏻 Nguyễn"


def test_huge_text_costs_nothing():
    began = time.perf_counter()
    assert refusal(INPUTS["detach"], {"reason": "\u0315\u0300" * 5_000_000}) == ["text-too-long"]
    assert refusal(INPUTS["detach"], {"reason": "a" + "\u0315\u0300" * 9_000}) == ["text-has-mark-run"]
    assert time.perf_counter() - began < 0.5


def test_a_blank_reason_is_no_reason():
    assert refusal(INPUTS["detach"], {"reason": " \n "}) == ["missing"]
    assert refusal(INPUTS["detach"], {"reason": "\x07"}) == ["text-blank"]


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("2027-02-05T23:40", "instant-without-zone"),
        (datetime(2027, 2, 5), "instant-without-zone"),  # noqa: DTZ001 that is the point
        (1802000000, "instant-not-iso"),
        ("1802000000", "instant-not-iso"),
        ("2027-02-30T00:00Z", "instant-not-iso"),
        ("0001-01-01T00:00+07:00", "date-out-of-range"),
    ],
)
def test_an_instant_without_its_offset_is_refused(at, code):
    assert refusal(INPUTS["acknowledge"], {"occurred_at": at}) == [code]


def test_one_instant_has_one_spelling():
    here, there = (
        INPUTS["acknowledge"].model_validate({"occurred_at": at}).occurred_at
        for at in ("2027-02-05T23:40+07:00", "2027-02-05T16:40:00Z")
    )
    assert here == there
    assert here.tzinfo is UTC


@pytest.mark.parametrize(
    "day", ["5", 5, "2027-2-5", "2027-02-30", "2027-02-05T00:00", datetime(2027, 2, 5, tzinfo=UTC)]
)
def test_a_date_is_a_date(day):
    assert refusal(ChildInfo, {"dob": day}) == ["date-not-iso"]


def test_codes_carry_their_vocabulary_into_the_schema():
    risk = schema("update_risk")["properties"]["risk"]
    assert (risk["vocabulary"], risk["enum"]) == ("risk_levels", ["R1", "R2", "R3", "R4"])


# --- action bodies ------------------------------------------------------------------------------------------------


def test_every_event_a_person_sends_has_a_body_and_every_body_an_event():
    assert set(INPUTS) == set(PERSON_EVENTS) - {"receive_report"}


@pytest.mark.parametrize("event", INPUTS)
def test_a_body_is_titled_as_its_event_and_can_hold_what_the_event_needs(event):
    body, spec = INPUTS[event], EVENTS[event]
    assert (spec.label_vi, spec.label_en) == (body.VI, body.EN)
    forms = [f for field in body.model_fields.values() if (f := sheet_in(field.annotation)) and issubclass(f, Form)]
    names = set(body.model_fields).union(*(f.model_fields for f in forms))
    assert set(spec.needs) - TYPED_NEEDS <= names
    assert set(spec.documents) <= {f.KIND for f in forms}
    assert json.dumps(schema(event))


@pytest.mark.parametrize("event", INPUTS)
@quick
@sampled(data=st.data())
def test_a_body_gives_the_lifecycle_what_the_event_needs(event, data):
    spec = EVENTS[event]
    body = INPUTS[event].model_validate(data.draw(any_of(INPUTS[event])))
    assert set(spec.needs) - TYPED_NEEDS <= given(body)
    assert set(spec.documents) <= {part.kind for part in parts(body)}


@pytest.mark.parametrize("event", [e for e, spec in EVENTS.items() if "reason" in spec.needs])
def test_where_the_lifecycle_wants_a_reason_the_body_insists_on_it(event):
    assert "reason" in schema(event)["required"]


@pytest.mark.parametrize("model", [*INPUTS.values(), ReportInput], ids=lambda m: m.__name__)
@quick
@sampled(data=st.data())
def test_no_text_leaves_with_the_command(model, data):
    body = model.model_validate(data.draw(any_of(model, secret="bí mật của trẻ")))
    sent = json.dumps(carried(body), ensure_ascii=False)
    assert "bí mật" not in sent


@pytest.mark.parametrize("event", INPUTS)
@quick
@sampled(data=st.data())
def test_every_text_of_a_body_is_in_exactly_its_documents(event, data):
    body = INPUTS[event].model_validate(data.draw(any_of(INPUTS[event], secret="bí mật")))
    # Who informed stays with the report itself, which is stored whole and apart (see `M01.for_child`).
    apart = {"m01": {"informant"}} if isinstance(body, Reported) else None
    told = body.model_dump_json(exclude=apart).count("bí mật")
    assert sum(canonical(p.content).count("bí mật") for p in parts(body)) == told


def test_forms_become_documents_and_the_rest_one_act():
    body = INPUTS["submit_plan"].model_validate({"m04": plan("kham"), "m05": {}, "note": "trình gấp"})
    assert [p.kind for p in parts(body)] == ["M04", "M05", "act"]
    assert parts(body)[-1].content == {"note": "trình gấp"}
    assert parts(INPUTS["acknowledge"]()) == ()
    assert [p.kind for p in parts(INPUTS["add_report"].model_validate({"m01": {}, "flagged": False}))] == ["M01"]
    when = {"occurred_at": "2027-02-05T16:40Z", "on_behalf_of": {"role": "CHAIR", "means": "phone"}}
    assert parts(INPUTS["acknowledge"].model_validate(when)) == ()


def test_a_mau_02_carries_what_the_clocks_need_and_nothing_else():
    body = INPUTS["complete_initial_assessment"].model_validate({"m02": m02(emergency=True, trigger="LIFE")})
    assert carried(body) == {"risk": "R4", "emergency": True, "trigger": "LIFE"}


def test_somebody_is_always_behind_on_behalf_of():
    assert refusal(INPUTS["acknowledge"], {"on_behalf_of": {"means": "phone"}}) == ["on-behalf-of-nobody"]


def test_attaching_needs_a_person_to_confirm():
    body = {"target_case": str(uuid4())}
    assert refusal(INPUTS["attach"], body) == ["missing"]
    assert refusal(INPUTS["attach"], {**body, "confirmed": False}) == ["literal_error"]
    assert refusal(INPUTS["attach"], {**body, "confirmed": True}) == []


@pytest.mark.parametrize(("days", "codes_"), [(0, ["greater_than_equal"]), (1, []), (3, []), (4, ["less_than_equal"])])
def test_a_clock_is_paused_for_at_most_three_working_days(days, codes_):
    assert refusal(INPUTS["pause_clock"], {"deadline_id": str(uuid4()), "working_days": days, "reason": "…"}) == codes_


def test_the_review_must_conclude_as_the_action_says():
    review = {name: {"level": "THAP"} for name in ("harm", "access", "obstacles", "capacity")}
    end, goes_on = ({**review, "conclusion": c} for c in ("END", "CONTINUE"))
    assert M06.model_validate(end).harm_totals.thap == 3
    assert refusal(INPUTS["continue_plan"], {"m06": end}) == ["review-concludes-otherwise"]
    assert refusal(INPUTS["continue_plan"], {"m06": goes_on}) == []
    closing = {"closure_reason": "NO_LONGER_AT_RISK"}
    assert refusal(INPUTS["propose_closure"], {"m06": goes_on, **closing}) == ["review-concludes-otherwise"]
    assert refusal(INPUTS["propose_closure"], {"m06": end, **closing}) == []


# --- reports ------------------------------------------------------------------------------------------------------


def test_a_report_on_a_case_is_about_one_child():
    two = {"m01": {"children": [{}, {}]}}
    assert refusal(INPUTS["add_report"], two) == ["one-child-only"]
    assert refusal(ReportInput, two) == []


def test_a_report_states_one_receipt_and_not_in_the_future():
    now = datetime(2027, 2, 5, 16, 40, tzinfo=UTC)
    report = ReportInput.model_validate({"m01": {"received_at": "2027-02-05T23:40+07:00"}})
    assert report.receipt == now
    report.refuse_future(now)
    with pytest.raises(ValueError, match="future"):
        report.refuse_future(now.replace(minute=39))
    both = {"m01": {"received_at": "2027-02-05T23:40+07:00"}, "received_at": "2027-02-05T23:45+07:00"}
    assert refusal(ReportInput, both) == ["received-twice"]


def test_the_childs_own_commune_wins_over_the_reports():
    report = ReportInput.model_validate(
        {"m01": {"children": [{}, {"incident_unit": "00004"}]}, "incident_unit": "00001", "residence_unit": "00002"}
    )
    assert report.units_of(0) == ("00001", "00002")
    assert report.units_of(1) == ("00004", "00002")


def test_a_trigger_belongs_to_a_flagged_report():
    assert refusal(ReportInput, {"trigger": "LIFE"}) == ["trigger-without-emergency"]
    assert refusal(ReportInput, {"trigger": "LIFE", "flagged": True}) == []

"""The words of the service: every code once, in both languages, and clean text in and out."""

import tomllib
import unicodedata
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import protocol
from models import vocabulary as words
from models.lifecycle import ROLES, rules
from models.vocabulary.fold import MARKS_IN_A_ROW, UncleanTextError, clean_text, fold

TERMS = [(name, term) for name in words.names() for term in words.vocabulary(name)]
MARKED = set("àáảãạăằắẳẵặâầấẩẫậèéẻẽẹêềếểễệìíỉĩịòóỏõọôồốổỗộơờớởỡợùúủũụưừứửữựỳýỷỹỵđ")


@pytest.mark.parametrize("term", [term for _, term in TERMS], ids=lambda term: term.code)
def test_every_term_has_both_labels_clean_and_in_nfc(term):
    for text in (term.vi, term.en, term.legal_basis):
        assert text == clean_text(text).strip()
        assert unicodedata.is_normalized("NFC", text)
    assert term.vi
    assert term.en
    assert set(term.en.lower()).isdisjoint(MARKED), "the English label is English"
    assert term.valid_to is None or term.valid_from <= term.valid_to


def test_vietnamese_labels_carry_their_diacritics():
    bare = {(name, t.code) for name, t in TERMS if not set(t.vi.lower()) & MARKED}
    # Nam, Zalo 111, Cao, Cao, Mang thai: words that have none.
    assert bare == {
        ("sex", "MALE"),
        ("channels", "ZALO"),
        ("criterion_levels", "CAO"),
        ("risk_levels", "R3"),
        ("special_flags", "MANG_THAI"),
    }


@pytest.mark.parametrize("name", words.names())
def test_a_vocabulary_has_no_code_twice_and_no_label_twice(name):
    terms = words.vocabulary(name)
    assert len({t.code for t in terms}) == len(terms)
    assert len({t.vi for t in terms}) == len(terms)
    assert len({t.en for t in terms}) == len(terms)
    assert words.title(name, "vi")
    assert words.title(name, "en")


def test_a_code_used_twice_is_refused_when_loaded():
    row = {"code": "A", "vi": "Một", "en": "One"}
    with pytest.raises(ValueError, match="used twice"):
        words._terms("x", {"terms": [row, {**row, "vi": "Hai", "en": "Two"}]})


@pytest.mark.parametrize(
    ("name", "term"), [pair for pair in TERMS if pair[1].parent], ids=lambda v: getattr(v, "code", v)
)
def test_a_narrower_term_stands_under_an_existing_one_and_starts_with_its_code(name, term):
    assert term.parent in words.codes(name)
    assert term.code.startswith(f"{term.parent}.")


# The codes given out so far. A code may be added here, never removed and never given another meaning.
PUBLISHED = {
    "risk_levels": "R1 R2 R3 R4",
    "criterion_levels": "CAO TRUNG_BINH THAP",
    "emergency_triggers": "LIFE HEALTH DIGNITY CARER_IS_PERPETRATOR",
    "escalation_levels": "E0 E1 E2 E3 E4",
    "means": "phone paper in_person",
    "sex": "MALE FEMALE UNKNOWN",
    "services": "DV_YT_CC DV_YT_SSTD DV_PY DV_TL DV_TT DV_CSTT DV_PL DV_CA DV_GD DV_TC DV_HT DV_NGHE "
    "DV_GDINH DV_CAMTX DV_TA",
    "special_flags": "MANG_THAI TU_TU DUOI_NUOC TAI_NAN MANG NCTN_VPPL TAO_HON CAN_HUYET KHUYET_TAT HIV DAN_TOC "
    "NUOC_NGOAI XUYEN_BIEN_GIOI ANH_CHI_EM ME_LA_NAN_NHAN NGUOI_CUNG_CAP_AN_DANH XUNG_DOT_LOI_ICH BAO_CHI",
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_no_published_code_is_taken_back(name):
    assert words.codes(name)[: len(PUBLISHED[name].split())] == tuple(PUBLISHED[name].split())


def test_the_law_names_fourteen_groups_and_seven_forms_of_abuse():
    groups = [t.code for t in words.vocabulary("special_circumstances") if not t.parent]
    assert groups == [f"HC{n:02}" for n in range(1, 15)] + ["NGUY_CO"]
    forms = [t.code for t in words.vocabulary("abuse_forms") if not t.parent]
    assert forms == ["XH_BL", "XH_BLo", "XH_TD", "XH_MB", "XH_BR", "XH_BM", "XH_KH"]


def test_what_the_lifecycle_compares_with_is_in_the_vocabulary():
    assert words.codes("roles") == ROLES
    assert set(words.codes("emergency_triggers")) == rules.EMERGENCY_TRIGGERS
    assert set(words.codes("early_closure_kinds")) == rules.EARLY_CLOSURE_REASONS
    assert set(words.codes("closure_reasons")) >= rules.CLOSURE_REASONS
    assert set(words.codes("end_isolation_grounds")) == rules.ISOLATION_END_GROUNDS
    assert set(words.codes("ban_requesters")) == rules.BAN_REQUESTERS


def test_a_memory_of_the_law_is_not_shown_as_law():
    assert words.term("special_circumstances", "HC11").verified
    assert words.term("special_circumstances", "HC03.3").verified
    assert not words.term("special_circumstances", "HC03.4").verified
    assert not words.term("deadlines", "plan_approval").verified


def test_a_term_can_be_chosen_only_on_its_days():
    before = {t.code for t in words.in_force("abuse_forms", date(2025, 6, 30))}
    after = {t.code for t in words.in_force("abuse_forms", date(2025, 7, 1))}
    assert after - before == {"XH_MB.SS"}


def test_labels_are_looked_up_by_language():
    assert words.label("emergency_triggers", "LIFE", "vi").startswith("Trẻ đang bị đe dọa")
    assert words.label("risk_levels", "R4", "en") == "R4 emergency"
    with pytest.raises(KeyError):
        words.label("risk_levels", "R5", "vi")


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Đỗ Thị Ước", "do thi uoc"),
        ("NGUYỄN VĂN ĐƯỢC", "nguyen van duoc"),
        ("Nguyê\u0303n", "nguyen"),
        ("phường Ô Chợ Dừa", "phuong o cho dua"),
        ("", ""),
    ],
)
def test_folding_takes_marks_and_case_away(text, folded):
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_changes_nothing_and_never_depends_on_the_normal_form(text):
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=MARKS_IN_A_ROW))
def test_cleaning_gives_nfc_without_controls_and_is_settled_after_once(text):
    clean = clean_text(text)
    assert unicodedata.is_normalized("NFC", clean)
    assert not [c for c in clean if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    assert clean_text(clean) == clean


def test_cleaning_keeps_what_people_write_and_drops_what_machines_hide():
    assert clean_text("Bé 8 tuổi 👩‍👧 \u1ec5 \ttab\r\ndòng hai\rdòng ba") == "Bé 8 tuổi 👩‍👧 ễ \ttab\ndòng hai\ndòng ba"
    assert clean_text("Nguye\u0302\u0303n") == "Nguyễn"
    assert clean_text("a\x07b\x1bc\x7fd\u202ee\u2066f") == "abcdef"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a\0b", "text-has-nul"),
        ("\ud800", "text-has-surrogate"),
        ("x\udfffy", "text-has-surrogate"),
        ("a" + "\u0301" * (MARKS_IN_A_ROW + 1), "text-has-mark-run"),
    ],
)
def test_what_cannot_be_stored_is_refused_with_its_code(text, code):
    with pytest.raises(UncleanTextError) as refused:
        clean_text(text)
    assert refused.value.code == code


def test_every_deadline_of_every_protocol_has_a_label():
    files = sorted((Path(protocol.__file__).parent / "data").glob("*.toml"))
    assert files
    for file in files:
        for row in tomllib.loads(file.read_text(encoding="utf-8"))["rows"]:
            if "service" not in row:
                assert words.label("deadlines", row["code"], "vi") == row["name_vi"], file.name

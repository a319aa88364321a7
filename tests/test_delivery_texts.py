"""The words of a notice: both languages, whole, short enough for one SMS, and about nobody."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from models.records.texts import GSM_LIMIT, KINDS, UCS2_LIMIT, link, moment, plain, render, sms_limit
from models.vocabulary import codes

CASE = uuid4()
URL = link("https://annhi.hanoi.example/", CASE)
VALUES = {"case": "HN-2026-000123", "due_at": "2027-02-06T04:40:00+00:00", "level": "E3", "unit": "H"}


@pytest.mark.parametrize("language", ["vi", "en"])
@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_reads_whole_for_every_deadline(kind: str, language: str) -> None:
    for deadline in codes("deadlines"):
        text = render(kind, VALUES | {"deadline": deadline}, language, URL)
        for words in (text.subject, text.body, text.short, text.spoken):
            assert "HN-2026-000123" in words, deadline
            assert not set("{}") & set(words), deadline
        assert URL in text.body
        assert len(text.short) <= GSM_LIMIT == sms_limit(text.short), deadline


@pytest.mark.parametrize("kind", KINDS)
def test_vietnamese_and_english_differ_and_vietnamese_has_its_marks(kind: str) -> None:
    vi, en = (render(kind, VALUES | {"deadline": "plan"}, language, URL) for language in ("vi", "en"))
    assert vi.body != en.body
    assert sms_limit(vi.body) == UCS2_LIMIT


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_reads_without_a_deadline_too(kind: str) -> None:
    assert render(kind, {"case": "HN-1"}, "vi", URL).body


def test_an_sms_has_the_link_where_there_is_room_and_the_code_always() -> None:
    assert render("told", VALUES, "vi", URL).short.endswith(URL)
    long = "https://" + "a" * 200 + ".example"
    short = render("rung_after", VALUES | {"deadline": "post_closure_contact"}, "vi", long).short
    assert "HN-2026-000123" in short
    assert "https" not in short


def test_an_sms_of_an_endless_code_is_still_one_sms() -> None:
    assert len(render("rung_after", VALUES | {"case": "X" * 140, "deadline": "plan"}, "vi", URL).short) <= GSM_LIMIT


def test_the_end_of_a_day_is_said_as_midnight_of_that_day() -> None:
    end = datetime(2027, 2, 17, 17, tzinfo=UTC)
    assert moment(end, "vi", ends_a_day=True) == "24:00 ngày 17/02/2027"
    assert moment(end, "en", ends_a_day=True) == "24:00 on 17 Feb 2027"
    assert moment(end, "vi") == "00:00 ngày 18/02/2027"
    day = {"case": "HN-1", "deadline": "plan", "due_at": end.isoformat(), "unit": "day", "level": "E1"}
    assert "24:00 17/02" in render("rung_before", day, "vi", URL).short


def test_plain_letters_of_vietnamese() -> None:
    assert plain("Đánh giá nguy cơ ban đầu – Hà Nội “x”") == "Danh gia nguy co ban dau - Ha Noi ?x?"


def test_an_unknown_kind_has_no_words() -> None:
    with pytest.raises(KeyError):
        render("gossip", VALUES, "vi", URL)


@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_death_is_read_in_the_file_only(language: str) -> None:
    said = render("child_died", {"case": "AN-1"}, language, "https://x.test")
    everything = f"{said.subject} {said.body} {said.short} {said.spoken}".lower()
    for word in ("tử vong", "tu vong", "chết", "mất", "death", "died"):
        assert word not in everything
    assert "đề nghị đóng hồ sơ sớm, cần xem xét ngay" in everything or language == "en"


@pytest.mark.parametrize("kind", ["rung_after", "logged_nationally"])
@pytest.mark.parametrize("language", ["vi", "en"])
def test_a_death_is_not_read_off_its_reviews_deadline_either(language: str, kind: str) -> None:
    said = render(kind, {**VALUES, "deadline": "death_review"}, language, URL)
    everything = f"{said.subject} {said.body} {said.short} {said.spoken}".lower()
    assert not any(word in everything for word in ("tử vong", "tu vong", "chết", "death", "died"))


def test_reporting_upwards_is_not_going_over_somebodys_head() -> None:
    said = [render(kind, {"case": "AN-1", "level": "E2"}, "vi", "u") for kind in KINDS]
    assert not any("vượt cấp" in one.body or "gửi đến bạn" in one.body for one in said)

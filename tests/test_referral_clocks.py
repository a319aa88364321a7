"""The clocks of a referral against lifecycle.md, transcribed here by hand, and told event by event to the engine."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest

from models import vocabulary
from models.lifecycle.referral import EVENTS, FINAL, LIVE, SERVICES, ConsentFact, Decision, advance
from models.protocol import CaseView, Changes, Clock, Happened, ProtocolError, Standing, Values, replan, with_changes
from models.protocol.describe import describe
from models.protocol.rules import Protocol
from tests.protocol_support import CALENDAR, PROTOCOL, at
from tests.test_referral_lifecycle import EMERGENCY, PROVIDES, facts

REFERRAL = UUID("0191f3a0-0000-7000-8000-0000000000aa")

# lifecycle.md's table: service -> code -> (limit, ladder as "level at"); the default ladder where it gives none.
TABLE = {
    "medical_emergency": {
        "acknowledge": ("30 min", "E1 30min, E3 60min"), "start": ("1 H", "E0 1H, E3 2H"), "done": ("24 H", None),
    },
    "sexual_assault_care": {
        "acknowledge": ("30 min", "E0 30min, E1 1H, E3 4H"), "start": ("2 H", None), "done": ("24 H", None),
    },
    "forensic_examination": {
        "acknowledge": ("1 H", "E1 1H, E2 2H"), "start": ("4 H", "E2 150min, E3 4H"), "examination": ("24 H", None),
        "done": ("9 CD", None),
    },
    "police_report": {
        "acknowledge": ("30 min", "E1 30min, E2 2H"), "start": ("24 H", "E2 20H, E3 24H"), "done": ("20 CD", None),
    },
    "shelter": {
        "acknowledge": ("30 min", "E0 30min, E1 1H, E3 2H"), "start": ("30 min", None), "done": ("10 WD", None),
    },
    "alternative_care": {"acknowledge": ("1 WD", None), "start": ("30 CD", None), "done": ("15 WD", None)},
    "legal_aid": {"acknowledge": ("4 H", None), "start": ("1 WD", None)},
    "psychosocial": {"acknowledge": ("1 WD", None), "start": ("7 CD", None)},
    "school_support": {"acknowledge": ("1 WD", None), "start": ("3 WD", None)},
    "cash_support": {"acknowledge": ("1 WD", None), "start": ("5 WD", None)},
    "civil_registration": {"acknowledge": ("2 WD", None), "start": ("10 WD", None)},
    "parenting_reintegration": {"acknowledge": ("2 WD", None), "start": ("10 WD", None)},
}  # fmt: skip
STATUTORY = {("forensic_examination", "done"), ("police_report", "start"), ("police_report", "done")}


OWN_EVENTS = ("expire", "ask_again", "reroute", "lose_consent", "regain_consent")


@dataclass
class Story:
    """One referral told to the lifecycle and the deadline engine, as the activity does it."""

    service: str
    risk: str | None = "R2"
    protocol: Protocol = PROTOCOL
    standing: object = None
    clocks: tuple[Clock, ...] = ()
    latest: Changes = field(default_factory=Changes)

    def tell(self, event, when, *, role=None, values=Values(), engine_only=False, **said):  # noqa: B008 - frozen
        instant = at(when)
        events = (event,)
        if not engine_only:
            who = role or {"send": "CPO", "ask_service": "CPO", "answer_info": "SUP", "confirm": "SUP"}.get(event)
            who = who or {"dispute": "SUP", **dict.fromkeys(OWN_EVENTS, "SYSTEM")}.get(event)
            who = who or ("SUP" if event in ("revoke", "refuse_by_child") else PROVIDES[self.service].split()[0])
            answer = advance(
                self.standing,
                event,
                facts(who, self.service, earliest=instant, occurred_at=instant, recorded_at=instant, **said),
            )
            assert isinstance(answer, Decision), answer
            events, self.standing = answer.events, answer.after
        happened = [Happened(event=one, occurred_at=instant, recorded_at=instant, values=values) for one in events]
        view = CaseView(id=REFERRAL, standing=Standing(process=self.standing.state), receipt=instant, risk=self.risk)
        self.latest = replan(
            self.clocks, happened, view, self.protocol.for_service(self.service), CALENDAR, final=FINAL
        )
        self.clocks = with_changes(self.clocks, self.latest)
        return self.latest

    def open(self, code):
        found = [clock for clock in self.clocks if clock.code == code and clock.status == "open"]
        assert len(found) <= 1, code
        return found[0] if found else None

    def codes(self):
        return {clock.code for clock in self.clocks if clock.status == "open"}


def sent(service, when="2026-12-07 09:00", **more):
    story = Story(service, **more)
    story.tell("ask_service", when)
    story.tell("send", when)
    return story


def accepted(service, when="2026-12-07 09:00", **more):
    story = sent(service, when, **more)
    story.tell("acknowledge", when)
    story.tell("accept", when)
    return story


def vn(clock):
    return (clock.due_at + timedelta(hours=7)).strftime("%Y-%m-%d %H:%M")


# --- the table ------------------------------------------------------------------------------------------------------


def _rows(service):
    return {row.code: row for row in PROTOCOL.for_service(service).rows}


def test_every_service_of_the_lifecycle_has_its_clocks_and_no_other_has():
    assert list(PROTOCOL.by_service) == list(SERVICES) == list(TABLE)
    for code, service in SERVICES.items():
        assert next(one for one in PROTOCOL.referrals.services if one.code == code).emergency == service.emergency


@pytest.mark.parametrize("service", TABLE)
def test_a_service_has_the_limits_and_ladders_of_the_document(service):
    rows = _rows(service)
    for code, (limit, ladder) in TABLE[service].items():
        variant = rows[code].variants[-1]
        assert str(variant.limit) == limit
        rungs = [rung for rung in variant.rungs if rung.then is None]
        if ladder is not None:
            assert [f"{rung.level} {rung.at.text.replace(' ', '')}" for rung in rungs] == ladder.split(", ")
        else:
            value, unit = limit.split()
            assert [rung.level for rung in rungs] == ["E1", "E2", "E3"]
            assert rungs[0].at.is_limit(variant.limit)
            assert [rung.at.text for rung in rungs[1:]] == [f"{int(value) * n} {unit}" for n in (2, 3)]
        assert rows[code].kind == ("statutory" if (service, code) in STATUTORY else "design")
        assert [rung.breach for rung in variant.rungs].count(True) == 1
    assert ("service_note" in rows) == ("done" not in TABLE[service])


def test_the_further_clocks_are_those_of_the_document():
    for service in TABLE:
        rows = _rows(service)
        emergency = service in EMERGENCY
        assert str(rows["draft_send"].variants[0].limit) == ("30 min" if emergency else "1 WD")
        for code in ("answer", "info"):
            assert rows[code].variants[0].limit == rows["acknowledge"].variants[0].limit
        assert str(rows["confirmation"].variants[0].limit) == "2 WD"
        assert ("override_ground" in rows) == emergency
        assert ("unanswered" in rows) == emergency
        assert ("consent_lost" in rows) == (not emergency)
    ground = _rows("shelter")["override_ground"].variants[0]
    assert [(str(ground.limit), rung.level, rung.at.text) for rung in ground.rungs] == [
        ("2 H", "E1", "1 H"), ("2 H", "E2", "2 H"),
    ]  # fmt: skip
    assert str(_rows("legal_aid")["service_note"].variants[0].limit) == "30 CD"


@pytest.mark.parametrize("service", TABLE)
def test_one_more_limit_after_the_last_rung_it_expires_or_another_is_asked_as_well(service):
    for code in ("acknowledge", "answer", "info"):
        last = _rows(service)[code].variants[0].rungs[-1]
        assert last.then == ("ask_again" if service in EMERGENCY else "expire")
    assert _rows("legal_aid")["acknowledge"].variants[0].rungs[-1].at.text == "16 H"
    assert _rows("medical_emergency")["acknowledge"].variants[0].rungs[-1].at.text == "90 min"
    assert _rows("police_report")["acknowledge"].variants[0].rungs[-1].at.text == "150 min"


def test_every_event_a_clock_names_is_one_of_a_referral_and_every_code_has_its_words():
    for service in TABLE:
        for code, row in _rows(service).items():
            named = {start.event for start in row.starts} | {met.event for met in row.met_by}
            named |= {rung.then for variant in row.variants for rung in variant.rungs if rung.then}
            # Beside a referral's own events: a second extension, what becomes of a need nobody has taken up, and what
            # follows from a crime that is not prosecuted.
            besides = {"extend_decision_again", "need_unmet", "need_taken_up", "not_prosecuted", "legal_aid_asked"}
            assert named - besides - {"risk_scored", "complaint_answered"} <= set(EVENTS)
            assert vocabulary.label("referral_deadlines", code, "vi") == row.name_vi
            assert vocabulary.label("referral_deadlines", code, "en") == row.name_en
    assert set(vocabulary.codes("referral_deadlines")) == {code for service in TABLE for code in _rows(service)}


def test_who_owes_is_told_with_each_rung_of_what_an_agency_owes():
    for row in describe(PROTOCOL)["referrals"]["services"][0]["rows"]:
        told = {tuple(rung["also"]) for limit in row["limits"] for rung in limit["ladder"]}
        assert told == {("agency",) if row["owed_by"] == "agency" else ()}


def test_a_service_the_protocol_does_not_know_is_refused():
    with pytest.raises(ProtocolError, match="massage"):
        PROTOCOL.for_service("massage")


# --- event by event -------------------------------------------------------------------------------------------------


def test_a_draft_is_chased_and_its_sending_starts_what_the_agency_owes():
    story = Story("medical_emergency")
    story.tell("ask_service", "2026-12-07 09:00")
    assert vn(story.open("draft_send")) == "2026-12-07 09:30"
    story.tell("send", "2026-12-07 09:10")
    assert story.codes() == {"acknowledge", "start"}
    assert vn(story.open("acknowledge")) == "2026-12-07 09:40"
    assert vn(story.open("start")) == "2026-12-07 10:10"


def test_the_answer_is_chased_through_questions_until_it_comes():
    story = sent("legal_aid")
    story.tell("acknowledge", "2026-12-07 10:00")
    assert vn(story.open("answer")) == "2026-12-07 14:00"
    story.tell("request_info", "2026-12-07 11:00")
    assert story.codes() == {"info"}
    assert vn(story.open("info")) == "2026-12-07 15:00"
    story.tell("answer_info", "2026-12-07 12:00")
    assert story.codes() == {"answer"}
    assert vn(story.open("answer")) == "2026-12-07 16:00"
    story.tell("accept", "2026-12-07 13:00")
    assert story.codes() == {"start"}
    assert vn(story.open("start")) == "2026-12-09 00:00"


def test_the_start_of_therapy_is_by_risk_and_a_higher_risk_brings_it_forward():
    for risk, due in (("R4", "2026-12-08 09:00"), ("R3", "2026-12-10 09:00"), ("R2", "2026-12-15 00:00")):
        assert vn(accepted("psychosocial", risk=risk).open("start")) == due
    assert vn(accepted("psychosocial", risk=None).open("start")) == "2026-12-08 09:00"
    story = accepted("psychosocial", risk="R2")
    story.risk = "R4"
    changes = story.tell("update_household_risk", "2026-12-07 12:00", engine_only=True)
    assert [(move.why, move.lengthened) for move in changes.moved] == [("risk_raised", False)]
    assert vn(story.open("start")) == "2026-12-08 09:00"


@pytest.mark.parametrize(
    ("when", "due"),
    [("2026-12-07 21:59", "2026-12-08 01:59"), ("2026-12-07 22:00", "2026-12-08 10:00"),
     ("2026-12-08 02:00", "2026-12-08 10:00"), ("2026-12-08 05:59", "2026-12-08 10:00"),
     ("2026-12-08 06:00", "2026-12-08 10:00"), ("2026-12-08 09:00", "2026-12-08 13:00")],
)  # fmt: skip
def test_a_forensic_examination_sent_at_night_starts_in_the_morning_and_acknowledging_does_not_wait(when, due):
    story = sent("forensic_examination", when)
    assert vn(story.open("start")) == due
    assert story.open("acknowledge").due_at == at(when) + timedelta(hours=1)
    assert story.open("examination").due_at == at(when) + timedelta(hours=24)
    assert [rung.due_at for rung in story.open("start").rungs] == [
        story.open("start").due_at - timedelta(minutes=90), story.open("start").due_at,
    ]  # fmt: skip


def test_the_forensic_conclusion_runs_from_the_order_else_from_the_examination():
    ordered = accepted("forensic_examination")
    ordered.tell("wait_for_order", "2026-12-07 10:00")
    assert ordered.codes() == {"start", "examination"}
    ordered.tell("receive_order", "2026-12-07 11:00", role="POL")
    assert ordered.codes() == {"examination", "done"}
    assert vn(ordered.open("done")) == "2026-12-17 00:00"
    assert ordered.open("done").statutory_due_at == ordered.open("done").due_at
    ordered.tell("start_service", "2026-12-08 08:00")
    assert vn(ordered.open("done")) == "2026-12-17 00:00"
    examined = accepted("forensic_examination")
    examined.tell("start_service", "2026-12-08 08:00")
    assert examined.codes() == {"done"}
    assert vn(examined.open("done")) == "2026-12-18 00:00"


def test_the_police_decide_within_twenty_days_of_the_sending_and_an_extension_counts_from_there_too():
    story = accepted("police_report")
    assert vn(story.open("start")) == "2026-12-08 09:00"
    story.tell("start_service", "2026-12-07 16:00")
    assert story.codes() == {"done"}
    assert vn(story.open("done")) == "2026-12-28 00:00"
    story.tell("extend_decision", "2026-12-20 09:00", values=Values(until=date(2027, 1, 20)))
    assert vn(story.open("done")) == "2027-01-21 00:00"
    assert story.open("done").explanation.capped_by == date(2027, 1, 20)
    again = story.tell(
        "extend_decision_again", "2027-01-15 09:00", engine_only=True, values=Values(until=date(2027, 12, 31))
    )
    assert [clock.status for clock in again.cancelled] == ["replaced"]
    assert vn(story.open("done")) == "2027-04-08 00:00", "four months in all, whatever date is given"
    assert story.open("done").started_at == at("2026-12-07 09:00")
    story.tell("deliver", "2027-03-01 09:00")
    assert story.codes() == {"confirmation"}


def test_a_service_without_an_end_of_its_own_is_noted_every_thirty_days():
    story = accepted("school_support")
    story.tell("start_service", "2026-12-08 09:00")
    assert vn(story.open("service_note")) == "2027-01-08 00:00"
    story.tell("record_note", "2027-01-05 09:00")
    assert vn(story.open("service_note")) == "2027-02-05 00:00"
    story.tell("deliver", "2027-01-20 09:00")
    assert story.codes() == {"confirmation"}
    story.tell("dispute", "2027-01-21 09:00")
    assert story.codes() == {"service_note"}


def test_going_without_consent_asks_for_its_ground_and_with_consent_for_nothing():
    story = Story("shelter")
    story.tell("ask_service", "2026-12-07 09:00")
    story.tell("send", "2026-12-07 09:00", values=Values(without_consent=True), consent=ConsentFact())
    assert vn(story.open("override_ground")) == "2026-12-07 11:00"
    story.tell("record_ground", "2026-12-07 10:30", role="SUP")
    assert story.open("override_ground") is None
    assert "override_ground" not in sent("shelter").codes()


def test_a_consent_taken_back_asks_for_a_decision_and_of_an_emergency_for_its_ground():
    for service, clock, due in (
        ("psychosocial", "consent_lost", "2026-12-09 00:00"), ("shelter", "override_ground", "2026-12-07 14:00"),
    ):  # fmt: skip
        for ends, consent in (("record_ground", ConsentFact()), ("regain_consent", ConsentFact(allowed=True))):
            story = sent(service)
            story.tell("lose_consent", "2026-12-07 12:00", consent=ConsentFact())
            assert vn(story.open(clock)) == due
            story.tell(ends, "2026-12-07 13:00", role="SUP" if ends == "record_ground" else None, consent=consent)
            assert story.open(clock) is None
    story = sent("psychosocial")
    story.tell("lose_consent", "2026-12-07 12:00", consent=ConsentFact())
    story.tell("revoke", "2026-12-07 13:00")
    assert story.codes() == set()


def test_an_unanswered_emergency_is_chased_every_day_until_somebody_answers():
    story = sent("medical_emergency")
    story.tell("ask_again", "2026-12-07 10:30")
    assert vn(story.open("unanswered")) == "2026-12-08 10:30"
    story.tell("ask_again", "2026-12-08 10:30")
    assert vn(story.open("unanswered")) == "2026-12-09 10:30"
    assert [clock.status for clock in story.clocks if clock.code == "unanswered"] == ["replaced", "open"]
    assert story.open("acknowledge"), "the first limit stays open"
    story.tell("acknowledge", "2026-12-08 12:00")
    assert story.codes() == {"answer", "start"}


@pytest.mark.parametrize("end", ["revoke", "refuse_by_child", "expire"])
def test_nothing_runs_on_after_the_end(end):
    story = sent("legal_aid")
    story.tell(end, "2026-12-07 12:00")
    assert story.codes() == set()
    assert {clock.cancel_reason for clock in story.clocks if clock.status == "cancelled"} == {story.standing.state}


@pytest.mark.parametrize("service", TABLE)
def test_every_live_state_has_a_running_deadline(service):
    seen = {}
    story = Story(service)
    way = ["ask_service", "send", "acknowledge", "request_info", "answer_info", "accept", "schedule",
           "miss_appointment", "wait_for_order", "receive_order", "start_service", "deliver", "dispute", "deliver",
           "confirm"]  # fmt: skip
    for number, event in enumerate(way):
        when = datetime(2026, 12, 7, 9, tzinfo=UTC) + timedelta(minutes=5 * number)
        story.tell(event, f"{when:%Y-%m-%d %H:%M}")
        seen[story.standing.state] = story.codes()
    assert set(seen) == LIVE | {"closed"}
    assert all(seen[state] for state in LIVE), seen
    assert seen["closed"] == set()

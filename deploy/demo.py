"""One case of a violently treated child, from the report to its closure, through the HTTP API of the running service.

Run as ``make demo``. It signs in as each of the people in turn, does what they would do, says what happened, and prints
the timeline that resulted. Everybody and everything in it is invented.
"""

import os
import sys
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

import httpx
from rich.console import Console
from rich.text import Text

from models.calendar import TZ
from models.lifecycle import STATES
from models.lifecycle.referral import EVENTS as REFERRAL_EVENTS

ACCOUNTS: Final = "accounts.txt"
COMMUNE: Final = "HN-A"

Body = Mapping[str, Any]


class DemoError(Exception):
    """The demo cannot go on; the message says why and what to do, in both languages."""


class Person:
    """Somebody signed in to the API.

    Args:
        client: to the service's ``/api/v1``.
        username: as in the accounts file.
        password: likewise.
    """

    def __init__(self, client: httpx.Client, username: str, password: str) -> None:
        self.username = username
        self._client = client
        session = self._ask("POST", "/sessions", {"username": username, "password": password}, signed_in=False)
        self._headers = {"Authorization": f"Bearer {session['token']}"}
        me = self._ask("GET", "/me")
        self.id: str = me["person_id"]
        self.name: str = me["name"]
        self.role: str = me["position"]["role"]

    def get(self, path: str) -> Any:
        """Read something."""
        return self._ask("GET", path)

    def post(self, path: str, body: Body) -> Any:
        """Do something, once, however often the network makes us ask."""
        return self._ask("POST", path, body)

    def _ask(self, method: str, path: str, body: Body | None = None, *, signed_in: bool = True) -> Any:
        headers = dict(self._headers) if signed_in else {}
        if method == "POST":
            headers["Idempotency-Key"] = str(uuid4())
        answer = self._client.request(method, f"/api/v1{path}", json=body, headers=headers)
        if answer.is_error:
            raise DemoError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None


class Demo:
    """The case as it goes on.

    Args:
        client: to the running service.
        passwords: by user name.
        console: where progress is said.
    """

    def __init__(self, client: httpx.Client, passwords: Mapping[str, str], console: Console) -> None:
        self._client = client
        self._passwords = passwords
        self._console = console
        self._people: dict[str, Person] = {}
        self.case_id = ""

    def person(self, username: str) -> Person:
        """Somebody, signed in at the first call."""
        if username not in self._people:
            self._people[username] = Person(self._client, username, self._passwords[username])
        return self._people[username]

    def report(self, who: str, body: Body) -> Self:
        """Take the report in."""
        receipt = self.person(who).post("/reports", body)
        opened = receipt["cases"][0]
        self.case_id = opened["id"]
        self._say(who, "Tiếp nhận thông tin · report received", f"{opened['code']}: {_due(opened['deadlines'])}")
        return self

    def act(self, who: str, event: str, **body: Any) -> Any:
        """Carry an event out and say where the case stands then."""
        done = self.person(who).post(f"/cases/{self.case_id}/actions/{event}", body)
        case = done["case"]
        labels = self._labels()[event]
        state = _state(case["state"])
        started = _due(done["started"])
        self._say(who, f"{labels['vi']} · {labels['en']}", state + (f"; {started}" if started else ""))
        return done

    def refer(self, who: str, **asked: Any) -> str:
        """Ask an agency for a service, and say by when it has to acknowledge. Returns the referral's id."""
        path = f"/cases/{self.case_id}/referrals"
        (result,) = self.person(who).post(path, {"referrals": [asked]})
        if result["problem"] is not None:
            raise DemoError(f"POST {path}: {result['problem']}")
        referral = result["referral"]
        running = [one for one in referral["deadlines"] if one["status"] == "open"]
        label = referral["label"]
        self._say(who, f"Chuyển gửi · referred: {label['vi']} · {label['en']}", f"{referral['code']}; {_due(running)}")
        return str(referral["id"])

    def answer(self, who: str, referral: str, event: str, **body: Any) -> None:
        """Carry an event of a referral out and say where it stands then."""
        done = self.person(who).post(f"/referrals/{referral}/actions", {"event": event, **body})
        said, state = REFERRAL_EVENTS[event], done["state_label"]
        self._say(who, f"{done['code']}: {said.label_vi} · {said.label_en}", f"{state['vi']} · {state['en']}")

    def declare(self, who: str) -> None:
        """Declare, before opening the case for the first time, that one is not related to it."""
        self.person(who).post(f"/cases/{self.case_id}/declaration", {"answer": "none"})
        self._say(who, "Cam kết không có xung đột lợi ích · declared: not related", "")

    def timeline(self) -> None:
        """Print what the record now says."""
        self._console.print("Dòng thời gian của hồ sơ · the case's timeline", style="bold")
        entries = self.person("sup.a").get(f"/cases/{self.case_id}/timeline")
        for entry in sorted(entries, key=lambda one: (one["recorded_at"], one["sequence"] or 0)):
            who = f"{entry['role']} {entry['by']['name']}" if entry["by"] else "đồng hồ · the clock"
            after = _state(entry["after"]) if entry["after"] else entry["level"] or ""
            self._console.print(
                Text.assemble((f"{_when(entry['at'])}  ", "dim"), entry["label"]["vi"], (f"  {who}  {after}", "dim")),
                soft_wrap=True,
            )

    def _labels(self) -> Mapping[str, Mapping[str, str]]:
        if not hasattr(self, "_events"):
            lifecycle = self.person("cpo.a").get("/reference/lifecycle")
            self._events = {
                event["code"]: {"vi": event["label_vi"], "en": event["label_en"]} for event in lifecycle["events"]
            }
        return self._events

    def _say(self, who: str, what: str, then: str) -> None:
        person = self.person(who)
        self._console.print(
            Text.assemble(("✓ ", "green"), (f"{person.role:<6}", "bold"), f"{what}  ", (then, "dim")), soft_wrap=True
        )


def play(demo: Demo) -> None:
    """The case: an eight-year-old beaten and locked in by his stepfather; the hotline calls."""
    today = datetime.now(TZ).date()
    cpo = demo.person("cpo.a").id
    demo.report("h111", _report())
    demo.act("cpo.a", "acknowledge")
    demo.act("cpo.a", "accept", owner_id=cpo)
    demo.act("cpo.a", "apply_measures", measures=_measures())
    demo.act("cpo.a", "complete_initial_assessment", m02=_initial_assessment())
    hospital = demo.refer("cpo.a", service="medical_emergency", receiver="HN-BV", request="Khám thương tích (ví dụ).")
    demo.answer("sup.a", hospital, "record_ground", ground="LIFE_HEALTH", reason="Trẻ bị thương, cần khám ngay.")
    for event in ("acknowledge", "accept", "start_service"):
        demo.answer("hlt", hospital, event)
    demo.answer("hlt", hospital, "deliver", outcome="PROVIDED", report="Đã khám; vết bầm phần mềm (ví dụ).")
    demo.answer("cpo.a", hospital, "confirm")
    demo.act("chair.a", "order_isolation", m07=_isolation(today))
    demo.act("cpo.a", "send_written_report", report={"happened": "Báo cáo vụ việc theo Mẫu 01 và Mẫu 02 (ví dụ)."})
    demo.act("cpo.a", "substantiate", verification={"findings": "Có căn cứ: thương tích phù hợp với lời kể của trẻ."})
    demo.act("cpo.a", "complete_detailed_assessment", m03={"family": "Mẹ làm ca đêm; bà ngoại nhận chăm sóc được."})
    demo.act("cpo.a", "record_needs_meeting", minutes=_minutes())
    submitted = demo.act("cpo.a", "submit_plan", m04=_plan(today), m05=_draft_decision())
    demo.declare("chair.a")
    documents = demo.person("chair.a").get(f"/cases/{demo.case_id}/documents?kind=M04")["items"]
    demo.act(
        "chair.a",
        "approve_plan",
        content_hash=max(documents, key=lambda one: one["version"] or 0)["content_hash"],
        decision=_signed("12/QĐ-UBND", today),
    )
    assert submitted["case"]["state"]["process"] == "plan_approval"
    for key in ("kham", "tham-van"):
        demo.act("cpo.a", "record_step", step={"key": key, "outcome": "DONE", "done_on": str(today)})
    demo.act("cpo.a", "record_follow_up", follow_up={"seen": ["Trẻ", "Bà ngoại"], "found": "Trẻ ăn ngủ tốt."})
    demo.act("chair.a", "end_isolation", end_ground="CARE_ARRANGED", reason="Bà ngoại nhận nuôi dưỡng.")
    demo.act("chair.a", "end_protection", reason="Không còn nguy cơ; cha dượng đã chuyển đi nơi khác.")
    demo.act("sup.a", "update_risk", risk="R1", reason="Trẻ ở với bà ngoại, không còn tiếp xúc với người gây hại.")
    demo.act("cpo.a", "start_review")
    demo.act("cpo.a", "propose_closure", closure_reason="NO_LONGER_AT_RISK", m06=_review())
    demo.act("vch.a", "approve_closure", decision=_signed("31/QĐ-UBND", today))


def _report() -> Body:
    return {
        "flagged": True,
        "trigger": "CARER_IS_PERPETRATOR",
        "incident_unit": COMMUNE,
        "residence_unit": COMMUNE,
        "m01": {
            "channel": "PHONE",
            "source": "ANONYMOUS",
            "anonymous": True,
            "happened": "Hàng xóm nghe trẻ kêu khóc, thấy trẻ bị đánh và nhốt trong nhà (ví dụ, không có thật).",
            "children": [
                {
                    "name": "Nguyễn Văn Ví Dụ",
                    "estimated_age": 8,
                    "sex": "MALE",
                    "condition": "Có vết bầm ở lưng và tay.",
                    "likely_consequences": "Có thể bị đánh tiếp ngay trong đêm.",
                    "abuse_forms": ["XH_BL"],
                    "environment": "FAMILY",
                    "alleged": [{"relation": "CHA_DUONG_ME_KE", "same_household": True}],
                }
            ],
        },
    }


def _measures() -> Body:
    return {
        "measures": [{"kind": "STOP_HARM", "what": "Cùng Công an xã đến nhà, chấm dứt hành vi."}],
        "with_whom": ["Công an xã", "Trạm Y tế xã"],
        "child_now": "Trạm Y tế xã, có cán bộ đi cùng.",
    }


def _initial_assessment() -> Body:
    return {
        "severity": {"level": "CAO", "evidence": "Nhiều vết bầm mới và cũ."},
        "further_harm": {"level": "CAO"},
        "self_protection": {"level": "THAP"},
        "knows_protector": {"level": "TRUNG_BINH"},
        "other_adult": {"level": "TRUNG_BINH"},
        "emergency": True,
        "trigger": "CARER_IS_PERPETRATOR",
        "conclusion": "Cần bảo vệ khẩn cấp.",
    }


def _isolation(today: date) -> Body:
    return {
        "number": "09/QĐ-UBND",
        "signed_on": str(today),
        "signer": "Chủ tịch UBND xã (mẫu)",
        "isolated_from": ["Cha dượng"],
        "isolated_to": "Nhà bà ngoại của trẻ",
        "until": str(today + timedelta(days=10)),
    }


def _minutes() -> Body:
    return {
        "participants": [{"name": "Công an xã (mẫu)"}, {"name": "Trường tiểu học (mẫu)"}],
        "needs": [{"priority": 1, "need": "An toàn và khám sức khỏe"}, {"priority": 2, "need": "Tham vấn tâm lý"}],
        "child_views": "Con muốn ở với bà ngoại và đi học lại.",
    }


def _plan(today: date) -> Body:
    return {
        "objectives": ["Trẻ an toàn, ổn định sức khỏe và tâm lý"],
        "measures": [
            {
                "key": "kham",
                "measure": "Khám và điều trị",
                "responsible": "Trạm Y tế xã",
                "due": str(today + timedelta(7)),
            },
            {
                "key": "tham-van",
                "measure": "Tham vấn tâm lý hằng tuần",
                "responsible": "Trung tâm Công tác xã hội",
                "due": str(today + timedelta(30)),
            },
        ],
    }


def _draft_decision() -> Body:
    return {"clauses": ["Phê duyệt kế hoạch hỗ trợ, can thiệp kèm theo Quyết định này."]}


def _review() -> Body:
    low = {"level": "THAP"}
    return {"harm": low, "access": low, "obstacles": low, "capacity": {"level": "CAO"}, "conclusion": "END"}


def _signed(number: str, today: date) -> Body:
    return {"number": number, "signed_on": str(today), "signer": "Lãnh đạo UBND xã (mẫu)"}


def _state(state: Mapping[str, str]) -> str:
    """Where a case stands, in words."""
    return " · ".join(STATES[region][state[region]].vi for region in ("process", "protection"))


def _due(deadlines: list[Any]) -> str:
    """The soonest of some deadlines, in words."""
    soonest = min(deadlines, key=lambda one: one["due_at"], default=None)
    return f"{soonest['name']['vi']} → {_when(soonest['due_at'])}" if soonest else ""


def _when(instant: str) -> str:
    return datetime.fromisoformat(instant).astimezone(TZ).strftime("%d/%m/%Y %H:%M:%S")


def _passwords(data: Path) -> dict[str, str]:
    try:
        lines = (data / ACCOUNTS).read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DemoError(
            f"Không đọc được {data / ACCOUNTS}; hãy chạy make up trước. · Cannot read it; run make up first."
        ) from error
    return {words[0]: words[1] for line in lines if len(words := line.split()) > 1 and not line.startswith("#")}


def main() -> int:
    """Run the demo against the service at ``ANNHI_PUBLIC_URL``; 0 when the case was closed."""
    console = Console(highlight=False)
    data = Path(os.environ.get("ANNHI_DATA_DIR", ".data"))
    url = os.environ.get("ANNHI_PUBLIC_URL", "http://127.0.0.1:8080")
    try:
        with httpx.Client(base_url=url, timeout=30) as client:
            demo = Demo(client, _passwords(data), console)
            play(demo)
            demo.declare("sup.a")
            console.print()
            demo.timeline()
            code = demo.person("sup.a").get(f"/cases/{demo.case_id}")["code"]
    except httpx.TransportError:
        console.print(f"✗ Không kết nối được {url}; hãy chạy make up ở cửa sổ khác. · Is make up running?", style="red")
        return 1
    except DemoError as error:
        console.print(f"✗ {error}", style="red")
        return 1
    console.print(f"\nHồ sơ {code} đã đóng. Xem tiếp · look further:")
    console.print(f"  API       {url}/api/v1/cases/{code}  (đăng nhập · sign in as sup.a)", soft_wrap=True)
    console.print(f"  Quy trình {url}/protocol", soft_wrap=True)
    console.print(f"  Temporal  {os.environ.get('ANNHI_UI_URL', '')} → case/{demo.case_id}", soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

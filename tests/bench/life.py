"""One life of a case, from the report to the closure, as bodies that the API would take."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from models.forms import INPUTS, ActionInput, ReportInput

_LOW = {"level": "THAP", "evidence": "Không thấy thương tích mới; trẻ ăn ngủ bình thường."}
_HIGH = {"level": "CAO", "evidence": "Bà nội ở cùng nhà, trẻ biết gọi cô giáo và Tổng đài 111."}
_DECISION = {"number": "12/QĐ-UBND", "signed_on": "2026-11-20", "signer": "Chủ tịch UBND (mẫu)"}

REPORT: dict[str, Any] = {
    "m01": {
        "children": [
            {
                "name": "Trẻ em mẫu",
                "estimated_age": 7,
                "incident_place": "Thôn 2",
                "condition": "Hàng xóm nghe tiếng khóc và tiếng quát tháo nhiều tối liền.",
                "family": "Bố mẹ đi làm ca, trẻ ở với bà nội.",
            }
        ]
    },
    "incident_unit": "HN-A",
}


def report(unit: str = "HN-A", **more: Any) -> ReportInput:
    """A report about one child in a commune."""
    return ReportInput.model_validate(REPORT | {"incident_unit": unit} | more)


@dataclass(frozen=True)
class Step:
    """One command of the life: the event, who does it (a key of the commune's people), and what is said."""

    event: str
    who: str
    says: Callable[["Told"], dict[str, Any]]


@dataclass
class Told:
    """What earlier steps left for later ones. ``plan_hash``: of the plan as it was stored; whoever sends it says it."""

    owner_id: UUID
    today: date
    plan_hash: str = ""

    def body(self, step: Step) -> ActionInput:
        """The validated body of a step."""
        return INPUTS[step.event].model_validate(step.says(self))


LIFE: tuple[Step, ...] = (
    Step("acknowledge", "cpo", lambda _: {}),
    Step("accept", "cpo", lambda told: {"owner_id": str(told.owner_id)}),
    Step(
        "complete_initial_assessment",
        "cpo",
        lambda _: {
            "m02": {
                "severity": _LOW,
                "further_harm": _LOW,
                "self_protection": _HIGH,
                "knows_protector": _HIGH,
                "other_adult": _HIGH,
                "emergency": False,
                "conclusion": "Trẻ an toàn trong lúc này; cần hỗ trợ gia đình.",
            }
        },
    ),
    Step(
        "send_written_report",
        "cpo",
        lambda _: {"report": {"happened": "Trẻ bị quát mắng nhiều lần trong tháng, không có thương tích."}},
    ),
    Step(
        "substantiate",
        "cpo",
        lambda _: {"verification": {"findings": "Có việc bỏ mặc khi bố mẹ đi làm ca đêm.", "sources": ["Trưởng thôn"]}},
    ),
    Step(
        "complete_detailed_assessment",
        "cpo",
        lambda _: {"m03": {"family": "Bố mẹ làm ca, bà nội già yếu.", "conclusion": "Cần người trông trẻ buổi tối."}},
    ),
    Step(
        "record_needs_meeting",
        "cpo",
        lambda _: {
            "minutes": {
                "needs": [{"priority": 1, "need": "Người trông trẻ buổi tối"}],
                "child_views": "Trẻ muốn ở với bà và đi học như thường.",
            }
        },
    ),
    Step(
        "submit_plan",
        "cpo",
        lambda told: {
            "m04": {
                "objectives": ["Trẻ được trông nom mỗi tối"],
                "measures": [
                    {
                        "key": "tham-nha",
                        "measure": "Thăm nhà hằng tuần",
                        "responsible": "Hội Phụ nữ thôn",
                        "due": (told.today + timedelta(days=30)).isoformat(),
                    },
                    {
                        "key": "trong-toi",
                        "measure": "Thu xếp người trông buổi tối",
                        "responsible": "Bà nội và cô ruột",
                        "due": (told.today + timedelta(days=14)).isoformat(),
                    },
                ],
            },
            "m05": {"clauses": ["Phê duyệt kế hoạch kèm theo."]},
        },
    ),
    Step("approve_plan", "chair", lambda told: {"content_hash": told.plan_hash, "decision": _DECISION}),
    Step("record_step", "cpo", lambda _: {"step": {"key": "tham-nha", "outcome": "DONE", "result": "Đã thăm 2 lần"}}),
    Step("record_step", "cpo", lambda _: {"step": {"key": "trong-toi", "outcome": "DONE", "result": "Cô ruột trông"}}),
    Step("start_review", "cpo", lambda _: {}),
    Step(
        "propose_closure",
        "cpo",
        lambda _: {
            "m06": {"harm": _LOW, "access": _LOW, "obstacles": _LOW, "capacity": _HIGH, "conclusion": "END"},
            "closure_reason": "OBJECTIVES_MET",
        },
    ),
    Step("approve_closure", "chair", lambda _: {"decision": _DECISION}),
)
"""Fourteen commands; nothing in them is an emergency, so every rule of the ordinary way is asked."""

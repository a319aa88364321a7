"""The states of the four regions: their codes as lifecycle.md writes them, and the words people read.

Vietnamese words follow the life-cycle vocabulary in use (process.md §2.9) and the step names of Nghị định 56/2017
(process.md §1.1).
"""

from typing import NamedTuple

from models.lifecycle.types import Memory, Region


class Label(NamedTuple):
    """One thing's name in both languages."""

    vi: str
    en: str


STATES: dict[Region, dict[str, Label]] = {
    "process": {
        "received": Label("Tiếp nhận", "Received"),
        "screening": Label("Sàng lọc thông tin", "Screening"),
        "attached": Label("Đã nhập vào trường hợp khác", "Attached to another case"),
        "initial_assessment": Label("Đánh giá nguy cơ ban đầu", "Initial risk assessment"),
        "verifying": Label("Xác minh", "Verification"),
        "conclusion_review": Label("Chờ duyệt kết luận", "Conclusion under review"),
        "detailed_assessment": Label("Đánh giá nguy cơ cụ thể", "Detailed risk assessment"),
        "needs_meeting": Label("Họp xác định nhu cầu", "Needs meeting"),
        "plan_draft": Label("Xây dựng kế hoạch", "Drafting the plan"),
        "plan_approval": Label("Chờ phê duyệt kế hoạch", "Plan awaiting approval"),
        "active": Label("Đang can thiệp", "Intervention under way"),
        "review": Label("Rà soát, đánh giá", "Review"),
        "closure_proposed": Label("Chờ duyệt đóng trường hợp", "Closure proposed"),
        "closed": Label("Đóng trường hợp", "Closed"),
        "not_substantiated": Label("Không đủ căn cứ xác định", "Not substantiated"),
        "redirected": Label("Đã chuyển cơ quan khác", "Redirected"),
        "suspended": Label("Tạm dừng", "Suspended"),
    },
    "protection": {
        "none": Label("Chưa áp dụng biện pháp bảo vệ", "No protection in force"),
        "emergency": Label("Cần bảo vệ khẩn cấp", "Emergency protection needed"),
        "protected": Label("Đang áp dụng biện pháp bảo vệ", "Protected"),
        "isolated": Label("Tạm thời cách ly", "Temporarily isolated"),
    },
    "ban": {
        "none": Label("Không có lệnh cấm tiếp xúc", "No contact ban"),
        "ban_requested": Label("Đã đề nghị cấm tiếp xúc", "Contact ban requested"),
        "banned": Label("Đang cấm tiếp xúc", "Contact ban in force"),
    },
    "custody": {
        "held": Label("Có đơn vị phụ trách", "Held"),
        "transfer_pending": Label("Chờ tiếp nhận chuyển trường hợp", "Transfer pending"),
        "unrouted": Label("Chưa xác định đơn vị phụ trách", "Not yet routed"),
    },
}
"""Labels by region and code, in the order of lifecycle.md."""

REGION_LABELS: dict[Region, Label] = {
    "process": Label("Tiến trình", "Process"),
    "protection": Label("Bảo vệ", "Protection"),
    "ban": Label("Cấm tiếp xúc", "Contact ban"),
    "custody": Label("Đơn vị phụ trách", "Custody"),
}

FINAL = frozenset({"closed", "not_substantiated", "redirected"})
"""Process states in which nothing runs on but the written report and the signed order; ``reopen`` leaves them."""

ENDED = FINAL | {"attached"}
"""Process states of a case that is not at work: final, or at work in another case."""

LIVE = frozenset(STATES["process"]) - ENDED
"""Process states of a case at work. ``attached`` is neither: the other case is at work for it."""

STRENGTH: dict[Region, tuple[str, ...]] = {
    "protection": ("none", "protected", "emergency", "isolated"),
    "ban": ("none", "ban_requested", "banned"),
}
"""Weakest first: ``raise_emergency`` leads from ``protected`` to ``emergency`` and leaves ``isolated`` as it is."""

# One chart needs unique ids, and the two proposals of one documented state are answered by different events.
_CHART_IDS: dict[tuple[Region, str], str] = {
    ("protection", "none"): "unprotected",
    ("ban", "none"): "unbanned",
}
_CONCLUSION_IDS = {"not_substantiated": "conclusion_not_substantiated", "redirect": "conclusion_redirect"}
# The department assigns a case nobody else would take: after a refusal, and not of a case that is simply held.
_HELD_ANYHOW = "held_after_refusal"
_CODES = (
    {chart_id: code for (_, code), chart_id in _CHART_IDS.items()}
    | dict.fromkeys(_CONCLUSION_IDS.values(), "conclusion_review")
    | {_HELD_ANYHOW: "held"}
)


def chart_id(region: Region, code: str, memory: dict[str, str]) -> str:
    """The chart's own id of a documented state."""
    if code == "conclusion_review":
        return _CONCLUSION_IDS[memory[Memory.CONCLUSION]]
    if (region, code) == ("custody", "held") and Memory.TRANSFER_REFUSED in memory:
        return _HELD_ANYHOW
    return _CHART_IDS.get((region, code), code)


def code_of(chart_state: str) -> str:
    """The documented code of a chart's own state id."""
    return _CODES.get(chart_state, chart_state)


def conclusion_of(chart_state: str) -> str | None:
    """Which proposal a chart's ``conclusion_review`` holds; None for any other state."""
    return next((kind for kind, state in _CONCLUSION_IDS.items() if state == chart_state), None)


def stronger(region: Region, one: str, other: str) -> str:
    """The stronger of two states of ``protection`` or ``ban``."""
    return max(one, other, key=STRENGTH[region].index)

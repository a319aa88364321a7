"""The states of a referral: their codes as lifecycle.md writes them, and the words people read."""

from models.lifecycle.states import Label

STATES: dict[str, Label] = {
    "draft": Label("Đang soạn", "Draft"),
    "sent": Label("Đã gửi", "Sent"),
    "acknowledged": Label("Nơi nhận đã xác nhận", "Acknowledged"),
    "needs_info": Label("Chờ bổ sung thông tin", "Waiting for information"),
    "accepted": Label("Nơi nhận đã đồng ý", "Accepted"),
    "scheduled": Label("Đã hẹn ngày", "Appointment made"),
    "waiting_order": Label("Chờ văn bản, quyết định theo pháp luật", "Waiting for a legal order"),
    "in_service": Label("Đang cung cấp dịch vụ", "Service under way"),
    "delivered": Label("Đã có kết quả, chờ xác nhận", "Delivered, to be confirmed"),
    "closed": Label("Đã kết thúc", "Closed"),
    "declined": Label("Nơi nhận từ chối", "Declined"),
    "revoked": Label("Đã thu hồi", "Revoked"),
    "child_refused": Label("Trẻ hoặc người chăm sóc từ chối", "Refused by the child or carer"),
    "expired": Label("Hết hạn mà không có trả lời", "Expired without an answer"),
}
"""Labels by code, in the order of lifecycle.md."""

INITIAL = "draft"
"""Where a referral begins."""

FINAL = frozenset({"closed", "declined", "revoked", "child_refused", "expired"})
"""States nothing leads out of."""

LIVE = frozenset(STATES) - FINAL
"""States of a referral somebody still has to do something for."""

UNANSWERED = frozenset({"sent", "acknowledged", "needs_info"})
"""States in which the agency has not said yet whether it takes it."""

TAKEN_ON = frozenset({"accepted", "scheduled", "waiting_order", "in_service", "delivered", "closed"})
"""States of a referral the agency has said yes to: it sees its slice of the case from then on."""

TURNED_AWAY = frozenset({"declined", "expired"})
"""Final states after which the need goes to the next capable unit."""

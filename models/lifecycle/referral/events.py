"""The events of a referral: lifecycle.md's rows as data. Where an event leads is the chart's business."""

from models.lifecycle.facts import SYSTEM_ROLE
from models.lifecycle.referral.services import POLICE
from models.lifecycle.referral.types import EventSpec, Party
from models.lifecycle.roles import RECEIVERS

_OFFICE = frozenset({"CPO", "SUP"})
_SUP = frozenset({"SUP"})
_SYSTEM = frozenset({SYSTEM_ROLE})
_ANY_RECEIVER = RECEIVERS | _OFFICE
_SENDER: frozenset[Party] = frozenset({"sender"})
_AGENCY: frozenset[Party] = frozenset({"agency"})
_POLICE_ONLY = frozenset({POLICE})

_BLTTHS = "Bộ luật Tố tụng hình sự, Điều 147"

_ALL = (
    EventSpec(
        "ask_service", "Đề nghị một dịch vụ cho trẻ", "Ask for a service",
        roles=_OFFICE, in_emergency=_ANY_RECEIVER, needs=("service",),
        conditions=("service-unknown", "case-not-at-work"), begins=True,
    ),
    EventSpec(
        "reroute", "Chuyển tiếp đến nơi khác", "Pass on to the next unit",
        roles=_SYSTEM, needs=("service", "receiver"), begins=True,
        conditions=(
            "service-unknown", "case-not-at-work", "receiver-does-not-provide", "consent-missing",
            "ground-needs-supervisor",
        ),
    ),
    EventSpec(
        "send", "Gửi đến nơi cung cấp dịch vụ", "Send",
        roles=_OFFICE, in_emergency=_ANY_RECEIVER, needs=("receiver",),
        conditions=("case-not-at-work", "receiver-does-not-provide", "consent-missing", "ground-needs-supervisor"),
    ),
    EventSpec("acknowledge", "Xác nhận đã nhận chuyển gửi", "Acknowledge the referral", parties=_AGENCY),
    EventSpec("accept", "Đồng ý tiếp nhận", "Accept the referral", parties=_AGENCY),
    EventSpec(
        "decline", "Từ chối tiếp nhận", "Decline the referral",
        parties=_AGENCY, needs=("decline_reason",), conditions=("decline-reason-not-allowed",),
    ),
    EventSpec(
        "request_info", "Đề nghị bổ sung thông tin", "Ask for more information", parties=_AGENCY, needs=("question",)
    ),
    EventSpec("answer_info", "Trả lời đề nghị bổ sung", "Answer the question", parties=_SENDER, needs=("answer",),
              conditions=("consent-lost",)),
    EventSpec("schedule", "Hẹn ngày và nơi", "Make an appointment", parties=_AGENCY, needs=("when", "where")),
    EventSpec("start_service", "Bắt đầu cung cấp dịch vụ", "Start the service", parties=_AGENCY),
    EventSpec("miss_appointment", "Ghi nhận lỡ hẹn", "Record a missed appointment", parties=_AGENCY, needs=("reason",)),
    EventSpec(
        "wait_for_order", "Chờ văn bản, quyết định theo pháp luật", "Wait for a legal order",
        parties=_AGENCY, needs=("order_awaited",), conditions=("order-not-allowed",),
    ),
    EventSpec(
        "receive_order", "Nhận văn bản, quyết định đã chờ", "Record the legal order",
        parties=_AGENCY, roles=frozenset({"POL"}), conditions=("decision-missing",),
    ),
    EventSpec(
        "deliver", "Ghi nhận kết quả dịch vụ", "Record the outcome",
        parties=_AGENCY, needs=("outcome",), conditions=("outcome-not-allowed", "decision-missing"),
    ),
    EventSpec(
        "extend_decision", "Gia hạn giải quyết tin báo", "Extend the time for the decision",
        parties=_AGENCY, needs=("until",), conditions=("decision-missing", "extended-twice"), services=_POLICE_ONLY,
        stays=True, legal_basis=_BLTTHS,
    ),
    EventSpec("record_note", "Ghi nhận tiến độ dịch vụ", "Record progress", parties=_AGENCY, stays=True),
    EventSpec(
        "record_ground", "Ghi căn cứ chuyển gửi khi chưa có đồng ý", "Record the ground for going without consent",
        roles=_SUP, needs=("ground", "reason"), conditions=("approver-is-author",), stays=True,
    ),
    EventSpec("confirm", "Xác nhận kết quả", "Confirm the outcome", parties=_SENDER),
    EventSpec("dispute", "Không đồng ý với kết quả", "Dispute the outcome", parties=_SENDER, needs=("reason",)),
    EventSpec(
        "revoke", "Thu hồi chuyển gửi", "Revoke the referral",
        parties=_SENDER, roles=_SUP, in_emergency=_SUP, needs=("reason",),
    ),
    EventSpec(
        "refuse_by_child", "Ghi nhận trẻ hoặc người chăm sóc từ chối", "Record that the child or carer refuses",
        parties=_AGENCY, roles=frozenset({"CPO"}), in_emergency=_SUP, needs=("reason",),
    ),
    EventSpec("expire", "Hết hạn mà không có trả lời", "Expire unanswered", roles=_SYSTEM,
              conditions=("never-expires",)),
    EventSpec(
        "ask_again", "Hỏi thêm nơi khác", "Ask another unit as well",
        roles=_SYSTEM, conditions=("expires-instead",), stays=True,
    ),
    EventSpec(
        "lose_consent", "Sự đồng ý đã được rút lại", "The consent was taken back",
        roles=_SYSTEM, conditions=("consent-stands",), stays=True,
    ),
    EventSpec(
        "regain_consent", "Lại có sự đồng ý hoặc căn cứ", "There is consent, or a ground, again",
        roles=_SYSTEM, conditions=("consent-missing",), stays=True,
    ),
)  # fmt: skip

EVENTS: dict[str, EventSpec] = {spec.code: spec for spec in _ALL}
"""Every event of a referral by code, in the order of lifecycle.md."""

BEGINNINGS = tuple(code for code, spec in EVENTS.items() if spec.begins)
"""The events that have no state before them: they make the referral."""

PERSON_EVENTS = tuple(code for code, spec in EVENTS.items() if spec.roles != _SYSTEM)
"""Events a person may send; the rest are the clock's own."""

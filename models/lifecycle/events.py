"""The events of a case: lifecycle.md's rows as data. The API, the documentation and the tests ask this table.

Where an event leads is the chart's business; here stands who may, what it needs and what else must hold.
"""

from models.lifecycle.facts import SYSTEM_ROLE
from models.lifecycle.roles import DECIDERS, DEPARTMENT, RECEIVERS
from models.lifecycle.types import EventSpec, Region

CPO = frozenset({"CPO"})
SUP = frozenset({"SUP"})
OFFICE = frozenset({"CPO", "SUP"})
COMMUNE_TEAM = OFFICE | DECIDERS
DESK = frozenset({"CPO", "SUP", "DOHD"})
SYSTEM = frozenset({SYSTEM_ROLE})

_D56 = "Nghị định 56/2017/NĐ-CP"
_DV = "Luật Phòng, chống bạo lực gia đình 13/2022/QH15"

# What a case must be free of before it may end (lifecycle.md: confirm_*, approve_closure).
_NOTHING_IN_FORCE = ("protection-in-force", "ban-in-force", "emergency-undecided", "custody-not-held")


def _event(
    code: str,
    region: Region,
    roles: frozenset[str],
    vi: str,
    en: str,
    *,
    needs: str = "",
    documents: str = "",
    may_bring: str = "",
    conditions: tuple[str, ...] = (),
    stays: bool = False,
    law: str = "",
    new_plan_version: bool = False,
) -> EventSpec:
    return EventSpec(
        code=code,
        region=region,
        roles=roles,
        label_vi=vi,
        label_en=en,
        needs=tuple(needs.split()),
        documents=tuple(documents.split()),
        may_bring=tuple(may_bring.split()),
        conditions=conditions,
        stays=stays,
        legal_basis=law,
        new_plan_version=new_plan_version,
    )


_PROCESS = (
    _event(
        "receive_report", "process", RECEIVERS, "Tiếp nhận thông tin", "Receive a report",
        needs="report", documents="M01", law=f"{_D56}, Điều 25, 26",
    ),
    _event("acknowledge", "process", DESK, "Xác nhận đã tiếp nhận", "Acknowledge"),
    _event("accept", "process", DESK, "Thụ lý trường hợp", "Accept the case", needs="owner",
           conditions=("owner-recused", "owner-not-serving")),
    _event(
        "propose_redirect", "process", CPO, "Đề nghị chuyển cơ quan khác", "Propose to redirect",
        needs="reason destination",
    ),
    _event(
        "attach", "process", frozenset({"CPO", "SUP", "H111"}), "Nhập vào trường hợp đã có của trẻ",
        "Attach to the child's existing case", needs="target_case",
        conditions=("not-the-same-child", "not-your-unit"),
    ),
    _event("detach", "process", SUP, "Tách khỏi trường hợp đã nhập", "Detach again", needs="reason"),
    _event(
        "complete_initial_assessment", "process", CPO, "Hoàn thành đánh giá nguy cơ ban đầu (Mẫu 02)",
        "Complete the initial assessment (Mẫu 02)", needs="risk emergency_decision", documents="M02",
        conditions=("trigger-missing", "trigger-not-allowed", "transfer-not-possible", "transfer-unit-not-allowed"),
        law=f"{_D56}, Điều 26 khoản 2",
    ),
    _event(
        "substantiate", "process", CPO, "Kết luận có căn cứ", "Substantiate", documents="verification_note",
        law=f"{_D56}, Điều 25 khoản 2",
    ),
    _event(
        "propose_not_substantiated", "process", CPO, "Đề nghị kết luận không đủ căn cứ", "Propose not substantiated",
        needs="reason", may_bring="verification_note",
    ),
    _event(
        "confirm_not_substantiated", "process", SUP | DECIDERS, "Duyệt kết luận không đủ căn cứ",
        "Confirm not substantiated",
        conditions=("approver-is-author", *_NOTHING_IN_FORCE, "emergency-referral-live"),
    ),
    _event(
        "confirm_redirect", "process", SUP | DECIDERS, "Duyệt chuyển cơ quan khác", "Confirm the redirect",
        conditions=(
            "approver-is-author", *_NOTHING_IN_FORCE, "emergency-referral-live", "destination-receipt-missing",
        ),
    ),
    _event(
        "return_to_verification", "process", SUP, "Trả lại để xác minh tiếp", "Return to verification", needs="reason",
    ),
    _event("return_to_screening", "process", SUP, "Trả lại để sàng lọc", "Return to screening", needs="reason"),
    _event(
        "complete_detailed_assessment", "process", CPO, "Hoàn thành đánh giá nguy cơ cụ thể (Mẫu 03)",
        "Complete the detailed assessment (Mẫu 03)", documents="M03", law=f"{_D56}, Điều 27 khoản 1",
    ),
    _event(
        "record_needs_meeting", "process", CPO, "Ghi biên bản họp xác định nhu cầu", "Record the needs meeting",
        needs="needs child_views", documents="minutes", law=f"{_D56}, Điều 27 khoản 2",
    ),
    _event(
        "submit_plan", "process", CPO, "Trình kế hoạch hỗ trợ, can thiệp (Mẫu 04)", "Submit the plan (Mẫu 04)",
        needs="measures", documents="M04 M05", law=f"{_D56}, Điều 28",
    ),
    _event(
        "approve_plan", "process", DECIDERS, "Phê duyệt kế hoạch", "Approve the plan",
        needs="approved_hash", may_bring="M05",
        conditions=("approver-is-author", "content-changed", "decision-missing"), law=f"{_D56}, Điều 28",
    ),
    _event("return_plan", "process", DECIDERS, "Trả lại kế hoạch", "Return the plan", needs="reason"),
    _event("start_review", "process", CPO, "Bắt đầu rà soát, đánh giá", "Start the review", law=f"{_D56}, Điều 30"),
    _event(
        "continue_plan", "process", CPO, "Tiếp tục can thiệp với kế hoạch mới (Mẫu 06)",
        "Continue with a new plan (Mẫu 06)", documents="M06", law=f"{_D56}, Điều 30 khoản 1", new_plan_version=True,
    ),
    _event(
        "propose_closure", "process", CPO, "Đề nghị đóng trường hợp (Mẫu 06)", "Propose closure (Mẫu 06)",
        needs="closure_reason", documents="M06", conditions=("closure-reason-not-allowed",),
        law=f"{_D56}, Điều 30 khoản 1",
    ),
    _event(
        "propose_early_closure", "process", OFFICE, "Đề nghị đóng trường hợp sớm", "Propose early closure",
        needs="closure_reason", conditions=("early-reason-not-allowed",),
    ),
    _event(
        "approve_closure", "process", DECIDERS, "Phê duyệt đóng trường hợp", "Approve the closure",
        conditions=(
            "approver-is-author", *_NOTHING_IN_FORCE, "risk-too-high", "emergency-referral-live", "referral-live",
            "proceeding-live", "decision-missing",
        ),
        law=f"{_D56}, Điều 30 khoản 1",
    ),
    _event("return_closure", "process", DECIDERS, "Trả lại đề nghị đóng", "Return the closure", needs="reason"),
    _event(
        "reopen", "process", frozenset({"CPO", "SUP", "H111", "DOHD"}), "Mở lại trường hợp", "Reopen",
        needs="report", documents="M01", conditions=("owner-recused", "owner-not-serving"), new_plan_version=True,
    ),
    _event(
        "record_contact", "process", CPO, "Ghi lần liên hệ sau khi đóng", "Record a contact after closing",
        needs="seen condition", documents="contact_note", stays=True,
    ),
    _event(
        "add_report", "process", RECEIVERS, "Ghi thêm tin báo về trẻ", "Add a further report", needs="report",
        documents="M01", stays=True,
    ),
    _event(
        "acknowledge_report", "process", DESK, "Xác nhận tin báo thêm", "Acknowledge a further report", stays=True,
    ),
    _event(
        "record_follow_up", "process", CPO, "Ghi lần thăm, theo dõi", "Record a follow-up", needs="seen found",
        documents="follow_up_note",
        stays=True,
    ),
    _event(
        "record_complaint", "process", OFFICE, "Ghi việc khiếu nại, kiến nghị với Viện kiểm sát",
        "Record the complaint to the procuracy, or why there is none", needs="complaint reason",
        conditions=("prosecution-not-refused",), stays=True,
    ),
    _event(
        "rule_out_emergency", "process", OFFICE, "Kết luận không phải khẩn cấp", "Rule the emergency out",
        needs="reason", stays=True,
    ),
    _event(
        "update_risk", "process", OFFICE, "Cập nhật mức nguy cơ", "Update the risk level", needs="risk reason",
        conditions=("risk-unchanged",), stays=True,
    ),
    _event(
        "record_quality_review", "process", frozenset({"SUP", "DOH"}), "Ghi kết quả xem xét việc đóng hồ sơ",
        "Record the closure quality review", needs="finding", stays=True,
    ),
    _event(
        "record_death_review", "process", frozenset({"DOH"}), "Ghi kết quả xem xét trường hợp trẻ tử vong",
        "Record the review of a child's death", needs="finding",
        conditions=("reviewer-is-involved", "no-death-review-open"), stays=True,
    ),
    _event("suspend", "process", SUP, "Tạm dừng", "Suspend", needs="reason"),
    _event("resume", "process", SUP, "Tiếp tục xử lý", "Resume"),
    _event("record_look", "process", SUP, "Ghi lần rà soát khi tạm dừng", "Record a look while suspended", stays=True),
    _event(
        "assign_owner", "process", frozenset({"SUP", "CHAIR", "DOHD"}), "Phân công người phụ trách", "Assign the owner",
        needs="owner", conditions=("owner-recused", "owner-not-serving"), stays=True,
    ),
    _event(
        "pause_clock", "process", SUP, "Tạm dừng một thời hạn", "Pause a deadline", needs="clock pause_days reason",
        conditions=("clock-not-pausable", "clock-overdue", "pause-too-long"), stays=True,
    ),
    _event(
        "send_written_report", "process", OFFICE, "Gửi báo cáo bằng văn bản", "Send the written report",
        documents="written_report", stays=True,
    ),
    _event(
        "record_signed_order", "process", DECIDERS | CPO, "Ghi nhận quyết định đã ký", "Record the signed order",
        documents="signed_order", conditions=("signature-missing",), stays=True,
    ),
    _event(
        "record_proceeding_end", "process", frozenset({"CPO", "POL"}), "Ghi nhận kết thúc tố tụng",
        "Record the end of a proceeding", documents="proceeding_end", stays=True,
    ),
    _event(
        "record_step", "process", CPO, "Ghi kết quả một việc trong kế hoạch", "Record a step of the plan",
        needs="step outcome", documents="step_record", stays=True,
    ),
    _event(
        "add_task", "process", COMMUNE_TEAM, "Giao việc", "Add a task", documents="task",
        conditions=("assignee-not-serving", "due-in-the-past"), stays=True,
    ),
    _event(
        "complete_task", "process", COMMUNE_TEAM, "Ghi kết quả việc được giao", "Complete a task", needs="item_id done",
        conditions=("task-not-open",), stays=True,
    ),
    _event(
        "drop_task", "process", COMMUNE_TEAM, "Thôi việc đã giao", "Drop a task", needs="item_id reason",
        conditions=("task-not-open",), stays=True,
    ),
    _event(
        "call_conference", "process", COMMUNE_TEAM, "Mời họp về trường hợp", "Call a case conference",
        documents="conference_call", conditions=("person-unknown", "due-in-the-past"), stays=True,
    ),
    _event(
        "record_conference", "process", COMMUNE_TEAM, "Ghi biên bản họp về trường hợp", "Record the case conference",
        needs="item_id", documents="conference_minutes",
        conditions=("conference-not-open", "assignee-not-serving", "due-in-the-past"), stays=True,
    ),
    _event(
        "raise_flag", "process", COMMUNE_TEAM | DEPARTMENT, "Đặt lưu ý", "Raise a flag", documents="flag",
        conditions=("due-in-the-past",), stays=True,
    ),
    _event(
        "lower_flag", "process", COMMUNE_TEAM | DEPARTMENT, "Bỏ lưu ý", "Lower a flag", needs="item_id reason",
        conditions=("flag-not-open",), stays=True,
    ),
    _event(
        "record_recusal", "process", frozenset({"H111", "H111S", "CPO", "SUP", "CHAIR", "VCH", "DOH", "DOHD"}),
        "Ghi nhận người phải từ chối tham gia", "Record a recusal", needs="recused_person reason",
        conditions=("person-unknown",), stays=True,
    ),
    _event(
        "clear_conflict", "process", frozenset({"SUP", "CHAIR", "DOH", "DOHD"}), "Loại trừ xung đột lợi ích",
        "Clear a possible conflict of interest", needs="recused_person reason",
        conditions=("no-conflict-on-record", "judge-not-outside"), stays=True,
    ),
    _event(
        "find_conflict", "process", SYSTEM, "Phát hiện có thể có xung đột lợi ích",
        "A possible conflict of interest was found", stays=True,
    ),
    _event(
        "break_glass", "process", SYSTEM, "Mở xem hồ sơ theo diện cấp thiết", "Opened in an emergency", stays=True,
    ),
    _event(
        "review_break_glass", "process", SYSTEM, "Xem xét lại việc mở hồ sơ theo diện cấp thiết",
        "The opening in an emergency was reviewed", stays=True,
    ),
    _event(
        "name_delegate", "process", frozenset({"DOH", "DOHD"}), "Cử người quyết định thay", "Name a delegate",
        needs="delegate",
        conditions=("person-unknown", "owner-recused", "no-recusal-on-record", "delegate-in-place"), stays=True,
    ),
    _event(
        "give_back", "process", SYSTEM, "Trả lại phần đã nhập", "Give back what an attachment brought", stays=True,
    ),
)  # fmt: skip

_PROTECTION = (
    _event(
        "raise_emergency", "protection", RECEIVERS | {"CPO", "SUP", "CHAIR", "DOHD"}, "Xác định cần bảo vệ khẩn cấp",
        "Raise the emergency", needs="trigger", conditions=("trigger-not-allowed",), law=f"{_D56}, Điều 31 khoản 1",
    ),
    _event(
        "apply_measures", "protection", frozenset({"CPO", "CHAIR", "VCH", "DOHD"}), "Áp dụng biện pháp bảo vệ",
        "Apply protective measures", needs="measures with_whom", documents="measures_record", law=f"{_D56}, Điều 31",
    ),
    _event(
        "order_isolation", "protection", DECIDERS, "Quyết định tạm thời cách ly (Mẫu 07)", "Order isolation (Mẫu 07)",
        needs="isolated_from isolated_to until isolation_days", documents="M07",
        conditions=("isolation-too-long", "decision-missing"), law=f"{_D56}, Điều 32",
    ),
    _event(
        "stand_down", "protection", DECIDERS, "Chấm dứt tình trạng khẩn cấp", "Stand the emergency down",
        needs="reason",
    ),
    _event(
        "end_protection", "protection", DECIDERS, "Chấm dứt biện pháp bảo vệ", "End protection", needs="reason",
    ),
    _event(
        "review_measures", "protection", OFFICE, "Rà soát biện pháp bảo vệ", "Review the measures",
        needs="still_holds", documents="measures_review", stays=True,
    ),
    _event(
        "extend_isolation", "protection", DECIDERS, "Gia hạn cách ly", "Extend the isolation",
        needs="until isolation_days",
        documents="isolation_extension", may_bring="M07",
        conditions=("isolation-too-long", "decision-missing"), stays=True,
        law=f"{_D56}, Điều 32",
    ),
    _event(
        "end_isolation", "protection", DECIDERS, "Chấm dứt cách ly", "End the isolation", needs="end_ground",
        conditions=("end-ground-not-allowed",), law=f"{_D56}, Điều 32",
    ),
)  # fmt: skip

_BAN = (
    _event(
        "request_ban", "ban", RECEIVERS, "Ghi nhận đề nghị cấm tiếp xúc", "Record a request for a contact ban",
        needs="ban_requester", documents="ban_request",
        conditions=("ban-requester-not-allowed",), law=f"{_DV}, Điều 25",
    ),
    _event(
        "order_ban", "ban", DECIDERS, "Quyết định cấm tiếp xúc", "Order the contact ban", documents="ban_decision",
        conditions=("ban-too-long", "decision-missing"), law=f"{_DV}, Điều 25",
    ),
    _event(
        "refuse_ban", "ban", DECIDERS, "Không chấp nhận cấm tiếp xúc", "Refuse the contact ban", needs="reason",
        law=f"{_DV}, Điều 25",
    ),
    _event(
        "renew_ban", "ban", DECIDERS, "Gia hạn cấm tiếp xúc", "Renew the contact ban", documents="ban_decision",
        conditions=("ban-too-long", "decision-missing"), stays=True, law=f"{_DV}, Điều 25",
    ),
    _event("lift_ban", "ban", DECIDERS, "Hủy bỏ cấm tiếp xúc", "Lift the contact ban"),
    _event("ban_ends", "ban", SYSTEM, "Hết thời hạn cấm tiếp xúc", "The contact ban ends", law=f"{_DV}, Điều 25"),
)  # fmt: skip

_CUSTODY = (
    _event(
        "propose_transfer", "custody", OFFICE, "Đề nghị chuyển trường hợp", "Propose a transfer",
        needs="to_unit reason", conditions=("transfer-unit-not-allowed",),
    ),
    _event(
        "accept_transfer", "custody", COMMUNE_TEAM, "Tiếp nhận trường hợp chuyển đến", "Accept the transfer",
        needs="owner", conditions=("owner-recused", "owner-not-serving"),
    ),
    _event(
        "refuse_transfer", "custody", COMMUNE_TEAM, "Từ chối tiếp nhận trường hợp chuyển đến", "Refuse the transfer",
        needs="reason",
    ),
    _event("withdraw_transfer", "custody", OFFICE, "Rút đề nghị chuyển trường hợp", "Withdraw the transfer"),
    _event(
        "assign_transfer", "custody", frozenset({"DOH", "DOHD", "PROV", "NAT"}),
        "Phân công đơn vị tiếp nhận trường hợp", "Assign the case to a unit", needs="to_unit reason",
        conditions=("transfer-unit-not-allowed", "transfer-within-province"),
    ),
    _event(
        "request_transfer", "custody", OFFICE, "Đề nghị được nhận trường hợp", "Request a transfer", needs="reason",
        conditions=("transfer-already-requested",), stays=True,
    ),
    _event(
        "decline_request", "custody", OFFICE, "Từ chối đề nghị nhận trường hợp", "Decline the request for a transfer",
        needs="reason", conditions=("no-transfer-request",), stays=True,
    ),
)  # fmt: skip

EVENTS: dict[str, EventSpec] = {spec.code: spec for spec in (*_PROCESS, *_PROTECTION, *_BAN, *_CUSTODY)}
"""Every event by code, in the order of lifecycle.md."""

INTAKE = "receive_report"
"""The event that has no state before it: it makes the case."""

PERSON_EVENTS = tuple(code for code, spec in EVENTS.items() if spec.roles != SYSTEM)
"""Events a person may send; the rest are the clock's and the service's own."""

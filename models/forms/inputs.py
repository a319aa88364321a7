"""The body of every action on a case: one model per event, and how a body becomes documents and a command.

A body holds content (forms, reasons, notes), which the API stores as documents, and codes, ids and dates, which may go
with the command. `parts` gives the first, `carried` the second. What an event needs stands in the lifecycle; whether
it is allowed is not judged here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Final, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from models.forms.assessment import M02, M03, M06
from models.forms.base import (
    Coded,
    Count,
    Day,
    Flag,
    Form,
    Instant,
    Line,
    LongText,
    Means,
    Risk,
    Role,
    Sha256,
    Sheet,
    Text,
    Trigger,
    UnitCode,
    content,
    refused,
    says,
)
from models.forms.decision import Decided, Order, ProceedingEnd, SignedDecision
from models.forms.intake import M01
from models.forms.joint import CaseFlag, ConferenceCall, ConferenceMinutes, Task
from models.forms.notes import ContactNote, EventReport, FollowUpNote, VerificationNote
from models.forms.plan import M04, M05, MeetingMinutes, StepRecord
from models.forms.protection import M07, BanDecision, BanRequest, IsolationExtension, MeasuresRecord, MeasuresReview
from models.lifecycle import EVENTS

INTAKE: Final = "receive_report"
ACT: Final = "act"
"""Kind of the document that holds what a body says outside its forms."""


class OnBehalf(Sheet):
    """For whom the act is recorded, by id or by role, and how they passed it on. No name."""

    VI: ClassVar[str] = "Ghi thay cho"
    EN: ClassVar[str] = "On behalf of"
    CARRIES: ClassVar[tuple[str, ...]] = ("person_id", "role", "means")

    person_id: Annotated[UUID | None, says("Mã người thực hiện", "Id of the person")] = None
    role: Annotated[Role | None, says("Vai trò", "Role")] = None
    means: Annotated[Means, says("Hình thức", "Means")]

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.person_id is None and self.role is None:
            raise refused("on-behalf-of-nobody", "Say for whom: a person or a role.")
        return self


class ActionInput(Sheet):
    """What every action may say: when it happened, for whom it is recorded, and a note.

    `occurred_at` empty means now. Its bounds (receipt ≤ it ≤ now) need a clock and are not judged here.
    """

    EVENT: ClassVar[str]

    occurred_at: Annotated[
        Instant | None,
        says(
            "Thời điểm thực tế",
            "When it happened",
            help_vi="Để trống nếu vừa xảy ra; không sớm hơn lúc tiếp nhận, không muộn hơn hiện tại.",
            help_en="Empty if just now; not before the receipt, not after now.",
        ),
    ] = None
    on_behalf_of: Annotated[OnBehalf | None, says("Ghi thay cho", "On behalf of")] = None
    note: Annotated[Text | None, says("Ghi chú", "Note")] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Title the body after its event."""
        super().__init_subclass__(**kwargs)
        if "EVENT" in cls.__dict__:
            cls.VI, cls.EN = EVENTS[cls.EVENT].label_vi, EVENTS[cls.EVENT].label_en


Reason = Annotated[LongText, says("Lý do", "Reason")]
OwnerId = Annotated[UUID, says("Người phụ trách trường hợp", "Owner of the case", help_en="Id of the person")]
OptionalOwnerId = Annotated[
    UUID | None,
    says(
        "Người phụ trách trường hợp",
        "Owner of the case",
        help_vi="Để trống thì người trực phụ trách.",
        help_en="Empty means the officer on duty.",
    ),
]


class Acknowledge(ActionInput):
    """Acknowledge the report."""

    EVENT: ClassVar[str] = "acknowledge"


class Accept(ActionInput):
    """Accept the case and name its owner."""

    EVENT: ClassVar[str] = "accept"
    CARRIES: ClassVar[tuple[str, ...]] = ("owner_id",)

    owner_id: OwnerId


class ProposeRedirect(ActionInput):
    """Propose that the matter belongs elsewhere."""

    EVENT: ClassVar[str] = "propose_redirect"
    CARRIES: ClassVar[tuple[str, ...]] = ("destination_unit",)

    destination: Annotated[Line, says("Nơi chuyển đến", "Destination")]
    destination_unit: Annotated[UnitCode | None, says("Mã đơn vị nơi chuyển đến", "Unit code of the destination")] = (
        None
    )
    reason: Reason


class Attach(ActionInput):
    """Attach this report to a case of the same child. A person has to confirm that it is the same child."""

    EVENT: ClassVar[str] = "attach"
    CARRIES: ClassVar[tuple[str, ...]] = ("target_case", "owner_id")

    target_case: Annotated[UUID, says("Trường hợp đã có của trẻ", "Existing case of the child")]
    confirmed: Annotated[Literal[True], says("Tôi xác nhận đây là cùng một trẻ", "I confirm that it is the same child")]
    owner_id: OptionalOwnerId = None


class Detach(ActionInput):
    """Detach again."""

    EVENT: ClassVar[str] = "detach"

    reason: Reason


class CompleteInitialAssessment(ActionInput):
    """Mẫu 02. An emergency in it acts as `raise_emergency` in the same transaction, the transfer as its proposal."""

    EVENT: ClassVar[str] = "complete_initial_assessment"

    m02: Annotated[M02, says("Mẫu 02", "Form 02")]
    transfer_to_residence: Annotated[
        Flag,
        says(
            "Đề nghị chuyển trường hợp về nơi trẻ cư trú",
            "Propose the transfer to the child's residence",
            help_vi="Khi nơi xảy ra vụ việc và nơi trẻ cư trú thuộc hai xã, phường khác nhau. Đơn vị hiện nay vẫn phụ "
            "trách cho đến khi nơi nhận đồng ý.",
            help_en="Where incident and residence are in two communes. The present unit holds the case until the other "
            "one accepts.",
        ),
    ] = False


class Substantiate(ActionInput):
    """The report is founded."""

    EVENT: ClassVar[str] = "substantiate"

    verification: Annotated[VerificationNote, says("Biên bản xác minh", "Verification note")]


class ProposeNotSubstantiated(ActionInput):
    """Propose that the report is not founded."""

    EVENT: ClassVar[str] = "propose_not_substantiated"

    reason: Reason
    verification: Annotated[VerificationNote | None, says("Biên bản xác minh", "Verification note")] = None


class ConfirmNotSubstantiated(ActionInput):
    """Confirm that the report is not founded."""

    EVENT: ClassVar[str] = "confirm_not_substantiated"


class ConfirmRedirect(ActionInput):
    """Confirm the redirect, with the destination's receipt."""

    EVENT: ClassVar[str] = "confirm_redirect"
    CARRIES: ClassVar[tuple[str, ...]] = ("received_at",)

    received_by: Annotated[Line, says("Nơi nhận đã tiếp nhận", "Received by")]
    received_at: Annotated[Instant, says("Thời điểm nơi nhận tiếp nhận", "Received at")]
    receipt_number: Annotated[Line | None, says("Số văn bản tiếp nhận", "Number of the receipt")] = None


class ReturnToVerification(ActionInput):
    """Return the proposal: verify further."""

    EVENT: ClassVar[str] = "return_to_verification"

    reason: Reason


class ReturnToScreening(ActionInput):
    """Return the proposal: screen again."""

    EVENT: ClassVar[str] = "return_to_screening"

    reason: Reason


class CompleteDetailedAssessment(ActionInput):
    """Mẫu 03."""

    EVENT: ClassVar[str] = "complete_detailed_assessment"

    m03: Annotated[M03, says("Mẫu 03", "Form 03")]


class RecordNeedsMeeting(ActionInput):
    """Minutes of the needs meeting, with needs and the child's views."""

    EVENT: ClassVar[str] = "record_needs_meeting"

    minutes: Annotated[MeetingMinutes, says("Biên bản họp", "Minutes")]


class SubmitPlan(ActionInput):
    """Mẫu 04 with its measures and the draft of Mẫu 05."""

    EVENT: ClassVar[str] = "submit_plan"

    m04: Annotated[M04, says("Mẫu 04", "Form 04")]
    m05: Annotated[M05, says("Dự thảo Mẫu 05", "Draft of form 05")]


class ApprovePlan(ActionInput):
    """Approve exactly what was submitted."""

    EVENT: ClassVar[str] = "approve_plan"
    CARRIES: ClassVar[tuple[str, ...]] = ("content_hash",)

    content_hash: Annotated[
        Sha256,
        says(
            "Mã kiểm tra nội dung đã trình",
            "Hash of the submitted content",
            help_vi="Bảo đảm phê duyệt đúng bản đã đọc.",
            help_en="Makes sure that what was read is what is approved.",
        ),
    ]
    decision: Annotated[SignedDecision, says("Quyết định phê duyệt", "Decision")]


class ReturnPlan(ActionInput):
    """Return the plan to its author."""

    EVENT: ClassVar[str] = "return_plan"

    reason: Reason


class StartReview(ActionInput):
    """Start the review."""

    EVENT: ClassVar[str] = "start_review"


class ContinuePlan(ActionInput):
    """Mẫu 06 that concludes to continue."""

    EVENT: ClassVar[str] = "continue_plan"

    m06: Annotated[M06, says("Mẫu 06", "Form 06")]

    @model_validator(mode="after")
    def _concludes_so(self) -> Self:
        _concludes(self.m06, "CONTINUE")
        return self


class ProposeClosure(ActionInput):
    """Mẫu 06 that concludes to end, and the closure reason."""

    EVENT: ClassVar[str] = "propose_closure"
    CARRIES: ClassVar[tuple[str, ...]] = ("closure_reason",)

    m06: Annotated[M06, says("Mẫu 06", "Form 06")]
    closure_reason: Annotated[
        Annotated[
            str,
            Coded(
                "closure_reasons",
                "NO_LONGER_AT_RISK",
                "OBJECTIVES_MET",
                "AGE",
                "PERMANENT_CARE",
                "DEATH",
                "MOVED_ABROAD",
            ),
        ],
        says("Lý do đóng trường hợp", "Closure reason"),
    ]

    @model_validator(mode="after")
    def _concludes_so(self) -> Self:
        _concludes(self.m06, "END")
        return self


class ClosureException(Sheet):
    """Why the case may close while a referral or proceeding is live, and who approved that as the second."""

    VI: ClassVar[str] = "Ngoại lệ khi đóng trường hợp"
    EN: ClassVar[str] = "Closure exception"

    reason: Reason
    second_approver: Annotated[UUID, says("Người phê duyệt thứ hai", "Second approver", help_en="Id of the person")]


class ApproveClosure(ActionInput):
    """Approve the closure."""

    EVENT: ClassVar[str] = "approve_closure"

    decision: Annotated[SignedDecision, says("Quyết định đóng trường hợp", "Decision")]
    exception: Annotated[
        ClosureException | None,
        says(
            "Ngoại lệ khi còn chuyển gửi hoặc tố tụng chưa xong",
            "Exception for a live referral or proceeding",
            help_vi="Không áp dụng cho công an, dịch vụ khẩn cấp và tố tụng hình sự.",
            help_en="Never for police, emergency services or a criminal proceeding.",
        ),
    ] = None

    def carried(self) -> dict[str, Any]:
        """Return the second approver's id where an exception is claimed."""
        return {"second_approver": str(self.exception.second_approver)} if self.exception else {}


class ReturnClosure(ActionInput):
    """Return the closure to the state it came from."""

    EVENT: ClassVar[str] = "return_closure"

    reason: Reason


class ProposeEarlyClosure(ActionInput):
    """Close before the plan is through: death, age, moved abroad, permanent care."""

    EVENT: ClassVar[str] = "propose_early_closure"
    CARRIES: ClassVar[tuple[str, ...]] = ("closure_reason",)

    closure_reason: Annotated[
        Annotated[str, Coded("early_closure_kinds")], says("Lý do đóng trường hợp", "Closure reason")
    ]
    evidence: Annotated[Text | None, says("Giấy tờ chứng minh", "Evidence")] = None
    reason: Annotated[LongText | None, says("Lý do", "Reason")] = None


class Reported(ActionInput):
    """A further report on the child of this case: Mẫu 01 about that child alone, and what goes with it."""

    CARRIES: ClassVar[tuple[str, ...]] = ("flagged", "trigger", "received_at", "incident_unit", "residence_unit")

    m01: Annotated[M01, says("Mẫu 01", "Form 01")]
    flagged: Annotated[Flag, says("Báo khẩn cấp", "Flagged as emergency")] = False
    trigger: Annotated[Trigger | None, says("Căn cứ khẩn cấp", "Trigger")] = None
    received_at: Annotated[
        Instant | None,
        says(
            "Thời điểm tiếp nhận",
            "Received at",
            help_vi="Lúc thông tin đến nơi tiếp nhận đầu tiên; để trống nếu vừa nhận.",
            help_en="When it reached the first receiver; empty if just now.",
        ),
    ] = None
    incident_unit: Annotated[UnitCode | None, says("Xã, phường nơi xảy ra vụ việc", "Commune of the incident")] = None
    residence_unit: Annotated[UnitCode | None, says("Xã, phường nơi trẻ cư trú", "Commune of residence")] = None

    @model_validator(mode="after")
    def _about_this_child(self) -> Self:
        if len(self.m01.children) != 1:
            raise refused("one-child-only", "A report on a case is about its child; others need a report of their own.")
        _flag_agrees(self.flagged, self.trigger)
        _one_receipt(self.m01.received_at, self.received_at)
        return self

    @property
    def receipt(self) -> datetime | None:
        """The receipt instant that was stated, in the body or on Mẫu 01."""
        return self.received_at or self.m01.received_at


class AddReport(Reported):
    """A further report on a live case."""

    EVENT: ClassVar[str] = "add_report"


class Reopen(Reported):
    """A new report on a case that had ended."""

    EVENT: ClassVar[str] = "reopen"
    CARRIES: ClassVar[tuple[str, ...]] = (*Reported.CARRIES, "owner_id")

    owner_id: OptionalOwnerId = None


class RecordContact(ActionInput):
    """A contact after closure."""

    EVENT: ClassVar[str] = "record_contact"

    contact: Annotated[ContactNote, says("Lần liên hệ", "Contact")]


class AcknowledgeReport(ActionInput):
    """Acknowledge a further report."""

    EVENT: ClassVar[str] = "acknowledge_report"


class RecordFollowUp(ActionInput):
    """A follow-up of the child."""

    EVENT: ClassVar[str] = "record_follow_up"

    follow_up: Annotated[FollowUpNote, says("Lần theo dõi", "Follow-up")]


class RecordComplaint(ActionInput):
    """What was made of the possibility to complain to the procuracy about a decision not to prosecute."""

    EVENT: ClassVar[str] = "record_complaint"
    CARRIES: ClassVar[tuple[str, ...]] = ("complaint",)

    complaint: Annotated[
        Annotated[str, Coded("complaint_answers")], says("Khiếu nại, kiến nghị với Viện kiểm sát", "Complaint")
    ]
    reason: Reason
    number: Annotated[Line | None, says("Số văn bản", "Document number")] = None
    dated: Annotated[Day | None, says("Ngày văn bản", "Date of the document")] = None


class RuleOutEmergency(ActionInput):
    """There is no emergency, and why."""

    EVENT: ClassVar[str] = "rule_out_emergency"

    reason: Reason


class UpdateRisk(ActionInput):
    """A new risk level, and why."""

    EVENT: ClassVar[str] = "update_risk"
    CARRIES: ClassVar[tuple[str, ...]] = ("risk",)

    risk: Annotated[Risk, says("Mức độ nguy cơ", "Risk level")]
    reason: Reason


class Suspend(ActionInput):
    """Suspend the case, and why."""

    EVENT: ClassVar[str] = "suspend"
    CARRIES: ClassVar[tuple[str, ...]] = ("reason_code",)

    reason_code: Annotated[Annotated[str, Coded("suspend_reasons")], says("Loại lý do", "Kind of reason")]
    reason: Reason


class Resume(ActionInput):
    """Resume the case."""

    EVENT: ClassVar[str] = "resume"


class RecordLook(ActionInput):
    """A look at the case while it is suspended."""

    EVENT: ClassVar[str] = "record_look"

    finding: Annotated[LongText | None, says("Kết quả xem xét", "What was found")] = None


class RecordQualityReview(ActionInput):
    """Why a case that was closed had to be reopened soon after: what the closing missed, what is to change."""

    EVENT: ClassVar[str] = "record_quality_review"

    finding: Annotated[LongText, says("Kết quả xem xét", "What was found")]


class RecordDeathReview(ActionInput):
    """What the department found when it looked at the case of a child who died: what was done, what was missed."""

    EVENT: ClassVar[str] = "record_death_review"

    finding: Annotated[LongText, says("Kết quả xem xét", "What was found")]


class AssignOwner(ActionInput):
    """Name the owner."""

    EVENT: ClassVar[str] = "assign_owner"
    CARRIES: ClassVar[tuple[str, ...]] = ("owner_id",)

    owner_id: OwnerId
    reason: Annotated[LongText | None, says("Lý do", "Reason")] = None


class PauseClock(ActionInput):
    """Pause one clock of our own design; the law's are refused by the lifecycle."""

    EVENT: ClassVar[str] = "pause_clock"
    CARRIES: ClassVar[tuple[str, ...]] = ("deadline_id", "working_days", "reason_code")

    deadline_id: Annotated[UUID, says("Thời hạn", "Deadline", help_en="Id of the deadline")]
    working_days: Annotated[
        Annotated[Count, Field(ge=1, le=3)],
        says("Số ngày làm việc tạm dừng", "Working days", help_vi="Không quá 3 ngày."),
    ]
    reason_code: Annotated[Annotated[str, Coded("pause_reasons")] | None, says("Loại lý do", "Kind of reason")] = None
    reason: Reason


class SendWrittenReport(ActionInput):
    """The written event report, to the province."""

    EVENT: ClassVar[str] = "send_written_report"

    report: Annotated[EventReport, says("Báo cáo vụ việc", "Event report")]


class RecordSignedOrder(ActionInput):
    """The paper of a spoken order."""

    EVENT: ClassVar[str] = "record_signed_order"

    order: Annotated[Order, says("Văn bản đã ký", "Signed order")]


class RecordProceedingEnd(ActionInput):
    """The document that ends a proceeding."""

    EVENT: ClassVar[str] = "record_proceeding_end"

    proceeding: Annotated[ProceedingEnd, says("Văn bản kết thúc tố tụng", "End of the proceeding")]


class RecordStep(ActionInput):
    """A step of the plan: done, or why not."""

    EVENT: ClassVar[str] = "record_step"

    step: Annotated[StepRecord, says("Kết quả hoạt động", "Step")]


class RaiseEmergency(ActionInput):
    """This is an emergency."""

    EVENT: ClassVar[str] = "raise_emergency"
    CARRIES: ClassVar[tuple[str, ...]] = ("trigger",)

    trigger: Annotated[Trigger, says("Căn cứ khẩn cấp", "Trigger", basis="NĐ 56/2017/NĐ-CP Điều 31")]


class ApplyMeasures(ActionInput):
    """Emergency measures: what and with whom."""

    EVENT: ClassVar[str] = "apply_measures"

    measures: Annotated[MeasuresRecord, says("Biện pháp bảo vệ khẩn cấp", "Emergency measures")]


class OrderIsolation(ActionInput):
    """Mẫu 07."""

    EVENT: ClassVar[str] = "order_isolation"

    m07: Annotated[M07, says("Mẫu 07", "Form 07")]


class StandDown(ActionInput):
    """The emergency is over."""

    EVENT: ClassVar[str] = "stand_down"

    reason: Reason


class EndProtection(ActionInput):
    """The measures end."""

    EVENT: ClassVar[str] = "end_protection"

    reason: Reason


class ReviewMeasures(ActionInput):
    """What still holds."""

    EVENT: ClassVar[str] = "review_measures"

    review: Annotated[MeasuresReview, says("Xem xét lại biện pháp", "Review of the measures")]


class ExtendIsolation(ActionInput):
    """A longer isolation."""

    EVENT: ClassVar[str] = "extend_isolation"

    extension: Annotated[IsolationExtension, says("Quyết định gia hạn", "Extension")]


class EndIsolation(ActionInput):
    """The isolation ends."""

    EVENT: ClassVar[str] = "end_isolation"
    CARRIES: ClassVar[tuple[str, ...]] = ("end_ground",)

    end_ground: Annotated[Annotated[str, Coded("end_isolation_grounds")], says("Căn cứ chấm dứt", "Ground")]
    reason: Annotated[LongText | None, says("Lý do", "Reason")] = None
    decision: Annotated[SignedDecision | None, says("Quyết định chấm dứt", "Decision")] = None


class RequestBan(ActionInput):
    """A request for a contact ban."""

    EVENT: ClassVar[str] = "request_ban"

    request: Annotated[BanRequest, says("Đề nghị cấm tiếp xúc", "Request")]


class OrderBan(ActionInput):
    """A contact ban."""

    EVENT: ClassVar[str] = "order_ban"

    ban: Annotated[BanDecision, says("Quyết định cấm tiếp xúc", "Contact ban")]


class RefuseBan(ActionInput):
    """No ban, with written reasons."""

    EVENT: ClassVar[str] = "refuse_ban"

    reason: Annotated[LongText, says("Lý do không ra quyết định", "Written reasons", basis="Luật 13/2022/QH15 Điều 25")]


class RenewBan(ActionInput):
    """The ban again, for another period."""

    EVENT: ClassVar[str] = "renew_ban"

    ban: Annotated[BanDecision, says("Quyết định cấm tiếp xúc", "Contact ban")]


class LiftBan(ActionInput):
    """The ban is lifted."""

    EVENT: ClassVar[str] = "lift_ban"

    reason: Annotated[LongText | None, says("Lý do", "Reason")] = None
    decision: Annotated[SignedDecision | None, says("Quyết định hủy bỏ", "Decision")] = None


class RecordRecusal(ActionInput):
    """A person must keep out of this case."""

    EVENT: ClassVar[str] = "record_recusal"
    CARRIES: ClassVar[tuple[str, ...]] = ("person_id", "ground")

    person_id: Annotated[UUID, says("Người phải từ chối tham gia", "Who must keep out", help_en="Id of the person")]
    ground: Annotated[Annotated[str, Coded("recusal_grounds")] | None, says("Căn cứ", "Ground")] = None
    reason: Reason


class ClearConflict(ActionInput):
    """A possible conflict of interest turned out to be none."""

    EVENT: ClassVar[str] = "clear_conflict"
    CARRIES: ClassVar[tuple[str, ...]] = ("person_id",)

    person_id: Annotated[UUID, says("Người được loại trừ", "Who is cleared", help_en="Id of the person")]
    reason: Reason


class NameDelegate(ActionInput):
    """Somebody decides in this case for one who is recused."""

    EVENT: ClassVar[str] = "name_delegate"
    CARRIES: ClassVar[tuple[str, ...]] = ("person_id", "for_role")

    person_id: Annotated[UUID, says("Người được chỉ định", "Who is named", help_en="Id of the person")]
    for_role: Annotated[
        Annotated[str, Coded("roles", "CHAIR", "VCH", "SUP", "CPO")], says("Thay cho vai trò", "In place of")
    ]
    decision: Annotated[SignedDecision | None, says("Văn bản chỉ định", "Decision")] = None


# --- work in common ---------------------------------------------------------------------------------------------


class AddTask(ActionInput):
    """Give somebody something to do."""

    EVENT: ClassVar[str] = "add_task"

    task: Annotated[Task, says("Công việc", "Task")]


class CompleteTask(ActionInput):
    """A task is done."""

    EVENT: ClassVar[str] = "complete_task"
    CARRIES: ClassVar[tuple[str, ...]] = ("item_id",)

    item_id: Annotated[UUID, says("Công việc", "Task", help_en="Id of the task")]
    done: Annotated[LongText, says("Kết quả thực hiện", "What was done")]


class DropTask(ActionInput):
    """A task need not be done any more."""

    EVENT: ClassVar[str] = "drop_task"
    CARRIES: ClassVar[tuple[str, ...]] = ("item_id",)

    item_id: Annotated[UUID, says("Công việc", "Task", help_en="Id of the task")]
    reason: Reason


class CallConference(ActionInput):
    """Call a case conference; whoever is invited and uses the system is told."""

    EVENT: ClassVar[str] = "call_conference"

    conference: Annotated[ConferenceCall, says("Cuộc họp", "Conference")]


class RecordConference(ActionInput):
    """What a conference came to; its decisions with a person and a day become tasks."""

    EVENT: ClassVar[str] = "record_conference"
    CARRIES: ClassVar[tuple[str, ...]] = ("item_id",)

    item_id: Annotated[UUID, says("Cuộc họp", "Conference", help_en="Id of the conference")]
    minutes: Annotated[ConferenceMinutes, says("Biên bản họp", "Minutes")]


class RaiseFlag(ActionInput):
    """Keep something in sight, and say when to look again."""

    EVENT: ClassVar[str] = "raise_flag"

    flag: Annotated[CaseFlag, says("Lưu ý", "Flag")]


class LowerFlag(ActionInput):
    """It was looked at, or need not be kept in sight any more."""

    EVENT: ClassVar[str] = "lower_flag"
    CARRIES: ClassVar[tuple[str, ...]] = ("item_id",)

    item_id: Annotated[UUID, says("Lưu ý", "Flag", help_en="Id of the flag")]
    reason: Reason


# --- custody --------------------------------------------------------------------------------------------------------

ToUnit = Annotated[UnitCode, says("Đơn vị tiếp nhận", "Receiving unit", help_vi="Mã đơn vị.", help_en="Its code.")]


class ProposeTransfer(ActionInput):
    """Propose that another commune takes the case over, and what it has to know to go on."""

    EVENT: ClassVar[str] = "propose_transfer"
    CARRIES: ClassVar[tuple[str, ...]] = ("to_unit",)

    to_unit: ToUnit
    reason: Reason
    handover: Annotated[
        LongText | None,
        says(
            "Nội dung bàn giao",
            "What is handed over",
            help_vi="Việc đang làm, việc cần làm tiếp, người cần liên hệ.",
            help_en="What is under way, what comes next, whom to contact.",
        ),
    ] = None


class AcceptTransfer(ActionInput):
    """Take the case over, and name who owns it from now on."""

    EVENT: ClassVar[str] = "accept_transfer"
    CARRIES: ClassVar[tuple[str, ...]] = ("owner_id",)

    owner_id: OwnerId


class RefuseTransfer(ActionInput):
    """Refuse to take the case over, and why."""

    EVENT: ClassVar[str] = "refuse_transfer"

    reason: Reason


class WithdrawTransfer(ActionInput):
    """Take a proposal back."""

    EVENT: ClassVar[str] = "withdraw_transfer"

    reason: Annotated[LongText | None, says("Lý do", "Reason")] = None


class AssignTransfer(ActionInput):
    """Decide which commune holds the case, and why."""

    EVENT: ClassVar[str] = "assign_transfer"
    CARRIES: ClassVar[tuple[str, ...]] = ("to_unit",)

    to_unit: ToUnit
    reason: Reason


class RequestTransfer(ActionInput):
    """Ask the commune that holds the case for it, and why."""

    EVENT: ClassVar[str] = "request_transfer"

    reason: Reason


class DeclineRequest(ActionInput):
    """Answer such a request with no, and why."""

    EVENT: ClassVar[str] = "decline_request"

    reason: Reason


class ReportInput(Sheet):
    """The body of `POST /reports`. One linked case per child named; the child's own communes win over the report's."""

    VI: ClassVar[str] = EVENTS[INTAKE].label_vi
    EN: ClassVar[str] = EVENTS[INTAKE].label_en
    CARRIES: ClassVar[tuple[str, ...]] = ("flagged", "trigger", "received_at", "incident_unit", "residence_unit")

    m01: Annotated[M01, says("Mẫu 01", "Form 01")] = M01()
    flagged: Annotated[
        Flag,
        says(
            "Báo khẩn cấp",
            "Flagged as emergency",
            help_vi="Tính mạng, sức khỏe, nhân phẩm của trẻ đang bị đe dọa nghiêm trọng, hoặc người chăm sóc gây hại.",
            help_en="Life, health or dignity is seriously at risk, or the carer does the harm.",
        ),
    ] = False
    trigger: Annotated[Trigger | None, says("Căn cứ khẩn cấp", "Trigger")] = None
    received_at: Annotated[
        Instant | None,
        says(
            "Thời điểm tiếp nhận",
            "Received at",
            help_vi="Lúc thông tin đến nơi tiếp nhận đầu tiên; để trống nếu vừa nhận.",
            help_en="When it reached the first receiver; empty if just now.",
        ),
    ] = None
    on_behalf_of: Annotated[OnBehalf | None, says("Ghi thay cho", "On behalf of")] = None
    incident_unit: Annotated[UnitCode | None, says("Xã, phường nơi xảy ra vụ việc", "Commune of the incident")] = None
    residence_unit: Annotated[UnitCode | None, says("Xã, phường nơi trẻ cư trú", "Commune of residence")] = None
    reference: Annotated[
        Line | None,
        says(
            "Mã hồ sơ ở hệ thống gửi",
            "Reference in the sending system",
            help_vi="Số vụ việc ở tổng đài, trường học, bệnh viện… đã gửi báo cáo này.",
            help_en="The number under which the hotline, school or hospital that sends this has it.",
        ),
    ] = None

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        _flag_agrees(self.flagged, self.trigger)
        _one_receipt(self.m01.received_at, self.received_at)
        return self

    @property
    def receipt(self) -> datetime | None:
        """The receipt instant that was stated, in the body or on Mẫu 01; None means now."""
        return self.received_at or self.m01.received_at

    def units_of(self, index: int) -> tuple[str | None, str | None]:
        """Return the communes of incident and of residence of one child."""
        child = self.m01.children[index]
        return child.incident_unit or self.incident_unit, child.residence_unit or self.residence_unit

    def refuse_future(self, now: datetime) -> None:
        """Raise a validation error (instant-in-future) if the stated receipt lies after `now`, an aware instant."""
        if self.receipt and self.receipt > now:
            raise refused("instant-in-future", "The receipt cannot lie in the future.")


REPORT_INPUT: Final = ReportInput

_ALL: Final[tuple[type[ActionInput], ...]] = (
    Acknowledge, Accept, ProposeRedirect, Attach, Detach, CompleteInitialAssessment, Substantiate,
    ProposeNotSubstantiated, ConfirmNotSubstantiated, ConfirmRedirect, ReturnToVerification, ReturnToScreening,
    CompleteDetailedAssessment, RecordNeedsMeeting, SubmitPlan, ApprovePlan, ReturnPlan, StartReview, ContinuePlan,
    ProposeClosure, ApproveClosure, ReturnClosure, ProposeEarlyClosure, Reopen, RecordContact, AddReport,
    AcknowledgeReport, RecordFollowUp, RecordComplaint, RuleOutEmergency, UpdateRisk, Suspend, Resume, RecordLook,
    RecordQualityReview, RecordDeathReview,
    AssignOwner, PauseClock, SendWrittenReport, RecordSignedOrder, RecordProceedingEnd, RecordStep,
    RaiseEmergency, ApplyMeasures, OrderIsolation, StandDown, EndProtection, ReviewMeasures, ExtendIsolation,
    EndIsolation, RequestBan, OrderBan, RefuseBan, RenewBan, LiftBan, RecordRecusal, ClearConflict, NameDelegate,
    AddTask, CompleteTask, DropTask, CallConference, RecordConference, RaiseFlag, LowerFlag,
    ProposeTransfer, AcceptTransfer, RefuseTransfer, WithdrawTransfer, AssignTransfer, RequestTransfer, DeclineRequest,
)  # fmt: skip

INPUTS: Final[dict[str, type[ActionInput]]] = {body.EVENT: body for body in _ALL}
"""The body of `POST /cases/{id}/actions/{event}`, by event."""


@dataclass(frozen=True, slots=True)
class Part:
    """One document to store: its kind, and its content as JSON-able data."""

    kind: str
    content: dict[str, Any]


def parts(body: Sheet, *, apart: frozenset[str] = frozenset({"occurred_at", "on_behalf_of"})) -> tuple[Part, ...]:
    """Return the documents a body becomes: one per form in it, then one `act` for whatever else was said, if anything.

    `occurred_at` and `on_behalf_of` are the command's own and are in no document.
    """
    documents: list[Part] = []
    rest: set[str] = set()
    for name in type(body).model_fields:
        value = getattr(body, name)
        if isinstance(value, M01) and isinstance(body, Reported):
            documents.append(filed_report(value))
        elif isinstance(value, Form):
            documents.append(Part(value.KIND, content(value)))
        elif name not in apart:
            rest.add(name)
    said = body.model_dump(mode="json", include=rest, exclude_none=True, exclude_defaults=True)
    if said:
        documents.append(Part(ACT, said))
    return tuple(documents)


def filed_report(report: M01, child: int = 0) -> Part:
    """Return Mẫu 01 as the document of one child's case; the whole report is stored apart from it."""
    return Part(M01.KIND, content(report.for_child(child)))


def carried(body: ActionInput | ReportInput) -> dict[str, Any]:
    """Return what may go with the command: codes, ids, dates and flags of the body and its forms, JSON-able."""
    values: dict[str, Any] = {}
    for name in type(body).model_fields:
        value = getattr(body, name)
        if isinstance(value, Form):
            values |= value.carried()
    return values | body.carried()


def given(body: ActionInput | ReportInput) -> frozenset[str]:
    """Return the names of the fields that were filled in, those of its forms included: what the lifecycle asks for.

    A form that is itself a signed decision counts as `decision`.
    """
    names: set[str] = set()
    for name in type(body).model_fields:
        value = getattr(body, name)
        if value in (None, "", (), False):
            continue
        names.add(name)
        if isinstance(value, Form):
            names |= {inner for inner in type(value).model_fields if getattr(value, inner) not in (None, (), False)}
            if isinstance(value, Order) or (isinstance(value, Decided) and not value.spoken):
                names.add("decision")
    return frozenset(names)


def schema(event: str) -> dict[str, Any]:
    """Return the JSON schema of an event's body, titled in both languages (KeyError if the event has none)."""
    return INPUTS[event].model_json_schema(mode="validation")


def _concludes(review: M06, conclusion: str) -> None:
    if review.conclusion != conclusion:
        raise refused("review-concludes-otherwise", "Mẫu 06 concludes otherwise than this action.")


def _flag_agrees(flagged: bool, trigger: str | None) -> None:
    if trigger is not None and not flagged:
        raise refused("trigger-without-emergency", "A trigger is given, yet the report is not flagged.")


def _one_receipt(written: datetime | None, stated: datetime | None) -> None:
    if written and stated and written != stated:
        raise refused("received-twice", "Mẫu 01 and the report state different instants of receipt.")

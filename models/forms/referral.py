"""What people write about a referral: asking for services, and the body of every act on one.

As for a case, a body holds content, which is stored as a document, and codes, ids and dates. What an act needs stands
in the lifecycle of a referral.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal, get_args

from pydantic import Field

from models.forms.base import Coded, Day, Instant, Key, Line, LongText, Sheet, Text, UnitCode, says
from models.forms.decision import SignedDecision
from models.forms.inputs import OnBehalf
from models.lifecycle.referral import EVENTS
from models.lifecycle.referral.rules import OUTCOMES
from models.vocabulary import codes

_MOST = 20

ReferralService = Annotated[str, Coded("referral_services")]
Warnings = Annotated[
    tuple[Annotated[str, Coded("safety_warnings")], ...],
    says("Cảnh báo an toàn", "Safety warnings", help_vi="Nơi nhận thấy ngay, trước khi đồng ý.", cap=10),
]


class AskedService(Sheet):
    """One service asked for. `receiver` given: it is sent there at once; else it is a draft."""

    VI: ClassVar[str] = "Đề nghị dịch vụ"
    EN: ClassVar[str] = "A service asked for"

    service: Annotated[ReferralService, says("Dịch vụ", "Service")]
    receiver: Annotated[UnitCode | None, says("Nơi nhận", "To which unit")] = None
    request: Annotated[
        LongText | None,
        says(
            "Nội dung đề nghị", "What is asked for",
            help_vi="Chỉ nêu điều nơi nhận cần biết; chỉ hiện sau khi nơi nhận đồng ý.",
            help_en="Only what the agency needs to know; it is shown once the agency has agreed.",
        ),
    ] = None  # fmt: skip
    warnings: Warnings = ()
    event_at: Annotated[
        Instant | None,
        says("Thời điểm xảy ra sự việc", "When it happened", help_en="From it the windows of 72 and 120 hours count."),
    ] = None
    step: Annotated[Key | None, says("Hoạt động của kế hoạch", "Step of the plan")] = None
    occurred_at: Annotated[Instant | None, says("Thời điểm thực tế", "When it was asked")] = None


class ReferralsInput(Sheet):
    """One service, or many at once; each has a result of its own."""

    VI: ClassVar[str] = "Đề nghị các dịch vụ"
    EN: ClassVar[str] = "Services asked for"

    referrals: Annotated[tuple[AskedService, ...], Field(min_length=1, max_length=_MOST)]


class ReferralAct(Sheet):
    """What every act may say: when it happened, for whom it is recorded, and a note."""

    event: str
    occurred_at: Annotated[Instant | None, says("Thời điểm thực tế", "When it happened")] = None
    on_behalf_of: Annotated[OnBehalf | None, says("Ghi thay cho", "On behalf of")] = None
    note: Annotated[Text | None, says("Ghi chú", "Note")] = None

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Title the body after its event."""
        super().__pydantic_init_subclass__(**kwargs)
        (event,) = get_args(cls.model_fields["event"].annotation)
        cls.VI, cls.EN = EVENTS[event].label_vi, EVENTS[event].label_en


_Reason = Annotated[LongText, says("Lý do", "Reason")]
_Decision = Annotated[SignedDecision, says("Quyết định", "Decision")]


class Send(ReferralAct):
    """Send it to a unit."""

    event: Literal["send"]
    receiver: Annotated[UnitCode, says("Nơi nhận", "To which unit")]


class Acknowledge(ReferralAct):
    """The agency has seen it."""

    event: Literal["acknowledge"]


class Accept(ReferralAct):
    """The agency takes it."""

    event: Literal["accept"]


class Decline(ReferralAct):
    """The agency does not take it."""

    event: Literal["decline"]
    decline_reason: Annotated[str, Coded("decline_reasons"), says("Lý do từ chối", "Why not")]


class RequestInfo(ReferralAct):
    """The agency asks back."""

    event: Literal["request_info"]
    question: Annotated[LongText, says("Câu hỏi", "Question")]


class AnswerInfo(ReferralAct):
    """The sender answers."""

    event: Literal["answer_info"]
    answer: Annotated[LongText, says("Trả lời", "Answer")]


class Schedule(ReferralAct):
    """An appointment."""

    event: Literal["schedule"]
    when: Annotated[Instant, says("Thời gian hẹn", "When")]
    where: Annotated[Line, says("Nơi hẹn", "Where")]


class StartService(ReferralAct):
    """The service begins."""

    event: Literal["start_service"]


class MissAppointment(ReferralAct):
    """The child did not come."""

    event: Literal["miss_appointment"]
    reason: _Reason


class WaitForOrder(ReferralAct):
    """A legal order is awaited."""

    event: Literal["wait_for_order"]
    order_awaited: Annotated[str, Coded("orders_awaited"), says("Văn bản đang chờ", "The order awaited")]


class ReceiveOrder(ReferralAct):
    """The legal order is there."""

    event: Literal["receive_order"]
    decision: _Decision


class Deliver(ReferralAct):
    """The outcome of the service."""

    event: Literal["deliver"]
    outcome: Annotated[
        # An agency that will not provide declines; in a plan's review that is an outcome too.
        Annotated[str, Coded("provider_outcomes", *(one for one in codes("provider_outcomes") if one in OUTCOMES))]
        | Annotated[str, Coded("police_outcomes")],
        says("Kết quả", "Outcome"),
    ]
    decision: Annotated[SignedDecision | None, says("Quyết định", "Decision")] = None
    report: Annotated[LongText | None, says("Nội dung kết quả", "What was done")] = None


class ExtendDecision(ReferralAct):
    """The decision takes longer."""

    event: Literal["extend_decision"]
    until: Annotated[Day, says("Gia hạn đến ngày", "Until")]
    decision: _Decision


class RecordNote(ReferralAct):
    """Progress."""

    event: Literal["record_note"]
    progress: Annotated[LongText | None, says("Tiến độ", "Progress")] = None


class RecordGround(ReferralAct):
    """The ground for going without consent."""

    event: Literal["record_ground"]
    ground: Annotated[str, Coded("consent_grounds"), says("Căn cứ", "Ground")]
    reason: _Reason


class Confirm(ReferralAct):
    """The sender confirms the outcome."""

    event: Literal["confirm"]


class Dispute(ReferralAct):
    """The sender does not agree with the outcome."""

    event: Literal["dispute"]
    reason: _Reason


class Revoke(ReferralAct):
    """The sender takes it back."""

    event: Literal["revoke"]
    reason: _Reason


class RefuseByChild(ReferralAct):
    """The child or its carer does not want it."""

    event: Literal["refuse_by_child"]
    reason: _Reason


_ALL: Final = (
    Send, Acknowledge, Accept, Decline, RequestInfo, AnswerInfo, Schedule, StartService, MissAppointment, WaitForOrder,
    ReceiveOrder, Deliver, ExtendDecision, RecordNote, RecordGround, Confirm, Dispute, Revoke, RefuseByChild,
)  # fmt: skip

REFERRAL_INPUTS: Final[dict[str, type[ReferralAct]]] = {
    get_args(model.model_fields["event"].annotation)[0]: model for model in _ALL
}
"""The body of `POST /referrals/{id}/actions`, by event."""

AnyReferralAct = Annotated[
    Send | Acknowledge | Accept | Decline | RequestInfo | AnswerInfo | Schedule | StartService | MissAppointment
    | WaitForOrder | ReceiveOrder | Deliver | ExtendDecision | RecordNote | RecordGround | Confirm | Dispute | Revoke
    | RefuseByChild,
    Field(discriminator="event"),
]  # fmt: skip
"""Any of them, told apart by `event`."""

UNSAID: Final = frozenset({"event", "occurred_at", "on_behalf_of", "receiver"})
"""What of a body is no content: it goes with the command, or, as the unit, is looked up first."""

"""The needs meeting, Mẫu 04 with its steps, Mẫu 05, and what became of a step."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self
from uuid import UUID

from pydantic import Field, model_validator

from models.forms.base import (
    Coded,
    Count,
    Day,
    Form,
    Instant,
    Key,
    Line,
    LongText,
    Service,
    Sheet,
    Text,
    Wording,
    refused,
    says,
)

_28 = "NĐ 56/2017/NĐ-CP Điều 28"
_27 = "NĐ 56/2017/NĐ-CP Điều 27 khoản 2"


class Participant(Sheet):
    """Somebody at the meeting."""

    VI: ClassVar[str] = "Người tham dự"
    EN: ClassVar[str] = "Participant"

    name: Annotated[Line, says("Họ và tên", "Full name")]
    position: Annotated[Line | None, says("Chức vụ, tư cách tham dự", "Position or capacity")] = None
    organisation: Annotated[Line | None, says("Cơ quan, tổ chức", "Organisation")] = None
    views: Annotated[Text | None, says("Ý kiến", "Views")] = None


class Need(Sheet):
    """A need of the child; 1 is the most urgent."""

    VI: ClassVar[str] = "Nhu cầu"
    EN: ClassVar[str] = "Need"

    priority: Annotated[Count, Field(ge=1, le=50), says("Thứ tự ưu tiên", "Priority", help_en="1 is the most urgent")]
    need: Annotated[Wording, says("Nhu cầu cần hỗ trợ, can thiệp", "Need")]
    service: Annotated[Service | None, says("Dịch vụ", "Service")] = None


class MeetingMinutes(Form):
    """Minutes of the needs meeting: needs by priority and the child's views, or why there are none."""

    KIND: ClassVar[str] = "minutes"
    VI: ClassVar[str] = "Biên bản họp xác định nhu cầu cần hỗ trợ, can thiệp"
    EN: ClassVar[str] = "Minutes of the needs meeting"
    BASIS: ClassVar[str] = _27

    held_at: Annotated[Instant | None, says("Thời gian họp", "Held at", basis=_27, verified=False)] = None
    place: Annotated[Line | None, says("Địa điểm", "Place", basis=_27, verified=False)] = None
    chaired_by: Annotated[Line | None, says("Chủ trì", "Chaired by", basis=_27)] = None
    secretary: Annotated[Line | None, says("Thư ký", "Secretary")] = None
    participants: Annotated[
        tuple[Participant, ...],
        says(
            "Thành phần tham dự",
            "Participants",
            help_vi="Các bên có trách nhiệm bảo vệ trẻ em, đại diện khu dân cư, cha, mẹ hoặc người chăm sóc.",
            help_en="Bodies with protection duties, the residential area's representative, parents or carers.",
            basis=_27,
            cap=60,
        ),
    ] = ()
    needs: Annotated[
        tuple[Need, ...],
        Field(min_length=1),
        says("Nhu cầu theo thứ tự ưu tiên", "Needs by priority", basis=_27, cap=50),
    ]
    child_views: Annotated[
        LongText,
        says(
            "Ý kiến, nguyện vọng của trẻ em",
            "The child's views",
            help_vi="Nếu chưa hỏi được ý kiến của trẻ thì ghi rõ lý do (ví dụ: trẻ còn quá nhỏ, đang cấp cứu).",
            help_en="If the child could not be heard, say why (for example too young, or in emergency care).",
        ),
    ]
    measures_agreed: Annotated[
        tuple[Wording, ...], says("Biện pháp đã thống nhất", "Measures agreed", basis=_27, verified=False, cap=50)
    ] = ()
    conclusion: Annotated[LongText | None, says("Kết luận của người chủ trì", "The chair's conclusion")] = None


class PlanStep(Sheet):
    """One measure of the plan. Its key stays from version to version; its due date is the plan's own."""

    VI: ClassVar[str] = "Hoạt động"
    EN: ClassVar[str] = "Step"

    key: Annotated[Key, says("Mã hoạt động", "Key", help_en="Lower-case letters, digits, - and _")]
    measure: Annotated[Text, says("Hoạt động, biện pháp", "Activity or measure", basis=_28, verified=False)]
    service: Annotated[Service | None, says("Dịch vụ", "Service")] = None
    level: Annotated[
        Annotated[str, Coded("protection_levels", "SUPPORT", "INTERVENTION")] | None,
        says("Cấp độ", "Level", basis="Luật Trẻ em 102/2016/QH13 Điều 52 khoản 1"),
    ] = None
    responsible: Annotated[Line, says("Người, đơn vị chịu trách nhiệm", "Responsible", basis=_28, verified=False)]
    responsible_id: Annotated[UUID | None, says("Mã người chịu trách nhiệm", "Id of the responsible person")] = None
    supporting: Annotated[
        tuple[Line, ...], says("Người, đơn vị phối hợp", "Supporting", basis=_28, verified=False, cap=20)
    ] = ()
    resources: Annotated[Text | None, says("Nguồn lực, kinh phí", "Resources", basis=_28, verified=False)] = None
    due: Annotated[Day, says("Thời hạn hoàn thành", "Due date", basis=_28, verified=False)]


class M04(Form):
    """Mẫu 04, the support and intervention plan."""

    KIND: ClassVar[str] = "M04"
    VI: ClassVar[str] = "Kế hoạch hỗ trợ, can thiệp"
    EN: ClassVar[str] = "Support and intervention plan"
    BASIS: ClassVar[str] = "NĐ 56/2017/NĐ-CP Điều 28 khoản 1, Mẫu số 04"

    title: Annotated[Line | None, says("Tên kế hoạch", "Title")] = None
    starts_on: Annotated[Day | None, says("Bắt đầu từ ngày", "Starts on")] = None
    objectives: Annotated[
        tuple[Wording, ...], Field(min_length=1), says("Mục tiêu", "Objectives", basis=_28, verified=False, cap=20)
    ]
    measures: Annotated[
        tuple[PlanStep, ...],
        Field(min_length=1),
        says("Hoạt động, biện pháp hỗ trợ, can thiệp", "Steps", basis=_28, verified=False, cap=100),
    ]
    unmet_needs: Annotated[tuple[Wording, ...], says("Nhu cầu chưa đáp ứng được", "Unmet needs", cap=50)] = ()
    resources: Annotated[Text | None, says("Nguồn lực thực hiện", "Resources", basis=_28, verified=False)] = None
    monitoring: Annotated[
        Text | None, says("Theo dõi, giám sát thực hiện", "Monitoring", basis=_28, verified=False)
    ] = None
    review_on: Annotated[
        Day | None,
        says(
            "Ngày rà soát, đánh giá",
            "Review date",
            help_vi="Để trống thì theo thời hạn của quy trình; chỉ có thể sớm hơn.",
            help_en="Empty means the protocol's time; it can only be earlier.",
        ),
    ] = None

    @model_validator(mode="after")
    def _keys_are_unique(self) -> Self:
        if len({s.key for s in self.measures}) < len(self.measures):
            raise refused("step-key-twice", "Two steps of a plan have the same key.")
        return self

    def carried(self) -> dict[str, Any]:
        """Return `steps`, the due date of each by key, and `review_on` if the plan names one (ISO dates)."""
        carried: dict[str, Any] = {"steps": {step.key: step.due.isoformat() for step in self.measures}}
        if self.review_on:
            carried["review_on"] = self.review_on.isoformat()
        return carried


class M05(Form):
    """Mẫu 05, the decision approving the plan. As a draft it has no number, date or signer yet."""

    KIND: ClassVar[str] = "M05"
    VI: ClassVar[str] = "Quyết định phê duyệt và thực hiện kế hoạch hỗ trợ, can thiệp"
    EN: ClassVar[str] = "Decision approving the plan"
    BASIS: ClassVar[str] = "NĐ 56/2017/NĐ-CP Điều 28, Mẫu số 05"

    number: Annotated[Line | None, says("Số quyết định", "Number", help_vi="Số …/QĐ-UBND", basis=_28)] = None
    signed_on: Annotated[Day | None, says("Ngày ký", "Signed on", basis=_28)] = None
    signer: Annotated[Line | None, says("Người ký", "Signer", basis=_28)] = None
    legal_bases: Annotated[tuple[Wording, ...], says("Căn cứ pháp lý", "Legal bases", basis=_28, cap=30)] = ()
    clauses: Annotated[
        tuple[Text, ...], says("Các điều của quyết định", "Clauses", help_en="Who does what", basis=_28, cap=30)
    ] = ()
    recipients: Annotated[tuple[Line, ...], says("Nơi nhận", "Recipients", cap=30)] = ()


class StepRecord(Form):
    """What became of a step of the plan."""

    KIND: ClassVar[str] = "step_record"
    VI: ClassVar[str] = "Kết quả thực hiện hoạt động của kế hoạch"
    EN: ClassVar[str] = "Record of a plan step"
    CARRIES: ClassVar[tuple[str, ...]] = ("key", "outcome", "service_outcome")

    key: Annotated[Key, says("Mã hoạt động", "Key of the step")]
    outcome: Annotated[Annotated[str, Coded("step_outcomes")], says("Kết quả", "Outcome")]
    done_on: Annotated[Day | None, says("Ngày thực hiện", "Done on")] = None
    service_outcome: Annotated[
        Annotated[str, Coded("provider_outcomes")] | None, says("Kết quả cung cấp dịch vụ", "Outcome of the service")
    ] = None
    result: Annotated[Text | None, says("Kết quả cụ thể", "Result in words")] = None
    why_not: Annotated[Text | None, says("Lý do chưa thực hiện xong", "Why it was not done")] = None

    @model_validator(mode="after")
    def _not_done_says_why(self) -> Self:
        if self.outcome != "DONE" and not self.why_not:
            raise refused("step-without-reason", "A step that was not done needs the reason.")
        return self

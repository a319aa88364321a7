"""Notes of what an officer saw, and the written report to the province."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from models.forms.base import AbuseForm, Coded, Day, Flag, Form, Instant, Line, LongText, Text, says

_25 = "NĐ 56/2017/NĐ-CP Điều 25 khoản 2"


class VerificationNote(Form):
    """What checking the report showed."""

    KIND: ClassVar[str] = "verification_note"
    VI: ClassVar[str] = "Biên bản kiểm tra, xác minh thông tin"
    EN: ClassVar[str] = "Verification note"
    BASIS: ClassVar[str] = _25

    visited_at: Annotated[Instant | None, says("Thời điểm kiểm tra", "Checked at")] = None
    place: Annotated[Line | None, says("Địa điểm", "Place")] = None
    with_whom: Annotated[tuple[Line, ...], says("Người cùng kiểm tra", "With whom", cap=30)] = ()
    child_seen: Annotated[Flag | None, says("Đã trực tiếp gặp trẻ", "The child was seen in person")] = None
    sources: Annotated[
        tuple[Line, ...], says("Người, đơn vị đã cung cấp thông tin xác minh", "Sources consulted", basis=_25, cap=30)
    ] = ()
    findings: Annotated[
        LongText,
        says(
            "Kết quả xác minh",
            "Findings",
            help_vi="Hành vi xâm hại, tình trạng không an toàn, mức độ nguy cơ gây tổn hại.",
            help_en="The act, the unsafety, the degree of risk.",
            basis=_25,
        ),
    ]
    abuse_forms: Annotated[
        tuple[AbuseForm, ...], says("Hình thức xâm hại được xác định", "Forms of abuse found", cap=30)
    ] = ()
    crime_report: Annotated[
        Flag | None,
        says(
            "Có dấu hiệu tội phạm, đã báo cơ quan điều tra",
            "Signs of a crime; the investigation agency was told",
            basis="NĐ 56/2017/NĐ-CP Điều 25 khoản 3",
        ),
    ] = None


class FollowUpNote(Form):
    """A follow-up: who was seen and what was found."""

    KIND: ClassVar[str] = "follow_up_note"
    VI: ClassVar[str] = "Ghi nhận lần theo dõi trẻ"
    EN: ClassVar[str] = "Follow-up note"
    CARRIES: ClassVar[tuple[str, ...]] = ("child_seen", "mode")

    mode: Annotated[Annotated[str, Coded("contact_modes")] | None, says("Cách gặp", "How")] = None
    seen: Annotated[tuple[Line, ...], Field(min_length=1), says("Đã gặp những ai", "Who was seen", cap=20)]
    child_seen: Annotated[Flag | None, says("Đã trực tiếp gặp trẻ", "The child was seen in person")] = None
    found: Annotated[LongText, says("Tình hình ghi nhận được", "What was found")]
    concerns: Annotated[Text | None, says("Điều cần lo ngại", "Concerns")] = None
    next_steps: Annotated[Text | None, says("Việc cần làm tiếp", "Next steps")] = None


class ContactNote(Form):
    """A contact after closure: who was seen and how the child is."""

    KIND: ClassVar[str] = "contact_note"
    VI: ClassVar[str] = "Ghi nhận lần liên hệ sau khi đóng trường hợp"
    EN: ClassVar[str] = "Post-closure contact note"
    CARRIES: ClassVar[tuple[str, ...]] = ("child_seen", "mode")

    mode: Annotated[Annotated[str, Coded("contact_modes")] | None, says("Cách gặp", "How")] = None
    seen: Annotated[tuple[Line, ...], Field(min_length=1), says("Đã gặp những ai", "Who was seen", cap=20)]
    child_seen: Annotated[Flag | None, says("Đã trực tiếp gặp trẻ", "The child was seen in person")] = None
    condition: Annotated[LongText, says("Trẻ hiện nay thế nào", "How the child is")]
    concerns: Annotated[Text | None, says("Điều cần lo ngại", "Concerns")] = None


class EventReport(Form):
    """The written event report to the provincial Department of Health."""

    KIND: ClassVar[str] = "written_report"
    VI: ClassVar[str] = "Báo cáo vụ việc gửi Sở Y tế"
    EN: ClassVar[str] = "Written event report to the Department of Health"

    number: Annotated[Line | None, says("Số báo cáo", "Number", help_vi="Số …/BC-UBND")] = None
    dated: Annotated[Day | None, says("Ngày báo cáo", "Dated")] = None
    recipient: Annotated[Line | None, says("Nơi nhận", "Recipient")] = None
    signer: Annotated[Line | None, says("Người ký", "Signer")] = None
    happened: Annotated[LongText, says("Diễn biến vụ việc", "What happened")]
    child_state: Annotated[Text | None, says("Tình trạng của trẻ", "State of the child")] = None
    done: Annotated[LongText | None, says("Việc đã làm", "What was done")] = None
    proposals: Annotated[Text | None, says("Đề xuất, kiến nghị", "Proposals")] = None

"""Emergency measures, temporary isolation (Mẫu 07) and the contact ban."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Self
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from models.forms.base import (
    Coded,
    Count,
    Day,
    Flag,
    Form,
    Instant,
    Line,
    LongText,
    MeasureKind,
    Sheet,
    Text,
    Wording,
    refused,
    says,
)
from models.forms.decision import Decided

_VIETNAM: Final = ZoneInfo("Asia/Ho_Chi_Minh")
_31 = "NĐ 56/2017/NĐ-CP Điều 31"
_32 = "NĐ 56/2017/NĐ-CP Điều 32"
_25 = "Luật 13/2022/QH15 Điều 25"


class Measure(Sheet):
    """One emergency measure."""

    VI: ClassVar[str] = "Biện pháp"
    EN: ClassVar[str] = "Measure"

    kind: Annotated[MeasureKind, says("Loại biện pháp", "Kind", basis=_31)]
    what: Annotated[Text | None, says("Nội dung thực hiện", "What was done")] = None
    at: Annotated[Instant | None, says("Thời điểm", "At")] = None


class Exhibit(Sheet):
    """An object or document kept for the investigation and the child's protection."""

    VI: ClassVar[str] = "Đồ vật, tài liệu"
    EN: ClassVar[str] = "Object or document kept"

    what: Annotated[Wording, says("Đồ vật, tài liệu", "What it is")]
    kept_by: Annotated[Line | None, says("Người giữ", "Kept by")] = None
    handed_to: Annotated[Line | None, says("Đã giao cho", "Handed to")] = None


class MeasuresRecord(Form):
    """Emergency measures applied: what, and with whom. An order of the Chair may be spoken."""

    KIND: ClassVar[str] = "measures_record"
    VI: ClassVar[str] = "Biên bản áp dụng biện pháp bảo vệ khẩn cấp"
    EN: ClassVar[str] = "Record of emergency measures"
    BASIS: ClassVar[str] = _31
    CARRIES: ClassVar[tuple[str, ...]] = ("spoken",)

    measures: Annotated[
        tuple[Measure, ...], Field(min_length=1), says("Biện pháp đã áp dụng", "Measures applied", basis=_31, cap=30)
    ]
    with_whom: Annotated[
        tuple[Line, ...],
        Field(min_length=1),
        says("Phối hợp với", "With whom", help_vi="Công an, cơ sở y tế, người chăm sóc…", basis=_31, cap=30),
    ]
    child_now: Annotated[
        Line | None, says("Hiện nay trẻ đang ở đâu, với ai", "Where and with whom the child is now")
    ] = None
    exhibits: Annotated[
        tuple[Exhibit, ...],
        says("Đồ vật, tài liệu được bảo quản", "Objects and documents preserved", basis=_31, cap=100),
    ] = ()
    ordered_by: Annotated[Line | None, says("Người ra lệnh", "Ordered by")] = None
    spoken: Annotated[Flag, says("Ra lệnh bằng lời, ký văn bản sau", "Ordered by word of mouth, signed later")] = False


class MeasureStanding(Sheet):
    """Whether one measure still holds."""

    VI: ClassVar[str] = "Biện pháp đang xem xét"
    EN: ClassVar[str] = "Measure under review"

    kind: Annotated[MeasureKind, says("Loại biện pháp", "Kind")]
    holds: Annotated[Flag, says("Còn hiệu quả, cần tiếp tục", "Still holds")]
    note: Annotated[Text | None, says("Nhận xét", "Remark")] = None


class MeasuresReview(Form):
    """What still holds of the protection measures."""

    KIND: ClassVar[str] = "measures_review"
    VI: ClassVar[str] = "Xem xét lại biện pháp bảo vệ đang áp dụng"
    EN: ClassVar[str] = "Review of the protection measures"

    still_holds: Annotated[LongText, says("Biện pháp còn hiệu quả và lý do", "What still holds, and why")]
    measures: Annotated[tuple[MeasureStanding, ...], says("Từng biện pháp", "Measure by measure", cap=30)] = ()
    child_seen: Annotated[Flag | None, says("Đã trực tiếp gặp trẻ", "The child was seen in person")] = None


class M07(Decided):
    """Mẫu 07, temporary isolation. Spoken, it is valid at once; signed, it has number, date and signer.

    `until` is the last day of the isolation. Its legal maximum is the protocol's to watch, not the form's.
    """

    KIND: ClassVar[str] = "M07"
    VI: ClassVar[str] = "Quyết định tạm thời cách ly trẻ em khỏi cha, mẹ, người chăm sóc"
    EN: ClassVar[str] = "Temporary isolation decision"
    BASIS: ClassVar[str] = "NĐ 56/2017/NĐ-CP Điều 32, Mẫu số 07"
    CARRIES: ClassVar[tuple[str, ...]] = ("starts_at", "until", "spoken")

    isolated_from: Annotated[
        tuple[Line, ...],
        Field(min_length=1),
        says("Cách ly khỏi", "Isolated from", basis="NĐ 56/2017/NĐ-CP Mẫu số 07", verified=False, cap=10),
    ]
    isolated_to: Annotated[
        Line,
        says("Nơi tạm trú an toàn", "Where to", basis="NĐ 56/2017/NĐ-CP Mẫu số 07", verified=False),
    ]
    carer: Annotated[
        Line | None,
        says("Người, cơ sở chăm sóc trẻ", "Carer", basis="NĐ 56/2017/NĐ-CP Mẫu số 07", verified=False),
    ] = None
    starts_at: Annotated[
        Instant | None,
        says("Từ", "From", help_vi="Để trống thì tính từ lúc ra quyết định.", help_en="Empty: from the decision."),
    ] = None
    until: Annotated[
        Day,
        says(
            "Đến hết ngày",
            "Until the end of",
            help_vi="Tổng cộng không quá 15 ngày, trừ khi cơ quan có thẩm quyền yêu cầu.",
            help_en="Not more than 15 days in all, unless the competent body requires it.",
            basis=_32,
        ),
    ]
    grounds: Annotated[LongText | None, says("Lý do cách ly", "Grounds", basis=_32)] = None
    legal_bases: Annotated[tuple[Wording, ...], says("Căn cứ pháp lý", "Legal bases", cap=30)] = ()
    responsible: Annotated[tuple[Line, ...], says("Cơ quan, người thực hiện", "Responsible bodies", cap=30)] = ()

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        # Instants are kept in UTC; the day on which it begins is the day in Viet Nam.
        if self.starts_at and self.until < self.starts_at.astimezone(_VIETNAM).date():
            raise refused("ends-before-start", "It ends before it begins.")
        return self


class CompetentGround(Sheet):
    """The competent body's requirement that lets an isolation run past its maximum."""

    VI: ClassVar[str] = "Yêu cầu của cơ quan có thẩm quyền"
    EN: ClassVar[str] = "The competent body's ground"
    BASIS: ClassVar[str] = _32

    body: Annotated[Line, says("Cơ quan có thẩm quyền", "Competent body", basis=_32)]
    number: Annotated[Line, says("Số văn bản", "Document number")]
    dated: Annotated[Day, says("Ngày văn bản", "Date of the document")]
    until: Annotated[Day | None, says("Có hiệu lực đến hết ngày", "In force until the end of")] = None
    content: Annotated[Text | None, says("Nội dung yêu cầu", "What it requires")] = None


class IsolationExtension(Decided):
    """A longer isolation: within the maximum, or with the competent body's ground."""

    KIND: ClassVar[str] = "isolation_extension"
    VI: ClassVar[str] = "Quyết định gia hạn tạm thời cách ly"
    EN: ClassVar[str] = "Extension of the temporary isolation"
    BASIS: ClassVar[str] = _32
    CARRIES: ClassVar[tuple[str, ...]] = ("until", "spoken")

    until: Annotated[Day, says("Đến hết ngày", "Until the end of", basis=_32)]
    reason: Annotated[LongText, says("Lý do gia hạn", "Reason")]
    ground: Annotated[
        CompetentGround | None, says("Yêu cầu của cơ quan có thẩm quyền", "The competent body's ground", basis=_32)
    ] = None

    def carried(self) -> dict[str, Any]:
        """Return `until`, `spoken`, whether there is a `ground`, and until when it holds (ISO dates)."""
        carried: dict[str, Any] = {**super().carried(), "ground": self.ground is not None}
        if self.ground and self.ground.until:
            carried["ground_until"] = self.ground.until.isoformat()
        return carried


class BanRequest(Form):
    """A request for a contact ban. A body asks with the victim's consent, or when life is threatened."""

    KIND: ClassVar[str] = "ban_request"
    VI: ClassVar[str] = "Đề nghị cấm tiếp xúc"
    EN: ClassVar[str] = "Request for a contact ban"
    BASIS: ClassVar[str] = _25
    CARRIES: ClassVar[tuple[str, ...]] = ("requested_by",)

    requested_by: Annotated[
        Annotated[str, Coded("ban_requesters")], says("Tư cách người đề nghị", "Who asks", basis=_25)
    ]
    requester: Annotated[Line | None, says("Họ tên người đề nghị", "Name of the requester")] = None
    against: Annotated[Line, says("Người bị đề nghị cấm tiếp xúc", "Against whom", basis=_25)]
    protected: Annotated[
        tuple[Line, ...], says("Người được bảo vệ", "Whom it protects", help_en="The child, and others named", cap=20)
    ] = ()
    consent: Annotated[
        Flag | None,
        says(
            "Có sự đồng ý của người bị bạo lực hoặc người đại diện", "The victim or representative consents", basis=_25
        ),
    ] = None
    life_threatened: Annotated[Flag | None, says("Tính mạng bị đe dọa", "Life is threatened", basis=_25)] = None
    reason: Annotated[LongText, says("Lý do đề nghị", "Reason")]

    @model_validator(mode="after")
    def _a_body_needs_consent(self) -> Self:
        own = self.requested_by in {"VICTIM", "REPRESENTATIVE"}
        if not own and not self.consent and not self.life_threatened:
            raise refused("ban-consent-missing", "A body asks with consent, or because life is threatened.")
        return self


class BanDecision(Decided):
    """A contact ban. How long it may run is the protocol's to watch."""

    KIND: ClassVar[str] = "ban_decision"
    VI: ClassVar[str] = "Quyết định cấm tiếp xúc"
    EN: ClassVar[str] = "Contact-ban decision"
    BASIS: ClassVar[str] = _25
    CARRIES: ClassVar[tuple[str, ...]] = ("starts_at", "ends_at", "spoken")

    against: Annotated[Line, says("Người bị cấm tiếp xúc", "Against whom", basis=_25)]
    protected: Annotated[tuple[Line, ...], says("Người được bảo vệ", "Whom it protects", cap=20)] = ()
    starts_at: Annotated[
        Instant | None, says("Có hiệu lực từ", "From", help_vi="Có hiệu lực từ khi ký.", basis=_25)
    ] = None
    ends_at: Annotated[
        Instant | None,
        says(
            "Đến",
            "Until",
            help_vi="Mỗi lần không quá 03 ngày; để trống thì lấy mức tối đa.",
            help_en="At most 3 days each time; empty means the maximum.",
            basis=_25,
        ),
    ] = None
    distance_m: Annotated[
        Annotated[Count, Field(ge=1, le=10_000)],
        says("Khoảng cách tối thiểu (mét)", "Least distance (metres)", basis="NĐ 76/2023/NĐ-CP"),
    ] = 100
    reason: Annotated[LongText | None, says("Lý do", "Reason")] = None
    legal_bases: Annotated[tuple[Wording, ...], says("Căn cứ pháp lý", "Legal bases", cap=30)] = ()
    recipients: Annotated[
        tuple[Line, ...],
        says(
            "Nơi nhận",
            "Sent to",
            help_vi="Người bị cấm, người được bảo vệ, Trưởng Công an xã, trưởng thôn hoặc tổ trưởng tổ dân phố.",
            help_en="The person banned, the person protected, the commune police chief, the village or cell head.",
            basis=_25,
            cap=20,
        ),
    ] = ()

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise refused("ends-before-start", "It ends before it begins.")
        return self

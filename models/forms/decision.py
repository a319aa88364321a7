"""Decisions: signed ones carry number, date and signer; a spoken one is valid and is signed afterwards."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import model_validator

from models.forms.base import Coded, Day, Flag, Form, Instant, Line, LongText, Sheet, Text, refused, says


class SignedDecision(Sheet):
    """Number, date and signer of a decision on paper."""

    VI: ClassVar[str] = "Quyết định"
    EN: ClassVar[str] = "Decision"

    number: Annotated[Line, says("Số quyết định", "Number", help_vi="Số …/QĐ-UBND")]
    signed_on: Annotated[Day, says("Ngày ký", "Signed on")]
    signer: Annotated[Line, says("Người ký", "Signer", help_vi="Họ tên và chức vụ", help_en="Name and position")]


class Decided(Form):
    """A form that is itself a decision: signed with number, date and signer, or spoken and not yet on paper."""

    number: Annotated[Line | None, says("Số quyết định", "Number", help_vi="Số …/QĐ-UBND")] = None
    signed_on: Annotated[Day | None, says("Ngày ký", "Signed on")] = None
    signer: Annotated[
        Line | None, says("Người ký", "Signer", help_vi="Họ tên và chức vụ", help_en="Name and position")
    ] = None
    spoken: Annotated[
        Flag,
        says(
            "Ra lệnh bằng lời, ký văn bản sau",
            "Given by word of mouth, signed later",
            help_vi="Có hiệu lực ngay; phải ký văn bản trong thời hạn của quy trình.",
            help_en="Valid at once; the signed paper follows within the protocol's time.",
        ),
    ] = False

    @model_validator(mode="after")
    def _signed_or_spoken(self) -> Self:
        if self.spoken and (self.number or self.signed_on):
            raise refused("spoken-has-number", "A spoken order has no number or date of signature yet.")
        if not self.spoken and not (self.number and self.signed_on and self.signer):
            raise refused("decision-incomplete", "A decision needs its number, date and signer.")
        return self


class Order(Form):
    """The signed paper of an order that was first given by word of mouth."""

    KIND: ClassVar[str] = "signed_order"
    VI: ClassVar[str] = "Văn bản ký của lệnh đã ra bằng lời"
    EN: ClassVar[str] = "Signed order"
    CARRIES: ClassVar[tuple[str, ...]] = ("subject",)

    number: Annotated[Line, says("Số quyết định", "Number", help_vi="Số …/QĐ-UBND")]
    signed_on: Annotated[Day, says("Ngày ký", "Signed on")]
    signer: Annotated[Line, says("Người ký", "Signer", help_vi="Họ tên và chức vụ", help_en="Name and position")]
    subject: Annotated[
        Annotated[
            str,
            Coded("orders"),
        ]
        | None,
        says("Lệnh được ký", "The order it confirms"),
    ] = None
    spoken_at: Annotated[Instant | None, says("Thời điểm ra lệnh bằng lời", "Given by word of mouth at")] = None
    wording: Annotated[LongText | None, says("Nội dung quyết định", "Wording")] = None


class ProceedingEnd(Form):
    """The document that ends a proceeding."""

    KIND: ClassVar[str] = "proceeding_end"
    VI: ClassVar[str] = "Văn bản kết thúc tố tụng"
    EN: ClassVar[str] = "End of a proceeding"
    CARRIES: ClassVar[tuple[str, ...]] = ("proceeding", "outcome")

    proceeding: Annotated[Annotated[str, Coded("proceedings")], says("Loại tố tụng", "Kind of proceeding")]
    outcome: Annotated[Annotated[str, Coded("proceeding_outcomes")], says("Kết quả", "Outcome")]
    body: Annotated[Line, says("Cơ quan ban hành", "Issuing body")]
    number: Annotated[Line, says("Số văn bản", "Document number")]
    dated: Annotated[Day, says("Ngày văn bản", "Date of the document")]
    summary: Annotated[Text | None, says("Nội dung chính", "Summary")] = None

"""Mẫu 02, 03 and 06: what was found about harm, risk and the capacity to protect.

The printed structure of Mẫu 02 and Mẫu 03 is not yet checked against the decree's annex, which their fields say
(`verified` false). Totals are counted, never typed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, ClassVar, Self

from pydantic import computed_field, model_validator

from models.forms.base import (
    Coded,
    Count,
    Day,
    Flag,
    Form,
    Instant,
    Level,
    Line,
    LongText,
    MeasureKind,
    Risk,
    Sheet,
    Text,
    Trigger,
    Wording,
    refused,
    says,
)
from models.forms.intake import AllegedPerson
from models.vocabulary import codes

_M02 = "NĐ 56/2017/NĐ-CP Mẫu số 02"
_M03 = "NĐ 56/2017/NĐ-CP Mẫu số 03"
_M06 = "NĐ 56/2017/NĐ-CP Mẫu số 06"
_RISKS = codes("risk_levels")


class Criterion(Sheet):
    """One criterion: its level, and what the level rests on."""

    VI: ClassVar[str] = "Tiêu chí"
    EN: ClassVar[str] = "Criterion"

    level: Annotated[Level, says("Mức độ", "Level")]
    evidence: Annotated[Text | None, says("Chứng cứ, nhận định", "What it rests on")] = None


class Totals(Sheet):
    """How many criteria of one part stand at each level."""

    VI: ClassVar[str] = "Tổng số"
    EN: ClassVar[str] = "Totals"

    cao: Annotated[Count, says("Cao", "High")]
    trung_binh: Annotated[Count, says("Trung bình", "Medium")]
    thap: Annotated[Count, says("Thấp", "Low")]


def totals(criteria: Iterable[Criterion]) -> Totals:
    """Count the levels of some criteria."""
    levels = [c.level for c in criteria]
    return Totals(cao=levels.count("CAO"), trung_binh=levels.count("TRUNG_BINH"), thap=levels.count("THAP"))


class SafetyMeasure(Sheet):
    """A measure that keeps the child safe for now."""

    VI: ClassVar[str] = "Biện pháp bảo đảm an toàn tạm thời"
    EN: ClassVar[str] = "Temporary safety measure"

    kind: Annotated[MeasureKind, says("Loại biện pháp", "Kind")]
    what: Annotated[Text | None, says("Nội dung", "What is done")] = None
    who: Annotated[Line | None, says("Người thực hiện", "By whom")] = None


class M02(Form):
    """Mẫu 02. Emergency yes or no with its trigger, five criteria, and the risk level that follows.

    `risk` is derived; `risk_override` may only raise it. Lowering is an event of its own, by a supervisor.
    """

    KIND: ClassVar[str] = "M02"
    VI: ClassVar[str] = "Đánh giá nguy cơ ban đầu, mức độ tổn hại của trẻ em"
    EN: ClassVar[str] = "Initial assessment of risk and harm"
    BASIS: ClassVar[str] = "NĐ 56/2017/NĐ-CP Điều 26 khoản 2, Mẫu số 02"
    CARRIES: ClassVar[tuple[str, ...]] = ("risk", "emergency", "trigger")

    assessed_at: Annotated[Instant | None, says("Thời điểm đánh giá", "Assessed at")] = None
    assessor: Annotated[Line | None, says("Cán bộ đánh giá", "Assessing officer", basis=_M02, verified=False)] = None
    child_seen: Annotated[Flag | None, says("Đã trực tiếp gặp trẻ", "The child was seen in person")] = None
    severity: Annotated[
        Criterion,
        says(
            "1. Mức độ tổn hại của trẻ em",
            "1. Severity of the harm",
            help_vi="Cao: tổn hại nghiêm trọng, đe dọa tính mạng. Trung bình: có tổn hại nhưng không nghiêm trọng. "
            "Thấp: ít hoặc không bị tổn hại.",
            help_en="High: serious or life-threatening. Medium: harmed, not seriously. Low: little or no harm.",
            basis=_M02,
            verified=False,
        ),
    ]
    further_harm: Annotated[
        Criterion,
        says(
            "2. Nguy cơ trẻ em tiếp tục bị tổn hại nếu vẫn ở trong tình trạng hiện thời",
            "2. Likelihood of further harm as things are",
            help_vi="Cao: người gây tổn hại dễ dàng và thường xuyên tiếp cận trẻ. Trung bình: có thể tiếp cận nhưng "
            "không thường xuyên. Thấp: ít hoặc không thể tiếp cận.",
            help_en="High: the person causing harm reaches the child easily and often. Medium: sometimes. Low: hardly.",
            basis=_M02,
            verified=False,
        ),
    ]
    self_protection: Annotated[
        Criterion,
        says(
            "3. Khả năng tự bảo vệ của trẻ em trước hành động của người gây tổn hại",
            "3. The child's ability to protect itself",
            help_vi="Cao là trẻ tự bảo vệ được; Thấp là không thể tự bảo vệ.",
            help_en="High means able to; Low means unable.",
            basis=_M02,
            verified=False,
        ),
    ]
    knows_protector: Annotated[
        Criterion,
        says(
            "4. Khả năng biết được người có thể bảo vệ mình",
            "4. The child knows who can protect it",
            help_vi="Cao là trẻ biết và liên hệ được; Thấp là trẻ không biết ai.",
            help_en="High means it knows and can reach them; Low means it knows nobody.",
            basis=_M02,
            verified=False,
        ),
    ]
    other_adult: Annotated[
        Criterion,
        says(
            "5. Khả năng được người lớn khác (không phải người gây tổn hại) theo dõi và sẵn sàng giúp đỡ",
            "5. Another adult can watch over the child and help",
            help_vi="Cao là có người lớn theo dõi thường xuyên, sẵn sàng giúp; Thấp là không có ai.",
            help_en="High means an adult watches often and will help; Low means there is none.",
            basis=_M02,
            verified=False,
        ),
    ]
    conclusion: Annotated[
        LongText | None, says("Kết luận về mức độ nguy cơ", "Conclusion", basis=_M02, verified=False)
    ] = None
    emergency: Annotated[
        Flag,
        says(
            "Trẻ em cần được bảo vệ khẩn cấp",
            "The child needs emergency protection",
            help_vi="Có hoặc không; tách riêng với mức độ nguy cơ.",
            help_en="Yes or no; separate from the risk level.",
            basis="NĐ 56/2017/NĐ-CP Điều 31",
        ),
    ]
    trigger: Annotated[
        Trigger | None,
        says(
            "Căn cứ bảo vệ khẩn cấp",
            "Trigger of emergency protection",
            help_vi="Bắt buộc nếu cần bảo vệ khẩn cấp.",
            help_en="Required if emergency protection is needed.",
            basis="NĐ 56/2017/NĐ-CP Điều 31",
        ),
    ] = None
    safety_measures: Annotated[
        tuple[SafetyMeasure, ...],
        says(
            "Biện pháp bảo đảm an toàn tạm thời cho trẻ em",
            "Temporary safety measures",
            basis="NĐ 56/2017/NĐ-CP Điều 26 khoản 2",
            cap=20,
        ),
    ] = ()
    alleged: Annotated[
        tuple[AllegedPerson, ...] | None,
        says(
            "Người bị cho là gây tổn hại, theo đánh giá",
            "Persons alleged to have caused the harm, as assessed",
            help_vi="Ghi khi biết thêm hoặc khác với Mẫu 01; dùng để phát hiện xung đột lợi ích.",
            help_en="Where more is known than in form 01, or it is different; conflicts of interest are found by it.",
            cap=20,
        ),
    ] = None
    risk_override: Annotated[
        Risk | None,
        says(
            "Nâng mức độ nguy cơ",
            "Raise the risk level to",
            help_vi="Chỉ được nâng cao hơn mức suy ra; hạ mức do Trưởng phòng quyết định riêng.",
            help_en="Only above the derived level; lowering is a supervisor's separate decision.",
        ),
    ] = None
    risk_override_reason: Annotated[Text | None, says("Lý do nâng mức độ nguy cơ", "Reason for raising it")] = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def harm_totals(self) -> Totals:
        """Levels of criteria 1 and 2."""
        return totals((self.severity, self.further_harm))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def capacity_totals(self) -> Totals:
        """Levels of criteria 3 to 5, where High is good."""
        return totals((self.self_protection, self.knows_protector, self.other_adult))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def derived_risk(self) -> str:
        """R1–R4 by the design's default (process.md §2.3): a word of ours, no rule of law."""
        if self.emergency:
            return "R4"
        harm = (self.severity.level, self.further_harm.level)
        capacity = (self.self_protection.level, self.knows_protector.level, self.other_adult.level)
        unprotected = self.further_harm.level == "CAO" and self.other_adult.level == "THAP"
        if self.severity.level == "CAO" or unprotected:
            return "R3"
        # A capacity is the worse the lower it is; a harm the worse the higher.
        worse = sum(level != "THAP" for level in harm) + sum(level != "CAO" for level in capacity)
        return "R2" if worse >= 3 else "R1"  # noqa: PLR2004 three of five, as the rule says

    @computed_field  # type: ignore[prop-decorator]
    @property
    def risk(self) -> str:
        """The risk level the assessment ends with."""
        return self.risk_override or self.derived_risk

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        if self.emergency and self.trigger is None:
            raise refused("trigger-missing", "An emergency needs its trigger.")
        if not self.emergency and self.trigger is not None:
            raise refused("trigger-without-emergency", "A trigger is given, yet no emergency.")
        if self.risk_override is not None:
            if _RISKS.index(self.risk_override) < _RISKS.index(self.derived_risk):
                raise refused("risk-below-derived", "The risk level may be raised here, not lowered.")
            if self.risk_override != self.derived_risk and self.risk_override_reason is None:
                raise refused("risk-override-without-reason", "Raising the risk level needs a reason.")
        return self


class M03(Form):
    """Mẫu 03, the detailed assessment: at least one of its parts is filled in."""

    KIND: ClassVar[str] = "M03"
    VI: ClassVar[str] = "Thu thập thông tin, đánh giá nguy cơ cụ thể"
    EN: ClassVar[str] = "Detailed assessment"
    BASIS: ClassVar[str] = "NĐ 56/2017/NĐ-CP Điều 27 khoản 1, Mẫu số 03"

    assessed_on: Annotated[Day | None, says("Ngày đánh giá", "Assessed on")] = None
    assessor: Annotated[Line | None, says("Cán bộ đánh giá", "Assessing officer")] = None
    helpers: Annotated[
        tuple[Line, ...],
        says("Người, đơn vị phối hợp thu thập thông tin", "Who helped to collect information", cap=30),
    ] = ()
    physical_state: Annotated[LongText | None, says("Tình trạng thể chất của trẻ em", "Physical state", basis=_M03)] = (
        None
    )
    mental_state: Annotated[
        LongText | None, says("Tình trạng tâm lý, nhận thức của trẻ em", "Psychological state", basis=_M03)
    ] = None
    emotional_state: Annotated[
        LongText | None, says("Tình trạng tình cảm, hành vi của trẻ em", "Emotional state", basis=_M03)
    ] = None
    family: Annotated[LongText | None, says("Hoàn cảnh gia đình của trẻ em", "Family circumstances", basis=_M03)] = None
    relationships: Annotated[
        LongText | None, says("Các mối quan hệ của trẻ em", "Relationships of the child", basis=_M03)
    ] = None
    protective_capacity: Annotated[
        LongText | None,
        says(
            "Khả năng bảo vệ trẻ em của cha, mẹ, gia đình, người chăm sóc",
            "Protective capacity of parents, family and carers",
            basis=_M03,
        ),
    ] = None
    environment: Annotated[
        LongText | None,
        says("Môi trường sống, dịch vụ sẵn có", "Environment and services at hand", basis=_M03, verified=False),
    ] = None
    child_wishes: Annotated[
        LongText | None, says("Nguyện vọng của trẻ em", "The child's wishes", basis=_M03, verified=False)
    ] = None
    family_wishes: Annotated[
        LongText | None, says("Nguyện vọng của gia đình", "The family's wishes", basis=_M03, verified=False)
    ] = None
    needs: Annotated[
        tuple[Wording, ...], says("Nhu cầu của trẻ em", "The child's needs", basis=_M03, verified=False, cap=40)
    ] = ()
    conclusion: Annotated[LongText | None, says("Kết luận", "Conclusion")] = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        parts = (
            self.physical_state, self.mental_state, self.emotional_state, self.family, self.relationships,
            self.protective_capacity, self.environment, self.child_wishes, self.family_wishes, self.needs,
            self.conclusion,
        )  # fmt: skip
        if not any(parts):
            raise refused("form-empty", "At least one part of the assessment must be filled in.")
        return self


class M06(Form):
    """Mẫu 06, the review: four criteria with counted totals, and the conclusion to end or to continue."""

    KIND: ClassVar[str] = "M06"
    VI: ClassVar[str] = "Rà soát, đánh giá sau khi thực hiện kế hoạch hỗ trợ, can thiệp"
    EN: ClassVar[str] = "Review after the plan"
    BASIS: ClassVar[str] = "NĐ 56/2017/NĐ-CP Điều 30 khoản 1, Mẫu số 06"
    CARRIES: ClassVar[tuple[str, ...]] = ("conclusion",)

    reviewed_on: Annotated[Day | None, says("Ngày rà soát, đánh giá", "Reviewed on", basis=_M06)] = None
    reviewer: Annotated[Line | None, says("Cán bộ rà soát, đánh giá", "Reviewing officer", basis=_M06)] = None
    participants: Annotated[
        tuple[Line, ...],
        says(
            "Các bên thực hiện kế hoạch cùng tham gia",
            "Implementers who took part",
            basis="NĐ 56/2017/NĐ-CP Điều 30 khoản 1",
            cap=50,
        ),
    ] = ()
    harm: Annotated[Criterion, says("1. Mức độ tổn hại của trẻ em hiện nay", "1. Severity of the harm now", basis=_M06)]
    access: Annotated[
        Criterion,
        says(
            "2. Khả năng tiếp cận trẻ em của người gây tổn hại",
            "2. Access of the person causing harm to the child",
            basis=_M06,
        ),
    ]
    obstacles: Annotated[
        Criterion,
        says(
            "3. Trở ngại trong môi trường chăm sóc đối với việc bảo đảm an toàn cho trẻ em",
            "3. Obstacles to safety in the care environment",
            basis=_M06,
        ),
    ]
    capacity: Annotated[
        Criterion,
        says(
            "4. Khả năng tự bảo vệ, phục hồi của trẻ em",
            "4. The child's capacity to protect itself and recover",
            help_vi="Cao là khả năng tốt.",
            help_en="High means good capacity.",
            basis=_M06,
        ),
    ]
    progress: Annotated[
        LongText | None, says("Kết quả thực hiện các mục tiêu của kế hoạch", "Progress on the objectives")
    ] = None
    child_views: Annotated[LongText | None, says("Ý kiến của trẻ em", "The child's views")] = None
    proceedings: Annotated[
        Text | None, says("Tình trạng tố tụng đang diễn ra", "Proceedings still live, looked at in this review")
    ] = None
    conclusion: Annotated[
        Annotated[str, Coded("review_conclusions")],
        says("Kết luận", "Conclusion", basis="NĐ 56/2017/NĐ-CP Điều 30 khoản 1"),
    ]
    conclusion_text: Annotated[LongText | None, says("Nội dung kết luận", "Conclusion in words")] = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def harm_totals(self) -> Totals:
        """Levels of criteria 1 to 3."""
        return totals((self.harm, self.access, self.obstacles))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def capacity_totals(self) -> Totals:
        """Level of criterion 4, where High is good."""
        return totals((self.capacity,))

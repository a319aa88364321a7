"""Mẫu 01: what a receiver writes down. Every field of a child may be unknown; who informed may stay unnamed."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import Field, model_validator

from models.forms.base import (
    AbuseForm,
    Coded,
    Count,
    Day,
    Flag,
    Form,
    Instant,
    Line,
    LongText,
    Sex,
    Sheet,
    Text,
    UnitCode,
    refused,
    says,
)

IF_KNOWN_VI = "Nếu biết"
IF_KNOWN_EN = "If known"
_M01 = "NĐ 56/2017/NĐ-CP Mẫu số 01"

Age = Annotated[Count, Field(ge=0, le=120)]


class Parent(Sheet):
    """Father or mother of the child, as far as known."""

    VI: ClassVar[str] = "Cha hoặc mẹ"
    EN: ClassVar[str] = "Parent"

    name: Annotated[Line | None, says("Họ và tên", "Full name")] = None
    age: Annotated[Age | None, says("Tuổi", "Age")] = None
    job: Annotated[Line | None, says("Nghề nghiệp", "Job")] = None
    phone: Annotated[Line | None, says("Số điện thoại", "Phone")] = None
    note: Annotated[Text | None, says("Ghi chú", "Note", help_vi="Đã mất, đi làm ăn xa, không rõ…")] = None


class Carer(Sheet):
    """Who looks after the child now."""

    VI: ClassVar[str] = "Người đang chăm sóc trẻ"
    EN: ClassVar[str] = "Present carer"

    name: Annotated[Line | None, says("Họ và tên", "Full name")] = None
    relation: Annotated[Line | None, says("Quan hệ với trẻ", "Relation to the child")] = None
    phone: Annotated[Line | None, says("Số điện thoại", "Phone")] = None
    address: Annotated[Line | None, says("Địa chỉ", "Address")] = None


class AllegedPerson(Sheet):
    """A person alleged to have caused the harm: an allegation, not a finding."""

    VI: ClassVar[str] = "Người bị cho là gây tổn hại"
    EN: ClassVar[str] = "Person alleged to have caused the harm"

    relation: Annotated[
        Annotated[str, Coded("perpetrator_relations")] | None, says("Quan hệ với trẻ", "Relation to the child")
    ] = None
    name: Annotated[Line | None, says("Họ và tên", "Full name")] = None
    sex: Annotated[Sex | None, says("Giới tính", "Sex")] = None
    age_band: Annotated[Annotated[str, Coded("perpetrator_age_bands")] | None, says("Nhóm tuổi", "Age band")] = None
    birth_year: Annotated[
        Annotated[Count, Field(ge=1900, le=2100)] | None,
        says("Năm sinh", "Year of birth", help_vi=IF_KNOWN_VI, help_en=IF_KNOWN_EN),
    ] = None
    workplace: Annotated[Line | None, says("Nơi làm việc, học tập", "Place of work or study")] = None
    job: Annotated[Line | None, says("Nghề nghiệp, chức vụ", "Job or post")] = None
    commune: Annotated[UnitCode | None, says("Xã, phường nơi ở hoặc làm việc", "Commune of home or work")] = None
    same_household: Annotated[Flag | None, says("Sống cùng nhà với trẻ", "Lives in the child's household")] = None
    access: Annotated[
        Annotated[str, Coded("perpetrator_access")] | None,
        says("Khả năng tiếp cận trẻ hiện nay", "Access to the child now"),
    ] = None
    prior_conviction: Annotated[
        Flag | None, says("Đã từng bị kết án về xâm hại trẻ em", "Prior conviction for child abuse")
    ] = None
    foreign_national: Annotated[Flag | None, says("Là người nước ngoài", "Foreign national")] = None
    may_see_this_system: Annotated[
        Flag | None,
        says(
            "Có thể xem hoặc xử lý hồ sơ này",
            "May see or handle this file",
            help_vi="Cán bộ, người thân của cán bộ đang xử lý; nếu có thì phải ghi nhận từ chối tham gia.",
            help_en="An official, or a relative of one, who handles the file; if so, record the recusal.",
        ),
    ] = None
    note: Annotated[Text | None, says("Ghi chú", "Note")] = None


class ChildInfo(Sheet):
    """Part A.2 of Mẫu 01: one child. Nothing here is required."""

    VI: ClassVar[str] = "Thông tin về trẻ em"
    EN: ClassVar[str] = "The child"
    BASIS: ClassVar[str] = _M01

    name: Annotated[
        Line | None, says("Họ và tên", "Full name", help_vi=IF_KNOWN_VI, help_en=IF_KNOWN_EN, basis=_M01)
    ] = None
    other_names: Annotated[Line | None, says("Tên gọi khác", "Other names")] = None
    dob: Annotated[
        Day | None, says("Ngày, tháng, năm sinh", "Date of birth", help_vi=IF_KNOWN_VI, help_en=IF_KNOWN_EN, basis=_M01)
    ] = None
    estimated_age: Annotated[
        Annotated[Count, Field(ge=0, le=18)] | None,
        says(
            "Tuổi ước lượng",
            "Estimated age",
            help_vi="Khi chưa biết ngày sinh; trẻ dưới 1 tuổi ghi 0.",
            help_en="In years, when the date of birth is unknown; 0 below one year.",
            basis=_M01,
        ),
    ] = None
    sex: Annotated[Sex | None, says("Giới tính", "Sex", help_vi=IF_KNOWN_VI, help_en=IF_KNOWN_EN, basis=_M01)] = None
    ethnicity: Annotated[Line | None, says("Dân tộc", "Ethnicity")] = None
    personal_id: Annotated[Line | None, says("Số định danh cá nhân", "Personal identification number")] = None
    incident_unit: Annotated[
        UnitCode | None, says("Xã, phường nơi xảy ra vụ việc", "Commune of the incident", basis=_M01)
    ] = None
    incident_place: Annotated[Line | None, says("Địa điểm xảy ra vụ việc", "Place of the incident", basis=_M01)] = None
    residence_unit: Annotated[UnitCode | None, says("Xã, phường nơi trẻ cư trú", "Commune of residence")] = None
    address: Annotated[Line | None, says("Nơi ở của trẻ", "The child's address")] = None
    whereabouts: Annotated[
        Line | None,
        says("Hiện nay trẻ đang ở đâu", "Where the child is now", basis="Dự thảo mẫu trước đây", verified=False),
    ] = None
    school: Annotated[Line | None, says("Trường, lớp", "School and class")] = None
    condition: Annotated[
        Text | None, says("Tình trạng hiện tại của trẻ em", "Current condition of the child", basis=_M01)
    ] = None
    likely_consequences: Annotated[
        Text | None,
        says(
            "Phỏng đoán hậu quả có thể xảy ra nếu không có hỗ trợ, can thiệp",
            "Likely consequences if no help comes",
            basis=_M01,
        ),
    ] = None
    abuse_forms: Annotated[tuple[AbuseForm, ...], says("Hình thức xâm hại", "Forms of abuse", cap=30)] = ()
    environment: Annotated[
        Annotated[str, Coded("environments")] | None, says("Môi trường xâm hại", "Environment of the abuse")
    ] = None
    circumstances: Annotated[
        tuple[Annotated[str, Coded("special_circumstances")], ...],
        says("Nhóm hoàn cảnh đặc biệt", "Special circumstances", cap=30),
    ] = ()
    flags: Annotated[
        tuple[Annotated[str, Coded("special_flags")], ...], says("Dấu hiệu cần lưu ý", "Special flags", cap=20)
    ] = ()
    father: Annotated[
        Parent | None, says("Thông tin về cha", "Father", help_vi=IF_KNOWN_VI, help_en=IF_KNOWN_EN, basis=_M01)
    ] = None
    mother: Annotated[
        Parent | None, says("Thông tin về mẹ", "Mother", help_vi=IF_KNOWN_VI, help_en=IF_KNOWN_EN, basis=_M01)
    ] = None
    family: Annotated[
        Text | None,
        says("Hoàn cảnh gia đình", "Family circumstances", help_vi=IF_KNOWN_VI, help_en=IF_KNOWN_EN, basis=_M01),
    ] = None
    carer: Annotated[
        Carer | None, says("Hiện nay ai đang chăm sóc trẻ em", "Who cares for the child now", basis=_M01)
    ] = None
    help_given: Annotated[
        Text | None,
        says(
            "Những hành động hỗ trợ, can thiệp đã thực hiện trước khi nhận được thông tin",
            "Help already given before this report",
            basis=_M01,
        ),
    ] = None
    alleged: Annotated[
        tuple[AllegedPerson, ...],
        says("Người bị cho là gây tổn hại", "Persons alleged to have caused the harm", cap=20),
    ] = ()


class Informant(Sheet):
    """Part A.3 of Mẫu 01: filled in only if the informant agrees. Read by the receiver and the Chair only."""

    VI: ClassVar[str] = "Người cung cấp thông tin"
    EN: ClassVar[str] = "Informant"
    BASIS: ClassVar[str] = _M01

    name: Annotated[Line | None, says("Họ và tên", "Full name", basis=_M01)] = None
    phone: Annotated[Line | None, says("Số điện thoại", "Phone", basis=_M01)] = None
    address: Annotated[Line | None, says("Địa chỉ", "Address", basis=_M01)] = None
    relation: Annotated[Line | None, says("Quan hệ với trẻ", "Relation to the child")] = None
    note: Annotated[Text | None, says("Ghi chú thêm", "Further notes", basis=_M01)] = None
    sealed: Annotated[
        Flag,
        says("Yêu cầu giữ kín danh tính", "Asks that the identity stay sealed"),
    ] = False


class M01(Form):
    """Mẫu 01, the intake report. At least one child, of whom nothing need be known."""

    KIND: ClassVar[str] = "M01"
    VI: ClassVar[str] = "Báo cáo tiếp nhận thông tin trẻ em"
    EN: ClassVar[str] = "Intake report on a child"
    BASIS: ClassVar[str] = "NĐ 56/2017/NĐ-CP Điều 25, Mẫu số 01"
    CARRIES: ClassVar[tuple[str, ...]] = ("channel", "source", "report_class")

    agency: Annotated[Line | None, says("Cơ quan, tổ chức tiếp nhận", "Receiving agency", basis=_M01)] = None
    number: Annotated[Line | None, says("Số báo cáo", "Report number", help_vi="Số …/BC-…", basis=_M01)] = None
    place: Annotated[Line | None, says("Địa danh", "Place of writing", basis=_M01)] = None
    written_on: Annotated[Day | None, says("Ngày lập báo cáo", "Date of writing", basis=_M01)] = None
    report_class: Annotated[
        Annotated[str, Coded("report_classes")] | None, says("Loại thông tin", "Class of report", basis=_M01)
    ] = None
    channel: Annotated[
        Annotated[str, Coded("channels")] | None, says("Hình thức tiếp nhận thông tin", "Channel", basis=_M01)
    ] = None
    source: Annotated[Annotated[str, Coded("sources")] | None, says("Nguồn phát hiện", "Source")] = None
    received_at: Annotated[
        Instant | None,
        says(
            "Thời gian nhận thông tin (giờ, ngày, tháng, năm)",
            "Received at (hour and date)",
            help_vi="Thời điểm sớm nhất thông tin đến bất kỳ nơi tiếp nhận nào.",
            help_en="The earliest instant at which it reached any receiver.",
            basis=_M01,
        ),
    ] = None
    happened_on: Annotated[Day | None, says("Ngày xảy ra vụ việc", "Date of the event")] = None
    happened: Annotated[LongText | None, says("Nội dung vụ việc", "What happened")] = None
    children: Annotated[
        tuple[ChildInfo, ...],
        Field(min_length=1),
        says("Thông tin về trẻ em", "Children", basis=_M01, cap=20),
    ] = (ChildInfo(),)
    anonymous: Annotated[
        Flag, says("Người cung cấp thông tin không nêu tên", "The informant stays unnamed", basis=_M01)
    ] = False
    informant: Annotated[
        Informant | None,
        says(
            "Thông tin về người cung cấp thông tin",
            "Informant",
            help_vi="Chỉ ghi nếu người cung cấp thông tin đồng ý.",
            help_en="Only if the informant agrees.",
            basis=_M01,
        ),
    ] = None
    receiver: Annotated[Line | None, says("Cán bộ tiếp nhận thông tin", "Receiving officer", basis=_M01)] = None
    receiver_id: Annotated[UUID | None, says("Mã cán bộ tiếp nhận", "Id of the receiving officer")] = None

    @model_validator(mode="after")
    def _unnamed_means_unnamed(self) -> Self:
        if (
            self.anonymous
            and self.informant
            and (self.informant.name or self.informant.phone or self.informant.address)
        ):
            raise refused("anonymous-has-identity", "An unnamed informant's name, phone or address is not recorded.")
        return self

    def for_child(self, index: int) -> M01:
        """Return the report as the file of one child holds it.

        The other children's particulars are not in it, nor who informed: that stays with the report itself, for the
        receiver and the Chair.
        """
        return self.model_copy(update={"children": (self.children[index],), "informant": None})

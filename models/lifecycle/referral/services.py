"""The services a child may be referred to: their codes as lifecycle.md writes them, and who provides each.

Words follow process.md §2.7; who provides what follows §1.8.
"""

from dataclasses import dataclass

from models.lifecycle.roles import ROLES
from models.lifecycle.rules import EMERGENCY_SERVICES


@dataclass(frozen=True, slots=True)
class Service:
    """One service.

    Attributes:
        code: as lifecycle.md writes it.
        need: code of the vocabulary ``services``, which the plan and what was agreed to are written in.
        providers: roles of the agencies that provide it: whoever holds one where it was sent acts as the agency.
        label_vi, label_en: its name.
    """

    code: str
    need: str
    providers: frozenset[str]
    label_vi: str
    label_en: str

    @property
    def emergency(self) -> bool:
        """Whether it is one of the emergency services: sent first, never closed silently."""
        return self.code in EMERGENCY_SERVICES


def _service(code: str, need: str, providers: str, vi: str, en: str) -> Service:
    return Service(code, need, frozenset(providers.split()), vi, en)


SERVICES: dict[str, Service] = {
    one.code: one
    for one in (
        _service("medical_emergency", "DV_YT_CC", "HLT", "Cấp cứu, chăm sóc y tế khẩn cấp", "Emergency medical care"),
        _service(
            "sexual_assault_care",
            "DV_YT_SSTD",
            "HLT",
            "Chăm sóc y tế cho trẻ bị xâm hại tình dục",
            "Care after sexual assault",
        ),
        _service("forensic_examination", "DV_PY", "FOR HLT", "Giám định pháp y", "Forensic examination"),
        _service("police_report", "DV_CA", "POL", "Chuyển tin báo tới cơ quan công an", "Report to the police"),
        _service("shelter", "DV_TT", "SHL SWC WU", "Nơi tạm trú an toàn", "Safe shelter"),
        _service("alternative_care", "DV_CSTT", "SWC SHL", "Chăm sóc thay thế", "Alternative care"),
        _service("legal_aid", "DV_PL", "LEG", "Trợ giúp pháp lý", "Legal aid"),
        _service("psychosocial", "DV_TL", "HLT SWC EDU", "Tham vấn, trị liệu tâm lý", "Counselling and therapy"),
        _service(
            "school_support", "DV_GD", "EDU", "Hỗ trợ học tập, chuyển trường", "Support at school, change of school"
        ),
        _service("cash_support", "DV_TC", "SWC GRP", "Trợ cấp, hỗ trợ khẩn cấp", "Cash or material support"),
        _service(
            "civil_registration", "DV_HT", "LEG POL SWC", "Khai sinh, hộ tịch, giấy tờ", "Civil registration and papers"
        ),
        _service(
            "parenting_reintegration",
            "DV_GDINH",
            "WU SWC",
            "Tư vấn kỹ năng làm cha mẹ, hòa nhập cộng đồng",
            "Parenting skills and reintegration",
        ),
    )
}
"""Every service by code, in the order of lifecycle.md."""

POLICE = "police_report"

PROVIDERS = frozenset(role for role in ROLES if any(role in one.providers for one in SERVICES.values()))
"""Every role that may act as an agency of some service."""


def is_emergency(service: str) -> bool:
    """Whether a service is one of the emergency services."""
    return service in EMERGENCY_SERVICES


def providers_of(service: str) -> frozenset[str]:
    """The roles that provide a service; of one there is not, none."""
    found = SERVICES.get(service)
    return found.providers if found else frozenset()

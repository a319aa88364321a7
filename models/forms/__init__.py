"""What people write: Mẫu 01–07 and their companions as typed forms, and the body of every action on a case."""

from __future__ import annotations

from models.forms.assessment import M02, M03, M06, Criterion
from models.forms.base import AS_STORED, Form, Sheet, canonical, content
from models.forms.decision import Order, ProceedingEnd, SignedDecision
from models.forms.inputs import (
    ACT,
    INPUTS,
    REPORT_INPUT,
    ActionInput,
    OnBehalf,
    Part,
    ReportInput,
    carried,
    filed_report,
    given,
    parts,
    schema,
)
from models.forms.intake import M01, ChildInfo, Informant
from models.forms.joint import CaseFlag, ConferenceCall, ConferenceMinutes, Task
from models.forms.notes import ContactNote, EventReport, FollowUpNote, VerificationNote
from models.forms.plan import M04, M05, MeetingMinutes, PlanStep, StepRecord
from models.forms.protection import M07, BanDecision, BanRequest, IsolationExtension, MeasuresRecord, MeasuresReview

FORMS: dict[str, type[Form]] = {
    form.KIND: form
    for form in (
        M01, M02, M03, M04, M05, M06, M07, MeetingMinutes, VerificationNote, FollowUpNote, ContactNote, EventReport,
        Order, MeasuresRecord, MeasuresReview, IsolationExtension, BanRequest, BanDecision, StepRecord, ProceedingEnd,
        Task, ConferenceCall, ConferenceMinutes, CaseFlag,
    )
}  # fmt: skip
"""Every form by the kind of document it becomes."""

__all__ = [
    "ACT", "AS_STORED", "FORMS", "INPUTS", "M01", "M02", "M03", "M04", "M05", "M06", "M07", "REPORT_INPUT",
    "ActionInput", "BanDecision", "BanRequest", "CaseFlag", "ChildInfo", "ConferenceCall",
    "ConferenceMinutes", "ContactNote", "Criterion", "EventReport", "FollowUpNote",
    "Form", "Informant", "IsolationExtension", "MeasuresRecord", "MeasuresReview", "MeetingMinutes", "OnBehalf",
    "Order", "Part", "PlanStep", "ProceedingEnd", "ReportInput", "Sheet", "SignedDecision", "StepRecord",
    "Task",
    "VerificationNote", "canonical", "carried", "content", "filed_report", "given", "parts", "schema",
]  # fmt: skip

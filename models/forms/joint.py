"""Work in common on a case: tasks beside the plan, conferences of several agencies, dates on which to look again."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import Field, model_validator

from models.forms.base import Coded, Day, Flag, Form, Instant, Line, LongText, Sheet, Text, Wording, refused, says

AssigneeId = Annotated[UUID, says("Người thực hiện", "Who does it", help_en="Id of the person")]


class Task(Form):
    """Something to be done that stands in no template: what, by whom, until when."""

    KIND: ClassVar[str] = "task"
    VI: ClassVar[str] = "Công việc được giao"
    EN: ClassVar[str] = "Task"

    what: Annotated[Text, says("Nội dung công việc", "What is to be done")]
    assignee_id: AssigneeId
    due: Annotated[Day, says("Hạn hoàn thành", "Due", help_vi="Hết ngày này.", help_en="By the end of that day.")]


class Invited(Sheet):
    """Who is to come: somebody of the system by id, anybody else by office or name."""

    VI: ClassVar[str] = "Thành phần mời"
    EN: ClassVar[str] = "Invited"

    person_id: Annotated[
        UUID | None, says("Người dùng hệ thống", "Person of the system", help_en="Told by the system; id of the person")
    ] = None
    name: Annotated[Line | None, says("Họ và tên", "Full name")] = None
    organisation: Annotated[Line | None, says("Cơ quan, tổ chức", "Organisation")] = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.person_id is None and self.name is None and self.organisation is None:
            raise refused("invited-nobody", "Say who is invited: a person or an organisation.")
        return self


class ConferenceCall(Form):
    """A case conference that is called: when, where, what about, with whom."""

    KIND: ClassVar[str] = "conference_call"
    VI: ClassVar[str] = "Giấy mời họp về trường hợp"
    EN: ClassVar[str] = "Call of a case conference"

    held_at: Annotated[Instant, says("Thời gian họp", "When")]
    place: Annotated[Line, says("Địa điểm", "Where")]
    agenda: Annotated[tuple[Wording, ...], Field(min_length=1), says("Nội dung cuộc họp", "Agenda", cap=30)]
    invited: Annotated[
        tuple[Invited, ...],
        Field(min_length=1),
        says(
            "Thành phần mời",
            "Invited",
            help_vi="Nhóm thường trực bảo vệ trẻ em, công an, y tế, giáo dục và các bên liên quan.",
            help_en="The standing group for child protection, police, health, education and others concerned.",
            cap=60,
        ),
    ]


class Attendee(Sheet):
    """Somebody who took part."""

    VI: ClassVar[str] = "Người tham dự"
    EN: ClassVar[str] = "Participant"

    name: Annotated[Line, says("Họ và tên", "Full name")]
    organisation: Annotated[Line | None, says("Cơ quan, tổ chức", "Organisation")] = None
    views: Annotated[Text | None, says("Ý kiến", "Views")] = None


class Conclusion(Sheet):
    """One decision of a conference; with a person and a day it becomes a task, which is chased."""

    VI: ClassVar[str] = "Kết luận, phân công"
    EN: ClassVar[str] = "Decision"

    decision: Annotated[Text, says("Nội dung kết luận", "Decision")]
    assignee_id: Annotated[UUID | None, says("Người thực hiện", "Who does it")] = None
    due: Annotated[Day | None, says("Hạn hoàn thành", "Due")] = None
    organisation: Annotated[
        Line | None,
        says(
            "Cơ quan phối hợp thực hiện",
            "Organisation concerned",
            help_vi="Việc của cơ quan khác được đề nghị bằng chuyển gửi.",
            help_en="What an agency is to do is asked of it by a referral.",
        ),
    ] = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.assignee_id is None) != (self.due is None):
            raise refused("task-without-day-or-person", "A task needs both: who does it, and until when.")
        return self


class ConferenceMinutes(Form):
    """What a conference came to, or why it was not held."""

    KIND: ClassVar[str] = "conference_minutes"
    VI: ClassVar[str] = "Biên bản họp về trường hợp"
    EN: ClassVar[str] = "Minutes of a case conference"

    held: Annotated[Flag, says("Cuộc họp đã diễn ra", "It was held")] = True
    why_not: Annotated[Text | None, says("Lý do không họp", "Why it was not held")] = None
    held_at: Annotated[Instant | None, says("Thời gian họp", "Held at")] = None
    chaired_by: Annotated[Line | None, says("Chủ trì", "Chaired by")] = None
    participants: Annotated[tuple[Attendee, ...], says("Thành phần tham dự", "Participants", cap=60)] = ()
    discussion: Annotated[LongText | None, says("Nội dung trao đổi", "What was discussed")] = None
    decisions: Annotated[tuple[Conclusion, ...], says("Kết luận, phân công", "Decisions", cap=50)] = ()

    @model_validator(mode="after")
    def _says_what_it_came_to(self) -> Self:
        if self.held and not (self.participants and (self.discussion or self.decisions)):
            raise refused("minutes-empty", "Say who took part, and what was discussed or decided.")
        if not self.held and not self.why_not:
            raise refused("not-held-without-reason", "A conference that was not held needs the reason.")
        return self


class CaseFlag(Form):
    """Something to be kept in sight, with the day on which to look again."""

    KIND: ClassVar[str] = "flag"
    VI: ClassVar[str] = "Lưu ý về trường hợp"
    EN: ClassVar[str] = "Flag on a case"

    flag: Annotated[Annotated[str, Coded("case_flags")], says("Loại lưu ý", "Flag")]
    words: Annotated[Text | None, says("Nội dung", "In words")] = None
    look_on: Annotated[Day, says("Ngày xem lại", "Look again on")]

"""Notes on a case by those who may not edit it, and by those who may."""

from datetime import datetime
from uuid import UUID

from sqlmodel import Field, SQLModel

from models.tables.columns import instant, key


class CaseNote(SQLModel, table=True):
    """A few words for whoever works on the case, sealed under its key. Append-only: nobody takes a word back."""

    __tablename__ = "case_note"

    id: UUID = key()
    case_id: UUID = Field(foreign_key="case_file.id", index=True)
    author_id: UUID = Field(foreign_key="person.id")
    position_id: UUID = Field(foreign_key="position.id")
    at: datetime = instant()
    sealed: bytes

"""The tables. Importing this package registers all of them in ``METADATA``."""

from models.tables.accounts import AccessToken, Account, SignInThrottle
from models.tables.cases import (
    LIFECYCLE_COLUMNS,
    CaseEvent,
    CaseFile,
    CaseReport,
    Child,
    CommandRecord,
    Delegate,
    Document,
    Household,
    Recusal,
    Report,
    Submission,
)
from models.tables.clocks import Breach, Deadline, Escalation, EscalationRecipient, Rung
from models.tables.columns import METADATA, new_id, table
from models.tables.conflicts import AllegedPerson, CaseDeclaration, Conflict, Relative
from models.tables.consents import Consent, Withholding
from models.tables.emergencies import BreakGlass
from models.tables.notices import CallTask, Notice
from models.tables.organisation import Absence, Deputy, Person, Position, Shift, Unit, UnitParent
from models.tables.record import AuditEntry, ReferenceVersion, SweepRun

__all__ = [
    "LIFECYCLE_COLUMNS",
    "METADATA",
    "Absence",
    "AccessToken",
    "Account",
    "AllegedPerson",
    "AuditEntry",
    "Breach",
    "BreakGlass",
    "CallTask",
    "CaseDeclaration",
    "CaseEvent",
    "CaseFile",
    "CaseReport",
    "Child",
    "CommandRecord",
    "Conflict",
    "Consent",
    "Deadline",
    "Delegate",
    "Deputy",
    "Document",
    "Escalation",
    "EscalationRecipient",
    "Household",
    "Notice",
    "Person",
    "Position",
    "Recusal",
    "ReferenceVersion",
    "Relative",
    "Report",
    "Rung",
    "Shift",
    "SignInThrottle",
    "Submission",
    "SweepRun",
    "Unit",
    "UnitParent",
    "Withholding",
    "new_id",
    "table",
]

"""The directory of services and the residential areas, as they are read and written."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import AwareDatetime, Field, StrictBool, StrictInt

from api.shapes.base import Code, Input, Moment, Output, Text, UnitRef
from models.forms.base import Line

ServiceCode = Annotated[str, Field(pattern=r"^[a-z_]{1,40}$")]
KindCode = Annotated[str, Field(pattern=r"^[a-z_]{1,30}$")]
HoursText = Annotated[str, Field(max_length=400, description="T2-T6 07:30-11:30, 13:30-17:00; T7 07:30-11:30")]
Address = Annotated[str, Field(max_length=400)]


class ContactOut(Output):
    """A way to reach a provider, and from when until before when."""

    kind: str
    address: str | None
    valid_from: Moment
    valid_to: Moment | None


class CapabilityOut(Output):
    """A service for a territory: when, and for how many at once."""

    service: str
    territory_id: UUID
    territory_code: str
    hours: str
    duty: bool
    capacity: int | None
    open: bool
    valid_from: Moment
    valid_to: Moment | None


class ProviderOut(Output):
    """A provider with what it gives and how it is reached. ``open`` of a capability: at the instant asked about."""

    id: UUID
    code: str
    kind: str
    unit_id: UUID
    unit_code: str
    name_vi: str
    name_en: str
    contacts: list[ContactOut]
    capabilities: list[CapabilityOut]
    is_sample: bool
    valid_from: Moment
    valid_to: Moment | None


class CapabilityIn(Input):
    """A service for a territory, an office's code. A change begins at ``valid_from``, or at once."""

    service: ServiceCode
    territory_code: Code
    hours: HoursText = ""
    duty: StrictBool = False
    capacity: Annotated[StrictInt, Field(ge=0, le=100_000)] | None = None
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None


class ContactsIn(Input):
    """The ways to reach a provider; what is not given is none."""

    account: StrictBool = False
    webhook: Address = ""
    email: Address = ""
    paper: Address = ""


class ProviderChange(Input):
    """All that is to hold of a provider: what it gives and is not in it ends."""

    kind: KindCode
    unit_code: Code
    name_vi: Line
    name_en: Line
    contacts: ContactsIn
    capabilities: Annotated[list[CapabilityIn], Field(max_length=200)]


class ProviderIn(ProviderChange):
    """A new provider."""

    code: Code


class CandidateOut(Output):
    """A provider that may be asked, in the order in which they would be."""

    provider_id: UUID
    code: str
    name_vi: str
    name_en: str
    unit_id: UUID
    role: str
    on_duty: bool
    opens_at: Moment | None
    contact: str | None
    distance: int
    capacity: int | None


class CollaboratorOut(Output):
    """Who looks after a residential area. ``phone`` is null to all but its administrator."""

    name: str
    phone: str | None
    valid_from: Moment
    valid_to: Moment | None


class AreaOut(Output):
    """A residential area, its commune, and who looks after it: ``covered`` says whether anybody does."""

    id: UUID
    code: str
    name: str
    unit_id: UUID
    unit_code: str
    covered: bool
    collaborators: list[CollaboratorOut]
    is_sample: bool
    valid_from: Moment
    valid_to: Moment | None


class CollaboratorIn(Input):
    """Who is to look after a residential area."""

    name: Line
    phone: Annotated[str, Field(pattern=r"^\+?[0-9]{3,15}$")] | None = None


class AreaChange(Input):
    """All that is to hold of a residential area: whoever looks after it and is not in it does so no longer."""

    name: Line
    unit_code: Code
    collaborators: Annotated[list[CollaboratorIn], Field(max_length=50)]


class AreaIn(AreaChange):
    """A new residential area."""

    code: Code


class CoverageOut(Output):
    """How many residential areas a commune has, and how many nobody looks after."""

    unit: UnitRef
    areas: int
    without: int


class CaseAreaIn(Input):
    """In which residential area it happened, or the child lives."""

    kind: Literal["incident", "residence"]
    area_code: Code


class CaseAreaOut(Output):
    """A residential area recorded of a case."""

    id: UUID
    kind: str
    area_code: str
    area_name: str
    recorded_at: Moment


class RowResult(Output):
    """What a row of a file comes to: ``added``, ``changed``, ``unchanged`` or ``refused``."""

    row: int
    outcome: str


class RowError(Output):
    """Where a file is wrong. ``row`` as a spreadsheet numbers it; ``column``: its code, ``#5`` for an unknown one."""

    row: int
    column: str | None
    code: str
    message: Text


class ImportOut(Output):
    """What a file comes to. ``applied``: it was written; never where one row is wrong, nor in a dry run.

    ``errors``: the first 500; ``errors_in_all``: how many there are.
    """

    dry_run: bool
    applied: bool
    outcomes: dict[str, int]
    rows: list[RowResult]
    errors: list[RowError]
    errors_in_all: int


SheetName = Literal["providers", "areas"]
FileFormat = Literal["csv", "xlsx"]

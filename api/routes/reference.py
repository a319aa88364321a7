"""Reference data: lifecycle, protocol, vocabularies, forms and problem codes. Open to everybody; the law is public."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi.responses import PlainTextResponse

from api.door import TheDoor
from api.problems import PROBLEMS, Problem, declares
from api.shapes.base import Text, text
from api.shapes.reference import FormOut, ProblemRef, ProtocolRef, TermOut, VocabularyOut, VocabularyRef
from models import vocabulary
from models.forms import FORMS, REPORT_INPUT
from models.lifecycle.describe import describe as describe_lifecycle
from models.lifecycle.diagram import diagrams
from models.lifecycle.referral.describe import describe as describe_referral
from models.protocol.arithmetic import ProtocolError
from models.protocol.describe import describe as describe_protocol

router = APIRouter(prefix="/reference", tags=["reference"])

_OPEN = declares(signed_in=False)
_ONE = declares("not-found", signed_in=False)
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9_]{1,60}$")]


@router.get("/lifecycle", responses=_OPEN)
async def lifecycle() -> dict[str, Any]:
    """States, events, who may, what each needs, and every refusal; of referrals below ``referral``."""
    return {**describe_lifecycle(), "referral": describe_referral()}


@router.get("/lifecycle/diagram", response_class=PlainTextResponse, responses=_OPEN)
async def diagram() -> str:
    """The chart's regions as Mermaid diagrams, in Markdown."""
    return diagrams()


@router.get("/protocols", responses=_OPEN)
async def list_protocols(door: TheDoor) -> list[ProtocolRef]:
    """Every version of the protocol, the one in force marked."""
    current = door.reference.protocol_at(door.clock.now()).version
    return [
        ProtocolRef(
            version=one.version,
            name=Text(vi=one.name_vi, en=one.name_en),
            valid_from=one.valid_from,
            published=one.published,
            in_force=one.version == current,
        )
        for one in door.reference.protocols.versions
    ]


@router.get("/protocols/{version:path}", responses=_ONE)
async def read_protocol(
    door: TheDoor, version: Annotated[str, Path(pattern=r"^[A-Za-z0-9._/-]{1,60}$")]
) -> dict[str, Any]:
    """One version: every deadline with limits, ladders, starts, ends, marks and legal basis."""
    try:
        return describe_protocol(door.reference.protocols.get(version))
    except ProtocolError:
        raise Problem("not-found") from None


@router.get("/vocabularies", responses=_OPEN)
async def list_vocabularies() -> list[VocabularyRef]:
    """The vocabularies there are."""
    return [VocabularyRef(name=name, title=_title(name)) for name in vocabulary.names()]


@router.get("/vocabularies/{name}", responses=_ONE)
async def read_vocabulary(name: Name) -> VocabularyOut:
    """One vocabulary in both languages."""
    if name not in vocabulary.names():
        raise Problem("not-found")
    terms = [
        TermOut(
            code=term.code,
            label=Text(vi=term.vi, en=term.en),
            valid_from=term.valid_from,
            valid_to=term.valid_to,
            legal_basis=term.legal_basis,
            verified=term.verified,
            parent=term.parent,
        )
        for term in vocabulary.vocabulary(name)
    ]
    return VocabularyOut(name=name, title=_title(name), terms=terms)


@router.get("/forms", responses=_OPEN)
async def list_forms() -> list[str]:
    """The kinds of form there are; ``report`` is the body of POST /reports."""
    return ["report", *FORMS]


@router.get("/forms/{kind}", responses=_ONE)
async def read_form(kind: Name) -> FormOut:
    """A form's JSON schema."""
    form = REPORT_INPUT if kind == "report" else FORMS.get(kind)
    if form is None:
        raise Problem("not-found")
    return FormOut(kind=kind, input=form.model_json_schema(mode="validation"))


@router.get("/problems", responses=_OPEN)
async def list_problems() -> list[ProblemRef]:
    """Every problem code with its status and sentences."""
    return [
        ProblemRef(
            code=code, status=spec.status, title=text(spec.title), detail=text(spec.detail), next=text(spec.next)
        )
        for code, spec in PROBLEMS.items()
    ]


def _title(name: str) -> Text:
    return Text(vi=vocabulary.title(name, "vi"), en=vocabulary.title(name, "en"))

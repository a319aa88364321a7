"""Consent and legal basis: what was said by whom, what it rests on without it, and whether something is allowed by it.

Pure. Sources: process.md §4.2 (Luật 91/2025/QH15 Điều 19 khoản 1, Điều 24; consent is never sought from a carer who is
alleged to have caused the harm), §6.4.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, Literal

from models.access.matching import plain_name

OWN_VIEW_FROM: Final = 7
"""Full years from which a child's own view is asked for (Luật 91/2025/QH15 Điều 24)."""
REPRESENTATIVES: Final = frozenset({"MOTHER", "FATHER", "GUARDIAN", "SUBSTITUTE"})
CARERS: Final = REPRESENTATIVES - {"SUBSTITUTE"}
"""Those who care for the child. A substitute representative is named because none of them may speak for it."""

_PARENT: Final = frozenset({"CHA_ME_DE", "CHA_ME_NUOI"})
_OTHER_CARER: Final = frozenset({"CHA_DUONG_ME_KE", "BAN_TINH_CHA_ME", "ONG_BA", "ANH_CHI_EM", "HO_HANG", "NGUOI_CSTT"})
_BY_SEX: Final = {"MALE": frozenset({"FATHER"}), "FEMALE": frozenset({"MOTHER"})}
CARER_IS_PERPETRATOR: Final = "CARER_IS_PERPETRATOR"

Answer = Literal["given", "refused", "ground"]


@dataclass(frozen=True)
class Said:
    """One entry: an answer of a giver, or a ground for going without one. ``services`` empty: every one of the scope.

    ``id`` is the row's; ``giver`` is None for a ground.
    """

    id: str
    scope: str
    services: frozenset[str]
    answer: Answer
    giver: str | None
    said_at: datetime
    expires_at: datetime | None = None
    withdrawn_at: datetime | None = None

    def covers(self, scope: str, service: str | None) -> bool:
        """Whether it is about this."""
        return self.scope == scope and (not self.services or service in self.services)

    def in_force(self, at: datetime) -> bool:
        """Whether it holds at an instant."""
        ends = min((end for end in (self.expires_at, self.withdrawn_at) if end is not None), default=None)
        return self.said_at <= at and (ends is None or at < ends)


@dataclass(frozen=True)
class Allowed:
    """The answer to whether something is allowed.

    Attributes:
        allowed: yes or no.
        why: ``consent``, ``ground``; or ``refused``, ``ended`` (it expired or was withdrawn), ``child-not-asked``,
            ``representative-not-asked``, ``nothing-said``.
        by: ids of the entries it rests on.
        overrides_refusal: a ground stands against somebody's refusal; that needs a supervisor's word (lifecycle.md,
            referral).
    """

    allowed: bool
    why: str
    by: tuple[str, ...] = ()
    overrides_refusal: bool = False


def allows(
    said: Sequence[Said],
    scope: str,
    service: str | None,
    at: datetime,
    *,
    age: int | None,
    barred: frozenset[str] = frozenset(),
) -> Allowed:
    """Whether the record allows something at an instant.

    Of each giver the latest answer counts. One refusal is a no, whoever else agreed. A ground in force is a yes
    without anybody's, save for publishing: the child's private life is published by consent of child and
    representative only, of the representative alone below seven years.

    Args:
        said: everything on record for the case.
        scope: code of ``consent_scopes``.
        service: the service asked for, None where the scope knows none.
        at: timezone-aware.
        age: the child's full years, None while unknown: it is then taken for old enough to be asked.
        barred: givers whose word does not count because they are alleged (``barred_givers``).
    """
    about = [one for one in said if one.covers(scope, service) and one.giver not in barred]
    live = [one for one in about if one.in_force(at)]
    latest: dict[str, Said] = {}
    for one in sorted((each for each in live if each.giver), key=lambda each: (each.said_at, each.id)):
        latest[one.giver or ""] = one
    refused = tuple(one.id for one in latest.values() if one.answer == "refused")
    given = {giver: one for giver, one in latest.items() if one.answer == "given"}
    grounds = tuple(sorted(one.id for one in live if one.answer == "ground"))
    if grounds and scope != "PUBLICATION":
        return Allowed(True, "ground", grounds, overrides_refusal=bool(refused))
    if refused:
        return Allowed(False, "refused", refused)
    missing = _missing(scope, set(given), age)
    if missing is None:
        return Allowed(True, "consent", tuple(sorted(one.id for one in given.values())))
    ended = any(one.said_at <= at for one in about if one.answer != "refused")
    return Allowed(False, "ended" if ended and not given else missing)


def _missing(scope: str, given: set[str], age: int | None) -> str | None:
    """Whose word is wanting; None where nobody's is."""
    child_counts = age is None or age >= OWN_VIEW_FROM
    if scope == "PUBLICATION":
        if not given & REPRESENTATIVES:
            return "representative-not-asked" if given else "nothing-said"
        return "child-not-asked" if child_counts and "CHILD" not in given else None
    if given & REPRESENTATIVES or (child_counts and "CHILD" in given):
        return None
    return "representative-not-asked" if given else "nothing-said"


def stops(withdrawn: Said, rest: Iterable[Said], at: datetime) -> tuple[str, ...]:
    """What must stop once an entry is withdrawn, as codes ``SCOPE`` or ``SCOPE/SERVICE``.

    What another entry still carries goes on; the law may say so of the rest as well, which a ground records.

    Args:
        withdrawn: the entry taken back.
        rest: the case's other entries.
        at: from when on.
    """
    others = [one for one in rest if one.id != withdrawn.id and one.answer != "refused" and one.in_force(at)]
    wanted: list[str | None] = [*sorted(withdrawn.services)] or [None]
    left = [service for service in wanted if not any(one.covers(withdrawn.scope, service) for one in others)]
    return tuple(withdrawn.scope if service is None else f"{withdrawn.scope}/{service}" for service in left)


def barred_givers(alleged: Iterable[Mapping[str, Any]], triggers: Iterable[str | None] = ()) -> frozenset[str]:
    """Carers from whom consent is not sought: who the case's documents allege to have caused the harm.

    Where a parent is alleged and not which, both are. Where the emergency's trigger says that it is the carer, and no
    document says which, all of them are: a substitute representative speaks for the child until that is known.

    Args:
        alleged: the sheets of alleged persons, as stored.
        triggers: emergency triggers on record.
    """
    barred: set[str] = set()
    for one in alleged:
        relation = one.get("relation")
        if relation in _PARENT:
            barred |= _BY_SEX.get(one.get("sex") or "", frozenset({"FATHER", "MOTHER"}))
        elif relation in _OTHER_CARER:
            barred.add("GUARDIAN")
    if CARER_IS_PERPETRATOR in set(triggers) and not barred:
        return CARERS
    return frozenset(barred)


def is_alleged(name: str | None, alleged: Iterable[Mapping[str, Any]]) -> bool:
    """Whether somebody is alleged by name, in whatever capacity they would speak for the child."""
    plain = plain_name(name or "")
    return bool(plain) and any(plain_name(one.get("name") or "") == plain for one in alleged)


def age_of(birth_date: date | None, estimated: int | None, on: date) -> int | None:
    """The child's full years on a day, None while nothing is known."""
    if birth_date is None:
        return estimated
    return on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))

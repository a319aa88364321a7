"""Whether whoever sends an act stands where they may send it: the unit beside the role, judged at the record as well.

The door asks the same of every request in SQL (``models.records.scope``), so that what is out of reach is not there at
all. Here
it is asked once more of what was read under the case's lock, for a command that came another way or waited too long: a
position that is valid, in another commune, moves nothing. What reaches how far is said in ``models.access`` alone.
"""

from collections.abc import Collection
from uuid import UUID

from models.access import EVERYWHERE, Standpoint, may_send
from models.records.actor import Acting
from models.records.cases import CaseRow, Surroundings

_NO_OFFICE = frozenset({"commune", *EVERYWHERE})
"""Kinds of unit whose receivers reach by place, or everywhere, and not by province."""


def in_reach(sender: Acting, event: str, case: CaseRow, around: Surroundings) -> bool:
    """Whether ``sender`` may send ``event`` to this case, by where their unit stands.

    Args:
        sender: who sends it, in the position they act from.
        event: its code.
        case: the case's row.
        around: what was read around it, with the sender's position among those asked about.
    """
    return may_send(sender.role, event, _standpoint(sender, case, around))


def _standpoint(sender: Acting, case: CaseRow, around: Surroundings) -> Standpoint:
    unit = sender.unit_id
    places = {case.incident_unit_id, case.residence_unit_id} - {None}
    kind = around.above.get(unit, {}).get(unit)
    province = _Below(unit, around, ("province",))
    region = _Below(unit, around, ("province", "committee"))
    if case.unit_id is not None:
        held_below = case.unit_id in province
    else:
        held_below = any(taken in province or not _has_province(taken, around) for taken in around.receivers)
    return Standpoint(
        holds=case.unit_id == unit,
        place=unit in places,
        waits=unit in places and case.process == "received" and unit in around.receivers,
        province=held_below,
        around=kind is not None
        and kind not in _NO_OFFICE
        and any(office in region for office in {*places, case.unit_id} - {None}),
        took_in=any(person == sender.person_id for person, _ in around.brought),
        unit_took_in=any(taken == unit for _, taken in around.brought),
        everywhere=kind in EVERYWHERE,
        asked=case.transfer_to_id == unit,
        another=kind == "commune" and case.unit_id not in {None, unit},
        nation=kind == "national",
        named=sender.person_id in around.delegates,
        deputises=sender.person_id in around.stand_in,
    )


class _Below:
    """The units of the province an office belongs to: below a head above it, or below the office itself."""

    def __init__(self, unit: UUID, around: Surroundings, heads: Collection[str]) -> None:
        self._above = around.above
        self._tops = {unit} | {above for above, kind in around.above.get(unit, {}).items() if kind in heads}

    def __contains__(self, unit: UUID | None) -> bool:
        return unit is not None and bool(self._tops & set(self._above.get(unit, {unit: ""})))


def _has_province(unit: UUID, around: Surroundings) -> bool:
    return "province" in around.above.get(unit, {}).values()

"""Is the record of who did what still what it was? Names the first entry or seal that is not.

Read once, in order, seal by seal: an audit of any length is verified in the memory of one seal and one hash a case.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from uuid import UUID

from models.audit.canonical import leaf, link, read
from models.audit.seals import NOTHING_BEFORE, PublicKeys, Seal, SealError

_MOST: Final = 100
"""Findings that are kept; how many there are is counted on."""


class Code(StrEnum):
    """What can be wrong.

    ``altered``, ``missing``, ``inserted``, ``reordered``: an entry, or a seal, is not what was sealed, is gone, was
    never sealed, or stands elsewhere · ``unlinked``: an entry does not follow from the one before in its case's chain ·
    ``forged``: a seal's signature is not by one of the keys · ``cut_off``: a seal kept outside is not in the record ·
    ``differs``: the record's seal is not the one kept outside · ``not_kept``: what is kept outside has a gap.
    """

    ALTERED = "altered"
    MISSING = "missing"
    INSERTED = "inserted"
    REORDERED = "reordered"
    UNLINKED = "unlinked"
    FORGED = "forged"
    CUT_OFF = "cut_off"
    DIFFERS = "differs"
    NOT_KEPT = "not_kept"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        code: what.
        kind: ``entry`` or ``seal``.
        name: the entry's id, or the seal's number; the number of its line where it cannot even be read.
        case: the case whose chain is meant, for an entry in one.
        seal: the number of the seal it is under; None where it is under none yet.
    """

    code: Code
    kind: str
    name: str
    case: str | None = None
    seal: int | None = None


@dataclass
class Verdict:
    """What was read, and what was found.

    Attributes:
        entries: read.
        seals: read.
        linked: entries that are links of a case's chain.
        unsealed: entries written after the last seal: not altered since they were chained, but not sealed yet.
        last: number of the last seal.
        keys: ids of the keys whose signatures were good.
        findings: the first hundred, in the order of the record.
        count: how many there are.
    """

    entries: int = 0
    seals: int = 0
    linked: int = 0
    unsealed: int = 0
    last: int = 0
    keys: set[str] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    count: int = 0

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.count

    def add(self, finding: Finding) -> None:
        """Take a finding down."""
        self.count += 1
        if len(self.findings) < _MOST:
            self.findings.append(finding)


@dataclass(frozen=True)
class _Entry:
    """A line that was read; ``place`` is its turn and its id."""

    id: UUID
    place: tuple[int, UUID]
    hash: bytes


def verify(
    entries: Iterable[str], seals: Iterable[str], keys: PublicKeys, kept: Iterable[str] | None = None
) -> Verdict:
    """Check an audit.

    Args:
        entries: every entry's line, in the order of turn and id.
        seals: every seal's line, in the order of their numbers.
        keys: whom to believe.
        kept: the lines of the seals kept outside the database, in their order; None where there are none to compare.
    """
    verdict = Verdict()
    chains = _Chains(verdict)
    stream = _Stream(entries, verdict, chains)
    before: Seal | None = None
    for seal, sure, gap in _Seals(seals, verdict, keys, kept):
        _check_group(seal, stream.until((seal.upto_turn, seal.upto_id)), verdict, sure=sure, gap=gap)
        before = seal
    verdict.last = before.number if before else 0
    verdict.unsealed = sum(1 for _ in stream.until(None))
    chains.finish()
    return verdict


class _Seals:
    """The seals to go by: each with whether it can be gone by, and whether seals are missing before it.

    Where the record has none for a number, or a bad one, the one kept outside is taken.
    """

    def __init__(self, lines: Iterable[str], verdict: Verdict, keys: PublicKeys, kept: Iterable[str] | None) -> None:
        self._lines = lines
        self._verdict = verdict
        self._keys = keys
        self._outside = _kept(kept, verdict, keys)
        self._newest = max(self._outside, default=0)
        self._before: Seal | None = None
        self._gap = False

    def __iter__(self) -> Iterator[tuple[Seal, bool, bool]]:
        for number, text in enumerate(self._lines, 1):
            self._verdict.seals += 1
            try:
                seal = Seal.read(text)
            except SealError:
                self._verdict.add(Finding(Code.ALTERED, "seal", str(number)))
                self._gap = True
                continue
            yield from self._lost(seal.number)
            if seal.number < self._upcoming:
                self._verdict.add(Finding(Code.REORDERED, "seal", str(seal.number)))
            else:
                yield self._take(*self._chosen(seal))
        yield from self._lost(self._newest + 1)

    @property
    def _upcoming(self) -> int:
        return self._before.number + 1 if self._before else 1

    def _take(self, seal: Seal, sure: bool) -> tuple[Seal, bool, bool]:
        gap, self._gap, self._before = self._gap, False, seal
        return seal, sure, gap

    def _lost(self, until: int) -> Iterator[tuple[Seal, bool, bool]]:
        """Seals the record does not have, below a number."""
        for number in range(self._upcoming, min(until, self._upcoming + _MOST)):
            there = self._outside.get(number)
            self._verdict.add(Finding(Code.MISSING if there is None else Code.CUT_OFF, "seal", str(number)))
            if there is None:
                self._gap = True
            else:
                yield self._take(there, True)

    def _chosen(self, seal: Seal) -> tuple[Seal, bool]:
        sure = _check_seal(seal, self._before, self._verdict, self._keys, gap=self._gap)
        other = self._outside.get(seal.number)
        if other is None:
            if seal.number < self._newest:
                self._verdict.add(Finding(Code.NOT_KEPT, "seal", str(seal.number)))
        elif other != seal:
            self._verdict.add(Finding(Code.DIFFERS, "seal", str(seal.number)))
            if not sure:
                return other, True
        return seal, sure


def _check_seal(seal: Seal, before: Seal | None, verdict: Verdict, keys: PublicKeys, *, gap: bool) -> bool:
    """Whether a seal is one: signed, over its leaves, after the one before it."""
    name = str(seal.number)
    if not keys.signed(seal):
        verdict.add(Finding(Code.FORGED, "seal", name))
        return False
    verdict.keys.add(seal.key_id)
    if not seal.consistent:
        verdict.add(Finding(Code.ALTERED, "seal", name))
        return False
    if not gap and seal.previous != (before.hash if before else NOTHING_BEFORE):
        verdict.add(Finding(Code.REORDERED, "seal", name))
    return True


def _kept(lines: Iterable[str] | None, verdict: Verdict, keys: PublicKeys) -> dict[int, Seal]:
    found: dict[int, Seal] = {}
    for at, text in enumerate(lines or (), 1):
        try:
            seal = Seal.read(text)
        except SealError:
            verdict.add(Finding(Code.ALTERED, "kept", str(at)))
            continue
        if not keys.signed(seal) or not seal.consistent:
            verdict.add(Finding(Code.FORGED, "kept", str(seal.number)))
        elif seal.number in found and found[seal.number] != seal:
            verdict.add(Finding(Code.DIFFERS, "kept", str(seal.number)))
        else:
            found[seal.number] = seal
    return found


def _check_group(seal: Seal, entries: Iterator[_Entry], verdict: Verdict, *, sure: bool, gap: bool) -> None:
    """Compare the entries that stand where a seal's entries must stand with its leaves."""
    found: dict[UUID, bytes] = {}
    wrong: list[tuple[Code, UUID]] = []
    for one in entries:
        if one.id in found:
            wrong.append((Code.INSERTED, one.id))
        found[one.id] = one.hash
    if sure or seal.consistent:
        wrong += _compare(dict(seal.entries()), found, gap=gap)
    # Otherwise the seal was named already, and says nothing any more of its entries.
    for code, identity in wrong:
        verdict.add(Finding(code, "entry", str(identity), seal=seal.number))


def _compare(sealed: dict[UUID, bytes], found: dict[UUID, bytes], *, gap: bool) -> Iterator[tuple[Code, UUID]]:
    for identity, hashed in sealed.items():
        if identity not in found:
            yield Code.MISSING, identity
        elif found[identity] != hashed:
            yield Code.ALTERED, identity
    common = (one for one in found if one in sealed)
    expected = (one for one in sealed if one in found)
    if (moved := next((one for one, other in zip(common, expected, strict=True) if one != other), None)) is not None:
        yield Code.REORDERED, moved
    if not gap:
        yield from ((Code.INSERTED, identity) for identity in found if identity not in sealed)


class _Stream:
    """The entries, taken seal by seal; each is read, hashed and given to its case's chain once."""

    def __init__(self, lines: Iterable[str], verdict: Verdict, chains: "_Chains") -> None:
        self._lines = iter(lines)
        self._verdict = verdict
        self._chains = chains
        self._next: _Entry | None = None

    def until(self, place: tuple[int, UUID] | None) -> Iterator[_Entry]:
        """Every entry up to a place, or to the end."""
        while (entry := self._next or self._read()) is not None:
            self._next = entry
            if place is not None and entry.place > place:
                return
            self._next = None
            yield entry

    def _read(self) -> _Entry | None:
        for text in self._lines:
            self._verdict.entries += 1
            try:
                values = read(text)
                identity = UUID(values["id"])
                entry = _Entry(identity, (int(values["turn"] or ""), identity), leaf(text))
                if values["chain_seq"] is not None:
                    self._chains.take(values, text)
            except (ValueError, TypeError, AttributeError, RecursionError):
                self._verdict.add(Finding(Code.ALTERED, "entry", f"#{self._verdict.entries}"))
                continue
            return entry
        return None


class _Chains:
    """The chain of every case. A link may come before the one it hangs on: that one's transaction began later."""

    def __init__(self, verdict: Verdict) -> None:
        self._verdict = verdict
        self._heads: dict[str, tuple[int, bytes]] = {}
        self._waiting: dict[str, dict[int, tuple[str, str, str]]] = {}

    def take(self, values: dict[str, str | None], text: str) -> None:
        """One link.

        Raises:
            ValueError: it is none.
        """
        self._verdict.linked += 1
        case, identity = values["case_id"] or "", values["id"] or ""
        number = int(values["chain_seq"] or "")
        stored = values["chain_hash"] or ""
        last, _ = self._heads.get(case, (0, b""))
        waiting = self._waiting.setdefault(case, {})
        if number <= last or number in waiting:
            self._verdict.add(Finding(Code.INSERTED, "entry", identity, case=case))
            return
        waiting[number] = (identity, stored, text)
        self._advance(case, waiting)

    def _advance(self, case: str, waiting: dict[int, tuple[str, str, str]]) -> None:
        last, head = self._heads.get(case, (0, b""))
        while (following := waiting.pop(last + 1, None)) is not None:
            identity, stored, text = following
            if link(head, text).hex() != stored:
                self._verdict.add(Finding(Code.UNLINKED, "entry", identity, case=case))
            last, head = last + 1, _bytes(stored)
        self._heads[case] = (last, head)
        if not waiting:
            del self._waiting[case]

    def finish(self) -> None:
        """What still waits for a link hangs on one that is gone."""
        for case, waiting in self._waiting.items():
            first = min(waiting)
            self._verdict.add(Finding(Code.UNLINKED, "entry", waiting[first][0], case=case))


def _bytes(hashed: str) -> bytes:
    try:
        return bytes.fromhex(hashed)
    except ValueError:
        return b""

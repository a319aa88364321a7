"""The audit taken out of the database and checked: what an inspector gets, and what says whether it is sound.

Verifying needs no service and no database: a folder made by ``export``, and the seals that were kept outside.
"""

import asyncio
import json
import tempfile
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, TypeVar

from deploy.runtime.trouble import Status, Trouble
from models.audit import Code, PublicKeys, Seal, SealError, SigningKeys, Verdict, verify
from models.audit.kept import KEYS, SealFolder
from models.audit.seals import instant
from models.settings import Settings

ENTRIES, SEALS, ABOUT = "entries.jsonl", "seals.jsonl", "about.json"
_AT_A_TIME: Final = 1000
Answer = TypeVar("Answer")


def export(url: str, keys: PublicKeys, folder: Path) -> dict[str, int]:
    """Copy the audit into a folder: entries as they are hashed, one a line, seals, and the public keys.

    Args:
        url: of the database, of a role that reads the whole audit; SQLAlchemy's form or PostgreSQL's.
        keys: the public keys.
        folder: new or empty.

    Returns:
        How many entries and seals.

    Raises:
        Trouble: there is something in the folder, or the database cannot be reached.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if any(folder.iterdir()):
        raise Trouble(
            Status.NOT_WRITABLE,
            f"{folder} không trống; hãy chọn một thư mục mới.",
            f"{folder} is not empty; choose a new folder.",
        )
    counts = _reaching(_copy(url.replace("postgresql+asyncpg://", "postgresql://", 1), folder))
    (folder / KEYS).write_text(keys.text())
    about = {"exported_at": datetime.now(UTC).isoformat(timespec="seconds"), **counts}
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n")
    return counts


def export_own(url: str, folder: Path) -> str:
    """Export the audit of this machine's service, which is itself put on record; gives the sentence to say."""
    _reaching(_put_on_record(url))
    counts = export(url, _own_keys(), folder)
    return (
        f"Đã xuất {counts['entries']} mục nhật ký, {counts['seals']} niêm phong vào {folder}.\n"
        f"Exported {counts['entries']} audit entries, {counts['seals']} seals to {folder}."
    )


def check(folder: Path, seals: Path | None = None, keys: Path | None = None) -> Verdict:
    """Verify an export.

    Args:
        folder: made by ``export``.
        seals: the folder of seals kept outside; without it nobody can see that the newest seals were cut off.
        keys: a file of the public keys to believe; without it those that came with the export.

    Raises:
        Trouble: something is missing in the folder, or no file of keys.
    """
    kept = SealFolder(seals).lines() if seals is not None else None
    try:
        trusted = PublicKeys.read(keys or folder / KEYS)
        if not trusted.raw:
            raise SealError(str(keys or folder / KEYS))  # noqa: TRY301 - an empty file of keys is none
        return verify(_lines(folder / ENTRIES), _lines(folder / SEALS), trusted, kept)
    except (SealError, FileNotFoundError) as error:
        raise Trouble(
            Status.BAD_SETTING,
            f"Không đọc được bản xuất hoặc khóa công khai: {error}",
            f"The export or the public keys cannot be read: {error}",
        ) from error


def check_database(url: str, seals: Path | None = None, keys: Path | None = None) -> Verdict:
    """Verify a database: what is checked is an export of it, made for the purpose and removed.

    Args:
        url: as in ``export``.
        seals: the folder of seals kept outside; without it this machine's, where there is one.
        keys: a file of public keys; without it this machine's.
    """
    own = Settings().seals
    with tempfile.TemporaryDirectory(prefix="annhi-audit-") as folder:
        export(url, _own_keys(), Path(folder))
        return check(Path(folder), seals or (own if own.is_dir() else None), keys)


def told(verdict: Verdict) -> Iterator[str]:
    """A verdict in both languages, what is wrong first."""
    for finding in verdict.findings:
        vi, en = _KINDS[finding.kind]
        name = f" {finding.name}" + (f" (hồ sơ · case {finding.case})" if finding.case else "")
        under = f" · niêm phong · seal {finding.seal}" if finding.seal else ""
        yield f"{_WORDS[finding.code][0]}: {vi}{name}{under}\n  {_WORDS[finding.code][1]}: {en}{name}{under}"
    if verdict.count > len(verdict.findings):
        yield f"… {verdict.count - len(verdict.findings)} nữa · more"
    keys = ", ".join(sorted(verdict.keys)) or "–"
    yield (
        f"{verdict.entries} mục · entries ({verdict.linked} nối chuỗi · in chains), "
        f"{verdict.seals} niêm phong · seals, {verdict.unsealed} chưa niêm phong · not sealed yet; khóa · keys: {keys}"
    )
    yield "NGUYÊN VẸN · SOUND" if verdict.sound else f"KHÔNG NGUYÊN VẸN · NOT SOUND: {verdict.count}"


_KINDS: Final = {
    "entry": ("mục nhật ký", "entry"),
    "seal": ("niêm phong", "seal"),
    "kept": ("niêm phong lưu bên ngoài", "seal kept outside"),
}
_WORDS: Final = {
    Code.ALTERED: ("Đã bị sửa", "Altered"),
    Code.MISSING: ("Đã bị xóa", "Missing"),
    Code.INSERTED: ("Bị chèn thêm", "Inserted"),
    Code.REORDERED: ("Bị đảo thứ tự", "Reordered"),
    Code.UNLINKED: ("Không nối tiếp mục trước trong chuỗi của hồ sơ", "Does not follow in its case's chain"),
    Code.FORGED: ("Chữ ký không đúng", "Signature is wrong"),
    Code.CUT_OFF: ("Có ở bản lưu bên ngoài nhưng không có trong cơ sở dữ liệu", "Kept outside but not in the record"),
    Code.DIFFERS: ("Khác với bản lưu bên ngoài", "Differs from what is kept outside"),
    Code.NOT_KEPT: ("Thiếu ở bản lưu bên ngoài", "Missing among what is kept outside"),
}


def _reaching(work: Coroutine[Any, Any, Answer]) -> Answer:
    try:
        return asyncio.run(work)
    except OSError as error:
        raise Trouble(
            Status.NOT_RUNNING,
            "Không kết nối được cơ sở dữ liệu; dịch vụ có đang chạy không (annhi status)?",
            f"The database cannot be reached ({type(error).__name__}); does the service run (annhi status)?",
        ) from error


async def _put_on_record(url: str) -> None:
    from models.clock import PlatformClock  # noqa: PLC0415 - verifying does without SQL
    from models.database import Who, connect, transaction  # noqa: PLC0415 - as above
    from models.records.audit import audit  # noqa: PLC0415 - as above

    now = PlatformClock(timedelta(seconds=Settings().clock_offset_seconds)).now()
    engine = connect(url, pool_size=1)
    try:
        async with transaction(engine, Who(system="operator"), now) as connection:
            await audit(connection, at=now, actor=None, action="export_audit", record="audit", outcome="done")
    finally:
        await engine.dispose()


def _own_keys() -> PublicKeys:
    """The public halves of this machine's signing keys, and those published beside its seals."""
    where = Settings()
    published = where.seals / KEYS
    raw = PublicKeys.read(published).raw if published.exists() else {}
    own = SigningKeys.read(where.signing_keys).public.raw if where.signing_keys.exists() else {}
    return PublicKeys({**raw, **own})


def _lines(path: Path) -> Iterator[str]:
    # Bytes that are no UTF-8 become a mark that is no canonical line, so that they are named and not raised.
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        for line in file:
            yield line.removesuffix("\n")


async def _copy(url: str, folder: Path) -> dict[str, int]:
    import asyncpg  # type: ignore[import-untyped] # noqa: PLC0415 - verifying an export does without a database

    connection: Any = await asyncpg.connect(url, timeout=10)
    try:
        # One snapshot for both: a seal and its entries are seen together or not at all.
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            entries = await _copy_entries(connection, folder / ENTRIES)
            return {"entries": entries, "seals": await _copy_seals(connection, folder / SEALS)}
    finally:
        await connection.close()


async def _copy_entries(connection: Any, path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        rows = connection.cursor("SELECT audit_text(e) FROM audit_entry e ORDER BY e.turn, e.id", prefetch=_AT_A_TIME)
        async for (line,) in rows:
            file.write(line + "\n")
            count += 1
    return count


async def _copy_seals(connection: Any, path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        async for row in connection.cursor("SELECT * FROM audit_seal ORDER BY number", prefetch=10):
            values = dict(row)
            file.write(Seal(**{**values, "at": instant(values["at"])}).line() + "\n")
            count += 1
    return count

"""Seals outside the database: a file a day that is only ever appended to, ready for storage that nobody rewrites.

A line is on disk (fsync) before the next is begun. Several sealers may share a folder; a lock lets one write at a time.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from models.audit.seals import PublicKeys, Seal, SealError

KEYS = "keys.json"
"""The public keys, beside the seals. Whoever verifies should hold a copy of their own."""


class SealFolder:
    """The folder of kept seals.

    Args:
        folder: made where it is missing, closed to other users.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def lines(self) -> Iterator[str]:
        """Every kept line, the oldest first; one that was cut short by a power failure is none yet."""
        for file in self._files():
            with file.open(encoding="utf-8", newline="\n") as lines:
                yield from (line[:-1] for line in lines if line.endswith("\n"))

    def newest(self) -> Iterator[Seal]:
        """The kept seals, the newest first. Lines that are none are passed over: naming them is for who verifies."""
        for file in reversed(self._files()):
            for line in reversed(file.read_text(encoding="utf-8").split("\n")[:-1]):
                try:
                    yield Seal.read(line)
                except SealError:
                    continue

    @contextmanager
    def writing(self) -> Iterator[None]:
        """While this lasts, nobody else writes here."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.folder / "lock", os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def append(self, seals: Iterable[Seal]) -> None:
        """Keep seals; each goes into the file of its day (UTC). Only inside ``writing``."""
        for seal in seals:
            file = self.folder / f"{seal.at[:10]}.jsonl"
            handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                os.lseek(handle, _whole(handle), os.SEEK_SET)
                os.write(handle, seal.line().encode() + b"\n")
                os.fsync(handle)
            finally:
                os.close(handle)
        self._sync_folder()

    def publish(self, keys: PublicKeys) -> None:
        """Add public keys to those beside the seals, whole or not at all. Only inside ``writing``."""
        path = self.folder / KEYS
        if path.exists():
            before = PublicKeys.read(path)
            keys = PublicKeys({**before.raw, **keys.raw})
            if keys.raw == before.raw:
                return
        draft = path.with_suffix(".new")
        with draft.open("w") as file:
            file.write(keys.text())
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        self._sync_folder()

    def _files(self) -> list[Path]:
        return sorted(self.folder.glob("????-??-??.jsonl"))

    def _sync_folder(self) -> None:
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


_LOOK_BACK = 1 << 16


def _whole(handle: int) -> int:
    """Where the last whole line of a file ends; what comes after it was never on disk whole, and is cut off."""
    size = end = os.lseek(handle, 0, os.SEEK_END)
    while end > 0:
        begin = max(0, end - _LOOK_BACK)
        found = os.pread(handle, end - begin, begin).rfind(b"\n")
        if found >= 0:
            end = begin + found + 1
            break
        end = begin
    if end != size:
        os.ftruncate(handle, end)
    return end

"""One supervisor per data folder, by a lock that the kernel lets go when its holder dies in whatever way."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.runtime.trouble import Status, Trouble


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the folder.

    Args:
        path: the lock file; it is made where missing and afterwards holds this process's id.

    Raises:
        Trouble: another process holds it; the sentence names its process id.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "?"
            raise Trouble(
                Status.ALREADY_RUNNING,
                f"An Nhi đang chạy trên thư mục này rồi (tiến trình {pid}, {path.parent}); "
                "hãy dừng bằng Ctrl-C ở đó, hoặc chọn ANNHI_DATA_DIR và các cổng khác.",
                f"An Nhi already runs on this folder (process {pid}, {path.parent}); "
                "stop it there with Ctrl-C, or choose another ANNHI_DATA_DIR and other ports.",
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def holder(path: Path) -> int | None:
    """The process id of whoever holds the lock now; None where nobody does."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        text = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
        return int(text) if text.isdecimal() else 0
    finally:
        os.close(descriptor)
    return None

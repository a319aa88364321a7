"""What is looked at before anything starts: each trouble is found while nothing has happened yet."""

import os
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from deploy.runtime.layout import HOST, DataFolder, read_json
from deploy.runtime.trouble import Status, Trouble
from models.hardening import looked_at
from models.settings import BadSettingsError, Settings

DATA_FORMAT: Final = 1
"""The layout of the data folder that this code writes and reads."""

ENOUGH_BYTES: Final = 500 * 1024 * 1024
"""Less than this free and PostgreSQL may stop in the middle of a night; we refuse to begin."""

_LISTENING: Final = "0A"


def check_writable(folder: DataFolder) -> None:
    """Make the folder where missing and prove that a file can be written in it.

    Raises:
        Trouble: it cannot.
    """
    try:
        folder.create()
        with tempfile.TemporaryFile(dir=folder.root) as file:
            file.write(b"x")
    except OSError as error:
        raise Trouble(
            Status.NOT_WRITABLE,
            f"Không ghi được vào thư mục dữ liệu {folder.root} ({error.strerror}); "
            "hãy sửa quyền của thư mục hoặc đặt ANNHI_DATA_DIR.",
            f"The data folder {folder.root} cannot be written ({error.strerror}); "
            "mend its permissions or set ANNHI_DATA_DIR.",
        ) from error


def check_disk(folder: DataFolder, *, enough: int = ENOUGH_BYTES) -> None:
    """Refuse to start on a full disk.

    Args:
        folder: whose file system is asked.
        enough: bytes that must be free.

    Raises:
        Trouble: fewer are.
    """
    free = shutil.disk_usage(folder.root).free
    if free < enough:
        megabyte = 1024 * 1024
        raise Trouble(
            Status.DISK_FULL,
            f"Ổ đĩa của {folder.root} chỉ còn {free // megabyte} MB trống, cần ít nhất {enough // megabyte} MB; "
            "hãy giải phóng chỗ rồi chạy lại.",
            f"The disk of {folder.root} has only {free // megabyte} MB free and {enough // megabyte} MB are needed; "
            "free some space and start again.",
        )


def check_data_version(folder: DataFolder, *, postgres: str, temporal: str) -> None:
    """Refuse data that newer software wrote: older software would misread it.

    Args:
        folder: the data.
        postgres: major version of the PostgreSQL we bring, e.g. ``18``.
        temporal: version of the Temporal server we bring, e.g. ``1.32.0``.

    Raises:
        Trouble: the folder, the database cluster or Temporal's store is newer.
    """
    written = read_json(folder.version)
    found: list[tuple[str, str, str]] = []
    if int(written.get("format", 0)) > DATA_FORMAT:
        found.append(("data folder", str(written["format"]), str(DATA_FORMAT)))
    if numbers(str(written.get("temporal", ""))) > numbers(temporal):
        found.append(("Temporal", str(written["temporal"]), temporal))
    if numbers(str(written.get("postgres", ""))) > numbers(postgres):
        found.append(("PostgreSQL", str(written["postgres"]), postgres))
    if found:
        what, theirs, ours = found[0]
        raise newer(folder.root, f"{what} {theirs} > {ours}")


def check_settings(config: Callable[[], Settings]) -> None:
    """Refuse secrets, key files and addresses that would keep nobody out.

    Args:
        config: reads the settings of the service.

    Raises:
        Trouble: by the rules of ``models.hardening``, or a setting that cannot be read.
    """
    try:
        looked_at(config)
    except BadSettingsError as error:
        raise Trouble(Status.BAD_SETTING, error.vi, error.en) from error


def check_keys(store: Path, key_file: Path) -> None:
    """Refuse to make new keys beside a Temporal store that was written with the old ones.

    Args:
        store: Temporal's folder.
        key_file: the key ring.

    Raises:
        Trouble: there is a store and no key file.
    """
    if (store / "temporal.db").exists() and not key_file.exists():
        raise Trouble(
            Status.FAILED,
            f"Mất tệp khóa {key_file}, mà không có nó thì không đọc được các quy trình đang chạy; "
            "hãy khôi phục tệp từ bản sao lưu.",
            f"The key file {key_file} is gone and without it the running workflows cannot be read; "
            "restore it from the backup.",
        )


def newer(root: Path, what: str) -> Trouble:
    """The trouble of data written by a newer version.

    Args:
        root: the data folder.
        what: the versions that differ, e.g. ``PostgreSQL 19 > 18``.
    """
    return Trouble(
        Status.NEWER_DATA,
        f"Dữ liệu trong {root} do phiên bản mới hơn ghi ({what}); hãy cập nhật mã nguồn và giữ nguyên dữ liệu.",
        f"The data in {root} is of a newer version ({what}); update the source and start again, and keep the data.",
    )


def check_port(port: int, variable: str, host: str = HOST) -> None:
    """See that a port is free.

    Args:
        port: the TCP port.
        variable: the environment variable that chooses it.
        host: the address that will be listened on.

    Raises:
        Trouble: it is taken; the sentence names the process where /proc tells.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the servers do it: connections of a service stopped a moment ago do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            who = _listener(port)
            raise Trouble(
                Status.PORT_TAKEN,
                f"Không dùng được cổng {port} ({who or error.strerror}); "
                f"hãy dừng chương trình đó hoặc chọn cổng khác: {variable}={port + 1} make up.",
                f"Port {port} cannot be used ({who or error.strerror}); "
                f"stop that program or choose another port: {variable}={port + 1} make up.",
            ) from error


def numbers(version: str) -> tuple[int, ...]:
    """``1.32.0`` as something to compare; what is not a number counts as 0."""
    return tuple(int(part) if part.isdecimal() else 0 for part in version.split(".")) if version else ()


def _listener(port: int) -> str | None:
    """Name and id of the process that listens on a port, as far as this user may know."""
    inodes: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for fields in map(str.split, lines):
            if int(fields[1].rsplit(":", 1)[1], 16) == port and fields[3] == _LISTENING:
                inodes.add(f"socket:[{fields[9]}]")
    for descriptors in Path("/proc").glob("[0-9]*/fd"):
        try:
            if any(str(entry.readlink()) in inodes for entry in descriptors.iterdir()):
                name = (descriptors.parent / "comm").read_text(encoding="utf-8").strip()
                return f"{name}, pid {descriptors.parent.name}"
        except OSError:  # not ours to look at, or gone meanwhile
            continue
    return None


def running_as_root() -> bool:
    """Whether this process may do everything; PostgreSQL then needs a user of its own."""
    return os.geteuid() == 0

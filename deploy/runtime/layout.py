"""Where everything is: one data folder, three ports. Read from the environment, nowhere else decided."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.runtime.trouble import Status, Trouble

PROJECT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
NAMESPACE = "annhi"

API_PORT, TEMPORAL_PORT, UI_PORT = 8080, 7233, 8233
_LAST_PORT = 65_535


@dataclass(frozen=True)
class Ports:
    """The ports the service listens on, all on the loopback address unless ``ANNHI_API_HOST`` says otherwise."""

    api: int = API_PORT
    temporal: int = TEMPORAL_PORT
    ui: int = UI_PORT

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "Ports":
        """The ports asked for by ``ANNHI_API_PORT``, ``ANNHI_TEMPORAL_PORT`` and ``ANNHI_TEMPORAL_UI_PORT``.

        Raises:
            Trouble: one of them is no port number.
        """
        return cls(
            api=_port(environ, "ANNHI_API_PORT", API_PORT),
            temporal=_port(environ, "ANNHI_TEMPORAL_PORT", TEMPORAL_PORT),
            ui=_port(environ, "ANNHI_TEMPORAL_UI_PORT", UI_PORT),
        )


@dataclass(frozen=True)
class DataFolder:
    """The one folder that holds everything the service must not lose, and its logs."""

    root: Path

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "DataFolder":
        """``ANNHI_DATA_DIR``, else ``.data`` beside the source."""
        return cls(Path(environ.get("ANNHI_DATA_DIR") or PROJECT / ".data").expanduser().absolute())

    @property
    def logs(self) -> Path:
        """One file per process, JSON lines where the process can."""
        return self.root / "logs"

    @property
    def postgres(self) -> Path:
        """The database cluster and its socket."""
        return self.root / "postgres"

    @property
    def temporal(self) -> Path:
        """Temporal's file store."""
        return self.root / "temporal"

    @property
    def secrets(self) -> Path:
        """Generated passwords and keys, mode 0700."""
        return self.root / "secrets"

    @property
    def key_file(self) -> Path:
        """The payload keys. Whoever loses it loses what Temporal holds."""
        return self.secrets / "keys.json"

    @property
    def vault_file(self) -> Path:
        """The keys of what is encrypted in the database. Whoever loses it loses every narrative."""
        return self.secrets / "vault.json"

    @property
    def accounts(self) -> Path:
        """The sample accounts, written by the seed with mode 0600."""
        return self.root / "accounts.txt"

    @property
    def lock(self) -> Path:
        """Locked by the supervisor that runs on this folder; holds its process id."""
        return self.root / "lock"

    @property
    def version(self) -> Path:
        """What wrote this folder last. Its presence marks the folder as ours."""
        return self.root / "version.json"

    @property
    def running(self) -> Path:
        """The processes now running and where they listen, for ``annhi status`` and other commands."""
        return self.root / "running.json"

    def create(self) -> None:
        """Make the folders that are missing, closed to other users.

        The root folder lets others pass (not list) when it is made by root, because PostgreSQL refuses to run as root
        and its own user must reach its folder inside.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for folder in (self.logs, self.temporal, self.secrets):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is no such file or it was cut short."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


def write_json(path: Path, value: Mapping[str, Any], *, mode: int = 0o600) -> None:
    """Write a JSON file so that a reader, or a power failure, sees the old or the new one and never a half."""
    draft = path.with_name(path.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name, "").strip()
    if not text:
        return default
    if text.isascii() and text.isdecimal() and 0 < int(text) <= _LAST_PORT:
        return int(text)
    raise Trouble(
        Status.BAD_SETTING,
        f"{name}={text} không phải là số cổng (1–{_LAST_PORT}).",
        f"{name}={text} is not a port number (1–{_LAST_PORT}).",
    )

"""Settings of one process, read from the environment (prefix ``ANNHI_``).

A secret may stand in a file instead, named by the variable with ``_FILE`` at its end: ``ANNHI_DATABASE_URL_FILE``.
"""

import os
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import SecretStr, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from models.access import SECOND_FACTOR
from models.lifecycle.roles import ROLES
from models.webhooks.destination import Destinations

CASES_KEPT: Final = 6000

LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
"""Names of this very machine, which nobody else can reach."""


class BadSettingsError(Exception):
    """The process cannot start, or may not, with the settings it was given. No value of a secret is in it.

    Args:
        vi: what is wrong and what to do, in Vietnamese.
        en: the same in English.
    """

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(f"{vi}\n{en}")
        self.vi = vi
        self.en = en


class _SecretFiles(PydanticBaseSettingsSource):
    """Every secret whose variable has a twin that ends in ``_FILE``."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """The secret of one field, None where no file is named.

        Raises:
            BadSettingsError: the file cannot be read or is empty, or the variable itself is set as well.
        """
        variable = f"ANNHI_{field_name.upper()}"
        named = os.environ.get(f"{variable}_FILE") if field.annotation is SecretStr else None
        if not named:
            return None, field_name, False
        if os.environ.get(variable):
            raise BadSettingsError(
                f"Chỉ đặt một trong hai: {variable} hoặc {variable}_FILE.",
                f"Set {variable} or {variable}_FILE, not both.",
            )
        try:
            secret = Path(named).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            secret = ""
        if not secret:
            raise BadSettingsError(
                f"Không đọc được gì từ tệp {named} ({variable}_FILE).",
                f"Nothing can be read from the file {named} ({variable}_FILE).",
            )
        return secret, field_name, False

    def __call__(self) -> dict[str, Any]:
        """The secrets that stand in files."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """What a process must be told. Nothing here has a default that would be unsafe in production.

    URLs of the database use SQLAlchemy's ``postgresql+asyncpg://`` form. Each process is given only the URL of the role
    it acts as; the owner's URL is for migrations alone.
    """

    model_config = SettingsConfigDict(env_prefix="ANNHI_", extra="ignore", frozen=True)

    database_url: SecretStr = SecretStr("")
    worker_database_url: SecretStr = SecretStr("")
    owner_database_url: SecretStr = SecretStr("")
    database_pool: int = 20

    temporal_address: str = "127.0.0.1:7233"
    temporal_namespace: str = "annhi"
    task_queue: str = "annhi"
    key_file: Path = Path("keys.json")
    vault_file: Path = Path("vault.json")

    attachments_url: str = ""
    attachment_max_bytes: int = 100 * 1024 * 1024
    clamd: str = ""
    retention_file: Path | None = None
    open_unscanned: bool = True

    audit_key_file: Path | None = None
    origin_key_file: Path | None = None
    seals_dir: Path | None = None

    overrides_dir: Path | None = None

    session_hours: float = 12.0
    session_idle_minutes: float = 120.0
    set_up_link_hours: float = 72.0
    second_factor_roles: str = ",".join(sorted(SECOND_FACTOR))
    oidc_file: Path | None = None

    public_desk: UUID | None = None
    """The position of the system in whose name reports by anybody are taken in; without one that door is closed."""

    clock_offset_seconds: float = 0.0
    public_url: str = "http://127.0.0.1:8080"
    api_host: str = "127.0.0.1"
    api_port: int = 8080
    requests_per_minute: int = 600
    urgent_per_minute: int = 3000
    """Requests a session or service may make, and those of them that report a child or answer an emergency; strangers
    share as many for each address. 0 sets no limit (docs/decisions/0012-the-door.md)."""
    trusted_proxies: str = ""
    """Addresses or networks, with commas between, whose word on where a request came from is taken."""
    worker_metrics_port: int = 0
    cases_kept: int = CASES_KEPT
    """Cases whose workflow a worker process keeps in memory, 0.12 MiB each; any other is replayed from its history when
    something happens (docs/performance.md, (d))."""

    smtp_host: str = ""
    smtp_port: int = 25
    smtp_username: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_start_tls: bool = False
    mail_from: str = "an-nhi@localhost.invalid"
    gateway_url: str = ""
    gateway_token: SecretStr = SecretStr("")
    webhook_networks: str = ""
    """Networks, with commas between, to which webhooks may go beside the public internet: that of the offices of
    state, for example. Anything else that is not public is refused, whatever a name points at."""

    log_format: str = "json"
    log_level: str = "INFO"
    data_dir: Path = Path(".data")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - named so by the library
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - named so by the library
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the files it names; nothing else."""
        return init_settings, env_settings, _SecretFiles(settings_cls)

    @cached_property
    def destinations(self) -> Destinations:
        """Where webhooks may go."""
        return Destinations.of(self.webhook_networks, local=self.local)

    @property
    def local(self) -> bool:
        """Whether the service is for this machine alone: it listens here, and its address is here."""
        return self.api_host in LOOPBACK and urlsplit(self.public_url).hostname in LOOPBACK

    def needs_second_factor(self, role: str) -> bool:
        """Whether a position of this role may act only in a session proven by a second factor."""
        return role in {named.strip() for named in self.second_factor_roles.split(",")} - {""}

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, given: str) -> str:
        return given.rstrip("/")

    @field_validator("webhook_networks")
    @classmethod
    def _known_networks(cls, given: str) -> str:
        Destinations.of(given, local=False)
        return given

    @field_validator("second_factor_roles")
    @classmethod
    def _known_roles(cls, given: str) -> str:
        unknown = {named.strip() for named in given.split(",")} - {"", *ROLES}
        if unknown:
            raise ValueError("ANNHI_SECOND_FACTOR_ROLES names roles that do not exist")
        return given

    @property
    def signing_keys(self) -> Path:
        """The keys that sign the audit's seals: the worker's alone. By default beside the payload keys."""
        return self.audit_key_file or self.key_file.with_name("audit.json")

    @property
    def origin_key(self) -> Path:
        """The key that hides the addresses in the audit. By default beside the payload keys."""
        return self.origin_key_file or self.key_file.with_name("origin.key")

    @property
    def seals(self) -> Path:
        """Where seals are kept outside the database. By default in the data folder."""
        return self.seals_dir or self.data_dir / "seals"


@cache
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()

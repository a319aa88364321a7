"""Settings of one process, read from the environment (prefix ``ANNHI_``)."""

from functools import cache
from pathlib import Path
from typing import Final

from pydantic import SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from models.access import SECOND_FACTOR
from models.lifecycle.roles import ROLES

CASES_KEPT: Final = 6000


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

    clock_offset_seconds: float = 0.0
    public_url: str = "http://127.0.0.1:8080"
    api_host: str = "127.0.0.1"
    api_port: int = 8080
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

    log_format: str = "json"
    log_level: str = "INFO"
    data_dir: Path = Path(".data")

    def needs_second_factor(self, role: str) -> bool:
        """Whether a position of this role may act only in a session proven by a second factor."""
        return role in {named.strip() for named in self.second_factor_roles.split(",")} - {""}

    @field_validator("public_url")
    @classmethod
    def _without_slash(cls, given: str) -> str:
        return given.rstrip("/")

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

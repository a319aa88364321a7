"""What a process refuses to start with: one table of rules about secrets, key files and the way people come in.

Outside this machine a short or well-known secret, an address without TLS or a key that others can read is not a
warning but the end of the start. On this machine alone, as ``make up`` runs it, only key files are looked at.
"""

import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr, ValidationError

from models.settings import LOOPBACK, BadSettingsError, Settings, settings

SHORTEST: Final = 16
"""Characters a secret must have."""
FEWEST: Final = 6
"""Different characters a secret must have."""

_KNOWN: Final = (
    "admin", "annhi", "an-nhi", "changeme", "change-me", "default", "example", "letmein", "matkhau", "mat-khau",
    "password", "postgres", "qwerty", "secret", "thaydoi", "123456", "abcdef",
)  # fmt: skip
"""Words of which a secret may not be made, however often or in whatever case."""
_OTHERS: Final = stat.S_IRWXO | stat.S_IWGRP
_EVERYBODY: Final = frozenset({"*", "0.0.0.0/0", "::/0"})


@dataclass(frozen=True)
class Refusal:
    """One reason not to start: which setting, and what to do, in both languages. No value of a secret is in it."""

    rule: str
    setting: str
    vi: str
    en: str


def hardened() -> Settings:
    """The settings of this process, looked at; what is wrong with them is said, and the process ends with status 1."""
    try:
        return looked_at(settings)
    except BadSettingsError as error:
        raise SystemExit(str(error)) from None


def looked_at(read: Callable[[], Settings]) -> Settings:
    """Settings that a process may start with.

    Args:
        read: reads them.

    Raises:
        BadSettingsError: by a rule of ``RULES``, or because a setting cannot be read at all.
    """
    try:
        config = read()
    except ValidationError as error:
        # Its own words repeat what was given.
        names = ", ".join(sorted({_variable(str(one["loc"][0])) for one in error.errors() if one["loc"]}))
        raise BadSettingsError(f"Giá trị không hợp lệ: {names}.", f"Not a valid value: {names}.") from None
    found = list(refusals(config))
    if found:
        raise BadSettingsError("\n".join(one.vi for one in found), "\n".join(one.en for one in found))
    return config


def refusals(config: Settings) -> Iterator[Refusal]:
    """Everything the rules have against these settings."""
    for rule in RULES:
        yield from rule(config)


def _key_files(config: Settings) -> Iterator[Refusal]:
    held: dict[str, Path | None] = {
        "key_file": config.key_file, "vault_file": config.vault_file, "audit_key_file": config.signing_keys,
        "origin_key_file": config.origin_key, "oidc_file": config.oidc_file,
    }  # fmt: skip
    for name, path in held.items():
        if path is None or not path.exists() or not path.stat().st_mode & _OTHERS:
            continue
        yield Refusal(
            "key-file-open", _variable(name),
            f"Tệp khóa {path} ({_variable(name)}) để người khác đọc hoặc sửa được; hãy chạy: chmod 600 {path}",
            f"The key file {path} ({_variable(name)}) can be read or changed by others; run: chmod 600 {path}",
        )  # fmt: skip


def _public_url(config: Settings) -> Iterator[Refusal]:
    if config.local or urlsplit(config.public_url).scheme == "https":
        return
    yield Refusal(
        "public-url-not-https", "ANNHI_PUBLIC_URL",
        "ANNHI_PUBLIC_URL phải là địa chỉ https:// khi dịch vụ mở cho máy khác; mật khẩu và hồ sơ không được đi qua "
        "mạng mà không mã hóa.",
        "ANNHI_PUBLIC_URL must be an https:// address once other machines can reach the service; passwords and files "
        "do not cross a network in clear.",
    )  # fmt: skip


def _proxies(config: Settings) -> Iterator[Refusal]:
    if not {one.strip() for one in config.trusted_proxies.split(",")} & _EVERYBODY:
        return
    yield Refusal(
        "any-proxy-trusted", "ANNHI_TRUSTED_PROXIES",
        "ANNHI_TRUSTED_PROXIES không được là mọi địa chỉ: ai cũng có thể giả địa chỉ của mình; hãy ghi đúng địa chỉ "
        "của máy chủ trung gian.",
        "ANNHI_TRUSTED_PROXIES may not be every address: anybody could claim to come from anywhere; name your proxy's.",
    )  # fmt: skip


def _secrets(config: Settings) -> Iterator[Refusal]:
    if config.local:
        return
    for name, secret in _held(config):
        why = _weakness(secret)
        if why is not None:
            yield Refusal(
                "secret-weak", _variable(name),
                f"{_variable(name)}: mật khẩu hoặc mã {why[0]}; hãy tạo mã ngẫu nhiên, ví dụ: openssl rand -base64 32",
                f"{_variable(name)}: the password or token {why[1]}; make a random one, e.g.: openssl rand -base64 32",
            )  # fmt: skip


def _mail(config: Settings) -> Iterator[Refusal]:
    sends = config.smtp_username and config.smtp_host not in LOOPBACK
    if config.local or not sends or config.smtp_start_tls:
        return
    yield Refusal(
        "mail-password-in-clear", "ANNHI_SMTP_START_TLS",
        "Mật khẩu thư điện tử sẽ đi qua mạng mà không mã hóa; hãy đặt ANNHI_SMTP_START_TLS=true.",
        "The mail password would cross the network in clear; set ANNHI_SMTP_START_TLS=true.",
    )  # fmt: skip


RULES: Final[tuple[Callable[[Settings], Iterator[Refusal]], ...]] = (_key_files, _public_url, _proxies, _secrets, _mail)
"""Every rule; each gives the refusals it finds."""


def _held(config: Settings) -> Iterator[tuple[str, str]]:
    """Every secret this process was given that somebody could try: its setting's name, and it."""
    for name in type(config).model_fields:
        value = getattr(config, name)
        if not isinstance(value, SecretStr) or not value.get_secret_value():
            continue
        secret = value.get_secret_value()
        if not name.endswith("database_url"):
            yield name, secret
            continue
        parts = urlsplit(secret)
        if parts.hostname is not None:  # a Unix socket asks the operating system who is there
            yield name, unquote(parts.password or "")


def _weakness(secret: str) -> tuple[str, str] | None:
    if len(secret) < SHORTEST:
        return f"ngắn hơn {SHORTEST} ký tự", f"has fewer than {SHORTEST} characters"
    if len(set(secret)) < FEWEST:
        return "chỉ lặp lại vài ký tự", "repeats a few characters"
    rest = secret.lower()
    for word in _KNOWN:
        rest = rest.replace(word, "")
    if len(rest) < SHORTEST // 2:
        return "là mật khẩu ai cũng biết", "is one that everybody knows"
    return None


def _variable(name: str) -> str:
    return f"ANNHI_{name.upper()}"

"""What a process refuses to start with, and where its secrets may stand."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from deploy.runtime.trouble import Status
from models.hardening import RULES, looked_at, refusals
from models.settings import BadSettingsError, Settings
from tests.test_runtime_preflight import PROJECT, annhi

GOOD = "vB7w-qLr2ZxT9eKpYd4nHs"
OUTSIDE: dict[str, Any] = {"public_url": "https://an-nhi.example", "api_host": "0.0.0.0"}


def url(password: str) -> SecretStr:
    return SecretStr(f"postgresql+asyncpg://annhi_api:{password}@db.example/annhi")


def rules(**given: Any) -> set[str]:
    return {one.rule for one in refusals(Settings(**given))}


def test_a_well_kept_installation_starts() -> None:
    config = Settings(**OUTSIDE, database_url=url(GOOD), gateway_token=SecretStr(GOOD), smtp_host="mail.example",
                      smtp_username="an-nhi", smtp_password=SecretStr(GOOD), smtp_start_tls=True,
                      trusted_proxies="192.0.2.10, 10.0.0.0/8")  # fmt: skip
    assert looked_at(lambda: config) is config


def test_the_sample_on_this_machine_starts_with_what_it_has() -> None:
    assert rules() == set()
    assert rules(database_url=url("annhi"), gateway_token=SecretStr("x")) == set()


@pytest.mark.parametrize(
    "password",
    [
        "", "ngan", "Passw0rd", "passwordpassword", "PostgresPostgresPostgres", "aaaaaaaaaaaaaaaaaaaaaaaa",
        "abababababababababababab", "annhi-annhi-annhi-annhi", "MatKhau123456MatKhau123456",
    ],
)  # fmt: skip
def test_a_weak_secret_is_refused_wherever_it_stands_and_never_repeated(password: str) -> None:
    given = {"database_url": url(password), "worker_database_url": url(password), "owner_database_url": url(password)}
    given |= {"gateway_token": SecretStr(password), "smtp_password": SecretStr(password)} if password else {}
    found = list(refusals(Settings(**OUTSIDE, **given)))
    assert [one.rule for one in found] == ["secret-weak"] * len(given)
    assert {one.setting for one in found} == {f"ANNHI_{name.upper()}" for name in given}
    for one in found:
        assert not password or (password not in one.vi and password not in one.en)
        assert one.vi != one.en


def test_a_database_behind_a_unix_socket_needs_no_password() -> None:
    assert (
        rules(**OUTSIDE, database_url=SecretStr("postgresql+asyncpg://annhi_api@/annhi?host=/run/postgresql")) == set()
    )


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"public_url": "http://an-nhi.example"}, True),
        ({"api_host": "0.0.0.0"}, True),
        ({"api_host": "0.0.0.0", "public_url": "http://192.0.2.1:8080"}, True),
        ({"public_url": "http://127.0.0.1.example:8080"}, True),
        ({"public_url": "http://localhost:9000"}, False),
        ({"public_url": "http://[::1]:9000", "api_host": "::1"}, False),
        ({"public_url": "https://an-nhi.example"}, False),
    ],
)
def test_people_come_in_by_https_unless_they_are_at_this_machine(given: dict[str, Any], refused: bool) -> None:
    assert rules(**given) == ({"public-url-not-https"} if refused else set())


@pytest.mark.parametrize("proxies", ["*", "10.0.0.1, *", "0.0.0.0/0", "::/0"])
def test_not_everybody_is_a_trusted_proxy(proxies: str) -> None:
    assert rules(trusted_proxies=proxies) == {"any-proxy-trusted"}


def test_a_mail_password_does_not_cross_the_network_in_clear() -> None:
    mail = {"smtp_host": "mail.example", "smtp_username": "an-nhi", "smtp_password": SecretStr(GOOD)}
    assert rules(**OUTSIDE, **mail) == {"mail-password-in-clear"}
    assert rules(**OUTSIDE, **mail | {"smtp_host": "127.0.0.1"}) == set()


@pytest.mark.parametrize("setting", ["key_file", "vault_file", "audit_key_file", "origin_key_file", "oidc_file"])
@pytest.mark.parametrize(("mode", "refused"), [(0o600, False), (0o640, False), (0o604, True), (0o660, True)])
def test_a_key_file_that_others_can_open_is_refused_everywhere(
    tmp_path: Path, setting: str, mode: int, refused: bool
) -> None:
    path = tmp_path / "keys.json"
    path.write_text("{}")
    path.chmod(mode)
    assert rules(**{setting: path}) == ({"key-file-open"} if refused else set())
    assert rules(**{setting: tmp_path / "none.json"}) == set()


def test_every_rule_has_refused_something_here() -> None:
    assert len(RULES) == 5


# --- secrets in files -------------------------------------------------------------------------------------------------


def secrets_of_settings() -> list[str]:
    return [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]


def test_every_secret_may_stand_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = secrets_of_settings()
    assert {"database_url", "worker_database_url", "owner_database_url", "gateway_token", "smtp_password"} <= set(names)
    for name in names:
        path = tmp_path / name
        path.write_text(f"{GOOD} {name}\n")
        monkeypatch.setenv(f"ANNHI_{name.upper()}_FILE", str(path))
    config = Settings()
    assert {name: getattr(config, name).get_secret_value() for name in names} == {
        name: f"{GOOD} {name}" for name in names
    }
    assert GOOD not in repr(config)


def test_a_secret_given_twice_or_in_no_readable_file_is_no_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = tmp_path / "empty"
    empty.write_text("\n")
    for named in (tmp_path / "none", empty, tmp_path):
        monkeypatch.setenv("ANNHI_GATEWAY_TOKEN_FILE", str(named))
        with pytest.raises(BadSettingsError, match="ANNHI_GATEWAY_TOKEN_FILE"):
            Settings()
    monkeypatch.setenv("ANNHI_GATEWAY_TOKEN", GOOD)
    with pytest.raises(BadSettingsError) as caught:
        Settings()
    assert GOOD not in str(caught.value)
    assert "Chỉ đặt một trong hai" in caught.value.vi


def test_only_secrets_are_read_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "url"
    path.write_text("https://an-nhi.example")
    monkeypatch.setenv("ANNHI_PUBLIC_URL_FILE", str(path))
    assert Settings().public_url == Settings.model_fields["public_url"].default


# --- the start itself -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["api", "workflows.worker"])
def test_a_process_ends_at_once_and_says_why_in_both_languages(module: str) -> None:
    given = {"ANNHI_PUBLIC_URL": "http://an-nhi.example", "ANNHI_DATABASE_URL": url("annhi").get_secret_value()}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANNHI_")}
    ended = subprocess.run(
        [sys.executable, "-m", module], cwd=PROJECT, env=clean | given, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert ended.returncode == 1
    for sentence in ("ANNHI_PUBLIC_URL phải là", "ANNHI_PUBLIC_URL must be", "ANNHI_DATABASE_URL: mật khẩu"):
        assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
    assert ":annhi@" not in ended.stderr


def test_up_refuses_before_anything_is_made(tmp_path: Path) -> None:
    result = annhi("up", data=tmp_path / "data", ANNHI_API_HOST="0.0.0.0", ANNHI_GATEWAY_TOKEN="secret")
    assert result.returncode == Status.BAD_SETTING
    assert "ANNHI_PUBLIC_URL must be an https:// address" in result.stdout.replace("\n", " ")
    assert "ANNHI_GATEWAY_TOKEN" in result.stdout
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_setting_of_the_wrong_kind_is_named_without_its_value(tmp_path: Path) -> None:
    result = annhi("up", data=tmp_path / "data", ANNHI_SESSION_HOURS="hunter2hunter2")
    assert result.returncode == Status.BAD_SETTING
    assert "ANNHI_SESSION_HOURS" in result.stdout
    assert "hunter2" not in result.stdout

"""``annhi up`` as a person runs it: the whole service, killed in every way a machine can kill it."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import httpx
import pytest

from deploy.runtime.layout import DataFolder, read_json
from deploy.runtime.processes import identity
from deploy.runtime.temporal import free_port
from deploy.runtime.trouble import Status
from models.lifecycle.referral import STATES as REFERRAL_STATES

pytestmark = pytest.mark.servers
PROJECT = Path(__file__).resolve().parents[1]
SERVICES = ("postgres", "temporal", "worker", "api")


class Service:
    """One run of ``annhi up`` after another on one data folder."""

    def __init__(self, root: Path) -> None:
        self.folder = DataFolder(root / "data")
        self.output = root / "output"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("ANNHI_")}
        self.api_port = free_port()
        self.environ = clean | {
            "ANNHI_DATA_DIR": str(self.folder.root),
            "ANNHI_API_PORT": str(self.api_port),
            "ANNHI_TEMPORAL_PORT": str(free_port()),
            "ANNHI_TEMPORAL_UI_PORT": str(free_port()),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> subprocess.Popen[bytes]:
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "deploy.cli", "up"],
                cwd=PROJECT,
                env=self.environ,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        process = self.process
        eventually(lambda: "Ctrl-C" in self.said() or process.poll() is not None, 180, self.said)
        assert process.poll() is None, self.said()
        return process

    def said(self) -> str:
        return self.output.read_text()

    def pids(self) -> dict[str, int]:
        return {name: pid for name, (pid, _) in read_json(self.folder.running).get("processes", {}).items()}

    def annhi(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "deploy.cli", *words],
            cwd=PROJECT,
            env=self.environ,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.api_port}/health/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(120)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    with TemporaryDirectory(prefix="annhi-up-") as root:
        Path(root).chmod(0o711)  # under root PostgreSQL's own user must pass
        made = Service(Path(root))
        try:
            yield made
        finally:
            if made.process is not None:
                made.end(signal.SIGTERM)


def eventually(holds: Callable[[], bool], seconds: float, otherwise: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.1)


def gone(marks: dict[int, str | None]) -> bool:
    return all(mark is None or identity(pid) != mark for pid, mark in marks.items())


def test_it_starts_and_says_where_everything_is(service: Service) -> None:
    service.start()
    said = service.said()
    for wanted in (f"http://127.0.0.1:{service.api_port}", "/docs", str(service.folder.root), str(service.folder.logs)):
        assert wanted in said
    assert "make demo" in said
    assert service.folder.accounts.read_text().strip() in said
    assert service.folder.accounts.stat().st_mode & 0o077 == 0
    assert "\x1b" not in said
    assert service.healthy()
    assert set(service.pids()) == set(SERVICES)


def test_the_demo_carries_a_case_and_its_referral_to_their_end_as_often_as_one_likes(service: Service) -> None:
    for _ in range(2):
        done = service.annhi("demo")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Phê duyệt đóng trường hợp" in done.stdout
        assert REFERRAL_STATES["closed"].vi in done.stdout


def test_anybody_may_report_at_the_sample_and_ask_with_the_receipt(service: Service) -> None:
    base = f"http://127.0.0.1:{service.api_port}"
    given = {"happened": "Nghe tiếng trẻ khóc và tiếng đánh ở nhà bên"}
    key = {"Idempotency-Key": str(uuid4())}
    receipt = httpx.post(f"{base}/api/v1/public/reports", json=given, headers=key)
    assert receipt.status_code == 201, receipt.text
    asked = httpx.post(f"{base}/api/v1/public/reports/standing", json={"code": receipt.json()["code"]})
    assert (asked.status_code, asked.json()["standing"]) == (200, "received")
    assert "<textarea" in httpx.get(f"{base}/bao-tin").text


def test_each_process_knows_only_the_database_role_it_acts_as(service: Service) -> None:
    for name, own in (("api", "ANNHI_DATABASE_URL"), ("worker", "ANNHI_WORKER_DATABASE_URL")):
        environ = Path(f"/proc/{service.pids()[name]}/environ").read_bytes().decode()
        assert re.findall(r"ANNHI_\w*DATABASE_URL(?==postgresql)", environ) == [own]


def test_a_second_one_beside_it_names_the_first(service: Service) -> None:
    result = service.annhi("up")
    assert result.returncode == Status.ALREADY_RUNNING
    assert service.process is not None
    assert str(service.process.pid) in result.stdout
    assert service.healthy()


@pytest.mark.parametrize("name", SERVICES)
def test_what_is_killed_comes_back_by_itself_and_it_is_said(service: Service, name: str) -> None:
    before = service.pids()[name]
    os.kill(before, signal.SIGKILL)
    eventually(lambda: service.pids().get(name, before) != before, 120, service.said)
    eventually(service.healthy, 60, service.said)
    assert "signal 9" in service.said()
    assert "running again" in service.said()


def test_killing_the_supervisor_leaves_no_orphan_and_the_next_start_goes_on(service: Service) -> None:
    marks = {pid: identity(pid) for pid in service.pids().values()}
    assert None not in marks.values()
    assert service.end(signal.SIGKILL) == -signal.SIGKILL
    eventually(lambda: gone(marks), 60)
    assert "received fast shutdown request" in (service.folder.logs / "postgres.log").read_text()
    accounts = service.folder.accounts.read_text()
    service.start()
    assert service.healthy()
    assert service.folder.accounts.read_text() == accounts
    assert accounts.strip() not in service.said()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly(service: Service, number: signal.Signals) -> None:
    if service.process is None or service.process.poll() is not None:
        service.start()
    marks = {pid: identity(pid) for pid in service.pids().values()}
    assert service.end(number) == 0, service.said()
    assert gone(marks)
    assert "Traceback" not in service.said()
    log = (service.folder.logs / "postgres.log").read_text().rstrip()
    assert log.endswith("database system is shut down")


def test_reset_removes_it(service: Service) -> None:
    if service.process is not None:
        service.end(signal.SIGTERM)
    assert service.annhi("reset", "--yes").returncode == 0
    assert not service.folder.root.exists()

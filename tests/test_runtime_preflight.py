"""What stops a start: each trouble has its exit status and says in two languages what to do."""

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.runtime import lock, preflight
from deploy.runtime.layout import DataFolder, Ports, read_json, write_json
from deploy.runtime.processes import identity
from deploy.runtime.supervisor import end_leftovers, stamp_version
from deploy.runtime.trouble import Status, Trouble

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.create()
    return made


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def annhi(*words: str, data: Path, stdin: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ANNHI_")}
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *words],
        cwd=PROJECT,
        env=clean | {"ANNHI_DATA_DIR": str(data)} | environ,
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_a_taken_port_is_named_with_its_process_and_the_way_to_choose_another(taken_port: int) -> None:
    with pytest.raises(Trouble) as caught:
        preflight.check_port(taken_port, "ANNHI_API_PORT")
    assert caught.value.status is Status.PORT_TAKEN
    for sentence in (caught.value.vi, caught.value.en):
        assert str(taken_port) in sentence
        assert f"pid {os.getpid()}" in sentence
        assert f"ANNHI_API_PORT={taken_port + 1} make up" in sentence


def test_up_ends_with_its_own_status_and_both_languages_when_a_port_is_taken(tmp_path: Path, taken_port: int) -> None:
    result = annhi("up", data=tmp_path / "data", ANNHI_API_PORT=str(taken_port))
    assert result.returncode == Status.PORT_TAKEN
    assert f"Không dùng được cổng {taken_port}" in result.stdout
    assert f"Port {taken_port} cannot be used" in result.stdout
    assert not (tmp_path / "data" / "postgres").exists()


def test_a_port_that_is_no_number_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    result = annhi("up", data=tmp_path / "data", ANNHI_TEMPORAL_PORT="seven")
    assert result.returncode == Status.BAD_SETTING
    assert "ANNHI_TEMPORAL_PORT=seven" in result.stdout
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("text", ["0", "65536", "-1", "8080x", "٨٠٨٠ "])
def test_only_a_port_number_is_a_port(text: str) -> None:
    with pytest.raises(Trouble):
        Ports.from_environment({"ANNHI_API_PORT": text})


def test_a_full_disk_is_refused(folder: DataFolder) -> None:
    with pytest.raises(Trouble) as caught:
        preflight.check_disk(folder, enough=shutil.disk_usage(folder.root).total + 1)
    assert caught.value.status is Status.DISK_FULL
    preflight.check_disk(folder, enough=0)


def test_a_folder_that_cannot_be_written_is_refused() -> None:
    result = annhi("up", data=Path("/proc/annhi"))
    assert result.returncode == Status.NOT_WRITABLE
    assert "/proc/annhi" in result.stdout


@pytest.mark.parametrize(
    "written", [{"format": 999}, {"temporal": "99.0.0"}, {"postgres": "99"}, {"temporal": "1.32.1"}], ids=str
)
def test_data_of_a_newer_version_is_refused(folder: DataFolder, written: dict[str, object]) -> None:
    write_json(folder.version, {"format": 1, "temporal": "1.32.0", "postgres": "18"} | written)
    with pytest.raises(Trouble) as caught:
        preflight.check_data_version(folder, postgres="18", temporal="1.32.0")
    assert caught.value.status is Status.NEWER_DATA


@pytest.mark.parametrize("written", [{}, {"temporal": "1.31.9"}, {"temporal": "1.9.0"}, {"postgres": "18"}], ids=str)
def test_data_of_the_same_or_an_older_version_is_taken(folder: DataFolder, written: dict[str, object]) -> None:
    write_json(folder.version, {"format": 1} | written)
    preflight.check_data_version(folder, postgres="18", temporal="1.32.0")


def test_up_refuses_newer_data_and_leaves_it_as_it_is(folder: DataFolder) -> None:
    write_json(folder.version, {"format": 999})
    result = annhi("up", data=folder.root)
    assert result.returncode == Status.NEWER_DATA
    assert read_json(folder.version) == {"format": 999}


def test_a_lost_key_file_beside_a_written_store_is_refused_and_no_new_key_is_made(folder: DataFolder) -> None:
    preflight.check_keys(folder.temporal, folder.key_file)
    (folder.temporal / "temporal.db").write_bytes(b"x")
    with pytest.raises(Trouble):
        preflight.check_keys(folder.temporal, folder.key_file)
    result = annhi("up", data=folder.root)
    assert result.returncode == Status.FAILED
    assert "keys.json" in result.stdout
    assert not folder.key_file.exists()


def test_a_second_start_names_the_first(folder: DataFolder) -> None:
    assert lock.holder(folder.lock) is None
    with lock.exclusive(folder.lock):
        assert lock.holder(folder.lock) == os.getpid()
        result = annhi("up", data=folder.root)
        assert result.returncode == Status.ALREADY_RUNNING
        assert f"tiến trình {os.getpid()}" in result.stdout
        assert f"process {os.getpid()}" in result.stdout
        assert annhi("reset", "--yes", data=folder.root).returncode == Status.ALREADY_RUNNING
    assert lock.holder(folder.lock) is None


def test_the_lock_of_a_killed_process_is_free(folder: DataFolder) -> None:
    words = "import sys,time;from pathlib import Path;from deploy.runtime import lock\n"
    words += "with lock.exclusive(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-c", words, str(folder.lock)], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert lock.holder(folder.lock) == process.pid
        process.kill()
    with lock.exclusive(folder.lock):
        pass


def test_status_says_whether_it_runs(folder: DataFolder) -> None:
    result = annhi("status", data=folder.root)
    assert result.returncode == Status.NOT_RUNNING
    with lock.exclusive(folder.lock):
        assert annhi("status", data=folder.root).returncode == 0


def test_reset_asks_and_a_no_keeps_everything(folder: DataFolder) -> None:
    stamp_version(folder)
    result = annhi("reset", data=folder.root, stdin="n\n")
    assert result.returncode != 0
    assert folder.version.exists()


def test_reset_removes_the_data_after_a_yes(folder: DataFolder) -> None:
    stamp_version(folder)
    assert annhi("reset", data=folder.root, stdin="y\n").returncode == 0
    assert not folder.root.exists()


def test_reset_never_removes_a_folder_that_is_not_ours(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert annhi("reset", "--yes", data=tmp_path).returncode == Status.FAILED
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_the_folder_and_its_secrets_are_closed_to_others(folder: DataFolder) -> None:
    assert folder.root.stat().st_mode & 0o066 == 0
    for inside in (folder.logs, folder.secrets, folder.temporal):
        assert inside.stat().st_mode & 0o077 == 0
    write_json(folder.secrets / "a.json", {"a": 1})
    assert (folder.secrets / "a.json").stat().st_mode & 0o077 == 0


def test_a_json_file_cut_short_reads_as_empty(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": ')
    assert read_json(tmp_path / "a.json") == {}
    write_json(tmp_path / "a.json", {"a": "ă"})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": "ă"}


def test_what_a_killed_supervisor_left_is_ended_but_not_a_later_process_of_that_number(
    folder: DataFolder,
) -> None:
    with (
        subprocess.Popen(["sleep", "60"], start_new_session=True) as left,
        subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger,
    ):
        processes = {"api": [left.pid, identity(left.pid)], "worker": [stranger.pid, "1"]}
        write_json(folder.running, {"processes": processes})
        asyncio.run(end_leftovers(folder))
        assert left.wait(5) < 0
        assert stranger.poll() is None
        stranger.kill()

"""The ``annhi`` command. Each command is one short function here; what it does lives in a module of its own."""

import os
import runpy
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from deploy.runtime import lock
from deploy.runtime.console import Progress
from deploy.runtime.layout import DataFolder, Ports, read_json
from deploy.runtime.processes import identity
from deploy.runtime.schema import check_vault, create_keys
from deploy.runtime.schema import migrate as migrate_database
from deploy.runtime.services import Parts
from deploy.runtime.supervisor import up as run_service
from deploy.runtime.trouble import Status, Trouble

app = typer.Typer(
    name="annhi",
    help="An Nhi: dịch vụ hồ sơ bảo vệ trẻ em · the case service of child protection.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # locals may hold what is about a child
)
audit = typer.Typer(
    name="audit", help="Nhật ký kiểm tra: xuất và kiểm tra · the audit: export and verify.", no_args_is_help=True
)
app.add_typer(audit)


@app.command()
def up() -> None:
    """Chạy toàn bộ dịch vụ trên máy này · run the whole service on this machine."""
    status = run_service(os.environ, Progress())
    if status is not None:
        raise typer.Exit(int(status))


@app.command()
def status() -> None:
    """Dịch vụ có đang chạy không, ở đâu · whether the service runs, and where."""
    folder = DataFolder.from_environment(os.environ)
    pid, running = lock.holder(folder.lock), read_json(folder.running)
    progress = Progress()
    if pid is None:
        progress.plain(f"Không chạy · not running: {folder.root}")
        raise typer.Exit(int(Status.NOT_RUNNING))
    progress.plain(f"Đang chạy · running: {running.get('url', '')} (pid {pid})")
    rows = [("Dữ liệu · data", str(folder.root))]
    for name, (child, known_as) in running.get("processes", {}).items():
        alive = identity(child) == known_as
        rows.append((name, f"pid {child}" if alive else "đang khởi động lại · restarting"))
    progress.table(rows)


@app.command()
def reset(yes: Annotated[bool, typer.Option("--yes", help="không hỏi · do not ask")] = False) -> None:
    """Xóa thư mục dữ liệu sau khi hỏi · remove the data folder after asking."""
    folder = DataFolder.from_environment(os.environ)
    progress = Progress()
    if not folder.root.exists():
        progress.plain(f"Không có dữ liệu · there is no data: {folder.root}")
        return
    with _clear_trouble(), lock.exclusive(folder.lock):
        if not folder.version.exists() and any(path != folder.lock for path in folder.root.iterdir()):
            raise Trouble(
                Status.FAILED,
                f"{folder.root} không phải thư mục dữ liệu của An Nhi (thiếu version.json); không xóa gì.",
                f"{folder.root} is not a data folder of An Nhi (no version.json); nothing was removed.",
            )
        if not yes:
            typer.confirm(
                f"Xóa vĩnh viễn MỌI hồ sơ và khóa trong {folder.root}? · Remove EVERY case and key in it for good?",
                abort=True,
            )
        if (server := _parts().postgres) is not None and folder.postgres.exists():
            server.remove_socket_dir()
        shutil.rmtree(folder.root)
    progress.plain(f"Đã xóa · removed: {folder.root}")


@app.command()
def migrate() -> None:
    """Tạo khóa nếu chưa có, cập nhật lược đồ · make keys where missing, bring the schema up to date."""
    with _settings() as parts, _clear_trouble():
        url = os.environ["ANNHI_OWNER_DATABASE_URL"]
        check_vault(url, parts.vault_file)
        create_keys(parts.key_file, parts.vault_file)
        typer.echo(migrate_database(url, parts.folder.root))


@app.command()
def seed() -> None:
    """Nạp dữ liệu tham chiếu và tài khoản mẫu · load reference data and sample accounts."""
    with _settings():
        runpy.run_module("deploy.seed", run_name="__main__")


@app.command()
def link(username: Annotated[str, typer.Argument(help="tên đăng nhập · user name")]) -> None:
    """Cấp liên kết đặt mật khẩu cho một tài khoản · make the link with which an account's password is set."""
    from deploy.link import main as run  # noqa: PLC0415 - only this command needs it

    with _settings():
        raise typer.Exit(run(username))


@app.command()
def demo() -> None:
    """Dẫn một hồ sơ từ tin báo đến khi đóng · drive one case from the report to its closure."""
    with _settings() as parts:
        if parts.temporal is not None:
            os.environ.setdefault("ANNHI_UI_URL", parts.ui_url)
        runpy.run_module("deploy.demo", run_name="__main__")


@app.command(context_settings={"ignore_unknown_options": False})
def drill(
    files: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, help="tệp kịch bản · drill files")],
    as_json: Annotated[bool, typer.Option("--json", help="kết quả cho máy · for machines")] = False,
) -> None:
    """Diễn một kịch bản trên đồng hồ mô phỏng · play a drill on the simulated clock."""
    from deploy.drill.main import run as play  # noqa: PLC0415 - only this command needs it

    raise typer.Exit(max(play(file, as_json) for file in files))


@app.command()
def replan(
    protocol: Annotated[str, typer.Option(help="chuyển sang phiên bản quy trình này · go over to this version")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="chỉ cho biết · only say")] = False,
) -> None:
    """Tính lại các thời hạn đang chạy theo lịch, quy trình mới · re-plan open deadlines, and say what moved."""
    from deploy.replan import main as run  # noqa: PLC0415 - only this command needs it

    with _settings():
        raise typer.Exit(run(protocol or None, dry_run=dry_run))


keys = typer.Typer(help="Khóa mã hóa hồ sơ · the keys that files are encrypted with.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@keys.command("status")
def keys_status() -> None:
    """Khóa nào đang dùng cho bao nhiêu hồ sơ · which key wraps how many cases' keys."""
    _keys("status")


@keys.command("rotate")
def keys_rotate(
    add_only: Annotated[
        bool, typer.Option("--add-only", help="chỉ thêm, chưa dùng · add it, do not use it yet")
    ] = False,
    to: Annotated[str, typer.Option(help="chuyển sang khóa đã thêm này · go over to this key added before")] = "",
) -> None:
    """Thêm khóa mới và dùng từ nay · add a new key and use it from now on; the service keeps running."""
    _keys("rotate", add_only=add_only, to=to or None)


@keys.command("rewrap")
def keys_rewrap() -> None:
    """Bọc lại khóa của mọi hồ sơ bằng khóa hiện hành · wrap every case's key anew by the active key."""
    _keys("rewrap")


@keys.command("retire")
def keys_retire(key: Annotated[str, typer.Argument(help="mã khóa · the key's id")]) -> None:
    """Hủy vĩnh viễn một khóa không còn bọc gì · destroy for good a key that wraps nothing any more."""
    _keys("retire", key=key)


def _keys(command: str, **options: Any) -> None:
    from deploy import keys as commands  # noqa: PLC0415 - only these commands need it

    with _settings():
        raise typer.Exit(getattr(commands, command)(**options))


retention = typer.Typer(help="Thời hạn lưu trữ hồ sơ · how long files are kept.", no_args_is_help=True)
app.add_typer(retention, name="retention")
_By = Annotated[str, typer.Option("--by", help="tên đăng nhập của người thực hiện · user name of who does it")]
_Code = Annotated[str, typer.Argument(help="mã hồ sơ · the case's code")]


@retention.command("plan")
def retention_plan() -> None:
    """Hồ sơ nào đến hạn xóa; không thay đổi gì · which files are due; nothing is changed."""
    _retention("plan")


@retention.command("run")
def retention_run(
    by: _By, decision: Annotated[str, typer.Option("--decision", help="số quyết định xóa · number of the decision")]
) -> None:
    """Xóa hồ sơ đến hạn, có biên bản · erase what is due, with a certificate each."""
    _retention("run", by=by, decision=decision)


@retention.command("hold")
def retention_hold(
    case: _Code,
    by: _By,
    why: Annotated[str, typer.Option("--why", help="lý do · the reason")],
    until: Annotated[datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="đến hết ngày")] = None,
) -> None:
    """Giữ hồ sơ, không xóa · keep a file whatever its retention says."""
    _retention("hold", case=case, by=by, why=why, until=until.date() if until else None)


@retention.command("lift")
def retention_lift(case: _Code, by: _By) -> None:
    """Hết lệnh giữ hồ sơ · end the holds on a file."""
    _retention("lift", case=case, by=by)


@retention.command("certificates")
def retention_certificates() -> None:
    """In các biên bản xóa, mỗi dòng một JSON · print the certificates of erasure, one JSON a line."""
    _retention("certificates")


def _retention(command: str, **options: Any) -> None:
    from deploy import retention as commands  # noqa: PLC0415 - only these commands need it

    with _settings():
        raise typer.Exit(getattr(commands, command)(**options))


@app.command()
def psql() -> None:
    """Mở psql với quyền chủ dữ liệu · open psql as the owner role (the service must be running)."""
    with _clear_trouble():
        server = _parts().postgres
        if server is None:
            raise Trouble(
                Status.BAD_SETTING,
                "PostgreSQL không do An Nhi chạy; hãy dùng psql của máy chủ đó.",
                "PostgreSQL is not run by An Nhi; use that server's own psql.",
            )
        words = server.psql("annhi_owner")
        os.execve(words[0], words, os.environ | server.psql_environment("annhi_owner"))  # noqa: S606 - no shell is wanted


@audit.command(name="export")
def export_audit(
    folder: Annotated[Path, typer.Argument(file_okay=False, help="thư mục mới · a new folder")],
) -> None:
    """Xuất nhật ký kiểm tra để giao cho bên kiểm tra · copy the audit out, for whoever is to check it."""
    from deploy.audit import export_own  # noqa: PLC0415 - only this command needs it

    with _settings():
        typer.echo(export_own(os.environ["ANNHI_OWNER_DATABASE_URL"], folder))


@audit.command(name="verify")
def verify_audit(
    export: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="kiểm tra bản xuất này · check this export")
    ] = None,
    database: Annotated[str, typer.Option(help="kiểm tra cơ sở dữ liệu này · check this database (URL)")] = "",
    seals: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="niêm phong lưu bên ngoài · seals kept outside")
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="khóa công khai bạn giữ · public keys you hold")
    ] = None,
) -> None:
    """Kiểm tra nhật ký có bị sửa, xóa, chèn, đảo thứ tự không · say whether the audit is what it was.

    Mã kết thúc 0: nguyên vẹn; 1: không · exit status 0: sound; 1: not, and what is wrong is named.
    """
    from deploy.audit import check, check_database, told  # noqa: PLC0415 - only this command needs it

    with _clear_trouble():
        if export is not None:
            verdict = check(export, seals, keys)
        elif database:
            verdict = check_database(database, seals, keys)
        else:
            with _settings():
                verdict = check_database(os.environ["ANNHI_OWNER_DATABASE_URL"], seals, keys)
    for line in told(verdict):
        typer.echo(line)
    raise typer.Exit(0 if verdict.sound else 1)


def main() -> NoReturn:
    """Run the command line.

    A process that has used Temporal's library may abort while Python 3.11 takes its interpreter down, after the work is
    done; so it leaves without that, with everything written out.
    """
    code: object = 0
    try:
        app()
    except SystemExit as leaving:
        code = leaving.code
    if "temporalio" not in sys.modules:
        sys.exit(code)  # type: ignore[arg-type]
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def _parts() -> Parts:
    return Parts(DataFolder.from_environment(os.environ), Ports.from_environment(os.environ), os.environ)


@contextmanager
def _settings() -> Iterator[Parts]:
    """The settings of the service on this machine, put into the environment where it does not say otherwise."""
    with _clear_trouble():
        parts = _parts()
        where = read_json(parts.folder.running).get("ports")
        if where and not any(name.endswith("_PORT") and name.startswith("ANNHI_") for name in os.environ):
            parts = Parts(parts.folder, Ports(**where), parts.environ)  # it was started on other ports
        for name, value in parts.everything().items():
            os.environ.setdefault(name, value)
        yield parts


@contextmanager
def _clear_trouble() -> Iterator[None]:
    try:
        yield
    except Trouble as trouble:
        typer.echo(str(trouble), err=True)
        raise typer.Exit(int(trouble.status)) from trouble


if __name__ == "__main__":
    main()

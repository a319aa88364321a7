"""``python -m tests.bench.metered FOLDER MODULE``: run a module of the service and count what its encryption takes.

Every fifth of a second the seconds spent so far are written to a file in FOLDER. Time waited for the database inside a
counted function counts: with one caller at a time it is the caller's time. While a file ``no-audit`` is in FOLDER, no
audit entry is written: its row goes to PostgreSQL in one statement with others, so its time cannot be told from theirs.
"""

import contextvars
import functools
import inspect
import json
import os
import runpy
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from models.records import audit, vault
from models.vault.ring import KeyRing
from workflows.codec import EncryptingCodec

NO_AUDIT = "no-audit"
_EVERY = 0.2
_VAULT = (
    "create_keys", "keys_of", "key_in", "share", "shared_key", "share_reports", "seal", "unseal",
)  # fmt: skip
_inside = contextvars.ContextVar("inside", default=False)
_spent = [0.0]


def read(folder: Path) -> float:
    """The seconds of all processes that were run through this with the folder."""
    return float(sum(json.loads(path.read_text()) for path in folder.glob("*.json")))


def _counted(work: Callable[..., Any]) -> Callable[..., Any]:
    """The same function, its time counted once where one counted function calls another."""

    @functools.wraps(work)
    async def later(*args: Any, **named: Any) -> Any:
        if _inside.get():
            return await work(*args, **named)
        token, began = _inside.set(True), time.perf_counter()
        try:
            return await work(*args, **named)
        finally:
            _spent[0] += time.perf_counter() - began
            _inside.reset(token)

    @functools.wraps(work)
    def now(*args: Any, **named: Any) -> Any:
        if _inside.get():
            return work(*args, **named)
        token, began = _inside.set(True), time.perf_counter()
        try:
            return work(*args, **named)
        finally:
            _spent[0] += time.perf_counter() - began
            _inside.reset(token)

    return later if inspect.iscoroutinefunction(work) else now


def _unless(there: Path, work: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(work)
    async def asked(*args: Any, **named: Any) -> None:
        if not os.path.exists(there):  # noqa: ASYNC240, PTH110 - one look, each time anew
            await work(*args, **named)

    return asked


def _watch(folder: Path) -> None:
    """Put counters in place, before anything imports the functions by name."""
    audit.audit = _unless(folder / NO_AUDIT, audit.audit)
    for name in _VAULT:
        setattr(vault, name, _counted(getattr(vault, name)))
    for owner, name in ((EncryptingCodec, "encode"), (EncryptingCodec, "decode"), (KeyRing, "seal"), (KeyRing, "open")):
        setattr(owner, name, _counted(getattr(owner, name)))


def _write(path: Path) -> None:
    while True:
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(_spent[0]))
        fresh.replace(path)
        time.sleep(_EVERY)


if __name__ == "__main__":
    place, module = Path(sys.argv[1]), sys.argv[2]
    _watch(place)
    threading.Thread(target=_write, args=(place / f"{module}-{os.getpid()}.json",), daemon=True).start()
    sys.argv = [module]
    runpy.run_module(module, run_name="__main__", alter_sys=True)

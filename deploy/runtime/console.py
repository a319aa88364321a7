"""What the terminal shows: one line per step, colour and a spinner for a person, plain lines for a file."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

from deploy.runtime.trouble import Trouble


class Progress:
    """Says what happens.

    Args:
        console: where; its being a terminal decides how.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """A step that takes time: a spinner while it does, one line with its seconds when it is done.

        Args:
            what: both languages, e.g. ``Cơ sở dữ liệu · database``.
        """
        began = time.monotonic()
        if self._console.is_terminal:
            with self._console.status(Text(f"{what} …")):
                yield
        else:
            yield
        self._line("✓", "green", f"{what} ({time.monotonic() - began:.1f} s)")

    def note(self, text: str) -> None:
        """Something worth knowing."""
        self._line("•", "cyan", text)

    def warn(self, text: str) -> None:
        """Something that went wrong and is being dealt with."""
        self._line("!", "yellow", f"{time.strftime('%H:%M:%S')} {text}")

    def trouble(self, trouble: Trouble) -> None:
        """Why it cannot go on."""
        self._line("✗", "red", trouble.vi)
        for line in trouble.en.splitlines():
            self._line(" ", "red", line)

    def table(self, rows: list[tuple[str, str]]) -> None:
        """Names and values, aligned."""
        width = max((len(name) for name, _ in rows), default=0)
        for name, value in rows:
            self._print(Text.assemble((f"  {name.ljust(width)}  ", "dim"), value))

    def plain(self, text: str = "") -> None:
        """Text as it is."""
        self._print(Text(text))

    def _line(self, mark: str, style: str, text: str) -> None:
        self._print(Text.assemble((mark, style), f" {text}"))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)

"""Workbooks for tests."""

import io
from typing import Any

from openpyxl import Workbook


def workbook(*lines: list[Any]) -> bytes:
    """A workbook of one sheet with these lines, as somebody saves it."""
    book = Workbook()
    for line in lines:
        book.active.append(line)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()

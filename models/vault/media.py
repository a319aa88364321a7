"""What a file is, by its content: the name it came with, and what its sender says of it, count for nothing."""

from typing import Final

import puremagic

HEAD: Final = 8 * 1024
"""Bytes of the beginning that are looked at."""

ALLOWED: Final[dict[str, str]] = {
    ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".jfif": "image/jpeg", ".png": "image/png", ".webp": "image/webp",
    ".heic": "image/heic", ".heif": "image/heic",
    ".mp3": "audio/mpeg", ".m4a": "audio/mp4", ".f4a": "audio/mp4", ".wav": "audio/wav", ".ogg": "audio/ogg",
    ".oga": "audio/ogg", ".opus": "audio/ogg", ".amr": "audio/amr",
    ".mp4": "video/mp4", ".mov": "video/quicktime", ".3gp": "video/3gpp", ".3ga": "video/3gpp", ".webm": "video/webm",
    ".pdf": "application/pdf",
}  # fmt: skip
"""What may be attached: photos, sound, film, and papers as PDF. Nothing that a reader's machine would run: no page, no
drawing with a script in it, no office file with macros, no archive."""


def media_type(head: bytes) -> str | None:
    """The media type of a file, None where it is none that may be attached.

    Args:
        head: its first ``HEAD`` bytes.
    """
    if not head:
        return None
    try:
        found = puremagic.magic_string(head)
    except puremagic.PureError:
        return None
    return next((ALLOWED[one.extension] for one in found if one.extension in ALLOWED), None)

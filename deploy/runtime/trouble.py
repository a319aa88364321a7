"""What can stop the service from starting, as one clear sentence in Vietnamese and one in English."""

from enum import IntEnum


class Status(IntEnum):
    """Exit status of ``annhi up``; scripts may tell them apart, people read the sentences."""

    FAILED = 1
    ALREADY_RUNNING = 3
    PORT_TAKEN = 4
    DISK_FULL = 5
    NEWER_DATA = 6
    NOT_WRITABLE = 7
    BAD_SETTING = 8
    NOT_RUNNING = 9


class Trouble(Exception):  # noqa: N818 - it is said to a person, and "error" is not what it says
    """The service cannot start or go on, and a person can do something about it.

    Args:
        status: the exit status.
        vi: what is wrong and what to do, in Vietnamese.
        en: the same in English.
    """

    def __init__(self, status: Status, vi: str, en: str) -> None:
        super().__init__(en)
        self.status = status
        self.vi = vi
        self.en = en

    def __str__(self) -> str:
        return f"{self.vi}\n{self.en}"

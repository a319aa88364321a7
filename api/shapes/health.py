"""Whether the service is alive and ready."""

from typing import Literal

from api.shapes.base import Moment, Output

Standing = Literal["ok", "degraded", "away"]


class LiveOut(Output):
    """The process answers."""

    status: Literal["ok"]


class Dependency(Output):
    """One thing the service needs: whether it answers, and a code of why not."""

    name: str
    status: Standing
    code: str | None
    heard_at: Moment | None


class ReadyOut(Output):
    """Ready: reports are taken in. Degraded: they are, and commands or chasing wait for something."""

    status: Standing
    dependencies: list[Dependency]

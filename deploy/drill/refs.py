"""What a form may point at: ids and hashes nobody can know when writing the file.

``${person:lan}`` is the id of somebody in the cast, ``${case:be-an}`` of a case, ``${deadline:be-an/plan}`` of its
latest deadline of that code, ``${plan:be-an}`` the content hash of its plan, which an approval is bound to.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

REFERENCE = re.compile(r"\$\{(person|case|deadline|plan):([a-z0-9][a-z0-9_/-]*)\}")

Resolve = Callable[[str, str], str]
"""Kind and name to what stands for them."""


def filled(value: Any, resolve: Resolve) -> Any:
    """A form with every reference replaced; a reference is a whole text or part of one."""
    if isinstance(value, dict):
        return {key: filled(one, resolve) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, resolve) for one in value]
    if isinstance(value, str):
        return REFERENCE.sub(lambda match: resolve(match[1], match[2]), value)
    return value


def references(value: Any) -> Iterator[tuple[str, str]]:
    """Every reference in a form, as kind and name."""
    if isinstance(value, dict):
        for one in value.values():
            yield from references(one)
    elif isinstance(value, list):
        for one in value:
            yield from references(one)
    elif isinstance(value, str):
        yield from ((match[1], match[2]) for match in REFERENCE.finditer(value))

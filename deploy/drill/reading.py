"""Reading a drill's YAML: what it says, and on which line each part of it stands.

YAML 1.1 reads ``07:00`` as a number and ``yes`` as true. Here a time is text until the format says otherwise, only
``true`` and ``false`` are truth values, and a key given twice is an error instead of a silent choice.
"""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

Path_ = tuple[str | int, ...]
"""Where something stands: keys and list positions from the top."""


class BadDrillError(Exception):
    """The file cannot be played; the sentence names the file, the line where it is known, and what was expected."""

    def __init__(self, file: str, line: int | None, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}" if line else f"{file}: {message}")
        self.file, self.line, self.message = file, line, message


class Source:
    """A parsed file with its lines.

    Args:
        file: the name to show.
        data: plain Python values.
        lines: path to line, counted from 1.
    """

    def __init__(self, file: str, data: Any, lines: dict[Path_, int]) -> None:
        self.file, self.data, self._lines = file, data, lines

    def line(self, path: Path_) -> int | None:
        """The line of what stands at ``path``, else of the nearest thing around it that the file does contain."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path)


class _Loader(yaml.SafeLoader):
    """YAML 1.2's core schema: null, true/false and plain numbers; all else is text."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("tag:yaml.org,2002:null", r"^(?:null|~|)$", ["n", "~", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|false)$", list("tf")),
    ("tag:yaml.org,2002:int", r"^-?(?:0|[1-9][0-9]*)$", list("-0123456789")),
    ("tag:yaml.org,2002:float", r"^-?(?:0|[1-9][0-9]*)\.[0-9]+$", list("-0123456789")),
    ("tag:yaml.org,2002:merge", r"^<<$", ["<"]),
):
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)


def read(path: Path) -> Source:
    """Read a drill file.

    Raises:
        BadDrillError: it cannot be read, is not YAML, repeats a key, or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadDrillError(str(path), None, f"cannot be read: {error}") from error
    return read_text(text, str(path))


def read_text(text: str, file: str) -> Source:
    """Read a drill from text; ``file`` is the name to show. Raises ``BadDrillError`` as ``read`` does."""
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        if not isinstance(node, yaml.MappingNode):
            raise BadDrillError(file, 1, "a drill is a mapping: drill, title, scenario, start, units, cast, steps, end")
        lines: dict[Path_, int] = {}
        data = _walk(loader, node, (), lines, file)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadDrillError(file, mark.line + 1 if mark else None, f"is not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise BadDrillError(file, None, f"is not YAML: {error}") from error
    finally:
        loader.dispose()
    return Source(file, data, lines)


def _walk(loader: _Loader, node: yaml.Node, path: Path_, lines: dict[Path_, int], file: str) -> Any:
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        return _mapping(loader, node, path, lines, file)
    if isinstance(node, yaml.SequenceNode):
        return [_walk(loader, item, (*path, index), lines, file) for index, item in enumerate(node.value)]
    return loader.construct_object(node, deep=True)


def _mapping(
    loader: _Loader, node: yaml.MappingNode, path: Path_, lines: dict[Path_, int], file: str
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    merged: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key: Hashable = loader.construct_object(key_node)
        line = key_node.start_mark.line + 1
        if key_node.tag == "tag:yaml.org,2002:merge":
            merged |= _walk(loader, value_node, path, {}, file)
            continue
        if not isinstance(key, str):
            raise BadDrillError(file, line, f"a key must be text, not {key!r}")
        if key in found:
            raise BadDrillError(file, line, f"the key {key!r} stands here twice")
        found[key] = _walk(loader, value_node, (*path, key), lines, file)
        lines[(*path, key)] = line
    return merged | found

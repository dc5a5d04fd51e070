"""Which extras go together: those of `dev`, pinned in constraints.txt; and which want an environment of their own."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from helpers.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]
PINS = {
    canonicalize_name(name): Version(version)
    for name, version in re.findall(r"^([^#\s=]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
}
ALONE = {
    # litert-torch 0.10 wants xdsl 0.28, and that an older typing_extensions than the newest pydantic does.
    "export-litert": {"typing-extensions": "<4.13"},
    # flwr 1.41 pins much of what it uses; constraints-federated.txt has what goes with it.
    "federated": {"protobuf": "<7", "packaging": "<26", "rich": "<15", "fastapi": "<0.139", "starlette": "<1.4"},
}
"""Extras that do not go together with the others' newest versions, and the requirement that fights with a pin.

Each still resolves by itself, and with the others' older versions."""


def own(extra: str) -> list[Requirement]:
    """What an extra names, other extras of mien's unfolded."""
    found = []
    for text in EXTRAS[extra]:
        requirement = Requirement(text)
        if requirement.name == "mien":
            found += [each for other in requirement.extras for each in own(other)]
        else:
            found.append(requirement)
    return found


def members(extra: str) -> set[str]:
    """The extras that an extra brings, itself among them."""
    named = [Requirement(text) for text in EXTRAS[extra]]
    return {extra}.union(*(members(other) for each in named if each.name == "mien" for other in each.extras))


def test_every_extra_goes_with_the_others_or_is_named() -> None:
    assert members("dev") | set(ALONE) == set(EXTRAS)
    assert not members("dev") & set(ALONE)


@pytest.mark.parametrize("extra", sorted(set(EXTRAS) - set(ALONE)))
def test_the_pins_are_what_the_extras_allow(extra: str) -> None:
    for requirement in [*map(Requirement, PROJECT["dependencies"]), *own(extra)]:
        if requirement.marker is None or requirement.marker.evaluate():
            pin = PINS.get(canonicalize_name(requirement.name))
            assert pin is not None, f"{requirement.name} is not pinned in constraints.txt"
            assert requirement.specifier.contains(pin, prereleases=True), f"{requirement} is pinned to {pin}"


@pytest.mark.parametrize("extra", sorted(ALONE))
def test_what_is_alone_still_has_to_be(extra: str) -> None:
    """Where a fight has ended, the extra can join `dev`."""
    for name, wanted in ALONE[extra].items():
        assert PINS[canonicalize_name(name)] not in SpecifierSet(wanted)


def test_everything_that_is_installed_together_agrees() -> None:
    """As `pip check`, from mien's own requirements on."""
    waiting = [(requirement, "mien") for extra in members("dev") for requirement in own(extra)]
    waiting += [(Requirement(text), "mien") for text in PROJECT["dependencies"]]
    seen, fights = set(), []
    while waiting:
        requirement, asker = waiting.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            installed = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            fights.append(f"{asker} wants {requirement}, which is not installed")
            continue
        if not requirement.specifier.contains(installed, prereleases=True):
            fights.append(f"{asker} wants {requirement}, installed is {installed}")
        for key in {"", *requirement.extras}:
            if (canonicalize_name(requirement.name), key) in seen:
                continue
            seen.add((canonicalize_name(requirement.name), key))
            for text in metadata.requires(requirement.name) or []:
                wanted = Requirement(text)
                if (wanted.marker.evaluate({"extra": key}) if wanted.marker else not key) and not (
                    key and wanted.marker and wanted.marker.evaluate({"extra": ""})
                ):
                    wanted.marker = None
                    waiting.append((wanted, requirement.name))
    assert not fights, fights

"""The versions of the libraries: the bounds of setup.cfg and the two files of constraints agree."""

from __future__ import annotations

from configparser import ConfigParser
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
CONFIG = ConfigParser()
CONFIG.read(ROOT / "setup.cfg", encoding="utf-8")


def requirements(text: str) -> list[Requirement]:
    return [Requirement(line) for line in text.split("\n") if line and not line.startswith("#")]


def pins(file: str) -> dict[str, Version]:
    """The version of each package in a file of constraints."""
    lines = (ROOT / file).read_text(encoding="utf-8").splitlines()
    pairs = [line.split("==") for line in lines if not line.startswith("#")]
    return {canonicalize_name(name): Version(version) for name, version in pairs}


RUN = requirements(CONFIG["options"]["install_requires"])
TEST = requirements(CONFIG["options.extras_require"]["test"])
ONNX = requirements(CONFIG["options.extras_require"]["onnx"])
NEWEST, OLDEST = pins("constraints.txt"), pins("constraints-oldest.txt")


@pytest.mark.parametrize("requirement", [*RUN, *ONNX], ids=lambda each: each.name)
def test_bounds_are_versions_that_were_tried(requirement: Requirement) -> None:
    name = canonicalize_name(requirement.name)
    assert NEWEST[name] in requirement.specifier
    assert OLDEST[name] in requirement.specifier
    (lower,) = [bound.version for bound in requirement.specifier if bound.operator == ">="]
    # The file says why torch is not the oldest.
    assert name == "torch" or OLDEST[name] == Version(lower)


def test_a_library_whose_private_names_are_used_has_an_upper_bound() -> None:
    modules = (ROOT / "pcsearch").rglob("*_internals.py")
    private = {module.name.removesuffix("_internals.py") for module in modules}
    bounded = {each.name for each in RUN if "<" in str(each.specifier)}
    assert private <= bounded


def test_every_package_that_is_installed_has_its_version_pinned() -> None:
    """But those that torch brings: they differ between its builds."""
    packages = {"torch"}
    asked = [*RUN, *TEST]
    while asked:
        requirement = asked.pop()
        name = canonicalize_name(requirement.name)
        if name not in packages:
            packages.add(name)
            extras = [*requirement.extras, ""]
            more = map(Requirement, metadata.requires(name) or [])
            asked += [each for each in more if applies(each, extras)]
    assert packages <= NEWEST.keys()


def applies(requirement: Requirement, extras: list[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)

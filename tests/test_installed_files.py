"""What ``pip install`` takes of this folder: what it leaves out is missing for users only."""

from __future__ import annotations

from configparser import ConfigParser
from pathlib import Path

import pcsearch

PACKAGE = Path(pcsearch.__file__).parent


def test_every_file_of_the_package_is_installed() -> None:
    config = ConfigParser()
    config.read(PACKAGE.parent / "setup.cfg", encoding="utf-8")
    patterns = config["options.package_data"]["pcsearch"].split()
    data = {file for pattern in patterns for file in PACKAGE.glob(pattern)}
    files = {each for each in PACKAGE.rglob("*") if each.is_file()}
    missing = [
        str(file.relative_to(PACKAGE))
        for file in files - data
        if "__pycache__" not in file.parts
        and not (file.suffix == ".py" and (file.parent / "__init__.py").exists())
    ]
    assert missing == []

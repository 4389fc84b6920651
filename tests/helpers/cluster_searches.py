"""Sweep files for searches on real clusters, and the ends of these searches."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import yaml


def sweep_of(path: Path, **values: Any) -> Path:
    """Write a grid for a function of the user; a value that is no list is a constant."""
    parameters = {
        name: {"values" if isinstance(value, list) else "value": value}
        for name, value in values.items()
    }
    metric = {"name": "loss", "goal": "minimize"}
    path.write_text(yaml.safe_dump({"method": "grid", "metric": metric, "parameters": parameters}))
    return path


def unknown_lines(err: str, name: str) -> list[str]:
    """The lines of standard error that no session of a search of this name writes."""
    known = rf"{name}: up to \d+ trials|W&B|Everything|trial |\d+ of \d+ trials ended, "
    return [line for line in err.splitlines() if not re.match(known, line)]


def ended(search: subprocess.Popen[str], status: int = 0, seconds: float = 240) -> tuple[str, str]:
    """The standard output and standard error of a search, which has to end with a status."""
    try:
        out, err = search.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        search.kill()
        out, err = search.communicate()
    assert search.returncode == status, out + err
    return out, err

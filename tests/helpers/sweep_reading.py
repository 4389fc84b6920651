"""Reads sweep files, without the options of a search."""

from __future__ import annotations

from pathlib import Path
from typing import Unpack

from pcsearch.sweeps.reading.text import read_text
from pcsearch.sweeps.sweep import Reading, Sweep, parse_sweep


def read_sweep(path: str | Path, **reading: Unpack[Reading]) -> Sweep:
    """Read a sweep file; the keywords are those of `parse_sweep`."""
    return parse_sweep(read_text(path), str(path), **reading)

"""The handwritten digits of scikit-learn, read from its file without importing it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from pcsearch.errors import PcsearchError

FILE = Path(__file__).with_name("digits.csv.gz")
"""A copy of scikit-learn's file, which is sent to workers without scikit-learn."""


def source() -> Path | None:
    """scikit-learn's own file; None where there is none.

    It is found without an import of scikit-learn, which would take a second.
    """
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        return None
    file = Path(spec.origin).parent / "datasets" / "data" / FILE.name
    return file if file.is_file() else None


def load() -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.int64]]]:
    """The images' pixels, (1797, 64) from 0 to 16, and their labels, (1797,).

    Raises:
        PcsearchError: the file is missing.
    """
    file = FILE if FILE.exists() else source()
    if file is None:
        raise PcsearchError("dataset: digits is part of scikit-learn; pip install scikit-learn")
    rows = np.loadtxt(file, delimiter=",")
    return rows[:, :-1], rows[:, -1].astype(np.int64)

"""scikit-learn's handwritten digits, also where only their file is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("digits.csv.gz")
"""A copy of scikit-learn's file: it is sent to workers, which need not have scikit-learn."""


def load() -> tuple[np.ndarray[Any, np.dtype[np.float64]], np.ndarray[Any, np.dtype[np.int64]]]:
    """The images' pixels, (1797, 64) from 0 to 16, and their labels, (1797,)."""
    if FILE.exists():
        rows = np.loadtxt(FILE, delimiter=",")
        return rows[:, :-1], rows[:, -1].astype(np.int64)
    # scikit-learn takes a second to import, and the other data sets do without.
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    return values, labels.astype(np.int64)

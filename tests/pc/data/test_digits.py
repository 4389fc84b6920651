"""The digits, read from the file of scikit-learn or from a copy of it."""

from __future__ import annotations

import importlib.machinery
import shutil
from pathlib import Path

import numpy as np
import pytest

from pcsearch.errors import PcsearchError
from pcsearch.pc.data import digits


def test_they_are_what_scikit_learn_loads() -> None:
    from sklearn.datasets import load_digits

    for found, expected in zip(digits.load(), load_digits(return_X_y=True), strict=True):
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected)


def without_sklearn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digits, "find_spec", lambda _: None)


def test_a_copy_of_the_file_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed, file = digits.load(), digits.source()
    assert file is not None
    monkeypatch.setattr(digits, "FILE", Path(shutil.copy(file, tmp_path)))
    without_sklearn(monkeypatch)
    for there, here in zip(digits.load(), installed, strict=True):
        assert np.array_equal(there, here)


def test_without_the_file_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    without_sklearn(monkeypatch)
    assert digits.source() is None
    with pytest.raises(PcsearchError, match=r"^dataset: digits is .*pip install scikit-learn$"):
        digits.load()


def test_a_scikit_learn_without_the_file_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.machinery.ModuleSpec("sklearn", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(digits, "find_spec", lambda _: spec)
    assert digits.source() is None

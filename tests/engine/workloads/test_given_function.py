"""Functions that a program gives: their names, and the way to other processes."""

from __future__ import annotations

import functools
import json
import sys
import threading
import types
from pathlib import Path
from typing import Any

import pytest

from pcsearch.engine.workloads.given_function import (
    importable,
    label_of,
    lost,
    pickled,
    unpickled,
    without_module,
)
from pcsearch.errors import PcsearchError


def train(config: dict[str, Any]) -> None:
    """A function of a module that no other process can import."""


class Trainer:
    def __call__(self, config: dict[str, Any]) -> float:
        return float(config["x"])

    def method(self, config: dict[str, Any]) -> None:
        """A method."""


def test_a_function_of_a_module_has_its_name() -> None:
    assert label_of(json.dumps) == "json:dumps"
    assert importable(json.dumps, Path()) == "json:dumps"
    assert not without_module("json:dumps")


@pytest.mark.parametrize(
    "function",
    [lambda _: None, functools.partial(train), Trainer(), Trainer().method],
    ids=["lambda", "partial", "object", "method"],
)
def test_what_cannot_be_imported_has_none(function: Any, tmp_path: Path) -> None:
    assert importable(function, tmp_path) is None


def test_a_module_that_python_does_not_find_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("made_by_hand")
    monkeypatch.setitem(sys.modules, "made_by_hand", module)
    function = types.FunctionType(train.__code__, vars(module), "train")
    module.train = function  # type: ignore[attr-defined]
    assert importable(function, tmp_path) is None
    (tmp_path / "made_by_hand.py").touch()
    assert importable(function, tmp_path) == "made_by_hand:train"


def test_a_function_of_a_program_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train, "__module__", "__main__")
    assert label_of(train) == "__main__:train"
    assert without_module("__main__:train")
    assert without_module(label_of(functools.partial(train)))
    assert "pcsearch.resume(DIR, train)" in str(lost("__main__:train"))


def test_a_function_that_hides_another_of_its_name_is_not_that_one() -> None:
    @functools.wraps(json.dumps)
    def wrapped(config: dict[str, Any]) -> None:
        """Nothing."""

    assert importable(wrapped, Path()) is None


def test_a_function_travels_with_what_it_refers_to() -> None:
    factor = 3.0
    sent = unpickled(pickled(lambda config: factor * config["x"]))
    assert sent({"x": 2}) == 6.0


def test_what_cannot_travel_is_a_line() -> None:
    lock = threading.Lock()
    with pytest.raises(PcsearchError, match=r"cannot be sent .*cannot pickle '_thread\.lock'"):
        pickled(lambda _: lock)

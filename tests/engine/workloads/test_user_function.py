"""Trials that call a function of the user."""

from __future__ import annotations

import sys
import traceback
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pcsearch.engine.workloads import user_function
from pcsearch.engine.workloads.imported_function import load, locate
from pcsearch.engine.workloads.user_code import Code
from pcsearch.engine.workloads.user_function import (
    UserFunction,
    call,
    check_arguments,
    report_yielded,
)
from pcsearch.errors import PcsearchError


@pytest.mark.parametrize(
    "name", ["train", "trainer", "trainer.method", "ready", "with_default", "variadic"]
)
def test_whatever_takes_a_trials_values_is_a_function(name: str, folder: Path) -> None:
    UserFunction(f"theirs:{name}", folder).check(SimpleNamespace())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "is_what"),
    [
        ("two", "is two(config, seed)"),
        ("none", "is none()"),
        ("keyword", "is keyword(*, config)"),
        ("Trainer.method", "is Trainer.method(self, config)"),
        ("Trainer", "is a class"),
        ("coroutine", "is asynchronous (async def), and nobody awaits it"),
        ("asynchronous", "is asynchronous (async def), and nobody awaits it"),
        ("awaited", "is asynchronous (async def), and nobody awaits it"),
    ],
)
def test_what_does_not_take_them_is_refused_with_its_signature(
    name: str, is_what: str, folder: Path
) -> None:
    with pytest.raises(PcsearchError) as caught:
        check_arguments(load(locate(f"theirs:{name}", folder)), f"theirs:{name}")
    assert str(caught.value) == (
        f"--trainable: theirs:{name} {is_what}; give a function of one argument, a trial's values, "
        "such as def main(config)"
    )


def test_what_returns_is_passed_on() -> None:
    assert report_yielded(None) is None
    assert report_yielded({"loss": 1}) == {"loss": 1}


def test_a_generator_of_something_else_than_metrics_is_told() -> None:
    with pytest.raises(TypeError, match="yields a mapping for every epoch, and not a float"):
        report_yielded(iter([0.5]))


def test_an_exit_without_an_error_is_a_return(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_function, "reports_made", count().__next__)
    for code in (0, None):
        assert call(lambda _, code=code: sys.exit(code), {}) is None  # type: ignore[misc]


def test_what_would_end_the_process_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_function, "reports_made", int)

    def wrapped(_: dict[str, Any]) -> None:
        try:
            raise_(OSError("caf\udce9"))
        except OSError as error:
            raise ValueError("no data") from error

    for function, message in [
        (lambda _: sys.exit("no \udce9 data"), r"the function called sys.exit('no \udce9 data')"),
        (lambda _: sys.exit(3), "the function called sys.exit(3)"),
        (lambda _: raise_(OSError("caf\udce9")), r"OSError: caf\udce9"),
        (wrapped, "ValueError: no data"),
    ]:
        with pytest.raises(RuntimeError) as caught:
            call(function, {})
        assert message in str(caught.value)
        "".join(traceback.format_exception(caught.value)).encode()
    with pytest.raises(ValueError, match="caf\xe9"):
        call(lambda _: raise_(ValueError("caf\xe9")), {})


def raise_(error: Exception) -> None:
    raise error


def test_nothing_is_known_of_its_parameters_and_epochs(folder: Path) -> None:
    function = UserFunction("theirs:train", folder)
    assert not function.numeric("lr")
    assert not function.whole("lr")
    assert not UserFunction("nowhere:train", folder).whole("lr"), "the check tells it"
    assert function.epochs({"epochs": 3}) is None
    assert function.default_metrics() == ()
    assert function.effective_config({"a": {"b": 1}}) == {"a": {"b": 1}}


def test_a_function_that_is_given_is_not_imported(tmp_path: Path) -> None:
    function = UserFunction("__main__:train", tmp_path, lambda config: config["x"])
    function.check(SimpleNamespace())  # type: ignore[arg-type]
    assert function.prepare(SimpleNamespace(), tmp_path) == ()  # type: ignore[arg-type]
    assert function.notes(compiled=True) == (
        "train is in no module: only pcsearch.resume(DIR, train) resumes the search",
    )
    assert function.code == Code(tmp_path)
    without: Any = lambda: 1  # noqa: E731 - it is one that has no name
    with pytest.raises(PcsearchError, match=r"<lambda> is <lambda>\(\); give a function of one"):
        UserFunction("a:<lambda>", tmp_path, without).check(SimpleNamespace())  # type: ignore[arg-type]


def test_a_function_that_was_given_is_not_known_without_it(tmp_path: Path) -> None:
    function = UserFunction("__main__:train", tmp_path)
    assert function.notes(compiled=True) == ()
    assert not function.whole("lr")
    with pytest.raises(PcsearchError, match="__main__:train is a function of a Python program"):
        function.check(SimpleNamespace())  # type: ignore[arg-type]

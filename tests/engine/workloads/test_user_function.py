"""A user's function is found, and each way in which it is not is a line."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pcsearch.engine.workloads.user_function import (
    UserFunction,
    check_arguments,
    import_path,
    load,
    locate,
    report_yielded,
)
from pcsearch.errors import PcsearchError

MODULE = """
import functools

class Trainer:
    def __init__(self, scale=1):
        self.scale = scale

    def method(self, config):
        return config

    def __call__(self, config):
        return config

    @staticmethod
    def train(config):
        return config

def train(config):
    return {"loss": config["x"]}

number = 3
trainer = Trainer()
ready = functools.partial(lambda scale, config: config, 2)

def with_default(config, seed=0): ...
def variadic(*arguments): ...
def two(config, seed): ...
def none(): ...
def keyword(*, config): ...
async def coroutine(config): ...
async def asynchronous(config):
    yield {}

class Asynchronous:
    async def __call__(self, config): ...

awaited = Asynchronous()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with modules of a user's, forgotten afterwards."""
    before = set(sys.modules)
    (tmp_path / "theirs.py").write_text(MODULE)
    (tmp_path / "broken.py").write_text("import nothing_of_that_name\n")
    (tmp_path / "wrong.py").write_text("1 / 0\n")
    parsing = "import argparse\nargparse.ArgumentParser().add_argument('--x', required=True)\n"
    (tmp_path / "parsing.py").write_text(f"{parsing}raise SystemExit(2)\n")
    (tmp_path / "talking.py").write_text(
        "import sys\nprint('hello', len(sys.argv))\ntrain = dict\n"
    )
    (tmp_path / "leaving.py").write_text("raise SystemExit('bye')\n")
    with import_path(tmp_path):
        yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def refusal(target: str, folder: Path) -> str:
    with pytest.raises(PcsearchError) as caught:
        load(locate(target, folder))
    return str(caught.value)


def test_a_function_is_imported_from_the_folder(folder: Path) -> None:
    assert load(locate("theirs:train", folder))({"x": 2}) == {"loss": 2}
    assert load(locate("theirs:Trainer.train", folder))({"x": 2}) == {"x": 2}


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("theirs", "'theirs' is not MODULE:FUNCTION, such as train:main"),
        (":train", "':train' is not MODULE:FUNCTION, such as train:main"),
        ("theirs:", "'theirs:' is not MODULE:FUNCTION, such as train:main"),
        (".theirs:train", "'.theirs:train' is not MODULE:FUNCTION, such as train:main"),
        ("thiers:train", "no module 'thiers' in "),
        ("thiers.deep:train", "no module 'thiers.deep' in "),
        ("theirs:trian", "module theirs has no function 'trian'; did you mean 'train'?"),
        ("theirs:number", "theirs:number is no function"),
        ("broken:train", "importing broken failed: ModuleNotFoundError: No module named "),
        ("wrong:train", "importing wrong failed: ZeroDivisionError: division by zero"),
        ("leaving:train", "leaving ends the program when it is imported; put what it does as a "),
        ("parsing:train", "parsing ends the program when it is imported; put what it does as a "),
    ],
)
def test_a_function_that_is_not_there_is_a_line(target: str, message: str, folder: Path) -> None:
    line = refusal(target, folder)
    assert line.startswith(f"--trainable: {message}")
    assert "\n" not in line


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


def test_a_file_is_given_by_its_path(folder: Path) -> None:
    deeper = folder / "deeper"
    deeper.mkdir()
    (deeper / "in_a_file.py").write_text("def train(config): return {'loss': 1}\n")
    for target in ("./deeper/in_a_file.py:train", f"{deeper}/in_a_file.py:train"):
        function = UserFunction(target, folder)
        function.check(SimpleNamespace())  # type: ignore[arg-type]
        assert locate(target, folder).folder == deeper
        assert function.code == deeper
    for target, message in {
        "deeper/none.py:train": f"there is no file {deeper}/none.py",
        "deeper/in_a_file:train": f"there is no file {deeper}/in_a_file",
        "./s-1.py:train": f"{folder}/s-1.py cannot be imported; give a file such as train.py",
    }.items():
        (folder / "s-1.py").touch()
        assert refusal(target, folder) == f"--trainable: {message}"


@pytest.mark.parametrize("name", ["statistics", "sys", "theirs"])
def test_a_file_with_the_name_of_another_module_is_refused(name: str, folder: Path) -> None:
    """Another function would be searched without a word."""
    load(locate("theirs:train", folder))
    deeper = folder / "deeper"
    deeper.mkdir()
    (deeper / f"{name}.py").write_text("def train(config): return {'loss': 1}\n")
    told = refusal(f"deeper/{name}.py:train", folder)
    assert told.startswith(f"--trainable: {deeper}/{name}.py: the module name {name} is that of ")
    assert told.endswith("; rename the file")


def test_a_module_that_talks_does_so_on_standard_error(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    load(locate("talking:train", folder))
    assert capsys.readouterr() == ("", "hello 1\n")


def test_what_returns_is_passed_on() -> None:
    assert report_yielded(None) is None
    assert report_yielded({"loss": 1}) == {"loss": 1}


def test_a_generator_of_something_else_than_metrics_is_told() -> None:
    with pytest.raises(TypeError, match="yields a mapping for every epoch, and not a float"):
        report_yielded(iter([0.5]))


def test_nothing_is_known_of_its_parameters_and_epochs(folder: Path) -> None:
    function = UserFunction("theirs:train", folder)
    assert not function.numeric("lr")
    assert not function.whole("lr")
    assert not UserFunction("nowhere:train", folder).whole("lr"), "the check tells it"
    assert function.epochs({"epochs": 3}) is None
    assert function.default_metrics() == ()
    assert function.effective_config({"a": {"b": 1}}) == {"a": {"b": 1}}


def test_the_folder_is_on_pythons_path_only_while_it_is_needed(tmp_path: Path) -> None:
    (tmp_path / "extending.py").write_text(
        "import sys\nsys.path.append('/of/the/module')\ndef train(config): pass\n"
    )
    path = list(sys.path)
    try:
        UserFunction("extending:train", tmp_path).check(SimpleNamespace())  # type: ignore[arg-type]
        assert sys.path == [*path, "/of/the/module"]
    finally:
        sys.path[:] = path
        del sys.modules["extending"]


def test_a_function_that_is_given_is_not_imported(tmp_path: Path) -> None:
    function = UserFunction("__main__:train", tmp_path, lambda config: config["x"])
    function.check(SimpleNamespace())  # type: ignore[arg-type]
    assert function.prepare(SimpleNamespace(), tmp_path) == ()  # type: ignore[arg-type]
    assert function.notes(compiled=True) == (
        "train is in no module: only pcsearch.resume(DIR, train) resumes the search",
    )
    assert function.code == tmp_path
    without: Any = lambda: 1  # noqa: E731 - it is one that has no name
    with pytest.raises(PcsearchError, match=r"<lambda> is <lambda>\(\); give a function of one"):
        UserFunction("a:<lambda>", tmp_path, without).check(SimpleNamespace())  # type: ignore[arg-type]


def test_a_function_that_was_given_is_not_known_without_it(tmp_path: Path) -> None:
    function = UserFunction("__main__:train", tmp_path)
    assert function.notes(compiled=True) == ()
    assert not function.whole("lr")
    with pytest.raises(PcsearchError, match="__main__:train is a function of a Python program"):
        function.check(SimpleNamespace())  # type: ignore[arg-type]

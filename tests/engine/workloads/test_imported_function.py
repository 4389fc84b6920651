"""A user's function is found, and each way in which it is not is a line."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from pcsearch.engine.workloads.imported_function import load, locate
from pcsearch.engine.workloads.user_code import Code
from pcsearch.engine.workloads.user_function import UserFunction
from pcsearch.errors import PcsearchError


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


def test_a_file_is_given_by_its_path(folder: Path) -> None:
    deeper = folder / "deeper"
    deeper.mkdir()
    (deeper / "in_a_file.py").write_text("def train(config): return {'loss': 1}\n")
    for target in ("./deeper/in_a_file.py:train", f"{deeper}/in_a_file.py:train"):
        function = UserFunction(target, folder)
        function.check(SimpleNamespace())  # type: ignore[arg-type]
        assert locate(target, folder).folder == deeper
        assert function.code == Code(deeper)
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

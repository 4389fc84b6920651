"""Functions that are imported by their names: finds the module, and says why it cannot be."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcsearch.engine.workloads.given_function import OPTION, Function, lost, without_module
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.messages import suggestion


@contextmanager
def import_path(folder: Path) -> Iterator[None]:
    """Let Python look for modules in a folder first, until the block ends."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        # What the modules themselves have added stays: they are not imported a second time.
        sys.path.remove(str(folder))


@dataclass(frozen=True)
class FunctionPlace:
    """Where a function of the user is.

    Args:
        module: its dotted name.
        attribute: the function's name in it, or an attribute of an attribute.
        folder: where the module is looked for first.
    """

    module: str
    attribute: str
    folder: Path


def locate(target: str, folder: Path) -> FunctionPlace:
    """Where the function of ``--trainable`` is.

    Args:
        target: ``MODULE:FUNCTION``, or ``FILE.py:FUNCTION``.
        folder: where a module is looked for, and where a relative path starts.

    Raises:
        PcsearchError: the target is neither, or the label of a function that was given.
    """
    if without_module(target):
        raise lost(target)
    module, separator, attribute = target.rpartition(":")
    if not separator or not module or not attribute:
        raise refused(f"{target!r} is not MODULE:FUNCTION, such as train:main or ./train.py:main")
    if not module.endswith(".py") and "/" not in module:
        if module.startswith("."):
            raise refused(f"{target!r} is not MODULE:FUNCTION, such as train:main")
        return FunctionPlace(module, attribute, folder)
    file = (folder / module).resolve()
    if not file.is_file():
        raise refused(f"there is no file {file}")
    if file.suffix != ".py" or not file.stem.isidentifier():
        raise refused(f"{file} cannot be imported; give a file such as train.py")
    with import_path(file.parent):
        taken = _place_of(file.stem)
    if taken != str(file):
        raise refused(f"{file}: the module name {file.stem} is that of {taken}; rename the file")
    return FunctionPlace(file.stem, attribute, file.parent)


def _place_of(module: str) -> str:
    """Where Python would import a module from, in words."""
    loaded = sys.modules.get(module)
    try:
        spec = importlib.util.find_spec(module) if loaded is None else None
    # A module may lie in another one's place.
    except (ImportError, ValueError):
        return "another module"
    found = getattr(loaded, "__file__", None) if spec is None else spec.origin
    return "a module of Python" if found is None else str(Path(found).resolve())


def load(place: FunctionPlace) -> Function:
    """Import a function, inside `import_path`.

    Raises:
        PcsearchError: there is no such function, or its module cannot be imported.
    """
    value: Any = _import(place.module, place.folder)
    for name in place.attribute.split("."):
        if not hasattr(value, name):
            hint = suggestion(name, [each for each in dir(value) if callable(getattr(value, each))])
            raise refused(f"module {place.module} has no function {name!r}{hint}")
        value = getattr(value, name)
    if not callable(value):
        raise refused(
            f"{place.module}:{place.attribute} is no function; give a function of a trial's values"
        )
    function: Function = value
    return function


def _import(name: str, folder: Path) -> Any:
    try:
        if importlib.util.find_spec(name) is None:
            raise ModuleNotFoundError(name=name)
        with _arguments_of_module(name):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise refused(f"no module {name!r} in {folder} or on Python's path") from None
        raise _failed(name, error) from error
    # A module of the user may do anything when it is imported.
    except (Exception, SystemExit) as error:
        raise _failed(name, error) from error


@contextmanager
def _arguments_of_module(name: str) -> Iterator[None]:
    """Hide this command's arguments from a module, and its prints from standard output."""
    arguments, sys.argv = sys.argv, [name]
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.argv = arguments


def _failed(name: str, error: BaseException) -> PcsearchError:
    if isinstance(error, SystemExit):
        return refused(
            f"{name} ends the program when it is imported; put what it does as a program under "
            "if __name__ == '__main__'"
        )
    lines = str(error).strip().splitlines() or [""]
    return refused(f"importing {name} failed: {type(error).__name__}: {lines[0]}".rstrip(": "))


def refused(message: str) -> PcsearchError:
    """The error of a function that cannot be trained."""
    return PcsearchError(Problem(message, OPTION))

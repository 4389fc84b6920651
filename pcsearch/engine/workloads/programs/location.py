"""Finds the program of a sweep file: a file, a module of Python, or an installed command."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pcsearch.errors import Problem, bounded
from pcsearch.sweeps.program import INTERPRETER, PROGRAM, Program

LEFT_OUT = {"__pycache__", "node_modules", "site-packages", "venv", "wandb"}
OF_ENV = ("-u", "--unset", "-C", "--chdir", "-a", "--argv0")
"""The options of `env` that have a value as another word."""
OF_PYTHON = ("-W", "-X")
"""Those of Python."""
MOST_FOLDERS = 2000
"""How many folders are looked through for a file of the program's name."""


@dataclass(frozen=True)
class Search:
    """Where a program was looked for.

    Args:
        word: what stands for ``${program}`` in the command, None where there is no such program.
        places: where it was looked for, for messages.
        elsewhere: files below the folder whose paths end as its own, where it is in none of those.
    """

    word: str | None
    places: tuple[str, ...] = ()
    elsewhere: tuple[Path, ...] = ()


def look_for(program: Program, folder: Path, sweep_file: Path) -> Search:
    """Look for a program where the command is started, and beside the sweep file.

    Args:
        program: of the sweep file.
        folder: where the search was started.
        sweep_file: its path, possibly relative to the folder.
    """
    name = program.name
    if name is None or PROGRAM not in program.command:
        # The command says all by itself.
        return Search(name or "")
    if program.is_module:
        found = _is_module(name, folder)
        return Search(name if found else None, (f"the modules of {folder}", "Python's path"))
    beside = (folder / sweep_file).parent
    places = [folder / name]
    if beside.resolve() != folder.resolve():
        places.append(beside / name)
    for place in places:
        if _is_file(place):
            return Search(name if place == places[0] else str(place.resolve()))
    if os.sep not in name and shutil.which(name, path=search_path()):
        return Search(name)
    whole = Path(name).parts
    below = _below(folder, Path(name).name)
    below = [path for path in below if path.parts[-len(whole) :] == whole]
    return Search(None, tuple(map(str, places)), tuple(below))


def missing_program(program: Program, search: Search, folder: Path) -> Problem:
    """The problem that a program is not there, and what to do.

    Args:
        program: of the sweep file.
        search: where it was looked for.
        folder: where the search was started.
    """
    message = f"{program.name} is not here (looked for {', '.join(search.places)})"
    if search.elsewhere:
        depth = len(Path(program.name or "").parts)
        starts = [os.path.relpath(path.parents[depth - 1], folder) for path in search.elsewhere[:3]]
        message += f"; start pcsearch in {' or '.join(starts)}"
    else:
        message += "; start pcsearch in the program's folder"
    advice = "give --trainable MODULE:FUNCTION for a function of yours"
    return Problem(f"{message}, or {advice}", program.place, "program")


def missing_command(program: Program, words: list[str], folder: Path) -> Problem | None:
    """The problem that the command begins with something that cannot be run, None where it can.

    Args:
        program: of the sweep file.
        words: of a trial's command.
        folder: where the trials run.
    """
    first = words[words_of_env(words) :]
    if not first:
        return Problem("the command has no words; give one such as those of W&B's agent", "command")
    name, script = first[0], _script(first)
    if name == INTERPRETER or _which(name, folder):
        # `env` may start it in another folder.
        if script is None or _is_file(folder / script) or words[: -len(first)][1:]:
            return None
        message = f"{bounded(script, 100)} is not in {folder}; start pcsearch in its folder"
        return Problem(message, program.place, "command")
    message = (
        f"{bounded(name, 100)} cannot be run: there is no such command or executable file; install "
        "it in the environment that runs pcsearch, or change the command"
    )
    return Problem(message, program.place, "command")


def _script(words: Sequence[str]) -> str | None:
    """The script that a Python of the command runs, None where there is none."""
    if not Path(words[0]).name.startswith("python"):
        return None
    rest = iter(words[1:])
    for word in rest:
        if word in OF_PYTHON:
            next(rest, None)
        elif word in ("-m", "-c") or not word.startswith("-"):
            return word if word.endswith(".py") else None
    return None


def words_of_env(words: Sequence[str]) -> int:
    """How many of a command's first words are of `env`: its options, and variables that it sets."""
    if not words or Path(words[0]).name != "env":
        return 0
    place = 1
    while place < len(words) and (words[place].startswith("-") or "=" in words[place]):
        place += 2 if words[place] in OF_ENV else 1
    return place


def search_path() -> str:
    """Python's own folder of commands, and then those of ``PATH``.

    ``python`` and launchers such as ``accelerate`` are those of the environment that runs this.
    """
    own = str(Path(sys.executable).parent)
    return os.pathsep.join([own, os.environ.get("PATH", os.defpath)])


def _is_file(place: Path) -> bool:
    try:
        return place.is_file()
    except OSError:
        # A file system has no names as long as this one.
        return False


def _which(name: str, folder: Path) -> str | None:
    place = str(folder / name) if os.sep in name else name
    return shutil.which(place, path=search_path())


def _is_module(name: str, folder: Path) -> bool:
    """Whether Python finds a module, without importing anything of the user."""
    if not name:
        return False
    place = folder.joinpath(*name.split("."))
    try:
        if place.with_suffix(".py").is_file() or place.is_dir():
            return True
        return find_spec(name.partition(".")[0]) is not None
    except (ImportError, ValueError, OSError):
        return False


def _below(folder: Path, name: str) -> list[Path]:
    """Files of a name below a folder, the nearest first."""
    found = []
    for count, (parent, folders, names) in enumerate(os.walk(folder)):
        folders[:] = [each for each in sorted(folders) if each[0] != "." and each not in LEFT_OUT]
        if name in names:
            found.append(Path(parent, name))
        if count > MOST_FOLDERS:
            break
    return sorted(found, key=lambda path: (len(path.parts), str(path)))

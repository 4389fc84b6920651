"""The ``program`` and ``command`` of a sweep file: what W&B's agent runs for a trial."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pcsearch.errors import Problem
from pcsearch.sweeps.messages import shown
from pcsearch.sweeps.reading.document import Document

DEFAULT_COMMAND = ("${env}", "${interpreter}", "${program}", "${args}")
"""The command of a file that has none."""
ENV, INTERPRETER = "/usr/bin/env", "python"
"""What W&B's agent puts in place of ``${env}`` and ``${interpreter}``."""
PROGRAM, JSON_FILE = "${program}", "${args_json_file}"
OF_ARGUMENTS = (
    *("args", "args_no_equals", "args_no_hyphens", "args_no_boolean_flags", "args_json"),
    *("args_dict", "args_append_hydra", "args_override_hydra"),
)
MACROS = ("env", "interpreter", "program", "args_json_file", *OF_ARGUMENTS)
"""The names of the macros that stand for words of the command, without ``${`` and ``}``."""
_VARIABLE = re.compile(r"\$\{envvar:([A-Z0-9_]*)\}")


@dataclass(frozen=True)
class Program:
    """What a sweep file runs for each trial.

    Args:
        name: the ``program``: a file, a module or an installed command; None where the file has
            none, and its command says everything.
        command: the words and macros of the command.
        place: of the key in the file, for messages: ``sweep.yaml:1:1``.
    """

    name: str | None
    command: tuple[str, ...] = DEFAULT_COMMAND
    place: str = field(default="", compare=False)

    @property
    def is_module(self) -> bool:
        """Whether the command runs the program as a module of Python, after ``-m``."""
        pairs = zip(self.command, self.command[1:], strict=False)
        return ("-m", PROGRAM) in pairs

    def unknown_macros(self) -> list[str]:
        """The macros of the command that are none of W&B's; its agent leaves them out."""
        macros = [word for word in self.command if _is_macro(word) and not _VARIABLE.search(word)]
        return [word for word in macros if word[2:-1] not in MACROS]

    def variables(self) -> frozenset[str]:
        """The names of the variables whose values stand in the command."""
        return frozenset(name for word in self.command for name in _VARIABLE.findall(word))

    def words(
        self,
        values: Mapping[str, Any],
        program: str,
        json_file: str,
        environment: Mapping[str, str] | None,
    ) -> list[str]:
        """The command of a trial, word for word as W&B's agent runs it.

        Args:
            values: of the trial, by the names of its parameters; nested ones are mappings.
            program: what stands for ``${program}``.
            json_file: the path of the file with the values, for ``${args_json_file}``.
            environment: the variables, for ``${envvar:NAME}``; None leaves that as it is.
        """
        own = {"env": [ENV], "interpreter": [INTERPRETER], "program": [program]}
        meant = {**own, "args_json_file": [json_file], **arguments(values)}
        words: list[str] = []
        variables = environment or {}
        for word in self.command:
            if environment is None and _VARIABLE.search(word):
                words.append(word)
                continue
            filled = _VARIABLE.sub(lambda found: variables.get(found[1], found[1]), word)
            words += meant.get(filled[2:-1], []) if _is_macro(filled) else [filled]
        return words


def parse_program(document: Document, problems: list[Problem], notes: list[str]) -> Program | None:
    """The program of a sweep file, None where the file has neither a program nor a command.

    Args:
        document: the file.
        problems: every problem is appended here.
        notes: a line is appended here where W&B's agent does not do what the file seems to say.
    """
    name, command = document.value.get("program"), document.value.get("command")
    if name is not None and not isinstance(name, str):
        message = f"{shown(name)} is not text; give a file, a module or an installed command"
        problems.append(document.problem(("program",), message))
        return None
    key = "program" if name is not None else "command"
    place = document.position((key,))
    if command and not isinstance(command, list):
        message = "is not a list: W&B's agent takes its own default then"
        notes.append(str(document.problem(("command",), message)))
    if not command or not isinstance(command, list):
        return None if name is None else Program(name, place=place)
    program = Program(name, tuple(map(str, command)), place)
    for word in program.unknown_macros():
        message = f"{word} is left out, as W&B's agent does: it knows no such macro"
        notes.append(str(document.problem(("command",), message)))
    return program


def arguments(values: Mapping[str, Any]) -> dict[str, list[str]]:
    """What each macro for arguments stands for, by its name.

    Args:
        values: of a trial, by the names of its parameters, as JSON has them.
    """
    pairs = [(str(name), value) for name, value in values.items()]
    flags = [f"{name}={value}" for name, value in pairs]
    return {
        "args": [f"--{flag}" for flag in flags],
        "args_no_equals": [word for name, value in pairs for word in (f"--{name}", str(value))],
        "args_no_hyphens": flags,
        "args_no_boolean_flags": list(_without_boolean_values(pairs)),
        "args_json": [json.dumps(dict(pairs))],
        "args_dict": [name for name, _ in pairs],
        "args_append_hydra": [f"+{flag}" for flag in flags],
        "args_override_hydra": [f"++{flag}" for flag in flags],
    }


def _without_boolean_values(pairs: list[tuple[str, Any]]) -> Iterator[str]:
    for name, value in pairs:
        if not isinstance(value, bool):
            yield f"--{name}={value}"
        elif value:
            yield f"--{name}"


def _is_macro(word: str) -> bool:
    return word.startswith("${") and word.endswith("}")

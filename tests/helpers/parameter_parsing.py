"""Parameters of a sweep file by themselves, for tests."""

from __future__ import annotations

from pcsearch.errors import Problem
from pcsearch.sweeps.parameters import Parameter, ParameterParser
from pcsearch.sweeps.reading.loader import load


def is_lr(name: str) -> bool:
    return name == "lr"


def is_size(name: str) -> bool:
    return name == "size"


def parser(text: str, problems: list[Problem], notes: list[str]) -> ParameterParser:
    document = load(f"parameters:\n{text}", "sweep.yaml")
    return ParameterParser(document, is_lr, is_size, problems, notes)


def read(text: str) -> tuple[dict[str, Parameter], list[str], list[str]]:
    """The parameters, the problems and the notes."""
    problems: list[Problem] = []
    notes: list[str] = []
    parameters = parser(text, problems, notes).parse(("parameters",))
    return parameters, [str(problem) for problem in problems], notes


def parse(text: str) -> tuple[dict[str, Parameter], list[str]]:
    return read(text)[:2]

"""Reads and checks a whole sweep file in W&B's format."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.early_terminate import Hyperband, parse_early_terminate
from pcsearch.sweeps.file_versions import FIRST, NEWEST, Language, as_before, without_tags
from pcsearch.sweeps.keys import (
    KEYS,
    TEXTS,
    missing_key,
    mistyped_keys,
    parameters_at_the_top,
    unused_keys,
    unused_program,
)
from pcsearch.sweeps.messages import bare, listed, shown, suggestion
from pcsearch.sweeps.metrics import Metric, example, parse_metrics
from pcsearch.sweeps.numbers import as_whole_number
from pcsearch.sweeps.parameters import Parameter, ParameterParser
from pcsearch.sweeps.program import Program, parse_program
from pcsearch.sweeps.reading.document import Document
from pcsearch.sweeps.reading.loader import load
from pcsearch.sweeps.scheduler import check_scheduler

Method = Literal["grid", "random", "bayes", "custom"]

METHODS: dict[str, Method] = {
    "grid": "grid",
    "random": "random",
    "bayes": "bayes",
    "custom": "custom",
}


@dataclass(frozen=True)
class Sweep:
    """A checked sweep file; the checks that need the model are those of the workload.

    Two sweeps are equal if they ask for the same search, even if their texts differ.

    Args:
        method: "grid", "random", "bayes", or "custom" for Optuna with any number of metrics.
        metrics: the numbers to optimize; at least one if the method is bayes or custom, or
            early_terminate is set. More than one only if the method is custom.
        parameters: by name, in the file's order; all have a grid if the method is grid.
        early_terminate: when trials are stopped early.
        run_cap: the largest number of trials, from 1.
        name: the sweep's name.
        description: the sweep's description.
        project: the project in W&B.
        entity: the user or team in W&B.
        replicates: the name of the parameter that only repeats a configuration, such as the seed;
            None where it is not given, or fixed from outside.
        program: what the file runs for each trial, None where it does not say it.
        source: the file as the user gave it.
        places: the place of each key at the file's top level: ``sweep.yaml:3:1``.
        text: the file's text.
        notes: lines for the user about the file, such as the keys that have no effect.
    """

    method: Method
    metrics: tuple[Metric, ...]
    parameters: dict[str, Parameter]
    early_terminate: Hyperband | None = None
    run_cap: int | None = None
    name: str | None = None
    description: str | None = None
    project: str | None = None
    entity: str | None = None
    replicates: str | None = None
    program: Program | None = field(default=None, compare=False)
    source: str = field(default="", compare=False)
    places: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    text: str = field(default="", repr=False, compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def metric(self) -> Metric | None:
        """The first metric."""
        return self.metrics[0] if self.metrics else None

    @property
    def compared_by(self) -> int:
        """The index of the metric by which trials are stopped early: the first, or a named one."""
        name = None if self.early_terminate is None else self.early_terminate.metric
        return next((i for i, each in enumerate(self.metrics) if each.name == name), 0)

    def by_path(self) -> list[Parameter]:
        """The parameters in the order of their names, at each level of nesting."""
        return sorted(self.parameters.values(), key=lambda parameter: parameter.path)

    def searched(self) -> list[Parameter]:
        """The parameters that are not constants, in the file's order."""
        return [parameter for parameter in self.parameters.values() if not parameter.fixed]


class InvalidSweepError(PcsearchError):
    """A sweep file is wrong: the error has all its problems, and the parameters that are valid.

    Args:
        problems: the problems.
        parameters: the valid parameters by name, for further checks by the caller.
    """

    def __init__(
        self,
        problems: str | Problem | Iterable[Problem],
        parameters: Mapping[str, Parameter] | None = None,
    ) -> None:
        super().__init__(problems)
        self.parameters = dict(parameters or {})


def _never(_: str) -> bool:
    return False


class Reading(TypedDict, total=False):
    """The keywords of `parse_sweep`."""

    numeric: Callable[[str], bool]
    whole: Callable[[str], bool]
    overrides: Mapping[str, Any]
    has_begun: bool
    language: Language
    runs_program: bool


def parse_sweep(
    text: str,
    source: str,
    *,
    numeric: Callable[[str], bool] = _never,
    whole: Callable[[str], bool] = _never,
    overrides: Mapping[str, Any] | None = None,
    has_begun: bool = False,
    language: Language = NEWEST,
    runs_program: bool = False,
) -> Sweep:
    """Read the text of a sweep file.

    Args:
        text: the text.
        source: the file as the user gave it, for messages.
        numeric: tells whether the model takes a number for a parameter of this name; text such
            as ``1e-3``, which YAML reads as text, is then read as a number.
        whole: tells whether the model takes a whole number for a parameter of this name; 22.0,
            as ``q_uniform`` draws it at W&B, is then 22.
        overrides: by name, values that replace parameters of the file or add to them.
        has_begun: whether a search of the file has begun already: a mistyped key is a note then.
        language: how the file is read; 1 for the search of an earlier version.
        runs_program: whether trials run the file's program; else it is noted as not used.

    Raises:
        PcsearchError: the text is not one mapping in YAML or JSON.
        InvalidSweepError: the sweep is wrong.
    """
    problems: list[Problem] = []
    document = load(text, source, duplicates=problems)
    if language == FIRST:
        without_tags(document.value)
        whole = _never
    mistyped = {} if has_begun else mistyped_keys(document)
    problems.extend(mistyped.values())
    notes = [*unused_keys(document), *document.notes]
    program = _program(document, runs_program, problems, notes)
    parser = ParameterParser(document, numeric, whole, problems, notes)
    parameters = _parameters(document, parser, overrides or {})
    method = _method(document, problems)
    if language == FIRST:
        parameters = as_before(parameters, document, method == "grid")
    check_scheduler(document, problems, notes)
    metrics = parse_metrics(document, problems, notes)
    early_terminate = _early_terminate(document, metrics, problems, notes)
    _check_together(document, method, parameters, mistyped, problems)
    run_cap = _run_cap(document, problems)
    texts = {key: _text(document, key, problems) for key in (*TEXTS, "replicates")}
    if not has_begun:
        _check_replicates(document, texts["replicates"], parameters, problems)
    if texts["replicates"] in (overrides or {}):
        texts["replicates"] = None
        message = "not used: --set gives the parameter one value, so each configuration runs once"
        notes.append(str(document.problem(("replicates",), message)))
    if problems or method is None:
        raise InvalidSweepError(sorted(problems, key=place), parameters)
    return Sweep(
        method,
        metrics,
        parameters,
        early_terminate,
        run_cap,
        **texts,
        program=program,
        source=document.source.name,
        places={key: document.position((key,)) for key in KEYS if key in document.value},
        text=text,
        notes=tuple(sorted(notes, key=lambda note: _place_of(note, document.source.name))),
    )


def place(problem: Problem) -> tuple[float, float]:
    """The line and column of a problem, to sort by; problems without a place come last."""
    match = re.search(r":(\d+):(\d+)$", problem.where)
    return (int(match[1]), int(match[2])) if match else (math.inf, 0)


def _place_of(note: str, source: str) -> tuple[float, float]:
    match = re.match(r":(\d+):(\d+): ", note.removeprefix(source))
    return (int(match[1]), int(match[2])) if match else (math.inf, 0)


def _method(document: Document, problems: list[Problem]) -> Method | None:
    choices = listed(METHODS)
    if "method" not in document.value:
        problems.append(missing_key(document, "method", f"write method: {choices}"))
        return None
    name = document.value["method"]
    if isinstance(name, str) and name in METHODS:
        return METHODS[name]
    hint = suggestion(name, METHODS) or f"; use {choices}"
    problems.append(document.problem(("method",), f"unknown method {shown(name)}{hint}"))
    return None


def _program(
    document: Document, runs_program: bool, problems: list[Problem], notes: list[str]
) -> Program | None:
    if runs_program:
        return parse_program(document, problems, notes)
    notes += unused_program(document)
    return None


def _early_terminate(
    document: Document, metrics: Sequence[Metric], problems: list[Problem], notes: list[str]
) -> Hyperband | None:
    key = "early_terminate"
    if key not in document.value:
        return None
    return parse_early_terminate(document, (key,), metrics, problems=problems, notes=notes)


def _parameters(
    document: Document, parser: ParameterParser, overrides: Mapping[str, Any]
) -> dict[str, Parameter]:
    parameters: dict[str, Parameter] = {}
    if document.value.get("parameters"):
        parameters = parser.parse(("parameters",))
    elif not overrides:
        todo = "list at least one parameter under it"
        outside = listed(map(bare, parameters_at_the_top(document)), "and")
        advice = f"check the indentation of {outside}" if outside else todo
        empty = document.problem(("parameters",), f"is empty; {advice}")
        is_there = "parameters" in document.value
        parser.problems.append(empty if is_there else missing_key(document, "parameters", todo))
    for name, value in overrides.items():
        parser.override(parameters, name, value)
    return parameters


def _check_together(
    document: Document,
    method: Method | None,
    parameters: Mapping[str, Parameter],
    mistyped: Collection[str],
    problems: list[Problem],
) -> None:
    """Add the problems of keys that are valid alone but not together."""
    several = "metrics" in document.value
    if not {"metric", "metrics"} & {*document.value, *mistyped}:
        hint = f"write metric: {example()}"
        if method in ("bayes", "custom"):
            problems.append(document.problem(("method",), f"{method} needs a metric; {hint}"))
        if "early_terminate" in document.value:
            message = f"hyperband needs a metric; {hint}"
            problems.append(document.problem(("early_terminate",), message))
    if several and method is not None and method != "custom":
        message = f"method {method} takes one metric; several need method: custom"
        problems.append(document.problem(("metrics",), message))
    if method != "grid":
        return
    for parameter in parameters.values():
        if parameter.distribution.grid_size() is None:
            message = f"a grid needs values: {parameter.distribution.describe()} has no grid"
            hint = "give values, or distribution q_uniform or int_uniform"
            if parameter.distribution.kind == "categorical_w_probabilities":
                hint = "remove the probabilities"
            where = f"parameters.{parameter.name}"
            problems.append(Problem(f"{message}; {hint}", parameter.where, where))


def _check_replicates(
    document: Document,
    name: str | None,
    parameters: Mapping[str, Parameter],
    problems: list[Problem],
) -> None:
    """Add a problem where what the file calls its replicates is no parameter of it."""
    written = document.value.get("parameters")
    # A name may be a number or null: it is a problem of its own.
    texts = (each for each in written if isinstance(each, str)) if isinstance(written, dict) else ()
    names = {*parameters, *texts}
    # A parameter that is wrong itself has its own problem.
    if name is not None and not {name, name.split(".")[0]} & names:
        message = f"{bare(name)} is no parameter of the sweep{suggestion(name, names)}"
        problems.append(document.problem(("replicates",), message))


def _run_cap(document: Document, problems: list[Problem]) -> int | None:
    if "run_cap" not in document.value:
        return None
    value = document.value["run_cap"]
    number = as_whole_number(value)
    if number is None or number < 1:
        message = f"{shown(value)} is not a whole number from 1"
        problems.append(document.problem(("run_cap",), message))
    return number


def _text(document: Document, key: str, problems: list[Problem]) -> str | None:
    value = document.value.get(key)
    if value is None or isinstance(value, str):
        return None if value is None else str(value)
    problems.append(document.problem((key,), f"{shown(value)} is not text; put it in quotes"))
    return None

"""Sweep files in W&B's format, read and checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps import positions
from pcsearch.sweeps.early_terminate import Hyperband, parse_early_terminate
from pcsearch.sweeps.keys import as_whole_number, check_keys, not_a_mapping
from pcsearch.sweeps.parameters import Parameter, constant, parse_parameters
from pcsearch.sweeps.positions import Document
from pcsearch.sweeps.wording import bare, listed, shown, suggestion

Method = Literal["grid", "random", "bayes"]
Goal = Literal["minimize", "maximize"]
Impute = Literal["latest", "best", "worst"]

METHODS: dict[str, Method] = {"grid": "grid", "random": "random", "bayes": "bayes"}
GOALS: dict[str, Goal] = {"minimize": "minimize", "maximize": "maximize"}
TEXTS = ("name", "description", "project", "entity")
# What W&B would run or send elsewhere; of no consequence to what is searched.
IGNORED = {
    "program": "{} is not run; pcsearch trains its own model",
    "command": "{} is not run; pcsearch trains its own model",
    "job": "{} is not run; pcsearch trains its own model",
    "image_uri": "{} is not run; pcsearch trains its own model",
    "apiVersion": "{} is not used",
    "kind": "{} is not used",
}
KEYS = ("method", "metric", "parameters", "early_terminate", "run_cap", *TEXTS, *IGNORED)
REFUSED = {
    "metrics": "several metrics are not supported yet; give one under metric",
    "scheduler": "scheduler is not supported; early_terminate: {type: hyperband} stops trials",
    "controller": "controller is not supported; remove it: pcsearch is the controller",
    "count": "unknown key; to bound the number of trials write run_cap",
}
METRIC_KEYS = ("name", "goal")
REFUSED_IN_METRIC = {
    "target": "target is not supported yet; remove it",
    "impute": "impute is not supported; remove it: a failed trial counts as the worst",
    "impute_while_running": "impute_while_running is not supported; remove it",
}


@dataclass(frozen=True)
class Metric:
    """What a sweep optimises.

    Args:
        name: of a number that each trial reports.
        goal: "minimize" or "maximize".
        where: where the user gave it, ``sweep.yaml:3:1``.
        target: the search ends as soon as a trial's value is as good as this.
        impute: what a trial counts as, in bayes, that failed or diverged: its "latest" or its
            "best" value, or the "worst" of all trials.
        impute_while_running: the same for a trial that is running; None leaves it out.
    """

    name: str
    goal: Goal
    where: str = ""
    target: float | None = None
    impute: Impute = "worst"
    impute_while_running: Impute | None = None

    @property
    def mode(self) -> Literal["min", "max"]:
        """The goal in Tune's words."""
        return "min" if self.goal == "minimize" else "max"


@dataclass(frozen=True)
class Sweep:
    """A sweep file that has passed every check that needs no model.

    Args:
        method: "grid", "random" or "bayes".
        metric: what is optimised; not None where the method is bayes or early_terminate is set.
        parameters: by name, in the file's order; all have a grid where the method is grid.
        early_terminate: how trials are stopped early.
        run_cap: how many trials there are at most, from 1.
        name: of the sweep.
        description: of the sweep.
        project: in W&B.
        entity: in W&B.
        source: the file as the user gave it.
        text: the file's text.
        notes: what in the file has no effect, a line each.
    """

    method: Method
    metric: Metric | None
    parameters: dict[str, Parameter]
    early_terminate: Hyperband | None = None
    run_cap: int | None = None
    name: str | None = None
    description: str | None = None
    project: str | None = None
    entity: str | None = None
    source: str = ""
    text: str = field(default="", repr=False)
    notes: tuple[str, ...] = ()


def _no_name(_: str) -> bool:
    return False


def read_sweep(
    path: str | Path,
    *,
    numeric: Callable[[str], bool] = _no_name,
    overrides: Mapping[str, Any] | None = None,
) -> Sweep:
    """Read a sweep file.

    Args:
        path: the file.
        numeric: whether the model takes a number for a parameter of this name; text such as
            ``1e-3`` is then read as the number that it spells.
        overrides: by name, values that replace parameters of the file or add to them.

    Raises:
        PcsearchError: the file cannot be read, or everything that is wrong with it.
    """
    text = positions.read_text(path)
    return parse_sweep(text, str(path), numeric=numeric, overrides=overrides)


def parse_sweep(
    text: str,
    source: str,
    *,
    numeric: Callable[[str], bool] = _no_name,
    overrides: Mapping[str, Any] | None = None,
) -> Sweep:
    """As `read_sweep`, of a file's text.

    Args:
        text: the text.
        source: the file's name, for messages.
        numeric: as in `read_sweep`.
        overrides: as in `read_sweep`.

    Raises:
        PcsearchError: everything that is wrong with it.
    """
    problems: list[Problem] = []
    document = positions.load(text, source, duplicates=problems)
    problems += check_keys(document, (), document.value, KEYS, REFUSED)
    parameters = _parameters(document, numeric, overrides or {}, problems)
    method = _method(document, problems)
    metric = _metric(document, problems)
    early_terminate = None
    if "early_terminate" in document.value:
        early_terminate = parse_early_terminate(document, ("early_terminate",), problems=problems)
    _check_together(document, method, parameters, problems)
    run_cap = _run_cap(document, problems)
    texts = {key: _text(document, key, problems) for key in TEXTS}
    if problems or method is None:
        raise PcsearchError(sorted(problems, key=_place))
    return Sweep(
        method,
        metric,
        parameters,
        early_terminate,
        run_cap,
        **texts,
        source=document.source,
        text=text,
        notes=tuple(_notes(document)),
    )


def _place(problem: Problem) -> tuple[float, float]:
    found = re.search(r":(\d+):(\d+)$", problem.where)
    return (int(found[1]), int(found[2])) if found else (float("inf"), 0)


def _method(document: Document, problems: list[Problem]) -> Method | None:
    choices = listed(METHODS)
    if "method" not in document.value:
        problems.append(document.problem((), f"method is missing; write method: {choices}"))
        return None
    name = document.value["method"]
    if isinstance(name, str) and name in METHODS:
        return METHODS[name]
    hint = suggestion(name, METHODS) or f"; use {choices}"
    problems.append(document.problem(("method",), f"unknown method {shown(name)}{hint}"))
    return None


def _metric(document: Document, problems: list[Problem]) -> Metric | None:
    path = ("metric",)
    if "metric" not in document.value:
        return None
    given = document.value["metric"]
    if not isinstance(given, dict):
        meant = bare(given) if isinstance(given, str) else "val_loss"
        problems.append(not_a_mapping(document, path, f"{{name: {meant}, goal: minimize}}"))
        return None
    problems += check_keys(document, path, given, METRIC_KEYS, REFUSED_IN_METRIC)
    name, goal = given.get("name"), given.get("goal", "minimize")
    if "name" not in given:
        problems.append(document.problem(path, "name is missing"))
    elif not isinstance(name, str) or not name:
        problems.append(document.problem((*path, "name"), f"{shown(name)} is not a name"))
    if not isinstance(goal, str) or goal not in GOALS:
        hint = suggestion(goal, GOALS) or f"; use {listed(GOALS)}"
        message = f"unknown goal {shown(goal)}{hint}"
        problems.append(document.problem((*path, "goal"), message))
        return None
    return Metric(str(name), GOALS[goal], document.position(path))


def _parameters(
    document: Document,
    numeric: Callable[[str], bool],
    overrides: Mapping[str, Any],
    problems: list[Problem],
) -> dict[str, Parameter]:
    parameters: dict[str, Parameter] = {}
    given = document.value.get("parameters")
    if given:
        parameters = parse_parameters(document, ("parameters",), numeric=numeric, problems=problems)
    elif not overrides:
        missing = "is empty" if "parameters" in document.value else "is missing"
        message = f"parameters {missing}; list at least one parameter under it"
        problems.append(document.problem((), message, at=("parameters",)))
    for name, value in overrides.items():
        result = constant(name, value, f"--set {bare(name)}", numeric=numeric)
        if isinstance(result, Problem):
            problems.append(result)
        else:
            parameters[name] = result
    return parameters


def _check_together(
    document: Document,
    method: Method | None,
    parameters: Mapping[str, Parameter],
    problems: list[Problem],
) -> None:
    """Report parts that are sound by themselves and cannot be together."""
    if "metric" not in document.value:
        hint = "write metric: {name: val_loss, goal: minimize}"
        if method == "bayes":
            problems.append(document.problem(("method",), f"bayes needs a metric; {hint}"))
        if "early_terminate" in document.value:
            message = f"hyperband needs a metric; {hint}"
            problems.append(document.problem(("early_terminate",), message))
    if method != "grid":
        return
    for parameter in parameters.values():
        if parameter.distribution.grid_size() is None:
            message = (
                f"{parameter.distribution.describe()} has no grid; "
                "give values, or distribution q_uniform or int_uniform"
            )
            problems.append(document.problem(("parameters", parameter.name), message))


def _run_cap(document: Document, problems: list[Problem]) -> int | None:
    if "run_cap" not in document.value:
        return None
    given = document.value["run_cap"]
    number = as_whole_number(given)
    if number is None or number < 1:
        message = f"{shown(given)} is not a whole number from 1"
        problems.append(document.problem(("run_cap",), message))
    return number


def _text(document: Document, key: str, problems: list[Problem]) -> str | None:
    given = document.value.get(key)
    if given is None or isinstance(given, str):
        return given
    problems.append(document.problem((key,), f"{shown(given)} is not text; put it in quotes"))
    return None


def _notes(document: Document) -> list[str]:
    notes = []
    for key, note in IGNORED.items():
        if key in document.value:
            given = document.value[key]
            what = given if isinstance(given, str) and given.isprintable() else shown(given)
            notes.append(f"{key}: {note.format(what if key == 'program' else key)}")
    return notes

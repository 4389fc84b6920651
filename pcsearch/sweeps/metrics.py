"""The ``metric`` or the ``metrics`` of a sweep file: what its trials are compared by."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from pcsearch.errors import Problem
from pcsearch.sweeps.keys import as_number, check_keys, not_a_mapping
from pcsearch.sweeps.positions import Document, KeyPath
from pcsearch.sweeps.wording import bare, listed, shown, suggestion

Goal = Literal["minimize", "maximize"]
Impute = Literal["latest", "best", "worst"]

GOALS: dict[str, Goal] = {"minimize": "minimize", "maximize": "maximize"}
IMPUTES: dict[str, Impute] = {"latest": "latest", "best": "best", "worst": "worst"}
KEYS = ("name", "goal", "target", "impute", "impute_while_running")
FEWEST_METRICS = 2


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
    where: str = field(default="", compare=False)
    target: float | None = None
    impute: Impute = "worst"
    impute_while_running: Impute | None = None

    @property
    def mode(self) -> Literal["min", "max"]:
        """The goal in Tune's words."""
        return "min" if self.goal == "minimize" else "max"

    def describe(self) -> str:
        """The metric in a few words."""
        parts = [f"{self.goal} {bare(self.name)}"]
        if self.target is not None:
            parts.append(f"until a trial reaches {self.target}")
        return " ".join(parts)

    def spec(self) -> dict[str, Any]:
        """The mapping of a sweep file that gives this metric."""
        values = {"name": self.name, "goal": self.goal, "target": self.target}
        values |= {"impute": self.impute, "impute_while_running": self.impute_while_running}
        return {key: value for key, value in values.items() if value is not None}


def parse_metrics(document: Document, problems: list[Problem]) -> tuple[Metric, ...]:
    """The metrics of a file, without those that have problems.

    Args:
        document: the file.
        problems: where what is wrong is appended.
    """
    if "metrics" in document.value and "metric" in document.value:
        message = "metric and metrics exclude each other; keep one"
        problems.append(document.problem(("metrics",), message))
        return ()
    paths: list[KeyPath] = [("metric",)] if "metric" in document.value else []
    if "metrics" in document.value:
        given = document.value["metrics"]
        if not isinstance(given, list) or len(given) < FEWEST_METRICS:
            message = "must be a list of two metrics or more, each with name and goal"
            problems.append(document.problem(("metrics",), message))
            return ()
        paths = [("metrics", index) for index in range(len(given))]
    found = [_Parser(document, path, problems).parse() for path in paths]
    metrics = tuple(metric for metric in found if metric is not None)
    seen: set[str] = set()
    for path, metric in zip(paths, found, strict=True):
        if metric is not None and metric.name in seen:
            problems.append(document.problem(path, f"{bare(metric.name)} is given twice"))
        elif metric is not None:
            seen.add(metric.name)
    return metrics


@dataclass(frozen=True)
class _Parser:
    document: Document
    path: KeyPath
    problems: list[Problem]

    def parse(self) -> Metric | None:
        given: Any = self.document.value
        for key in self.path:
            given = given[key]
        before = len(self.problems)
        if not isinstance(given, dict):
            meant = bare(given) if isinstance(given, str) else "val_loss"
            example = f"{{name: {meant}, goal: minimize}}"
            self.problems.append(not_a_mapping(self.document, self.path, example))
            return None
        self.problems.extend(check_keys(self.document, self.path, given, KEYS, {}))
        name = given.get("name")
        misspelt = (suggestion(key, KEYS) for key in given if key not in KEYS)
        if "name" not in given and not any("'name'" in hint for hint in misspelt):
            self._problem("name is missing")
        elif "name" in given and (not isinstance(name, str) or not name):
            self._problem(f"{shown(name)} is not a name", "name")
        goal = self._choice(given, "goal", GOALS, "minimize")
        impute = self._choice(given, "impute", IMPUTES, "worst")
        running = None
        # W&B has the text "false" there; YAML's false means the same.
        if given.get("impute_while_running") not in ("false", False, None):
            running = self._choice(given, "impute_while_running", IMPUTES, None)
        target = self._target(given)
        if len(self.problems) > before:
            return None
        where = self.document.position(self.path)
        return Metric(str(name), goal, where, target, impute, running)

    def _problem(self, message: str, *at: str) -> None:
        self.problems.append(self.document.problem((*self.path, *at), message))

    def _choice(self, given: dict[Any, Any], key: str, choices: dict[str, Any], usual: Any) -> Any:
        name = given.get(key, usual)
        if isinstance(name, str) and name in choices:
            return choices[name]
        hint = suggestion(name, choices) or f"; use {listed(choices)}"
        self._problem(f"unknown {key} {shown(name)}{hint}", key)
        return usual

    def _target(self, given: dict[Any, Any]) -> float | None:
        if given.get("target") is None:
            return None
        number = as_number(given["target"])
        if number is None or not abs(number) < math.inf:
            self._problem(f"{shown(given['target'])} is not a finite number", "target")
        return number

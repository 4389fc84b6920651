"""The ``metric`` or ``metrics`` of a sweep file: the numbers that its trials are compared by."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from pcsearch.errors import Problem
from pcsearch.sweeps.messages import bare, listed, nearest, shown, suggestion
from pcsearch.sweeps.numbers import as_number
from pcsearch.sweeps.reading.document import Document, KeyPath

Goal = Literal["minimize", "maximize"]
Impute = Literal["latest", "best", "worst"]

GOALS: dict[str, Goal] = {"minimize": "minimize", "maximize": "maximize"}
IMPUTES: dict[str, Impute] = {"latest": "latest", "best": "best", "worst": "worst"}
KEYS = ("name", "goal", "target", "impute", "impute_while_running")
FEWEST_METRICS = 2


@dataclass(frozen=True)
class Metric:
    """A number that a sweep minimizes or maximizes.

    Args:
        name: the number's name in the reports of trials.
        goal: "minimize" or "maximize".
        where: its place in the file, ``sweep.yaml:3:1``.
        target: the search ends as soon as a trial's value is as good as this.
        impute: the value that a failed or diverged trial counts with in bayes: its "latest", its
            "best", or the "worst" of all trials.
        impute_while_running: the same for a running trial; None leaves it out.
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

    @property
    def sign(self) -> int:
        """What turns a value into a loss, of which less is better: 1, or -1 to maximize."""
        return 1 if self.goal == "minimize" else -1

    def better(self, value: float, other: float | None) -> bool:
        """Whether a value is better than another; anything is better than None."""
        if other is None:
            return True
        return self.sign * value < self.sign * other

    def reaches_target(self, value: float | None) -> bool:
        """Whether a value is as good as the target; without a target none is."""
        if value is None or self.target is None:
            return False
        return self.sign * value <= self.sign * self.target

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


def example(name: str = "best_val_mse") -> str:
    """A metric as a file has it; the usual one is what the PC transformer is compared by."""
    return f"{{name: {name}, goal: minimize}}"


def _meant(name: Any, choices: Collection[str]) -> str | None:
    """The one choice that begins with a name, else the one that is most like it; None for none."""
    text = name.lower() if isinstance(name, str) else ""
    begun = [choice for choice in choices if text and choice.startswith(text)]
    return begun[0] if len(begun) == 1 else nearest(text, choices)


def parse_metrics(
    document: Document, problems: list[Problem], notes: list[str]
) -> tuple[Metric, ...]:
    """The valid metrics of a file.

    Args:
        document: the file.
        problems: every problem is appended here.
        notes: every wrong value that the search does not need is appended here, a line each.
    """
    if "metrics" in document.value and "metric" in document.value:
        message = "metric and metrics exclude each other; keep one"
        problems.append(document.problem(("metrics",), message))
        return ()
    paths: list[KeyPath] = [("metric",)] if "metric" in document.value else []
    if "metrics" in document.value:
        entries = document.value["metrics"]
        if not isinstance(entries, list) or len(entries) < FEWEST_METRICS:
            message = "must be a list of two metrics or more, each with name and goal"
            problems.append(document.problem(("metrics",), message))
            return ()
        paths = [("metrics", index) for index in range(len(entries))]
    metrics: dict[str, Metric] = {}
    for path in paths:
        metric = _Parser(document, path, problems, notes).parse()
        if metric is not None and metric.name in metrics:
            problems.append(document.problem(path, f"{bare(metric.name)} is given twice"))
        elif metric is not None:
            metrics[metric.name] = metric
    return tuple(metrics.values())


@dataclass(frozen=True)
class _Parser:
    document: Document
    path: KeyPath
    problems: list[Problem]
    notes: list[str]

    def parse(self) -> Metric | None:
        entry = self.document.at(self.path)
        before = len(self.problems)
        if not isinstance(entry, dict):
            meant = example(bare(entry)) if isinstance(entry, str) else example()
            self.problems.append(self.document.not_a_mapping(self.path, meant))
            return None
        self.problems.extend(self.document.unknown_keys(self.path, KEYS))
        name = entry.get("name")
        misspelt = (suggestion(key, KEYS) for key in entry if key not in KEYS)
        if "name" not in entry and not any("'name'" in hint for hint in misspelt):
            self._problem("name is missing")
        elif "name" in entry and (not isinstance(name, str) or not name):
            self._problem(f"{shown(name)} is not a name", "name")
        goal = self._choice(entry, "goal", GOALS, "minimize")
        impute = self._choice(entry, "impute", IMPUTES, "worst")
        running = None
        # W&B has the text "false" there; YAML's false means the same.
        if entry.get("impute_while_running") not in ("false", False, None):
            running = self._choice(entry, "impute_while_running", IMPUTES, None)
        target = self._target(entry)
        if len(self.problems) > before:
            return None
        where = self.document.position(self.path)
        return Metric(str(name), goal, where, target, impute, running)

    def _problem(self, message: str, *at: str) -> None:
        self.problems.append(self.document.problem((*self.path, *at), message))

    def _choice(self, entry: dict[Any, Any], key: str, choices: dict[str, Any], usual: Any) -> Any:
        name = entry.get(key, usual)
        if isinstance(name, str) and name in choices:
            return choices[name]
        meant = _meant(name, choices)
        hint = f"use {listed(choices)}" if meant is None else f"did you mean {meant!r}?"
        message = f"unknown {key} {shown(name)}; {hint}"
        taken = usual if meant is None else choices[meant]
        unneeded = self._unneeded(entry, taken).get(key)
        if unneeded is None:
            self._problem(message, key)
        else:
            message = f"{message} ({unneeded})"
            self.notes.append(str(self.document.problem((*self.path, key), message)))
        return taken

    def _unneeded(self, entry: dict[Any, Any], taken: Any) -> dict[str, str]:
        """The keys that the search does not need, and what it does with the choice taken."""
        method = self.document.value.get("method")
        if method not in ("grid", "random"):
            return {}
        learns = f"not used: method {method} learns from no trial"
        keys = {"impute": learns, "impute_while_running": learns}
        if "early_terminate" in self.document.value or entry.get("target") is not None:
            return keys
        best = "highest" if taken == "maximize" else "lowest"
        without = f"method {method} needs none, and the {best} value counts as the best"
        return {"goal": without, **keys}

    def _target(self, entry: dict[Any, Any]) -> float | None:
        if entry.get("target") is None:
            return None
        number = as_number(entry["target"])
        if number is None or not abs(number) < math.inf:
            self._problem(f"{shown(entry['target'])} is not a finite number", "target")
        return number

"""Chooses and sorts the trials of a search: ``--where 'num_blocks=3'``, ``--sort epochs``."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from pcsearch.engine.records.trial_result import ranked
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.distributions.locate import close
from pcsearch.sweeps.messages import suggestion
from pcsearch.sweeps.numbers import as_number
from pcsearch.sweeps.parameters import value_of
from pcsearch.sweeps.reading.loader import load

WHERE, SORT = "--where", "--sort"
CONDITION = re.compile(r"(?P<name>[^<>=!]+)(?P<sign><=|>=|!=|==|=|<|>)(?P<value>.+)", re.DOTALL)
ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
FACTS: dict[str, Callable[[Finding], Any]] = {
    "trial": lambda trial: trial.result.number,
    "status": lambda trial: trial.status,
    "epochs": lambda trial: trial.result.epoch,
    "seconds": lambda trial: trial.result.seconds,
    "node": lambda trial: trial.node,
}
"""What is known of every trial, by the name that the user gives."""
PARAMETER = "config."
"""Comes before the name of a parameter that has the name of a metric or of a fact, too."""


def selected(findings: Findings, where: Sequence[str], sort: str | None) -> list[Finding]:
    """The trials that fulfil every condition, in an order.

    Args:
        findings: of the search.
        where: conditions such as ``num_blocks=3``, ``loss<0.1``, ``status!=failed``; the name is
            that of a metric, of `FACTS`, or of a parameter.
        sort: such a name, for the least first, of a metric the best; ``-`` before it turns the
            order round, and trials without a value come last. None for the usual order, the best
            first.

    Raises:
        PcsearchError: a condition cannot be read, or a name is unknown.
    """
    conditions: list[Callable[[Finding], bool]] = []
    problems: list[Problem] = []
    for text in where:
        try:
            conditions.append(_condition(findings, text))
        except PcsearchError as error:
            problems += error.problems
    order = None
    try:
        order = None if sort is None else _order(findings, sort)
    except PcsearchError as error:
        problems += error.problems
    if problems:
        raise PcsearchError(problems)
    chosen = [each for each in findings.trials if all(holds(each) for holds in conditions)]
    if order is not None:
        return order(chosen)
    by_number = {each.result.number: each for each in chosen}
    results = [each.result for each in chosen]
    return [by_number[each.number] for each in ranked(results, findings.metrics)]


def fact(findings: Findings, name: str, option: str) -> Callable[[Finding], Any]:
    """What a name means for a trial: a metric's value, one of `FACTS`, or a parameter's value.

    A parameter whose name is taken so has `PARAMETER` before it, as in a table of the trials.

    Raises:
        PcsearchError: the name is unknown.
    """
    for index, metric in enumerate(findings.metrics):
        if metric.name == name:
            return lambda trial: trial.result.values[index]
    if name in FACTS:
        return FACTS[name]
    parameters = findings.sweep.parameters
    parameter = parameters.get(name) or parameters.get(name.removeprefix(PARAMETER))
    if parameter is not None:
        return lambda trial: value_of(trial.result.config, parameter)
    known = [*parameters, *(metric.name for metric in findings.metrics), *FACTS]
    raise PcsearchError(Problem(f"there is no {name!r}{suggestion(name, known)}", option))


def _condition(findings: Findings, text: str) -> Callable[[Finding], bool]:
    match = CONDITION.fullmatch(text)
    if match is None:
        message = f"{text!r} is no condition, such as num_blocks=3 or loss<0.1"
        raise PcsearchError(Problem(message, WHERE))
    of = fact(findings, match["name"].strip(), WHERE)
    sign, wanted = match["sign"], _value(match["value"])
    if sign in ORDERED:
        limit = as_number(wanted)
        if limit is None:
            message = f"{text!r}: {sign} needs a number"
            raise PcsearchError(Problem(message, WHERE))
        compare = ORDERED[sign]
        return lambda trial: (number := as_number(of(trial))) is not None and compare(number, limit)
    is_equal = sign != "!="
    return lambda trial: _same(of(trial), wanted) == is_equal


def _value(text: str) -> Any:
    """The value of a condition, read as in a sweep file; what is no YAML is a text."""
    try:
        return load(f"value: {text}", WHERE).value["value"]
    except PcsearchError:
        return text.strip()


def _same(value: Any, wanted: Any) -> bool:
    """Whether a trial's value is the wanted one; 3 and 3.0 are the same for a reader."""
    one, other = as_number(value), as_number(wanted)
    if one is not None and other is not None:
        return math.isclose(one, other, rel_tol=1e-9)
    return close(value, wanted)


def _order(findings: Findings, sort: str) -> Callable[[list[Finding]], list[Finding]]:
    """Sorts trials by a name; those without a value come last."""
    name, is_reversed = sort.removeprefix("-"), sort.startswith("-")
    of = fact(findings, name, SORT)
    for metric in findings.metrics:
        if metric.name == name and metric.mode == "max":
            is_reversed = not is_reversed

    def key(trial: Finding) -> tuple[bool, float, str]:
        value = of(trial)
        number = as_number(value)
        return number is None, 0.0 if number is None else number, str(value)

    def ordered(trials: list[Finding]) -> list[Finding]:
        have = [each for each in trials if of(each) is not None]
        rest = [each for each in trials if of(each) is None]
        return [*sorted(have, key=key, reverse=is_reversed), *rest]

    return ordered

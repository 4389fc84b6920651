"""The values of the trials as plots have them: columns of numbers or of categories."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.reports.results import number
from pcsearch.sweeps.distributions.base import FloatAxis, identity, is_number
from pcsearch.sweeps.parameters import Parameter, value_of

DIGITS, ALL_DIGITS = 6, 17
"""The digits of a number that a plot needs, and those that a number has."""
MOST_CATEGORIES = 20
"""Listed numbers are categories up to so many, and a scale above."""
MOST_POINTS = 1500
"""The most trials that a plot of points has."""
MOST_PARAMETERS = 20
"""The most parameters in the table and in the parallel coordinates: they are of all trials."""
LINEAR = {"type": "linear", "exponentformat": "e"}
WIDE = 50.0
"""Values whose greatest is so many times the least are drawn on a logarithmic scale."""
FEW_DECADES = 4
"""A logarithmic scale of parallel coordinates has ticks at 1, 2 and 5 up to so many decades, and
at 1 only above."""
SOME_DECADES = 2
"""The axes of a plot have ticks at 1, 2 and 5 up to so many decades, and at 1 only above."""
LEAST_DECADES = 0.5
"""A shorter axis of a plot has plotly's own ticks: there may be no 1, 2 or 5 on it."""
MOST_DECADES = 8
"""A longer axis of a plot has plotly's own ticks: not one at every decade."""


@dataclass(frozen=True)
class Column:
    """The values of the trials on one axis.

    Args:
        name: what they are.
        values: one for each trial, a number or a text; None where it has none.
        categories: all texts, in their order; None for a column of numbers.
        is_log: whether the scale of the numbers is logarithmic.
    """

    name: str
    values: tuple[Any, ...]
    categories: tuple[str, ...] | None = None
    is_log: bool = False

    @property
    def axis(self) -> dict[str, Any]:
        """The axis of a plot."""
        axis: dict[str, Any] = {"title": {"text": self.name, "standoff": 8}, "automargin": True}
        if self.categories is not None:
            return axis | {"type": "category", "categoryarray": list(self.categories)}
        return axis | (log_axis(self.values) if self.is_log else LINEAR)

    @property
    def dimension(self) -> dict[str, Any]:
        """The axis of parallel coordinates, on which everything is a number; None is left out."""
        values: list[Any]
        if self.categories is not None:
            place = {each: i for i, each in enumerate(self.categories)}
            ticks = list(range(len(self.categories)))
            values = [None if value is None else place[value] for value in self.values]
            shown: dict[str, Any] = {"tickvals": ticks, "ticktext": list(self.categories)}
        elif self.is_log:
            logs = [None if value is None else math.log10(value) for value in self.values]
            shorter = rounding(logs)
            values = [shorter(value) for value in logs]
            ticks_at = _log_ticks([value for value in self.values if value is not None])
            shown = {
                "tickvals": [shorter(math.log10(tick)) for tick in ticks_at],
                "ticktext": [f"{tick:g}" for tick in ticks_at],
            }
        else:
            values, shown = list(self.values), {}
        return {"label": self.name, "values": values, **shown}


def parameter_column(parameter: Parameter, trials: Sequence[Finding]) -> Column:
    """The values of a parameter: numbers, or texts where some are no numbers."""
    raw = [value_of(trial.result.config, parameter) for trial in trials]
    known = [value for value in raw if value is not None]
    numeric = all(is_number(value) and _fits(value) for value in known)
    listed = parameter.distribution.spec().get("values")
    labels = _labels(known)
    few = listed is not None and len(labels) <= MOST_CATEGORIES
    if numeric and not few:
        axis = parameter.distribution.axis() if listed is None else None
        is_log = isinstance(axis, FloatAxis) and axis.log and all(value > 0 for value in known)
        values = tuple(map(rounding(raw), raw))
        return Column(parameter.name, values, is_log=is_log)
    ordered = sorted(known) if numeric else sorted(known, key=str)
    categories = tuple(dict.fromkeys(labels[identity(value)] for value in ordered))
    texts = tuple(None if value is None else labels[identity(value)] for value in raw)
    return Column(parameter.name, texts, categories)


def metric_column(findings: Findings, trials: Sequence[Finding], index: int = 0) -> Column:
    """The values of a metric, None of trials that take no part in the ranking."""
    raw = [each.result.values[index] if each.result.valued else None for each in trials]
    values = tuple(map(rounding(raw), raw))
    return Column(findings.metrics[index].name, values, is_log=is_wide(values))


def is_wide(values: Sequence[float | None]) -> bool:
    """Whether values are better seen on a logarithmic scale."""
    known = [value for value in values if value is not None]
    return bool(known) and min(known) > 0 and max(known) > WIDE * min(known)


def scale_of(values: Sequence[float | None]) -> dict[str, Any]:
    """The scale of an axis with these values, for plotly: logarithmic if they are `is_wide`."""
    return log_axis(values) if is_wide(values) else LINEAR


def log_axis(values: Sequence[float | None]) -> dict[str, Any]:
    """A logarithmic axis, for plotly, whose ticks are written in full: 0.02, and not only 2.

    Args:
        values: on it, above 0.
    """
    known = [value for value in values if value is not None]
    decades = math.log10(max(known) / min(known)) if known else 0.0
    axis = {"type": "log", "exponentformat": "e", "minorloglabels": "complete"}
    if not LEAST_DECADES < decades < MOST_DECADES:
        return axis
    return axis | {"dtick": "D2" if decades <= SOME_DECADES else 1}


def drawn(findings: Findings, most: int = MOST_POINTS) -> list[Finding]:
    """The trials with a value, the best first; of more than ``most``, some.

    These are the best half, and evenly many of the ranks below.
    """
    ranking = [each for each in findings.ranking if each.result.valued]
    if len(ranking) <= most:
        return ranking
    first, rest = ranking[: most // 2], ranking[most // 2 :]
    count = most - len(first)
    return first + [rest[i * len(rest) // count] for i in range(count)]


def chosen(findings: Findings, order: Sequence[str]) -> tuple[Parameter, ...]:
    """The searched parameters that the table and the parallel coordinates have, in their order.

    Args:
        findings: of the search.
        order: the names of parameters, those first that are chosen first.
    """
    rank = {name: place for place, name in enumerate(order)}
    ranked = sorted(findings.searched, key=lambda each: rank.get(each.name, len(rank)))
    names = {each.name for each in ranked[:MOST_PARAMETERS]}
    return tuple(each for each in findings.searched if each.name in names)


def without(findings: Findings, most: int, what: str) -> str:
    """A sentence that says so where more parameters are searched than something has."""
    count = len(findings.searched)
    return f" Of {count} parameters the {most} most important {what}." if count > most else ""


def some(findings: Findings, most: int = MOST_POINTS) -> str:
    """A sentence that says so where `drawn` leaves trials out; empty where it has all."""
    valued = sum(each.valued for each in findings.results)
    if valued <= most:
        return ""
    return (
        f" {most:,} of {valued:,} trials are drawn: the best {most // 2:,}, and some of the rest."
    )


def rounded(value: float | None, digits: int = DIGITS) -> float | None:
    """A number with six significant digits, which is enough for a plot; None if it is infinite."""
    if value is None or not math.isfinite(value):
        return None
    short = float(f"{value:.{digits}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def rounding(values: Iterable[float | None]) -> Callable[[float | None], float | None]:
    """Rounds as `rounded`, with more digits where the values differ less than they are large."""
    known = [float(value) for value in values if value is not None and math.isfinite(value)]
    span = max(known) - min(known) if known else 0.0
    if not 0 < span < math.inf:
        return rounded
    more = int(math.log10(max(map(abs, known)) / span))
    return partial(rounded, digits=min(ALL_DIGITS, DIGITS + max(0, more)))


def _labels(values: Iterable[Any]) -> dict[str, str]:
    """The names of values as categories, by their identities; those of different ones differ."""
    names = {
        identity(each): f"{each:.6g}" if isinstance(each, float) else str(each) for each in values
    }
    counts = Counter(names.values())
    return {exact: exact if counts[name] > 1 else name for exact, name in names.items()}


def hover(trial: Finding, facts: Mapping[str, Any]) -> str:
    """The text of a trial's point: a line for its number and for each fact."""
    lines = [f"trial {trial.result.number} ({trial.status})"]
    lines += [f"{name}: {number(value)}" for name, value in facts.items()]
    return "\n".join(lines)


def _log_ticks(values: Sequence[float]) -> list[float]:
    """Round numbers between the least and the greatest, and these; a scale without them is bare."""
    if not values:
        return []
    least, greatest = min(values), max(values)
    decades = range(math.floor(math.log10(least)), math.ceil(math.log10(greatest)) + 1)
    steps = (1, 2, 5) if len(decades) <= FEW_DECADES else (1,)
    inner = [step * 10.0**decade for decade in decades for step in steps]
    return [least, *(tick for tick in inner if least * 1.1 < tick < greatest / 1.1), greatest]


def _fits(value: float) -> bool:
    """Whether a plot has room for a number."""
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False

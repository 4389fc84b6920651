"""A report: the metrics of one epoch of a trial, as a flat mapping from names to values.

The trial may report nested mappings; a metric ``loss`` inside ``val`` is ``val/loss``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pcsearch.engine.workloads.reported_values import AS_TEXT, TUNE_NAMES, own_name
from pcsearch.pc.metrics import DIVERGED, EARLY_STOP_REASON
from pcsearch.sweeps.metrics import Metric

Report = Mapping[str, Any]
SEPARATOR = "/"
ITERATION = "training_iteration"
"""How many reports the trial has made, as Tune counts them."""
SECONDS = "time_total_s"
"""How long the trial has run."""
TIME = "timestamp"
"""When the report was made, in seconds since 1970."""
HOST = "hostname"
"""The name of the machine that the trial runs on."""
CONFIG = "config"
"""The trial's configuration, a mapping."""
NOT_OF_TRIAL = TUNE_NAMES | {AS_TEXT}
"""The names in a report that are not the trial's own."""


def flatten(nested: Mapping[Any, Any]) -> dict[str, Any]:
    """The report in a nested mapping; the names of nested values are joined by a slash."""
    flat: dict[str, Any] = {}
    for name, value in nested.items():
        if isinstance(value, dict):
            inner = flatten(value)
            flat |= {f"{name}{SEPARATOR}{key}": each for key, each in inner.items()}
        else:
            flat[str(name)] = value
    return flat


def as_number(value: Any) -> float | None:
    """A value of a report as a float, possibly infinite or NaN; None if it is no one number.

    Numbers of numpy, tensors with one element, booleans (0 or 1) and texts of numbers are numbers.
    """
    try:
        if hasattr(value, "item"):
            value = value.item()
        return float(value) if isinstance(value, int | float | str) else None
    except OverflowError:
        return math.inf
    # An array of several numbers, a text, an object whose ``item`` is something else.
    except (ValueError, RuntimeError, TypeError):
        return None


def finite(value: Any) -> float | None:
    """A value of a report as a float, None if it is not one finite number (`as_number`)."""
    number = as_number(value)
    return number if number is not None and math.isfinite(number) else None


def reported(report: Report, metric: str) -> Any:
    """What the trial has reported as a metric, None where it has not; Tune may use the name too."""
    return report.get(own_name(metric), report.get(metric))


def measured(report: Report, metric: str) -> float | None:
    """The metric in a report; None where it is missing or not finite, or the trial diverged."""
    return None if report.get(EARLY_STOP_REASON) == DIVERGED else finite(reported(report, metric))


def diverged(report: Report, metrics: Iterable[Metric]) -> bool:
    """Whether a report says that its trial diverged, or has a metric that is not finite."""
    if report.get(EARLY_STOP_REASON) == DIVERGED:
        return True
    numbers = [as_number(reported(report, metric.name)) for metric in metrics]
    return any(number is not None and not math.isfinite(number) for number in numbers)


def best_report(reports: Iterable[Report], metric: Metric) -> int | None:
    """The index of the first report with the best value of a metric; None where none has one."""
    index, best = None, None
    for i, report in enumerate(reports):
        value = measured(report, metric.name)
        if value is not None and metric.better(value, best):
            index, best = i, value
    return index


def epoch_of(report: Report, time_attr: str) -> int:
    """The epoch of a report: how many epochs its trial has trained; 0 of an empty report."""
    return int(report.get(time_attr) or report.get(ITERATION) or 0)


def reported_by_trial(report: Report) -> Iterator[tuple[str, Any]]:
    """The names and values that the trial itself has reported, without those that Tune adds."""
    for name, value in report.items():
        if name not in NOT_OF_TRIAL and not name.startswith(f"{CONFIG}{SEPARATOR}"):
            yield name, value


def not_numbers(report: Report, metrics: Iterable[Metric]) -> Iterator[str]:
    """The names of values that are no plain numbers: metrics, and what has become a text."""
    for metric in metrics:
        value = reported(report, metric.name)
        if value is not None and as_number(value) is None:
            yield metric.name
    yield from report.get(AS_TEXT, ())


def numbers_of_trial(report: Report) -> Iterator[str]:
    """The names of the finite numbers that the trial itself has reported."""
    return (name for name, value in reported_by_trial(report) if finite(value) is not None)

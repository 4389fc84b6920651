"""The ``early_terminate`` of a sweep file: hyperband, which stops bad trials early."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pcsearch.errors import Problem
from pcsearch.sweeps.messages import listed, shown, suggestion
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.numbers import as_number, as_whole_number
from pcsearch.sweeps.reading.document import Document, KeyPath

TYPE = "hyperband"
KEYS = ("type", "min_iter", "max_iter", "s", "eta", "strict", "metric")
WHOLE_NUMBERS = ("min_iter", "max_iter", "s")
LARGEST = 10**9
# As at W&B; only an eta near 1 would give more.
MOST_RUNGS = 100
# W&B has no such limit with max_iter; the two differ only where eta is below 1.003.
MOST_STEPS = 10_000
RUNGS_SHOWN = 12
OPEN_RUNGS_SHOWN = 4
"""Of trials whose length is not known."""


@dataclass(frozen=True)
class Hyperband:
    """Successive halving: at each rung, the trials that are not among the best 1/eta stop.

    The rungs follow from min_iter, or from max_iter with s. After the last rung a trial trains
    to its own end.

    Args:
        min_iter: the first rung, in epochs from 1.
        eta: each rung is this many times the one before; above 1.
        max_iter: the epoch that the rungs are counted down from; itself no rung.
        s: the number of rungs below max_iter.
        strict: whether a trial is compared by its value at the rung, not by its best so far.
        metric: the name of the metric that trials are compared by; None for the first.
    """

    min_iter: int | None = None
    eta: float = 3
    max_iter: int | None = None
    s: int | None = None
    strict: bool = True
    metric: str | None = None

    def rungs(self, max_epochs: int | None) -> tuple[int, ...]:
        """The epochs after which trials are compared, in rising order.

        They are min_iter eta^k for k = 0, 1, ..., 99, or max_iter / eta^i for i = 1, ..., s,
        rounded down.

        Args:
            max_epochs: the number of epochs of the longest trial, whose end is no rung; None if
                it is not known.
        """
        end = LARGEST + 1 if max_epochs is None else min(max_epochs, LARGEST + 1)
        steps = self._up(end) if self.max_iter is None else self._down()
        return tuple(sorted({int(step) for step in steps if int(step) < end}))

    def describe_rungs(self, max_epochs: int | None) -> str:
        """The rungs in words; of many, and where the length of trials is not known, the first."""
        rungs = self.rungs(max_epochs)
        if max_epochs is None:
            more = ", ..." if len(rungs) > OPEN_RUNGS_SHOWN else ""
            return f"{', '.join(map(str, rungs[:OPEN_RUNGS_SHOWN])) or 'none'}{more}"
        more = f" and {len(rungs) - RUNGS_SHOWN} more" if len(rungs) > RUNGS_SHOWN else ""
        return f"{', '.join(map(str, rungs[:RUNGS_SHOWN])) or 'none'}{more}"

    def _up(self, end: int) -> Iterator[float]:
        assert self.min_iter is not None, "there is min_iter or max_iter"
        step: float = self.min_iter
        for _ in range(MOST_RUNGS):
            if step >= end:
                return
            yield step
            step *= self.eta

    def _down(self) -> Iterator[float]:
        assert self.max_iter is not None, "the caller has checked it"
        assert self.s is not None, "max_iter is read only with s"
        step: float = self.max_iter
        for _ in range(min(self.s, MOST_STEPS)):
            step /= self.eta
            if step < 1:
                return
            yield step


def rung_problem(hyperband: Hyperband, max_epochs: int) -> str | None:
    """A message if no trial reaches the first rung; None if one does.

    Args:
        hyperband: the rungs.
        max_epochs: the number of epochs of the longest trial.
    """
    if hyperband.rungs(max_epochs):
        return None
    first = hyperband.min_iter
    advice = "lower min_iter"
    if hyperband.max_iter is not None:
        first = next(iter(hyperband.rungs(None)), None)
        advice = "lower max_iter, raise s"
    return (
        f"no trial would be stopped: the first rung is epoch {first} and the longest trial ends "
        f"at epoch {max_epochs}; {advice} or train longer"
    )


def parse_early_terminate(
    document: Document,
    path: KeyPath,
    metrics: Sequence[Metric] = (),
    *,
    problems: list[Problem],
    notes: list[str],
) -> Hyperband | None:
    """The early termination of a file, or None if it has problems.

    Args:
        document: the file.
        path: where in it the mapping is.
        metrics: of the file; the first one counts, or the one that the mapping names.
        problems: every problem is appended here.
        notes: every key that is not used is appended here, a line each.
    """
    entry = document.at(path)
    if not isinstance(entry, dict):
        problems.append(document.not_a_mapping(path, f"{{type: {TYPE}, min_iter: 3}}"))
        return None
    own_problems = document.unknown_keys(path, KEYS)
    if "type" not in entry:
        own_problems.append(document.problem(path, f"needs type: {TYPE}"))
    for key, message in _value_problems(entry):
        own_problems.append(document.problem((*path, key), message))
    names = [each.name for each in metrics]
    if "metric" in entry and names and entry["metric"] not in names:
        hint = suggestion(entry["metric"], names) or f"; name {listed(names)}"
        message = f"{shown(entry['metric'])} is not a metric of the file{hint}"
        own_problems.append(document.problem((*path, "metric"), message))
    missing = _missing(entry)
    if missing is not None:
        own_problems.append(document.problem(path, missing))
    hyperband = None if own_problems else _hyperband(entry)
    if hyperband is not None and entry.get("metric") in names[1:]:
        hyperband = replace(hyperband, metric=entry["metric"])
    if hyperband is not None and hyperband.max_iter is not None and not hyperband.rungs(None):
        message = (
            f"{hyperband.max_iter} divided by eta {hyperband.eta} is less than one epoch, "
            "so there is no rung; raise max_iter or lower eta"
        )
        own_problems.append(document.problem((*path, "max_iter"), message))
    problems += own_problems
    if own_problems or hyperband is None:
        return None
    notes += _notes(entry)
    return hyperband


def _value_problems(entry: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """Each key with a value that it cannot have, and a message."""
    name = entry.get("type", TYPE)
    if name != TYPE:
        hint = suggestion(name, [TYPE]) or f"; the only type is {TYPE}"
        yield "type", f"{shown(name)} is not supported{hint}"
    for key in WHOLE_NUMBERS:
        number = as_whole_number(entry.get(key, 1))
        if number is None or not 1 <= number <= LARGEST:
            yield key, f"{shown(entry[key])} is not a whole number from 1 to {LARGEST}"
    eta = as_number(entry.get("eta", Hyperband.eta))
    if eta is None or not 1 < eta <= LARGEST:
        yield "eta", f"{shown(entry['eta'])} is not a number above 1, at most {LARGEST}"
    if not isinstance(entry.get("strict", True), bool):
        yield "strict", f"{shown(entry['strict'])} is neither true nor false"


def _missing(entry: Mapping[Any, Any]) -> str | None:
    """A message on the keys that the rungs still need; None if there are enough."""
    if "min_iter" in entry or ("max_iter" in entry and "s" in entry):
        return None
    if "max_iter" in entry:
        return "max_iter needs s, the number of rungs below it"
    if "s" in entry:
        return "s needs max_iter, which its rungs lie below"
    return "needs min_iter, the first epoch to stop trials at, or max_iter with s"


def _hyperband(entry: Mapping[Any, Any]) -> Hyperband:
    """The hyperband of an entry without problems; as at W&B, max_iter with s wins over min_iter."""
    eta = as_number(entry.get("eta", Hyperband.eta))
    assert eta is not None, "eta has been checked"
    strict = entry.get("strict", True)
    if "max_iter" in entry and "s" in entry:
        max_iter, s = as_whole_number(entry["max_iter"]), as_whole_number(entry["s"])
        return Hyperband(None, eta, max_iter, s, strict)
    return Hyperband(as_whole_number(entry["min_iter"]), eta, strict=strict)


def _notes(entry: Mapping[Any, Any]) -> Iterator[str]:
    if "max_iter" in entry and "s" in entry:
        if "min_iter" in entry:
            yield "early_terminate: min_iter is not used; the rungs are those of max_iter and s"
        return
    for key, other in (("max_iter", "s"), ("s", "max_iter")):
        if key in entry:
            yield (
                f"early_terminate: {key} is not used without {other}; "
                "the rungs are those of min_iter"
            )

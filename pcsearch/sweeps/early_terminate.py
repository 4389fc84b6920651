"""The ``early_terminate`` of a sweep file: hyperband."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pcsearch.errors import Problem
from pcsearch.sweeps.keys import as_number, as_whole_number, check_keys, not_a_mapping
from pcsearch.sweeps.positions import Document, KeyPath
from pcsearch.sweeps.wording import shown, suggestion

TYPE = "hyperband"
KEYS = ("type", "min_iter", "max_iter", "s", "eta", "strict")
WHOLE_NUMBERS = ("min_iter", "max_iter", "s")
LARGEST = 10**9
# As at W&B, and only an eta near 1 has more.
MOST_RUNGS = 100
# With max_iter W&B has no such limit: this many differ from it only where eta is below 1.003.
MOST_STEPS = 10_000


@dataclass(frozen=True)
class Hyperband:
    """Successive halving: at each rung the trials outside the best 1/eta stop.

    The rungs are given by min_iter, or by max_iter with s; a trial that gets past the last of
    them goes on to its own end.

    Args:
        min_iter: the first rung, in epochs from 1.
        eta: how many times as far the next rung is; above 1.
        max_iter: what the rungs are counted down from; no rung itself.
        s: how many rungs there are below max_iter.
        strict: whether a trial is judged by its value at the rung, not by its best up to there.
    """

    min_iter: int | None = None
    eta: float = 3
    max_iter: int | None = None
    s: int | None = None
    strict: bool = True

    def rungs(self, max_epochs: int | None) -> tuple[int, ...]:
        """The epochs after which trials are compared, in rising order.

        They are the whole part of min_iter eta^k for k = 0, 1, ..., 99, or of max_iter / eta^i
        for i = 1, ..., s.

        Args:
            max_epochs: of the longest trial, whose end is no rung; None where nobody knows.
        """
        end = LARGEST + 1 if max_epochs is None else min(max_epochs, LARGEST + 1)
        steps = self._up(end) if self.max_iter is None else self._down()
        return tuple(sorted({int(step) for step in steps if int(step) < end}))

    def _up(self, end: int) -> Iterator[float]:
        assert self.min_iter is not None, "it has one of the two forms"
        step: float = self.min_iter
        for _ in range(MOST_RUNGS):
            if step >= end:
                return
            yield step
            step *= self.eta

    def _down(self) -> Iterator[float]:
        assert self.max_iter is not None, "it has this form"
        assert self.s is not None, "it is read with max_iter"
        step: float = self.max_iter
        for _ in range(min(self.s, MOST_STEPS)):
            step /= self.eta
            if step < 1:
                return
            yield step


def rung_problem(hyperband: Hyperband, max_epochs: int) -> str | None:
    """What is wrong with rungs of which no trial reaches the first; None where one does.

    Args:
        hyperband: the rungs.
        max_epochs: of the longest trial.
    """
    if hyperband.rungs(max_epochs):
        return None
    first = hyperband.min_iter
    cure = "lower min_iter"
    if hyperband.max_iter is not None:
        first = next(iter(hyperband.rungs(None)), None)
        cure = "lower max_iter, raise s"
    return (
        f"no trial would be stopped: the first rung is epoch {first} and the longest trial ends "
        f"at epoch {max_epochs}; {cure} or train longer"
    )


def parse_early_terminate(
    document: Document, path: KeyPath, *, problems: list[Problem], notes: list[str]
) -> Hyperband | None:
    """The early termination of a file, or None where it has problems.

    Args:
        document: the file.
        path: where in it the mapping is.
        problems: where what is wrong is appended.
        notes: where it is appended what is not used, a line each.
    """
    given: Any = document.value
    for key in path:
        given = given[key]
    if not isinstance(given, dict):
        problems.append(not_a_mapping(document, path, f"{{type: {TYPE}, min_iter: 3}}"))
        return None
    found = check_keys(document, path, given, KEYS, {})
    if "type" not in given:
        found.append(document.problem(path, f"needs type: {TYPE}"))
    for key, message in _value_problems(given):
        found.append(document.problem((*path, key), message))
    missing = _missing(given)
    if missing is not None:
        found.append(document.problem(path, missing))
    hyperband = None if found else _hyperband(given)
    if hyperband is not None and hyperband.max_iter is not None and not hyperband.rungs(None):
        message = (
            f"{hyperband.max_iter} divided by eta {hyperband.eta} is less than one epoch, "
            "so there is no rung; raise max_iter or lower eta"
        )
        found.append(document.problem((*path, "max_iter"), message))
    problems += found
    if found or hyperband is None:
        return None
    notes += _notes(given)
    return hyperband


def _value_problems(given: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    """Each key with a value that it cannot have, and why."""
    name = given.get("type", TYPE)
    if name != TYPE:
        hint = suggestion(name, [TYPE]) or f"; the only type is {TYPE}"
        yield "type", f"{shown(name)} is not supported{hint}"
    for key in WHOLE_NUMBERS:
        number = as_whole_number(given.get(key, 1))
        if number is None or not 1 <= number <= LARGEST:
            yield key, f"{shown(given[key])} is not a whole number from 1 to {LARGEST}"
    eta = as_number(given.get("eta", Hyperband.eta))
    if eta is None or not 1 < eta <= LARGEST:
        yield "eta", f"{shown(given['eta'])} is not a number above 1, at most {LARGEST}"
    if not isinstance(given.get("strict", True), bool):
        yield "strict", f"{shown(given['strict'])} is neither true nor false"


def _missing(given: Mapping[Any, Any]) -> str | None:
    """What the rungs need besides what is given."""
    if "min_iter" in given or ("max_iter" in given and "s" in given):
        return None
    if "max_iter" in given:
        return "max_iter needs s, the number of rungs below it"
    if "s" in given:
        return "s needs max_iter, which its rungs lie below"
    return "needs min_iter, the first epoch to stop trials at, or max_iter with s"


def _hyperband(given: Mapping[Any, Any]) -> Hyperband:
    """What a mapping without problems says; max_iter with s wins over min_iter, as at W&B."""
    eta = as_number(given.get("eta", Hyperband.eta))
    assert eta is not None, "it is checked"
    strict = given.get("strict", True)
    if "max_iter" in given and "s" in given:
        max_iter, s = as_whole_number(given["max_iter"]), as_whole_number(given["s"])
        return Hyperband(None, eta, max_iter, s, strict)
    return Hyperband(as_whole_number(given["min_iter"]), eta, strict=strict)


def _notes(given: Mapping[Any, Any]) -> Iterator[str]:
    if "max_iter" in given and "s" in given:
        if "min_iter" in given:
            yield "early_terminate: min_iter is not used; the rungs are those of max_iter and s"
        return
    for key, other in (("max_iter", "s"), ("s", "max_iter")):
        if key in given:
            yield (
                f"early_terminate: {key} is not used without {other}; "
                "the rungs are those of min_iter"
            )

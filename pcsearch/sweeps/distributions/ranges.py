"""Checks that the arguments of a distribution fit together and can be computed with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pcsearch.sweeps.distributions import registry
from pcsearch.sweeps.distributions.base import SHAPES
from pcsearch.sweeps.distributions.continuous import (
    InvLogUniform,
    LogNormal,
    LogUniform,
    LogUniformValues,
)
from pcsearch.sweeps.messages import shown

# e^690 is just below the largest number that is drawn.
LARGEST_EXPONENT = 690.0
# How many standard deviations the farthest quantile of a normal distribution is from its mean.
REACH = 9.0


def range_problems(kind: str, arguments: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each key that is wrong, and a message.

    Args:
        kind: W&B's name of the distribution.
        arguments: finite numbers, all that the distribution needs.
    """
    low, high = arguments.get("min", 0), arguments.get("max", 0)
    base = registry.base(kind)
    if low > high:
        yield "min", f"min {shown(low)} is greater than max {shown(high)}"
    if issubclass(base, LogUniformValues) and low <= 0:
        yield "min", f"min {shown(low)} must be above 0 for {kind}"
    for key in ("q", "sigma", "a", "b"):
        if key in arguments and arguments[key] <= 0:
            yield key, f"{key} {shown(arguments[key])} must be above 0"
        elif key in ("a", "b") and not SHAPES[0] <= arguments.get(key, 1) <= SHAPES[1]:
            yield key, f"{key} {shown(arguments[key])} is not from {SHAPES[0]:g} to {SHAPES[1]:g}"
    if issubclass(base, LogUniform | InvLogUniform):
        for key in ("min", "max"):
            if abs(arguments[key]) > LARGEST_EXPONENT:
                yield key, _exponent_message(kind, key, arguments[key])
    elif issubclass(base, LogNormal):
        reach = abs(arguments.get("mu", 0)) + REACH * arguments.get("sigma", 1)
        if reach > LARGEST_EXPONENT:
            yield "distribution", f"mu and sigma reach beyond e^{LARGEST_EXPONENT:g}"


def _exponent_message(kind: str, key: str, value: float) -> str:
    return (
        f"{key} {shown(value)} is beyond {LARGEST_EXPONENT if value > 0 else -LARGEST_EXPONENT:g}: "
        f"bounds of {kind} are exponents of e; for the values' own bounds write {kind}_values"
    )

"""Distributions that are valid but may not be what the user meant."""

from __future__ import annotations

from collections.abc import Iterator

from pcsearch.sweeps.distributions.base import Distribution
from pcsearch.sweeps.distributions.continuous import (
    InvLogUniform,
    LogUniform,
    LogUniformValues,
    Uniform,
)
from pcsearch.sweeps.distributions.quantised import Quantised


def pitfalls(distribution: Distribution) -> Iterator[str]:
    """A message for each thing about a distribution that the user may not expect."""
    base = distribution.base if isinstance(distribution, Quantised) else distribution
    kind, words = distribution.kind, distribution.describe()
    if isinstance(base, LogUniform | InvLogUniform) and _looks_like_values(base):
        yield f"{words}: min and max of {kind} are exponents of e; was {kind}_values meant?"
    rounded, exact = distribution.bounds(), base.bounds()
    if isinstance(distribution, Quantised) and rounded is not None and exact is not None:
        low, high = rounded
        if low == high:
            yield f"every draw is {low}: {words}; a smaller q would leave a choice"
        elif isinstance(base, Uniform | LogUniformValues) and (low < exact[0] or high > exact[1]):
            yield f"rounding leads past the bounds: {words}, draws {low} to {high}"


def _looks_like_values(base: LogUniform | InvLogUniform) -> bool:
    """Whether bounds that are exponents would be valid as the bounds of the values.

    Small exponents of an inverse distribution are suspicious; large ones are usual.
    """
    if base.min == 0:
        return 0 < base.max <= 1
    return base.min > 0 and (isinstance(base, LogUniform) or base.min <= 1)

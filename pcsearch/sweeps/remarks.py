"""What a user should know of a distribution that is sound and may still not be what was meant."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pcsearch.sweeps.distributions.base import Distribution
from pcsearch.sweeps.distributions.continuous import (
    InvLogUniform,
    LogUniform,
    LogUniformValues,
    Uniform,
)
from pcsearch.sweeps.distributions.quantised import Quantised
from pcsearch.sweeps.keys import spells_number


def remarks(made: Distribution) -> Iterator[str]:
    """The remarks on a distribution."""
    base = made.base if isinstance(made, Quantised) else made
    if isinstance(base, LogUniform | InvLogUniform) and _looks_like_values(base):
        yield (
            f"{made.describe()}: min and max of {made.kind} are exponents of e; "
            f"was {made.kind}_values meant?"
        )
    bounds, within = made.bounds(), base.bounds()
    if isinstance(made, Quantised) and bounds is not None and within is not None:
        low, high = bounds
        if low == high:
            yield f"every draw is {low}: {made.describe()}; a smaller q would leave a choice"
        elif isinstance(base, Uniform | LogUniformValues) and (low < within[0] or high > within[1]):
            yield f"rounding leads past the bounds: {made.describe()}, draws {low} to {high}"


def texts_that_spell_numbers(value: Any) -> Iterator[str]:
    """The texts like 1e-3 in a value, also in its lists and mappings."""
    if isinstance(value, str) and spells_number(value):
        yield value
    elif isinstance(value, list | dict):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts_that_spell_numbers(each)


def _looks_like_values(base: LogUniform | InvLogUniform) -> bool:
    """Whether bounds that are exponents would be sound as the values' own.

    Small ones of an inverse distribution would; its large ones are the usual exponents.
    """
    if base.min == 0:
        return 0 < base.max <= 1
    return base.min > 0 and (isinstance(base, LogUniform) or base.min <= 1)

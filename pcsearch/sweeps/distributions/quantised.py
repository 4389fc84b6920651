"""Continuous distributions rounded to the multiples of a number.

The multiples are exact decimals: 0.1, 0.2, 0.3 and never 0.30000000000000004.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, overload

from pcsearch.sweeps.distributions.base import Continuous, Distribution, is_finite
from pcsearch.sweeps.distributions.continuous import Uniform

PREFIX = "q_"


def decimal(number: float) -> Fraction:
    """The exact decimal number that the user wrote; a double only comes near to it."""
    return Fraction(number) if isinstance(number, int) else Fraction(repr(float(number)))


def rounded(number: Fraction, whole: bool) -> float:
    """The int that a fraction is, where ``whole``; else the double nearest to it."""
    return int(number) if whole else float(number)


@dataclass(frozen=True)
class Steps(Sequence[float]):
    """The ``size`` numbers start, start + step, ...; each is computed when it is read.

    Args:
        start: the first number.
        step: from each number to the next.
        size: how many numbers there are.
        whole: whether they are ints.
    """

    start: Fraction
    step: Fraction
    size: int
    whole: bool

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> list[float]: ...
    def __getitem__(self, index: int | slice) -> float | list[float]:
        chosen = range(self.size)[index]
        if isinstance(chosen, range):
            return [self[each] for each in chosen]
        return rounded(self.start + chosen * self.step, self.whole)

    def __contains__(self, value: Any) -> bool:
        return self.place(value) is not None

    def place(self, value: Any) -> int | None:
        """The position of a value, None where it is not there; nothing is listed."""
        if not is_finite(value):
            return None
        index = round((decimal(value) - self.start) / self.step)
        return index if 0 <= index < self.size and self[index] == value else None


@dataclass(frozen=True)
class Quantised(Distribution):
    """round(x / q) q, where x is from another distribution; an int where q is an int.

    As at W&B, rounding can lead past a bound that is not a multiple of q. The grid of a uniform
    distribution starts at min, goes in steps of q and leaves max out; its values are ints where
    min, max and q are.

    Args:
        base: the distribution of x.
        q: what the values are multiples of, above 0.
        whole: whether a grid of whole numbers is one of ints wherever q is an int.
    """

    base: Continuous
    q: float = 1.0
    whole: bool = False

    @property
    def kind(self) -> str:  # type: ignore[override]
        """W&B's name of the distribution."""
        return PREFIX + self.base.kind

    def ppf(self, u: float) -> float:
        """The multiple of q nearest to the quantile; of two equally near, the even one."""
        return self._nearest(self.base.ppf(u))

    def contains(self, value: Any) -> bool:
        """Whether it is a multiple of q that can be drawn, or one of the grid's values."""
        if not is_finite(value):
            return False
        low, high = self.base.support()
        least = self._nearest(low) if math.isfinite(low) else low
        most = self._nearest(high) if math.isfinite(high) else high
        on_grid = self._nearest(value) == value and least <= value <= most
        grid = self.grid()
        return on_grid or (grid is not None and value in grid)

    def describe(self) -> str:
        """The unrounded distribution and q."""
        return f"{self.base.describe()}, in multiples of {self.q}"

    def spec(self) -> dict[str, Any]:
        """The entry of the unrounded distribution, with q."""
        return {**self.base.spec(), "distribution": self.kind, "q": self.q}

    def grid(self) -> Steps | None:
        """Min, min + q, and so on below max; only min if max is min."""
        if not isinstance(self.base, Uniform):
            return None
        start, size = decimal(self.base.min), self.grid_size()
        assert size is not None, "a uniform distribution has a grid"
        ends_are_ints = isinstance(self.base.min, int) and isinstance(self.base.max, int)
        whole = isinstance(self.q, int) and start.denominator == 1
        return Steps(start, decimal(self.q), size, whole and (self.whole or ends_are_ints))

    def grid_size(self) -> int | None:
        """The number of values min, min + q, ... below max; at least one."""
        if not isinstance(self.base, Uniform):
            return None
        width = decimal(self.base.max) - decimal(self.base.min)
        return max(1, math.ceil(width / decimal(self.q)))

    def bounds(self) -> tuple[float, float] | None:
        """The first and the last multiple that can be drawn."""
        if self.base.bounds() is None:
            return None
        low, high = self.base.support()
        return self._nearest(low), self._nearest(high)

    def _nearest(self, number: float) -> float:
        count = round(decimal(number) / decimal(self.q))
        return rounded(count * decimal(self.q), isinstance(self.q, int))

"""Continuous distributions rounded to the multiples of a number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pcsearch.sweeps.distributions.base import Continuous, Distribution, is_number
from pcsearch.sweeps.distributions.continuous import Uniform
from pcsearch.sweeps.steps import Steps, exact, plain

PREFIX = "q_"


@dataclass(frozen=True)
class Quantised(Distribution):
    """round(x / q) q, x from another distribution; an int where q is one.

    As in W&B, rounding can lead past a bound that is no multiple of q itself, while the grid of
    a uniform distribution starts at min, goes in steps of q and leaves max out.
    """

    base: Continuous
    q: float = 1

    @property
    def kind(self) -> str:  # type: ignore[override]
        """W&B's name of it."""
        return PREFIX + self.base.kind

    def ppf(self, u: float) -> float:
        """The multiple of q nearest to the quantile; of two equally near, the even one."""
        return self._nearest(self.base.ppf(u))

    def contains(self, value: Any) -> bool:
        """Whether it is a multiple of q that can be drawn, or one of the grid's values."""
        if not is_number(value) or not math.isfinite(value):
            return False
        low, high = self.base.support()
        least = self._nearest(low) if math.isfinite(low) else low
        most = self._nearest(high) if math.isfinite(high) else high
        on_grid = self._nearest(value) == value and least <= value <= most
        grid = self.grid()
        return on_grid or (grid is not None and value in grid)

    def describe(self) -> str:
        """The distribution and the step."""
        return f"{self.base.describe()}, in multiples of {self.q}"

    def spec(self) -> dict[str, Any]:
        """As that of the distribution, and q."""
        return {**self.base.spec(), "distribution": self.kind, "q": self.q}

    def grid(self) -> Steps | None:
        """Min, min + q, and so on below max; min alone where max is min."""
        if not isinstance(self.base, Uniform):
            return None
        start, size = exact(self.base.min), self.grid_size()
        assert size is not None, "a uniform distribution has a grid"
        whole = isinstance(self.q, int) and start.denominator == 1
        return Steps(start, exact(self.q), size, whole)

    def grid_size(self) -> int | None:
        """How many steps of q begin below max, at least one."""
        if not isinstance(self.base, Uniform):
            return None
        width = exact(self.base.max) - exact(self.base.min)
        return max(1, math.ceil(width / exact(self.q)))

    def bounds(self) -> tuple[float, float] | None:
        """The first and the last multiple that can be drawn."""
        if self.base.bounds() is None:
            return None
        low, high = self.base.support()
        return self._nearest(low), self._nearest(high)

    def _nearest(self, number: float) -> float:
        count = round(exact(number) / exact(self.q))
        return plain(count * exact(self.q), isinstance(self.q, int))

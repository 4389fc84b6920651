"""The distributions of a sweep's parameters, with W&B's meanings.

Bounds are finite and of magnitude up to `LARGEST`; whoever makes a distribution has checked them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import NormalDist
from typing import Any

from pcsearch.sweeps.steps import Steps, exact, plain
from pcsearch.sweeps.wording import shown

# Room below the largest double for max - min, and for a multiple of q just above max.
LARGEST = 1e300
# The quantiles 0 and 1 of a normal distribution are infinite.
FARTHEST_QUANTILE = 1e-16


def same(first: Any, second: Any) -> bool:
    """Whether two plain values are equal and of equal types, inside lists too."""
    return repr(first) == repr(second)


def _share(u: float, count: int) -> int:
    """Which of ``count`` equal shares of [0, 1] holds u; exact however large the count."""
    numerator, denominator = float(u).as_integer_ratio()
    return min(numerator * count // denominator, count - 1)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class _Base:
    """What distributions share; those that are a finite list of values have a grid."""

    def ppf(self, u: float) -> Any:
        """The value at quantile ``u``, in [0, 1]; a plain Python value."""
        raise NotImplementedError

    def contains(self, value: Any) -> bool:
        """Whether ``value`` can be drawn."""
        raise NotImplementedError

    def describe(self) -> str:
        """The distribution in a few words."""
        raise NotImplementedError

    def grid(self) -> Sequence[Any] | None:
        """Its values in a grid, made lazily, or None. ``len`` fails above ``sys.maxsize``."""
        return None

    def grid_size(self) -> int | None:
        """How many values `grid` has, however many, or None."""
        return None

    def bounds(self) -> tuple[float, float] | None:
        """The least and the largest number that can be drawn; None without such bounds."""
        return None


@dataclass(frozen=True)
class Constant(_Base):
    """One value, of any plain type."""

    value: Any

    def ppf(self, u: float) -> Any:
        """The value."""
        return self.value

    def contains(self, value: Any) -> bool:
        """Whether it is the value, type and all."""
        return same(value, self.value)

    def describe(self) -> str:
        """The value."""
        return shown(self.value)

    def grid(self) -> Sequence[Any]:
        """The value."""
        return (self.value,)

    def grid_size(self) -> int:
        """One."""
        return 1


@dataclass(frozen=True)
class Categorical(_Base):
    """Values of any plain types, each with an equal share; a value given twice has two shares."""

    values: tuple[Any, ...]

    def ppf(self, u: float) -> Any:
        """The value in whose share ``u`` lies."""
        return self.values[_share(u, len(self.values))]

    def contains(self, value: Any) -> bool:
        """Whether it is one of the values, type and all."""
        return any(same(value, each) for each in self.values)

    def describe(self) -> str:
        """The values, the first few if there are many."""
        return "one of " + shown(list(self.values))

    def grid(self) -> Sequence[Any]:
        """The values, each once; 1, 1.0 and True are different values."""
        return tuple({repr(value): value for value in self.values}.values())

    def grid_size(self) -> int:
        """How many different values there are."""
        return len(self.grid())


@dataclass(frozen=True)
class Uniform(_Base):
    """Real numbers between min and max."""

    min: float
    max: float

    def ppf(self, u: float) -> float:
        """The number at min + u (max - min)."""
        low, high = float(self.min), float(self.max)
        return min(max(low + float(u) * (high - low), low), high)

    def contains(self, value: Any) -> bool:
        """Whether it is a number between the bounds."""
        return _is_number(value) and float(self.min) <= value <= float(self.max)

    def describe(self) -> str:
        """The bounds."""
        return f"uniform {self.min}..{self.max}"

    def bounds(self) -> tuple[float, float]:
        """Min and max."""
        return self.min, self.max


@dataclass(frozen=True)
class LogUniformValues(_Base):
    """Positive numbers between min and max whose logarithm is uniform."""

    min: float
    max: float

    def ppf(self, u: float) -> float:
        """The number at min (max / min)^u, never outside the bounds."""
        low, high = math.log(self.min), math.log(self.max)
        value = math.exp(low + float(u) * (high - low))
        return min(max(value, float(self.min)), float(self.max))

    def contains(self, value: Any) -> bool:
        """Whether it is a number between the bounds."""
        return _is_number(value) and float(self.min) <= value <= float(self.max)

    def describe(self) -> str:
        """The bounds."""
        return f"log-uniform {self.min}..{self.max}"

    def bounds(self) -> tuple[float, float]:
        """Min and max."""
        return self.min, self.max


@dataclass(frozen=True)
class IntUniform(_Base):
    """Whole numbers from min to max, both included, each with an equal share."""

    min: int
    max: int

    def ppf(self, u: float) -> int:
        """The number in whose share ``u`` lies."""
        return self.min + _share(u, self.grid_size())

    def contains(self, value: Any) -> bool:
        """Whether it is a whole number (an int) between the bounds."""
        return _is_number(value) and isinstance(value, int) and self.min <= value <= self.max

    def describe(self) -> str:
        """The bounds."""
        return f"whole numbers {self.min}..{self.max}"

    def grid(self) -> Sequence[int]:
        """Every number."""
        return range(self.min, self.max + 1)

    def grid_size(self) -> int:
        """How many numbers there are."""
        return self.max - self.min + 1

    def bounds(self) -> tuple[int, int]:
        """Min and max."""
        return self.min, self.max


@dataclass(frozen=True)
class QUniform(_Base):
    """Multiples of q: uniform draws between min and max, each rounded to the nearest multiple.

    As in W&B, rounding can lead past a bound that is no multiple of q itself, while a grid starts
    at min, goes in steps of q and leaves max out. Values are ints where min, max and q are.
    """

    min: float
    max: float
    q: float = 1

    def ppf(self, u: float) -> float:
        """The multiple of q nearest to min + u (max - min)."""
        low, high = exact(self.min), exact(self.max)
        return self._multiple(self._nearest(low + Fraction(float(u)) * (high - low)))

    def contains(self, value: Any) -> bool:
        """Whether it is one of the multiples, or one of the grid's values."""
        if not _is_number(value) or not math.isfinite(value):
            return False
        low, high = self.bounds()
        nearest = self._multiple(self._nearest(exact(value)))
        return (low <= value <= high and nearest == value) or value in self.grid()

    def describe(self) -> str:
        """The bounds and the step."""
        return f"multiples of {self.q} in {self.min}..{self.max}"

    def grid(self) -> Steps:
        """Min, min + q, and so on below max; min alone where max is min."""
        return Steps(exact(self.min), exact(self.q), self.grid_size(), self._whole())

    def grid_size(self) -> int:
        """How many steps of q begin below max, at least one."""
        return max(1, math.ceil((exact(self.max) - exact(self.min)) / exact(self.q)))

    def bounds(self) -> tuple[float, float]:
        """The first and the last multiple that can be drawn."""
        return self.ppf(0), self.ppf(1)

    def _nearest(self, number: Fraction) -> int:
        return round(number / exact(self.q))

    def _multiple(self, count: int) -> float:
        return plain(count * exact(self.q), self._whole())

    def _whole(self) -> bool:
        return all(isinstance(number, int) for number in (self.min, self.max, self.q))


@dataclass(frozen=True)
class Normal(_Base):
    """Normally distributed numbers with mean mu and standard deviation sigma."""

    mu: float = 0
    sigma: float = 1

    def ppf(self, u: float) -> float:
        """The quantile; those within 1e-16 of 0 and 1 stand at that distance."""
        clipped = min(max(float(u), FARTHEST_QUANTILE), 1 - FARTHEST_QUANTILE)
        return float(NormalDist(self.mu, self.sigma).inv_cdf(clipped))

    def contains(self, value: Any) -> bool:
        """Whether it is a finite number."""
        return _is_number(value) and math.isfinite(value)

    def describe(self) -> str:
        """The mean and the standard deviation."""
        return f"normal, mean {self.mu}, deviation {self.sigma}"


Distribution = Constant | Categorical | Uniform | LogUniformValues | IntUniform | QUniform | Normal

BY_NAME: dict[str, type[Distribution]] = {
    "constant": Constant,
    "categorical": Categorical,
    "uniform": Uniform,
    "log_uniform_values": LogUniformValues,
    "int_uniform": IntUniform,
    "q_uniform": QUniform,
    "normal": Normal,
}

"""What every distribution of a parameter offers, and how a searcher moves along it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from numpy.random import Generator

# Room below the largest double for max - min, and for a multiple of q just above max.
LARGEST = 1e300
# Within them the quantiles of a beta distribution are right, and beyond them at times no numbers.
SHAPES = (1e-6, 1e6)
# The quantiles that a searcher stays between where a distribution has no other axis.
EXTREMES = (1e-9, 1 - 1e-9)


@dataclass(frozen=True)
class FloatAxis:
    """Real points between ``low`` and ``high``; their prior is uniform, or log-uniform."""

    low: float
    high: float
    log: bool = False


@dataclass(frozen=True)
class IntAxis:
    """Whole points from ``low`` to ``high``, both included; their prior is uniform."""

    low: int
    high: int


@dataclass(frozen=True)
class ChoiceAxis:
    """The points 0 to ``count`` - 1, without an order; their prior is uniform."""

    count: int


Axis = FloatAxis | IntAxis | ChoiceAxis


class Distribution(ABC):
    """What a parameter's values are drawn from; equal where the values' meaning is.

    Whoever makes one has checked its arguments: bounds are finite, min is not above max, no value
    is beyond `LARGEST`, and no shape beyond `SHAPES`.
    """

    kind: ClassVar[str]
    """W&B's name of it."""

    @abstractmethod
    def ppf(self, u: float) -> Any:
        """The value at quantile ``u``, in [0, 1]; a plain Python value."""

    @abstractmethod
    def contains(self, value: Any) -> bool:
        """Whether ``value`` can be drawn."""

    @abstractmethod
    def describe(self) -> str:
        """The distribution in a few words."""

    @abstractmethod
    def spec(self) -> dict[str, Any]:
        """The entry of a sweep file that gives this distribution."""

    def sample(self, random: Generator) -> Any:
        """An independent draw."""
        return self.ppf(random.random())

    def grid(self) -> Sequence[Any] | None:
        """Its values in a grid, made lazily, or None. ``len`` fails above ``sys.maxsize``."""
        return None

    def grid_size(self) -> int | None:
        """How many values `grid` has, however many, or None."""
        return None

    def bounds(self) -> tuple[float, float] | None:
        """The least and the largest number that can be drawn; None without such bounds."""
        return None

    def is_single(self) -> bool:
        """Whether its bounds leave one value alone."""
        bounds = self.bounds()
        return bounds is not None and bounds[0] == bounds[1]

    def axis(self) -> Axis | None:
        """What a searcher moves along, its prior being this distribution; None for one value."""
        return None if self.is_single() else FloatAxis(*EXTREMES)

    def at(self, point: float) -> Any:
        """The value at a point of the `axis`."""
        return self.ppf(point)


class Continuous(Distribution):
    """A distribution of real numbers."""

    @abstractmethod
    def support(self) -> tuple[float, float]:
        """The least and the largest number, or infinities."""

    def contains(self, value: Any) -> bool:
        """Whether it is a finite number of the support."""
        low, high = self.support()
        return is_number(value) and math.isfinite(value) and low <= value <= high

    def grid(self) -> Sequence[Any] | None:
        """Its one value where max is min."""
        return (self.ppf(0.5),) if self.is_single() else None

    def grid_size(self) -> int | None:
        """One where max is min."""
        return 1 if self.is_single() else None

    def inside(self, value: float) -> float:
        """The number of the support next to a value that rounding may have led out of it."""
        low, high = self.support()
        return min(max(float(value), low), high)

    def bounds(self) -> tuple[float, float] | None:
        """The support where it is finite."""
        low, high = self.support()
        return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def is_number(value: Any) -> bool:
    """Whether a value is an int or a float; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(first: Any, second: Any) -> bool:
    """Whether two plain values are equal and of equal types, inside lists and mappings too."""
    return identity(first) == identity(second)


def identity(value: Any) -> str:
    """Text that tells plain values apart, their types too, but no orders of a mapping's keys."""
    if isinstance(value, dict):
        pairs = sorted(f"{identity(key)}: {identity(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(identity, value))}]"
    return repr(value)


def share(u: float, count: int) -> int:
    """Which of ``count`` equal shares of [0, 1] holds u; exact however large the count."""
    numerator, denominator = float(u).as_integer_ratio()
    return min(numerator * count // denominator, count - 1)

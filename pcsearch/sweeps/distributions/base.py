"""The interface of every distribution of a parameter, and the axis that a searcher moves along."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from numpy.random import Generator

# Below the largest double, so that max - min and a multiple of q just above max are finite.
LARGEST = 1e300
# Between them the quantiles of a beta distribution are right; beyond them some are not numbers.
SHAPES = (1e-6, 1e6)
# The lowest and highest quantile of a searcher, for distributions without another axis.
EXTREMES = (1e-9, 1 - 1e-9)


@dataclass(frozen=True)
class FloatAxis:
    """Real points from ``low`` to ``high``; the prior is uniform, or log-uniform if ``log``."""

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
    """The unordered points 0 to ``count`` - 1; their prior is uniform."""

    count: int


Axis = FloatAxis | IntAxis | ChoiceAxis


class Distribution(ABC):
    """The distribution that a parameter's values are drawn from.

    Two are equal if they give the same values. The caller has checked the arguments: bounds are
    finite, min is not above max, no value is beyond `LARGEST`, and no shape beyond `SHAPES`.
    """

    kind: ClassVar[str]
    """W&B's name of the distribution."""

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
        """The entry of a sweep file's ``parameters`` that gives this distribution."""

    def sample(self, random: Generator) -> Any:
        """An independent draw."""
        return self.ppf(random.random())

    def grid(self) -> Sequence[Any] | None:
        """Its values in a grid, made lazily, or None without a grid.

        ``len`` of them fails above ``sys.maxsize``; `grid_size` does not.
        """
        return None

    def grid_size(self) -> int | None:
        """The number of values of `grid`, however large, or None without a grid."""
        return None

    def different_values(self) -> Sequence[Any] | None:
        """The values that can be drawn, each once; None where they are not listed.

        Values of different types are different, also where Python holds them to be equal.
        """
        return (self.ppf(0.5),) if self.is_single() else None

    def bounds(self) -> tuple[float, float] | None:
        """The least and the largest number that can be drawn; None without bounds."""
        return None

    def is_single(self) -> bool:
        """Whether only one value can be drawn."""
        bounds = self.bounds()
        return bounds is not None and bounds[0] == bounds[1]

    def axis(self) -> Axis | None:
        """The axis that a searcher moves along; None if there is one value only.

        A point drawn from the axis's prior gives, by `at`, a value of this distribution.
        """
        return None if self.is_single() else FloatAxis(*EXTREMES)

    def at(self, point: float) -> Any:
        """The value at a point of the `axis`."""
        return self.ppf(point)


class Continuous(Distribution):
    """A distribution of real numbers."""

    @abstractmethod
    def support(self) -> tuple[float, float]:
        """The least and the largest number; infinite where there is none."""

    def contains(self, value: Any) -> bool:
        """Whether it is a finite number of the support."""
        low, high = self.support()
        return is_finite(value) and low <= value <= high

    def grid(self) -> Sequence[Any] | None:
        """Its only value if max is min, else None."""
        return (self.ppf(0.5),) if self.is_single() else None

    def grid_size(self) -> int | None:
        """1 if max is min, else None."""
        return 1 if self.is_single() else None

    def inside(self, value: float) -> float:
        """The nearest number of the support; rounding may have led a value out of it."""
        low, high = self.support()
        return min(max(float(value), low), high)

    def bounds(self) -> tuple[float, float] | None:
        """The support if it is finite, else None."""
        low, high = self.support()
        return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def is_number(value: Any) -> bool:
    """Whether a value is an int or a float; a boolean is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_finite(value: Any) -> bool:
    """Whether a value is a number that is not infinite as a float, which a large int may be."""
    return is_number(value) and abs(value) <= sys.float_info.max


def same(first: Any, second: Any) -> bool:
    """Whether two plain values are equal and of equal types, inside lists and mappings too."""
    return identity(first) == identity(second)


def identity(value: Any) -> str:
    """Text that is the same for two plain values if both values and types are the same.

    The order of a mapping's keys does not count.
    """
    if isinstance(value, dict):
        pairs = sorted(f"{identity(key)}: {identity(each)}" for key, each in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(identity, value))}]"
    return repr(value)


def loose_identity(value: Any) -> str:
    """As `identity`, but 1 and 1.0 are the same, of which W&B's server may make each other."""
    return identity(_with_ints(value))


def _with_ints(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_ints(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_ints(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def share(u: float, count: int) -> int:
    """The number of the share that holds u, of ``count`` equal shares of [0, 1]; always exact."""
    numerator, denominator = float(u).as_integer_ratio()
    return min(numerator * count // denominator, count - 1)

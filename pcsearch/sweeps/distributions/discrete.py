"""Distributions of values that can be listed: constants, categories and whole numbers."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pcsearch.sweeps.distributions.base import (
    Axis,
    ChoiceAxis,
    Distribution,
    IntAxis,
    identity,
    is_number,
    same,
    share,
)
from pcsearch.sweeps.messages import shown

# Searchers compute with doubles, which above it cannot tell a whole number from the next.
LARGEST_INT_AXIS = 2**53


class _Listed(Distribution):
    """Listed values; the distributions are equal only if the types of the values are too."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Listed) and identity(self.spec()) == identity(other.spec())

    def __hash__(self) -> int:
        return hash(identity(self.spec()))


@dataclass(frozen=True, eq=False)
class Constant(_Listed):
    """One value of any plain type."""

    kind: ClassVar[str] = "constant"
    value: Any

    def ppf(self, u: float) -> Any:
        """The value."""
        return self.value

    def contains(self, value: Any) -> bool:
        """Whether it is the value, and of its type."""
        return same(value, self.value)

    def describe(self) -> str:
        """The value."""
        return shown(self.value)

    def spec(self) -> dict[str, Any]:
        """``value``."""
        return {"value": self.value}

    def grid(self) -> Sequence[Any]:
        """The value."""
        return (self.value,)

    def grid_size(self) -> int:
        """One."""
        return 1

    def different_values(self) -> Sequence[Any]:
        """The value."""
        return (self.value,)

    def axis(self) -> None:
        """None."""


@dataclass(frozen=True, eq=False)
class Categorical(_Listed):
    """Values of any plain types, each equally likely; a value that is listed twice counts twice."""

    kind: ClassVar[str] = "categorical"
    values: tuple[Any, ...]

    def ppf(self, u: float) -> Any:
        """The value whose share of [0, 1] holds ``u``."""
        return self.values[share(u, len(self.values))]

    def contains(self, value: Any) -> bool:
        """Whether it is one of the values, and of its type."""
        return any(same(value, each) for each in self.values)

    def describe(self) -> str:
        """The values; of many, the first few."""
        return "one of " + shown(list(self.values))

    def spec(self) -> dict[str, Any]:
        """``values``."""
        return {"values": list(self.values)}

    def grid(self) -> Sequence[Any]:
        """The values, each once."""
        return self.different_values()

    def grid_size(self) -> int:
        """The number of different values."""
        return len(self.grid())

    def different_values(self) -> Sequence[Any]:
        """The values, each once; 1, 1.0 and True are three values.

        W&B's own grid has three runs of them in its sweeps 0.2.0, and two in 0.3.0.
        """
        return tuple({identity(value): value for value in self.values}.values())

    def axis(self) -> Axis | None:
        """The indices of the values, which may be of any type; None if there is one value."""
        return ChoiceAxis(len(self.values)) if len(self.values) > 1 else None

    def at(self, point: float) -> Any:
        """The value with that index."""
        return self.values[int(point)]


@dataclass(frozen=True, eq=False)
class WeightedCategorical(_Listed):
    """Values of any plain types, each with its own probability."""

    kind: ClassVar[str] = "categorical_w_probabilities"
    values: tuple[Any, ...]
    probabilities: tuple[float, ...]

    def ppf(self, u: float) -> Any:
        """The value whose share of [0, 1] holds ``u``; never one of probability 0."""
        ends = list(itertools.accumulate(self.probabilities))
        last = max(i for i, probability in enumerate(self.probabilities) if probability > 0)
        return self.values[min(bisect_right(ends, u * ends[-1]), last)]

    def contains(self, value: Any) -> bool:
        """Whether it is one of the values with a probability above 0, and of its type."""
        pairs = zip(self.values, self.probabilities, strict=True)
        return any(same(value, each) and probability > 0 for each, probability in pairs)

    def describe(self) -> str:
        """The values and their probabilities; of many, the first few."""
        chances = shown(list(self.probabilities))
        return f"one of {shown(list(self.values))} with probabilities {chances}"

    def different_values(self) -> Sequence[Any]:
        """The values with a probability above 0, each once."""
        pairs = zip(self.values, self.probabilities, strict=True)
        return tuple({identity(value): value for value, chance in pairs if chance > 0}.values())

    def spec(self) -> dict[str, Any]:
        """``values`` and ``probabilities``."""
        return {"values": list(self.values), "probabilities": list(self.probabilities)}


@dataclass(frozen=True)
class IntUniform(Distribution):
    """Whole numbers from min to max, both included, each with an equal share."""

    kind: ClassVar[str] = "int_uniform"
    min: int
    max: int

    def ppf(self, u: float) -> int:
        """The number whose share of [0, 1] holds ``u``."""
        return self.min + share(u, self.grid_size())

    def contains(self, value: Any) -> bool:
        """Whether it is a whole number (an int) between the bounds."""
        return is_number(value) and isinstance(value, int) and self.min <= value <= self.max

    def describe(self) -> str:
        """The bounds."""
        return f"a whole number from {self.min} to {self.max}"

    def spec(self) -> dict[str, Any]:
        """The bounds."""
        return {"distribution": self.kind, "min": self.min, "max": self.max}

    def grid(self) -> Sequence[int]:
        """Every number."""
        return range(self.min, self.max + 1)

    def grid_size(self) -> int:
        """The number of whole numbers between the bounds."""
        return self.max - self.min + 1

    def different_values(self) -> range:
        """Every number."""
        return range(self.min, self.max + 1)

    def bounds(self) -> tuple[int, int]:
        """Min and max."""
        return self.min, self.max

    def axis(self) -> Axis | None:
        """The numbers themselves, unless there are too many for a searcher."""
        if self.is_single() or max(abs(self.min), abs(self.max)) > LARGEST_INT_AXIS:
            return super().axis()
        return IntAxis(self.min, self.max)

    def at(self, point: float) -> int:
        """The point itself, or the number at that quantile if the axis is one of quantiles."""
        return int(point) if isinstance(self.axis(), IntAxis) else self.ppf(point)

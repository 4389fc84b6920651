"""Numbers in exact steps: 0.1, 0.2, 0.3 and never 0.30000000000000004."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import overload


def exact(number: float) -> Fraction:
    """The decimal number that the user wrote, which a double only comes near to."""
    return Fraction(number) if isinstance(number, int) else Fraction(repr(float(number)))


def plain(number: Fraction, whole: bool) -> float:
    """A Python number: an int where ``whole``, else the double nearest to it."""
    return int(number) if whole else float(number)


@dataclass(frozen=True)
class Steps(Sequence[float]):
    """start, start + step, ...: ``size`` numbers, each made when it is asked for."""

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
        return plain(self.start + chosen * self.step, self.whole)

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float) or not math.isfinite(value):
            return False
        index = round((exact(value) - self.start) / self.step)
        return 0 <= index < self.size and self[index] == value

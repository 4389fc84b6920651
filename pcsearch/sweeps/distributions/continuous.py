"""Distributions of real numbers: uniform, log-uniform, normal, log-normal and beta."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, ClassVar

from pcsearch.sweeps.distributions.base import Axis, Continuous, FloatAxis

# The quantiles 0 and 1 of a normal distribution are infinite.
FARTHEST_QUANTILE = 1e-16


@dataclass(frozen=True)
class _Fields(Continuous):
    """A distribution whose entry in a sweep file has its fields as keys."""

    def spec(self) -> dict[str, Any]:
        """The distribution's name and its arguments."""
        return {"distribution": self.kind, **asdict(self)}


@dataclass(frozen=True)
class Uniform(_Fields):
    """Real numbers between min and max."""

    kind: ClassVar[str] = "uniform"
    min: float
    max: float

    def support(self) -> tuple[float, float]:
        """Min and max."""
        return float(self.min), float(self.max)

    def bounds(self) -> tuple[float, float]:
        """Min and max, as they are in the file."""
        return self.min, self.max

    def ppf(self, u: float) -> float:
        """The number at min + u (max - min)."""
        low, high = self.support()
        return self.inside(low + float(u) * (high - low))

    def describe(self) -> str:
        """The bounds."""
        return f"uniform from {self.min} to {self.max}"

    def axis(self) -> Axis | None:
        """The numbers themselves."""
        return None if self.is_single() else FloatAxis(*self.support())

    def at(self, point: float) -> float:
        """The point."""
        return self.inside(point)


class _Logarithmic(_Fields):
    """Positive numbers whose logarithm is uniform between two ends."""

    @abstractmethod
    def ends(self) -> tuple[float, float]:
        """The least and the largest natural logarithm."""

    def support(self) -> tuple[float, float]:
        """The exponentials of the ends."""
        low, high = self.ends()
        return math.exp(low), math.exp(high)

    def ppf(self, u: float) -> float:
        """The number whose logarithm is at u of the way between the ends."""
        low, high = self.ends()
        return self.inside(math.exp(low + float(u) * (high - low)))

    def axis(self) -> Axis | None:
        """The numbers themselves."""
        return None if self.is_single() else FloatAxis(*self.support(), log=True)

    def at(self, point: float) -> float:
        """The point."""
        return self.inside(point)


@dataclass(frozen=True)
class LogUniformValues(_Logarithmic):
    """Positive numbers between min and max whose logarithm is uniform."""

    kind: ClassVar[str] = "log_uniform_values"
    min: float
    max: float

    def ends(self) -> tuple[float, float]:
        """The logarithms of the bounds."""
        return math.log(self.min), math.log(self.max)

    def support(self) -> tuple[float, float]:
        """Min and max."""
        return float(self.min), float(self.max)

    def bounds(self) -> tuple[float, float]:
        """Min and max, as they are in the file."""
        return self.min, self.max

    def describe(self) -> str:
        """The bounds."""
        return f"log-uniform from {self.min} to {self.max}"


@dataclass(frozen=True)
class LogUniform(_Logarithmic):
    """e^U, U uniform between min and max: the bounds are exponents."""

    kind: ClassVar[str] = "log_uniform"
    min: float
    max: float

    def ends(self) -> tuple[float, float]:
        """Min and max."""
        return float(self.min), float(self.max)

    def describe(self) -> str:
        """The exponents and, in brackets, the values."""
        return f"log-uniform from e^{self.min} to e^{self.max} ({_range(self.support())})"


@dataclass(frozen=True)
class InvLogUniform(_Logarithmic):
    """e^-U, U uniform between min and max: the bounds are negated exponents."""

    kind: ClassVar[str] = "inv_log_uniform"
    min: float
    max: float

    def ends(self) -> tuple[float, float]:
        """Max and min, negated."""
        return -float(self.max), -float(self.min)

    def describe(self) -> str:
        """The exponents and, in brackets, the values."""
        bounds = f"from e^-({self.max}) to e^-({self.min})"
        return f"inverse log-uniform {bounds} ({_range(self.support())})"


@dataclass(frozen=True)
class InvLogUniformValues(LogUniformValues):
    """1 / X, X log-uniform between 1 / max and 1 / min; so log-uniform between min and max."""

    kind: ClassVar[str] = "inv_log_uniform_values"

    def describe(self) -> str:
        """The bounds."""
        return f"inverse log-uniform from {self.min} to {self.max}"


@dataclass(frozen=True)
class Normal(_Fields):
    """Normally distributed numbers with mean mu and standard deviation sigma."""

    kind: ClassVar[str] = "normal"
    mu: float = 0
    sigma: float = 1

    def support(self) -> tuple[float, float]:
        """All real numbers."""
        return -math.inf, math.inf

    def ppf(self, u: float) -> float:
        """The value at the quantile, which is kept 1e-16 away from 0 and 1."""
        return float(NormalDist(self.mu, self.sigma).inv_cdf(_inside(u)))

    def describe(self) -> str:
        """The mean and the standard deviation."""
        return f"normal with mean {self.mu} and deviation {self.sigma}"


@dataclass(frozen=True)
class LogNormal(_Fields):
    """e^X, X normal with mean mu and standard deviation sigma."""

    kind: ClassVar[str] = "log_normal"
    mu: float = 0
    sigma: float = 1

    def support(self) -> tuple[float, float]:
        """All numbers from 0."""
        return 0.0, math.inf

    def ppf(self, u: float) -> float:
        """The value at the quantile, which is kept 1e-16 away from 0 and 1."""
        return math.exp(NormalDist(self.mu, self.sigma).inv_cdf(_inside(u)))

    def describe(self) -> str:
        """The mean and the standard deviation of the logarithm."""
        return f"log-normal, the logarithm with mean {self.mu} and deviation {self.sigma}"


@dataclass(frozen=True)
class Beta(_Fields):
    """Numbers between 0 and 1 with density x^(a-1) (1-x)^(b-1), up to a factor."""

    kind: ClassVar[str] = "beta"
    a: float = 1
    b: float = 1

    def support(self) -> tuple[float, float]:
        """0 and 1."""
        return 0.0, 1.0

    def ppf(self, u: float) -> float:
        """The value at the quantile, which is kept 1e-16 away from 0 and 1."""
        if u in (0, 1):
            return float(u)
        # scipy takes half a second to import, and few sweeps draw from it.
        from scipy.special import betaincinv

        return self.inside(betaincinv(self.a, self.b, _inside(u)))

    def describe(self) -> str:
        """The two shape parameters."""
        return f"beta with a {self.a} and b {self.b}"


def _inside(u: float) -> float:
    return min(max(float(u), FARTHEST_QUANTILE), 1 - FARTHEST_QUANTILE)


def _range(support: tuple[float, float]) -> str:
    return f"{support[0]:.4g} to {support[1]:.4g}"

"""The distributions by W&B's names, and the arguments of each."""

from __future__ import annotations

from dataclasses import MISSING, fields
from functools import cache
from typing import Any

from pcsearch.sweeps.distributions.base import Continuous, Distribution
from pcsearch.sweeps.distributions.continuous import (
    Beta,
    InvLogUniform,
    InvLogUniformValues,
    LogNormal,
    LogUniform,
    LogUniformValues,
    Normal,
    Uniform,
)
from pcsearch.sweeps.distributions.discrete import (
    Categorical,
    Constant,
    IntUniform,
    WeightedCategorical,
)
from pcsearch.sweeps.distributions.quantised import PREFIX, Quantised

_DISCRETE: dict[str, type[Distribution]] = {
    each.kind: each for each in (Constant, Categorical, WeightedCategorical, IntUniform)
}
_CONTINUOUS: dict[str, type[Continuous]] = {
    each.kind: each
    for each in (
        Uniform,
        LogUniform,
        LogUniformValues,
        InvLogUniform,
        InvLogUniformValues,
        Normal,
        LogNormal,
        Beta,
    )
}
_QUANTISED = {
    PREFIX + each.kind: each
    for each in (Uniform, LogUniform, LogUniformValues, Normal, LogNormal, Beta)
}
_BASES = _DISCRETE | _CONTINUOUS | _QUANTISED
KINDS = (*_DISCRETE, *_CONTINUOUS, *_QUANTISED)
"""W&B's names of the distributions."""


def base(kind: str) -> type[Distribution]:
    """The class of a distribution; for a quantised one, the class of the unrounded one."""
    return _BASES[kind]


@cache
def required(kind: str) -> tuple[str, ...]:
    """The arguments of a distribution that have no default."""
    return tuple(f.name for f in fields(base(kind)) if f.default is MISSING)  # type: ignore[arg-type]


@cache
def optional(kind: str) -> tuple[str, ...]:
    """The arguments of a distribution that have a default."""
    own = tuple(f.name for f in fields(base(kind)) if f.default is not MISSING)  # type: ignore[arg-type]
    return (*own, "q") if kind in _QUANTISED else own


def make(kind: str, **arguments: Any) -> Distribution:
    """A distribution by its name; the arguments have been checked."""
    if kind not in _QUANTISED:
        return base(kind)(**arguments)
    step = {"q": arguments.pop("q")} if "q" in arguments else {}
    return Quantised(_QUANTISED[kind](**arguments), **step)

"""The configurations of a grid or random search that its trials have not had."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from pcsearch.sweeps.configurations import RandomDraws
from pcsearch.sweeps.distributions.base import identity
from pcsearch.sweeps.parameters import has_value, nested, value_of
from pcsearch.sweeps.sweep import Sweep

TRIES = 10_000
"""So many random draws are tried for a part of a configuration."""


class Configurations(Protocol):
    """Configurations by number; each is computed when it is asked for."""

    @property
    def size(self) -> int | None:
        """How many there are, None where they have no end."""

    def config(self, index: int) -> dict[str, Any]:
        """The configuration number ``index``, from 0."""


class Remaining:
    """What is left of the configurations of a search that was edited, or tries some first.

    There a trial's number says little: they are compared by their values. Draws without an end
    never come twice, so there a trial has the draw of its own number.

    Args:
        sweep: the newest sweep file.
        planned: its configurations.
        had: those of them that trials have had.
    """

    def __init__(
        self, sweep: Sweep, planned: Configurations, had: Iterable[Mapping[str, Any]]
    ) -> None:
        self._parameters = sweep.by_path()
        fixed = [p for p in self._parameters if p.fixed]
        self._constants = nested((p, p.distribution.ppf(0.5)) for p in fixed)
        self._planned = planned
        self._had = set(map(identity, had))
        # All before it have been had.
        self._first = 0

    def take(self, number: int, part: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """A configuration that no trial has had; from now on it counts as had.

        Args:
            number: of the trial that gets it, from 1.
            part: the values that it must have, None for the next configuration.

        Returns:
            The configuration, None where all such have been had.
        """
        size, part = self._planned.size, part or {}
        if size is None:
            return self._with(part, self._planned.config(number - 1))
        if all(has_value(part, p) for p in self._parameters if not p.fixed):
            return self._noted(self._with(part, self._constants))
        while self._first < size and identity(self._planned.config(self._first)) in self._had:
            self._first += 1
        # Of random draws with a part, few may be left, or none.
        is_bounded = part and isinstance(self._planned, RandomDraws)
        last = min(size, self._first + TRIES) if is_bounded else size
        for index in range(self._first, last):
            config = self._with(part, self._planned.config(index))
            if (found := self._noted(config)) is not None:
                return found
        return None

    def _noted(self, config: dict[str, Any]) -> dict[str, Any] | None:
        """A configuration if it was not had before, else None."""
        key = identity(config)
        if key in self._had:
            return None
        self._had.add(key)
        return config

    def _with(self, part: Mapping[str, Any], config: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a part, and of a configuration what the part does not have."""
        return nested(
            (p, copy.deepcopy(value_of(part if has_value(part, p) else config, p)))
            for p in self._parameters
        )

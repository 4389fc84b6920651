"""Finds which configuration of a sweep another configuration is, as after an edit of the file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcsearch.sweeps.distributions.base import same
from pcsearch.sweeps.distributions.membership import NoValue, own_value
from pcsearch.sweeps.parameters import has_value, nested, value_of
from pcsearch.sweeps.sweep import Sweep


class Placing:
    """The values of a sweep's parameters.

    Args:
        sweep: the sweep; of a grid, the values are those of the grid.
    """

    def __init__(self, sweep: Sweep) -> None:
        is_grid = sweep.method == "grid"
        self._finds = [(p, own_value(p.distribution, is_grid=is_grid)) for p in sweep.by_path()]

    def place(self, config: Mapping[str, Any]) -> dict[str, Any] | str:
        """The values of a configuration that the sweep has, as the sweep has them.

        Args:
            config: a configuration; what the sweep does not have of it is left out.

        Returns:
            The sweep's own configuration; or the name of a parameter whose value it cannot have.
        """
        chosen = []
        for parameter, find in self._finds:
            value = find(value_of(config, parameter))
            if value is NoValue:
                return parameter.name
            chosen.append((parameter, value))
        return nested(chosen)

    def place_part(self, part: Mapping[str, Any]) -> dict[str, Any] | None:
        """A part of a configuration as the sweep has it, None where it has not all values of it."""
        given = [(p, find, value_of(part, p)) for p, find in self._finds if has_value(part, p)]
        if not same(nested((p, value) for p, _, value in given), dict(part)):
            return None
        placed = [(p, find(value)) for p, find, value in given]
        return None if any(value is NoValue for _, value in placed) else nested(placed)

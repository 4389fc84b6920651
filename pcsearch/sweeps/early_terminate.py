"""The ``early_terminate`` of a sweep file: hyperband."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

from pcsearch.errors import Problem
from pcsearch.sweeps.keys import as_number, as_whole_number, check_keys, not_a_mapping
from pcsearch.sweeps.positions import Document, KeyPath
from pcsearch.sweeps.wording import shown

TYPE = "hyperband"
KEYS = ("type", "min_iter", "eta")
# Closer to 1 there are more rungs than epochs, and going through them takes forever.
LEAST_ETA, LARGEST_ETA = 1.01, 1_000_000
REFUSED = {
    "max_iter": "max_iter is not supported yet; give min_iter, the first epoch to stop trials at",
    "s": "s is not supported yet; give min_iter, the first epoch to stop trials at",
    "strict": "strict is not supported yet; remove it: trials are compared as they arrive",
}


@dataclass(frozen=True)
class Hyperband:
    """Successive halving: at each rung the trials outside the best 1/eta stop.

    Args:
        min_iter: the first rung, in epochs from 1.
        eta: how many times as far the next rung is; above 1.
    """

    min_iter: int
    eta: float = 3

    def rungs(self, max_epochs: int) -> tuple[int, ...]:
        """The epochs below ``max_epochs`` after which trials are compared, in rising order.

        They are min_iter eta^k; a fraction of an epoch is over only when the epoch is.
        """
        rungs: dict[int, None] = {}
        if self.min_iter < max_epochs:
            for power in itertools.count():
                reached = self.min_iter * self.eta**power
                if reached > max_epochs - 1:
                    break
                rungs[math.ceil(reached)] = None
        return tuple(rungs)


def parse_early_terminate(
    document: Document, path: KeyPath, *, problems: list[Problem]
) -> Hyperband | None:
    """The early termination of a file, or None where it has problems.

    Args:
        document: the file.
        path: where in it the mapping is.
        problems: where what is wrong is appended.
    """
    given: Any = document.value
    for key in path:
        given = given[key]
    if not isinstance(given, dict):
        problems.append(not_a_mapping(document, path, f"{{type: {TYPE}, min_iter: 3}}"))
        return None
    before = len(problems)
    problems += check_keys(document, path, given, KEYS, REFUSED)
    if "type" not in given:
        problems.append(document.problem(path, f"needs type: {TYPE}"))
    elif given["type"] != TYPE:
        message = f"{shown(given['type'])} is not supported; the only type is {TYPE}"
        problems.append(document.problem((*path, "type"), message))
    min_iter = as_whole_number(given.get("min_iter"))
    if "min_iter" in given and (min_iter is None or min_iter < 1):
        message = f"{shown(given['min_iter'])} is not a whole number from 1"
        problems.append(document.problem((*path, "min_iter"), message))
    elif "min_iter" not in given and not any(key in REFUSED for key in given):
        message = "needs min_iter, the first epoch to stop trials at"
        problems.append(document.problem(path, message))
    eta = as_number(given.get("eta", Hyperband.eta))
    if eta is None or not LEAST_ETA <= eta <= LARGEST_ETA:
        message = f"{shown(given['eta'])} is not a number from {LEAST_ETA} to {LARGEST_ETA}"
        problems.append(document.problem((*path, "eta"), message))
    if len(problems) > before or min_iter is None or eta is None:
        return None
    return Hyperband(min_iter, eta)

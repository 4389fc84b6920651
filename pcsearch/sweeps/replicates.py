"""The parameter whose values repeat a configuration, such as the seed, instead of changing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any

from pcsearch.errors import Problem
from pcsearch.sweeps.marking import with_key
from pcsearch.sweeps.messages import bare, shown, suggestion
from pcsearch.sweeps.parameters import Parameter, nested, value_of
from pcsearch.sweeps.sweep import Sweep

KEY = "replicates"
"""The key of a sweep file that names the parameter."""
MOST = 100
"""The most seeds that a parameter of replicates may have."""
CONFIRMED = 3
"""So many of the best configurations run with fresh seeds at the end."""
ALONE = (
    "a search with replicates has one driver, for its next run depends on all others; start it by "
    "itself (on one machine, or on a Ray cluster with --address)"
)
SEED = "seed"
"""The usual name of such a parameter."""
OF_SEEDS = (SEED, "random_state", "rng")
"""What the name of a parameter has in it whose values are seeds."""
LARGEST = 2**32 - 1
BETWEEN = ", "
"""In the name of a run, between the name of its configuration and the id of its trial."""


def configuration_name(number: int) -> str:
    """What the configuration of a number is called, as in a group of W&B."""
    return f"configuration {number}"


def run_name(configuration: int, trial_id: str) -> str:
    """The name of a trial that runs a configuration with one of its seeds; no other has it."""
    return f"{configuration_name(configuration)}{BETWEEN}{trial_id}"


def configuration_in(name: str) -> str:
    """The name of the configuration in a name of `run_name`; empty in one of another trial."""
    return name.rpartition(BETWEEN)[0]


@dataclass(frozen=True)
class Replicates:
    """The seeds with which each configuration may run.

    A seed is known by its position from 0. The positions after the last are those of fresh seeds:
    the whole numbers above the greatest, and after `LARGEST`, which is the largest seed of many
    libraries, those from 0 that are no seeds yet.

    Args:
        parameter: whose values are the seeds.
        seeds: its values, each once, in the order in which a configuration gets them.
    """

    parameter: Parameter
    seeds: Sequence[Any]

    @property
    def name(self) -> str:
        """The parameter's name."""
        return self.parameter.name

    @property
    def are_numbers(self) -> bool:
        """Whether all seeds are whole numbers, so that there are fresh ones above them."""
        return all(type(seed) is int for seed in self.seeds)

    def seed(self, position: int) -> Any:
        """The seed at a position, which may be that of a fresh one."""
        if position < len(self.seeds):
            return self.seeds[position]
        fresh, greatest = position - len(self.seeds), max(self.seeds)
        above = LARGEST - greatest
        if above < 0 or fresh < above:
            return greatest + 1 + fresh
        free = (number for number in count() if number not in self.seeds)
        return next(islice(free, fresh - above, None))

    def fresh_in_words(self, number: int) -> str:
        """So many fresh seeds, such as ``6 to 8``."""
        fresh = [self.seed(len(self.seeds) + i) for i in range(number)]
        if number > 1 and fresh[-1] - fresh[0] == number - 1:
            return f"{fresh[0]} to {fresh[-1]}"
        return ", ".join(map(str, fresh))

    def in_words(self, configuration: int, position: int) -> str:
        """Which run of which configuration it is that has the seed at a position."""
        return f"{configuration_name(configuration)} with {self.name} {shown(self.seed(position))}"

    def without(self, sweep: Sweep) -> Sweep:
        """The sweep without the parameter: its configurations are those that are compared."""
        others = {name: each for name, each in sweep.parameters.items() if name != self.name}
        return replace(sweep, parameters=others)

    def marked(self, sweep: Sweep) -> Sweep:
        """The sweep with a text that says what its replicates are, for those who read it."""
        if sweep.replicates == self.name:
            return sweep
        return replace(sweep, text=with_key(sweep, KEY, self.name), replicates=self.name)

    def config(self, sweep: Sweep, values: Mapping[str, Any], position: int) -> dict[str, Any]:
        """What a run gets: the values of a configuration, and a seed.

        Args:
            sweep: with the parameter.
            values: of the other parameters.
            position: of the seed.
        """
        return nested(
            (each, self.seed(position) if each.name == self.name else value_of(values, each))
            for each in sweep.by_path()
        )


def replicates_of(sweep: Sweep, name: str, where: str, fresh: int = 0) -> Replicates | Problem:
    """The seeds of a sweep by the name of their parameter, or why there are none.

    Args:
        sweep: the sweep.
        name: the parameter's name.
        where: the place at which the user gave the name.
        fresh: how many fresh seeds the search needs.
    """
    parameter = sweep.parameters.get(name)
    if parameter is None:
        hint = suggestion(name, sweep.parameters)
        return Problem(f"{bare(name)} is no parameter of the sweep{hint}", where)
    seeds = parameter.distribution.different_values()
    if seeds is not None and len(seeds) < 2:
        message = f"{bare(name)} has one value; give it at least 2 seeds"
        return Problem(message, parameter.where, where)
    if seeds is None:
        message = f"{bare(name)} has no seeds to repeat with; give it values, or a min and a max"
        return Problem(f"{message} that are whole numbers", parameter.where, where)
    if len(seeds) > MOST:
        message = f"{bare(name)} has {len(seeds):,} values; give at most {MOST} seeds"
        return Problem(message, parameter.where, where)
    replicates = Replicates(parameter, seeds)
    if fresh and not replicates.are_numbers:
        message = f"fresh seeds are whole numbers, and {bare(name)} has other values"
        return Problem(message, parameter.where, "--confirm")
    return replicates


def unnoticed_seed(sweep: Sweep) -> str:
    """A line about a bayes sweep that searches over its seed as over a parameter; else empty."""
    if sweep.method not in ("bayes", "custom"):
        return ""
    for parameter in sweep.searched():
        if parameter.path[-1] != SEED:
            continue
        name = parameter.name
        line = (
            f"{parameter.where}: {name} is searched as a parameter, so the best trial is that of a "
            "lucky seed"
        )
        found = replicates_of(sweep, name, "")
        if len(sweep.metrics) > 1:
            return line
        if isinstance(found, Problem):
            return f"{line}; --replicates {name} compares means over seeds, but {found.message}"
        return f"{line}; with --replicates {name} the means over the seeds are compared"
    return ""


def doubtful_seeds(replicates: Replicates, fresh: int) -> str:
    """A line where fresh seeds are asked for of a parameter that may be no seed; else empty.

    Args:
        replicates: the seeds.
        fresh: how many fresh ones the search needs.
    """
    name = replicates.parameter.path[-1].lower()
    if not fresh or any(word in name for word in OF_SEEDS):
        return ""
    return (
        f"{replicates.parameter.where}: --confirm runs {replicates.name} "
        f"{replicates.fresh_in_words(fresh)}, which the file does not have; leave --confirm out if "
        "these are no seeds, but the folds of a cross validation, for example"
    )

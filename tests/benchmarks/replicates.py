"""What replicates are worth: a search that compares means over seeds, beside one that does not.

    python tests/benchmarks/replicates.py               a quick look: 8 searches of each kind
    python tests/benchmarks/replicates.py --methods random --searches 100     as for the docs
    python tests/benchmarks/replicates.py --methods bayes --searches 40 --trials 60
    python tests/benchmarks/replicates.py --designs 50                        racing alone

The first table has the true regret of the configuration that a search picks on noisy functions: the
noise of a run is as large as the differences between configurations, so nine seeds leave a third of
it. Both searches have the same number of runs. "parameter" is a search over the seed as over any
other parameter; its pick is the best run. "replicates" is the same search with --replicates seed.
"+-" is one standard error of the ratio of the means; the two searches of a pair have one seed.

The second table has races over designs, in which every configuration has a loss with every seed:
how many of the runs the race makes, and how often it finds the winner of the full design, each with
one standard error.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from search_cases import CASES, Case

from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.replicates.entrants import entrant, runs_of
from pcsearch.engine.search.replicates.racing import Entrant, Race, standings
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.engine.search.searchers.replicated import replicated_searcher
from pcsearch.sweeps.replicates import Replicates, replicates_of
from pcsearch.sweeps.sweep import Sweep, parse_sweep

SEEDS = 9
FUNCTIONS = ("branin", "log", "mixed", "sparse")
METHODS = ("random", "bayes")
DESIGNS = {
    "24 x 5, noise 0.5": (24, 5, 0.5, 0.0),
    "24 x 5, noise 1": (24, 5, 1.0, 0.0),
    "24 x 5, noise 1, seeds 1": (24, 5, 1.0, 1.0),
    "24 x 9, noise 1": (24, 9, 1.0, 0.0),
    "12 x 5, noise 0.5": (12, 5, 0.5, 0.5),
    "48 x 10, noise 1": (48, 10, 1.0, 0.0),
}
"""Configurations and seeds, the noise, and the seeds' effects, in deviations of configurations."""


class NoisyRuns:
    """The runs of a search on a noisy function, one after the other.

    Args:
        case: the function.
        sweep: of the search.
        seed: of the noise.
    """

    def __init__(self, case: Case, sweep: Sweep, seed: int) -> None:
        self.outcomes = Outcomes(sweep.metrics)
        self._case, self._random = case, np.random.default_rng(seed)

    def run(self, searcher: Any, trials: int) -> None:
        """Run trials, until there are so many or the searcher has no more."""
        for number in range(1, trials + 1):
            trial_id = f"t{number}"
            config = searcher.suggest(trial_id, number)
            if not isinstance(config, dict):
                return
            value = self._case.value(config) + self._case.noise * self._random.standard_normal()
            outcome = self.outcomes.begin(trial_id, number, config)
            report = {"loss": value, "training_iteration": 1, "epoch": 1}
            outcome.add(report)
            searcher.on_trial_complete(trial_id, report)
            self.outcomes.end(trial_id)


def noisy(name: str) -> Case:
    """A function with noise as large as the differences between random configurations."""
    case = CASES[name]
    sweep = parse_sweep(case.text("random"), "sweep.yaml")
    searcher = make_searcher(sweep, None, 0)
    values = [case.value(searcher.suggest(f"t{number}")) for number in range(500)]
    seeds = f"  seed: {{min: 1, max: {SEEDS}}}\n"
    quartiles = np.percentile(values, [25, 75])
    noise = float(quartiles[1] - quartiles[0]) / 1.349
    return replace(case, parameters=case.parameters + seeds, noise=noise)


def regrets(name: str, method: str, seed: int, trials: int) -> tuple[float, float]:
    """The true regrets of the picks: with the seed as a parameter, and with replicates."""
    case = noisy(name)
    sweep = parse_sweep(case.text(method), "sweep.yaml")
    plain = NoisyRuns(case, sweep, seed)
    plain.run(make_searcher(sweep, trials, seed, outcomes=plain.outcomes), trials)
    luckiest = min(plain.outcomes, key=lambda each: each.values[0] or 0.0)
    replicates = replicates_of(sweep, "seed", "")
    assert isinstance(replicates, Replicates), "the file has it"
    runs = NoisyRuns(case, sweep, seed)
    searcher = replicated_searcher(sweep, replicates, trials, seed, "auto", runs.outcomes)
    runs.run(searcher, trials)
    configurations = list(runs_of(runs.outcomes).values())
    placed = standings([entrant(each, SEEDS, 1.0) for each in configurations], SEEDS)
    best = min(range(len(placed)), key=lambda i: placed[i].expected)
    picks = luckiest.config, configurations[best][0].config
    before, after = (case.value(config) - case.optimum for config in picks)
    return before, after


def race(losses: np.ndarray) -> tuple[bool, float]:
    """Race over a design: whether the winner of the full design is found, by what share of runs.

    Args:
        losses: (configurations, seeds).
    """
    count, seeds = losses.shape
    racing, entrants, runs = Race(seeds, is_open=False), list[Entrant](), 0
    while run := racing.next_run(entrants, can_begin=len(entrants) < count):
        if run.configuration is None:
            entrants.append(Entrant())
        place = len(entrants) - 1 if run.configuration is None else run.configuration
        entrants[place].begun.add(run.seed)
        entrants[place].losses[run.seed] = float(losses[place, run.seed])
        runs += 1
    placed = standings(entrants, seeds)
    found = min(range(count), key=lambda i: placed[i].expected)
    return found == int(losses.mean(axis=1).argmin()), runs / losses.size


def designs(count: int) -> Iterator[str]:
    """A line for each kind of design."""
    yield f"{'design':28}{'right winner':>14}{'+-':>6}{'share of runs':>15}{'+-':>6}"
    for name, (configurations, seeds, noise, effects) in DESIGNS.items():
        random, found = np.random.default_rng(0), []
        for _ in range(count):
            losses = random.standard_normal((configurations, 1))
            losses = losses + effects * random.standard_normal((1, seeds))
            losses = losses + noise * random.standard_normal((configurations, seeds))
            found.append(race(losses))
        right, share = np.mean(found, axis=0)
        errors = np.std(found, axis=0, ddof=1) / count**0.5
        yield f"{name:28}{right:14.0%}{errors[0]:6.1%}{share:15.0%}{errors[1]:6.1%}"


def ratio_of_means(pairs: np.ndarray) -> tuple[float, float]:
    """The mean of the second column by that of the first, and its standard error.

    Args:
        pairs: (searches, 2), at least two.
    """
    before, after = pairs.mean(axis=0)
    apart = pairs[:, 1] - after / before * pairs[:, 0]
    return after / before, float(np.std(apart, ddof=1) / before / len(pairs) ** 0.5)


def searches(
    count: int, trials: int, processes: int, functions: list[str], methods: list[str]
) -> Iterator[str]:
    """A line for each function and method."""
    yield f"{'function':10}{'method':8}{'parameter':>11}{'replicates':>12}{'ratio':>8}{'+-':>6}"
    with ProcessPoolExecutor(processes) as pool:
        for method in methods:
            for name in functions:
                jobs = [pool.submit(regrets, name, method, seed, trials) for seed in range(count)]
                pairs = np.array([job.result() for job in jobs])
                before, after = pairs.mean(axis=0)
                ratio, error = ratio_of_means(pairs)
                row = f"{name:10}{method:8}{before:11.4f}{after:12.4f}"
                yield f"{row}{ratio:8.2f}{error:6.2f}"


def main() -> None:
    """Read the options and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=8)
    parser.add_argument("--trials", type=int, default=90)
    parser.add_argument("--functions", nargs="+", default=list(FUNCTIONS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--designs", type=int, help="races over so many designs of each kind")
    options = parser.parse_args()
    if options.designs:
        lines = designs(options.designs)
    else:
        lines = searches(
            options.searches,
            options.trials,
            options.processes,
            options.functions,
            options.methods,
        )
    for line in lines:
        print(line, flush=True)


if __name__ == "__main__":
    main()

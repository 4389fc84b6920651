"""How good and how quick the searchers of bayes are, beside W&B's own bayes and random draws.

    python tests/benchmarks/search.py                 a quick look: 3 seeds, under five minutes
    python tests/benchmarks/search.py --seeds 25 --processes 2      as for the figures in the docs
    python tests/benchmarks/search.py --timing        seconds a suggestion, eight in flight

The regret is how far the true value at the best measured trial is from the optimum. Searchers: the
samplers of pcsearch, "wandb", and "gpsampler", Optuna's own GPSampler in the place of "gp".
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import statistics
import time
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import optuna
import yaml
from optuna.samplers import GPSampler
from optuna.trial import FrozenTrial, create_trial
from scipy.stats import binomtest
from search_cases import CASES, Case

from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.sampling.gaussian_process import GaussianProcessSampler
from pcsearch.engine.search.sampling.samplers import SearchSampler, startup_trials
from pcsearch.engine.search.sampling.search_space import OptunaSpace
from pcsearch.engine.search.sampling.study_view import ViewableStorage
from pcsearch.engine.search.searchers.bayes import BayesSearcher
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.sweeps.sweep import parse_sweep

METRIC = "loss"
MODES = {"one": 1, "eight": 8}
TIMED_AT = (50, 200, 500, 1000)
IN_FLIGHT, TIMED = 8, 5


class Rival(Protocol):
    """Something that suggests configurations and is told values."""

    def suggest(self, number: int) -> dict[str, Any]:
        """The configuration of trial ``number``."""

    def tell(self, number: int, value: float) -> None:
        """What trial ``number`` measured."""


class Pcsearch:
    """A searcher of this project, driven as Tune drives it."""

    def __init__(self, case: Case, seed: int, trials: int, sampler: Any) -> None:
        sweep = parse_sweep(case.text("bayes"), "sweep.yaml")
        self.distributions = OptunaSpace(sweep.parameters.values()).distributions
        self._outcomes = Outcomes(sweep.metrics)
        searcher = make_searcher(sweep, trials, seed, sampler, outcomes=self._outcomes)
        assert isinstance(searcher, BayesSearcher)
        self._searcher = searcher

    @property
    def study(self) -> optuna.Study:
        """Optuna's study of the search."""
        return self._searcher.study

    def suggest(self, number: int | str) -> dict[str, Any]:
        """The searcher's next suggestion."""
        config = self._searcher.suggest(f"t{number}")
        assert isinstance(config, dict), "the cap is the number of trials"
        return config

    def tell(self, number: int | str, value: float) -> None:
        """A trial of one report."""
        report = {METRIC: value, "training_iteration": 1}
        self._outcomes.of(f"t{number}").add(report)
        self._searcher.on_trial_complete(f"t{number}", report)


class OptunasGPSampler(GaussianProcessSampler):
    """The Gaussian process of pcsearch with the acquisition function of Optuna."""

    def shown_running(self, study: optuna.Study, running: list[FrozenTrial]) -> list[FrozenTrial]:
        """All: GPSampler averages over what they may measure."""
        return running

    def _optimize_acqf(self, acqf: Any, best_params: np.ndarray | None) -> np.ndarray:
        return GPSampler._optimize_acqf(self, acqf, best_params)


class Gpsampler(Pcsearch):
    """pcsearch's "gp" with GPSampler itself: the same Sobol points, imputation and duplicates."""

    def __init__(self, case: Case, seed: int, trials: int) -> None:
        super().__init__(case, seed, trials, "gp")
        storage = ViewableStorage()
        sampler = SearchSampler(
            OptunasGPSampler(seed, storage),
            storage,
            self.distributions,
            seed,
            startup=startup_trials(trials),
            running=[None],
            outcomes={},
        )
        self._searcher.study = optuna.create_study(storage=storage, sampler=sampler)


class Wandb:
    """W&B's own bayes; it draws from numpy's global generator."""

    def __init__(self, case: Case, seed: int) -> None:
        np.random.seed(seed)
        self._config = yaml.safe_load(case.text("bayes"))
        self._runs: list[Any] = []

    def suggest(self, number: int) -> dict[str, Any]:
        """Its next run's configuration."""
        import sweeps

        run = sweeps.next_run(self._config, self._runs)
        assert run is not None, "bayes has no end"
        run.state = sweeps.RunState.running
        self._runs.append(run)
        return {name: entry["value"] for name, entry in run.config.items()}

    def tell(self, number: int, value: float) -> None:
        """A finished run with the value in its history."""
        import sweeps

        run = self._runs[number]
        run.state = sweeps.RunState.finished
        run.history = [{METRIC: value}]
        run.summary_metrics = {METRIC: value}


def rival(name: str, case: Case, seed: int, trials: int) -> Rival:
    """A searcher by its name: "wandb", "gpsampler" or a sampler of this project's."""
    match name:
        case "wandb":
            return Wandb(case, seed)
        case "gpsampler":
            return Gpsampler(case, seed, trials)
    return Pcsearch(case, seed, trials, name)


def regret(case: Case, searcher: Rival, seed: int, trials: int, in_flight: int) -> float:
    """The regret after ``trials`` trials; the oldest running one ends before each new one."""
    noise = np.random.default_rng(seed)
    running: deque[tuple[int, float]] = deque()
    found: list[tuple[float, float]] = []

    def end_oldest() -> None:
        number, value = running.popleft()
        measured = value + case.noise * float(noise.standard_normal())
        searcher.tell(number, measured)
        found.append((measured, value))

    for number in range(trials):
        if len(running) == in_flight:
            end_oldest()
        running.append((number, case.value(searcher.suggest(number))))
    while running:
        end_oldest()
    return min(found)[1] - case.optimum


def timed_regret(
    function: str, mode: str, name: str, seed: int, trials: int
) -> tuple[float, float]:
    """The regret of a searcher by its name, and the seconds that it took."""
    start = time.perf_counter()
    case = CASES[function]
    found = regret(case, rival(name, case, seed, trials), seed, trials, MODES[mode])
    return found, time.perf_counter() - start


def compare(
    names: Sequence[str],
    functions: Sequence[str],
    modes: Sequence[str],
    seeds: int,
    trials: int,
    processes: int,
) -> Iterator[dict[str, Any]]:
    """One row a function and mode: each searcher's regrets, medians and seconds."""
    with ProcessPoolExecutor(processes, initializer=be_quiet) as pool:
        rows = [
            (
                function,
                mode,
                [
                    pool.submit(timed_regret, function, mode, name, seed, trials)
                    for name in names
                    for seed in range(seeds)
                ],
            )
            for function, mode in product(functions, modes)
        ]
        for function, mode, futures in rows:
            row: dict[str, Any] = {"function": function, "mode": mode, "trials": trials}
            for i, name in enumerate(names):
                results = [each.result() for each in futures[i * seeds : (i + 1) * seeds]]
                regrets = [found for found, _ in results]
                row[name] = {
                    "median": statistics.median(regrets),
                    "regrets": regrets,
                    "seconds": sum(seconds for _, seconds in results),
                }
            yield row


def timing(names: Iterable[str], dimensions: Iterable[int]) -> Iterable[dict[str, Any]]:
    """Seconds of the median and the slowest suggestion, eight in flight, at numbers of trials."""
    for name in names:
        for dimension in dimensions:
            axes = "".join(f"  p{i}: {{min: 0.0, max: 1.0}}\n" for i in range(dimension))
            searcher = Pcsearch(Case(axes, lambda _: 0.0), 0, 10**6, name)
            row: dict[str, Any] = {"sampler": name, "dimensions": dimension}
            row |= _timed(searcher, dimension)
            yield row


def _timed(searcher: Pcsearch, dimension: int) -> dict[str, Any]:
    """Trials up to each count are random draws, so that only what is timed is waited for."""
    random = np.random.default_rng(0)
    study, space, row = searcher.study, searcher.distributions, {}
    for count in TIMED_AT:
        while len(study.trials) < count:
            params = {f"p{i}": float(random.random()) for i in range(dimension)}
            value = float(sum((each - 0.3) ** 2 for each in params.values()))
            study.add_trial(create_trial(params=params, distributions=space, value=value))
        seconds = []
        for number in range(IN_FLIGHT + TIMED):
            start = time.perf_counter()
            searcher.suggest(f"t{count}-{number}")
            seconds.append(time.perf_counter() - start)
            if number >= IN_FLIGHT:
                searcher.tell(f"t{count}-{number - IN_FLIGHT}", float(random.random()))
        for number in range(TIMED, IN_FLIGHT + TIMED):
            searcher.tell(f"t{count}-{number}", float(random.random()))
        late = seconds[IN_FLIGHT:]
        row[str(count)] = {"median": statistics.median(late), "slowest": max(late)}
    return row


def table(rows: list[dict[str, Any]], names: list[str]) -> str:
    """The medians, and the geometric mean of each searcher's ratios to W&B's."""
    head = f"{'function':10}{'mode':7}" + "".join(f"{name:>10}" for name in names)
    lines = [head]
    for row in rows:
        medians = "".join(f"{row[name]['median']:10.4f}" for name in names)
        lines.append(f"{row['function']:10}{row['mode']:7}{medians}")
    if "wandb" in names:
        for mode in dict.fromkeys(row["mode"] for row in rows):
            means = "".join(f"{_mean_ratio(rows, mode, name):10.3f}" for name in names)
            lines.append(f"{'ratio':10}{mode:7}{means}")
    return "\n".join(lines)


def _mean_ratio(rows: list[dict[str, Any]], mode: str, name: str) -> float:
    logs = [
        math.log(max(row[name]["median"], 1e-6) / max(row["wandb"]["median"], 1e-6))
        for row in rows
        if row["mode"] == mode
    ]
    return math.exp(statistics.fmean(logs))


def signs(rows: list[dict[str, Any]], names: list[str]) -> str:
    """How often the first searcher beats each other one with the same seed, and loses to it.

    The p value is that of the sign test: how likely so uneven counts are between equals.
    """
    lines = []
    for name in names[1:]:
        for mode in dict.fromkeys(row["mode"] for row in rows):
            counts = np.zeros(2, dtype=int)
            for row in rows:
                if row["mode"] == mode:
                    pair = pair_counts(row[names[0]]["regrets"], row[name]["regrets"])
                    lines.append(sign_line(row["function"], mode, names[0], name, pair))
                    counts += pair
            lines.append(sign_line("all", mode, names[0], name, counts))
    return "\n".join(lines)


def pair_counts(ours: list[float], theirs: list[float]) -> np.ndarray:
    """How often a value of ours is lower than that of theirs at its place, and how often higher."""
    differences = np.subtract(ours, theirs)
    return np.array([(differences < 0).sum(), (differences > 0).sum()])


def sign_line(function: str, mode: str, one: str, other: str, counts: np.ndarray) -> str:
    """The counts of a pair of searchers as text, with their p value."""
    better, worse = counts.tolist()
    p = binomtest(better, better + worse).pvalue if better + worse else 1.0
    return f"{function:10}{mode:7}{one} {better} : {worse} {other}   p = {p:.2g}"


def be_quiet() -> None:
    """Keep what libraries warn of off the terminal."""
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)


def main(arguments: list[str] | None = None) -> None:
    """Read the options, print a JSON line a case and then the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--functions", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--modes", nargs="+", default=list(MODES), choices=list(MODES))
    parser.add_argument("--searchers", nargs="+", default=["auto", "wandb", "random"])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--processes", type=int, default=1, help="how many cases run at once")
    parser.add_argument("--timing", action="store_true")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    options = parser.parse_args(arguments)
    be_quiet()
    if options.timing:
        for row in timing(["auto", "tpe"], [6, 12, 30]):
            print(json.dumps(row), flush=True)
        return
    names, rows = options.searchers, []
    chosen = (names, options.functions, options.modes, options.seeds, options.trials)
    for row in compare(*chosen, options.processes):
        rows.append(row)
        print(json.dumps(row), flush=True)
    print(table(rows, names))
    print(signs(rows, names))
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()

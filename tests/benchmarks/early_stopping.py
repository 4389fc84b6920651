r"""How good searches with early stopping are, beside W&B's, Tune's and Optuna's, in simulation.

    python tests/benchmarks/early_stopping.py --cases branin log --running 4 --seeds 3     a look
    python tests/benchmarks/early_stopping.py               all: two or three hours of two cores
    python tests/benchmarks/early_stopping.py --cases trained --kinds plain --running 4 --seeds 5 \
        --searchers pcsearch wandb                          trials that are trained for real
    python tests/benchmarks/early_stopping.py --alone       the rules that stop, without a searcher

The trials have the curves of ``curve_cases.py``. A search is measured by its regret when it has
trained as many epochs as 5, 10 and 20 trials without a stop: how far the true end of the trial with
the best report so far is from the optimum. The first of the searchers is compared with the others.
A cell of the table is a case and an amount of training. The training that a searcher needs for the
regret that W&B has at the end is given as a share of W&B's: the geometric mean, then that of each
case. It counts as 1.5 where the search does not come to that regret. With ``--best-report`` the
loss of the best report takes the place of the regret: it is that of the model that a search keeps.
"""

from __future__ import annotations

import os

# Before numpy is loaded, here and in the processes: the matrices are small, and threads that wait
# for each other over them make all this several times slower.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import argparse
import json
import math
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import stopping_alone
from curve_cases import KINDS, NAMES, TRAINED, Curve, Kind, curves, differs, reports
from rivals import SEARCHERS
from search import be_quiet, pair_counts, sign_line

BUDGETS = (5, 10, 20)
"""How much is trained when the regret is measured, in trials without a stop."""
STEPS = 3
"""How often the regret is followed while as much is trained as one trial without a stop."""
NEVER = 1.5
"""What counts as the share of training of a search that never comes to the regret of W&B's."""
COMPARED = ["pcsearch", "wandb", "asha", "tpe-asha", "one-epoch"]


class Search(NamedTuple):
    """One search.

    Args:
        followed: the regret at each step of training.
        trials: how many it has begun.
        seconds: that it took.
    """

    followed: list[float]
    trials: int
    seconds: float

    @property
    def regrets(self) -> list[float]:
        """The regrets at the budgets."""
        return [self.followed[budget * STEPS - 1] for budget in BUDGETS]


Searches = dict[str, dict[str, list[Search]]]
"""By the names of the case and of the searcher: a search for each seed."""


def search(
    name: str, kind: Kind, running: int, searcher: str, seed: int, best_report: bool
) -> Search:
    """Search until the greatest budget is trained.

    Args:
        name: of the case.
        kind: of its curves.
        running: how many trials run at once.
        searcher: its name.
        seed: of the curves and of the searcher.
        best_report: whether the loss of the best report is followed, and not the regret.
    """
    started = time.perf_counter()
    space = curves(name, kind, seed)
    contender = SEARCHERS[searcher](space, seed)
    configs: list[dict[str, Any]] = []
    best: dict[int, float] = {}
    followed: list[float] = []

    def begin(number: int) -> Curve:
        configs.append(contender.suggest(number))
        return space.curve(configs[number], number)

    random = np.random.default_rng([seed, 99])
    told = enumerate(reports(begin, contender.continues, running, random), 1)
    for epochs, (number, _, value) in told:
        loss = space.sign * value
        best[number] = min(loss, best.get(number, loss))
        if epochs * STEPS % space.epochs == 0:
            leader = min(best, key=best.__getitem__)
            followed.append(best[leader] if best_report else space.regret(configs[leader], leader))
        if epochs == BUDGETS[-1] * space.epochs:
            break
    return Search(followed, len(configs), time.perf_counter() - started)


def all_searches(
    pool: Executor,
    cases: Sequence[str],
    kind: Kind,
    running: int,
    searchers: Sequence[str],
    seeds: int,
    best_report: bool,
) -> Searches:
    """The searches of a kind of curves and a number of trials at once."""
    futures = {
        (case, name): [
            pool.submit(search, case, kind, running, name, seed, best_report)
            for seed in range(seeds)
        ]
        for case, name in product(cases, searchers)
    }
    return {
        case: {name: [each.result() for each in futures[case, name]] for name in searchers}
        for case in cases
    }


def medians(searches: Sequence[Search]) -> np.ndarray:
    """The median regret at each budget."""
    return np.asarray(np.median([each.regrets for each in searches], axis=0))


def table(found: Searches, searchers: Sequence[str]) -> str:
    """The median regrets at the budgets, and in brackets the median number of trials begun."""
    lines = [f"{'case':10}" + "".join(f"{name:>28}" for name in searchers)]
    for case, by_name in found.items():
        line = f"{case:10}"
        for name in searchers:
            values = " ".join(f"{value:.4f}" for value in medians(by_name[name]))
            begun = np.median([each.trials for each in by_name[name]])
            line += f"{f'{values} ({begun:.0f})':>28}"
        lines.append(line)
    return "\n".join(lines)


def summary(found: Searches, searchers: Sequence[str]) -> str:
    """How the first searcher does beside the others."""
    ours, *rivals = searchers
    lines = []
    if rivals:
        own = np.array([medians(each[ours]) for each in found.values()])
        others = [[medians(each[name]) for name in rivals] for each in found.values()]
        good = own <= np.min(others, axis=1) + 1e-12
        lines.append(
            f"{ours} is no worse than the best other one in {good.sum()} of {good.size} cells"
        )
    for name in searchers:
        if "wandb" in searchers and name != "wandb":
            shares = [training_share(each[name], each["wandb"]) for each in found.values()]
            each_share = " ".join(f"{share:.2f}" for share in shares)
            mean = math.exp(np.mean(np.log(shares)))
            lines.append(f"{name} needs {mean:.2f} of W&B's training for its regret: {each_share}")
    for name, (place, budget) in product(rivals, enumerate(BUDGETS)):
        counts = np.zeros(2, dtype=int)
        for by_name in found.values():
            pair = ([each.regrets[place] for each in by_name[one]] for one in (ours, name))
            counts += pair_counts(*pair)
        lines.append(sign_line("training", f"{budget}", ours, name, counts))
    return "\n".join(lines)


def training_share(ours: Sequence[Search], theirs: Sequence[Search]) -> float:
    """How much training brings our median regret to their last one, as a share of theirs."""
    path = np.median([each.followed for each in ours], axis=0)
    reached = np.nonzero(path <= medians(theirs)[-1])[0]
    return float(reached[0] + 1) / len(path) if len(reached) else NEVER


def rows(found: Searches, kind: Kind, running: int) -> list[dict[str, Any]]:
    """The searches as they are written to a file."""
    return [
        {
            "kind": kind,
            "running": running,
            "case": case,
            "searcher": name,
            "searches": [each._asdict() | {"regrets": each.regrets} for each in searches],
        }
        for case, by_name in found.items()
        for name, searches in by_name.items()
    ]


def save(written: list[dict[str, Any]], path: Path | None) -> None:
    """Write what there is so far, if a file is wanted."""
    if path is not None:
        path.write_text(json.dumps(written, indent=1), encoding="utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Read the options, and print the tables as they are done."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="+", default=NAMES, choices=[*NAMES, TRAINED])
    parser.add_argument("--kinds", nargs="+", default=list(KINDS), choices=KINDS)
    parser.add_argument("--running", type=int, nargs="+", default=[1, 4, 16], help="at once")
    parser.add_argument("--searchers", nargs="+", default=COMPARED, choices=list(SEARCHERS))
    parser.add_argument("--seeds", type=int, default=15)
    parser.add_argument("--processes", type=int, default=2, help="how many searches run at once")
    parser.add_argument("--best-report", action="store_true", help="follow the best report itself")
    parser.add_argument("--alone", action="store_true", help="the rules without a searcher")
    parser.add_argument("--json", type=Path, help="also write what is found to this file")
    options = parser.parse_args(arguments)
    be_quiet()
    written: list[dict[str, Any]] = []
    with ProcessPoolExecutor(options.processes, initializer=be_quiet) as pool:
        if options.alone:
            print(stopping_alone.HEAD)
            for row in stopping_alone.rows(pool, options.seeds):
                print(stopping_alone.line(row), flush=True)
                written.append(row)
            save(written, options.json)
            return
        for kind, running in product(options.kinds, options.running):
            cases = [case for case in options.cases if differs(case, kind)]
            if not cases:
                continue
            how = (options.searchers, options.seeds, options.best_report)
            found = all_searches(pool, cases, kind, running, *how)
            print(f"\n{kind} curves, {running} at once, {options.seeds} seeds")
            print(table(found, options.searchers))
            print(summary(found, options.searchers), flush=True)
            written += rows(found, kind, running)
            save(written, options.json)


if __name__ == "__main__":
    main()

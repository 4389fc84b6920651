"""Early stopping by itself: which trials of a given set a rule stops, and whether the best is left.

The trials are power laws, and no searcher chooses them. ``early_stopping.py --alone`` prints it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from itertools import product, repeat
from typing import Any, NamedTuple

import numpy as np
from curve_cases import reports
from rivals import PcsearchsRule, Rule, TunesAsha, WandbsRule, stopping_early
from search_cases import CASES

from pcsearch.sweeps.sweep import parse_sweep

EPOCHS, TRIALS, RUNNING = 81, 64, 8
RUNGS = (3, 9, 27)
CROSSING = (0, 1)


def pcsearchs_rule() -> Rule:
    """The scheduler of pcsearch; it does not look at the parameters."""
    text = stopping_early(CASES["branin"].text("random"), RUNGS[0])
    return PcsearchsRule(parse_sweep(text, "sweep.yaml"), EPOCHS)


RULES: Mapping[str, Callable[[], Rule]] = {
    "pcsearch": pcsearchs_rule,
    "wandb": lambda: WandbsRule(RUNGS),
    "wandb-loose": lambda: WandbsRule(RUNGS, strict=False),
    "asha": lambda: TunesAsha(EPOCHS, first=RUNGS[0]),
}
"""The rules by their names; "wandb" is strict, "wandb-loose" is not."""


class Stopped(NamedTuple):
    """What a rule has left of a set of trials.

    Args:
        epochs: the share of all the trials' epochs that were trained.
        kept: whether the truly best trial has trained to its end.
        regret: how far the best of those that did is from the truly best one.
        full: how many did.
    """

    epochs: float
    kept: bool
    regret: float
    full: int


def power_laws(seed: int, crossing: int) -> tuple[np.ndarray, np.ndarray]:
    """A set of curves with noise, (TRIALS, EPOCHS), and their ends without it.

    Args:
        seed: of the set.
        crossing: 0, or 1 for curves that cross more often: they begin at heights and fall with
            powers that differ more.
    """
    random = np.random.default_rng(seed)
    ends = random.uniform(0.1, 1.0, TRIALS)
    falls = random.uniform(0.5, 1.5, TRIALS) * (2.4 if crossing else 1.6)
    powers = np.exp(random.normal(-0.7, 0.9 if crossing else 0.6, TRIALS))
    epochs = np.arange(1, EPOCHS + 1)
    curves = ends[:, None] + falls[:, None] * epochs ** -powers[:, None]
    return curves + 0.02 * random.normal(size=curves.shape), curves[:, -1]


def stopped(name: str, crossing: int, seed: int) -> Stopped:
    """What a rule, by its name, leaves of the set of a seed."""
    (curves, ends), rule = power_laws(seed, crossing), RULES[name]()

    def begin(number: int) -> np.ndarray | None:
        return curves[number] if number < TRIALS else None

    told = list(reports(begin, rule.continues, RUNNING, np.random.default_rng(seed + 1)))
    full = [report.number for report in told if report.epoch == EPOCHS]
    regret = float(ends[full].min() - ends.min()) if full else math.nan
    return Stopped(len(told) / curves.size, int(ends.argmin()) in full, regret, len(full))


def rows(pool: Executor, seeds: int) -> Iterator[dict[str, Any]]:
    """One row for each degree of crossing and rule, with the means over the seeds."""
    for crossing, name in product(CROSSING, RULES):
        found = list(pool.map(stopped, repeat(name), repeat(crossing), range(seeds)))
        means = np.nanmean(np.array(found, dtype=float), axis=0).tolist()
        shown = dict(zip(Stopped._fields, means, strict=True))
        yield {"crossing": crossing, "rule": name, "seeds": seeds} | shown


HEAD = (
    f"{TRIALS} trials of {EPOCHS} epochs, {RUNNING} at once\n"
    f"{'curves':14}{'rule':13}{'epochs':>8}{'best kept':>11}{'regret':>9}{'full':>7}"
)


def line(row: Mapping[str, Any]) -> str:
    """A row as text, under HEAD."""
    title = "much crossed" if row["crossing"] else "crossed"
    numbers = f"{row['epochs']:8.1%}{row['kept']:11.0%}{row['regret']:9.3f}{row['full']:7.1f}"
    return f"{title:14}{row['rule']:13}{numbers}"

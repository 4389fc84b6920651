"""What W&B costs a search: our callback against Tune's own, in the same run.

    python tests/benchmarks/tracking.py [--trials 200] [--reports 5] [--stock-trials 8]

Both log the same reports offline. The hooks are called as Tune's controller calls them, so the
times are those that the driver's event loop loses; "in all" is until everything is written. The
stock callback starts two actors a trial, so it gets fewer trials. Prints a table, then a JSON line
for each of the two.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ["WANDB_MODE"] = "offline"
os.environ["WANDB_SILENT"] = "true"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray
from ray.air.integrations.wandb import WandbLoggerCallback

from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.pc.config_values import model_config
from pcsearch.sweeps.metrics import Metric
from pcsearch.tracking.callback import WandbCallback
from pcsearch.tracking.runs.context import RunContext, RunGroup

BLOCKS = 6


class Trial(SimpleNamespace):
    """What the callbacks read of a trial of Tune."""

    def __hash__(self) -> int:
        return hash(self.trial_id)

    def __str__(self) -> str:
        return str(self.trial_id)


def report(epoch: int) -> dict[str, Any]:
    """As many metrics as a model of six blocks has."""
    vodes = {f"VodeEnergy/vode_{i}": 0.1 * i / epoch for i in range(1, BLOCKS + 3)}
    norms = {f"VodeGradNorm/vode_{i}": 0.2 * i / epoch for i in range(BLOCKS + 2)}
    losses = {"Losses/train_mse_avg": 1 / epoch, "Losses/train_w_energy_avg": 10.0 + epoch}
    best = {"best_val_mse": 0.5 / epoch, "final_train_mse": 1 / epoch, "early_stop_reason": None}
    tunes = {"training_iteration": epoch, "hostname": "h", "node_ip": "127.0.0.1", "done": False}
    return {"epoch": epoch, **losses, **vodes, **norms, **best, **tunes}


@contextmanager
def timed(times: list[float]) -> Iterator[None]:
    began = time.perf_counter()
    yield
    times.append(time.perf_counter() - began)


def measure(
    name: str,
    callback: Any,
    folder: Path,
    trials: int,
    reports: int,
    finish: Callable[[list[Trial]], None],
    outcomes: Outcomes,
) -> dict[str, Any]:
    """Run trials through a callback's hooks, after their outcomes have what they report."""
    starts: list[float] = []
    rows: list[float] = []
    ends: list[float] = []
    began = time.perf_counter()
    made = [make_trial(folder, number) for number in range(1, trials + 1)]
    for trial in made:
        info: dict[str, Any] = {"iteration": 0, "trials": made, "trial": trial}
        with timed(starts):
            callback.on_trial_start(**info)
        for epoch in range(1, reports + 1):
            trial.last_result = report(epoch)
            outcomes.of(trial.trial_id).add(trial.last_result)
            with timed(rows):
                callback.on_trial_result(result=trial.last_result, **info)
        outcomes.end(trial.trial_id)
        with timed(ends):
            callback.on_trial_complete(**info)
    in_loop = time.perf_counter() - began
    finish(made)
    in_all = time.perf_counter() - began
    each = [s + e for s, e in zip(starts, ends, strict=True)]
    return {
        "callback": name,
        "trials": trials,
        "reports": reports,
        "trial_ms_median": 1000 * statistics.median(each),
        "trial_ms_max": 1000 * max(each),
        "report_ms_median": 1000 * statistics.median(rows),
        "report_ms_max": 1000 * max(rows),
        "loop_s_a_trial": in_loop / trials,
        "all_s_a_trial": in_all / trials,
    }


def make_trial(folder: Path, number: int) -> Trial:
    own = folder / f"trial_{number}"
    own.mkdir(parents=True)
    values = {"num_blocks": BLOCKS, "epochs": 5, "seed": number}
    return Trial(
        trial_id=f"t{number:05d}",
        config=values,
        experiment_tag=f"{number}_seed={number}",
        custom_dirname=None,
        path=str(own),
        local_path=str(own),
        local_experiment_path=str(folder),
        experiment_dir_name="benchmark",
        trainable_name="benchmark",
        evaluated_params={},
        logdir=str(own),
        last_result={},
        status="RUNNING",
        checkpoint=None,
    )


def ours(folder: Path, trials: int, reports: int) -> dict[str, Any]:
    def effective(values: Any) -> dict[str, Any]:
        return model_config(values).model_dump(mode="json")

    group = RunGroup("benchmark", None, "ours", folder, ("random",))
    metric = Metric("best_val_mse", "minimize")
    context, outcomes = RunContext([metric], ["seed"], None, effective), Outcomes([metric])
    callback = WandbCallback(group, "offline", outcomes, context)

    def finish(made: list[Trial]) -> None:
        callback.on_experiment_end(made)
        callback.manager.settle()

    found = measure("pcsearch", callback, folder, trials, reports, finish, outcomes)
    assert callback.problems == [], callback.problems
    return found


def stock(folder: Path, trials: int, reports: int) -> dict[str, Any]:
    os.environ["WANDB_DIR"] = str(folder)
    callback = WandbLoggerCallback(project="benchmark", group="stock", mode="offline")
    callback.setup()
    return measure(
        "stock", callback, folder, trials, reports, callback.on_experiment_end, Outcomes([])
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--trials", type=int, default=200)
    parser.add_argument("--reports", type=int, default=5)
    parser.add_argument("--stock-trials", type=int, default=8)
    given = parser.parse_args()
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        results = [ours(Path(folder, "ours"), given.trials, given.reports)]
        if given.stock_trials:
            Path(folder, "stock").mkdir()
            ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
            try:
                results.append(stock(Path(folder, "stock"), given.stock_trials, given.reports))
            finally:
                ray.shutdown()
    print(f"{'':10}{'trials':>8}{'a trial, ms':>22}{'a report, ms':>22}{'in all,':>12}")
    print(f"{'':10}{'':>8}{'median':>12}{'max':>10}{'median':>12}{'max':>10}{'s a trial':>12}")
    for each in results:
        print(
            f"{each['callback']:10}{each['trials']:8}"
            f"{each['trial_ms_median']:12.2f}{each['trial_ms_max']:10.1f}"
            f"{each['report_ms_median']:12.3f}{each['report_ms_max']:10.1f}"
            f"{each['all_s_a_trial']:12.3f}"
        )
    for each in results:
        print(json.dumps({name: _rounded(value) for name, value in each.items()}))


def _rounded(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    sys.exit(main())

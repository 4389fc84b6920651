"""Makes a table of real learning curves, on which methods of search can be compared in seconds.

    python tests/benchmarks/learning_curves.py --processes 2       half an hour on two free cores

The PC transformer is trained on the digits with the values of the first points of a Sobol sequence
in the space of ``learning_curves.yaml``, each with two seeds. A curve is the metric of that sweep
file, the MSE of the validation images, after each epoch. Each finished run is a line of the work
file, so the command goes on where it stopped. All points are trained with the first seed before the
second one. At the end the table is made of the lines; ``--table`` makes it of those there are.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import numpy as np
import torch
from curve_table import TABLE, sweep
from scipy.stats.qmc import Sobol

from pcsearch.pc.compiled.choice import MIN_GFLOP, compiled_blocks
from pcsearch.pc.config_values import model_config
from pcsearch.pc.training import TrainingRun
from pcsearch.sweeps.parameters import nested
from pcsearch.sweeps.sweep import Sweep

WORK = Path("build") / "learning_curves.jsonl"
DIGITS = 4

Run = tuple[int, int]
"""The number of a configuration, and a seed."""


def configurations(space: Sweep, count: int) -> list[dict[str, Any]]:
    """The configurations of the first ``count`` points, with their fixed values.

    Real values are rounded to four digits, so that the table has exactly what was trained.
    """
    searched = space.searched()
    points = Sobol(len(searched), seed=0).random_base2(math.ceil(math.log2(count)))[:count]
    fixed = nested((p, p.distribution.ppf(0.5)) for p in space.by_path() if p.fixed)
    return [
        fixed
        | {
            parameter.name: _rounded(parameter.distribution.ppf(share))
            for parameter, share in zip(searched, point, strict=True)
        }
        for point in points.tolist()
    ]


def _rounded(value: Any) -> Any:
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def learning_curve(values: Mapping[str, Any], seed: int, metric: str) -> list[float | None]:
    """The metric after each epoch; None from the epoch on in which the run diverged."""
    config = model_config({**values, "seed": seed})
    run = TrainingRun(config, compiled=False)
    # The package compiles for long runs only; here many short ones share the compiled code.
    model = run._trainer._model
    model.compiled = compiled_blocks(model.architecture, torch.device("cpu"), MIN_GFLOP)
    curve: list[float | None] = []
    while not run.finished:
        value = run.run_epoch().metrics.get(metric)
        if value is None or not math.isfinite(value):
            break
        curve.append(float(f"{value:.5g}"))
    return curve + [None] * (config.epochs - len(curve))


def timed_curve(values: Mapping[str, Any], seed: int, metric: str) -> dict[str, Any]:
    """A curve, and the seconds that it took: of the clock and of the processor."""
    start, busy = time.perf_counter(), time.process_time()
    curve = learning_curve(values, seed, metric)
    spent = {"seconds": time.perf_counter() - start, "cpu": time.process_time() - busy}
    return {"curve": curve} | {name: round(value, 2) for name, value in spent.items()}


def finished(work: Path) -> Iterator[dict[str, Any]]:
    """The lines of the work file; one that was cut off by a stop is left out."""
    if not work.exists():
        return
    for line in work.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            continue


def train(runs: Iterable[Run], count: int, work: Path, processes: int) -> None:
    """Train these runs, and append each to the work file when it ends."""
    space = sweep()
    assert space.metric is not None, "the sweep file names it"
    chosen = configurations(space, count)
    work.parent.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes) as pool, work.open("a", encoding="utf-8") as file:
        file.write("\n" if work.stat().st_size else "")
        futures = {
            pool.submit(timed_curve, chosen[number], seed, space.metric.name): (number, seed)
            for number, seed in runs
        }
        for done, future in enumerate(as_completed(futures), 1):
            number, seed = futures[future]
            row = {"config": number, "seed": seed, **future.result()}
            file.write(json.dumps(row) + "\n")
            file.flush()
            print(f"{done} of {len(futures)}: {row}", flush=True)


def make_table(
    rows: Iterable[Mapping[str, Any]], count: int, seeds: Sequence[int], path: Path
) -> None:
    """Write the table: names, values (configs, names), seeds and curves (configs, seeds, epochs).

    Only configurations that have a curve for each of the seeds are in it.
    """
    space, curves = sweep(), {(row["config"], row["seed"]): row["curve"] for row in rows}
    chosen = [
        (number, config)
        for number, config in enumerate(configurations(space, count))
        if all((number, seed) in curves for seed in seeds)
    ]
    names = [parameter.name for parameter in space.searched()]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        path,
        names=np.array(names),
        values=np.array([[config[name] for name in names] for _, config in chosen]),
        seeds=np.array(seeds),
        curves=np.array(
            [[curves[number, seed] for seed in seeds] for number, _ in chosen], dtype=np.float32
        ),
    )
    print(f"{path}: {len(chosen)} configurations, seeds {seeds}, {path.stat().st_size} bytes")


def main(arguments: list[str] | None = None) -> None:
    """Read the options, train what is missing, and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--configs", type=int, default=600)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--processes", type=int, default=1, help="each uses one thread")
    parser.add_argument("--work", type=Path, default=WORK, help="the work file")
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--table", action="store_true", help="train nothing")
    options = parser.parse_args(arguments)
    # The processes inherit it; each would else have a pool of threads for its data.
    os.environ["OMP_NUM_THREADS"] = "1"
    if not options.table:
        done = {(row["config"], row["seed"]) for row in finished(options.work)}
        wanted = [(each, seed) for seed in options.seeds for each in range(options.configs)]
        missing = [run for run in wanted if run not in done]
        train(missing, options.configs, options.work, options.processes)
    make_table(finished(options.work), options.configs, options.seeds, options.out)


if __name__ == "__main__":
    main()

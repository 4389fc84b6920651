"""A search that is ready to run: read from its file, checked, and given its directory's place.

Nothing here loads Ray: a mistake in a sweep file is told at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pcsearch.engine.checks import check, largest
from pcsearch.engine.directory import ExperimentDirectory, check_name
from pcsearch.engine.options import Options
from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.config import NUMERIC_FIELDS
from pcsearch.sweeps.configurations import Grid, configurations
from pcsearch.sweeps.sweep import Metric, Sweep, read_sweep

DEFAULT_METRIC = "best_val_mse"


@dataclass(frozen=True)
class Experiment:
    """A search that is ready to run: everything is checked, nothing has started.

    Args:
        sweep: what to search.
        options: what was asked besides.
        directory: where everything lies.
        cap: how many trials there are at most.
        folder: where the search was started: a relative ``data_dir`` starts there.
        resumed: whether the directory holds an earlier session's state to go on from.
    """

    sweep: Sweep
    options: Options
    directory: ExperimentDirectory
    cap: int
    folder: Path
    resumed: bool = False

    @property
    def metric(self) -> Metric:
        """What trials are compared by: the validation error where the sweep names nothing."""
        return self.sweep.metric or Metric(DEFAULT_METRIC, "minimize")

    @property
    def max_epochs(self) -> int:
        """The epochs of the longest trial."""
        return largest(self.sweep, "epochs")


def prepare(sweep_file: Path, options: Options) -> Experiment:
    """Read and check a sweep; nothing is written.

    Raises:
        PcsearchError: whatever is wrong with the sweep or the options, all of it.
    """
    sweep = read_sweep(sweep_file, numeric=NUMERIC_FIELDS.__contains__, overrides=options.overrides)
    check(sweep)
    cap = trial_cap(sweep, options.num_samples)
    if options.name is not None:
        check_name(options.name)
    name = options.name or _default_name(sweep)
    directory = ExperimentDirectory(options.storage_path.expanduser().absolute() / name)
    return Experiment(sweep, options, directory, cap, Path.cwd())


def reopen(path: Path, changes: Mapping[str, Any]) -> tuple[Experiment, dict[str, Any]]:
    """An earlier experiment, to go on with, and what its command line said of tracking.

    Args:
        path: the experiment's directory.
        changes: of the options it was started with.

    Raises:
        PcsearchError: there is none at the path, or its files are damaged.
    """
    directory = ExperimentDirectory(path.expanduser().absolute())
    record = directory.record()
    stored = {**record["options"], **changes}
    options = Options(**stored, storage_path=directory.path.parent, name=directory.name)
    sweep = read_sweep(
        directory.sweep, numeric=NUMERIC_FIELDS.__contains__, overrides=options.overrides
    )
    check(sweep)
    cap = trial_cap(sweep, options.num_samples)
    folder = Path(record["folder"])
    return Experiment(sweep, options, directory, cap, folder, resumed=True), record["tracking"]


def trial_cap(sweep: Sweep, num_samples: int | None) -> int:
    """How many trials a sweep has: the least of --num-samples, run_cap and the grid's size.

    Raises:
        PcsearchError: nothing bounds them.
    """
    limits = [limit for limit in (num_samples, sweep.run_cap) if limit is not None]
    grid = configurations(sweep, seed=0)
    if isinstance(grid, Grid):
        limits.append(grid.size)
    if not limits:
        raise PcsearchError(
            Problem(
                f"method {sweep.method} has no end of its own; "
                "give --num-samples N or run_cap: N in the file",
                sweep.source,
            )
        )
    return min(limits)


def _default_name(sweep: Sweep) -> str:
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", sweep.name or Path(sweep.source).stem).strip("-.")
    return f"{stem[:60] or 'search'}_{datetime.now():%Y-%m-%d_%H-%M-%S}"

"""A search that is ready to run: read from its file, checked, and given its directory's place.

Nothing here loads Ray: a mistake in a sweep file is told at once.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pcsearch.engine.records.directory import RECORD_FILE, ExperimentDirectory, check_name, located
from pcsearch.engine.records.history import History, read_history
from pcsearch.engine.records.options import Options
from pcsearch.engine.search.auto_sampler import check_sampler
from pcsearch.engine.workloads.pc_transformer import PCTransformer
from pcsearch.engine.workloads.user_function import UserFunction
from pcsearch.engine.workloads.workload import Workload
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.configurations import Grid, configurations
from pcsearch.sweeps.differences import differences
from pcsearch.sweeps.early_terminate import rung_problem
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.reading.text import read_text
from pcsearch.sweeps.sweep import Sweep, UnsoundSweepError, parse_sweep, place


@dataclass(frozen=True)
class Experiment:
    """A search that is ready to run: everything is checked, nothing has started.

    Args:
        sweep: what to search.
        options: what was asked besides.
        directory: where everything lies.
        cap: how many trials there are at most.
        folder: where the search was started: relative paths start there.
        workload: what the trials run.
        resumed: whether the directory holds an earlier session's state to go on from.
        history: what earlier sessions have come to.
    """

    sweep: Sweep
    options: Options
    directory: ExperimentDirectory
    cap: int
    folder: Path
    workload: Workload
    resumed: bool = False
    history: History = field(default_factory=History)

    @property
    def over(self) -> bool:
        """Whether nothing is left to do."""
        return self.resumed and self.history.is_over(self.cap)

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What trials are compared by, empty where nobody says."""
        return self.sweep.metrics or self.workload.default_metrics()

    @property
    def max_epochs(self) -> int | None:
        """The epochs of the longest trial, None where nobody knows."""
        return self.workload.max_epochs(self.sweep)

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs after which trials are compared and stopped."""
        hyperband = self.sweep.early_terminate
        return () if hyperband is None else hyperband.rungs(self.max_epochs)


def prepare(sweep_file: Path, options: Options, text: str | None = None) -> Experiment:
    """Read and check a sweep; nothing is written.

    Args:
        sweep_file: the sweep's file, or what messages call it where its text is given.
        options: what was asked besides.
        text: of the sweep, where no file has it.

    Raises:
        PcsearchError: whatever is wrong with the sweep or the options, all of it.
    """
    workload = workload_of(options, Path.cwd())
    sweep = checked_sweep(sweep_file, options, workload, text)
    cap = trial_cap(sweep, options.num_samples)
    if cap is None:
        raise PcsearchError(
            Problem(
                f"method {sweep.method} has no end of its own; "
                "give --num-samples N or run_cap: N in the file",
                sweep.source,
            )
        )
    if options.name is not None:
        check_name(options.name)
    name = options.name or _default_name(sweep)
    directory = located(options.storage_path, name, "--storage-path")
    directory.check_absent()
    return Experiment(sweep, options, directory, cap, Path.cwd(), workload)


def reopen(
    directory: ExperimentDirectory, changes: Mapping[str, Any], sweep_file: Path | None = None
) -> tuple[Experiment, dict[str, Any]]:
    """An earlier experiment, to go on with, and what its command line said of tracking.

    Args:
        directory: the experiment's.
        changes: of the options it was started with.
        sweep_file: which must ask for the same search as the experiment's own; None need not.

    Raises:
        PcsearchError: there is none at the path, its files are damaged, or the file differs.
    """
    record = directory.record()
    stored = {**record["options"], **changes}
    known = {each.name for each in fields(Options)}
    if not stored.keys() <= known:
        unknown = sorted(stored.keys() - known)[0]
        raise PcsearchError(f"{directory.place}: its record has an unknown option {unknown!r}")
    options = _options(stored, directory)
    if options.num_samples is None:
        record_file = directory.shown(RECORD_FILE)
        raise PcsearchError(f"{record_file}: the record is damaged (options.num_samples is null)")
    folder = Path(record["folder"])
    workload = workload_of(options, folder)
    sweep = checked_sweep(directory.sweep, options, workload)
    if sweep_file is not None:
        _check_same(checked_sweep(sweep_file, options, workload), sweep, directory)
    history = read_history(directory.path)
    # The record has the cap, which may have been raised beyond the file's run_cap.
    cap = min(options.num_samples, grid_size(sweep) or options.num_samples)
    if "num_samples" in changes and cap < len(history.trials):
        message = f"{len(history.trials)} trials have begun already; give at least as many"
        raise PcsearchError(Problem(message, "--num-samples"))
    experiment = Experiment(
        sweep, options, directory, cap, folder, workload, resumed=True, history=history
    )
    return experiment, record["tracking"]


def _options(stored: Mapping[str, Any], directory: ExperimentDirectory) -> Options:
    places = {"storage_path": directory.above, "name": directory.name}
    try:
        return TypeAdapter(Options).validate_python({**stored, **places})
    except ValidationError as error:
        first = error.errors()[0]
        what = ".".join(map(str, first["loc"]))
        path = directory.shown(RECORD_FILE)
        raise PcsearchError(
            f"{path}: the record is damaged (options.{what}: {first['msg']})"
        ) from None


def _check_same(given: Sweep, kept: Sweep, directory: ExperimentDirectory) -> None:
    problems = [
        Problem(f"the file says {one}, the experiment {other}", given.source, key)
        for key, one, other in differences(given, kept)
    ]
    if problems:
        last = Problem(f"{directory.place} is of another search; leave SWEEP out", "--resume")
        raise PcsearchError([*problems, last])


def workload_of(options: Options, folder: Path) -> Workload:
    """What the trials of a search run: the user's function where one is given.

    Raises:
        PcsearchError: an option does not go with it.
    """
    if options.trainable is not None:
        if options.checkpoint_every > 1:
            message = "is of the PC transformer; a function of your own makes its own checkpoints"
            raise PcsearchError(Problem(message, "--checkpoint-every"))
        if options.compile == "off":
            message = "is of the PC transformer; a function of your own is never compiled"
            raise PcsearchError(Problem(message, "--compile"))
        return UserFunction(options.trainable, folder)
    return PCTransformer()


def checked_sweep(
    sweep_file: Path, options: Options, workload: Workload, text: str | None = None
) -> Sweep:
    """Read a sweep and hold it to what its trials run, and to the sampler.

    Args:
        sweep_file: as in `prepare`.
        options: what was asked besides.
        workload: what the trials run.
        text: as in `prepare`.

    Raises:
        PcsearchError: whatever is wrong with it, all of it.
    """
    given = read_text(sweep_file) if text is None else text
    try:
        sweep = parse_sweep(
            given, str(sweep_file), numeric=workload.numeric, overrides=options.overrides
        )
    except UnsoundSweepError as error:
        more = workload.parameter_problems(error.parameters.values())
        raise PcsearchError(sorted([*error.problems, *more], key=place)) from None
    workload.check(sweep)
    check_sampler(options.sampler, sweep)
    message = _rung_problem(sweep, workload)
    if message is None:
        return sweep
    if "epochs" in options.overrides:
        # A trial run with fewer epochs is no mistake in the file.
        return replace(sweep, notes=(*sweep.notes, f"early_terminate: {message}"))
    key = "early_terminate"
    raise PcsearchError(Problem(message, sweep.places.get(key, sweep.source), key))


def trial_cap(sweep: Sweep, num_samples: int | None) -> int | None:
    """How many trials a sweep has: the least of --num-samples, run_cap and the grid's size.

    None where nothing bounds them.
    """
    limits = (num_samples, sweep.run_cap, grid_size(sweep))
    return min((limit for limit in limits if limit is not None), default=None)


def grid_size(sweep: Sweep) -> int | None:
    """How many configurations a grid has, None where the method is another."""
    planned = configurations(sweep, seed=0)
    return planned.size if isinstance(planned, Grid) else None


def _rung_problem(sweep: Sweep, workload: Workload) -> str | None:
    max_epochs = workload.max_epochs(sweep)
    if sweep.early_terminate is None or max_epochs is None:
        return None
    return rung_problem(sweep.early_terminate, max_epochs)


def _default_name(sweep: Sweep) -> str:
    stem = re.sub(r"[^A-Za-z0-9_.-]+", "-", sweep.name or Path(sweep.source).stem).strip("-.")
    return f"{stem[:60] or 'search'}_{datetime.now():%Y-%m-%d_%H-%M-%S}"

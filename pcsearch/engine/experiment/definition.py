"""What a search is by its file and options: read, checked, and nothing written or started.

The plan, a new search, a resumed one and a sweep to register all begin here. Nothing here loads
Ray: a mistake in a sweep file is told at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from pcsearch.engine.records.options import Options
from pcsearch.engine.search.auto_sampler import check_sampler
from pcsearch.engine.workloads.pc_transformer import PCTransformer
from pcsearch.engine.workloads.user_function import UserFunction
from pcsearch.engine.workloads.workload import Workload
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.configurations import Grid, configurations
from pcsearch.sweeps.early_terminate import rung_problem
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.reading.text import read_text
from pcsearch.sweeps.sweep import Sweep, UnsoundSweepError, parse_sweep, place


@dataclass(frozen=True)
class SearchDefinition:
    """A search by its sweep file and its options, both checked.

    Args:
        sweep: what to search.
        options: what was asked besides.
        folder: where the search was started: relative paths start there.
        workload: what the trials run.
    """

    sweep: Sweep
    options: Options
    folder: Path
    workload: Workload

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """What trials are compared by, empty where neither file nor workload says."""
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

    @property
    def trial_limit(self) -> int | None:
        """How many trials there are at most, None where nothing bounds them."""
        return trial_cap(self.sweep, self.options.num_samples)


def define_search(
    sweep_file: Path, options: Options, folder: Path | None = None, text: str | None = None
) -> SearchDefinition:
    """Read a sweep, and hold it to what its trials run and to the sampler.

    Args:
        sweep_file: the sweep's file, or what messages call it where its text is given.
        options: what was asked besides.
        folder: where the search was started, the current folder where it starts now.
        text: of the sweep, where no file has it.

    Raises:
        PcsearchError: whatever is wrong with the sweep or the options, all of it.
    """
    folder = Path.cwd() if folder is None else folder
    workload = _workload(options, folder)
    text = read_text(sweep_file) if text is None else text
    try:
        sweep = parse_sweep(
            text, str(sweep_file), numeric=workload.numeric, overrides=options.overrides
        )
    except UnsoundSweepError as error:
        more = workload.parameter_problems(error.parameters.values())
        raise PcsearchError(sorted([*error.problems, *more], key=place)) from None
    workload.check(sweep)
    check_sampler(options.sampler, sweep)
    sweep = _check_rungs(sweep, options, workload)
    return SearchDefinition(sweep, options, folder, workload)


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


def _workload(options: Options, folder: Path) -> Workload:
    """What the trials of a search run: the user's function where one is named.

    Raises:
        PcsearchError: an option does not go with it.
    """
    if options.trainable is None:
        return PCTransformer()
    if options.checkpoint_every > 1:
        message = "is of the PC transformer; a function of your own makes its own checkpoints"
        raise PcsearchError(Problem(message, "--checkpoint-every"))
    if options.compile == "off":
        message = "is of the PC transformer; a function of your own is never compiled"
        raise PcsearchError(Problem(message, "--compile"))
    return UserFunction(options.trainable, folder)


def _check_rungs(sweep: Sweep, options: Options, workload: Workload) -> Sweep:
    """See that trials are long enough for the rungs.

    Raises:
        PcsearchError: they are not, by the file.
    """
    max_epochs = workload.max_epochs(sweep)
    if sweep.early_terminate is None or max_epochs is None:
        return sweep
    message = rung_problem(sweep.early_terminate, max_epochs)
    if message is None:
        return sweep
    if "epochs" in options.overrides:
        # A trial run with fewer epochs is no mistake in the file.
        return replace(sweep, notes=(*sweep.notes, f"early_terminate: {message}"))
    key = "early_terminate"
    raise PcsearchError(Problem(message, sweep.places.get(key, sweep.source), key))

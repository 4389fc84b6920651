"""Reads and checks what defines a search: its sweep file and its options.

The plan, a new search, a resumed one and the registration of a sweep all begin here. Nothing is
written or started. Nothing here loads Ray, which takes seconds: a mistake in a sweep file is
reported at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pcsearch.engine.experiment.workload_choice import SweepText, choose, workload_of
from pcsearch.engine.records.journal.history import History
from pcsearch.engine.records.options import Options
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.sampling.auto_sampler import check_sampler
from pcsearch.engine.workloads.workload import Workload
from pcsearch.errors import PcsearchError, Problem
from pcsearch.sweeps.configurations import Grid, configurations
from pcsearch.sweeps.early_terminate import rung_problem
from pcsearch.sweeps.finite import finite_space
from pcsearch.sweeps.metrics import Metric
from pcsearch.sweeps.reading.text import read_text
from pcsearch.sweeps.replicates import (
    CONFIRMED,
    KEY,
    Replicates,
    doubtful_seeds,
    replicates_of,
    unnoticed_seed,
)
from pcsearch.sweeps.sweep import InvalidSweepError, Reading, Sweep, parse_sweep, place

LEARNS = ("bayes", "custom")
"""The methods whose searcher learns from results."""

OPTION = "--replicates"


@dataclass(frozen=True)
class SearchDefinition:
    """A search by its sweep file and its options, both checked.

    Args:
        sweep: what to search.
        options: the options of the command.
        folder: the folder in which the search was started: relative paths start there.
        workload: what the trials run.
    """

    sweep: Sweep
    options: Options
    folder: Path
    workload: Workload

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The metrics that trials are compared by; empty if neither file nor workload has one."""
        return self.sweep.metrics or self.workload.default_metrics()

    @property
    def max_epochs(self) -> int | None:
        """The epochs of the longest trial, None where they are not known."""
        return self.workload.max_epochs(self.sweep)

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs after which trials are compared and stopped."""
        hyperband = self.sweep.early_terminate
        return () if hyperband is None else hyperband.rungs(self.max_epochs)

    @property
    def learns_from_curves(self) -> bool:
        """Whether a searcher that learns gets what trials are predicted to be worth at the end."""
        return bool(self.rungs) and len(self.metrics) == 1

    @property
    def trial_limit(self) -> int | None:
        """The largest number of trials without those of --confirm, None where nothing bounds it."""
        return trial_cap(self.sweep, self.options)

    @property
    def confirming(self) -> int:
        """The largest number of trials that --confirm adds."""
        if not self.options.confirm or self.replicates is None:
            return 0
        size = space_size(self.configured, self.options)
        return min(CONFIRMED, size or CONFIRMED) * self.options.confirm

    def with_samples(self, samples: int) -> SearchDefinition:
        """This search with another limit on the number of its trials."""
        return replace(self, options=replace(self.options, num_samples=samples))

    def draws(self, asked: int | None) -> int:
        """How many configurations a plan of the search shows, where so many are asked for."""
        return self.workload.draws_in_plan if asked is None else asked

    def outcomes_of(self, history: History) -> Outcomes:
        """The outcomes of the trials that a history of the search has; a session adds to them."""
        workload, curves = self.workload, self.sweep.early_terminate is not None
        return Outcomes(
            self.metrics,
            workload.time_attr,
            workload.epochs,
            history,
            curves,
            self.sweep.compared_by,
            workload.epoch_key,
        )

    @property
    def configured(self) -> Sweep:
        """The sweep of the configurations: where seeds are replicates, the one without them."""
        return self.sweep if self.replicates is None else self.replicates.without(self.sweep)

    @cached_property
    def replicates(self) -> Replicates | None:
        """The seeds with which each configuration may run; None where seeds are no replicates."""
        name = self.options.replicates
        found = None if name is None else replicates_of(self.sweep, name, OPTION)
        if isinstance(found, Problem):
            raise PcsearchError(found)
        return found


def define_search(
    sweep_file: str | Path,
    options: Options,
    folder: Path | None = None,
    text: str | None = None,
    has_begun: bool = False,
    is_edit: bool = False,
) -> SearchDefinition:
    """Read a sweep, and check it against the workload of its trials and the sampler.

    Args:
        sweep_file: the sweep's file, or its name in messages if ``text`` is given.
        options: the options of the command.
        folder: the folder in which the search was started; None for the current folder.
        text: the sweep's text, for a sweep that is not in a file.
        has_begun: whether the search is a resumed one.
        is_edit: whether the file is to take the place of that of a resumed one.

    Raises:
        PcsearchError: the sweep or an option is wrong; it has every problem of the sweep.
    """
    folder = Path.cwd() if folder is None else folder
    text = read_text(sweep_file) if text is None else text
    try:
        workload, options = choose(options, folder, SweepText(text, sweep_file), has_begun)
    except PcsearchError as error:
        # What to do first comes first.
        others = _problems_of_file(text, str(sweep_file), options)
        raise PcsearchError([*error.problems, *others]) from None
    try:
        sweep = parse_sweep(
            text,
            str(sweep_file),
            numeric=workload.numeric,
            whole=workload.whole,
            overrides=options.overrides,
            has_begun=has_begun and not is_edit,
            language=options.language,
            runs_program=workload.runs_program,
        )
    except InvalidSweepError as error:
        more = workload.parameter_problems(error.parameters.values())
        raise PcsearchError(sorted([*error.problems, *more], key=place)) from None
    workload.check(sweep)
    # A search that is edited may have begun with bayes.
    if not has_begun or sweep.method in LEARNS:
        check_sampler(options.sampler, sweep)
    sweep = _check_rungs(sweep, options, workload)
    if not has_begun:
        # In the record of a search that has begun it is one of the options.
        options = replace(options, replicates=options.replicates or sweep.replicates)
    search = SearchDefinition(sweep, options, folder, workload)
    _check_replicates(search)
    if search.replicates is not None:
        note = doubtful_seeds(search.replicates, options.confirm or 0)
    else:
        note = "" if has_begun else unnoticed_seed(sweep)
    return replace(search, sweep=replace(sweep, notes=(*sweep.notes, note))) if note else search


def _problems_of_file(text: str, source: str, options: Options) -> tuple[Problem, ...]:
    """What is wrong with a sweep file whatever its trials run."""
    try:
        parse_sweep(text, source, overrides=options.overrides, runs_program=True)
    except PcsearchError as error:
        return error.problems
    return ()


def parse_search(source: str, text: str, options: Options, folder: Path) -> SearchDefinition:
    """The search of a sweep file that has begun, without a look at what its trials run.

    Args:
        source: the name of the file in messages.
        text: of the file.
        options: of the search.
        folder: the folder in which the search was started.

    Raises:
        PcsearchError: the sweep is wrong.
    """
    workload = workload_of(options, folder)
    reading: Reading = {
        "numeric": workload.numeric,
        "overrides": options.overrides,
        "has_begun": True,
        "language": options.language,
    }
    # To know it of a function takes the user's code: some of its numbers are floats here.
    if options.trainable is None:
        reading["whole"] = workload.whole
    sweep = parse_sweep(text, source, **reading)
    return SearchDefinition(sweep, options, folder, workload)


def earlier_sweep(search: SearchDefinition, source: str, text: str) -> Sweep:
    """The sweep of an earlier version of a search's file, as it was read.

    Args:
        search: by the file that it has now.
        source: the name of the file in messages.
        text: of the file.

    Raises:
        PcsearchError: the sweep is wrong.
    """
    return parse_sweep(
        text,
        source,
        numeric=search.workload.numeric,
        whole=search.workload.whole,
        overrides=search.options.overrides,
        has_begun=True,
        language=search.options.language,
    )


def trial_cap(sweep: Sweep, options: Options) -> int | None:
    """The largest number of trials: the least of --num-samples, run_cap and the space's size.

    None where nothing bounds them. The size of a space that is no grid is no bound of its own: it
    may be much larger than anybody wants.
    """
    asked = [limit for limit in (options.num_samples, sweep.run_cap) if limit is not None]
    size = space_size(sweep, options) if asked or sweep.method == "grid" else None
    return min([*asked, *([] if size is None else [size])], default=None)


def space_size(sweep: Sweep, options: Options) -> int | None:
    """The number of different configurations, of which none runs twice; None without an end."""
    planned = configurations(sweep, seed=0)
    if isinstance(planned, Grid):
        return planned.size
    space = None if options.repeats else finite_space(sweep)
    return None if space is None else space.size


def _check_replicates(search: SearchDefinition) -> None:
    """Check that the seeds of a search can be replicates, if it has the options for them.

    Raises:
        PcsearchError: they cannot.
    """
    options, sweep, name = search.options, search.sweep, search.options.replicates
    problems = []
    if name is None:
        given = {"--confirm": options.confirm, "--no-racing": options.no_racing}
        message = "needs --replicates NAME, the parameter that is the seed"
        problems = [Problem(message, option) for option, value in given.items() if value]
    else:
        is_of_file = name == sweep.replicates
        where = sweep.places.get(KEY, OPTION) if is_of_file else OPTION
        found = replicates_of(sweep, name, where, options.confirm or 0)
        problems = [found] if isinstance(found, Problem) else []
        if len(search.metrics) != 1:
            many = "none" if not search.metrics else str(len(search.metrics))
            message = f"configurations are compared by one metric, and the sweep has {many}"
            problems.append(Problem(message, where))
    if problems:
        raise PcsearchError(problems)


def _check_rungs(sweep: Sweep, options: Options, workload: Workload) -> Sweep:
    """Check that trials are long enough for the rungs; --set epochs may make them too short.

    Raises:
        PcsearchError: they are too short by the file itself.
    """
    max_epochs = workload.max_epochs(sweep)
    if sweep.early_terminate is None or max_epochs is None:
        return sweep
    message = rung_problem(sweep.early_terminate, max_epochs)
    if message is None:
        return sweep
    if "epochs" in options.overrides:
        # The user shortens the trials to try the file out, and the file itself is right.
        return replace(sweep, notes=(*sweep.notes, f"early_terminate: {message}"))
    key = "early_terminate"
    raise PcsearchError(Problem(message, sweep.places.get(key, sweep.source), key))

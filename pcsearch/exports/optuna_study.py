"""A search as a study of Optuna, for optuna-dashboard and Optuna's own plots."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from pcsearch.engine.records.journal.history import VALUES_FILE
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.engine.search.sampling.optuna_internals import add_trials
from pcsearch.engine.search.sampling.study_view import quiet_optuna
from pcsearch.engine.storage.store import is_address
from pcsearch.errors import PcsearchError, Problem
from pcsearch.reports.plan import plain
from pcsearch.sweeps.distributions.base import Distribution, FloatAxis, identity, is_number
from pcsearch.sweeps.parameters import Parameter, value_of

OPTION = "--optuna"
SIMPLE = (str, bool, int, float)
SQLITE = ("sqlite", "sqlite+pysqlite")
"""The databases that are opened by Python's own module."""
TELL_EVERY_S = 5.0


def write_study(
    findings: Findings,
    trials: Sequence[Finding],
    url: str,
    name: str,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Add a study with the trials of a search to a database.

    Args:
        findings: of the search.
        trials: which of its trials.
        url: of the database, such as ``sqlite:///study.db``.
        name: of the study.
        tell: takes a line about how far it is, every few seconds.

    Raises:
        PcsearchError: the database has such a study, cannot be used, or fails meanwhile.
    """
    with _told("the database cannot be used ({}); such as sqlite:///F"):
        storage = _storage(url)
        directions = _directions(findings)
        try:
            study = optuna.create_study(storage=storage, study_name=name, directions=directions)
        except optuna.exceptions.DuplicatedStudyError:
            message = f"there is a study {name!r} already; give another database"
            raise PcsearchError(Problem(message, OPTION)) from None
    try:
        made = _made(findings, trials, tell)
        with _told("the study cannot be written ({}); see if the database answers and has room"):
            _describe(study, findings)
            add_trials(storage, name, made)
    except BaseException:
        # A part of a search would look like one, and be in the way of the next export.
        with suppress(Exception), quiet_optuna():
            optuna.delete_study(study_name=name, storage=url)
        raise


@contextmanager
def _told(message: str) -> Iterator[None]:
    """Tell what goes wrong with a database in one line, whose ``{}`` gets the type of the error.

    SQLAlchemy's errors are many, and may hold the password of the URL.
    """
    try:
        with quiet_optuna():
            yield
    except PcsearchError:
        raise
    except Exception as error:
        raise PcsearchError(Problem(message.format(type(error).__name__), OPTION)) from None


def memory_study(findings: Findings) -> optuna.Study:
    """A study in memory with all trials of a search."""
    with quiet_optuna():
        study = optuna.create_study(directions=_directions(findings))
    _describe(study, findings)
    study.add_trials(_made(findings, findings.trials, lambda _: None))
    return study


def _storage(url: str) -> optuna.storages.RDBStorage:
    """The database of an URL, as Optuna takes it."""
    is_sqlite = url.partition(":")[0] in SQLITE
    options = {"connect_args": {"factory": _connecting()}} if is_sqlite else None
    return optuna.storages.RDBStorage(url, engine_kwargs=options)


def _connecting() -> Callable[..., sqlite3.Connection]:
    """Connects to a database, which does not wait for the disk where it is new.

    The study is there whole, or it is removed. Where the database has others, it waits: a machine
    that fails in the middle could damage them.
    """
    pages: list[int] = []

    def connect(*args: Any, **options: Any) -> sqlite3.Connection:
        connection = sqlite3.Connection(*args, **options)
        # The first connection knows what was there before.
        if not pages:
            pages.extend(connection.execute("PRAGMA page_count").fetchone())
        if pages == [0]:
            connection.execute("PRAGMA synchronous=OFF")
        return connection

    return connect


def _describe(study: optuna.Study, findings: Findings) -> None:
    """Say of a study where it comes from, and what its values are."""
    study.set_user_attr("pcsearch", findings.place)
    with quiet_optuna():
        study.set_metric_names([metric.name for metric in findings.metrics] or ["value"])


def _made(
    findings: Findings, trials: Sequence[Finding], tell: Callable[[str], None]
) -> list[FrozenTrial]:
    """Trials as Optuna has them, with all values of the first metric and what became of them."""
    axes = axes_of(findings)
    begun = min((each.start for each in trials if each.start is not None), default=time.time())
    told = time.monotonic()
    made = []
    for count, trial in enumerate(trials):
        if time.monotonic() >= told + TELL_EVERY_S:
            told = time.monotonic()
            tell(f"{count:,} of {len(trials):,} trials are read")
        made.append(_trial(findings, trial, axes, begun))
    return made


class Axis(NamedTuple):
    """A searched parameter as Optuna has it.

    Args:
        distribution: Optuna's, of the parameter's own values.
        choices: what `identity` says of the choices of a categorical one; else empty.
    """

    distribution: BaseDistribution
    choices: frozenset[str]


def axes_of(findings: Findings) -> dict[str, Axis]:
    """The axes of the searched parameters, by their names."""
    axes = {}
    for parameter in findings.searched:
        distribution = _distribution_of(parameter, findings)
        choices: Sequence[Any] = ()
        if isinstance(distribution, CategoricalDistribution):
            choices = distribution.choices
        axes[parameter.name] = Axis(distribution, frozenset(map(identity, choices)))
    return axes


def _distribution_of(parameter: Parameter, findings: Findings) -> BaseDistribution:
    """Optuna's distribution of a parameter's own values, not of the axis that is searched."""
    distribution = parameter.distribution
    values = [value_of(each.config, parameter) for each in findings.results]
    numbers = [value for value in values if is_number(value)]
    listed = distribution.spec().get("values")
    if listed is not None or len(numbers) < sum(value is not None for value in values):
        every = [*(listed or ()), *(value for value in values if value is not None)]
        return CategoricalDistribution(_choices(every))
    low, high = _bounds(distribution, numbers)
    if all(isinstance(each, int) for each in (*numbers, low, high)):
        return IntDistribution(int(low), int(high))
    axis = distribution.axis()
    log = isinstance(axis, FloatAxis) and axis.log and low > 0
    return FloatDistribution(low, high, log=log)


def _bounds(distribution: Distribution, numbers: Sequence[float]) -> tuple[float, float]:
    """The range of the values; where it is infinite, that of the values there are."""
    known = distribution.bounds() or ()
    every = [*known, *numbers] or [0.0]
    return min(every), max(every)


def _choices(values: Sequence[Any]) -> list[Any]:
    """The different values as Optuna can have them in a list; as JSON where that is necessary.

    Optuna knows no lists, and for it 1, 1.0 and true are the same.
    """
    different = list({identity(value): value for value in values}.values())
    simple = all(value is None or isinstance(value, SIMPLE) for value in different)
    if simple and len(set(different)) == len(different):
        return different
    return list(dict.fromkeys(_as_json(value) for value in different))


def _as_json(value: Any) -> str:
    return json.dumps(plain(value), ensure_ascii=False)


def _param(value: Any, axis: Axis) -> Any:
    """A value of a parameter as the distribution of the parameter has it."""
    if not axis.choices or identity(value) in axis.choices:
        return value
    return _as_json(value)


def _directions(findings: Findings) -> list[StudyDirection]:
    modes = [metric.mode for metric in findings.metrics] or ["min"]
    ways = {"min": StudyDirection.MINIMIZE, "max": StudyDirection.MAXIMIZE}
    return [ways[mode] for mode in modes]


def params_of(findings: Findings, trial: Finding, axes: Mapping[str, Axis]) -> dict[str, Any]:
    """The values of a trial as Optuna has them, without those that it has not.

    Args:
        findings: of the search.
        trial: of the search.
        axes: of the searched parameters, by their names (`axes_of`).
    """
    params: dict[str, Any] = {}
    for parameter in findings.searched:
        value, axis = value_of(trial.result.config, parameter), axes[parameter.name]
        if trial.result.config and (value is not None or identity(None) in axis.choices):
            params[parameter.name] = _param(value, axis)
    return params


def _trial(
    findings: Findings, trial: Finding, axes: Mapping[str, Axis], begun: float
) -> FrozenTrial:
    """A trial as Optuna has it; ``begun`` is when the search began."""
    params = params_of(findings, trial, axes)
    several = len(findings.metrics) > 1
    # Of several metrics Optuna has no values on the way.
    curve = {} if several else findings.curve(trial)
    state, values = _state(trial), [each for each in trial.result.values if each is not None]
    about = {
        "trial": trial.result.number,
        "id": trial.result.trial_id,
        "status": trial.status,
        "reason": trial.reason,
        "epochs": trial.result.epoch,
        "node": trial.node,
    }
    if several:
        # Nor any values of a trial that was stopped.
        names = [metric.name for metric in findings.metrics]
        about["values"] = dict(zip(names, trial.result.values, strict=True))
    made = optuna.trial.create_trial(
        state=state,
        values=values if state == TrialState.COMPLETE else None,
        params=params,
        distributions={name: axes[name].distribution for name in params},
        intermediate_values=curve,
        user_attrs=about,
    )
    start = _start(findings, trial, begun)
    made.datetime_start = datetime.fromtimestamp(start)
    if state.is_finished():
        made.datetime_complete = datetime.fromtimestamp(trial.end or start)
    return made


def _start(findings: Findings, trial: Finding, begun: float) -> float:
    """When a trial began; of one without a report, when its values were written, if that is known.

    ``begun`` is when the search began.
    """
    if trial.start is not None:
        return trial.start
    if is_address(findings.place):
        # The files here were copied just now.
        return begun
    try:
        return (trial.folder / VALUES_FILE).stat().st_mtime
    except OSError:
        return begun


def _state(trial: Finding) -> TrialState:
    if trial.running:
        return TrialState.RUNNING
    match trial.result.status:
        case "stopped":
            return TrialState.PRUNED
        case "finished" if trial.result.valued:
            return TrialState.COMPLETE
    return TrialState.FAIL

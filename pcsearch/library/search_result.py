"""What a search has found, in Python."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsearch.engine.records.directory import ExperimentDirectory, directory_at
from pcsearch.engine.records.kept_model import best_kept_model
from pcsearch.engine.records.trial_result import TrialResult
from pcsearch.engine.results.findings import Finding, State, findings_at, read_findings
from pcsearch.library.tables import as_frame, as_html
from pcsearch.library.values import place_of
from pcsearch.sweeps.sweep import Sweep

PLACE = "directory"
"""What the place of a search is called in messages."""

if TYPE_CHECKING:
    import optuna
    import pandas as pd

    from pcsearch.pc.loaded_model import LoadedModel


@dataclass(frozen=True)
class BestTrial:
    """The best trial of a search; with replicates, the best run of the best configuration.

    Args:
        number: of the trial.
        config: the values that it was given.
        metrics: its values of the search's metrics, by their names.
        status: what became of it: finished, stopped or running, for example.
        epochs: how many it has trained.
        folder: the path or the address of its folder.
        model: the path or the address from which its model is loaded.
        configuration: the number of its configuration; None where seeds are no replicates.
        means: of the metrics over the seeds of that configuration, over its fresh ones if there are
            any; empty where seeds are no replicates.
        seeds: over how many seeds the means are.
    """

    number: int
    config: dict[str, Any]
    metrics: dict[str, float | None]
    status: str
    epochs: int
    folder: str
    model: str
    configuration: int | None = None
    means: dict[str, float | None] = field(default_factory=dict)
    seeds: int = 0

    def load_model(self, device: str = "auto", threads: int = 1) -> LoadedModel:
        """Load the model of the trial; the arguments are those of `pcsearch.load_model`.

        Raises:
            PcsearchError: there is none, for example because the trials train a function.
        """
        from pcsearch.pc.loaded_model import load

        return load(Path(self.model), device, threads)


class SearchResult:
    """What a search had found when it was read: one that ended, runs, or was interrupted.

    Args:
        place: the path or the address of the search's directory.

    Raises:
        PcsearchError: there is no experiment, or its files are damaged.
    """

    def __init__(self, place: str | Path) -> None:
        directory = _directory(place)
        with directory.read():
            self._findings = read_findings(directory)
            self._folders = [_folder(directory, each) for each in self._findings.trials]
            self._model = best_kept_model(directory, self._findings.metrics)

    @property
    def directory(self) -> str:
        """The path or the address of the search's directory."""
        return self._findings.place

    @property
    def state(self) -> State:
        """``finished``, ``running`` or ``interrupted``."""
        return self._findings.state

    @property
    def sweep(self) -> Sweep:
        """What was searched."""
        return self._findings.sweep

    @property
    def notes(self) -> tuple[str, ...]:
        """A line for each damage of the search's files."""
        return self._findings.notes

    @property
    def best(self) -> BestTrial | None:
        """The best trial by the first metric, None where no trial has a value.

        With replicates it is the best run of the configuration with the best mean.
        """
        trial = self._findings.best
        if trial is None:
            return None
        names = [metric.name for metric in self._findings.metrics]
        result, kept = trial.result, self._model
        folder = self._folders[self._findings.trials.index(trial)]
        return BestTrial(
            result.number,
            dict(result.config),
            dict(zip(names, result.values, strict=True)),
            trial.status,
            result.epoch,
            folder,
            kept.place if kept is not None and kept.trial_id == result.trial_id else folder,
            **self._of_configuration(result, names),
        )

    def _of_configuration(self, result: TrialResult, names: list[str]) -> dict[str, Any]:
        """What is known of the configuration that a run repeats; empty without replicates."""
        if result.replicate is None:
            return {}
        number = result.replicate.configuration
        found = next(each for each in self._findings.configurations if each.number == number)
        runs = found.judged_by
        means = dict(zip(names, runs.means, strict=True))
        return {"configuration": number, "means": means, "seeds": runs.count}

    @property
    def trials(self) -> pd.DataFrame:
        """A table with a row for each trial, in the order of their numbers.

        Its columns are those of ``python -m pcsearch export --csv``, and ``folder``. ``start`` and
        ``end`` are times in UTC, ``seconds`` is how long the trial ran. A column of whole numbers
        in which some are missing has the type ``Int64``, one of truth values ``boolean``.
        """
        return as_frame(self._findings, self._folders)

    @property
    def study(self) -> optuna.Study:
        """The search as a study of Optuna, in memory, with all intermediate values.

        It is that of ``python -m pcsearch export --optuna``, read anew.

        Raises:
            PcsearchError: the files of the search cannot be read any more.
        """
        from pcsearch.exports.optuna_study import memory_study

        with findings_at(self.directory, PLACE) as findings:
            return memory_study(findings)

    def report(self, path: str | Path | None = None, *, anonymous: bool = False) -> Path:
        """Write the search as one HTML page, which opens without a network.

        Args:
            path: the file; None for ``report.html`` in the search's directory, or ``NAME.html`` in
                the current folder for a search at an address.
            anonymous: whether the names of machines and users, paths and addresses are left out.

        Returns:
            The file.

        Raises:
            PcsearchError: the search cannot be read any more, or the file cannot be written.
        """
        # Optuna, which it loads, takes a while.
        from pcsearch.page.writing import write_page

        return write_page(_directory(self.directory), path, anonymous=anonymous)

    def __repr__(self) -> str:
        return f"<SearchResult {self.directory}: {self.state}, {len(self._findings.trials)} trials>"

    def _repr_html_(self) -> str:
        return str(as_html(self._findings))


def _directory(place: str | Path) -> ExperimentDirectory:
    return directory_at(place_of(place), PLACE)


def _folder(directory: ExperimentDirectory, trial: Finding) -> str:
    """The path or the address of a trial's folder."""
    if not trial.folder.is_relative_to(directory.path):
        # That of another driver.
        return str(trial.folder)
    return directory.place_of(trial.folder.relative_to(directory.path).as_posix())

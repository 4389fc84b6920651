"""Searches whose sessions run in the process of the tests, without Ray: what they write is real."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from modules import user_module

from pcsearch.engine.experiment.experiment import Experiment, new_experiment, with_queue
from pcsearch.engine.experiment.resumed_experiment import resumed_experiment
from pcsearch.engine.experiment.suggesting import searcher_of
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.journal.events import Decided, TrialEnded
from pcsearch.engine.records.journal.history import folder_name
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.options import Options
from pcsearch.engine.search.predictions.learning_curves import learning_curves
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.engine.search.searchers.replicated import ReplicatedSearcher
from pcsearch.sweeps.distributions.base import identity

MODULE = """
def main(config):
    yield {"loss": 1.0}
"""
METRIC = {"name": "loss", "goal": "minimize"}


def value(config: dict[str, Any]) -> float:
    """What a trial of a configuration reports as its loss."""
    numbers = [each for each in config.values() if isinstance(each, int | float)]
    return float(sum((number - 0.3) ** 2 for number in numbers))


class EditedSearch:
    """A search of a function, in a folder that has its module.

    Args:
        folder: with the module.
        sweep: what the sweep file holds.
        enqueue: as of the command.
        options: of the search.
    """

    def __init__(
        self, folder: Path, sweep: dict[str, Any], enqueue: str | None = None, **options: Any
    ) -> None:
        self.folder = folder
        self.file = folder / "s.yaml"
        self.write(sweep)
        options = {"trainable": "edited_mine:main", **options}
        experiment = new_experiment(self.file, Options(storage_path=folder, name="here", **options))
        if enqueue is not None:
            experiment = with_queue(experiment, enqueue)
        kept = asdict(experiment.options) | {"num_samples": experiment.samples}
        for name in ("storage_path", "name", "deadline", "address", "no_report", "quiet"):
            del kept[name]
        del kept["verbose"]
        record = {"options": kept, "folder": str(folder), "tracking": {"wandb": "disabled"}}
        events = [] if experiment.queue is None else [experiment.queue.event]
        experiment.directory.create(experiment.sweep.text, record, events)
        self.directory = ExperimentDirectory(folder / "here")
        self.journal = Journal(self.directory.path)
        self.experiment = experiment

    def write(self, sweep: dict[str, Any]) -> None:
        self.file.write_text(yaml.safe_dump({"metric": METRIC, **sweep}, sort_keys=False))

    def resume(
        self, sweep: dict[str, Any] | None = None, enqueue: str | None = None, **changes: Any
    ) -> Experiment:
        """The experiment of the next session, whose edit is in the journal."""
        if sweep is not None:
            self.write(sweep)
        given = None if sweep is None else self.file
        experiment, _ = resumed_experiment(self.directory, changes, given, enqueue=enqueue)
        if experiment.edit is not None:
            self.journal.add(experiment.edit.event)
        if experiment.queue is not None and experiment.queue.event.configs:
            self.journal.add(experiment.queue.event)
        self.experiment = experiment
        return experiment

    def session(self, count: int = 1000, unfinished: int = 0) -> list[dict[str, Any]]:
        """Run trials until none is left.

        Args:
            count: the largest number of them.
            unfinished: how many of them, the last ones, do not end.

        Returns:
            Their configurations.
        """
        experiment = self.experiment
        outcomes = experiment.outcomes()
        curves = learning_curves(experiment.sweep, experiment.max_epochs, outcomes)
        searcher = searcher_of(experiment, experiment.history, experiment.samples, outcomes, curves)
        configs: list[dict[str, Any]] = []
        first = len(experiment.history.trials) + 1
        for number in range(first, first + count):
            trial_id = f"t{number}"
            config = searcher.suggest(trial_id, number)
            for event in searcher.left_out():
                self.journal.add(event)
            if not isinstance(config, dict):
                if isinstance(searcher, ReplicatedSearcher) and searcher.is_decided:
                    self.journal.add(Decided(searcher.fresh, searcher.samples))
                break
            configs.append(config)
            self.journal.add(searcher.suggested(trial_id, number))
            outcome = outcomes.begin(trial_id, number, config)
            report = self._write(folder_name(number, trial_id), config)
            if number >= first + count - unfinished:
                continue
            outcome.add(report)
            outcomes.end(trial_id)
            self.journal.add(TrialEnded(trial_id, False, list(outcome.values), reports=1))
            searcher.on_trial_complete(trial_id, report)
        self.searcher = searcher
        return configs

    def _write(self, name: str, config: dict[str, Any]) -> dict[str, Any]:
        folder = self.directory.path / name
        folder.mkdir()
        (folder / "params.json").write_text(json.dumps(config))
        loss = value(config)
        report = {"loss": loss, "accuracy": -loss, "training_iteration": 1, "config": config}
        (folder / "result.json").write_text(json.dumps(report) + os.linesep)
        return report

    def configs(self) -> list[dict[str, Any]]:
        """The configurations of all trials, by their own files."""
        trials = read_history(self.directory.path).trials
        return [json.loads((trial.folder / "params.json").read_text()) for trial in trials]

    def check_whole(self) -> None:
        """No configuration has run twice, and the experiment knows that of each trial."""
        experiment, _ = resumed_experiment(self.directory, {})
        outcomes = experiment.outcomes()
        searcher = make_searcher(
            experiment.sweep, None, 0, history=experiment.history, outcomes=outcomes
        )
        known = [dict(searcher.config(trial)) for trial in experiment.history.trials]
        assert known == self.configs()
        assert len(set(map(identity, known))) == len(known)


@contextmanager
def edited_searches(folder: Path) -> Iterator[Path]:
    """The folder of `EditedSearch`, which is the current one during the block."""
    with user_module(folder, "edited_mine", MODULE):
        yield folder

"""The trials that Tune is given: those of earlier sessions first, and never more than fit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ray.tune import Experiment
from ray.tune.experiment import Trial

from pcsearch.engine.execution.restore import RestoredTrial
from pcsearch.engine.execution.trial import TrialContext
from pcsearch.engine.execution.trial_source import TrialSource
from pcsearch.engine.ray_internals import staging_folder
from pcsearch.engine.records.journal.changes import Enqueued
from pcsearch.engine.records.journal.events import Decided, Suggested, TrialEnded
from pcsearch.engine.records.journal.history import History, TrialHistory, folder_name
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.ledger import Access, Claim, OtherResult
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.engine.search.searchers.replicated import replicated_searcher
from pcsearch.sweeps.replicates import Replicates, replicates_of
from pcsearch.sweeps.sweep import parse_sweep

GRID = "method: grid\nparameters: {x: {values: [1, 2, 3]}, o: {parameters: {y: {value: [7]}}}}"
BAYES = "method: bayes\nmetric: {name: loss}\nparameters: {x: {min: 0.0, max: 1.0}}"
REPORT = {"loss": 0.5, "training_iteration": 2}


class Search:
    """A source of at most three trials, and what it has written and counted.

    Args:
        folder: of the experiment.
        text: of the sweep.
        earlier: how the trials of an earlier session have ended; None for one that has not.
    """

    def __init__(self, folder: Path, text: str = GRID, *earlier: TrialEnded | None) -> None:
        trials = [
            TrialHistory(f"t{n}", n, None, folder / folder_name(n, f"t{n}"), end)
            for n, end in enumerate(earlier, start=1)
        ]
        for trial in trials:
            trial.__dict__["last_report"] = REPORT
        history, sweep = History(trials), parse_sweep(text, "s.yaml")
        self.slots, self.is_paused = 2, False
        self.told: list[str] = []
        self.folder = folder
        self.outcomes = Outcomes(sweep.metrics, history=history)
        self.searcher = make_searcher(sweep, 3, 0, history=history, outcomes=self.outcomes)
        restored = [RestoredTrial(trial, ()) for trial in trials]
        context = TrialContext(folder, self.outcomes, sweep.metric)
        self.source = TrialSource(
            self.searcher,
            restored,
            lambda: self.slots,
            context,
            is_paused=lambda: self.is_paused,
            tell=self.told.append,
        )
        experiment = Experiment(
            folder.name,
            lambda _: None,
            storage_path=str(folder.parent),
            max_failures=4,
        )
        self.source.add_configurations([experiment])

    def next(self) -> Any:
        return self.source.next_trial()

    def suggested(self) -> list[Suggested]:
        return [each for each in Journal(self.folder).events() if isinstance(each, Suggested)]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Of the experiment. Tune prepares a restored trial's files in a folder of Ray's, else."""
    (tmp_path / "here").mkdir()
    with staging_folder(str(tmp_path / "staging")):
        yield tmp_path / "here"


def test_a_trial_is_in_the_journal_when_tune_gets_it(folder: Path) -> None:
    search = Search(folder)
    trial = search.next()
    assert search.suggested() == [Suggested(trial.trial_id, 1)]
    assert trial.config == {"x": 1, "o": {"y": [7]}}
    assert (trial.number, trial.max_failures) == (1, 4)
    assert trial.folder == folder / folder_name(1, trial.trial_id)
    assert search.outcomes.of(trial.trial_id).config == trial.config


def test_what_a_trial_does_to_its_values_does_not_reach_the_others(folder: Path) -> None:
    search = Search(folder)
    search.next().config["o"]["y"].append(8)
    assert search.next().config["o"] == {"y": [7]}


def test_no_more_are_suggested_than_can_run(folder: Path) -> None:
    search = Search(folder)
    one, two = search.next(), search.next()
    assert search.next() is None
    assert len(search.suggested()) == 2
    assert not search.source.is_finished()
    search.source.on_trial_complete(one.trial_id, {})
    three = search.next()
    assert [trial.config["x"] for trial in (one, two, three)] == [1, 2, 3]
    search.slots = 9
    assert search.next() is None
    assert search.source.is_finished()


def test_a_finished_search_suggests_nothing(folder: Path) -> None:
    search = Search(folder)
    search.source.set_finished()
    assert search.source.is_finished()
    assert search.next() is None
    assert search.suggested() == []


def test_ended_trials_come_first_and_need_no_slot(folder: Path) -> None:
    search = Search(folder, GRID, None, TrialEnded("t2", failed=False, values=[]))
    # All are known before Tune asks for the first: a session may end before.
    assert sorted(outcome.trial_id for outcome in search.outcomes) == ["t1", "t2"]
    search.slots = 0
    ended = search.next()
    assert (ended.trial_id, ended.number, ended.status) == ("t2", 2, Trial.TERMINATED)
    assert (ended.config["x"], ended.last_result["loss"]) == (2, 0.5)
    assert search.next() is None
    search.source.set_finished()
    assert not search.source.is_finished(), "the unfinished trial still has to run"
    search.slots = 1
    restored = search.next()
    assert (restored.trial_id, restored.config["x"], restored.status) == ("t1", 1, Trial.PENDING)
    assert search.source.is_finished()
    assert search.suggested() == [], "the journal of the first session has them"


def test_new_trials_follow_those_of_earlier_sessions(folder: Path) -> None:
    search = Search(folder, GRID, TrialEnded("t1", failed=True, values=[]))
    failed, new = search.next(), search.next()
    assert (failed.status, new.number, new.config["x"]) == (Trial.ERROR, 2, 2)
    assert search.suggested() == [Suggested(new.trial_id, 2)]


def test_the_journal_has_the_point_that_optuna_chose(folder: Path) -> None:
    search = Search(folder, BAYES)
    trial = search.next()
    assert search.suggested() == [Suggested(trial.trial_id, 1, {"x": trial.config["x"]})]


def test_the_searcher_learns_of_the_end(folder: Path) -> None:
    search = Search(folder, BAYES)
    trial = search.next()
    search.outcomes.of(trial.trial_id).add(REPORT)
    search.source.on_trial_complete(trial.trial_id, REPORT)
    assert search.searcher.study.trials[0].values == [0.5]  # type: ignore[union-attr]


def test_a_paused_search_starts_no_trial_and_ends_when_none_is_left(folder: Path) -> None:
    search = Search(folder, GRID, None)
    search.is_paused = True
    assert search.next() is None, "an unfinished trial waits as well"
    assert search.source.is_waiting
    search.is_paused = False
    assert not search.source.is_waiting
    restored, new = search.next(), search.next()
    search.is_paused = True
    for trial in (restored, new):
        assert not search.source.is_waiting, "a trial runs, which Tune looks after"
        search.source.on_trial_complete(trial.trial_id, {})
    assert search.next() is None
    assert search.source.is_waiting
    assert not search.source.is_finished()
    search.is_paused = False
    last = search.next()
    search.is_paused = True
    search.source.on_trial_complete(last.trial_id, {})
    assert not search.source.is_waiting
    assert search.next() is None
    assert search.source.is_finished(), "there are three trials"
    assert len(search.suggested()) == 2


FEW = "method: bayes\nmetric: {name: loss}\nparameters: {x: {values: [1, 2]}, y: {values: [3]}}"


@pytest.mark.parametrize(("text", "value"), [(GRID, 2), (FEW, 1)])
def test_an_enqueued_part_of_which_nothing_is_left_is_told_and_waits_no_more(
    text: str, value: int, folder: Path
) -> None:
    """A trial has had its only configuration by the time it is its turn."""
    search = Search(folder, text)
    parts = {0: {"x": value}, 1: {"x": value}, 2: {"x": 3 - value}}
    Journal(folder).add(Enqueued([*parts.values()]))
    search.source.enqueue(parts)
    trials = [search.next() for _ in range(2)]
    assert [trial.config["x"] for trial in trials] == [value, 3 - value]
    assert search.told == [
        f"the enqueued configuration {{'x': {value}}} is not tried: no configuration with its "
        "values is left"
    ]
    for trial in trials:
        trial.folder.mkdir()
    assert read_history(folder).waiting == {}


class Claims:
    """A ledger that counts its claims, and knows whether it was asked for one in vain."""

    access: Access = "open"
    is_exhausted = False

    def __init__(self) -> None:
        self.count, self.is_wanted = 0, False

    @property
    def is_ready(self) -> bool:
        self.is_wanted = True
        return True

    def claim(self) -> Claim:
        self.count, self.is_wanted = self.count + 1, False
        return Claim(self.count, f"t{self.count}")

    def note_running(self, trial_id: str) -> None:
        """It does not matter here."""

    def new_results(self) -> list[OtherResult]:
        return []


def test_a_race_claims_a_number_for_each_of_its_runs_and_no_other(folder: Path) -> None:
    """What runs next may depend on a run, and the race may end before the cap."""
    text = "parameters: {a: {values: [1, 2]}, seed: {values: [5, 6, 7]}}"
    sweep = parse_sweep(f"method: grid\nmetric: {{name: loss}}\n{text}", "s.yaml")
    replicates = replicates_of(sweep, "seed", "")
    assert isinstance(replicates, Replicates)
    outcomes, ledger = Outcomes(sweep.metrics), Claims()
    searcher = replicated_searcher(sweep, replicates, 6, 0, "auto", outcomes)
    context = TrialContext(folder, outcomes, sweep.metric)
    source = TrialSource(searcher, [], lambda: 3, context, ledger)
    source.add_configurations([Experiment("here", lambda _: None, storage_path=str(folder.parent))])
    begun = 0
    while not source.is_finished():
        running = []
        while (trial := source.next_trial()) is not None:
            running.append(trial)
        begun += len(running)
        # The others wait, and the ledger is not asked for them.
        assert (ledger.count, ledger.is_wanted) == (begun, False)
        for trial in running:
            outcomes.of(trial.trial_id).add({"loss": trial.config["a"], "training_iteration": 1})
            outcomes.end(trial.trial_id)
            source.on_trial_complete(trial.trial_id)
        assert not source.is_waiting
    assert not ledger.is_wanted
    assert begun < 6
    assert isinstance([*Journal(folder).events()][-1], Decided)

"""The trials of a search that several drivers share: which start, and when there are no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from pcsearch.engine.execution import trial_source
from pcsearch.engine.execution.restore import RestoredTrial
from pcsearch.engine.execution.trial import TrialContext
from pcsearch.engine.execution.trial_source import TrialSource
from pcsearch.engine.records.journal.events import Suggested, TrialEnded
from pcsearch.engine.records.journal.history import History, TrialHistory
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.ledger import Access, Claim, OtherResult
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.search.searchers.factory import make_searcher
from pcsearch.sweeps.sweep import parse_sweep

SWEEP = parse_sweep("method: grid\nparameters: {x: {values: [10, 20, 30, 40]}}\n", "s.yaml")


class Ledger:
    """A ledger that gives what a test says."""

    def __init__(self) -> None:
        self.access: Access = "open"
        self.is_exhausted = False
        self.ready: list[Claim] = []
        self.running: list[str] = []

    @property
    def is_ready(self) -> bool:
        return bool(self.ready) or self.is_exhausted

    def claim(self) -> Claim | None:
        return self.ready.pop() if self.ready else None

    def note_running(self, trial_id: str) -> None:
        self.running.append(trial_id)

    def new_results(self) -> Sequence[OtherResult]:
        return ()


class Source(TrialSource):
    """Gives the numbers, ids and configurations of trials in the place of Tune's."""

    def _trial(self, number: int, trial_id: str, config: dict[str, Any]) -> Any:
        return number, trial_id, config["x"]


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def source_of(
    folder: Path,
    ledger: Ledger | None,
    trials: Sequence[TrialHistory] = (),
    is_paused: Callable[[], bool] = lambda: False,
) -> Source:
    context = TrialContext(folder, Outcomes([]), None)
    searcher = make_searcher(SWEEP, 4, 0, history=History(list(trials)))
    restored = [RestoredTrial(trial, ()) for trial in trials]
    return Source(searcher, restored, lambda: 2, context, ledger, is_paused)


def test_a_trial_starts_when_its_number_is_claimed(tmp_path: Path, ledger: Ledger) -> None:
    source = source_of(tmp_path, ledger)
    assert source.is_waiting
    assert source.next_trial() is None
    assert not source.is_finished()
    ledger.ready = [Claim(3, "c")]
    assert not source.is_waiting
    assert source.next_trial() == (3, "c", 30)
    assert [*Journal(tmp_path).events()] == [Suggested("c", 3)]
    ledger.is_exhausted = True
    assert source.next_trial() is None
    assert not source.is_finished(), "while one runs, another driver may die"
    assert not source.is_waiting
    source.on_trial_complete("c")
    assert source.next_trial() is None
    assert source.is_finished()


@pytest.mark.parametrize("access", ["closed", "cancelled"])
def test_no_trial_starts_where_the_search_is_closed(
    access: Access, tmp_path: Path, ledger: Ledger
) -> None:
    ended = TrialHistory("a", 1, None, tmp_path / "a", TrialEnded("a", False, []))
    unfinished = TrialHistory("b", 2, None, tmp_path / "b")
    source = source_of(tmp_path, ledger, [unfinished, ended])
    ledger.access, ledger.ready = access, [Claim(3, "c")]
    assert [each.trial_history.id for each in source._restored] == ["a", "b"]
    assert not source.is_finished(), "Tune gets the trial that has ended first"
    source._restored.popleft()
    assert source.next_trial() is None
    assert (source.is_finished(), source.is_waiting) == (True, False)


@pytest.mark.parametrize("access", ["closed", "cancelled"])
def test_a_search_that_is_open_again_before_its_trials_have_ended_goes_on(
    access: Access, tmp_path: Path, ledger: Ledger
) -> None:
    source = source_of(tmp_path, ledger)
    ledger.ready = [Claim(3, "c")]
    assert source.next_trial() == (3, "c", 30)
    ledger.access, ledger.ready = access, [Claim(4, "d")]
    assert source.next_trial() is None
    assert not source.is_finished()
    ledger.access = "open"
    assert source.next_trial() == (4, "d", 40)


def test_no_trial_starts_while_the_search_is_paused(tmp_path: Path, ledger: Ledger) -> None:
    source = source_of(tmp_path, ledger, [TrialHistory("b", 2, None, tmp_path / "b")])
    ledger.access, ledger.ready = "paused", [Claim(3, "c")]
    assert source.next_trial() is None
    assert source.is_waiting, "an unfinished trial waits as well"
    ledger.access = "open"
    assert not source.is_waiting


def test_a_claim_that_is_ready_waits_while_the_search_is_paused(
    tmp_path: Path, ledger: Ledger
) -> None:
    source = source_of(tmp_path, ledger)
    ledger.access, ledger.ready = "paused", [Claim(3, "c")]
    assert source.is_waiting, "Tune would wait for a trial, and not ask whether the time is up"
    ledger.access = "open"
    assert not source.is_waiting
    assert source.next_trial() == (3, "c", 30)
    ledger.access = "paused"
    assert not source.is_waiting, "a trial runs"
    source.on_trial_complete("c")
    assert source.is_waiting
    ledger.is_exhausted = True
    assert not source.is_waiting
    assert source.next_trial() is None
    assert source.is_finished()


def test_the_ledger_is_told_when_a_trial_reports_or_ends(
    tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial_source, "restore_in_tune", lambda *_: None)
    ended = TrialHistory("a", 1, None, tmp_path / "a", TrialEnded("a", False, []))
    unfinished = [TrialHistory(name, 2, None, tmp_path / name) for name in "bcd"]
    source = source_of(tmp_path, ledger, [*unfinished, ended])
    assert [source.next_trial() is None for _ in range(4)] == [False, False, False, True]
    assert ledger.running == [], "a trial may still wait for a node"
    source.on_trial_result("b", {})
    source.on_trial_complete("c")
    assert ledger.running == ["b", "c"], "the third waits for a slot"


def test_without_a_ledger_the_lowest_numbers_come_that_are_not_used(tmp_path: Path) -> None:
    trials = [
        TrialHistory(name, number, None, tmp_path / name, TrialEnded(name, False, []))
        for name, number in (("a", 1), ("c", 3))
    ]
    source = source_of(tmp_path, None, trials)
    source._restored.clear()
    given = [source.next_trial() for _ in range(2)]
    assert [(each[0], each[2]) for each in given if each] == [(2, 20), (4, 40)]
    assert not source.is_waiting
    numbers = [event.number for event in Journal(tmp_path).events() if isinstance(event, Suggested)]
    assert numbers == [2, 4]


def test_a_search_that_is_paused_here_claims_nothing(tmp_path: Path, ledger: Ledger) -> None:
    paused = [True]
    source = source_of(tmp_path, ledger, is_paused=lambda: paused[0])
    ledger.ready = [Claim(1, "a")]
    assert source.next_trial() is None
    assert source.is_waiting
    assert ledger.ready, "the claim is still there"
    paused[0] = False
    assert source.next_trial() == (1, "a", 10)
    paused[0] = True
    ledger.is_exhausted = True
    source.on_trial_complete("a")
    assert not source.is_waiting
    assert source.next_trial() is None
    assert source.is_finished()


def test_a_sweep_that_is_stopped_at_its_ledger_ends_also_where_it_is_paused(
    tmp_path: Path, ledger: Ledger
) -> None:
    source = source_of(tmp_path, ledger, is_paused=lambda: True)
    assert not source.is_finished()
    ledger.access = "closed"
    assert source.is_finished()

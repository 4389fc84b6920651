"""What a session does when a second terminal asks; whole searches are in `tests/searches`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pcsearch.engine.execution import control as controls
from pcsearch.engine.execution.control import Control
from pcsearch.engine.execution.interruption import Interruption
from pcsearch.engine.records.directory import ExperimentDirectory
from pcsearch.engine.records.drivers.requests import FOLDER, Request, Requests
from pcsearch.engine.records.journal.events import Heeded, Retried, Suggested, TrialEnded
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.journal.replay import read_history
from pcsearch.engine.records.outcomes import Outcomes
from pcsearch.engine.records.record import RECORD_FILE
from pcsearch.engine.storage.files import StorageError

ANN = "ann on here"


class Session:
    """A session of a search in a folder, of which three trials have begun and the first has ended.

    Args:
        folder: of the search.
    """

    def __init__(self, folder: Path) -> None:
        self.directory = ExperimentDirectory(folder)
        self.requests = Requests(self.directory)
        self.history = read_history(folder)
        self.outcomes = Outcomes((), history=self.history)
        for number in (1, 2, 3):
            self.outcomes.begin(f"t{number}", number, {})
        if not self.history.trials:
            self.outcomes.end("t1")
        self.interruption = Interruption()
        self.slots: Any = SimpleNamespace(most=None)
        self.told: list[str] = []
        self.enqueued: list[dict[str, Any]] = []
        self.control = Control(
            self.directory,
            self.requests.names(),
            self.history,
            self.outcomes,
            self.slots,
            self.interruption,
            self._enqueue,
            self.told.append,
        )

    def _enqueue(self, configs: Sequence[dict[str, Any]]) -> str:
        self.enqueued += configs
        return f"{len(configs)} to try"

    def ask(self, kind: Any, **more: Any) -> str:
        """Ask, and let the session look; the request's name."""
        name = self.requests.add(Request(kind, ANN, **more))
        self.control.look()
        return name

    def heeded(self) -> list[str]:
        return [e.request for e in self.answers() if not e.problem]

    def answers(self) -> list[Heeded]:
        return [e for e in Journal(self.directory.path).events() if isinstance(e, Heeded)]

    def stopped(self) -> list[int]:
        return [outcome.number for outcome in self.outcomes if outcome.stop_requested]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    directory = ExperimentDirectory(tmp_path / "here")
    record = {
        "options": {"num_samples": 9, "max_concurrent": None},
        "folder": str(tmp_path),
        "tracking": {"wandb": "disabled"},
    }
    directory.create("method: grid\n", record)
    return directory.path


def test_each_request_is_done_once_and_is_in_the_journal(folder: Path) -> None:
    session = Session(folder)
    names = [session.ask("pause")]
    assert session.control.is_paused
    names.append(session.ask("stop", trials=[1, 3, 7]))
    assert session.stopped() == [3], "neither one that has ended, nor one of another driver"
    assert session.interruption.reason == ""
    names.append(session.ask("limit", max_concurrent=2))
    assert session.slots.most == 2
    assert session.directory.record()["options"] == {"num_samples": 9, "max_concurrent": 2}
    names.append(session.ask("continue"))
    assert not session.control.is_paused
    names.append(session.ask("stop"))
    assert session.interruption.is_due()
    assert session.interruption.reason == "asked"
    session.control.look()
    assert session.heeded() == names
    assert session.told == [
        f"{ANN} has paused the search; no new trial starts until python -m pcsearch continue "
        f"{folder}",
        f"{ANN} has stopped trial 3; its epoch ends first",
        f"{ANN} has set --max-concurrent to 2; trials that run go on",
        f"{ANN} has continued the search; new trials start",
        f"{ANN} has stopped the search: running trials are interrupted",
    ]


def test_the_limit_of_a_driver_that_has_joined_is_that_of_the_search_too(folder: Path) -> None:
    """Nobody may run the search itself at the time, and it is resumed later."""
    own = ExperimentDirectory(folder / "drivers" / "one")
    own.path.parent.mkdir()
    own.create("method: grid\n", ExperimentDirectory(folder).record())
    session = Session(own.path)
    session.ask("limit", max_concurrent=2)
    for directory in (own, ExperimentDirectory(folder)):
        assert directory.record()["options"] == {"num_samples": 9, "max_concurrent": 2}


def test_a_later_session_is_paused_and_heeds_nothing_else_of_before(folder: Path) -> None:
    first = Session(folder)
    first.ask("limit", max_concurrent=2)
    first.ask("pause")
    # Nobody has heeded these: the session was killed.
    first.requests.add(Request("stop", ANN, trials=[2]))
    first.requests.add(Request("stop", ANN))
    second = Session(folder)
    with second.control.running():
        assert second.control.is_paused
        assert (second.stopped(), second.slots.most) == ([], None)
        assert not second.interruption.is_due()
    assert second.told == [
        f"The search is paused (by {ANN}); no trial starts until python -m pcsearch continue "
        f"{folder}"
    ]
    second.ask("continue")
    third = Session(folder)
    with third.control.running():
        assert not third.control.is_paused
    assert third.told == []


def test_trials_that_were_to_stop_when_a_session_ended_stop_in_the_next(folder: Path) -> None:
    journal = Journal(folder)
    for number in (1, 2, 3, 4):
        journal.add(Suggested(f"t{number}", number))
    first = Session(folder)
    first.ask("stop", trials=[1, 2, 3])
    first.ask("pause")
    # Trial 1 has stopped. Trial 2 has failed before it could, and is to be tried again.
    journal.add(TrialEnded("t1", False, [], by_hand=True))
    journal.add(TrialEnded("t2", True, []))
    journal.add(Retried("t2"))
    second = Session(folder)
    with second.control.running():
        assert second.stopped() == [3]
    line = f"{ANN} has stopped trial 3; its epoch ends first"
    assert second.told[0] == line
    # A session that is killed before the epoch ends leaves it to the next.
    second.ask("stop", trials=[3])
    third = Session(folder)
    with third.control.running():
        assert third.stopped() == [3]
    assert third.told.count(line) == 1


def test_a_trial_that_began_after_a_request_is_not_stopped_by_it(folder: Path) -> None:
    """A number may come back where another driver has had it."""
    Journal(folder).add(Suggested("t1", 1))
    session = Session(folder)
    session.ask("stop", trials=[2])
    Journal(folder).add(Suggested("new", 2))
    later = Session(folder)
    with later.control.running():
        assert later.stopped() == []


def test_a_damaged_request_is_a_line_and_the_next_ones_are_heeded(folder: Path) -> None:
    session = Session(folder)
    (folder / FOLDER).mkdir()
    (folder / FOLDER / "0001_01234567.json").write_text("{")
    session.control.look()
    session.control.look()
    name = session.ask("pause")
    assert session.told[0] == (
        f"{folder}/{FOLDER}/0001_01234567.json: the request is damaged, and is ignored; ask again"
    )
    assert session.control.is_paused
    assert (len(session.told), session.heeded()) == (2, [name])
    assert [answer.problem for answer in session.answers()] == [session.told[0], ""]


def test_a_limit_that_cannot_be_kept_is_a_line_and_the_next_ones_are_heeded(folder: Path) -> None:
    session = Session(folder)
    record = folder / RECORD_FILE
    record.write_text("{}")
    session.ask("limit", max_concurrent=2)
    name = session.ask("stop")
    assert session.told[0].startswith(f"{record}: written by another version of pcsearch")
    assert (session.heeded(), session.slots.most) == ([name], None)
    # Those who have asked need not wait for nothing.
    assert session.answers()[0].problem == session.told[0]
    assert session.interruption.is_due()


def test_trials_that_write_one_file_of_metrics_stay_one_at_a_time(folder: Path) -> None:
    directory = ExperimentDirectory(folder)
    record = directory.record()
    options = {"trainable": "program", "metrics_from": "m.csv", "max_concurrent": 1}
    directory.rewrite(record | {"options": record["options"] | options})
    session = Session(folder)
    session.ask("limit", max_concurrent=2)
    assert session.told[0].startswith("--metrics-from m.csv: is one file for all trials")
    assert (session.heeded(), session.slots.most) == ([], None)
    assert directory.record()["options"]["max_concurrent"] == 1
    session.ask("limit", max_concurrent=1)
    assert session.slots.most == 1


def test_a_request_that_goes_wrong_is_a_line_and_the_next_ones_are_heeded(folder: Path) -> None:
    session = Session(folder)

    def fail(configs: Sequence[dict[str, Any]]) -> str:
        raise OverflowError(f"{len(configs)} too large")

    session.control._queue = fail
    name = session.ask("enqueue", configs=[{"lr": 1}])
    stop = session.ask("stop")
    assert session.told[0] == f"the request {name} cannot be heeded (1 too large)"
    assert (len(session.told), session.heeded()) == (2, [stop])
    assert session.answers()[0].problem == session.told[0]
    assert session.interruption.is_due()


def test_what_cannot_be_written_down_is_tried_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(folder)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", lambda *_: (_ for _ in ()).throw(StorageError("full")))
        with pytest.raises(StorageError, match="full"):
            session.ask("pause")
    assert not session.control.is_paused
    session.control.look()
    assert session.control.is_paused


def test_requests_are_looked_for_while_the_session_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controls, "LOOK_S", 0.01)
    session = Session(folder)
    with session.control.running():
        session.requests.add(Request("stop", ANN))
        end = time.monotonic() + 120
        while not session.interruption.is_due():
            assert time.monotonic() < end
            time.sleep(0.01)


def test_configurations_are_passed_on_once(folder: Path) -> None:
    session = Session(folder)
    name = session.ask("enqueue", configs=[{"x": 1}, {"x": 2}])
    session.control.look()
    assert session.enqueued == [{"x": 1}, {"x": 2}]
    assert session.told == [f"{ANN}: 2 to try"]
    assert session.answers() == [Heeded(name, "2 to try")]

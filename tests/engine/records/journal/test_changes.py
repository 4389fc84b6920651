"""The events by which the user changes a search: each is one line of the journal."""

from __future__ import annotations

from pathlib import Path

from pcsearch.engine.records.journal.changes import Edited, Enqueued
from pcsearch.engine.records.journal.events import Suggested, TrialEnded
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.journal.replay import read_history

EDIT = Edited("method: grid\nparameters: {x: {values: [1, ü]}}\n", "s.yaml", 7)
QUEUE = Enqueued([{"x": 1}, {"o": {"y": [None, 2.5]}}])


def test_they_are_read_as_they_were_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    events = [QUEUE, EDIT, Suggested("t1", 1, config={"x": 1}, enqueued=0), EDIT]
    for event in events:
        journal.add(event)
    assert list(journal.events()) == events
    assert journal.of_kind(Edited) == [EDIT, EDIT]


def test_a_torn_one_is_not_there(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.add(EDIT)
    whole = journal.path.read_bytes()
    for event in (EDIT, QUEUE):
        journal.add(event)
        line = journal.path.read_bytes()[len(whole) :]
        for length in (1, len(line) // 2, len(line) - 1):
            journal.path.write_bytes(whole + line[:length])
            assert journal.of_kind(Edited) == [EDIT]
            history = read_history(tmp_path)
            assert (history.edits, history.enqueued) == ([EDIT], [])
        journal.path.write_bytes(whole)


def test_the_history_knows_what_was_before_and_after_an_edit(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for event in (
        Suggested("t1", 1),
        Suggested("t2", 2),
        TrialEnded("t1", False, [0.5]),
        EDIT,
        QUEUE,
        TrialEnded("t2", False, [0.5]),
        Suggested("t3", 3, config={"x": 1}, enqueued=1),
    ):
        journal.add(event)
    history = read_history(tmp_path)
    assert [trial.edits for trial in history.trials] == [0, 0, 1]
    assert [trial.judged_after for trial in history.trials] == [0, 1, 0]
    assert [trial.config for trial in history.trials] == [None, None, {"x": 1}]
    assert history.waiting == {0: {"x": 1}}
    assert history.is_changed

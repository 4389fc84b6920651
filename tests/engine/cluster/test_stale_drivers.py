"""Sessions of a search that a cluster has not ended; killed drivers are in tests/searches."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.engine.cluster import stale_drivers
from pcsearch.engine.cluster.stale_drivers import await_end, namespace
from pcsearch.errors import PcsearchError

HERE = Path("/shared/here")


def jobs(monkeypatch: pytest.MonkeyPatch, answers: list[list[str]]) -> None:
    """Have the cluster give these answers, one after the other."""

    def others(name: str) -> list[str]:
        assert name == namespace(HERE)
        return answers.pop(0)

    monkeypatch.setattr(stale_drivers, "_other_drivers", others)
    monkeypatch.setattr(stale_drivers, "POLL_S", 0)


def test_searches_in_other_directories_have_other_namespaces() -> None:
    assert len({namespace(HERE), namespace(HERE / "x"), namespace(Path("/shared"))}) == 3


@pytest.mark.parametrize("answers", [[[]], [["02000000"], ["02000000"], []]])
def test_an_earlier_session_is_waited_for_and_told_once(
    answers: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    waits = len(answers) > 1
    jobs(monkeypatch, answers)
    await_end(HERE, "head:6379", told.append)
    assert answers == []
    line = "Waiting for the cluster to end the trials of the session that was killed"
    assert told == [line] * waits


def test_an_earlier_session_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs(monkeypatch, [["02000000"], ["02000000"]])
    monkeypatch.setattr(stale_drivers, "WAIT_S", -1)
    with pytest.raises(PcsearchError) as caught:
        await_end(HERE, "head:6379", lambda _: None)
    assert str(caught.value) == (
        "/shared/here: an earlier session of the search still runs on the cluster (its job "
        "02000000); wait for its end, or end its driver"
    )

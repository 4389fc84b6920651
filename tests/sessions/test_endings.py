"""How a session ends; whole sessions run in `tests/searches`."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from wandb_trials import make

from pcsearch.engine.cluster.connection import ConnectionLostError
from pcsearch.engine.execution.run import SessionResult
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.record import RECORD_FILE
from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.storage.lease import TakenOverError
from pcsearch.errors import PcsearchError
from pcsearch.reports.terminal import Terminal
from pcsearch.sessions.endings import closed_on_error, conclude, quiet_logs


def raised(experiment: Experiment, error: BaseException) -> tuple[BaseException, list[str]]:
    """What becomes of an error that ends a session, and the problems with W&B that are left."""
    wandb = make(experiment.directory.path.parent, mode="disabled")
    with (
        pytest.raises(BaseException) as caught,  # noqa: PT011 - any
        closed_on_error(experiment, wandb, Terminal()),
    ):
        raise error
    return caught.value, wandb.problems


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (StorageError("/here: cannot be written (full)"), "; make room there and resume it: "),
        (ConnectionLostError("the cluster is gone"), "; resume it: "),
    ],
)
def test_a_lost_storage_or_cluster_says_how_to_resume(
    error: Exception, advice: str, experiment: Experiment
) -> None:
    found, _ = raised(experiment, error)
    command = f"python -m pcsearch --resume {experiment.directory.place}"
    assert isinstance(found, PcsearchError)
    assert str(found) == f"{error}{advice}{command}"


def test_a_search_that_another_process_took_over_is_not_to_be_resumed_here(
    experiment: Experiment,
) -> None:
    error = TakenOverError("the search runs elsewhere")
    assert str(raised(experiment, error)[0]) == "the search runs elsewhere"


def test_other_errors_are_passed_on(experiment: Experiment) -> None:
    error = ValueError("a fault")
    assert raised(experiment, error)[0] is error


def test_the_second_interrupt_says_how_to_resume(
    experiment: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    error = KeyboardInterrupt()
    assert raised(experiment, error)[0] is error
    assert f"Resume it: python -m pcsearch --resume {experiment.directory.place}" in (
        capsys.readouterr().err
    )


def test_a_log_that_cannot_be_written_prints_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = logging.FileHandler(tmp_path / "log")
    handler.stream.close()
    handler.stream = (tmp_path / "log").open()
    with quiet_logs():
        handler.handle(logging.LogRecord("a", 40, "a.py", 1, "lost", None, None))
    assert capsys.readouterr().err == ""
    assert logging.raiseExceptions
    handler.close()


def test_wandb_is_waited_for_also_where_the_results_cannot_be_told(
    experiment: Experiment, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment.directory.path.mkdir()
    (experiment.directory.path / RECORD_FILE).touch()
    wandb = make(experiment.directory.path.parent, mode="disabled")
    waited: list[str] = []
    monkeypatch.setattr(wandb.manager, "settle", lambda _: waited.append("runs"))
    ledger = SimpleNamespace(finish=lambda *_, **__: waited.append("sweep"))
    search: Any = SimpleNamespace(experiment=experiment, wandb=wandb, sweep_ledger=ledger)
    terminal = Terminal()
    monkeypatch.setattr(terminal, "conclude", lambda *_: raise_(PcsearchError("full")))
    with pytest.raises(PcsearchError, match="full"):
        conclude(search, SessionResult(()), terminal)
    assert waited == ["runs", "sweep"]


def raise_(error: Exception) -> None:
    raise error

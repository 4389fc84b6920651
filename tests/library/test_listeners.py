"""What a program sees of a search; `test_searches.py` and the notebook of docs have whole ones."""

from __future__ import annotations

import logging
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import IPython
import IPython.display
import pytest
from searching import write_sweep

from pcsearch.engine.execution.run import SessionResult
from pcsearch.engine.experiment.experiment import Experiment, new_experiment
from pcsearch.engine.records.options import Options
from pcsearch.library.listeners import (
    Notebook,
    Quiet,
    Script,
    in_notebook,
    listener_of,
    without_advice,
)
from pcsearch.tracking.runs.context import RunsState


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    sweep = write_sweep(tmp_path / "s.yaml", {"seed": {"values": [1, 2]}})
    return new_experiment(sweep, Options(storage_path=tmp_path, name="here"))


@pytest.fixture
def displays(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a display of a notebook has shown, one after the other."""
    shown: list[str] = []
    handle = SimpleNamespace(update=lambda html: shown.append(html.data))
    monkeypatch.setattr(IPython.display, "display", lambda *_, **__: handle)
    return shown


def tell(listener: Any, experiment: Experiment) -> None:
    listener.say("W&B: <off>")
    listener.warn("", "careful")
    runs = RunsState("disabled", 0, is_cut_off=False)
    with listener.progress(experiment, experiment.outcomes(), lambda: runs):
        pass
    listener.conclude(experiment, SessionResult(()))
    listener.advise("Upload it")


def test_a_script_prints_lines_but_no_results(
    experiment: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(Script(), experiment)
    assert capsys.readouterr() == ("Upload it\n", "W&B: <off>\ncareful\n")


def test_without_progress_warnings_are_left(
    experiment: Experiment, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(Quiet(), experiment)
    assert capsys.readouterr() == ("", "careful\n")


def test_a_notebook_has_one_display_of_all(experiment: Experiment, displays: list[str]) -> None:
    tell(Notebook(), experiment)
    assert "0 of 2 trials ended" in displays[-1]
    for line in ("W&amp;B: &lt;off&gt;", "<b>Warning: </b>careful", "Upload it"):
        assert displays[-1].count(f"<div>{line}</div>") == 1


def test_advice_is_left_out_only_while_a_search_imports_what_advises() -> None:
    logger, message = logging.getLogger("ray.widgets.util"), "IProgress not found. Install it."
    level, filters = logger.level, list(warnings.filters)
    with pytest.raises(ValueError), without_advice():  # noqa: PT011, PT012 - any error
        assert not logger.isEnabledFor(logging.INFO)
        warnings.warn(message, UserWarning, stacklevel=1)
        raise ValueError
    assert (logger.level, list(warnings.filters)) == (level, filters)
    with pytest.warns(UserWarning, match="IProgress"):
        warnings.warn(message, UserWarning, stacklevel=1)


@pytest.mark.usefixtures("displays")
def test_the_listener_is_that_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(listener_of(progress=False)) is Quiet
    assert type(listener_of(progress=True)) is Script
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(kernel=1))
    assert type(listener_of(progress=True)) is Notebook
    # The terminal of IPython has no kernel; most programs have not loaded it.
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace())
    assert not in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()

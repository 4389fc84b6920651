"""What the verbs that control a search have in common."""

from __future__ import annotations

from pathlib import Path

import pytest
from old_experiments import write_experiment

from pcsearch.command_line.cli import main

VERBS = (("stop",), ("pause",), ("continue",), ("limit", "--max-concurrent", "2"))


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_a_place_without_a_search_is_a_line(
    verb: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*verb, str(tmp_path)]) == 2
    assert f"error: {tmp_path}: no experiment is here" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("verb", VERBS[:1] + VERBS[3:], ids=lambda verb: verb[0])
def test_what_a_later_session_would_not_heed_needs_one_that_runs(
    verb: tuple[str, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    here = tmp_path / "here"
    write_experiment(here, {"seed": {"values": [1, 2]}}, [None], num_samples=2)
    assert main([*verb, f"file://{here}"]) == 2
    assert capsys.readouterr().err == (
        f"error: {here}: nobody runs the search; resume it: python -m pcsearch --resume {here}\n"
    )
    assert not (here / "requests").exists()

"""Drivers that share a search; `tests/searches` and `tests/tracking/searches` run them."""

from __future__ import annotations

from pathlib import Path

import pytest
from searching import write_sweep
from wandb_server import WandbServer

from pcsearch.command_line.cli import main

MOMENTUM = {"hidden_momentum": {"values": [0.1, 0.2]}}


def test_a_file_of_another_search_is_not_run_in_a_sweep(
    user_server: WandbServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = write_sweep(tmp_path / "s.yaml", MOMENTUM)
    assert main([str(sweep), "--create-only", "--project", "pc"]) == 0
    name = capsys.readouterr().out.strip()
    other = write_sweep(tmp_path / "other.yaml", {"hidden_momentum": {"values": [0.3]}})
    assert main([str(other), "--sweep-id", f"pc/{name}", "--storage-path", str(tmp_path)]) == 2
    first, hint = capsys.readouterr().err.splitlines()
    assert first.startswith(
        f"error: {other}: parameters.hidden_momentum: the file says {{'values': [0.3]}}, W&B's"
    )
    assert hint == ("error: --sweep-id: is another search; leave SWEEP out to run W&B's sweep")
    assert not user_server.runs


def test_a_search_that_was_changed_is_not_joined(
    user_server: WandbServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = write_sweep(tmp_path / "s.yaml", MOMENTUM)
    assert main([str(sweep), "--create-only", "--project", "pc"]) == 0
    name = capsys.readouterr().out.strip()
    user_server.sweeps[name].config += "one_driver: true\n"
    for file in ([], [str(sweep)]):
        joins = [*file, "--sweep-id", f"team/pc/{name}", "--storage-path", str(tmp_path)]
        assert main(joins) == 2
        assert capsys.readouterr().err == (
            f"error: --sweep-id: W&B's sweep team/pc/{name} was edited, or has configurations to "
            "try first, which one driver runs; for more machines use a Ray cluster (--address)\n"
        )
    assert not user_server.runs

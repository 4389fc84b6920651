"""The command's ways: which function a command line calls, and where an error is said to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from ports import keeper
from reached import reached_by
from searching import write_sweep

from pcsearch.command_line.cli import main
from pcsearch.command_line.options import ADDRESS_VARIABLE

pytestmark = pytest.mark.oldest


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        (["s.yaml"], "start"),
        (["-"], "start"),
        (["s.yaml", "--plan"], "plan"),
        (["s.yaml", "--create-only"], "create"),
        (["--sweep-id", "abc"], "start_in_sweep"),
        (["--resume", "here"], "resume"),
        (["--join", "here"], "join"),
    ],
)
def test_a_command_line_calls_one_command(
    arguments: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = reached_by(monkeypatch)
    assert main(arguments) == 0
    assert called == [name]


def test_an_address_of_the_environment_is_named_with_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    sweep = write_sweep(tmp_path / "s.yaml", {"num_blocks": {"values": [0]}})
    command = [str(sweep), "--wandb", "disabled"]
    with keeper() as kept:
        dead = f"127.0.0.1:{kept.getsockname()[1]}"
        assert main([*command, "--address", dead]) == 2
        given = capsys.readouterr().err.splitlines()[-1]
        assert given.startswith(f"error: --address: nothing answers at {dead} ")
        assert given.endswith(" or run on this machine (--address local)")
        monkeypatch.setenv(ADDRESS_VARIABLE, dead)
        assert main(command) == 2
    named = capsys.readouterr().err.splitlines()[-1]
    assert named == given.replace("--address: ", "RAY_ADDRESS: ", 1)

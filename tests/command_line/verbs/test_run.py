"""The command that runs a script's own sweep; `tests/searches` runs one."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.command_line.cli import main

SCRIPT = """
import wandb
sweep = {"method": "grid", "parameters": {"x": {"%s": [1, 2, 3, 4, 5]}}}
wandb.agent(wandb.sweep(sweep), print, None, None, 4)
"""


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("script.py").write_text(SCRIPT % "values")
    return Path("script.py")


@pytest.mark.usefixtures("script")
def test_the_plan_has_the_scripts_count_or_that_of_the_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["run", "script.py", "--plan", "--draw", "1", "--", "--own"]) == 0
    shown = capsys.readouterr().out
    assert "trials: 4 " in shown
    assert "$ /usr/bin/env PCSEARCH_FUNCTION=1 python script.py --own" in shown
    assert main(["run", "script.py", "--plan", "--num-samples", "3"]) == 0
    assert "trials: 3 " in capsys.readouterr().out


def test_mistakes_are_lines_that_name_the_script(
    script: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    script.write_text(SCRIPT % "valuse")
    assert main(["run", "script.py", "--plan"]) == 2
    assert "error: script.py: parameters.x" in capsys.readouterr().err
    assert main(["run", "script.py", "--own"]) == 2
    assert "options of the script come last, after --" in capsys.readouterr().err
    assert main(["run", "script.py", "--draw", "2"]) == 2
    assert "--draw needs --plan" in capsys.readouterr().err
    assert main(["run", "other.py"]) == 2
    assert "error: other.py: there is no such file" in capsys.readouterr().err

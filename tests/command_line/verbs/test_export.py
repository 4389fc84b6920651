"""The command that writes results for other programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import optuna
import pyarrow as pa
import pyarrow.parquet
import pytest
import yaml
from old_experiments import ended, write_experiment

from pcsearch.command_line.cli import main


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    searched = {"num_blocks": {"values": [0, 1]}, "seed": {"values": [1, 2, 3]}}
    trials = [ended([1.0, value]) for value in (0.5, 0.7, 0.6, 0.2, 0.3)]
    write_experiment(tmp_path / "here", searched, [*trials, ended([0.9], failed=True)])
    return tmp_path / "here"


def test_everything_is_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file: file.read_bytes() for file in here.rglob("*") if file.is_file()}
    command = ["export", "here", "--csv", "t.csv", "--parquet", "t.parquet", "--json", "t.json"]
    command += ["--best-config", "best.yaml", "--narrow", "narrow.yaml"]
    command += ["--optuna", "sqlite:///t.db", "--tensorboard", "tb"]
    assert main(command) == 0, capsys.readouterr().err
    assert len(Path("t.csv").read_text().splitlines()) == 7
    assert len(json.loads(Path("t.json").read_text())["trials"]) == 6
    assert yaml.safe_load(Path("best.yaml").read_text())["parameters"]["seed"] == {"value": 1}
    assert main(["best.yaml", "--plan"]) == 0
    assert main(["narrow.yaml", "--plan"]) == 0
    study = optuna.load_study(study_name="here", storage="sqlite:///t.db")
    assert len(study.trials) == 6
    assert len(list(Path("tb").iterdir())) == 6
    assert {file: file.read_bytes() for file in here.rglob("*") if file.is_file()} == before
    names = {path.name for path in Path().iterdir() if path.name.startswith(".")}
    assert names == set()


@pytest.mark.usefixtures("here")
def test_a_file_may_be_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["export", "here", "--best-config", "-"]) == 0
    assert yaml.safe_load(capfdbinary.readouterr().out)["method"] == "grid"
    assert main(["export", "here", "--parquet", "-"]) == 0
    written = capfdbinary.readouterr().out
    assert pyarrow.parquet.read_table(pa.BufferReader(written)).num_rows == 6


def test_what_stands_before_in_a_file_stays(here: Path) -> None:
    """Also through a pipe, and where nobody reads it to its end."""
    program = f"{sys.executable} -m pcsearch export here"
    commands = f"(echo header; {program} --csv -) > f; {program} --csv - | cat > g; "
    commands += f"{program} --json - | head -1 > h; echo ${{PIPESTATUS[0]}} > status"
    subprocess.run(["/bin/bash", "-c", commands], cwd=here.parent, check=True)
    assert len(Path("f").read_text().splitlines()) == 8
    assert len(Path("g").read_text().splitlines()) == 7
    assert Path("status").read_text() == "0\n"
    assert Path("/dev/stdout").is_symlink()


@pytest.mark.usefixtures("here")
def test_links_and_pipes_stay_what_they_are() -> None:
    Path("real.csv").write_text("old")
    Path("link.csv").symlink_to("real.csv")
    os.mkfifo("pipe")
    assert main(["export", "here", "--csv", "link.csv"]) == 0
    assert Path("link.csv").is_symlink()
    assert len(Path("real.csv").read_text().splitlines()) == 7
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(Path("pipe").read_text()))
    reader.start()
    assert main(["export", "here", "--csv", "pipe"]) == 0
    reader.join()
    assert len(read[0].splitlines()) == 7
    assert Path("pipe").is_fifo()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["here"], "say what to write: --csv, --parquet"),
        (["nowhere", "--csv", "t.csv"], "nowhere: no experiment is here"),
        (["here", "--csv", ""], "error: --csv: '': cannot be written (Is a directory)"),
        (["here", "--csv", "/"], "error: --csv: /: cannot be written (Is a directory)"),
        (
            ["here", "--csv", "no/such/t.csv"],
            "--csv: no/such/t.csv: cannot be written (No such",
        ),
        (["here", "--optuna", "t.db", "--csv", "t.csv"], "error: --optuna: the database cannot"),
    ],
)
def test_mistakes(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", *arguments]) == 2
    assert told in capsys.readouterr().err


def test_what_cannot_be_made_is_told_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_experiment(tmp_path / "few", {"seed": {"values": [1, 2]}}, [ended([0.1]), None])
    assert main(["export", "few", "--csv", "t.csv", "--narrow", "n.yaml"]) == 2
    assert "1 trials have a value; to narrow the ranges takes 5" in capsys.readouterr().err
    assert not Path("t.csv").exists()

"""Trials of the sweep files that people write run, with the words that W&B's agent gives."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import tune
from sweep_reading import read_sweep
from wandb_commands import agents_words

import pcsearch
from pcsearch.engine.workloads.programs.settings import ProgramTracking
from pcsearch.engine.workloads.programs.trial import ProgramTrial
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.configurations import Grid, RandomDraws
from pcsearch.sweeps.program import DEFAULT_COMMAND, INTERPRETER, PROGRAM, Program
from pcsearch.sweeps.sweep import Sweep

COLLECTION = Path(pcsearch.__file__).parents[1] / "tests" / "sweeps" / "collection"
STUB = """
import json, sys
from pcsearch_wandb_hook import SENDER
words = {"word %d" % number: word for number, word in enumerate(sys.argv[1:])}
SENDER.send("log", {METRIC: 0.5, "words": len(words), **words}, step=None, commit=None)
"""
LAUNCHER = """#!/bin/sh
while [ $# -gt 0 ] && [ $1 != train.py ]; do shift; done
exec python "$@"
"""
COMMANDS = [
    DEFAULT_COMMAND,
    ("${env}", INTERPRETER, PROGRAM, "${args_no_hyphens}"),
    ("${env}", "A=1", INTERPRETER, "-u", PROGRAM, "--fixed", "${args_no_boolean_flags}"),
    ("${interpreter}", PROGRAM, "${args_no_equals}", "${envvar:UNSET}"),
    (INTERPRETER, PROGRAM, "${args_json}", "${unknown}"),
    ("launch", "--num_processes", "2", PROGRAM, "${args_override_hydra}"),
    ("launch", PROGRAM, "${args_json_file}", "${args_append_hydra}"),
]
"""What files without a program are given in turn."""


def sweeps() -> list[tuple[str, Sweep]]:
    """The files without a mistake that W&B refuses, or that was made to be found."""
    found = []
    for path in sorted(COLLECTION.iterdir()):
        try:
            found.append((path.name, read_sweep(path, runs_program=True)))
        except PcsearchError:
            assert path.name.startswith("bad")
    return found


def test_the_programs_of_the_collection_run_with_the_words_of_the_agent(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    temporary: Path,  # noqa: ARG001
) -> None:
    launcher = tmp_path / "bin" / "launch"
    launcher.parent.mkdir()
    (tmp_path / "pkg").mkdir()
    launcher.write_text(LAUNCHER)
    launcher.chmod(0o755)
    monkeypatch.setenv("PATH", f"{launcher.parent}{os.pathsep}{os.environ['PATH']}")
    context = SimpleNamespace(
        get_trial_dir=lambda: "/somewhere/0001_abc",
        get_trial_id=lambda: "abc",
        get_trial_name=lambda: "counted_abc",
    )
    monkeypatch.setattr(tune, "get_context", lambda: context)
    reports: list[dict[str, Any]] = []
    monkeypatch.setattr(tune, "report", reports.append)
    tried = sweeps()
    wrong = []
    for number, (name, sweep) in enumerate(tried):
        program = sweep.program or Program("train.py", COMMANDS[number % len(COMMANDS)])
        word = "train" if program.is_module else "train.py"
        metric = sweep.metrics[0].name if sweep.metrics else "loss"
        for name_of_stub in ("train.py", "pkg/train.py"):
            (tmp_path / name_of_stub).write_text(STUB.replace("METRIC", repr(metric)))
        draws = Grid(sweep) if sweep.method == "grid" else RandomDraws(sweep, 3)
        values = json.loads(json.dumps(draws.config(0)))
        trial = ProgramTrial(
            program,
            word,
            tmp_path,
            60.0,
            "wandb",
            (metric,),
            str(tmp_path / "here"),
            None,
            {},
            ProgramTracking(hook="tracking/scripts/hook"),
        )
        reports.clear()
        try:
            trial.run(values)
        except Exception as error:
            wrong.append(f"{name}: {error}")
            continue
        agents = agents_words(list(program.command), word, values)
        first = next(i for i, each in enumerate(agents) if each in (word, "pkg.train"))
        expected = agents[first + 1 :]
        json_file = str(tmp_path / "here" / "0001_abc" / "config.json")
        expected = [json_file if word == "v.json" else word for word in expected]
        (report,) = reports
        seen = [report[f"word {index}"] for index in range(int(report["words"]))]
        if seen != expected or report[metric] != 0.5:
            wrong.append(f"{name}: {seen} instead of {expected}")
    assert len(tried) > 50
    assert wrong == []

"""What a script that makes its own sweep is asked, before any trial runs."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pcsearch.errors import PcsearchError
from pcsearch.tracking.scripts import planning
from pcsearch.tracking.scripts.planning import sweep_of

MAKES = """
import os, sys
import wandb
def train():
    raise ValueError("it trains")
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "script.py"


def test_the_sweep_is_that_of_the_agent_and_nothing_after_it_runs(script: Path) -> None:
    script.write_text(
        MAKES
        + """
wandb.init(mode="online", project="other")
wandb.log({"loss": 1})
first = wandb.sweep(lambda: {"method": "grid", "parameters": {"x": {"value": 1}}})
second = wandb.sweep({"name": "mine", "program": "x.py", "parameters": {}}, "team", "own")
try:
    wandb.agent(second, function=train, count=4)
except BaseException:
    print("caught")
open("after", "w")
"""
    )
    found = sweep_of(script, ["a b", "--lr=1"])
    assert found.count == 4
    assert yaml.safe_load(found.text) == {
        "name": "mine",
        "program": str(script),
        "parameters": {},
        "entity": "team",
        "project": "own",
        "command": [
            *("/usr/bin/env", "PCSEARCH_FUNCTION=1", "python", "${program}"),
            *("a b", "--lr=1"),
        ],
    }
    assert not Path("after").exists()


def test_a_sweep_whose_agent_runs_a_program_keeps_it(script: Path) -> None:
    script.write_text(MAKES + "wandb.agent(wandb.sweep({'program': 'train.py'}))")
    assert yaml.safe_load(sweep_of(script, []).text) == {"name": "script", "program": "train.py"}


PROBLEMS = {
    "wandb.sweep({'parameters': {}})": "it has ended without a call of wandb.agent; it has to call",
    "sys.exit('no data')": "it failed before it called wandb.agent (exit status 1): no data",
    "wandb.agent('abc', train)": "wandb.agent('abc') is for a sweep that this start of the script",
    "wandb.agent('team/p/abc', train)": "start python -m pcsearch --sweep-id team/p/abc",
    "wandb.agent(wandb.sweep({}))": "wandb.agent has no function, and the sweep no program",
    "wandb.agent(wandb.sweep({'a': train}), train)": "a value of type function cannot be in a",
    "wandb.agent(wandb.sweep([1]), train)": "wandb.sweep: a list is no sweep",
    "wandb.agent(wandb.sweep({}), train, count=-1)": "a count of -1 is no number of trials",
}


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_script_without_a_sweep_that_can_be_run_is_told_in_a_line(
    code: str, script: Path
) -> None:
    script.write_text(MAKES + code)
    with pytest.raises(PcsearchError) as error:
        sweep_of(script, [])
    (problem,) = error.value.problems
    assert problem.where == str(script)
    assert PROBLEMS[code] in problem.message
    assert "\n" not in problem.message


def test_agents_in_several_processes_are_refused(script: Path) -> None:
    script.write_text(
        MAKES
        + """
from multiprocessing import get_context
sweep = wandb.sweep({})
process = get_context("fork").Process(target=wandb.agent, args=(sweep, train))
process.start()
process.join()
"""
    )
    with pytest.raises(PcsearchError, match="in a process that the script has started"):
        sweep_of(script, [])


@pytest.mark.parametrize(
    ("name", "message"), [("a.ipynb", "save it as a script"), ("a.py", "there is no such file")]
)
def test_what_is_no_script_is_told(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(PcsearchError, match=message):
        sweep_of(tmp_path / name, [])


def test_the_variables_are_those_of_the_hook() -> None:
    source = (Path(planning.__file__).parent / "hook" / "pcsearch_wandb_sweeps.py").read_text()
    assert f'PLAN = "{planning.PLAN}"' in source
    assert f'FUNCTION = "{planning.FUNCTION}"' in source

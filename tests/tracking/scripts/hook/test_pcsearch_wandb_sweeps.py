"""A script that makes its own sweep runs its function for a trial, and no more.

`tests/tracking/scripts/test_planning.py` asks scripts for their sweeps.
"""

from __future__ import annotations

import pytest
from hooked_programs import Programs
from offline_runs import read_runs

from pcsearch.engine.workloads.programs.errors import last_lines

SCRIPT = """
import wandb
def train():
    wandb.init()
    %s
    wandb.log({"loss": 1})
wandb.init(project="of no trial")
wandb.log({"loss": 100})
wandb.agent(wandb.sweep({}, project="p"), function=train, count=7)
wandb.log({"loss": 200})
"""


@pytest.mark.parametrize("code", ["pass", "raise ValueError('on purpose')"])
def test_a_function_is_called_once_for_a_trial(code: str, programs: Programs) -> None:
    done = programs.run(SCRIPT % code, PCSEARCH_FUNCTION="1", WANDB_RUN_ID="abc")
    fails = code != "pass"
    assert (done.returncode, "ValueError: on purpose" in done.stderr) == (fails, fails)
    (run,) = read_runs(programs.work)
    losses = [] if fails else [{"loss": 1}]
    assert (run.id, run.rows(), programs.logged) == ("abc", losses, losses)


def test_a_script_that_catches_errors_of_its_agent_has_failed_with_its_function(
    programs: Programs,
) -> None:
    code = SCRIPT % "raise ValueError('on purpose')"
    agent = 'wandb.agent(wandb.sweep({}, project="p"), function=train, count=7)'
    assert agent in code
    caught = f"try:\n    {agent}\nexcept Exception:\n    print('caught')"
    done = programs.run(code.replace(agent, caught), PCSEARCH_FUNCTION="1", WANDB_RUN_ID="abc")
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    output = programs.work / "output.txt"
    output.write_text(done.stderr)
    assert last_lines(output)[-1] == "ValueError: on purpose", "told as the trial's error"
    (run,) = read_runs(programs.work)
    assert (run.exit_code, run.rows()) == (1, [])


CHILD = """
import subprocess, sys
import wandb
def train():
    code = "import wandb; wandb.init(); wandb.log({'loss': 2})"
    subprocess.run([sys.executable, "-c", code], check=True)
sweep = wandb.sweep({}, project="p")
wandb.agent(sweep_id=sweep, function=train)
"""


def test_a_process_that_the_function_starts_may_log_for_it(programs: Programs) -> None:
    done = programs.run(CHILD, PCSEARCH_FUNCTION="1", WANDB_RUN_ID="abc")
    assert done.returncode == 0, done.stderr
    (run,) = read_runs(programs.work)
    assert (run.id, run.rows(), programs.logged) == ("abc", [{"loss": 2}], [{"loss": 2}])

"""What cannot work in a trial says why, in a line of the program's output."""

from __future__ import annotations

import pytest
from hooked_programs import Programs
from offline_runs import read_runs

REFUSED = {
    "wandb.agent('abc', print)": "wandb.agent() starts runs of its own, and pcsearch runs the",
    "wandb.sweep({})": "start it with python -m pcsearch run FILE.py",
    "wandb.Api()": "wandb.Api() asks W&B's server, and this search is offline",
    "wandb.init().use_artifact('a:latest')": "use_artifact() asks W&B's server, and this search",
}


@pytest.mark.parametrize("code", REFUSED)
def test_calls_that_cannot_work_are_refused_in_a_line(code: str, programs: Programs) -> None:
    done = programs.run(f"import wandb; {code}")
    assert done.returncode == 1
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("RuntimeError: ")]
    assert REFUSED[code] in line


NAMES = """
import wandb
class Own(wandb.Api):
    pass
def read(api: wandb.Api | None = None) -> list[wandb.Api]:
    return isinstance(api, wandb.Api)
print(read(), Own.__mro__[1].__name__)
Own()
"""


def test_what_is_refused_may_be_named_as_a_type(programs: Programs) -> None:
    done = programs.run(NAMES)
    assert done.stdout == "False Api\n", done.stderr
    assert "RuntimeError: wandb.Api() asks W&B's server" in done.stderr


def test_what_asks_the_server_is_left_alone_online(programs: Programs) -> None:
    done = programs.run("import wandb; print(wandb.Api)", WANDB_MODE="online")
    assert "refused" not in done.stdout


SECOND = """
import wandb
first = wandb.init(reinit="create_new", project="p")
first.log({"loss": 1})
second = wandb.init(reinit="create_new")
second.log({"loss": 2})
first.finish()
"""


def test_a_second_run_is_the_first(programs: Programs) -> None:
    done = programs.run(SECOND, WANDB_RUN_ID="abc")
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("pcsearch: ")]
    assert "gives the run that is open: a trial has one" in line
    (run,) = read_runs(programs.work)
    assert [row["loss"] for row in run.rows()] == [1, 2]
    assert programs.reports == [{"loss": 1}, {"loss": 2}]

"""What programs log to W&B is followed, whatever way they log it; the program never notices."""

from __future__ import annotations

import json

import pytest
from hooked_programs import Programs
from offline_runs import read_runs
from wandb_server import WandbServer

EVERY_WAY = """
import numpy as np
import torch
import wandb
from wandb import init
run = init(project="p", tags=["own"], config={"lr": 0.1})
wandb.log({"loss": 1, "nested": {"a": {"b": 2}}, "text": "fine", "long": "x" * 5000})
run.log({"loss": np.float32(0.5), "tensor": torch.tensor(0.25), "array": np.arange(3)})
wandb.log({"loss": 0.25}, commit=False)
wandb.log({"later": True})
wandb.log({"loss": 0.125}, step=np.int64(10), commit=np.False_)
wandb.log({"same": 1}, step=10)
wandb.log({"loss": 0.0625, "table": wandb.Table(columns=["a"], data=[[1]])}, step=11)
run.summary["best"] = 7
assert wandb.config.lr == 0.1
"""


def test_every_way_of_logging_is_followed(programs: Programs) -> None:
    done = programs.run(
        EVERY_WAY, WANDB_RUN_GROUP="group", PCSEARCH_WANDB_TAGS='["grid"]', WANDB_RUN_ID="abc"
    )
    assert done.returncode == 0, done.stderr
    assert programs.reports == [
        {"loss": 1, "nested.a.b": 2, "text": "fine"},
        {"loss": 0.5, "tensor": 0.25},
        {"loss": 0.25, "later": True},
        {"loss": 0.125, "same": 1},
        {"loss": 0.0625},
    ]
    summaries = [each["values"] for each in programs.messages if each["kind"] == "summary"]
    assert summaries[-1]["best"] == 7
    (run,) = read_runs(programs.work)
    assert (run.id, run.group, sorted(run.tags)) == ("abc", "group", ["grid", "own"])
    assert [row["loss"] for row in run.rows() if "loss" in row] == [1, 0.5, 0.25, 0.125, 0.0625]


def test_what_w_and_b_takes_over_from_tensorboard_is_told(programs: Programs) -> None:
    code = "import wandb; wandb.patched['tensorboard'] += %s; wandb.init(); wandb.init()"
    for patched in ([], [["module", "EventFileWriter"]]):
        assert programs.run(code % patched).returncode == 0
    begun = [each["values"] for each in programs.messages if each["kind"] == "begin"]
    assert begun == [{"tensorboard": False}, {"tensorboard": True}]


LOADED_AGAIN = """
import importlib, sys
class Old:
    def find_module(self, *_):
        pass
sys.meta_path.insert(1, Old())
import wandb
importlib.reload(wandb)
wandb.init(project="p")
wandb.log({"loss": 1})
wandb.finish()
wandb.init()
wandb.log({"loss": 2})
"""


def test_a_program_may_load_wandb_again_and_have_finders_of_an_old_kind(
    programs: Programs,
) -> None:
    done = programs.run(LOADED_AGAIN, WANDB_RUN_ID="abc", WANDB_RESUME="allow")
    assert done.returncode == 0, done.stderr
    assert [values["loss"] for values in programs.logged] == [1, 2]


CHILDREN = """
import multiprocessing, wandb
def work(n):
    import os
    return os.getpid()
if __name__ == "__main__":
    wandb.init()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        pool.map(work, range(4))
    for n in range(10_000):
        wandb.log({"loss": n})
    wandb.finish()
"""


def test_ten_thousand_calls_are_followed_also_beside_other_processes(programs: Programs) -> None:
    done = programs.run(CHILDREN)
    assert done.returncode == 0, done.stderr
    assert [values["loss"] for values in programs.logged] == list(range(10_000))


def test_a_file_that_is_gone_does_not_hurt_the_program(programs: Programs) -> None:
    done = programs.run(
        "import wandb; wandb.init(); wandb.log({'loss': 1}); wandb.finish(); print('done')",
        PCSEARCH_CHANNEL="/no/such/file",
    )
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr
    assert "pcsearch: the search does not get" not in done.stderr, "it may read something else"


def test_a_program_without_wandb_is_left_alone(programs: Programs) -> None:
    done = programs.run("import sys; print('wandb' in sys.modules)")
    assert (done.stdout, done.stderr, programs.messages) == ("False\n", "", [])


OF_ITS_OWN = """
import importlib.util, os
assert importlib.util.find_spec("wandb") is not None
for name in ("PROJECT", "MODE", "DIR", "RUN_ID"):
    os.environ["WANDB_" + name] = "online"
import wandb
wandb.login()
for _ in range(2):
    with wandb.init(tags="own") as run:
        run.log({"loss": 1, "huge": 10**5000} | {"name %d" % n: n for n in range(300)})
        run.summary["best"] = 7
wandb.init(mode="disabled")
wandb.log({"loss": 100})
"""


def test_a_program_that_has_its_own_way_with_wandb_logs_to_its_trial(programs: Programs) -> None:
    """It asks whether wandb is there, sets its variables, has many names, and two runs."""
    told = {"WANDB_RUN_ID": "abc", "WANDB_PROJECT": "p", "WANDB_RESUME": "allow"}
    done = programs.run(OF_ITS_OWN, PCSEARCH_WANDB_TAGS='["grid"]', WANDB_SILENT="false", **told)
    assert done.returncode == 0, done.stderr
    assert [report["loss"] for report in programs.reports] == [1, 1]
    assert all(report["name 299"] == 299 for report in programs.reports)
    summaries = [each["values"] for each in programs.messages if each["kind"] == "summary"]
    # What was logged is known; each value of a summary is a request.
    assert [("best" in each, "name 1" in each) for each in summaries] == [(True, False)] * 2, (
        summaries
    )
    assert "not available in finished run" not in done.stderr
    for run in read_runs(programs.work):
        assert (run.id, run.project, sorted(run.tags)) == ("abc", "p", ["grid", "own"])


SENDS = """
import os
from pcsearch_wandb_hook import SENDER
SENDER.send("log", {"name %d" % n: "x" * 100 for n in range(20_000)}, step=None, commit=None)
if not os.fork():
    SENDER.send("log", {"child": 1}, step=None, commit=None)
    os._exit(0)
os.wait()
"""


def test_long_rows_and_forked_processes_are_followed(programs: Programs) -> None:
    done = programs.run(SENDS)
    assert done.returncode == 0, done.stderr
    *parts, child = programs.logged
    assert len({name for part in parts for name in part}) == 20_000
    assert child == {"child": 1}
    assert [each["commit"] for each in programs.messages[:-1]] == [False] * (len(parts) - 1) + [
        None
    ]


FULL = """
import os, resource, signal
from pcsearch_wandb_hook import SENDER
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
send = lambda n: SENDER.send("log", {"loss": 0.5, "n": n}, step=None, commit=None)
send(0)
whole = resource.getrlimit(resource.RLIMIT_FSIZE)
size = os.stat(os.environ["PCSEARCH_CHANNEL"]).st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 30, whole[1]))
send(1)
send(2)
if not os.fork():
    resource.setrlimit(resource.RLIMIT_FSIZE, whole)
    send(10)
    os._exit(0)
os.wait()
resource.setrlimit(resource.RLIMIT_FSIZE, whole)
send(3)
"""


def test_what_a_full_disk_does_not_take_is_told_and_comes_later(programs: Programs) -> None:
    done = programs.run(FULL)
    assert done.returncode == 0, done.stderr
    assert [values["n"] for values in programs.logged] == [0, 10, 1, 2, 3]
    assert done.stderr.count("pcsearch: the search does not get what is logged now") == 1


COSTS = """
import os, time
from pcsearch_wandb_hook import SENDER
send = lambda n: SENDER.send("log", {"loss": 0.5, "n": n}, step=None, commit=None)
send(0)
os.closerange(3, 20)
own = os.open("own", os.O_CREAT | os.O_WRONLY)
start = time.process_time()
for n in range(1, 2001):
    send(n)
print((time.process_time() - start) / 2000)
print(os.stat("own").st_size)
"""


def test_a_call_costs_a_fraction_of_a_millisecond_and_files_of_the_program_are_its_own(
    programs: Programs,
) -> None:
    done = programs.run(COSTS)
    assert done.returncode == 0, done.stderr
    cost, size = done.stdout.split()
    assert (float(cost) < 0.001, size) == (True, "0")
    assert [values["n"] for values in programs.logged] == list(range(2001))


TRY = """
import os, sys
import wandb
wandb.init(project="p")
for epoch in range(int(sys.argv[1]), int(sys.argv[2])):
    wandb.log({"loss": 1 / epoch, "epoch": epoch, "try": os.environ["TRY"]}, commit=False)
    wandb.log({"more": 1})
wandb.finish()
if sys.argv[3:]:
    wandb.init()
    wandb.log({"of the second init": 1})
"""


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_no_row_of_an_earlier_try_is_there_twice(
    mode: str, programs: Programs, server: WandbServer
) -> None:
    told = {"WANDB_RUN_ID": "abc", "WANDB_RESUME": "allow", "WANDB_MODE": mode}

    def rows() -> list[tuple[int, str]]:
        found = [row for run in read_runs(programs.work) for row in run.history]
        if mode == "online":
            (run,) = server.runs.values()
            found = run.rows
            assert sum("of the second init" in row for row in found) == ("2" in tries)
        assert all(("more" in row) == ("epoch" in row) for row in found)
        return [(row["epoch"], row["try"]) for row in found if "epoch" in row]

    tries: list[str] = []

    def attempt(name: str, *words: str, **more: str) -> None:
        done = programs.run(f"import sys; sys.argv[1:] = {words}\n{TRY}", TRY=name, **told, **more)
        assert done.returncode == 0, done.stderr
        tries.append(name)

    begun = programs.work / "begun"
    attempt("1", "1", "4", PCSEARCH_NEW_RUN=str(begun))
    expected, last = [(epoch, "1") for epoch in (1, 2, 3)], 3
    if mode == "online":
        begun.unlink()
        attempt("2", "1", "6", "and another", PCSEARCH_NEW_RUN=str(begun))
        expected, last = [*expected, (4, "2"), (5, "2")], 5
    assert rows() == expected
    attempt("3", "2", "8", PCSEARCH_LOGGED=json.dumps(["epoch", last]))
    assert rows() == [*expected, *((epoch, "3") for epoch in range(last + 1, 8))]
    # It is told all the same: the search has lost the reports from there on.
    told_again = [values["epoch"] for values in programs.logged if "epoch" in values]
    assert told_again[-6:] == [2, 3, 4, 5, 6, 7]


NESTED = """
import sys, wandb
wandb.init(project="p")
wandb.define_metric("hidden", summary="none")
for epoch in range(int(sys.argv[1]), int(sys.argv[2])):
    wandb.log({"train": {"epoch": epoch}, "hidden": epoch})
"""


@pytest.mark.parametrize("name", ["train.epoch", "hidden"])
def test_no_row_is_there_twice_by_a_nested_name_or_one_that_the_summary_lacks(
    name: str, programs: Programs, server: WandbServer
) -> None:
    told = {"WANDB_RUN_ID": "abc", "WANDB_RESUME": "allow", "WANDB_MODE": "online"}
    for words, more in ((("1", "4"), {}), (("2", "6"), {"PCSEARCH_LOGGED": json.dumps([name, 3])})):
        code = f"import sys; sys.argv[1:] = {words}\n{NESTED}"
        assert programs.run(code, **told, **more).returncode == 0
    (run,) = server.runs.values()
    assert ("hidden" in run.summary, run.summary["train"]) == (False, {"epoch": 5})
    assert [row["hidden"] for row in run.rows] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("there", [0, 1])
def test_rows_that_the_server_lacks_are_sent_again(
    there: int, programs: Programs, server: WandbServer
) -> None:
    """The files of an earlier try may say more than the server has got of it."""
    told = {"WANDB_RUN_ID": "abc", "WANDB_RESUME": "allow", "WANDB_MODE": "online"}
    earlier = {"PCSEARCH_LOGGED": json.dumps(["train.epoch", 3])}
    for words, more in ((("0", str(there)), {}), ((str(there), "5"), earlier)):
        code = f"import sys; sys.argv[1:] = {words}\n{NESTED}"
        assert programs.run(code, **told, **more).returncode == 0
    (run,) = server.runs.values()
    assert [row["hidden"] for row in run.rows] == [0, 1, 2, 3, 4]


LOGGER = """
import wandb

class Logger:
    _run = None
    @property
    def experiment(self):
        if self._run is None:
            self._run = wandb.run or wandb.init(project="lightning_logs", resume="allow")
            self._run.define_metric("trainer/global_step")
            self._run.define_metric("*", step_metric="trainer/global_step", step_sync=True)
        return self._run
    def log_hyperparams(self, params):
        self.experiment.config.update(params, allow_val_change=True)
    def log_metrics(self, metrics, step):
        self.experiment.log(dict(metrics, **{"trainer/global_step": step}))

logger = Logger()
logger.log_hyperparams({"lr": 0.5})
for step in range(3):
    logger.log_metrics({"train/loss": 1.0, "epoch": step}, 10 * step)
    logger.log_metrics({"loss": 1 / (step + 1), "epoch": step}, 10 * step)
"""


def test_a_logger_as_that_of_lightning_is_followed(programs: Programs) -> None:
    done = programs.run(LOGGER, WANDB_RUN_ID="abc", WANDB_PROJECT="p")
    assert done.returncode == 0, done.stderr
    found = [(each["loss"], each["train/loss"], each["epoch"]) for each in programs.reports]
    assert found == [(1, 1, 0), (1 / 2, 1, 1), (1 / 3, 1, 2)]
    (run,) = read_runs(programs.work)
    assert (run.id, run.project, run.config["lr"], len(run.rows())) == ("abc", "p", 0.5, 6)


def test_a_run_of_a_sweep_is_that_of_its_trial_without_a_word(programs: Programs) -> None:
    told = {"WANDB_RUN_ID": "abc", "WANDB_PROJECT": "p", "WANDB_ENTITY": "team"}
    code = "import wandb; wandb.init(%s).log({'loss': 1})"
    for given, ignored in (("", 0), ("project='own'", 1)):
        done = programs.run(code % given, WANDB_SWEEP_ID="s", WANDB_SILENT="false", **told)
        assert done.stderr.count("when running a sweep") == ignored, done.stderr
    for run in read_runs(programs.work):
        assert (run.id, run.project, run.entity) == ("abc", "p", "team")


@pytest.mark.parametrize(
    "code",
    [
        "wandb.init(mode='disabled')",
        "wandb.init(settings=wandb.Settings(mode='disabled'))",
        "wandb.init(settings={'mode': 'disabled'})",
        "wandb.setup(wandb.Settings(mode='disabled')); wandb.init()",
        "import os; os.environ['WANDB_MODE'] = 'disabled'; wandb.init()",
    ],
)
def test_a_process_that_disables_wandb_reports_nothing(code: str, programs: Programs) -> None:
    done = programs.run(f"import wandb; {code}; wandb.log({{'loss': 100}})", WANDB_RUN_ID="abc")
    assert done.returncode == 0, done.stderr
    assert not read_runs(programs.work)
    assert programs.reports == []


RANKS = """
import os, subprocess, sys
WORKER = '''
import os, wandb
is_first = os.environ["RANK"] == "0"
wandb.init(mode=None if is_first else "disabled")
for epoch in range(3):
    wandb.log({"loss": epoch if is_first else 100})
wandb.finish()
'''
ranks = [
    subprocess.Popen([sys.executable, "-c", WORKER], env=dict(os.environ, RANK=str(rank)))
    for rank in range(2)
]
sys.exit(max(rank.wait() for rank in ranks))
"""


def test_of_two_ranks_the_first_logs(programs: Programs) -> None:
    done = programs.run(RANKS, WANDB_RUN_ID="abc")
    assert done.returncode == 0, done.stderr
    assert [report["loss"] for report in programs.reports] == [0, 1, 2]
    (run,) = read_runs(programs.work)
    assert [row["loss"] for row in run.rows()] == [0, 1, 2]

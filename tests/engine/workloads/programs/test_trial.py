"""What a program of a trial finds: its variables, its values, and its folder."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from pyarrow.fs import LocalFileSystem
from ray import tune

import pcsearch
from pcsearch.engine.workloads.programs.errors import ProgramError
from pcsearch.engine.workloads.programs.settings import ProgramTracking
from pcsearch.engine.workloads.programs.trial import ProgramTrial, of_user
from pcsearch.engine.workloads.reported_values import EARLIER_REPORTS, STOPPED_BY_USER
from pcsearch.errors import PcsearchError
from pcsearch.sweeps.program import Program

VALUES = {"lr": 0.5, "net": {"depth": 2, "act": None}}
TRACKING = ProgramTracking(
    {
        "A_RUN": "{trial} {name}",
        "A_DIR": "{directory}",
        "A_FILE": "{values}",
        "A_TMP": "{temporary}",
        "A_GROUP": "here, {configuration}",
    },
    "tracking/scripts/hook",
    ("wandb/offline-run-*-{trial}",),
    ("A_",),
)
SHOWS = """
import json, os, sys
print(json.dumps({"loss": 1, "words": " ".join(sys.argv[1:])}))
with open("seen.json", "w") as file:
    json.dump(dict(os.environ), file)
"""


class Killed(BaseException):
    """Stands for a kill of the trial's process: nothing more is handed on."""


class Here:
    """A trial's process, with what Tune and the driver would do."""

    def __init__(self, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.work, self.reports = work, list[dict[str, Any]]()
        self.directory, self.trial = work / "here", "0001_abc"
        self.storage = self.directory
        context = SimpleNamespace(
            get_trial_dir=lambda: f"/somewhere/{self.trial}",
            get_trial_id=lambda: self.trial[5:],
            get_trial_name=lambda: "configuration 7, abc",
        )
        monkeypatch.setattr(tune, "get_context", lambda: context)
        self.befores, self.until_killed = list[int](), -1
        self.count = 0
        monkeypatch.setattr(tune, "report", self._report)

    def _report(self, report: dict[str, Any]) -> None:
        if self.until_killed == 0:
            raise Killed
        self.until_killed -= 1
        file = self.storage / self.trial / "result.json"
        if EARLIER_REPORTS in report:
            before = report.pop(EARLIER_REPORTS)
            self.befores.append(before)
            file.parent.mkdir(parents=True, exist_ok=True)
            kept = [json.dumps(line) + "\n" for line in self.written[:before]]
            file.write_text("".join(kept))
            self.count = before
        self.reports.append(report)
        self.count += 1
        with file.open("a") as lines:
            line = {**report, "training_iteration": self.count, "pid": os.getpid()}
            lines.write(json.dumps(line) + "\n")

    @property
    def written(self) -> list[dict[str, Any]]:
        file = self.storage / self.trial / "result.json"
        lines = file.read_text().splitlines() if file.exists() else []
        return [json.loads(line) for line in lines if line.endswith("}")]

    def run(self, code: str, *command: str, **changes: Any) -> None:
        (self.work / "train.py").write_text(code)
        settings: dict[str, Any] = {
            "program": Program("train.py", command or ("python", "${program}", "${args}")),
            "word": "train.py",
            "folder": self.work,
            "grace": 60.0,
            "metrics_from": "stdout",
            "metrics": ("loss",),
            "storage_path": str(self.directory),
            "storage_filesystem": None,
            "variables": {"PYTHONPATH": "/of/the/user"},
            "tracking": TRACKING,
        }
        self.storage = Path(changes.get("storage_path", self.directory))
        ProgramTrial(**{**settings, **changes}).run(VALUES)

    @property
    def seen(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.work / "seen.json").read_text())
        return found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporary: Path) -> Here:  # noqa: ARG001
    return Here(tmp_path, monkeypatch)


def test_it_finds_its_values_and_its_run(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_SOMETHING", "of Ray")
    monkeypatch.setenv("PYTHONBREAKPOINT", "ray.util.rpdb.set_trace")
    monkeypatch.setenv("A_SERVICE", "of another run")
    here.run(SHOWS)
    words = "--lr=0.5 --net={'depth': 2, 'act': None}"
    assert here.reports == [{"loss": 1, "words": words}]
    trial = here.directory / "0001_abc"
    seen = here.seen
    assert (seen["A_RUN"], seen["A_DIR"]) == ("abc 0001_abc", str(here.directory))
    assert seen["A_GROUP"] == "here, configuration 7"
    assert seen["PCSEARCH_TRIAL_DIR"] == str(trial / "files")
    assert not Path(seen["A_TMP"]).exists()
    assert not {"RAY_SOMETHING", "PYTHONBREAKPOINT", "A_SERVICE"} & seen.keys()
    assert seen["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
    hook = str(Path(pcsearch.__file__).parent / "tracking/scripts/hook")
    assert seen["PYTHONPATH"].split(os.pathsep) == [hook, "/of/the/user"]
    values = yaml.safe_load(Path(seen["A_FILE"]).read_text())
    assert values == {name: {"value": value} for name, value in VALUES.items()}
    assert json.loads((trial / "config.json").read_text()) == VALUES


def test_variables_that_the_command_names_are_those_of_the_start(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("A_KEY", "NONE", "CUDA_VISIBLE_DEVICES")
    command = ("python", "${program}", "--data=${envvar:DATA}")
    command += tuple(f"${{envvar:{name}}}" for name in names)
    at_start = {
        "CUDA_VISIBLE_DEVICES": "0,1",
        "DATA": f"{here.work}/data",
        "OMP_NUM_THREADS": "3",
        "A_KEY": "k",
        "OTHER": "x",
    }
    variables = of_user(at_start, Program("train.py", command))
    assert variables.keys() == {"DATA", "OMP_NUM_THREADS", "A_KEY"}
    monkeypatch.setenv("DATA", "/of/the/node")
    # Ray gives each trial its own GPUs.
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    here.run(SHOWS, *command, variables=variables)
    assert here.reports[0]["words"] == f"--data={here.work}/data A_KEY NONE 1", "A_ is W&B's here"
    assert (here.seen["DATA"], here.seen["OMP_NUM_THREADS"]) == (f"{here.work}/data", "3")


def test_a_new_start_forgets_the_runs_of_earlier_tries(here: Here) -> None:
    runs = [here.directory / "wandb" / name for name in ("offline-run-1-abc", "offline-run-1-xyz")]
    for run in runs:
        run.mkdir(parents=True)
    here.run(SHOWS)
    assert [run.exists() for run in runs] == [False, True]
    runs[0].mkdir()
    (here.directory / "0001_abc" / "files" / "state").touch()
    here.run(SHOWS)
    assert runs[0].exists(), "it goes on from what it has kept"
    assert len(here.reports) == 2, "what an earlier try has printed is not read again"


WRITES = """
import os
from pathlib import Path
state, row = Path(os.environ["PCSEARCH_TRIAL_DIR"], "state"), int(os.environ["A_ROW"])
with open("m.csv", "a") as file:
    if not state.exists():
        print("loss", file=file)
    print(row, file=file)
if row % 2:
    state.touch()
    raise SystemExit(3)
"""


@pytest.mark.parametrize("is_remote", [False, True])
def test_each_trial_has_its_own_file_of_metrics(is_remote: bool, here: Here) -> None:
    place = {"storage_filesystem": LocalFileSystem() if is_remote else None}
    (here.work / "m.csv").write_text("loss\n9\n")

    def attempt(row: int) -> None:
        tracking = ProgramTracking({"A_ROW": str(row)})
        here.run(WRITES, metrics_from="m.csv", tracking=tracking, **place)

    with pytest.raises(ProgramError):
        attempt(1)
    attempt(2)
    here.trial = "0002_xyz"
    attempt(4)
    assert [report["loss"] for report in here.reports] == [1, 2, 4]
    kept = [here.directory / name / "metrics" / "m.csv" for name in ("0001_abc", "0002_xyz")]
    assert [file.read_text() for file in kept] == ["loss\n1\n2\n", "loss\n4\n"]
    assert sorted(file.name for file in here.work.glob("m*")) == ["m.csv.1"]


def test_a_program_that_goes_on_is_told_how_far_it_was(here: Here) -> None:
    here.run(SHOWS)
    assert "PCSEARCH_NEW_RUN" in here.seen
    trial = here.directory / "0001_abc"
    (trial / "files" / "state").touch()
    # A version of pcsearch that kept no other file has written it.
    shutil.rmtree(trial / "logged")
    lines = [{"epoch": n, "loss": 1, "training_iteration": n} for n in (1, 2, 3)]
    (trial / "result.json").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"')
    logs = SHOWS.replace('"loss": 1', '"loss": 1, "epoch": 3')
    here.run(logs)
    assert not {"PCSEARCH_LOGGED", "PCSEARCH_NEW_RUN"} & here.seen.keys(), "no run is known"
    has = {(here.directory, "abc", "epoch"): 2.0}
    here.run(logs, tracking=replace(TRACKING, logged=lambda *run: has.get(run)))
    assert json.loads(here.seen["PCSEARCH_LOGGED"]) == ["epoch", 2]
    assert here.befores == [0, 2, 2]


KEEPS = """
import json, os, pathlib, signal
# It comes to its end, whatever ends its trial.
signal.signal(signal.SIGTERM, signal.SIG_IGN)
state = pathlib.Path(os.environ["PCSEARCH_TRIAL_DIR"], "state")
for epoch in range(int(os.environ["A_FIRST"]), int(os.environ["A_END"])):
    line = json.dumps({"loss": 1 / epoch, "epoch": epoch, "try": os.environ["A_TRY"]})
    if os.environ["A_SOURCE"] == "stdout":
        print(line, flush=True)
    elif os.environ["A_SOURCE"] == "m.jsonl":
        print(line, file=open("m.jsonl", "a"), flush=True)
    else:
        message = json.dumps({"kind": "log", "values": json.loads(line), "commit": True})
        print(message, file=open(os.environ["PCSEARCH_CHANNEL"], "a"), flush=True)
    state.write_text(str(epoch))
raise SystemExit(int(os.environ.get("A_STATUS", 0)))
"""


@pytest.mark.parametrize("source", ["stdout", "m.jsonl", "wandb"])
def test_no_report_is_lost_or_doubled_where_the_process_of_the_trial_is_killed(
    source: str, here: Here
) -> None:
    tries = 0

    def attempt(first: int, end: int, until_killed: int = -1, **more: str) -> None:
        nonlocal tries
        tries += 1
        told = {"A_FIRST": first, "A_END": end, "A_TRY": tries, "A_SOURCE": source, **more}
        here.until_killed = until_killed
        tracking = ProgramTracking({name: str(value) for name, value in told.items()})
        here.run(KEEPS, metrics_from=source, tracking=tracking)

    def written() -> list[tuple[int, str]]:
        return [(report["epoch"], report["try"]) for report in here.written]

    with pytest.raises(Killed):
        attempt(1, 6, until_killed=2)
    assert written() == [(1, "1"), (2, "1")]
    with pytest.raises(Killed):
        attempt(6, 8, until_killed=2)
    assert written() == [(n, "1") for n in (1, 2, 3, 4)], "5, 6 and 7 are on their way"
    # It has kept less than it has logged: what comes from there on replaces that.
    with pytest.raises(Killed):
        attempt(5, 8, until_killed=1)
    assert written() == [*((n, "1") for n in (1, 2, 3, 4)), (5, "3")]
    with pytest.raises(ProgramError):
        attempt(8, 8, A_STATUS="3")
    expected = [*((n, "1") for n in (1, 2, 3, 4)), *((n, "3") for n in (5, 6, 7))]
    assert written() == expected, "also where the last try reports nothing"
    attempt(8, 10)
    assert written() == [*expected, (8, "5"), (9, "5")]
    assert [report["training_iteration"] for report in here.written] == list(range(1, 10))
    attempt(10, 10)
    assert len(written()) == 9


PRINTS = """
import os, pathlib, signal, time
print("loss: 1")
end = time.monotonic() + 200
while not pathlib.Path("heard").exists():
    assert time.monotonic() < end, "nobody has heard it"
    time.sleep(0.05)
print("the last line")
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_program_prints_is_there_at_once(
    here: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    monkeypatch.setattr(tune, "report", lambda _: (here.work / "heard").touch())
    with pytest.raises(ProgramError, match=r"SIGKILL ended it .*: the last line\n"):
        here.run(PRINTS)


FAST = """
from pcsearch_wandb_hook import SENDER
for n in range(10_000):
    SENDER.send("log", {"loss": n}, step=None, commit=None)
"""


STOPPED = """
import os, time
from pcsearch_wandb_hook import SENDER
def log(**values):
    SENDER.send("log", values, step=None, commit=None)
for n in range(int(os.environ["A_REPORTS"])):
    log(loss=n)
SENDER.send("stop", {})
time.sleep(600)
"""
"""It does not end by itself, as W&B's client has it."""


def test_a_program_that_is_stopped_at_w_and_b_is_ended_and_tells_so(here: Here) -> None:
    def attempt(reports: int) -> None:
        tracking = replace(TRACKING, variables={"A_REPORTS": str(reports)})
        here.run(STOPPED, metrics_from="wandb", tracking=tracking, grace=1.0)

    with pytest.raises(PcsearchError, match="was stopped at W&B before its first report"):
        attempt(0)
    attempt(2)
    once_more = {"loss": 1, STOPPED_BY_USER: True}
    assert (here.reports[-3:], here.befores) == ([{"loss": 0}, {"loss": 1}, once_more], [0, 1])
    (here.directory / here.trial / "files" / "state").touch()
    attempt(0)
    assert (here.reports[3:], here.befores) == ([once_more], [0, 1, 1])


def test_all_is_reported_of_a_program_that_logs_as_fast_as_it_can(here: Here) -> None:
    here.run(FAST, metrics_from="wandb")
    assert [report["loss"] for report in here.written] == list(range(10_000))


def test_a_command_that_sets_the_path_of_python_is_followed(here: Here) -> None:
    command = ["env", "-u", "X", "PYTHONPATH=/mine", "python", "${program}", "PYTHONPATH=0"]
    here.run(FAST + SHOWS, *command, metrics_from="wandb")
    assert len(here.reports) == 10_000
    hook = str(Path(pcsearch.__file__).parent / "tracking/scripts/hook")
    assert here.seen["PYTHONPATH"] == os.pathsep.join([hook, "/mine"])
    assert '"words": "PYTHONPATH=0"' in (here.directory / "0001_abc" / "output.txt").read_text()


def test_a_run_that_could_not_be_followed_is_told(here: Here) -> None:
    command = ("sh", "-c", "PYTHONPATH=/mine python train.py")
    told = replace(TRACKING, has_run=lambda variables: variables["A_RUN"] == "abc 0001_abc")
    with pytest.raises(PcsearchError, match="has a run at W&B that could not be followed: "):
        here.run(SHOWS, *command, metrics_from="wandb", tracking=told)
    with pytest.raises(PcsearchError, match="logged nothing to W&B; "):
        here.run(SHOWS, *command, metrics_from="wandb")
    begins = "from pcsearch_wandb_hook import SENDER; SENDER.send('begin', {'tensorboard': True})"
    with pytest.raises(PcsearchError, match="metric 'loss'; what W&B takes over from TensorBoard"):
        here.run(begins, metrics_from="wandb", tracking=told)


def test_its_files_are_sent_to_the_storage_also_where_it_fails(here: Here, tmp_path: Path) -> None:
    away = tmp_path / "away"
    place = {"storage_path": str(away), "storage_filesystem": LocalFileSystem()}
    with pytest.raises(ProgramError, match=r"^the program failed with exit status 4: one line\n"):
        here.run("print('one line'); raise SystemExit(4)", **place)
    assert (away / "0001_abc" / "output.txt").read_text() == "one line\n"
    with pytest.raises(ProgramError) as caught:
        here.run("raise SystemExit(5)", **place)
    assert "one line" not in str(caught.value), "the earlier try has printed it"
    assert (away / "0001_abc" / "output.txt").read_text() == "one line\n"
    here.run("print('loss: 1')", **place)
    assert (away / "0001_abc" / "output.txt").read_text() == "one line\nloss: 1\n"
    assert not here.directory.exists()
    for name in ("offline-run-1-abc", "offline-run-1-other"):
        (away / "wandb" / name).mkdir(parents=True)
    makes = "import os; os.makedirs(os.environ['A_DIR'] + '/wandb/offline-run-2-abc/x')"
    makes += "; os.symlink('offline-run-2-abc', os.environ['A_DIR'] + '/wandb/latest-run')"
    here.run(f"{makes}; print('loss: 1')", **place)
    kept = {each.name for each in (away / "wandb").iterdir()}
    assert kept == {"offline-run-1-other", "offline-run-2-abc"}


def test_a_program_that_was_at_its_end_before_an_interrupt_reports_nothing(here: Here) -> None:
    trial = here.directory / "0001_abc"
    (trial / "files").mkdir(parents=True)
    (trial / "files" / "state").touch()
    told = "has ended, and stdout has no metrics; it needs lines such as loss: 0.5"
    with pytest.raises(PcsearchError, match=told):
        here.run("pass", metrics_from="stdout")
    shutil.rmtree(trial / "logged")
    (trial / "result.json").write_text('{"loss": 1, "training_iteration": 1}\n')
    here.run("pass", metrics_from="stdout", epoch_key="epoch")
    assert here.reports == []


def test_an_end_without_the_metric_is_told(here: Here) -> None:
    with pytest.raises(PcsearchError, match="nearest is 'los'"):
        here.run("print('los: 1')")
    assert here.reports == []


def test_a_program_that_does_not_say_its_epoch_is_ended(here: Here) -> None:
    message = r"does not log 'epochs', its epoch \(--epoch-key\); nearest is 'epoch'; it logged"
    logs = 'print(\'{"loss": 1, "epoch": 3}\', flush=True); '
    with pytest.raises(PcsearchError, match=message):
        here.run(f"import time; {3 * logs}", epoch_key="epochs")
    assert len(here.reports) == 3
    with pytest.raises(PcsearchError, match=message):
        here.run(f"import time; {5 * logs}time.sleep(600)", epoch_key="epochs")
    assert len(here.reports) == 6
    here.run(logs, epoch_key="epoch")


def test_the_search_goes_on_where_the_folder_is_not_on_the_node(here: Here, tmp_path: Path) -> None:
    with pytest.raises(ProgramError):
        here.run(SHOWS, "python", "no_such.py", folder=tmp_path)
    assert "no_such.py" in (here.directory / "0001_abc" / "output.txt").read_text()

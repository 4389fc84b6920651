"""Runs the program of one trial in the trial's process, and reports to Tune what it logs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import pcsearch
from pcsearch.engine.workloads.programs import errors
from pcsearch.engine.workloads.programs.follower import STDOUT, WANDB, Follower
from pcsearch.engine.workloads.programs.kept_folder import (
    FILES_FOLDER,
    LOGGED_FOLDER,
    OUTPUT_FILE,
    TrialFolders,
    kept_folder,
    remove_folders,
)
from pcsearch.engine.workloads.programs.location import search_path, words_of_env
from pcsearch.engine.workloads.programs.metrics_file import own_file
from pcsearch.engine.workloads.programs.process import ProgramProcess, longest_end
from pcsearch.engine.workloads.programs.report_positions import position, read_reports
from pcsearch.engine.workloads.programs.rows import Rows
from pcsearch.engine.workloads.programs.sent_folder import moved, start_folder
from pcsearch.engine.workloads.programs.settings import ProgramTracking
from pcsearch.engine.workloads.programs.supervisor import FAREWELLS
from pcsearch.engine.workloads.programs.tries import Tries
from pcsearch.engine.workloads.programs.turns import turn
from pcsearch.sweeps.program import Program
from pcsearch.sweeps.replicates import configuration_in
from pcsearch.system.temporary import temporary_folder

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

VALUES_FILE, JSON_FILE = "config.yaml", "config.json"
CHANNEL = "PCSEARCH_CHANNEL"
"""The variable that tells the hook the file to which it writes what the program logs."""
TRIAL_FOLDER = "PCSEARCH_TRIAL_DIR"
"""The variable that tells a program the folder that its trial keeps when it is tried again."""
LOGGED = "PCSEARCH_LOGGED"
"""The variable that tells the hook how far an earlier try has reported, a name and a number."""
NEW_RUN = "PCSEARCH_NEW_RUN"
"""The variable with a file that the hook makes where the program begins its run anew."""
OF_RAY = ("RAY_", "TUNE_", "PCSEARCH_", "PYTHONBREAKPOINT")
"""How the variables begin that programs do not get; Ray puts its debugger into the last one."""
PATIENCE = 3
"""How many reports a program may make before it says its epoch for the first time."""
PYTHON_PATH, PATH = "PYTHONPATH", "PATH"
DEVICES = "_VISIBLE_DEVICES"
"""How the variables end in which Ray tells a trial its GPUs."""
THREADS = "OMP_NUM_THREADS"
"""Ray sets it to the CPUs of a trial, where it is not set."""


def of_user(environment: Mapping[str, str], program: Program) -> dict[str, str]:
    """The variables of the command's start that programs find on every node.

    Args:
        environment: at the start.
        program: its command may name some.
    """
    named = {name for name in program.variables() if not name.endswith(DEVICES)}
    names = named | {PYTHON_PATH, THREADS}
    return {name: environment[name] for name in sorted(names) if name in environment}


@dataclass(frozen=True)
class ProgramTrial:
    """Runs programs, each for a trial.

    Args:
        program: of the sweep file.
        word: what stands for ``${program}``.
        folder: where programs run, on nodes that have the folder.
        grace: how many seconds a program may take to end after SIGTERM.
        metrics_from: ``wandb``, ``stdout`` or a file's name.
        metrics: the names of the search's metrics.
        storage_path: of the experiment's directory, in its storage.
        storage_filesystem: of that path, None for the file system of each machine.
        variables: of the command's start.
        tracking: what programs are told by those who follow what they log.
        epoch_key: the name in a report by which programs say their epoch.
    """

    program: Program
    word: str
    folder: Path
    grace: float
    metrics_from: str
    metrics: tuple[str, ...]
    storage_path: str
    storage_filesystem: FileSystem | None
    variables: Mapping[str, str]
    tracking: ProgramTracking
    epoch_key: str | None = None

    def run(self, values: Mapping[str, Any]) -> None:
        """Run the program with a trial's values, until it has ended or the trial is stopped.

        Raises:
            ProgramError: it failed or crashed.
            PcsearchError: it has ended without a metric, or does not say its epoch, or the user has
                stopped it before its first report.
        """
        from ray import tune

        trial = tune.get_context()
        name, trial_id = Path(trial.get_trial_dir()).name, str(trial.get_trial_id())
        rows = Rows(self.metrics)
        with (
            kept_folder(self.storage_path, self.storage_filesystem, name) as kept,
            temporary_folder() as temporary,
            turn(_made(kept / LOGGED_FOLDER), longest_end(self.grace)) as held,
        ):
            folders = TrialFolders(name, trial_id, kept, temporary)
            self._run_in(folders, values, rows, held)

    def _run_in(
        self, folders: TrialFolders, values: Mapping[str, Any], rows: Rows, held: int
    ) -> None:
        """Run the program in a trial's folders, until it has ended or the trial is stopped.

        Args:
            folders: of the trial.
            values: of the trial.
            rows: makes the program's reports.
            held: a descriptor that is open until the program has ended.

        Raises:
            ProgramError, PcsearchError: as of `run`.
        """
        from ray import tune

        kept, temporary = folders.kept, folders.temporary
        output, goes_on = kept / OUTPUT_FILE, _is_used(kept / FILES_FOLDER)
        written = self._written_reports(folders) if goes_on else []
        before = output.stat().st_size if output.exists() else 0
        words, variables = self._command(values, folders)
        logged = Tries(
            kept / LOGGED_FOLDER, self.metrics_from, self.metrics, self.epoch_key, tune.report
        )
        with (
            closing(logged) as tries,
            self._source(tries.file(), kept, before) as (file, start),
        ):
            variables |= {CHANNEL: str(tries.file()), FAREWELLS: str(temporary / "farewells")}
            earlier = tries.begin(file, start, written)
            if goes_on:
                variables |= self._logged(folders, earlier)
            else:
                variables[NEW_RUN] = str(temporary / "begun")
            process = ProgramProcess(
                words,
                variables,
                self._start_folder(),
                output,
                self.grace,
                rows,
                lambda receive: Follower(file, self.metrics_from, receive, start),
                held,
            )
            try:
                self._report(process, rows, tries)
            finally:
                process.stop()
        assert process.ended is not None
        if rows.is_stopped:
            return
        errors.check_end(process.ended, output, before)
        # One that goes on may have been at its end before it was interrupted.
        if not rows.has_reported and not earlier:
            wanted, hidden = next(iter(self.metrics), ""), self._hidden(rows, variables)
            raise errors.no_metric(wanted, rows.names, self.metrics_from, hidden)
        if rows.has_reported:
            self._check_epoch_key(rows)

    def _report(self, process: ProgramProcess, rows: Rows, tries: Tries) -> None:
        """Report to Tune what a program reports, until it has ended."""
        for count, made in enumerate(process.reports(), 1):
            if count > PATIENCE:
                self._check_epoch_key(rows)
            tries.report(made)
        tries.end()
        if rows.is_stopped and not tries.stop():
            raise errors.stopped()

    def _hidden(self, rows: Rows, variables: Mapping[str, str]) -> str:
        """Why some of what a program has logged may not be seen, empty where all is."""
        if self.metrics_from != WANDB:
            return ""
        has_run = self.tracking.has_run
        if not rows.runs and has_run is not None and has_run(variables):
            return errors.UNFOLLOWED
        return errors.OF_TENSORBOARD if any(run.get("tensorboard") for run in rows.runs) else ""

    def _written_reports(self, folders: TrialFolders) -> list[dict[str, Any]]:
        """The reports that Tune has; the file with them in a storage is the driver's to write."""
        from ray.tune.result import EXPR_RESULT_FILE  # type: ignore[attr-defined]

        if self.storage_filesystem is None:
            return read_reports(folders.kept / EXPR_RESULT_FILE)
        file = folders.temporary / EXPR_RESULT_FILE
        with (
            suppress(FileNotFoundError),
            self.storage_filesystem.open_input_stream(
                f"{self.storage_path}/{folders.name}/{EXPR_RESULT_FILE}"
            ) as stream,
        ):
            file.write_bytes(stream.read())
        return read_reports(file)

    def _logged(self, folders: TrialFolders, earlier: list[dict[str, Any]]) -> dict[str, str]:
        """The variable with how far the run is: what the trial has reported, and the run has."""
        found = position(earlier, self.epoch_key)
        if found is None or self.tracking.logged is None:
            return {}
        name, reported = found
        places = (folders.kept, folders.kept.parent)
        numbers = [self.tracking.logged(each, folders.trial_id, name) for each in places]
        known = [number for number in numbers if number is not None]
        return {LOGGED: json.dumps([name, min(reported, max(known))])} if known else {}

    def _check_epoch_key(self, rows: Rows) -> None:
        if self.epoch_key is not None and self.epoch_key not in rows.names:
            raise errors.no_epoch_key(self.epoch_key, rows.names)

    def _start_folder(self) -> Path:
        return start_folder(self.folder, self.word)

    def _command(
        self, values: Mapping[str, Any], folders: TrialFolders
    ) -> tuple[list[str], dict[str, str]]:
        """The words and the variables of the program; writes the files with its values."""
        from ray import tune

        plain, kept = json.loads(json.dumps(values)), folders.kept
        values_file, json_file = kept / VALUES_FILE, kept / JSON_FILE
        entries = {key: {"value": value} for key, value in plain.items()}
        values_file.write_text(yaml.safe_dump(entries, sort_keys=False), encoding="utf-8")
        json_file.write_text(json.dumps(plain), encoding="utf-8")
        files = kept / FILES_FOLDER
        files.mkdir(exist_ok=True)
        if not _is_used(files):
            for file in (kept / LOGGED_FOLDER).glob("*.jsonl"):
                file.unlink()
            self._forget_earlier_tries(kept.parent, folders.trial_id)
        left_out = (*OF_RAY, *self.tracking.not_of_nodes)
        own = {n: v for n, v in os.environ.items() if not n.startswith(left_out)}
        start = self._start_folder()
        of_start = {n: v for n, v in self.variables.items() if not n.startswith(left_out)}
        own.update({n: moved(v, self.folder, start) for n, v in of_start.items()})
        own[PATH] = search_path()
        # Python keeps some KB of what it prints into a file, and a kill loses them.
        own.setdefault("PYTHONUNBUFFERED", "1")
        meant = {
            "trial": folders.trial_id,
            "name": folders.name,
            "folder": str(kept),
            "directory": str(kept.parent),
            "values": str(values_file),
            "temporary": str(folders.temporary),
            "configuration": configuration_in(str(tune.get_context().get_trial_name())),
        }
        for variable, text in self.tracking.variables.items():
            own[variable] = _filled(text, meant)
        files.mkdir(exist_ok=True)
        own[TRIAL_FOLDER] = str(files)
        word = moved(self.word, self.folder, start)
        if not self.tracking.hook:
            return self.program.words(plain, word, str(json_file), own), own
        hook = str(Path(pcsearch.__file__).parent / self.tracking.hook)
        own[PYTHON_PATH] = _with_first(hook, own.get(PYTHON_PATH, ""))
        return list(_with_hook(self.program.words(plain, word, str(json_file), own), hook)), own

    def _forget_earlier_tries(self, directory: Path, trial_id: str) -> None:
        """Remove the runs of earlier tries: the program has kept nothing, and starts anew."""
        for pattern in self.tracking.of_earlier_tries:
            own = pattern.replace("{trial}", trial_id)
            for folder in directory.glob(own):
                shutil.rmtree(folder, ignore_errors=True)
            if self.storage_filesystem is not None:
                remove_folders(self.storage_filesystem, self.storage_path, own)

    @contextmanager
    def _source(self, own: Path, kept: Path, before: int) -> Iterator[tuple[Path, int]]:
        """The file in which the program's messages are, and how many bytes of it are older."""
        if self.metrics_from == WANDB:
            own.touch()
            yield own, 0
        elif self.metrics_from == STDOUT:
            yield kept / OUTPUT_FILE, before
        else:
            file = self._start_folder() / self.metrics_from
            with own_file(file, kept, _is_used(kept / FILES_FOLDER)) as start:
                yield file, start


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder


def _with_hook(words: Sequence[str], hook: str) -> Iterator[str]:
    """The words of a command; where `env` sets Python's path, the hook's folder comes first."""
    count = words_of_env(words)
    for place, word in enumerate(words):
        name, _, path = word.partition("=")
        sets_path = place < count and name == PYTHON_PATH
        yield f"{name}={_with_first(hook, path)}" if sets_path else word


def _with_first(folder: str, path: str) -> str:
    """A path of folders with one more, which comes first."""
    return os.pathsep.join(filter(None, [folder, path]))


def _is_used(folder: Path) -> bool:
    """Whether the program of an earlier try has kept something, and so goes on."""
    return folder.is_dir() and any(folder.iterdir())


def _filled(text: str, meant: Mapping[str, str]) -> str:
    for name, value in meant.items():
        text = text.replace("{" + name + "}", value)
    return text

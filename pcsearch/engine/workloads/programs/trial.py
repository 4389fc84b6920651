"""Runs the program of one trial in the trial's process, and reports to Tune what it logs."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import pcsearch
from pcsearch.engine.workloads.programs import errors
from pcsearch.engine.workloads.programs.channel import VARIABLE, Channel
from pcsearch.engine.workloads.programs.follower import STDOUT, Follower
from pcsearch.engine.workloads.programs.location import search_path
from pcsearch.engine.workloads.programs.metrics_file import METRICS_FOLDER, own_file
from pcsearch.engine.workloads.programs.process import ProgramProcess, Source
from pcsearch.engine.workloads.programs.rows import Rows
from pcsearch.engine.workloads.programs.settings import ProgramTracking
from pcsearch.engine.workloads.reported_values import own_name
from pcsearch.engine.workloads.user_code import code_folder
from pcsearch.sweeps.program import Program
from pcsearch.temporary import temporary_folder

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

OUTPUT_FILE, VALUES_FILE, JSON_FILE = "output.txt", "config.yaml", "config.json"
FILES_FOLDER = "files"
TRIAL_FOLDER = "PCSEARCH_TRIAL_DIR"
"""The variable that tells a program the folder that its trial keeps when it is tried again."""
OF_RAY = ("RAY_", "TUNE_", "PCSEARCH_")
PYTHON_PATH, PATH = "PYTHONPATH", "PATH"


def of_user(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of the command's start that programs find on every node."""
    return {name: environment[name] for name in (PYTHON_PATH,) if name in environment}


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

    def run(self, values: Mapping[str, Any]) -> None:
        """Run the program with a trial's values, until it has ended or the trial is stopped.

        Raises:
            ProgramError: it failed or crashed.
            PcsearchError: it has ended without a metric.
        """
        from ray import tune

        name = Path(tune.get_context().get_trial_dir()).name
        trial_id = str(tune.get_context().get_trial_id())
        rows = Rows(self.metrics)
        with self._kept_folder(name) as kept, temporary_folder() as folder:
            output = kept / OUTPUT_FILE
            before = output.stat().st_size if output.exists() else 0
            words, variables = self._command(values, kept, folder, name, trial_id)
            with self._source(folder, kept, before) as source:
                process = ProgramProcess(
                    words, variables, self._start_folder(), output, self.grace, rows, source
                )
                try:
                    for report in process.reports():
                        tune.report({own_name(name): value for name, value in report.items()})
                finally:
                    process.stop()
            assert process.ended is not None
            errors.check_end(process.ended, output, before)
        if not rows.has_reported:
            wanted = next(iter(self.metrics), "")
            raise errors.no_metric(wanted, rows.names, self.metrics_from)

    def _start_folder(self) -> Path:
        return self.folder if self.folder.is_dir() else code_folder(self.folder)

    def _command(
        self, values: Mapping[str, Any], kept: Path, folder: Path, name: str, trial_id: str
    ) -> tuple[list[str], dict[str, str]]:
        """The words and the variables of the program; writes the files with its values."""
        plain = json.loads(json.dumps(values))
        values_file, json_file = kept / VALUES_FILE, kept / JSON_FILE
        entries = {key: {"value": value} for key, value in plain.items()}
        values_file.write_text(yaml.safe_dump(entries, sort_keys=False), encoding="utf-8")
        json_file.write_text(json.dumps(plain), encoding="utf-8")
        files = kept / FILES_FOLDER
        files.mkdir(exist_ok=True)
        if not _is_used(files):
            self._forget_earlier_tries(kept.parent, trial_id)
        left_out = (*OF_RAY, *self.tracking.not_of_nodes)
        own = {n: v for n, v in os.environ.items() if not n.startswith(left_out)}
        own.update(self.variables)
        own[PATH] = search_path()
        meant = {
            "trial": trial_id,
            "name": name,
            "folder": str(kept),
            "directory": str(kept if self.storage_filesystem is not None else kept.parent),
            "values": str(values_file),
            "temporary": str(folder),
        }
        for variable, text in self.tracking.variables.items():
            own[variable] = _filled(text, meant)
        if self.tracking.hook:
            hook = str(Path(pcsearch.__file__).parent / self.tracking.hook)
            own[PYTHON_PATH] = os.pathsep.join(filter(None, [hook, own.get(PYTHON_PATH)]))
        own |= {VARIABLE: str(folder / "s"), TRIAL_FOLDER: str(files)}
        return self.program.words(plain, self.word, str(json_file), own), own

    def _forget_earlier_tries(self, directory: Path, trial_id: str) -> None:
        """Remove the runs of earlier tries: the program has kept nothing, and starts anew."""
        for pattern in self.tracking.of_earlier_tries:
            for folder in directory.glob(pattern.replace("{trial}", trial_id)):
                shutil.rmtree(folder, ignore_errors=True)

    @contextmanager
    def _source(
        self, folder: Path, kept: Path, before: int
    ) -> Iterator[Callable[[Callable[[int, dict[str, Any]], None]], Source]]:
        if self.metrics_from == "wandb":
            yield lambda receive: Channel(folder, receive)
        elif self.metrics_from == STDOUT:
            yield lambda receive: Follower(kept / OUTPUT_FILE, STDOUT, receive, before)
        else:
            file = self._start_folder() / self.metrics_from
            with own_file(file, kept, _is_used(kept / FILES_FOLDER)) as start:
                yield lambda receive: Follower(file, self.metrics_from, receive, start)

    @contextmanager
    def _kept_folder(self, name: str) -> Iterator[Path]:
        """The trial's folder in the experiment's directory, or one that is sent there later."""
        if self.storage_filesystem is None:
            folder = Path(self.storage_path, name)
            folder.mkdir(parents=True, exist_ok=True)
            yield folder
            return
        from pyarrow.fs import copy_files

        with temporary_folder() as parent:
            folder = parent / name
            folder.mkdir()
            target = f"{self.storage_path}/{name}"
            _fetch(self.storage_filesystem, target, folder)
            try:
                yield folder
            finally:
                self.storage_filesystem.create_dir(target, recursive=True)
                # With threads, an upload to S3 may never end (apache/arrow#32372).
                copy_files(
                    str(folder),
                    target,
                    destination_filesystem=self.storage_filesystem,
                    use_threads=False,
                )


def _fetch(storage: FileSystem, place: str, folder: Path) -> None:
    """Copy what an earlier try has left in the storage; other files there are the driver's."""
    from pyarrow.fs import FileSelector, FileType, copy_files

    for info in storage.get_file_info(FileSelector(place, allow_not_found=True)):
        if info.base_name in (OUTPUT_FILE, FILES_FOLDER, METRICS_FOLDER):
            target = folder / info.base_name
            if info.type == FileType.Directory:
                target.mkdir()
            copy_files(info.path, str(target), source_filesystem=storage, use_threads=False)


def _is_used(folder: Path) -> bool:
    """Whether the program of an earlier try has kept something, and so goes on."""
    return folder.is_dir() and any(folder.iterdir())


def _filled(text: str, meant: Mapping[str, str]) -> str:
    for name, value in meant.items():
        text = text.replace("{" + name + "}", value)
    return text

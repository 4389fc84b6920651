"""What W&B's local files of a run hold, read from the files themselves.

Every session of a run has a file ``run-<id>.wandb`` in a folder of its own. The name of the folder
has the time of the start: ``offline-run-20250131_120000-<id>``, or ``run-...`` of an online run.
"""

from __future__ import annotations

import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pcsearch.tracking.wandb_internals import BLOCK, FILE_HEADER, read_records

UPLOADED = ".wandb.synced"
"""The suffix of an empty file beside ``run-<id>.wandb``, by which W&B marks it as uploaded."""
TAIL_BLOCKS = 2
"""In how many blocks at a file's end the record of the run's end is looked for."""


@dataclass(frozen=True)
class WrittenRows:
    """What the sessions of a run have written.

    Args:
        sessions: how many there are.
        last_step: of any row, 0 without rows.
        names: of the values in the last row.
    """

    sessions: int
    last_step: int
    names: frozenset[str]


def run_files(directory: Path, run_id: str) -> list[Path]:
    """The files of a run's sessions, oldest first.

    Args:
        directory: the experiment's.
        run_id: the run's.
    """
    return _in_order((directory / "wandb").glob(f"*run-*-{run_id}/run-{run_id}.wandb"))


def files_of_runs(directory: Path) -> dict[str, list[Path]]:
    """The files of all runs, as `run_files` has those of one, by the runs' ids.

    Each look for those of one run lists the folders of all.
    """
    found: defaultdict[str, list[Path]] = defaultdict(list)
    for file in (directory / "wandb").glob("*run-*/run-*.wandb"):
        run_id = file.stem.removeprefix("run-")
        if file.parent.name.endswith(f"-{run_id}"):
            found[run_id].append(file)
    return {run_id: _in_order(files) for run_id, files in found.items()}


def _in_order(files: Iterable[Path]) -> list[Path]:
    return sorted(files, key=lambda file: file.parent.name.removeprefix("offline-"))


def read_rows(files: Sequence[Path]) -> WrittenRows:
    """Read what the files of a run hold."""
    last_step, names = 0, frozenset[str]()
    for file in files:
        for record in read_records(file.read_bytes()):
            if record.WhichOneof("record_type") == "history":
                step = record.history.step.num
                if step >= last_step:
                    items = record.history.item
                    # A damaged item may have neither.
                    keys = ((item.key, *item.nested_key) for item in items)
                    last_step, names = step, frozenset(filter(None, map(_first_name, keys)))
    return WrittenRows(len(files), last_step, names)


def largest_value(directory: Path, run_id: str, name: str) -> float | None:
    """The largest number of a name in the rows that the files of a run hold, None without one.

    Args:
        directory: the folder with W&B's own.
        run_id: the run's.
        name: nested ones with dots.
    """
    largest: float | None = None
    for file in run_files(directory, run_id):
        for record in read_records(file.read_bytes()):
            for item in record.history.item:
                if name != (item.key or ".".join(item.nested_key)):
                    continue
                with suppress(ValueError, TypeError):
                    number = float(json.loads(item.value_json))
                    largest = number if largest is None else max(largest, number)
    return largest


def _first_name(keys: tuple[str, ...]) -> str:
    return next(filter(None, keys), "")


def remove_empty(directory: Path) -> set[str]:
    """Remove the folders of sessions that were killed before they wrote anything.

    They hold nothing to upload, and ``wandb sync`` would complain about each. No run of this
    process may be open.

    Args:
        directory: the experiment's.

    Returns:
        The ids of their runs.
    """
    run_ids = set()
    for file in (directory / "wandb").glob("*run-*/run-*.wandb"):
        if file.stat().st_size <= FILE_HEADER:
            shutil.rmtree(file.parent)
            run_ids.add(file.stem.removeprefix("run-"))
    return run_ids


def has_ended(files: Sequence[Path]) -> bool:
    """Whether the newest file of a run has its end: then it has everything before the end too."""
    return bool(files) and has_end(files[-1])


def mark_uploaded(directory: Path, run_id: str) -> None:
    """Mark the files of a run as uploaded, as ``wandb sync`` does.

    ``wandb sync`` leaves out marked files. Sent again, the rows would be in the run twice.
    """
    for file in run_files(directory, run_id):
        file.with_suffix(UPLOADED).touch()


def is_uploaded(files: Sequence[Path]) -> bool:
    """Whether the server has everything that is in the files of a run."""
    return not files or files[-1].with_suffix(UPLOADED).exists()


def session_folders(directory: Path, run_id: str) -> list[str]:
    """The folders of a run's sessions, relative to the experiment's directory."""
    folders = (directory / "wandb").glob(f"*run-*-{run_id}")
    return sorted(folder.relative_to(directory).as_posix() for folder in folders)


@contextmanager
def nothing_left_on_error(
    directory: Path, run_id: str, ended: Callable[[], bool]
) -> Iterator[None]:
    """Remove the files of a session that fails to start in the block: it has nothing to upload.

    Args:
        directory: the experiment's.
        run_id: the run's.
        ended: ends the session; whether it has ended.
    """
    before = run_files(directory, run_id)
    try:
        yield
    except Exception:
        begun = set(run_files(directory, run_id)) - set(before)
        if begun and ended():
            for file in begun:
                shutil.rmtree(file.parent, ignore_errors=True)
        raise


def has_unmarked(directory: Path) -> bool:
    """Whether there are files that ``wandb sync`` would upload."""
    return _has_unmarked(directory, "*run-*")


def has_unmarked_online(directory: Path) -> bool:
    """Whether there are files of online runs of which the server may have a part."""
    return _has_unmarked(directory, "run-*")


def _has_unmarked(directory: Path, folders: str) -> bool:
    files = (directory / "wandb").glob(f"{folders}/run-*.wandb")
    return any(not file.with_suffix(UPLOADED).exists() for file in files)


def unsent_media(directory: Path, run_id: str, next_step: int) -> Iterator[tuple[Path, Path]]:
    """The pictures and tables that the server may lack though it has the rows with them.

    Args:
        directory: the experiment's.
        run_id: the run's.
        next_step: the first step that the server does not have.

    Yields:
        The folder of a session's files, and a file in it.
    """
    for file in run_files(directory, run_id):
        if file.with_suffix(UPLOADED).exists():
            continue
        folder = file.parent / "files"
        for record in read_records(file.read_bytes()):
            if record.WhichOneof("record_type") != "history":
                continue
            if record.history.step.num < next_step:
                paths = (i.value_json for i in record.history.item if i.nested_key[-1:] == ["path"])
                files = (folder / str(json.loads(path)) for path in paths)
                yield from ((folder, file) for file in files if file.is_file())


def has_end(file: Path) -> bool:
    """Whether the file of a run has its end."""
    size = file.stat().st_size
    start = max(0, size // BLOCK - TAIL_BLOCKS + 1) * BLOCK
    with file.open("rb") as opened:
        opened.seek(start)
        data = opened.read()
    records = read_records(data, 0 if start else FILE_HEADER)
    return any(record.WhichOneof("record_type") == "exit" for record in records)

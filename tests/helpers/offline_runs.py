"""What an offline W&B run holds, read from its file."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto import wandb_internal_pb2 as pb

FILE_HEADER = 7
RECORD_HEADER = 7
BLOCK = 32 * 1024
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@dataclass
class OfflineRun:
    """One session of a run; a row of the history has its step as ``_step``."""

    id: str = ""
    name: str = ""
    group: str = ""
    project: str = ""
    entity: str = ""
    job_type: str = ""
    notes: str = ""
    tags: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    exit_code: int | None = None
    alerts: list[tuple[str, str, str]] = field(default_factory=list)
    artifacts: list[pb.ArtifactRecord] = field(default_factory=list)
    directory: Path = Path()

    def rows(self) -> list[dict[str, Any]]:
        """The history without W&B's own keys."""
        return [{k: v for k, v in row.items() if not k.startswith("_")} for row in self.history]


def read_runs(experiment_dir: Path) -> list[OfflineRun]:
    """Every session in an experiment's directory, in the order of their starts and names."""
    files = sorted(experiment_dir.glob("wandb/offline-run-*/run-*.wandb"))
    runs = [read_run(file) for file in files]
    return sorted(runs, key=lambda run: (run.directory.name.split("-")[2], run.name))


def read_run(path: Path) -> OfflineRun:
    """The session in a ``run-*.wandb`` file, or in the directory that has one."""
    (file,) = path.glob("run-*.wandb") if path.is_dir() else [path]
    run = OfflineRun(directory=file.parent)
    for data in _records(file.read_bytes()):
        _take(run, pb.Record.FromString(data))
    return run


def _take(run: OfflineRun, record: pb.Record) -> None:
    match record.WhichOneof("record_type"):
        case "run":
            _take_run(run, record.run)
        case "config":
            _update(run.config, record.config.update)
        case "history":
            row: dict[str, Any] = {"_step": record.history.step.num}
            _update(row, record.history.item)
            run.history.append(row)
        case "summary":
            _update(run.summary, record.summary.update)
            for item in record.summary.remove:
                run.summary.pop(item.key or item.nested_key[0], None)
        case "alert":
            run.alerts.append((record.alert.title, record.alert.text, record.alert.level))
        case "artifact":
            run.artifacts.append(record.artifact)
        case "exit":
            run.exit_code = record.exit.exit_code


def _take_run(run: OfflineRun, record: pb.RunRecord) -> None:
    run.id = record.run_id
    run.name = record.display_name
    run.group = record.run_group
    run.project = record.project
    run.entity = record.entity
    run.job_type = record.job_type
    run.notes = record.notes
    run.tags = list(record.tags)
    _update(run.config, record.config.update)


def _update(target: dict[str, Any], items: Iterable[Any]) -> None:
    for item in items:
        *parents, last = item.nested_key or [item.key]
        inner = target
        for key in parents:
            inner = inner.setdefault(key, {})
        inner[last] = json.loads(item.value_json)


def _records(data: bytes) -> Iterator[bytes]:
    """The records of a file in LevelDB's log format, after W&B's header."""
    position, pieces = FILE_HEADER, b""
    while position + RECORD_HEADER <= len(data):
        left = BLOCK - position % BLOCK
        if left < RECORD_HEADER:
            position += left
            continue
        length = int.from_bytes(data[position + 4 : position + 6], "little")
        kind = data[position + 6]
        start = position + RECORD_HEADER
        position = start + length
        if kind == 0 or position > len(data):
            return
        pieces = data[start:position] if kind in (FULL, FIRST) else pieces + data[start:position]
        if kind in (FULL, LAST):
            yield pieces


def sessions(directory: Path) -> dict[str, list[OfflineRun]]:
    """The sessions of each run, in their order."""
    found: dict[str, list[OfflineRun]] = {}
    for run in read_runs(directory):
        found.setdefault(run.id, []).append(run)
    return found


def cut_after(file: Path, rows: int) -> None:
    """Make a file what a killed driver leaves: whole up to some rows of the history, then torn."""
    data = file.read_bytes()
    shortest = bisect_left(range(len(data)), rows, key=lambda end: _rows(data[:end]))
    file.write_bytes(data[: shortest + RECORD_HEADER + 1])


def _rows(data: bytes) -> int:
    records = map(pb.Record.FromString, _records(data))
    return sum(record.WhichOneof("record_type") == "history" for record in records)


def is_nan(value: Any) -> bool:
    """Whether a value of the history is NaN."""
    return isinstance(value, float) and math.isnan(value)

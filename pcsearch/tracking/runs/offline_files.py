"""What W&B's files of a run hold already, read from the files themselves.

Every session of a run has a file ``run-<id>.wandb`` in a folder of its own: records in LevelDB's
log format, each a protocol buffer. The library has no reader for them.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE_HEADER = 7
RECORD_HEADER = 7
BLOCK = 32 * 1024
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
MARKED = ".wandb.synced"
"""In place of ``.wandb``: the name of an empty file beside that of a run that is uploaded."""
TAIL_BLOCKS = 2
"""How many blocks from a file's end the record of a run's end is looked for."""


@dataclass(frozen=True)
class Written:
    """What the sessions of a run have written.

    Args:
        sessions: how many there are.
        last_step: of any row, 0 without any.
        names: of what the last row holds.
    """

    sessions: int
    last_step: int
    names: frozenset[str]


NOTHING_WRITTEN = Written(0, 0, frozenset())


def written(directory: Path, run_id: str) -> Written:
    """Read what the files of a run hold.

    Args:
        directory: the experiment's.
        run_id: the run's.
    """
    files = _files(directory, run_id)
    last_step, names = 0, frozenset[str]()
    for file in files:
        for record in _records(file.read_bytes(), FILE_HEADER):
            if record.WhichOneof("record_type") == "history":
                step = record.history.step.num
                if step >= last_step:
                    items = record.history.item
                    last_step, names = step, frozenset(i.key or i.nested_key[0] for i in items)
    return Written(len(files), last_step, names)


def discard_empty(directory: Path) -> set[str]:
    """Remove the folders of sessions that were killed before they wrote anything.

    There is nothing to upload in them, and ``wandb sync`` would complain of each. No run of this
    process may be open.

    Args:
        directory: the experiment's.

    Returns:
        The ids of their runs.
    """
    found = set()
    for file in (directory / "wandb").glob("*run-*/run-*.wandb"):
        if file.stat().st_size <= FILE_HEADER:
            shutil.rmtree(file.parent)
            found.add(file.stem.removeprefix("run-"))
    return found


def has_ended(directory: Path, run_id: str) -> bool:
    """Whether the newest file of a run has its end: then it has all that came before."""
    files = _files(directory, run_id)
    return bool(files) and has_end(files[-1])


def mark_uploaded(directory: Path, run_id: str) -> None:
    """Note that the server has everything of a run, as ``wandb sync`` notes it.

    That leaves out what is marked. Sent again, the rows would stand in the run a second time.
    """
    for file in _files(directory, run_id):
        file.with_suffix(MARKED).touch()


def is_uploaded(directory: Path, run_id: str) -> bool:
    """Whether the files of a run have nothing that the server lacks."""
    files = _files(directory, run_id)
    return not files or files[-1].with_suffix(MARKED).exists()


def unmarked(directory: Path) -> bool:
    """Whether there are files that ``wandb sync`` would upload."""
    files = (directory / "wandb").glob("*run-*/run-*.wandb")
    return any(not file.with_suffix(MARKED).exists() for file in files)


def _files(directory: Path, run_id: str) -> list[Path]:
    files = (directory / "wandb").glob(f"*run-*-{run_id}/run-{run_id}.wandb")
    # Their folders have the time of the start in their names: offline-run-20250131_120000-<id>.
    return sorted(files, key=lambda file: file.parent.name.removeprefix("offline-"))


def has_end(file: Path) -> bool:
    """Whether the file of a run has its end."""
    size = file.stat().st_size
    start = max(0, size // BLOCK - TAIL_BLOCKS + 1) * BLOCK
    with file.open("rb") as opened:
        opened.seek(start)
        data = opened.read()
    records = _records(data, 0 if start else FILE_HEADER)
    return any(record.WhichOneof("record_type") == "exit" for record in records)


def _records(data: bytes, position: int) -> Iterator[Any]:
    """The records of a file as far as they are whole.

    Args:
        data: of the file, from the start of a block.
        position: of the first record in it.
    """
    from wandb.proto import wandb_internal_pb2 as protocol

    parse: Any = protocol.Record.FromString  # type: ignore[attr-defined]
    for message in _messages(data, position):
        try:
            record = parse(message)
        # An error of protobuf's; what follows a torn record cannot be trusted.
        except Exception:
            return
        yield record


def _messages(data: bytes, position: int) -> Iterable[bytes]:
    pieces: bytes | None = None
    while position + RECORD_HEADER <= len(data):
        left = BLOCK - position % BLOCK
        if left < RECORD_HEADER:
            position += left
            continue
        length = int.from_bytes(data[position + 4 : position + 6], "little")
        kind = data[position + 6]
        start = position + RECORD_HEADER
        position = start + length
        if kind not in (FULL, FIRST, MIDDLE, LAST) or position > len(data):
            return
        piece = data[start:position]
        if kind in (FULL, FIRST):
            pieces = piece
        elif pieces is not None:
            pieces += piece
        if kind in (FULL, LAST) and pieces is not None:
            yield pieces
            pieces = None

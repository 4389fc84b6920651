"""The record of an experiment, ``experiment.json``: the options of its search, and what wrote it.

It also has the hash of the sweep file, from which the values of the trials come.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pcsearch import __version__
from pcsearch.engine.storage.files import writing
from pcsearch.errors import PcsearchError
from pcsearch.system.whole_files import replacing

SWEEP_FILE = "sweep.yaml"
RECORD_FILE = "experiment.json"
SWEEP_HASH = "sweep_sha256"
EDITS = "edits"
"""How many edits of the sweep file the journal had when the record was written, if any."""
FORMAT = 3
RECORD_KEYS: dict[str, type] = {
    "options": dict,
    "tracking": dict,
    "folder": str,
    SWEEP_HASH: str,
}


def write_record(folder: Path, record: Mapping[str, Any], sweep_text: str | None = None) -> None:
    """Write the record of an experiment.

    Args:
        folder: of the experiment.
        record: what `read_record` returns later.
        sweep_text: written first, as the copy of the sweep file; None where that is there, and its
            hash in the record.

    Raises:
        StorageError: a file cannot be written.
    """
    if sweep_text is not None:
        _write(folder / SWEEP_FILE, sweep_text)
        record = {**record, SWEEP_HASH: _hash(sweep_text.encode())}
    _write(folder / RECORD_FILE, json.dumps({"format": FORMAT, **record}, indent=2) + "\n")


def read_record(folder: Path, place_of: Callable[[str], str]) -> dict[str, Any]:
    """Read and check the record, and check that the sweep file is the one that it was written for.

    Args:
        folder: of the experiment.
        place_of: tells where the user finds the file of a name, for messages.

    Raises:
        FileNotFoundError: there is no record.
        PcsearchError: it is damaged, or of another version, or the sweep file was changed.
    """
    file = place_of(RECORD_FILE)
    try:
        record = json.loads((folder / RECORD_FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(str(error)) from error
    except (OSError, ValueError) as error:
        raise PcsearchError(f"{file}: cannot be read ({error})") from error
    if not isinstance(record, dict):
        raise PcsearchError(f"{file}: the record is damaged (it is no mapping)")
    if record.get("format") != FORMAT:
        raise PcsearchError(f"{file}: {_other_version(record)}")
    missing = [key for key in RECORD_KEYS if not isinstance(record.get(key), RECORD_KEYS[key])]
    if missing:
        raise PcsearchError(f"{file}: the record is damaged ({missing[0]} is missing)")
    if not isinstance(record["tracking"].get("wandb"), str):
        raise PcsearchError(f"{file}: the record is damaged (tracking has no mode)")
    _check_sweep(folder, record, place_of(SWEEP_FILE))
    return record


def _check_sweep(folder: Path, record: Mapping[str, Any], file: str) -> None:
    """Check that the sweep was not changed: the values of the trials come from it."""
    try:
        data = (folder / SWEEP_FILE).read_bytes()
    except OSError as error:
        raise PcsearchError(f"{file}: cannot be read ({error.strerror})") from error
    if _hash(data) != record[SWEEP_HASH]:
        raise PcsearchError(
            f"{file}: the file was changed since the search began; put it back as it was"
        )


def _other_version(record: Mapping[str, Any]) -> str:
    versions = record.get("versions")
    wrote = versions.get("pcsearch") if isinstance(versions, dict) else None
    by = f"version {wrote}" if wrote else "another version"
    return (
        f"written by {by} of pcsearch (format {record.get('format')}), and this one, "
        f"{__version__}, reads format {FORMAT}; resume it with the version that wrote it"
    )


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write(path: Path, text: str) -> None:
    with writing(path), replacing(path) as file:
        file.write(text.encode())

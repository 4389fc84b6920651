"""The experiment's directory: the one place that knows its file names, and what it keeps.

``sweep.yaml`` is the user's file as it was, ``experiment.json`` what was asked besides; the rest
is Tune's, with a folder for every trial.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcsearch.errors import PcsearchError

SWEEP_FILE = "sweep.yaml"
RECORD_FILE = "experiment.json"
FORMAT = 1
RECORD_KEYS: dict[str, type] = {"options": dict, "tracking": dict, "folder": str}
NAME_LENGTH = 100


@dataclass(frozen=True)
class ExperimentDirectory:
    """The directory of one search; ``path`` is absolute."""

    path: Path

    @property
    def name(self) -> str:
        """The experiment's name: the directory's own."""
        return self.path.name

    @property
    def sweep(self) -> Path:
        """The copy of the sweep file."""
        return self.path / SWEEP_FILE

    def create(self, sweep_text: str, record: Mapping[str, Any]) -> None:
        """Make the directory, with the sweep and the record of what was asked.

        Raises:
            PcsearchError: it is there already, or cannot be written.
        """
        try:
            self.path.mkdir(parents=True)
            _write(self.sweep, sweep_text)
            _write(
                self.path / RECORD_FILE, json.dumps({"format": FORMAT, **record}, indent=2) + "\n"
            )
        except FileExistsError:
            raise self._present() from None
        except OSError as error:
            raise PcsearchError(
                f"{self.path}: cannot be written ({error.strerror}); choose another --storage-path"
            ) from error

    def check_absent(self) -> None:
        """See that `create` can make it.

        Raises:
            PcsearchError: it is there already.
        """
        if self.path.exists():
            raise self._present()

    def record(self) -> dict[str, Any]:
        """What `create` was given.

        Raises:
            PcsearchError: this is no experiment's directory, or its record is damaged.
        """
        path = self.path / RECORD_FILE
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise PcsearchError(
                f"{self.path}: no experiment is here ({RECORD_FILE} is missing)"
            ) from None
        except (OSError, ValueError) as error:
            raise PcsearchError(f"{path}: cannot be read ({error})") from error
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise PcsearchError(f"{path}: not a record of format {FORMAT}")
        missing = [key for key in RECORD_KEYS if not isinstance(record.get(key), RECORD_KEYS[key])]
        if missing:
            raise PcsearchError(f"{path}: the record is damaged ({missing[0]} is missing)")
        return record

    def _present(self) -> PcsearchError:
        return PcsearchError(
            f"{self.path} is there already; go on with it "
            f"(--resume {shlex.quote(str(self.path))}) or choose another --name"
        )


def check_name(name: str) -> None:
    """Hold an experiment's name to what a folder, a W&B group and a shell command can take.

    Raises:
        PcsearchError: it does not fit.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name) or len(name) > NAME_LENGTH:
        raise PcsearchError(
            f"--name: {name!r} does not fit; use up to {NAME_LENGTH} letters, digits, "
            "dots, dashes and underscores"
        )


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)

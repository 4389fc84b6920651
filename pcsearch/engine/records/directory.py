"""The experiment's directory: the one place that knows its file names, and what it keeps.

``sweep.yaml`` is the user's file as it was, ``experiment.json`` what was asked besides, and
``journal.jsonl`` what the search has decided; the rest is Tune's, with a folder for every trial.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import secrets
import shlex
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from pcsearch import __version__
from pcsearch.engine.records.journal import Journal, Known
from pcsearch.engine.storage.files import StorageError, writing
from pcsearch.engine.storage.lease import TakenOverError
from pcsearch.engine.storage.store import Store, is_address, open_store
from pcsearch.engine.storage.working_copy import WorkingCopy
from pcsearch.errors import PcsearchError, Problem

SWEEP_FILE = "sweep.yaml"
RECORD_FILE = "experiment.json"
LOCK_FILE = ".lock"
OWNER_FILE = ".owner"
SWEEP_HASH = "sweep_sha256"
FORMAT = 3
RECORD_KEYS: dict[str, type] = {
    "options": dict,
    "tracking": dict,
    "folder": str,
    SWEEP_HASH: str,
}
NAME_LENGTH = 100


@dataclass(frozen=True)
class ExperimentDirectory:
    """The directory of one search.

    Args:
        path: absolute; of the working copy where the directory lies at an address.
        copy: what keeps that at the address, None for a folder of this machine.
    """

    path: Path
    copy: WorkingCopy | None = None

    @classmethod
    def at(cls, store: Store) -> ExperimentDirectory:
        """The directory at an address, with a new folder for its working copy."""
        copy = WorkingCopy(store)
        return cls(copy.folder, copy)

    @property
    def place(self) -> str:
        """The path, or the address, as the user knows it."""
        return str(self.path) if self.copy is None else self.copy.store.address

    def shown(self, name: str) -> str:
        """The place of a file in it, as the user knows it."""
        return str(self.path / name) if self.copy is None else self.copy.store.below(name).address

    @property
    def above(self) -> str:
        """The place of the folder that it is in."""
        return str(self.path.parent) if self.copy is None else self.copy.store.parent.address

    @property
    def name(self) -> str:
        """The experiment's name: the directory's own."""
        return self.path.name

    @property
    def sweep(self) -> Path:
        """The copy of the sweep file."""
        return self.path / SWEEP_FILE

    @contextmanager
    def created(
        self, sweep_text: str, record: Mapping[str, Any], known: Iterable[Known] = ()
    ) -> Iterator[None]:
        """`create` it, and be the only one that runs the search.

        Raises:
            PcsearchError: as there.
        """
        if self.copy is not None:
            # At an address nothing is made in one step, so two that start at once settle it first.
            with self.owned():
                self.create(sweep_text, record, known)
                yield
            return
        self.create(sweep_text, record, known)
        with self.owned():
            yield

    def create(
        self, sweep_text: str, record: Mapping[str, Any], known: Iterable[Known] = ()
    ) -> None:
        """Make the directory, with the sweep, older results, and the record of what was asked.

        It gets its name when it is whole: a start that is killed leaves nothing in the way.

        Raises:
            PcsearchError: it is there already, or cannot be written.
        """
        # At an address a start that was killed leaves no record, and so is in nobody's way.
        hidden = self.path.with_name(f".{self.name}.{secrets.token_hex(4)}")
        made = ExperimentDirectory(hidden) if self.copy is None else self
        try:
            self.check_absent()
            made.path.mkdir(parents=True, exist_ok=made is self)
            if self.copy is not None:
                self.copy.discard_leftovers()
            _write(made.sweep, sweep_text)
            for each in known:
                Journal(made.path).add(each)
            made._write_record({**record, SWEEP_HASH: _hash(sweep_text.encode())})
            made.path.rename(self.path)
        except (OSError, StorageError) as error:
            if isinstance(error, TakenOverError):
                raise
            cause = error if isinstance(error, OSError) else error.__cause__
            if made is not self:
                shutil.rmtree(made.path, ignore_errors=True)
            # Another search has taken the name meanwhile.
            if isinstance(cause, OSError) and cause.errno in (errno.EEXIST, errno.ENOTEMPTY):
                raise self._present(True) from None
            why = getattr(cause, "strerror", None) or error
            raise PcsearchError(
                f"{self.place}: cannot be written ({why}); choose another --storage-path"
            ) from error

    def check_absent(self) -> None:
        """See that `created` can make it.

        Raises:
            PcsearchError: it is there already.
        """
        if self.copy is None:
            if self.path.exists():
                raise self._present((self.path / RECORD_FILE).exists())
            return
        if not self.copy.is_free():
            raise self._present(self.copy.store.get(RECORD_FILE) is not None)

    def record(self) -> dict[str, Any]:
        """What `create` was given.

        Raises:
            PcsearchError: this is no experiment's directory, or its record is damaged.
        """
        if self.copy is not None:
            for name in (RECORD_FILE, SWEEP_FILE):
                self.copy.fetch_file(name)
        path, shown = self.path / RECORD_FILE, self.shown(RECORD_FILE)
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise PcsearchError(
                f"{self.place}: no experiment is here ({RECORD_FILE} is missing)"
            ) from None
        except (OSError, ValueError) as error:
            raise PcsearchError(f"{shown}: cannot be read ({error})") from error
        if not isinstance(record, dict):
            raise PcsearchError(f"{shown}: the record is damaged (it is no mapping)")
        if record.get("format") != FORMAT:
            raise PcsearchError(f"{shown}: {_other_version(record)}")
        missing = [key for key in RECORD_KEYS if not isinstance(record.get(key), RECORD_KEYS[key])]
        if missing:
            raise PcsearchError(f"{shown}: the record is damaged ({missing[0]} is missing)")
        if not isinstance(record["tracking"].get("wandb"), str):
            raise PcsearchError(f"{shown}: the record is damaged (tracking has no mode)")
        self._check_sweep(record)
        return record

    def _check_sweep(self, record: Mapping[str, Any]) -> None:
        """See that the sweep is the one that trials have run of: their values come from it."""
        try:
            data = self.sweep.read_bytes()
        except OSError as error:
            raise PcsearchError(
                f"{self.shown(SWEEP_FILE)}: cannot be read ({error.strerror})"
            ) from error
        if _hash(data) != record[SWEEP_HASH]:
            raise PcsearchError(
                f"{self.shown(SWEEP_FILE)}: the file was changed since the search began; put it "
                "back as it was"
            )

    @contextmanager
    def tidied(self) -> Iterator[None]:
        """Leave nothing on this machine, after the block, of a directory at an address."""
        try:
            yield
        finally:
            if self.copy is not None:
                self.copy.clear()

    def fetch(self) -> None:
        """Have all of it here that a session needs, where it lies at an address.

        Raises:
            StorageError: it cannot be had.
        """
        if self.copy is not None:
            self.copy.fetch()

    @contextmanager
    def read(self) -> Iterator[None]:
        """Have all that is read of the search here during the block; nothing is written.

        Raises:
            StorageError: it cannot be had.
        """
        with self.tidied():
            if self.copy is not None:
                self.copy.fetch(wandb=False)
            yield

    def rewrite(self, record: Mapping[str, Any]) -> None:
        """Keep another record of what was asked.

        Raises:
            StorageError: it cannot be written.
        """
        self._write_record(record)

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Be the only one that runs the search; a process that dies lets go of it.

        Raises:
            PcsearchError: another process runs it, or the directory cannot be written.
        """
        if self.copy is not None:
            with self.copy.owned():
                yield
            return
        lock = FileLock(self.path / LOCK_FILE)
        owner = self.path / OWNER_FILE
        with writing(self.path):
            try:
                lock.acquire(blocking=False)
            except Timeout:
                raise PcsearchError(
                    f"{self.path}: the search is running ({_read(owner) or 'elsewhere'}); wait for "
                    "its end, or interrupt it there"
                ) from None
        try:
            with writing(owner):
                owner.write_text(f"process {os.getpid()} on {socket.gethostname()}")
            yield
        finally:
            owner.unlink(missing_ok=True)
            lock.release()

    def _write_record(self, record: Mapping[str, Any]) -> None:
        text = json.dumps({"format": FORMAT, **record}, indent=2) + "\n"
        _write(self.path / RECORD_FILE, text)

    def _present(self, whole: bool) -> PcsearchError:
        if not whole:
            return PcsearchError(
                f"{self.place} is there already and is no experiment; choose another --name"
            )
        return PcsearchError(
            f"{self.place} is there already; resume it "
            f"(--resume {shlex.quote(self.place)}) or choose another --name"
        )


def directory_in(place: str | Path, name: str, option: str) -> ExperimentDirectory:
    """The directory of an experiment in a folder or at an address, which has answered.

    Args:
        place: what it is in.
        name: its own.
        option: of the command that the place comes from.

    Raises:
        PcsearchError: the address cannot be used.
    """
    if not is_address(str(place)):
        return ExperimentDirectory(Path(place).expanduser().resolve() / name)
    return ExperimentDirectory.at(open_store(str(place), option).below(name))


def directory_at(place: str, option: str) -> ExperimentDirectory:
    """The directory at a path or an address.

    Raises:
        PcsearchError: the address cannot be used.
    """
    if not is_address(place):
        return ExperimentDirectory(Path(place).expanduser().resolve())
    store = open_store(place, option)
    if not store.parent.root:
        raise PcsearchError(Problem(f"{place}: no experiment is here", option))
    return ExperimentDirectory.at(store)


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


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.tmp")
    with writing(path):
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)

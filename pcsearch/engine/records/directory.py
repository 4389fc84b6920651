"""The directory of an experiment: makes it, checks it, and locks it for one process.

``sweep.yaml`` is a copy of the user's file, ``experiment.json`` is the record (the options and
more), and ``journal.jsonl`` has the decisions of the search. The rest is Tune's, with a folder for
every trial.
"""

from __future__ import annotations

import errno
import re
import secrets
import shlex
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pcsearch.engine.records.journal.events import Event
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.record import RECORD_FILE, SWEEP_FILE, read_record, write_record
from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.storage.lease import TakenOverError
from pcsearch.engine.storage.lock import locked
from pcsearch.engine.storage.opening import open_store
from pcsearch.engine.storage.store import Store, is_address
from pcsearch.engine.storage.working_copy import WorkingCopy
from pcsearch.errors import PcsearchError, Problem
from pcsearch.system.user_files import user_path

NAME_LENGTH = 100
NAME_BYTES = 240
"""The names of most file systems end at 255 bytes."""
EXPERIMENTS_SHOWN = 5


@dataclass(frozen=True)
class ExperimentDirectory:
    """The directory of one search.

    Args:
        path: absolute; for a directory at an address, the path of its working copy.
        copy: the working copy of a directory at an address, None for a folder of this machine.
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
        """The path or the address, for messages to the user."""
        return str(self.path) if self.copy is None else self.copy.store.address

    def place_of(self, name: str) -> str:
        """The path or the address of a file in it, for messages to the user."""
        return str(self.path / name) if self.copy is None else self.copy.store.below(name).address

    @property
    def parent(self) -> str:
        """The path or the address of the folder that it is in."""
        return str(self.path.parent) if self.copy is None else self.copy.store.parent.address

    @property
    def name(self) -> str:
        """The name of the experiment, which is also the directory's."""
        return self.path.name

    @property
    def is_there(self) -> bool:
        """Whether the experiment is there; at an address, whether its working copy is."""
        return (self.path / RECORD_FILE).exists()

    @property
    def sweep(self) -> Path:
        """The copy of the sweep file."""
        return self.path / SWEEP_FILE

    @contextmanager
    def created(
        self, sweep_text: str, record: Mapping[str, Any], events: Iterable[Event] = ()
    ) -> Iterator[None]:
        """`create` the directory, and lock it during the block.

        Raises:
            PcsearchError: it is there already, or cannot be written.
        """
        if self.copy is not None:
            # At an address nothing is made in one step: of two that start at once, one has to get
            # the lock first.
            with self.owned():
                self.create(sweep_text, record, events)
                yield
            return
        self.create(sweep_text, record, events)
        with self.owned():
            yield

    def create(
        self, sweep_text: str, record: Mapping[str, Any], events: Iterable[Event] = ()
    ) -> None:
        """Make the directory, with the sweep, the journal's first events, and the record.

        It gets its name when it is complete, so a start that is killed does not take the name.

        Args:
            sweep_text: of the sweep file.
            record: what `record` returns later.
            events: for the journal: the results of a warm start, configurations to try first.

        Raises:
            PcsearchError: it is there already, or cannot be written.
        """
        hidden = self.path.with_name(f".{self.name}.{secrets.token_hex(4)}")
        draft = ExperimentDirectory(hidden) if self.copy is None else self
        try:
            self.check_absent()
            draft.path.mkdir(parents=True, exist_ok=draft is self)
            if self.copy is not None:
                self.copy.discard_leftovers()
            for event in events:
                Journal(draft.path).add(event)
            # The record comes last: at an address it makes the directory an experiment.
            write_record(draft.path, record, sweep_text)
            draft.path.rename(self.path)
        except (OSError, StorageError) as error:
            if isinstance(error, TakenOverError):
                raise
            cause = error if isinstance(error, OSError) else error.__cause__
            if draft is not self:
                shutil.rmtree(draft.path, ignore_errors=True)
            # Another search has taken the name meanwhile.
            if isinstance(cause, OSError) and cause.errno in (errno.EEXIST, errno.ENOTEMPTY):
                raise self._exists_error(True) from None
            why = getattr(cause, "strerror", None) or error
            raise PcsearchError(
                f"{self.place}: cannot be written ({why}); choose another --storage-path"
            ) from error

    def check_absent(self) -> None:
        """Check that nothing has the directory's place yet.

        Raises:
            PcsearchError: it is there already.
        """
        if self.copy is None:
            if self.path.exists():
                raise self._exists_error((self.path / RECORD_FILE).exists())
            return
        if not self.copy.is_free():
            raise self._exists_error(self.copy.store.get(RECORD_FILE) is not None)

    def record(self) -> dict[str, Any]:
        """The record of the experiment, as `create` or `rewrite` wrote it.

        Raises:
            PcsearchError: this is no experiment's directory, or its record is damaged.
        """
        if self.copy is not None:
            for name in (RECORD_FILE, SWEEP_FILE):
                self.copy.fetch_file(name)
        try:
            return read_record(self.path, self.place_of)
        except FileNotFoundError:
            raise PcsearchError(
                f"{self.place}: no experiment is here ({RECORD_FILE} is missing); {self._advice()}"
            ) from None

    def _advice(self) -> str:
        """What to give instead of a directory that has no experiment."""
        experiments = [] if self.copy is not None else _newest_experiments(self.path)
        if not experiments:
            return "give the directory that the search printed at its start"
        names = ", ".join(shlex.quote(str(path)) for path in experiments[:EXPERIMENTS_SHOWN])
        more = len(experiments) - EXPERIMENTS_SHOWN
        return f"give one of those in it: {names}{f' and {more} more' if more > 0 else ''}"

    @contextmanager
    def tidied(self) -> Iterator[None]:
        """Delete the working copy of a directory at an address after the block."""
        try:
            yield
        finally:
            if self.copy is not None:
                self.copy.clear()

    def fetch(self) -> None:
        """Copy what a session needs of a directory at an address to this machine.

        Raises:
            StorageError: the storage does not give it.
        """
        if self.copy is not None:
            self.copy.fetch()

    @contextmanager
    def read(self) -> Iterator[None]:
        """Have the files of the search on this machine during the block, only to read them.

        Raises:
            StorageError: the storage does not give them.
        """
        with self.tidied():
            if self.copy is not None:
                self.copy.fetch(wandb=False)
            yield

    def rewrite(self, record: Mapping[str, Any]) -> None:
        """Replace the record.

        Raises:
            StorageError: it cannot be written.
        """
        write_record(self.path, record)

    def owned(self) -> AbstractContextManager[None]:
        """Lock the directory during a block: one process at a time runs the search.

        The lock of a process that dies is free again.

        Raises:
            PcsearchError: another process runs it, or the directory cannot be written.
        """
        return locked(self.path) if self.copy is None else self.copy.owned()

    def _exists_error(self, is_experiment: bool) -> PcsearchError:
        if not is_experiment:
            return PcsearchError(
                f"{self.place} is there already and is no experiment; choose another --name"
            )
        return PcsearchError(
            f"{self.place} is there already; resume it "
            f"(--resume {shlex.quote(self.place)}) or choose another --name"
        )


def directory_in(place: str | Path, name: str, option: str) -> ExperimentDirectory:
    """The directory of an experiment by its name and the place that it is in.

    Args:
        place: a folder's path, or an address.
        name: of the experiment.
        option: with which the user gave the place, for messages.

    Raises:
        PcsearchError: the address cannot be used, or does not answer.
    """
    if not is_address(str(place)):
        return ExperimentDirectory(user_path(place, option) / name)
    return ExperimentDirectory.at(open_store(str(place), option).below(name))


def directory_at(place: str, option: str) -> ExperimentDirectory:
    """The directory of an experiment by its own path or address.

    Args:
        place: the path or address.
        option: with which the user gave it, for messages.

    Raises:
        PcsearchError: the address cannot be used, or does not answer.
    """
    if not is_address(place):
        return ExperimentDirectory(user_path(place, option))
    store = open_store(place, option)
    if not store.parent.root:
        message = "no experiment is here; give the address that the search printed at its start"
        raise PcsearchError(Problem(f"{place}: {message}", option))
    return ExperimentDirectory.at(store)


def folder_form(name: str) -> str:
    """A name as that of a folder, which needs no quotes in a shell: letters, digits, ``_.-``."""
    form = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", name)).strip(".-")
    cut = form[:NAME_LENGTH].encode()[:NAME_BYTES].decode(errors="ignore")
    return cut.rstrip(".-") or "search"


def _newest_experiments(folder: Path) -> list[Path]:
    """The directories of the experiments in a folder, the newest first."""
    try:
        records = [
            (file.stat().st_mtime, file.parent)
            for file in folder.glob(f"*/{RECORD_FILE}")
            if not file.parent.name.startswith(".")
        ]
    except OSError:
        return []
    return [path for _, path in sorted(records, reverse=True)]

"""The working copy on this machine of an experiment at an address.

The storage has the true state. What the search decides is written there before anything follows
from it, as on a disk. Each session makes a new working copy from the storage and deletes it at its
end. Other files, above all W&B's, are sent every half minute and at the end.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from uuid import uuid4

from pcsearch.engine.storage.files import StorageError, register, unregister
from pcsearch.engine.storage.lease import FILE as LEASE_FILE
from pcsearch.engine.storage.lease import Lease
from pcsearch.engine.storage.store import Store
from pcsearch.errors import PcsearchError
from pcsearch.system.user_files import cache_folder

SEND_EVERY_S = 30.0
JOIN_S = 5.0
DOWNLOADS = 16
CHECKPOINT = "checkpoint_"
MODEL, MODEL_METRICS = "best/", "best/metrics.json"
"""The files of the best model, which may be large, and the one that says how good it is."""
WANDB = "wandb"
DECISIVE = re.compile(r"journal\.|sweep\.yaml|experiment\.json|best/|(.*/)?(params|result)\.json")
"""The files that are sent when they are written, and only then: no older state may come later."""
LEFTOVER = re.compile(r"owner\.json|sweep\.yaml|journal(\.\d+)?\.jsonl")
"""The files that a start leaves in the storage when it is killed."""
TUNE_FILES = re.compile(
    r"(experiment_state|basic-variant-state|searcher-state)-|(tuner|trainable)\.pkl"
)
"""The files that Tune itself writes to the storage."""


class WorkingCopy:
    """A folder on this machine with the files of a store.

    Args:
        store: of the experiment.

    Raises:
        PcsearchError: the folder cannot be made.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        cache, address = _cache(), hashlib.sha256(store.address.encode()).hexdigest()[:16]
        self.folder = cache / uuid4().hex / store.name
        self.leftover = cache / address / store.name
        """The folder where W&B's files stay after a session, until `wandb sync` uploads them."""
        self._lease = Lease(store)
        self._sent: dict[str, tuple[int, int]] = {}
        self._end = threading.Event()

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Be the only process that runs the search, and keep the store up to date, in the block.

        Raises:
            PcsearchError: another process runs the search.
        """
        self._lease.take()
        register(self.folder, self)
        sender = threading.Thread(target=self._send_regularly, name="sender", daemon=True)
        sender.start()
        try:
            yield
            self._stop(sender)
            self._send_others()
        except StorageError:
            raise
        except Exception:
            # The storage may work; the error is what the user should see.
            self._stop(sender)
            with contextlib.suppress(StorageError):
                self._send_others(patience=0)
            raise
        finally:
            self._stop(sender)
            unregister(self.folder)
            self._lease.release()
            self.clear()

    def fetch(self, wandb: bool = True) -> None:
        """Copy the files that a session reads at its start; the others are copied when needed.

        Args:
            wandb: whether W&B's files are copied too.

        Raises:
            StorageError: the store cannot be read.
        """
        names = [name for name in self.store.files() if _is_below(name)]
        for folder in {folder for name in names if (folder := _checkpoint(name)) is not None}:
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        self._fetch_files(
            name for name in names if _is_read_at_start(name) and (wandb or not _is_of_wandb(name))
        )
        if wandb:
            self._copy_sync_marks()

    def fetch_runs(self) -> None:
        """Copy W&B's files from the store that are only there: programs have written them.

        Raises:
            StorageError: the store cannot be read.
        """
        names = [name for name in self.store.files() if _is_of_wandb(name) and _is_below(name)]
        self._fetch_files(name for name in names if not (self.folder / name).exists())

    def is_free(self) -> bool:
        """Whether the store has no files but those that a killed start leaves.

        Raises:
            StorageError: the store cannot be read.
        """
        return all(LEFTOVER.fullmatch(name) for name in self.store.files())

    def discard_leftovers(self) -> None:
        """Delete the files that a killed start has left.

        Raises:
            StorageError: they cannot be deleted.
        """
        for name in self.store.files():
            if LEFTOVER.fullmatch(name) and name != LEASE_FILE:
                self.store.delete(name)

    def fetch_file(self, name: str) -> None:
        """Copy one file from the store, where it has it.

        Raises:
            StorageError: the file cannot be read there or written here.
        """
        data = self.store.get(name)
        if data is None:
            return
        file = self.folder / name
        # A hidden file is not sent back, and nobody reads it before it is whole.
        arriving = file.with_name(f".{file.name}.{threading.get_ident()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            arriving.write_bytes(data)
            self._sent[name] = _state(arriving)
            arriving.replace(file)
        except OSError as error:
            raise StorageError(f"{file}: cannot be written ({error.strerror})") from error

    def send(self, file: Path, patience: float | None = None) -> None:
        """Copy a file of the folder to the store, now.

        Args:
            file: in the folder.
            patience: for how many seconds the write is repeated, None for `OUTAGE_S`.

        Raises:
            StorageError: the file cannot be written, or another process runs the search.
        """
        name, state = file.relative_to(self.folder).as_posix(), _state(file)
        self.store.put(name, file.read_bytes(), patience, before=self._lease.check)
        self._sent[name] = state

    def get(self, path: Path) -> None:
        """Copy a file or a checkpoint's folder from the store, where it is only there.

        Raises:
            StorageError: the store cannot be read.
        """
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            return
        name = path.relative_to(self.folder).as_posix()
        if not path.name.startswith(CHECKPOINT):
            self.fetch_file(name)
            return
        files = self.store.below(name).files()
        self._fetch_files(f"{name}/{file}" for file in files if _is_below(file))

    def await_answer(self) -> None:
        """Wait up to `OUTAGE_S` until the store answers.

        Raises:
            StorageError: it does not answer.
        """
        self.store.get(LEASE_FILE)

    def address_of(self, path: Path) -> str:
        """The address in the store of a path in the folder."""
        return self.store.below(path.relative_to(self.folder).as_posix()).address

    def clear(self) -> None:
        """Delete the folder, except for W&B's files that `wandb sync` has to upload."""
        runs = list(self.folder.glob(f"{WANDB}/*run-*/run-*.wandb"))
        if not all(file.with_name(f"{file.name}.synced").exists() for file in runs):
            shutil.rmtree(self.leftover, ignore_errors=True)
            self.leftover.mkdir(mode=0o700, parents=True)
            (self.folder / WANDB).rename(self.leftover / WANDB)
        elif runs:
            shutil.rmtree(self.leftover, ignore_errors=True)
        shutil.rmtree(self.folder.parent, ignore_errors=True)

    def _copy_sync_marks(self) -> None:
        """Take over the marks of `wandb sync` for the runs that it has uploaded meanwhile."""
        for mark in self.leftover.glob(f"{WANDB}/*run-*/run-*.wandb.synced"):
            run = self.folder / mark.relative_to(self.leftover)
            if run.parent.is_dir():
                run.touch()

    def _fetch_files(self, names: Iterable[str]) -> None:
        with ThreadPoolExecutor(DOWNLOADS, "storage") as pool:
            list(pool.map(self.fetch_file, names))

    def _stop(self, sender: threading.Thread) -> None:
        self._end.set()
        sender.join(JOIN_S)

    def _send_regularly(self) -> None:
        while not self._end.wait(SEND_EVERY_S):
            # An error that lasts is told at the end of the session.
            with contextlib.suppress(StorageError, OSError):
                self._send_others(patience=0)

    def _send_others(self, patience: float | None = None) -> None:
        """Send the files that have changed and were not sent when they were written."""
        for file in self._others():
            name = file.relative_to(self.folder).as_posix()
            # W&B may rename a file meanwhile.
            with contextlib.suppress(FileNotFoundError):
                if (
                    file.is_file()
                    and not file.is_symlink()
                    and self._sent.get(name) != _state(file)
                ):
                    self.send(file, patience)

    def _others(self) -> Iterator[Path]:
        """The files that are sent now and then, not when they are written; no hidden ones."""
        # Folders come and go meanwhile, and this passes over one that has gone.
        for parent, folders, names in os.walk(self.folder):
            folders[:] = sorted(each for each in folders if not each.startswith("."))
            for file in (Path(parent, each) for each in sorted(names) if not each.startswith(".")):
                name = file.relative_to(self.folder).as_posix()
                if not (DECISIVE.match(name) or TUNE_FILES.match(name) or _checkpoint(name)):
                    yield file


def _cache() -> Path:
    """The folder for working copies, which only this user can read."""
    folder = cache_folder() / "searches"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PcsearchError(
            f"{folder}: cannot be written ({error.strerror}); an experiment at an address needs "
            "it: set XDG_CACHE_HOME to a folder that can be written"
        ) from error
    return folder


def _is_of_wandb(name: str) -> bool:
    return name.startswith(f"{WANDB}/")


def _is_read_at_start(name: str) -> bool:
    """Whether a session reads a file at its start; pictures and checkpoints come later."""
    is_small = name.count("/") < 2 and _checkpoint(name) is None
    if name.startswith(MODEL):
        return name == MODEL_METRICS
    return name != LEASE_FILE and (is_small or _is_of_wandb(name))


def _checkpoint(name: str) -> str | None:
    """The checkpoint's folder that a file is in, None for a file that is in none."""
    parts = PurePosixPath(name).parts
    if len(parts) > 2 and parts[1].startswith(CHECKPOINT):
        return "/".join(parts[:2])
    return None


def _is_below(name: str) -> bool:
    """Whether a name leads to no place outside the folder: others may write to the store."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _state(file: Path) -> tuple[int, int]:
    status = file.stat()
    return status.st_size, status.st_mtime_ns

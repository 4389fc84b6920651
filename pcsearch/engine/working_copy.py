"""The folder of this machine in which a session works on an experiment at an address.

The storage is the truth. What the search decides is written there before anything follows from it,
as on a disk; the folder is made anew in every session from what the storage has, and is gone at its
end. What nothing follows from, W&B's files above all, is sent now and then and at the end.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from uuid import uuid4

from pcsearch.engine.ownership import FILE as OWNER_FILE
from pcsearch.engine.ownership import Owner
from pcsearch.engine.remote import Store
from pcsearch.engine.storage import StorageError, joined, parted

SEND_EVERY_S = 30.0
DOWNLOADS = 16
CHECKPOINT = "checkpoint_"
# Tune writes there itself.
TUNES = (
    "experiment_state-",
    "basic-variant-state-",
    "searcher-state-",
    "tuner.pkl",
    "trainable.pkl",
)
WANDB = "wandb"


class WorkingCopy:
    """A store and the folder that has its files.

    Args:
        store: the experiment's.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.folder = _cache() / store.name
        self._owner = Owner(store)
        self._sent: dict[str, tuple[int, int]] = {}
        self._end = threading.Event()

    @contextmanager
    def owned(self) -> Iterator[None]:
        """Be the only one that runs the search, and keep the store up to date.

        Raises:
            PcsearchError: another process runs it.
        """
        self._owner.claim()
        joined(self.folder, self)
        sender = threading.Thread(target=self._send_now_and_then, name="sender", daemon=True)
        sender.start()
        try:
            yield
            self._stop(sender)
            self._send_others()
        finally:
            self._stop(sender)
            parted(self.folder)
            self._owner.release()
            self.clear()

    def fetch(self) -> None:
        """Bring all that the store has, but the checkpoints' contents.

        Raises:
            StorageError: it cannot be read.
        """
        names = [name for name in self.store.files() if name != OWNER_FILE and _is_below(name)]
        checkpoints = {folder for name in names if (folder := _checkpoint(name)) is not None}
        for folder in checkpoints:
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        self._bring(name for name in names if _checkpoint(name) is None)

    def fetch_file(self, name: str) -> None:
        """Bring one file, if the store has it."""
        data = self.store.get(name)
        if data is not None:
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
            self._sent[name] = _state(file)

    def send(self, file: Path) -> None:
        """Have a file of the folder in the store, now.

        Raises:
            StorageError: it cannot be written; another process runs the search.
        """
        self._owner.check()
        name = file.relative_to(self.folder).as_posix()
        state = _state(file)
        self.store.put(name, file.read_bytes())
        self._sent[name] = state

    def bring(self, path: Path) -> None:
        """Have a file or a checkpoint's folder of the store here, if it is not.

        Raises:
            StorageError: it cannot be read.
        """
        if path.is_file() or (path.is_dir() and any(path.iterdir())):
            return
        name = path.relative_to(self.folder).as_posix()
        if not path.name.startswith(CHECKPOINT):
            self.fetch_file(name)
            return
        prefix = f"{name}/"
        within = self.store.below(name).files()
        self._bring(prefix + file for file in within if _is_below(file))

    def await_answer(self) -> None:
        """Wait, though not for long, until the store answers.

        Raises:
            StorageError: it does not.
        """
        self.store.get(OWNER_FILE)

    def _bring(self, names: Iterable[str]) -> None:
        with ThreadPoolExecutor(DOWNLOADS, "storage") as pool:
            list(pool.map(self.fetch_file, names))

    def _stop(self, sender: threading.Thread) -> None:
        self._end.set()
        sender.join()

    def _send_now_and_then(self) -> None:
        while not self._end.wait(SEND_EVERY_S):
            try:
                self._send_others()
            # At the end it is told.
            except (StorageError, OSError):
                continue

    def _send_others(self) -> None:
        """Send what has changed and was not sent when it was written."""
        for file in sorted(self.folder.rglob("*")):
            name = file.relative_to(self.folder).as_posix()
            hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)
            if hidden or file.is_symlink() or not file.is_file() or _checkpoint(name) is not None:
                continue
            if not name.startswith(TUNES) and self._sent.get(name) != _state(file):
                self.send(file)

    def clear(self) -> None:
        """Take the folder away, but for W&B's files that `wandb sync` is to upload."""
        for path in self.folder.iterdir() if self.folder.exists() else ():
            if path.name != WANDB:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        synced = all(
            file.with_name(f"{file.name}.synced").exists()
            for file in self.folder.glob(f"{WANDB}/*run-*/run-*.wandb")
        )
        if synced:
            shutil.rmtree(self.folder.parent, ignore_errors=True)


def _cache() -> Path:
    """A new folder of this user's alone, which is not there yet."""
    cache_home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(cache_home) / "pcsearch" / "searches"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / uuid4().hex


def _checkpoint(name: str) -> str | None:
    """The checkpoint's folder that a file is in, None for another."""
    parts = PurePosixPath(name).parts
    if len(parts) > 2 and parts[1].startswith(CHECKPOINT):
        return "/".join(parts[:2])
    return None


def _is_below(name: str) -> bool:
    """Whether a name of the store's stays in the folder: anybody may have put it there."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts


def _state(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns

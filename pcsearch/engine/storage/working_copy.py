"""The folder of this machine in which a session works on an experiment at an address.

The storage is the truth. What the search decides is written there before anything follows from it,
as on a disk; the folder is made anew in every session from what the storage has, and is gone at its
end. What nothing follows from, W&B's files above all, is sent now and then and at the end.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shutil
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from uuid import uuid4

from pcsearch.engine.storage.files import StorageError, joined, parted
from pcsearch.engine.storage.lease import FILE as OWNER_FILE
from pcsearch.engine.storage.lease import Owner
from pcsearch.engine.storage.store import Store
from pcsearch.errors import PcsearchError
from pcsearch.user_files import cache_folder

SEND_EVERY_S = 30.0
JOIN_S = 5.0
DOWNLOADS = 16
CHECKPOINT = "checkpoint_"
WANDB = "wandb"
DECISIVE = re.compile(r"journal\.|sweep\.yaml|experiment\.json|(.*/)?(params|result)\.json")
"""What is sent when it is written, and by nobody else: an older state must not come later."""
LEFTOVER = re.compile(r"owner\.json|sweep\.yaml|journal(\.\d+)?\.jsonl")
TUNES = re.compile(r"(experiment_state|basic-variant-state|searcher-state)-|(tuner|trainable)\.pkl")
"""What Tune writes there itself."""


class WorkingCopy:
    """A store and the folder that has its files.

    Args:
        store: the experiment's.

    Raises:
        PcsearchError: there is no room for the folder.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        cache, address = _cache(), hashlib.sha256(store.address.encode()).hexdigest()[:16]
        self.folder = cache / uuid4().hex / store.name
        self.leftover = cache / address / store.name
        """Where W&B's files lie after a session, until `wandb sync` has uploaded them."""
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
        except StorageError:
            raise
        except Exception:
            # The storage may be well; what is told is the error.
            self._stop(sender)
            with contextlib.suppress(StorageError):
                self._send_others(patience=0)
            raise
        finally:
            self._stop(sender)
            parted(self.folder)
            self._owner.release()
            self.clear()

    def fetch(self, wandb: bool = True) -> None:
        """Bring what a session reads; checkpoints and pictures when they are asked for.

        Args:
            wandb: whether W&B's files are brought too.

        Raises:
            StorageError: it cannot be read.
        """
        names = [name for name in self.store.files() if _is_below(name)]
        for folder in {folder for name in names if (folder := _checkpoint(name)) is not None}:
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        self._bring(name for name in names if _is_read(name) and (wandb or not _is_wandbs(name)))
        if wandb:
            self._take_marks()

    def is_free(self) -> bool:
        """Whether the store has nothing but what a start leaves that was killed.

        Raises:
            StorageError: it cannot be read.
        """
        return all(LEFTOVER.fullmatch(name) for name in self.store.files())

    def discard_leftovers(self) -> None:
        """Take that away.

        Raises:
            StorageError: it cannot be.
        """
        for name in self.store.files():
            if LEFTOVER.fullmatch(name) and name != OWNER_FILE:
                self.store.delete(name)

    def fetch_file(self, name: str) -> None:
        """Bring one file, if the store has it.

        Raises:
            StorageError: it cannot be read, or there is no room for it.
        """
        data = self.store.get(name)
        if data is None:
            return
        file = self.folder / name
        # Hidden, it is nobody's until it is whole.
        arriving = file.with_name(f".{file.name}.{threading.get_ident()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            arriving.write_bytes(data)
            self._sent[name] = _state(arriving)
            arriving.replace(file)
        except OSError as error:
            raise StorageError(f"{file}: cannot be written ({error.strerror})") from error

    def send(self, file: Path, patience: float | None = None) -> None:
        """Have a file of the folder in the store, now.

        Args:
            file: in the folder.
            patience: for how many seconds it is tried again.

        Raises:
            StorageError: it cannot be written; another process runs the search.
        """
        name, state = file.relative_to(self.folder).as_posix(), _state(file)
        self.store.put(name, file.read_bytes(), patience, before=self._owner.check)
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
        within = self.store.below(name).files()
        self._bring(f"{name}/{file}" for file in within if _is_below(file))

    def await_answer(self) -> None:
        """Wait, though not for long, until the store answers.

        Raises:
            StorageError: it does not.
        """
        self.store.get(OWNER_FILE)

    def shown(self, path: Path) -> str:
        """The place in the store that a path stands for."""
        return self.store.below(path.relative_to(self.folder).as_posix()).address

    def clear(self) -> None:
        """Take the folder away, but for W&B's files that `wandb sync` is to upload."""
        runs = list(self.folder.glob(f"{WANDB}/*run-*/run-*.wandb"))
        if not all(file.with_name(f"{file.name}.synced").exists() for file in runs):
            shutil.rmtree(self.leftover, ignore_errors=True)
            self.leftover.mkdir(mode=0o700, parents=True)
            (self.folder / WANDB).rename(self.leftover / WANDB)
        elif runs:
            shutil.rmtree(self.leftover, ignore_errors=True)
        shutil.rmtree(self.folder.parent, ignore_errors=True)

    def _take_marks(self) -> None:
        """Mark what `wandb sync` has uploaded of an earlier session's files as it has."""
        for mark in self.leftover.glob(f"{WANDB}/*run-*/run-*.wandb.synced"):
            run = self.folder / mark.relative_to(self.leftover)
            if run.parent.is_dir():
                run.touch()

    def _bring(self, names: Iterable[str]) -> None:
        with ThreadPoolExecutor(DOWNLOADS, "storage") as pool:
            list(pool.map(self.fetch_file, names))

    def _stop(self, sender: threading.Thread) -> None:
        self._end.set()
        sender.join(JOIN_S)

    def _send_now_and_then(self) -> None:
        while not self._end.wait(SEND_EVERY_S):
            # At the end it is told.
            with contextlib.suppress(StorageError):
                self._send_others(patience=0)

    def _send_others(self, patience: float | None = None) -> None:
        """Send what has changed and was not sent when it was written."""
        for file in sorted(self.folder.rglob("*")):
            name = file.relative_to(self.folder).as_posix()
            if DECISIVE.match(name) or TUNES.match(name) or _checkpoint(name) is not None:
                continue
            if any(part.startswith(".") for part in PurePosixPath(name).parts):
                continue
            # W&B renames its files.
            with contextlib.suppress(FileNotFoundError):
                if (
                    file.is_file()
                    and not file.is_symlink()
                    and self._sent.get(name) != _state(file)
                ):
                    self.send(file, patience)


def _cache() -> Path:
    """A folder of this user's alone."""
    folder = cache_folder() / "searches"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PcsearchError(
            f"{folder}: cannot be written ({error.strerror}); an experiment at an address needs "
            "it: set XDG_CACHE_HOME to a folder with room"
        ) from error
    return folder


def _is_wandbs(name: str) -> bool:
    return name.startswith(f"{WANDB}/")


def _is_read(name: str) -> bool:
    """Whether a session reads a file at its start: pictures come when they are asked for."""
    small = name.count("/") < 2 and _checkpoint(name) is None
    return name != OWNER_FILE and (small or _is_wandbs(name))


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

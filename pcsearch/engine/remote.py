"""An experiment's place at an address: ``s3://``, ``gs://`` and whatever pyarrow or fsspec open."""

from __future__ import annotations

import posixpath
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from pcsearch.engine.storage import StorageError
from pcsearch.errors import PcsearchError, Problem

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

Result = TypeVar("Result")

CONTACT_S = 12.0
"""How long the first contact may take."""
OUTAGE_S = 60.0
"""How long a storage that does not answer is tried again."""
PAUSE_S = 1.0
# What no second try changes.
FOR_GOOD = ("ACCESS_DENIED", "NO_SUCH_BUCKET", "INVALID_ACCESS_KEY", "SIGNATURE_DOES_NOT_MATCH")


def is_address(place: str) -> bool:
    """Whether a place of experiments is an address, and not a folder of this machine."""
    scheme, separator, _ = place.partition("://")
    return bool(separator) and scheme != "file"


@dataclass(frozen=True)
class Store:
    """A folder at an address.

    Args:
        address: as the user has given it, without a last slash.
        filesystem: that has it.
        root: its path there.
    """

    address: str
    filesystem: FileSystem
    root: str

    def below(self, name: str) -> Store:
        """A folder in this one."""
        base, question, query = self.address.partition("?")
        return replace(
            self, address=f"{base}/{name}{question}{query}", root=posixpath.join(self.root, name)
        )

    @property
    def name(self) -> str:
        """The folder's own."""
        return posixpath.basename(self.root)

    @property
    def parent(self) -> Store:
        """The folder that this one is in."""
        base, question, query = self.address.partition("?")
        above = base.rpartition("/")[0]
        return replace(self, address=f"{above}{question}{query}", root=posixpath.dirname(self.root))

    def put(self, name: str, data: bytes) -> None:
        """Write a file: all of it or nothing.

        Raises:
            StorageError: it cannot be written.
        """
        path = posixpath.join(self.root, name)

        def write() -> None:
            # Where there are folders, as in HDFS, a file needs its own.
            if self.filesystem.type_name not in ("s3", "gcs"):
                self.filesystem.create_dir(posixpath.dirname(path), recursive=True)
            with self.filesystem.open_output_stream(path) as stream:
                stream.write(data)

        self._tried("written", name, write)

    def get(self, name: str) -> bytes | None:
        """A file's bytes, None without it.

        Raises:
            StorageError: it cannot be read.
        """

        def read() -> bytes | None:
            try:
                with self.filesystem.open_input_file(posixpath.join(self.root, name)) as stream:
                    return bytes(stream.read())
            except FileNotFoundError:
                return None

        return self._tried("read", name, read)

    def files(self) -> dict[str, int]:
        """The names of all files, and their sizes in bytes.

        Raises:
            StorageError: they cannot be listed.
        """
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self.root, recursive=True, allow_not_found=True)
        found = self._tried("read", "", lambda: self.filesystem.get_file_info(selector))
        return {
            posixpath.relpath(info.path, self.root): int(info.size or 0)
            for info in found
            if info.type == FileType.File
        }

    def delete(self, name: str, patience: float | None = None) -> None:
        """Take a file away, if it is there.

        Args:
            name: the file's.
            patience: for how many seconds it is tried again.

        Raises:
            StorageError: it cannot be.
        """

        def remove() -> None:
            try:
                self.filesystem.delete_file(posixpath.join(self.root, name))
            except FileNotFoundError:
                return

        self._tried("written", name, remove, patience)

    def _tried(
        self, done: str, name: str, call: Callable[[], Result], patience: float | None = None
    ) -> Result:
        """What a call gives, tried again while the storage may only be away for a moment."""
        deadline = time.monotonic() + (OUTAGE_S if patience is None else patience)
        while True:
            try:
                return call()
            except OSError as error:
                lasting = isinstance(error, PermissionError) or any(
                    sign in str(error) for sign in FOR_GOOD
                )
                if lasting or time.monotonic() >= deadline:
                    place = self.below(name).address if name else self.address
                    raise StorageError(f"{place}: cannot be {done} ({reason(error)})") from error
            time.sleep(PAUSE_S)


def opened(address: str, option: str) -> Store:
    """The folder at an address, which has answered.

    Args:
        address: such as ``s3://bucket/folder``; what pyarrow takes as a query is kept.
        option: of the command that it comes from.

    Raises:
        PcsearchError: it cannot be used, or does not answer in time.
    """
    base, question, query = address.partition("?")
    address = base.rstrip("/") + question + query
    _check(address, option)
    found: list[Store] = []
    problems: list[str] = []

    def contact() -> None:
        try:
            filesystem, root = _file_system(address)
            store = Store(address, filesystem, root.rstrip("/"))
            problem = _bucket_problem(store)
            if problem:
                problems.append(problem)
            else:
                store.filesystem.get_file_info(store.root)
                found.append(store)
        except ImportError as error:
            problems.append(f"needs a package that is not here ({reason(error)})")
        # Anything can be wrong with an address, and file systems raise what they like.
        except Exception as error:
            problems.append(f"cannot be used ({reason(error)})")

    # pyarrow may try for minutes, and cannot be told not to.
    asking = threading.Thread(target=contact, name="storage", daemon=True)
    asking.start()
    asking.join(CONTACT_S)
    if found:
        return found[0]
    message = problems[0] if problems else f"does not answer within {CONTACT_S:g} s"
    raise PcsearchError(Problem(f"{address}: {message}", option))


def _check(address: str, option: str) -> None:
    scheme, _, rest = address.partition("://")
    base = rest.partition("?")[0]
    parts = base.split("/")
    message = ""
    if "@" in parts[0] or re.search(r"(access_key|secret_key|password|token)=", rest):
        # It is not repeated.
        raise PcsearchError(
            Problem(
                f"the {scheme}:// address holds a secret, which would be shown and kept; leave it "
                "out and use the environment or the files that the storage's own tools use",
                option,
            )
        )
    if any(part in ("", ".", "..") for part in parts):
        message = "has an empty part, '.' or '..' in its path"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        message = "is no address"
    if message:
        raise PcsearchError(Problem(f"{address!r} {message}", option))


def _file_system(address: str) -> tuple[FileSystem, str]:
    from pyarrow import ArrowInvalid
    from pyarrow.fs import FileSystem, FSSpecHandler, PyFileSystem

    try:
        filesystem, root = FileSystem.from_uri(address)
    except ArrowInvalid as error:
        if "nrecognized filesystem" not in str(error):
            raise
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        other, root = url_to_fs(address)
        filesystem = PyFileSystem(FSSpecHandler(other))
    return filesystem, str(root)


def _bucket_problem(store: Store) -> str:
    """That there is no such bucket: writing to it would say so only later."""
    from pyarrow.fs import FileType

    if store.filesystem.type_name not in ("s3", "gcs"):
        return ""
    bucket = store.root.partition("/")[0]
    info: Any = store.filesystem.get_file_info(bucket)
    return "" if info.type != FileType.NotFound else f"there is no bucket {bucket!r}, or no access"


def reason(error: BaseException) -> str:
    """What an error says, on one line and not for long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."

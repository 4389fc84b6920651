"""A folder at an address: ``s3://``, ``gs://`` and all else that pyarrow or fsspec can open."""

from __future__ import annotations

import posixpath
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from pcsearch.engine.storage.files import StorageError

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

Result = TypeVar("Result")

OUTAGE_S = 60.0
"""How long a call is repeated while a storage does not answer, in seconds."""
PAUSE_S = 1.0
OBJECT_STORES = ("s3", "gcs")
WITH_FOLDERS = re.compile(r"\b(hdfs|local|file|sftp|ssh)\b")
"""Words in the types of file systems, also of fsspec's, that move a file in one step."""
LASTING_ERRORS = (
    "ACCESS_DENIED",
    "NO_SUCH_BUCKET",
    "INVALID_ACCESS_KEY",
    "SIGNATURE_DOES_NOT_MATCH",
)
"""S3's codes of errors that a second try does not change. pyarrow has them in its texts only."""


def is_address(place: str) -> bool:
    """Whether a place is an address, and not a folder on this machine."""
    scheme, separator, _ = place.partition("://")
    return bool(separator) and scheme != "file"


@dataclass(frozen=True)
class Store:
    """A folder at an address.

    Args:
        address: as the user has given it, without a slash at the end.
        filesystem: of pyarrow, for the address.
        root: the folder's path in the file system.
    """

    address: str
    filesystem: FileSystem
    root: str

    def below(self, name: str) -> Store:
        """The folder of a name in this one."""
        base, question, query = self.address.partition("?")
        return replace(
            self, address=f"{base}/{name}{question}{query}", root=posixpath.join(self.root, name)
        )

    @property
    def name(self) -> str:
        """The folder's name."""
        return posixpath.basename(self.root)

    @property
    def parent(self) -> Store:
        """The folder that this one is in."""
        base, question, query = self.address.partition("?")
        above = base.rpartition("/")[0]
        return replace(self, address=f"{above}{question}{query}", root=posixpath.dirname(self.root))

    def put(
        self,
        name: str,
        data: bytes,
        patience: float | None = None,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """Write a whole file: others see all of it or nothing.

        Args:
            name: of the file, relative to the folder.
            data: the file's bytes.
            patience: for how many seconds the write is repeated, None for `OUTAGE_S`.
            before: is called before every try; an OSError that it raises counts as the try's.

        Raises:
            StorageError: the file cannot be written.
        """
        path, kind = posixpath.join(self.root, name), self.filesystem.type_name
        # Object stores show whole objects only. A file shows at once, and a kill leaves half of it.
        place = f"{path}.new" if WITH_FOLDERS.search(kind) else path

        def write() -> None:
            before()
            if kind not in OBJECT_STORES:
                self.filesystem.create_dir(posixpath.dirname(path), recursive=True)
            with self.filesystem.open_output_stream(place) as stream:
                stream.write(data)
            if place != path:
                self._move(place, path)

        self._tried("written", name, write, patience)

    def _move(self, source: str, target: str) -> None:
        from pyarrow.fs import FSSpecHandler

        handler = getattr(self.filesystem, "handler", None)
        if isinstance(handler, FSSpecHandler):
            # pyarrow's own call has an argument that fsspec's sftp does not take.
            handler.fs.mv(source, target)
        else:
            self.filesystem.move(source, target)

    def get(self, name: str, patience: float | None = None) -> bytes | None:
        """A file's bytes, None where there is no such file.

        Args:
            name: of the file, relative to the folder.
            patience: for how many seconds the read is repeated, None for `OUTAGE_S`.

        Raises:
            StorageError: the file cannot be read.
        """

        def read() -> bytes | None:
            try:
                with self.filesystem.open_input_file(posixpath.join(self.root, name)) as stream:
                    return bytes(stream.read())
            except FileNotFoundError:
                return None

        return self._tried("read", name, read, patience)

    def files(self, patience: float | None = None) -> dict[str, int]:
        """The names of all files in the folder and below, with their sizes in bytes.

        Args:
            patience: for how many seconds the call is repeated, None for `OUTAGE_S`.

        Raises:
            StorageError: the files cannot be listed.
        """
        from pyarrow.fs import FileSelector, FileType

        selector = FileSelector(self.root, recursive=True, allow_not_found=True)
        entries = self._tried("read", "", lambda: self.filesystem.get_file_info(selector), patience)
        return {
            posixpath.relpath(info.path, self.root): int(info.size or 0)
            for info in entries
            if info.type == FileType.File
        }

    def delete(self, name: str, patience: float | None = None) -> None:
        """Delete a file, where there is one.

        Args:
            name: of the file, relative to the folder.
            patience: for how many seconds the call is repeated, None for `OUTAGE_S`.

        Raises:
            StorageError: the file cannot be deleted.
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
        """The result of a call, which is repeated while the storage does not answer."""
        deadline = time.monotonic() + (OUTAGE_S if patience is None else patience)
        # The file systems of fsspec raise errors of any type.
        errors = Exception if self.filesystem.type_name.startswith("py::") else OSError
        while True:
            try:
                return call()
            except StorageError:
                raise
            except errors as error:
                if is_lasting(error) or time.monotonic() >= deadline:
                    place = self.below(name).address if name else self.address
                    raise StorageError(
                        f"{place}: cannot be {done} ({error_line(error)})"
                    ) from error
            time.sleep(PAUSE_S)


def is_lasting(error: BaseException) -> bool:
    """Whether an error of a storage is one that a second try does not change."""
    return isinstance(error, PermissionError) or any(code in str(error) for code in LASTING_ERRORS)


def error_line(error: BaseException) -> str:
    """An error's text on one line, at most some 200 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."

"""A folder at an address: ``s3://``, ``gs://`` and all else that pyarrow or fsspec can open."""

from __future__ import annotations

import json
import os
import posixpath
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pcsearch
from pcsearch.engine.storage.files import StorageError
from pcsearch.errors import PcsearchError, Problem

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

Result = TypeVar("Result")

CONTACT_S = 12.0
"""How long a storage may take for its first answer, in seconds."""
OUTAGE_S = 60.0
"""How long a call is repeated while a storage does not answer, in seconds."""
PAUSE_S = 1.0
PYARROW_SCHEMES = ("s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
"""The schemes of addresses that pyarrow opens; fsspec opens the others."""
OBJECT_STORES = ("s3", "gcs")
WITH_FOLDERS = ("hdfs", "local")
SECRETS = re.compile(r"(access_?key|secret|account_?key|password|token|[?&]sig)[a-z_]*=", re.I)
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
        place = f"{path}.new" if kind in WITH_FOLDERS else path

        def write() -> None:
            before()
            if kind not in OBJECT_STORES:
                self.filesystem.create_dir(posixpath.dirname(path), recursive=True)
            with self.filesystem.open_output_stream(place) as stream:
                stream.write(data)
            if place != path:
                self.filesystem.move(place, path)

        self._tried("written", name, write, patience)

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


def open_store(address: str, option: str) -> Store:
    """Open the folder at an address, after it was seen to answer.

    Args:
        address: such as ``s3://bucket/folder``, with pyarrow's query where there is one.
        option: of the command line, with which the address was given.

    Raises:
        PcsearchError: the address cannot be used, or does not answer in time.
    """
    base, question, query = address.partition("?")
    address = base.rstrip("/") + question + query
    _check_address(address, option)
    problem = _probe(address)
    if problem:
        raise PcsearchError(Problem(f"{address}: {problem}", option))
    filesystem, root = _file_system(address)
    return Store(address, filesystem, root.rstrip("/"))


def _probe(address: str) -> str:
    """Why a search cannot use an address, empty where it can.

    Another process finds it out. pyarrow may try for minutes, nothing stops it, and its process
    cannot end until then.
    """
    package = str(Path(pcsearch.__file__).parents[1])
    paths = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-m", __name__, address],
            env=os.environ | {"PYTHONPATH": paths},
            capture_output=True,
            text=True,
            timeout=CONTACT_S,
            check=False,
        )
        return str(json.loads(done.stdout.splitlines()[-1]))
    except subprocess.TimeoutExpired:
        return f"does not answer within {CONTACT_S:g} s"
    except (IndexError, ValueError):
        return f"cannot be used ({(done.stderr.splitlines() or ['it cannot be asked'])[-1]})"


def _address_problem(address: str) -> str:
    """The answer for `_probe`, found out in this process."""
    try:
        filesystem, root = _file_system(address)
        store = Store(address, filesystem, root.rstrip("/"))
        problem = _bucket_problem(store)
        if not problem:
            store.filesystem.get_file_info(store.root)
    except ImportError as error:
        return f"needs a package that is not installed ({error_line(error)})"
    # Anything can be wrong with an address, and file systems raise errors of any type.
    except Exception as error:
        return f"cannot be used ({error_line(error)})"
    return problem


def _check_address(address: str, option: str) -> None:
    """Refuse an address with a secret, or with a path that is none."""
    scheme, _, rest = address.partition("://")
    base = rest.partition("?")[0]
    parts = base.split("/")
    message = ""
    user, at, _ = parts[0].rpartition("@")
    # Before the @, Azure has the container's name, and others have a user's name.
    has_password = ":" in user or (at and scheme in ("s3", "gs", "gcs"))
    if has_password or SECRETS.search(rest):
        # The message does not repeat the secret.
        raise PcsearchError(
            Problem(
                f"the {scheme}:// address holds a secret, which would be shown and kept; leave it "
                "out and use the environment or the files that the storage's own tools use",
                option,
            )
        )
    # An address of HDFS may leave the host out.
    if any(part in ("", ".", "..") for part in parts[scheme == "hdfs" :]):
        message = "has an empty part, '.' or '..' in its path"
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*", scheme):
        message = "is no address"
    if message:
        raise PcsearchError(Problem(f"{address!r} {message}", option))


def _file_system(address: str) -> tuple[FileSystem, str]:
    from pyarrow.fs import FileSystem, FSSpecHandler, PyFileSystem

    if address.partition("://")[0].lower() in PYARROW_SCHEMES:
        filesystem, root = FileSystem.from_uri(address)
    else:
        from fsspec.core import url_to_fs  # type: ignore[import-untyped]

        other, root = url_to_fs(address)
        filesystem = PyFileSystem(FSSpecHandler(other))
    return filesystem, str(root)


def _bucket_problem(store: Store) -> str:
    """That a bucket does not exist, else empty: the first write would tell it too late."""
    from pyarrow.fs import FileType

    if store.filesystem.type_name not in ("s3", "gcs"):
        return ""
    bucket = store.root.partition("/")[0]
    info: Any = store.filesystem.get_file_info(bucket)
    return "" if info.type != FileType.NotFound else f"there is no bucket {bucket!r}, or no access"


def error_line(error: BaseException) -> str:
    """An error's text on one line, at most some 200 characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else f"{text[:200]}..."


if __name__ == "__main__":
    print(json.dumps(_address_problem(sys.argv[1])))

"""An experiment's place at an address: ``s3://``, ``gs://`` and whatever pyarrow or fsspec open."""

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

from pcsearch.engine.storage.files import StorageError
from pcsearch.errors import PcsearchError, Problem

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

Result = TypeVar("Result")

CONTACT_S = 12.0
"""How long the first contact may take."""
OUTAGE_S = 60.0
"""How long a storage that does not answer is tried again."""
PAUSE_S = 1.0
OBJECT_STORES = ("s3", "gcs")
WITH_FOLDERS = ("hdfs", "local")
SECRETS = re.compile(r"(access_?key|secret|account_?key|password|token|[?&]sig)[a-z_]*=", re.I)
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

    def put(
        self,
        name: str,
        data: bytes,
        patience: float | None = None,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """Write a file: all of it or nothing.

        Args:
            name: the file's.
            data: what is to be in it.
            patience: for how many seconds it is tried again.
            before: called before every try; an OSError of it is one of the try.

        Raises:
            StorageError: it cannot be written.
        """
        path, kind = posixpath.join(self.root, name), self.filesystem.type_name
        # An object is there when it is whole; a file is at once, and whoever is killed leaves half.
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
        """A file's bytes, None without it.

        Args:
            name: the file's.
            patience: for how many seconds it is tried again.

        Raises:
            StorageError: it cannot be read.
        """

        def read() -> bytes | None:
            try:
                with self.filesystem.open_input_file(posixpath.join(self.root, name)) as stream:
                    return bytes(stream.read())
            except FileNotFoundError:
                return None

        return self._tried("read", name, read, patience)

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
        # What fsspec opens raises what it likes.
        errors = Exception if self.filesystem.type_name.startswith("py::") else OSError
        while True:
            try:
                return call()
            except StorageError:
                raise
            except errors as error:
                if is_lasting(error) or time.monotonic() >= deadline:
                    place = self.below(name).address if name else self.address
                    raise StorageError(f"{place}: cannot be {done} ({reason(error)})") from error
            time.sleep(PAUSE_S)


def is_lasting(error: BaseException) -> bool:
    """Whether a storage's error is one that no second try changes."""
    return isinstance(error, PermissionError) or any(sign in str(error) for sign in FOR_GOOD)


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
    trouble = _ask(address)
    if trouble:
        raise PcsearchError(Problem(f"{address}: {trouble}", option))
    filesystem, root = _file_system(address)
    return Store(address, filesystem, root.rstrip("/"))


def _ask(address: str) -> str:
    """What keeps a search from an address, empty for nothing.

    Another process finds it out: pyarrow may try for minutes, cannot be told not to, and lets no
    process end meanwhile.
    """
    package = str(Path(__file__).parents[2])
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


def _trouble(address: str) -> str:
    """What `_ask` asks for, found out in this process."""
    try:
        filesystem, root = _file_system(address)
        store = Store(address, filesystem, root.rstrip("/"))
        trouble = _bucket_problem(store)
        if not trouble:
            store.filesystem.get_file_info(store.root)
    except ImportError as error:
        return f"needs a package that is not here ({reason(error)})"
    # Anything can be wrong with an address, and file systems raise what they like.
    except Exception as error:
        return f"cannot be used ({reason(error)})"
    return trouble


def _check(address: str, option: str) -> None:
    scheme, _, rest = address.partition("://")
    base = rest.partition("?")[0]
    parts = base.split("/")
    message = ""
    user, at, _ = parts[0].rpartition("@")
    # Azure has the container's name, and others a user's, before the @.
    named = ":" in user or (at and scheme in ("s3", "gs", "gcs"))
    if named or SECRETS.search(rest):
        # It is not repeated.
        raise PcsearchError(
            Problem(
                f"the {scheme}:// address holds a secret, which would be shown and kept; leave it "
                "out and use the environment or the files that the storage's own tools use",
                option,
            )
        )
    # HDFS has a default of its own for the host.
    if any(part in ("", ".", "..") for part in parts[scheme == "hdfs" :]):
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


if __name__ == "__main__":
    print(json.dumps(_trouble(sys.argv[1])))

"""Files at an address."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fsspec.implementations.local import LocalFileSystem as LocalFiles
from pyarrow.fs import FSSpecHandler, LocalFileSystem, PyFileSystem

from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.storage.store import Store, is_address


def test_files_are_put_listed_read_and_deleted(store: Store) -> None:
    assert store.files() == {}
    assert store.get("a/b.txt") is None
    store.put("a/b.txt", b"one")
    store.put("a/b.txt", b"three")
    store.put("c.txt", b"")
    assert store.files() == {"a/b.txt": 5, "c.txt": 0}
    assert store.below("a").get("b.txt") == b"three"
    store.delete("a/b.txt")
    store.delete("a/b.txt")
    assert store.files() == {"c.txt": 0}


class KilledError(BaseException):
    """In the place of the end of the process."""


class HalfWritten(io.BytesIO):
    """A file that is written when the process is killed.

    Args:
        path: of the file, which is empty then.
    """

    def __init__(self, path: str) -> None:
        super().__init__()
        Path(path).write_bytes(b"")

    def write(self, data: Any) -> int:
        raise KilledError(data)


class Sftp(LocalFiles):  # type: ignore[misc]
    """The files of this machine, with the ``mv`` of fsspec's sftp."""

    protocol = ("sftp", "ssh")

    def mv(self, old: str, new: str) -> None:
        Path(old).replace(new)


@pytest.mark.parametrize("opened", [LocalFiles, Sftp])
def test_files_are_written_through_fsspec(opened: type[LocalFiles], tmp_path: Path) -> None:
    filesystem = PyFileSystem(FSSpecHandler(opened()))
    store = Store("test://there", filesystem, str(tmp_path / "there"))
    for content in (b"one", b"two"):
        store.put("a/b.txt", content, patience=0)
        assert store.get("a/b.txt") == content
    assert store.files().keys() == {"a/b.txt"}


@pytest.mark.parametrize("kind", ["local", "py::fsspec+('file', 'local')", "py::fsspec+sftp"])
def test_a_write_that_is_killed_leaves_the_file_as_it_was(kind: str, store: Store) -> None:
    """Also on a file server that fsspec opens."""
    store.put("a.txt", b"old")
    local = store.filesystem
    server = SimpleNamespace(
        type_name=kind, create_dir=local.create_dir, open_output_stream=HalfWritten, move=local.move
    )
    with pytest.raises(KilledError):
        replace(store, filesystem=server).put("a.txt", b"new")
    assert store.get("a.txt") == b"old"
    server.open_output_stream = local.open_output_stream
    replace(store, filesystem=server).put("a.txt", b"new")
    assert store.get("a.txt") == b"new"


def test_what_cannot_be_written_is_told(store: Store, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    with pytest.raises(StorageError, match=r"^test://there/exp/x: cannot be written \("):
        store.put("x", b"")


def test_a_query_stays_at_the_end_of_an_address() -> None:
    store = Store("s3://b/results?region=eu", LocalFileSystem(), "b/results")
    below = store.below("exp")
    assert (below.address, below.root) == ("s3://b/results/exp?region=eu", "b/results/exp")
    assert (below.name, below.parent) == ("exp", store)


@pytest.mark.parametrize(
    ("place", "address"),
    [("s3://b/x", True), ("results", False), ("file:///x", False), ("a:b", False)],
)
def test_addresses_are_told_from_folders(place: str, address: bool) -> None:
    assert is_address(place) == address

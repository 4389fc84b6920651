"""Files at an address, and addresses that cannot be used."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest
from pyarrow.fs import LocalFileSystem

from pcsearch.engine.storage import store as stores
from pcsearch.engine.storage.files import StorageError
from pcsearch.engine.storage.store import Store, is_address
from pcsearch.errors import PcsearchError


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


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "CONTACT_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        address = f"s3://bucket/x?endpoint_override=127.0.0.1%3A{port}&scheme=http&region=r"
        with pytest.raises(PcsearchError, match="does not answer within 2 s"):
            stores.open_store(address, "--resume")


@pytest.mark.parametrize(
    ("address", "secret"),
    [
        ("s3://key:secret@bucket/x", True),
        ("s3://key@bucket/x", True),
        ("abfs://container@account.dfs.core.windows.net/x", False),
        ("abfs://a/x?ACCOUNT_KEY=k", True),
        ("sftp://me@host/x", False),
        ("sftp://me:word@host/x", True),
        ("hdfs:///x", False),
        ("s3://bucket/x?region=eu", False),
    ],
)
def test_addresses_with_secrets_are_told_from_others(address: str, secret: bool) -> None:
    if not secret:
        stores._check_address(address, "--resume")
        return
    with pytest.raises(PcsearchError, match="holds a secret") as caught:
        stores._check_address(address, "--resume")
    assert address not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "kind"), [("s3://b/x?region=eu", "s3"), ("memory://x", "py::fsspec+memory")]
)
def test_pyarrow_opens_what_it_knows_and_fsspec_the_rest(place: str, kind: str) -> None:
    filesystem, _ = stores._file_system(place)
    assert filesystem.type_name == kind


def test_a_scheme_that_nobody_knows_is_told() -> None:
    assert re.search(r"^cannot be used \(.*nosuch", stores._address_problem("nosuch://x"))

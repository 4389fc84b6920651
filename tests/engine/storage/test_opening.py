"""Addresses that can be used, and those that cannot."""

from __future__ import annotations

import re
import socket

import pytest

from pcsearch.engine.storage import opening
from pcsearch.errors import PcsearchError


def test_a_server_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "CONTACT_S", 2.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        address = f"s3://bucket/x?endpoint_override=127.0.0.1%3A{port}&scheme=http&region=r"
        with pytest.raises(PcsearchError, match="does not answer within 2 s"):
            opening.open_store(address, "--resume")


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
        opening._check_address(address, "--resume")
        return
    with pytest.raises(PcsearchError, match="holds a secret") as caught:
        opening._check_address(address, "--resume")
    assert address not in str(caught.value)


@pytest.mark.parametrize(
    ("place", "kind"), [("s3://b/x?region=eu", "s3"), ("memory://x", "py::fsspec+memory")]
)
def test_pyarrow_opens_what_it_knows_and_fsspec_the_rest(place: str, kind: str) -> None:
    filesystem, _ = opening._file_system(place)
    assert filesystem.type_name == kind


def test_a_scheme_that_nobody_knows_is_told() -> None:
    assert re.search(r"^cannot be used \(.*nosuch", opening._address_problem("nosuch://x"))

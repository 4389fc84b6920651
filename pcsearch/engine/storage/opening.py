"""Opens the folder at an address, after a process of its own has checked that it answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pcsearch
from pcsearch.engine.storage.store import Store, error_line
from pcsearch.errors import PcsearchError, Problem

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

CONTACT_S = 12.0
"""How long a storage may take for its first answer, in seconds."""
PYARROW_SCHEMES = ("s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
"""The schemes of addresses that pyarrow opens; fsspec opens the others."""
SECRETS = re.compile(r"(access_?key|secret|account_?key|password|token|[?&]sig)[a-z_]*=", re.I)


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


if __name__ == "__main__":
    print(json.dumps(_address_problem(sys.argv[1])))

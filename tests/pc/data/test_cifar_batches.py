"""Files of CIFAR-10 that are damaged or made to do harm."""

from __future__ import annotations

import os
import pickle
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cifar10_files import (
    BINARY,
    BINARY_ARCHIVE,
    BINARY_NAME,
    OFFLINE,
    PYTHON,
    PYTHON_ARCHIVE,
    PYTHON_NAME,
    SIZE,
    Call,
    archive_of,
    assert_holds,
    batches,
    binary_files,
    cached_files,
    failure,
    md5,
    names_in,
    pickled,
    put,
    python_files,
    records,
    release,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from pcsearch.errors import PcsearchError
from pcsearch.pc.data.published import load


@pytest.mark.parametrize("key", [b"data", b"labels", b"anything else"])
@pytest.mark.parametrize(
    ("function", "named"),
    [(os.system, "system"), (exec, "exec"), (np.load, "load"), (getattr, "getattr")],
)
def test_a_pickle_that_names_anything_but_an_array_is_refused_and_not_run(
    tmp_path: Path, function: Callable[..., Any], named: str, key: bytes
) -> None:
    mark = tmp_path / "mark"
    source = f"open({str(mark)!r}, 'w')" if function is exec else f"touch {mark}"
    pixels, labels = batches()["test_batch"]
    batch = {b"data": pixels, b"labels": labels, key: Call(function, (source,))}
    put(tmp_path, PYTHON, python_files() | {"test_batch": pickle.dumps(batch, protocol=2)})
    line = failure(tmp_path)
    assert line.startswith(f"{tmp_path / PYTHON / 'test_batch'}: ")
    assert "refers to" in line
    assert named in line
    assert not mark.exists()


PIXELS, LABELS = batches()["test_batch"]
LARGE_MEMO = b"\x80\x02Nr\xff\xff\xff\xff."


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (pickled(PIXELS, [*LABELS[1:], 10]), "a label is 10 and not one of 0 to 9"),
        (pickled(PIXELS, [*LABELS[1:], -1]), "a label is -1 and not one of 0 to 9"),
        (pickled(PIXELS, [*LABELS[1:], 2**70]), f"a label is {2**70} and not one of 0 to 9"),
        (pickled(PIXELS, [*LABELS[1:], True]), "its labels are not a list of integers"),
        (pickled(PIXELS, LABELS[1:]), "it holds 19 labels and not 20"),
        (pickled(PIXELS[1:], LABELS), "its data has shape (19, 3072)"),
        (pickled(PIXELS.reshape(-1, 3, 32, 32), LABELS), "its data has shape (20, 3, 32, 32)"),
        (pickled(PIXELS.astype(np.int8), LABELS), "its data is not an array of bytes"),
        (pickle.dumps({b"labels": LABELS}, protocol=2), "its data is not an array of bytes"),
        (pickle.dumps({b"data": PIXELS}, protocol=2), "its labels are not a list of integers"),
        (pickle.dumps(PIXELS, protocol=2), "it is not a batch of CIFAR"),
        (pickled(PIXELS, LABELS)[:-100], "it is not a batch of CIFAR"),
        (pickled(PIXELS, LABELS).replace(b"latin1", b"rot_13"), "it is not a batch of CIFAR"),
        (pickled(np.tile(PIXELS, (3, 1)), LABELS * 3), "it is longer than a batch can be"),
        (b"<html>\nnot found\n</html>", "it is not a batch of CIFAR"),
        (LARGE_MEMO, "it is not a batch of CIFAR; "),
        (b"", "it is not a batch of CIFAR"),
    ],
)
def test_a_pickled_batch_that_is_not_as_published_is_named_with_what_is_wrong(
    tmp_path: Path, content: bytes, told: str
) -> None:
    put(tmp_path, PYTHON, python_files() | {"data_batch_3": content})
    line = failure(tmp_path)
    assert line.startswith(f"{tmp_path / PYTHON / 'data_batch_3'}: {told}")
    assert line.endswith("; repair or remove the folder")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_damage_to_a_pickle_ends_in_anything_but_images_or_one_line(data: st.DataObject) -> None:
    content = bytearray(pickled(PIXELS, LABELS))
    # Most of a file is pixels, where damage goes unnoticed.
    outside = st.one_of(st.integers(0, 200), st.integers(-700, -1))
    for place in data.draw(st.lists(outside, min_size=1, max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as folder:
        put(Path(folder), PYTHON, python_files() | {"test_batch": bytes(content)})
        try:
            _, test = load(OFFLINE, Path(folder))
        except PcsearchError as error:
            said = str(error)
        else:
            said = "images"
            assert test.pixels.shape == (SIZE, 3, 32, 32)
            assert set(test.labels.tolist()) <= set(range(10))
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (records(PIXELS, [*LABELS[1:], 10]), "a label is 10 and not one of 0 to 9"),
        (records(PIXELS, LABELS)[:-1], "it holds 61,459 bytes and not 61,460"),
        (records(PIXELS, LABELS) + b"\0", "it holds 61,461 bytes and not 61,460"),
    ],
)
def test_a_batch_of_records_that_is_not_as_published_is_named_with_what_is_wrong(
    tmp_path: Path, content: bytes, told: str
) -> None:
    put(tmp_path, BINARY, binary_files() | {"data_batch_3.bin": content})
    line = failure(tmp_path)
    assert line == f"{tmp_path / BINARY / 'data_batch_3.bin'}: {told}; repair or remove the folder"


@pytest.mark.parametrize("make", [Path.unlink, lambda path: (path.unlink(), os.mkfifo(path))])
def test_a_missing_batch_is_named(tmp_path: Path, make: Callable[[Path], None]) -> None:
    put(tmp_path, BINARY, binary_files())
    missing = tmp_path / BINARY / "data_batch_5.bin"
    make(missing)
    assert failure(tmp_path) == f"{missing}: it is missing; repair or remove the folder"


@pytest.mark.parametrize("content", [b"", PYTHON_ARCHIVE[:-1], BINARY_ARCHIVE])
def test_an_archive_with_another_md5_is_named_with_both_and_stays(
    tmp_path: Path, content: bytes
) -> None:
    archive = tmp_path / PYTHON_NAME
    archive.write_bytes(content)
    assert failure(tmp_path) == (
        f"{archive}: its MD5 is {md5(content)} and not {md5(PYTHON_ARCHIVE)}; "
        "remove the archive to have it downloaded again"
    )
    assert archive.read_bytes() == content


@pytest.mark.parametrize(
    "content", [b"", b"no archive", PYTHON_ARCHIVE[:-5000], PYTHON_ARCHIVE[:10] + b"\xff" * 9000]
)
def test_an_archive_that_cannot_be_read_is_one_line(tmp_path: Path, content: bytes) -> None:
    of = release(python=content)
    (tmp_path / PYTHON_NAME).write_bytes(content)
    line = failure(tmp_path, of)
    assert line.startswith(f"{tmp_path / PYTHON_NAME}: it cannot be read (")
    assert line.endswith("; remove the archive to have it downloaded again")


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    info.size = 4 if kind == tarfile.REGTYPE else 0
    return info


def test_other_members_of_an_archive_are_never_written_anywhere(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    extra = (
        member("../evil"),
        member(str(tmp_path / "evil")),
        member(f"{PYTHON}/../../evil"),
        member(f"{PYTHON}/link", tarfile.SYMTYPE, str(tmp_path)),
        member(f"{PYTHON}/link/evil"),
        member(f"./{PYTHON}/test_batch"),
    )
    content = archive_of(PYTHON, python_files(), *extra)
    of = release(python=content)
    (data_dir / PYTHON_NAME).write_bytes(content)
    assert_holds(load(of, data_dir))
    assert names_in(tmp_path) == {"data"}
    cached = {path.name for path in cached_files(data_dir)}
    assert names_in(data_dir) == {PYTHON_NAME, *cached}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE]
)
def test_a_batch_that_is_no_regular_member_is_missing(tmp_path: Path, kind: bytes) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(python_files()["test_batch"])
    files = python_files()
    del files["test_batch"]
    target = f"{PYTHON}/data_batch_1" if kind == tarfile.LNKTYPE else str(elsewhere)
    content = archive_of(PYTHON, files, member(f"{PYTHON}/test_batch", kind, target))
    of = release(python=content)
    archive = tmp_path / PYTHON_NAME
    archive.write_bytes(content)
    assert failure(tmp_path, of) == (
        f"{archive}/test_batch: it is missing; remove the archive to have it downloaded again"
    )


def test_of_a_member_no_more_is_read_than_a_batch_can_hold(tmp_path: Path) -> None:
    content = archive_of(BINARY, binary_files() | {"test_batch.bin": bytes(10**7)})
    of = release(binary=content)
    archive = tmp_path / BINARY_NAME
    archive.write_bytes(content)
    line = failure(tmp_path, of)
    assert line.startswith(f"{archive}/test_batch.bin: it is longer than a batch can be; ")

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from cifar10_files import md5
from hypothesis import given, settings
from hypothesis import strategies as st
from published_files import idx, small

from pcsearch.errors import PcsearchError
from pcsearch.pc.data.idx import Idx, decode
from pcsearch.pc.data.published import load

VALUES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)


def test_a_file_holds_the_array_of_its_shape(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(idx(VALUES))
    assert np.array_equal(decode(tmp_path / "a.gz", (2, 3, 4)), VALUES)


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 4, 3), (3, 3, 4), (24,), (2, 3, 4, 1)])
def test_an_array_of_another_shape_is_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(idx(VALUES))
    with pytest.raises(ValueError, match="it is no IDX file"):
        decode(tmp_path / "a.gz", shape)


def test_no_more_is_read_than_the_array_needs(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(10**7)))
    with pytest.raises(ValueError, match="it is no IDX file"):
        decode(tmp_path / "bomb.gz", (2, 3, 4))


@settings(max_examples=60, deadline=None)
@given(place=st.integers(0, 200), byte=st.integers(0, 255), keep=st.integers(0, 300))
def test_whatever_is_wrong_with_a_file_is_one_line(
    place: int, byte: int, keep: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(idx(VALUES))
    content[place % len(content)] = byte
    path = tmp_path_factory.mktemp("idx") / "a.gz"
    path.write_bytes(bytes(content[:keep]))
    release, files = small("mnist")
    assert isinstance(release, Idx)
    first, *others = release.archives
    broken = replace(release, archives=(first._replace(md5=md5(path.read_bytes())), *others))
    for name, each in files.items():
        (path.parent / name).parent.mkdir(parents=True, exist_ok=True)
        (path.parent / name).write_bytes(each)
    (path.parent / first.path).write_bytes(path.read_bytes())
    with pytest.raises(PcsearchError) as caught:
        load(broken, path.parent)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path.parent / first.path}: it cannot be read (")


def test_a_label_that_is_no_class_is_one_line(tmp_path: Path) -> None:
    release, files = small("mnist")
    assert isinstance(release, Idx)
    path = "MNIST/raw/t10k-labels-idx1-ubyte.gz"
    files[path] = idx(np.full(release.counts[1], 10))
    archives = tuple(each._replace(md5=md5(files[each.path])) for each in release.archives)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    with pytest.raises(PcsearchError, match="a label is 10"):
        load(replace(release, archives=archives), tmp_path)

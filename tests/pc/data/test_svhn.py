from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cifar10_files import md5
from published_files import COUNTS, assert_are, small
from scipy.io import savemat

from pcsearch.errors import PcsearchError
from pcsearch.pc.data.published import Release, load
from pcsearch.pc.data.svhn import Svhn


def with_training_file(folder: Path, content: bytes) -> Release:
    """A release whose training file has this content, and both files in a folder."""
    release, files = small("svhn")
    assert isinstance(release, Svhn)
    training, test = release.archives
    (folder / training.path).write_bytes(content)
    (folder / test.path).write_bytes(files[test.path])
    return replace(release, archives=(training._replace(md5=md5(content)), test))


def saved(**arrays: Any) -> bytes:
    content = io.BytesIO()
    savemat(content, arrays)
    return content.getvalue()


IMAGES = np.zeros((32, 32, 3, COUNTS[0]), dtype=np.uint8)
LABELS = np.ones((COUNTS[0], 1), dtype=np.uint8)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "it cannot be read"),
        (b"MATLAB 5.0 MAT-file" + bytes(300), "it cannot be read"),
        (saved(X=IMAGES)[:-5000], "it cannot be read"),
        (saved(X=IMAGES), "'y'"),
        (saved(X=IMAGES.astype(float), y=LABELS), "its images are float64"),
        (saved(X=IMAGES[..., 1:], y=LABELS), "of shape (32, 32, 3, 109)"),
        (saved(X=IMAGES, y=LABELS * 0), "its labels"),
        (saved(X=IMAGES, y=LABELS * 11), "its labels"),
        (saved(X=IMAGES, y=LABELS[1:]), "its labels"),
    ],
)
def test_a_file_that_is_not_as_published_is_one_line(
    content: bytes, told: str, tmp_path: Path
) -> None:
    release = with_training_file(tmp_path, content)
    with pytest.raises(PcsearchError) as caught:
        load(release, tmp_path)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{tmp_path / 'train_32x32.mat'}: it cannot be read (")
    assert told in line


def test_without_scipy_a_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release, files = small("svhn")
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(PcsearchError, match="pip install scipy"):
        load(release, tmp_path)
    monkeypatch.undo()
    assert_are(load(release, tmp_path), release)

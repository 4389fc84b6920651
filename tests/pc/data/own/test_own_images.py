from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from cifar10_files import read_only, without_override
from disks import small_disk
from own_image_files import class_folders, encoded, noise, put

from pcsearch.errors import PcsearchError
from pcsearch.pc.data.array_cache import Arrays
from pcsearch.pc.data.own import image_array, image_folder, own_images
from pcsearch.pc.data.own.own_images import load, look

SHAPE = (3, 8, 8)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the caches."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pcsearch" / "images"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return class_folders(tmp_path / "mine")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The contents that are decoded."""
    decoded: list[bytes] = []

    def noting(content: bytes, image_shape: tuple[int, int, int]) -> Any:
        decoded.append(content)
        return decode(content, image_shape)

    decode = image_folder.decode
    monkeypatch.setattr(image_folder, "decode", noting)
    return decoded


EXPECTED = {noise(8, 8, 3, seed=n).transpose(2, 0, 1).tobytes(): n // 12 for n in range(24)}
"""The labels of the images in `mine`, by their pixels."""


def contents(arrays: Arrays) -> dict[bytes, int]:
    return {bytes(image.numpy()): int(label) for image, label in zip(*arrays, strict=True)}


def failure(path: Path, image_shape: tuple[int, int, int] = SHAPE) -> str:
    with pytest.raises(PcsearchError) as caught:
        load(path, image_shape)
    (line,) = str(caught.value).splitlines()
    assert line.startswith(f"{path}: ")
    return line


def test_images_are_read_once_and_then_mapped(mine: Path, cache: Path, read: list[bytes]) -> None:
    first, again = load(mine, SHAPE), load(mine, SHAPE)
    assert len(read) == 24
    for arrays, classes, notes in (first, again):
        assert (classes, notes) == (2, ())
        assert sorted(arrays.labels.tolist()) == [0] * 12 + [1] * 12 != arrays.labels.tolist()
        assert contents(arrays) == EXPECTED
    (pixels,) = cache.glob("*-pixels.npy")
    assert isinstance(np.load(pixels, mmap_mode="r"), np.memmap)


def test_a_bar_on_stderr_shows_how_many_are_read(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save(tmp_path / "mine.npy", noise(20, 8, 8))
    load(mine, (1, 8, 8))
    assert capsys.readouterr() == ("", "")
    load(mine, SHAPE, progress=True)
    load(tmp_path / "mine.npy", SHAPE, progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "reading mine " in shown.err
    assert "24/24" in shown.err
    assert "20/20" in shown.err


def test_each_shape_has_a_cache_of_its_own(mine: Path, cache: Path) -> None:
    assert load(mine, SHAPE).arrays.pixels.shape == (24, *SHAPE)
    assert load(mine, (1, 4, 4)).arrays.pixels.shape == (24, 1, 4, 4)
    assert len(list(cache.glob("*-pixels.npy"))) == 2


def _touch(mine: Path) -> None:
    os.utime(mine / "a" / "000.png", ns=(1, 1))


def _replace(mine: Path) -> None:
    put(mine, "a/000.png", encoded(noise(9, 9, 3)))


def _add(mine: Path) -> None:
    put(mine, "c/new.png", encoded(noise(9, 9, 3)))


@pytest.mark.parametrize("change", [_touch, _replace, _add])
def test_changed_images_are_read_anew(
    change: Callable[[Path], None], mine: Path, read: list[bytes]
) -> None:
    load(mine, SHAPE)
    del read[:]
    change(mine)
    count = look(mine).count
    assert len(load(mine, SHAPE).arrays.labels) == count
    assert len(read) == count


def test_of_changed_images_the_cache_is_removed_when_it_is_old(mine: Path, cache: Path) -> None:
    load(mine, SHAPE)
    (before,) = cache.glob("*-pixels.npy")
    _touch(mine)
    load(mine, SHAPE)
    # Another machine may have a copy with other times, and the same home.
    assert len(list(cache.glob("*-pixels.npy"))) == 2
    long_ago = time.time() - own_images.KEPT_S - 60
    os.utime(before, (long_ago, long_ago))
    _replace(mine)
    load(mine, SHAPE)
    assert before not in list(cache.glob("*-pixels.npy"))
    assert len(list(cache.glob("*-pixels.npy"))) == 2


@pytest.mark.parametrize("part", ["pixels", "labels"])
def test_a_torn_cache_is_built_anew(part: str, mine: Path, cache: Path, read: list[bytes]) -> None:
    load(mine, SHAPE)
    (path,) = cache.glob(f"*-{part}.npy")
    whole = path.read_bytes()
    for damage in (lambda: path.write_bytes(whole[:-1]), path.unlink):
        damage()
        load(mine, SHAPE)
        assert path.read_bytes() == whole
    assert len(read) == 3 * 24


def test_damaged_images_are_noted_also_from_the_cache(
    mine: Path, cache: Path, read: list[bytes]
) -> None:
    for number in range(7):
        put(mine, f"a/torn{number}.png", b"\x89PNG")
    first, again = load(mine, SHAPE), load(mine, SHAPE)
    assert len(read) == 31
    assert first.notes == again.notes
    (note,) = first.notes
    assert note.startswith(f"{mine}: 7 of 31 images cannot be read and are left out: a/torn0.png (")
    assert "torn4" in note
    assert "torn5" not in note
    (kept,) = cache.glob("*-damaged.json")
    assert str(kept) in note
    assert len(json.loads(kept.read_text())) == 7
    for found in (first, again):
        assert contents(found.arrays) == EXPECTED
        assert len(found.arrays.labels) == len(found.arrays.pixels) == 24


def test_where_too_little_is_left_it_is_an_error(tmp_path: Path, cache: Path) -> None:
    for number in range(5):
        put(tmp_path / "mine", f"a/{number}.png", b"\x89PNG")
    line = failure(tmp_path / "mine")
    assert "has 0 images that can be read" in line
    assert "5 cannot be read, such as a/0.png (" in line
    assert not list(cache.glob("*.npy"))


def test_what_cannot_be_read_now_is_an_error_and_not_taken_for_damage(
    mine: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def vanishing(folder: Path) -> image_folder.ImageFolder:
        found = look_at(folder)
        (folder / "b" / "003.png").unlink(missing_ok=True)
        return found

    look_at = image_folder.look
    monkeypatch.setattr(image_folder, "look", vanishing)
    assert "b/003.png" in failure(mine)
    assert not list(cache.glob("*.npy"))


def test_a_folder_that_may_not_be_opened_is_one_line(mine: Path) -> None:
    (mine / "b").chmod(0)
    try:
        with without_override():
            assert "Permission denied" in failure(mine)
    finally:
        (mine / "b").chmod(0o755)


def test_a_path_that_a_machine_lacks_is_one_line_with_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_images.socket, "gethostname", lambda: "node7")
    line = failure(tmp_path / "mine")
    assert "node7 has no such file or folder" in line
    assert "on every machine that runs trials" in line


def test_images_that_would_fill_the_memory_are_refused_before_they_are_read(
    mine: Path, read: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    line = failure(mine, (3, 500_000, 500_000))
    assert "24 images of the shape [3, 500000, 500000] take 16,763.8 GiB" in line
    assert "set a smaller image_shape" in line
    monkeypatch.setattr(own_images, "memory_limit", lambda: 2**30)
    line = failure(mine, (3, 4000, 4000))
    assert "take 1.1 GiB, and a process may use 1.0 GiB of memory here" in line
    assert read == []


def test_memory_that_is_not_there_is_one_line(mine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Any:
        raise MemoryError

    monkeypatch.setattr(image_folder, "decode", full)
    assert "do not fit into the memory" in failure(mine)


def test_an_array_that_cannot_be_used_is_one_line(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", images=np.full((4, 8, 8), 2.0))
    assert "float64 from 2.0 to 2.0" in failure(tmp_path / "mine.npz")
    (tmp_path / "mine.npz").write_bytes(b"PK")
    assert "it cannot be read" in failure(tmp_path / "mine.npz")


def test_a_cache_that_cannot_be_written_costs_nothing_but_itself(mine: Path, cache: Path) -> None:
    put(mine, "a/torn.png", b"\x89PNG")
    cache.mkdir(parents=True)
    with read_only(cache):
        found = load(mine, SHAPE)
    assert contents(found.arrays) == EXPECTED
    damage, unkept = found.notes
    assert "a/torn.png" in damage
    assert f"the images cannot be kept in {cache}, so each trial reads them again" in unkept
    assert list(cache.iterdir()) == []
    # The subsets of a run are the same ones with and without a cache.
    kept = load(mine, SHAPE).arrays
    assert list(contents(kept)) == list(contents(found.arrays))


def test_on_a_full_disk_the_images_are_read_into_memory(mine: Path, cache: Path) -> None:
    cache.mkdir(parents=True)
    with small_disk(cache, 16):
        found = load(mine, (3, 32, 32))
        assert not list(cache.glob("*.npy*"))
    (note,) = found.notes
    assert f"the images cannot be kept in {cache}" in note
    assert torch.equal(found.arrays.pixels, load(mine, (3, 32, 32)).arrays.pixels)


def test_images_are_read_straight_into_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = noise(2000, 32, 32, 3)
    np.save(tmp_path / "mine.npy", images)
    monkeypatch.setattr(image_array, "_PIECE", 2**16)
    tracemalloc.start()
    try:
        load(tmp_path / "mine.npy", (3, 32, 32))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < images.nbytes / 2


def test_processes_at_once_read_once(mine: Path) -> None:
    program = (
        "import pathlib, sys\n"
        "from pcsearch.pc.data.own import image_folder, own_images\n"
        "decode = image_folder.decode\n"
        "image_folder.decode = lambda *given: print('read') or decode(*given)\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        "print(own_images.load(pathlib.Path(sys.argv[1]), (3, 8, 8)).arrays.pixels.sum().item())\n"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(mine)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=Path(own_images.__file__).parents[4],
        )
        for _ in range(2)
    ]  # fmt: skip
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    printed = [process.communicate(timeout=240)[0] for process in processes]
    # Threads print, and their lines mix.
    assert sum(text.count("read") for text in printed) == 24
    expected = str(load(mine, SHAPE).arrays.pixels.sum().item())
    assert [text.split()[-1] for text in printed] == [expected, expected]

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_image_files import class_folders, noise, put
from searching import write_sweep
from sweep_reading import read_sweep

from pcsearch.engine.workloads.pc_checks import COMBINATIONS_CHECKED
from pcsearch.engine.workloads.pc_requirements import (
    check_images,
    prepare_data,
    worker_packages,
    worker_paths,
)
from pcsearch.errors import PcsearchError
from pcsearch.pc.config import NUMERIC_FIELDS
from pcsearch.pc.data.own import own_images
from pcsearch.pc.data.own.image_source import ImageSource
from pcsearch.sweeps.sweep import Sweep


@pytest.mark.parametrize(
    ("searched", "needed"),
    [
        ({}, []),
        ({"use_ssl_augmentations": {"values": [False, True]}}, ["kornia"]),
        ({"save_reconstruction_video": {"value": True}}, ["PIL"]),
        (
            {
                "use_ssl_augmentations": {"value": True},
                "save_reconstruction_images": {"value": True},
            },
            ["kornia", "PIL"],
        ),
        ({"dataset": {"values": ["digits", "./mine"]}, "image_shape": {"value": None}}, ["PIL"]),
        ({"dataset": {"value": "svhn"}}, ["scipy"]),
    ],
)
def test_the_packages_that_some_trials_need_are_known(
    searched: dict[str, Any], needed: list[str], tmp_path: Path
) -> None:
    file = write_sweep(tmp_path / "s.yaml", {"seed": {"values": [1]}, **searched})
    found = list(worker_packages(read_sweep(file, numeric=NUMERIC_FIELDS.__contains__)))
    assert found == ["safetensors", *needed]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with images of two classes, of three, and without labels."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    class_folders(tmp_path / "two", classes=2, each=20)
    np.savez(tmp_path / "three.npz", images=noise(30, 8, 8), labels=np.arange(30) % 3)
    np.save(tmp_path / "none.npy", noise(30, 8, 8))
    return tmp_path


def sweep_of(folder: Path, *, metric: str = "best_val_mse", **values: Any) -> Sweep:
    searched = {name: {"values": value} for name, value in values.items()}
    searched.setdefault("batch_size", {"value": 4})
    goal = {"name": metric, "goal": "minimize"}
    file = write_sweep(folder / "s.yaml", searched, metric=goal)
    return read_sweep(file, numeric=NUMERIC_FIELDS.__contains__)


def problems(folder: Path, **values: Any) -> list[str]:
    sweep = sweep_of(folder, **values)
    with pytest.raises(PcsearchError) as caught:
        check_images(sweep, folder)
    with pytest.raises(PcsearchError):
        prepare_data(sweep, folder)
    assert not (folder / "cache").exists(), "nothing is decoded before the counts fit"
    return [str(problem) for problem in caught.value.problems]


def test_own_images_are_counted_and_every_field_that_does_not_fit_them_is_told(
    folder: Path,
) -> None:
    found = problems(
        folder, dataset=["./two", "three.npz", "./gone"], batch_size=[4, 30], target_class=[1, 2]
    )
    assert len(found) == 3
    three, gone = folder / "three.npz", folder / "gone"
    for expected in (
        "target_class: classes are 0 to 1, got 2",
        f"batch_size: 30 is more than the 24 training images ({three}, ",
        f"dataset: {gone}: ",
    ):
        assert any(f": parameters.{expected}" in line for line in found), expected


def test_a_field_that_the_sweep_lacks_is_told_where_the_data_set_is(folder: Path) -> None:
    file = folder / "s.yaml"
    file.write_text("method: grid\nparameters:\n  dataset: {value: ./two}\n")
    with pytest.raises(PcsearchError) as caught:
        check_images(read_sweep(file), folder)
    (line,) = map(str, caught.value.problems)
    assert line.startswith(f"{file}:3:3: parameters.dataset: batch_size: 200 is more than the 32 ")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (
            {"linear_probe_every_n_epochs": [1]},
            "parameters.linear_probe_every_n_epochs: a probe has nothing to tell apart",
        ),
        (
            {"metric": "Metrics/LinearProbe_Accuracy"},
            "metric: Metrics/LinearProbe_Accuracy tells classes apart, and the images have one",
        ),
    ],
)
def test_images_without_labels_have_no_probe(
    values: dict[str, Any], told: str, folder: Path
) -> None:
    (line,) = problems(folder, dataset=["./none.npy"], **values)
    assert told in line


def test_own_images_are_prepared_and_what_is_wrong_with_some_is_noted(folder: Path) -> None:
    put(folder, "two/a/torn.png", b"")
    shapes: list[Any] = [[3, 8, 8], [1, 4, 4]]
    sweep = sweep_of(folder, dataset=["./two", "three.npz"], image_shape=shapes, patch_size=[4])
    (note,) = prepare_data(sweep, folder)
    assert "1 of 41 images" in note
    assert len(list((folder / "cache").glob("**/*-pixels.npy"))) == 4


def test_each_path_is_looked_at_once_however_many_combinations_there_are(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def noting(path: Path) -> ImageSource:
        looked.append(path.name)
        return look(path)

    look = own_images.look
    monkeypatch.setattr(own_images, "look", noting)
    for number in range(10):
        put(folder, f"torn/{number}.png", b"")
    paths = ["./gone", "./none.npy", "./torn", "./three.npz", "./two"]
    many: dict[str, Any] = {
        "dataset": paths,
        "batch_size": list(range(1, 41)),
        "train_subset": list(range(40, 80)),
        "target_class": [None, *range(9)],
    }
    assert math.prod(map(len, many.values())) > COMBINATIONS_CHECKED
    sweep = sweep_of(folder, **many)
    assert worker_paths(sweep, folder) == tuple(str(folder / each) for each in paths)
    with pytest.raises(PcsearchError) as caught:
        check_images(sweep, folder)
    assert sorted(looked) == ["gone", "none.npy", "three.npz", "torn", "two"]
    told = str(caught.value)
    assert "batch_size: 40 is more than the 32 training images" in told
    assert "target_class: classes are 0 to 2, got 3" in told

    del looked[:]
    fitting = many | {"dataset": paths[2:], "batch_size": [1, 2], "target_class": [None, 0]}
    with pytest.raises(PcsearchError) as caught:
        prepare_data(sweep_of(folder, **fitting), folder)
    (line,) = str(caught.value).splitlines()
    assert "torn: has 0 images that can be read" in line
    assert sorted(looked) == sorted(["three.npz", "torn", "two"] * 2), "to count and to read"


def test_a_class_of_own_images_may_be_too_small_for_a_batch(folder: Path) -> None:
    sweep = sweep_of(folder, dataset=["./two"], target_class=[0], batch_size=[30])
    check_images(sweep, folder)
    with pytest.raises(PcsearchError, match="batch_size"):
        prepare_data(sweep, folder)


def test_nodes_need_the_paths_of_own_images(folder: Path) -> None:
    sweep = sweep_of(folder, dataset=["digits", "./two", "three.npz"], target_class=[0, 1])
    assert worker_paths(sweep, folder) == (str(folder / "two"), str(folder / "three.npz"))
    assert worker_paths(sweep_of(folder), folder) == ()


def test_without_own_images_nothing_is_counted(tmp_path: Path) -> None:
    check_images(sweep_of(tmp_path, dataset=["digits", "cifar10"]), tmp_path / "nowhere")

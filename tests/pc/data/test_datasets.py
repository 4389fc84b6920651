from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from own_image_files import class_folders, noise

from pcsearch.errors import PcsearchError
from pcsearch.pc.config_values import model_config
from pcsearch.pc.data import datasets, published, synthetic
from pcsearch.pc.data.array_cache import Arrays
from pcsearch.pc.data.images import Images, Splits
from pcsearch.pc.dataset_sizes import DATASETS

EVERYTHING = 10**6
NO_DIRECTORY = Path("/nonexistent")


def load(name: str, **changes: Any) -> Splits:
    settings = {
        "data_dir": NO_DIRECTORY,
        "image_shape": DATASETS[name].image_shape if name in DATASETS else (3, 8, 8),
        "train_subset": EVERYTHING,
        "test_subset": EVERYTHING,
        "validation_subset": EVERYTHING,
        "target_class": None,
        "use_cifar10_norm": False,
    }
    return datasets.load(name, **(settings | changes))


def parts(splits: Splits) -> tuple[Images, Images, Images]:
    return splits.train, splits.validation, splits.test


def sizes(splits: Splits) -> tuple[int, ...]:
    return tuple(len(part) for part in parts(splits))


def contents(part: Images) -> list[bytes]:
    return [image.numpy().tobytes() for image in part.pixels]


def same(one: Splits, other: Splits) -> bool:
    return all(
        torch.equal(a.pixels, b.pixels) and torch.equal(a.labels, b.labels)
        for a, b in zip(parts(one), parts(other), strict=True)
    )


@pytest.fixture
def small_cifar10(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Path, bool]]]:
    """Ten classes of 20 training and 10 test images; notes how they were asked for."""
    asked: list[tuple[Path, bool]] = []

    def pool(count: int, number: int) -> Arrays:
        pixels = synthetic.render(np.arange(count), (3, 32, 32), number)
        return Arrays(torch.from_numpy(pixels), torch.from_numpy(synthetic.labels(count)))

    def small(
        release: published.Release, data_dir: Path, *, progress: bool = False
    ) -> tuple[Arrays, Arrays]:
        assert release.name == "cifar10"
        asked.append((data_dir, progress))
        return pool(200, 0), pool(100, 1)

    monkeypatch.setattr(published, "load", small)
    return asked


def test_the_digits_are_1400_training_and_397_held_out_images_without_repetition() -> None:
    splits = load("digits")
    assert sizes(splits) == (1400, 199, 198)
    assert len(splits.train) == DATASETS["digits"].training_images
    assert len({image for part in parts(splits) for image in contents(part)}) == 1797
    for part in parts(splits):
        assert part.pixels.shape[1:] == (1, 8, 8)
        assert (part.pixels.dtype, part.labels.dtype) == (torch.uint8, torch.int64)
        assert part.pixels.min() == 0
        assert part.pixels.max() == 255


def test_the_labels_of_digits_are_those_of_scikit_learn() -> None:
    from sklearn.datasets import load_digits

    values, labels = load_digits(return_X_y=True)
    known = {
        np.rint(image * (255 / 16)).astype(np.uint8).tobytes(): label
        for image, label in zip(values, labels, strict=True)
    }
    for part in parts(load("digits")):
        assert [known[image] for image in contents(part)] == part.labels.tolist()


def test_every_part_of_the_digits_has_all_ten_classes_in_about_equal_shares() -> None:
    for part in parts(load("digits")):
        shares = torch.bincount(part.labels, minlength=10) / len(part)
        assert shares.min() > 0.05
        assert shares.max() < 0.2


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 2000),
    st.integers(1, 500),
    st.integers(1, 500),
    st.none() | st.integers(0, 9),
)
def test_parts_of_digits_have_the_sizes_asked_for_and_no_image_in_common(
    train: int, test: int, validation: int, target_class: int | None
) -> None:
    asked: dict[str, Any] = {
        "train_subset": train,
        "test_subset": test,
        "validation_subset": validation,
    }
    splits = load("digits", target_class=target_class, **asked)
    available = sizes(load("digits", target_class=target_class))
    held_out = available[1] + available[2]
    tests = min(test, held_out // 2)
    assert sizes(splits) == (min(train, available[0]), min(validation, held_out - tests), tests)
    chosen = [image for part in parts(splits) for image in contents(part)]
    assert len(set(chosen)) == len(chosen)
    if target_class is not None:
        assert all((part.labels == target_class).all() for part in parts(splits))


def test_a_class_is_chosen_before_the_subsets_are_taken() -> None:
    subsets: dict[str, Any] = {"train_subset": 100, "test_subset": 15, "validation_subset": 10}
    assert sizes(load("digits", target_class=3, **subsets)) == (100, 10, 15)


@pytest.mark.parametrize("target_class", [None, 4])
def test_a_smaller_subset_is_the_start_of_a_larger_one(target_class: int | None) -> None:
    large = load("digits", target_class=target_class)
    small = load("digits", target_class=target_class, train_subset=30, validation_subset=5)
    assert contents(small.train) == contents(large.train)[:30]
    assert contents(small.validation) == contents(large.validation)[:5]
    assert contents(small.test) == contents(large.test)


def test_the_test_part_does_not_depend_on_the_validation_part() -> None:
    fewer = load("digits", test_subset=50, validation_subset=1)
    more = load("digits", test_subset=50, validation_subset=EVERYTHING)
    assert contents(fewer.test) == contents(more.test)
    assert len(more.validation) == 347


def test_a_data_set_is_the_same_whatever_the_global_random_state() -> None:
    torch.manual_seed(1)
    first = load("digits")
    datasets._digits.cache_clear()
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert same(load("digits"), first)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 8, 8)])
def test_synthetic_images_are_those_that_the_pools_hold(shape: tuple[int, int, int]) -> None:
    subsets: dict[str, Any] = {"train_subset": 60, "test_subset": 30, "validation_subset": 20}
    splits = load("synthetic", image_shape=shape, **subsets)
    assert sizes(splits) == (60, 20, 30)
    chosen = [image for part in parts(splits) for image in contents(part)]
    assert len(set(chosen)) == 110
    assert same(load("synthetic", image_shape=shape, **subsets), splits)
    for part in parts(splits):
        assert part.pixels.shape[1:] == shape
        assert (part.mean, part.deviation) == ((0.0,) * shape[0], (1.0,) * shape[0])


def test_the_synthetic_pools_have_as_many_images_as_the_facts_say() -> None:
    splits = load("synthetic", image_shape=(1, 4, 4))
    assert sizes(splits) == (DATASETS["synthetic"].training_images, 5_000, 5_000)
    for part in parts(splits):
        assert set(part.labels.tolist()) == set(range(10))


def test_synthetic_labels_belong_to_their_images() -> None:
    splits = load("synthetic", train_subset=1000, test_subset=200, validation_subset=1)
    images = splits.train.pixels.flatten(1).float()
    means = torch.stack([images[splits.train.labels == number].mean(0) for number in range(10)])
    nearest = torch.cdist(splits.test.pixels.flatten(1).float(), means).argmin(1)
    assert (nearest == splits.test.labels).float().mean() > 0.6


@pytest.mark.parametrize("name", ["digits", "synthetic"])
def test_images_other_than_cifar10_stay_from_0_to_1(name: str) -> None:
    splits = load(name, train_subset=10, test_subset=10, validation_subset=10)
    every = torch.arange(10)
    for part in parts(splits):
        assert torch.equal(part.batch(every, "cpu"), part.unit(every, "cpu"))


@pytest.mark.parametrize(
    ("own", "mean", "deviation"),
    [
        (True, (0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010)),
        (False, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ],
)
@pytest.mark.usefixtures("small_cifar10")
def test_cifar10_is_normalised_by_its_own_figures_or_by_halves(
    own: bool, mean: tuple[float, ...], deviation: tuple[float, ...]
) -> None:
    for part in parts(load("cifar10", use_cifar10_norm=own)):
        assert (part.mean, part.deviation) == (mean, deviation)


def test_cifar10_is_looked_for_in_the_directory_given(
    small_cifar10: list[tuple[Path, bool]], tmp_path: Path
) -> None:
    splits = load("cifar10", data_dir=tmp_path, progress=True)
    assert small_cifar10 == [(tmp_path, True)]
    assert sizes(splits) == (200, 50, 50)
    chosen = [image for part in parts(splits) for image in contents(part)]
    assert len(set(chosen)) == 300
    assert set(contents(splits.train)) == {
        image.tobytes() for image in synthetic.render(np.arange(200), (3, 32, 32), 0)
    }


@pytest.mark.usefixtures("small_cifar10")
def test_a_class_of_cifar10_is_chosen_from_all_of_its_images() -> None:
    splits = load("cifar10", target_class=7, train_subset=15)
    assert sizes(splits) == (15, 5, 5)
    assert all((part.labels == 7).all() for part in parts(splits))


def test_a_class_without_images_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_zeros(*_: object, **__: object) -> tuple[Arrays, Arrays]:
        pool = Arrays(torch.zeros(8, 3, 32, 32, dtype=torch.uint8), torch.zeros(8).long())
        return pool, pool

    monkeypatch.setattr(published, "load", only_zeros)
    assert sizes(load("cifar10", target_class=0)) == (8, 4, 4)
    with pytest.raises(PcsearchError) as caught:
        load("cifar10", target_class=1)
    (line,) = str(caught.value).splitlines()
    assert "cifar10" in line
    assert "target_class 1" in line


def test_a_configuration_gets_what_its_keys_ask_for() -> None:
    subsets: dict[str, Any] = {"train_subset": 70, "test_subset": 11, "validation_subset": 13}
    config = model_config({"dataset": "digits", "batch_size": 10, "target_class": 2, **subsets})
    assert same(datasets.load_splits(config), load("digits", target_class=2, **subsets))


@pytest.fixture
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.usefixtures("_own_cache")
def test_a_fifth_of_own_images_is_held_out_and_none_is_in_two_splits(tmp_path: Path) -> None:
    splits = load(str(class_folders(tmp_path / "mine", classes=3, each=20)))
    assert sizes(splits) == (48, 6, 6)
    assert splits.classes == 3
    chosen = [image for part in parts(splits) for image in contents(part)]
    assert set(chosen) == {
        noise(8, 8, 3, seed=number).transpose(2, 0, 1).tobytes() for number in range(60)
    }
    assert len(chosen) == 60
    for part in parts(splits):
        assert set(part.labels.tolist()) == {0, 1, 2}
        assert torch.equal(part.batch(torch.arange(6), "cpu"), part.unit(torch.arange(6), "cpu"))
        for image, label in zip(contents(part), part.labels.tolist(), strict=True):
            of_class = (noise(8, 8, 3, seed=20 * label + number) for number in range(20))
            assert image in {each.transpose(2, 0, 1).tobytes() for each in of_class}


@pytest.mark.usefixtures("_own_cache")
def test_splits_of_own_images_are_in_the_memory_of_their_cache(tmp_path: Path) -> None:
    mine = str(class_folders(tmp_path / "mine", each=20))
    load(mine)
    splits = load(mine, train_subset=20, validation_subset=2)
    places = {part.pixels.untyped_storage().data_ptr() for part in parts(splits)}
    assert len(places) == 1
    assert sizes(splits) == (20, 2, 4)


@pytest.mark.usefixtures("_own_cache")
def test_own_images_are_split_in_the_same_way_whatever_the_seed(tmp_path: Path) -> None:
    mine = str(class_folders(tmp_path / "mine"))
    values: dict[str, Any] = {"dataset": mine, "image_shape": [3, 8, 8], "batch_size": 4}
    loaded = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        loaded.append(datasets.load_splits(model_config({**values, "seed": seed})))
    assert same(*loaded)


@pytest.mark.usefixtures("_own_cache")
def test_subsets_and_a_class_are_taken_of_own_images_as_of_others(tmp_path: Path) -> None:
    mine = str(class_folders(tmp_path / "mine", classes=2, each=20))
    whole = load(mine)
    assert contents(load(mine, train_subset=7).train) == contents(whole.train)[:7]
    ones = load(mine, target_class=1)
    assert sum(sizes(ones)) == 20
    assert all((part.labels == 1).all() for part in parts(ones))


@pytest.mark.usefixtures("_own_cache")
@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"batch_size": 33}, "batch_size: 33 is more than the 32 training images"),
        ({"target_class": 2}, "there are no training images of target_class 2"),
    ],
)
def test_a_configuration_that_does_not_fit_own_images_is_one_line(
    values: dict[str, Any], told: str, tmp_path: Path
) -> None:
    mine = str(class_folders(tmp_path / "mine", classes=2, each=20))
    config = model_config({"dataset": mine, "image_shape": [3, 8, 8], "batch_size": 4, **values})
    with pytest.raises(PcsearchError) as caught:
        datasets.load_splits(config)
    (line,) = str(caught.value).splitlines()
    assert told in line


@pytest.mark.usefixtures("_own_cache")
def test_a_probe_needs_images_with_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "mine.npy", noise(20, 8, 8))
    values: dict[str, Any] = {"dataset": str(tmp_path / "mine.npy"), "batch_size": 4}
    assert datasets.load_splits(model_config(values)).classes == 1
    with pytest.raises(PcsearchError, match="a probe has nothing to tell apart"):
        datasets.load_splits(model_config({**values, "linear_probe_every_n_epochs": 1}))

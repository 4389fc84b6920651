from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from model_configs import DEFAULTS, NEW_FIELDS, problems_of
from pydantic import ValidationError

from pcsearch.pc.config import CONFLICTING_FIELDS, NUMERIC_FIELDS, ModelConfig
from pcsearch.pc.config_values import check_value, model_config
from pcsearch.pc.dataset_sizes import DATASETS


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_field_has_the_default_of_the_definition(name: str) -> None:
    found = model_config({}).model_dump(mode="json")[name]
    assert found == DEFAULTS[name]
    assert isinstance(found, bool) == isinstance(DEFAULTS[name], bool)


def test_there_are_no_other_fields_than_those_of_the_definition_and_the_two_new_ones() -> None:
    found = model_config({}).model_dump(mode="json")
    assert {name: found[name] for name in found.keys() - DEFAULTS.keys()} == NEW_FIELDS


@pytest.mark.parametrize("indices", ["", "a", "1,,2", "-1", "0;1", "1.5", ","])
def test_vode_indices_are_whole_numbers_with_commas_between(indices: str) -> None:
    (problem,) = problems_of({"linear_probe_vode_indices": indices})
    assert problem.endswith(f"got {indices!r}")


@pytest.mark.parametrize("name", ["eval_inference_steps", "reconstruction_steps"])
def test_lists_of_steps_are_not_empty(name: str) -> None:
    (problem,) = problems_of({name: []})
    assert "at least 1 item" in problem


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("eval_inference_steps", (3,)),
        ("reconstruction_steps", [0]),
        ("image_shape", None),
        ("target_class", None),
        ("w_grad_clip_norm", None),
        ("linear_probe_h_lr", None),
        ("lr_schedule_min_lr_factor", 0),
        ("hidden_momentum", 0),
        ("device", "cuda:3"),
        ("theta", 10000.5),
        ("seed", -1),
    ],
)
def test_values_at_the_border_of_their_range_are_taken(name: str, value: Any) -> None:
    assert check_value(name, value) is None
    model_config({name: value})


# Each with the fields that are in conflict and what is said of them.
CONFLICTS: list[tuple[dict[str, Any], str]] = [
    (
        {"dataset": "digits", "image_shape": [1, 16, 16], "batch_size": 10},
        "image_shape: digits images are [1, 8, 8], got [1, 16, 16]",
    ),
    (
        {"dataset": "synthetic", "image_shape": [3, 32, 16]},
        "image_shape: images are square, got [3, 32, 16]",
    ),
    (
        {"patch_size": 5},
        "patch_size: 5 does not divide the image's 32 pixels (cifar10)",
    ),
    (
        {"dataset": "digits", "use_cifar10_norm": True},
        "use_cifar10_norm: true is for dataset cifar10; digits images stay in [0, 1]",
    ),
    ({"target_class": 10}, "target_class: classes are 0 to 9, got 10"),
    (
        {"batch_size": 200, "train_subset": 100},
        "batch_size: 200 is more than the 100 training images (cifar10, train_subset 100)",
    ),
    (
        {"dataset": "digits", "batch_size": 1500},
        "batch_size: 1500 is more than the 1400 training images (digits, train_subset 50000)",
    ),
    (
        {"hidden_size": 48, "num_heads": 5},
        "num_heads: 5 heads do not divide hidden_size 48",
    ),
    (
        {"hidden_size": 48, "mlp_ratio": 0.02},
        "mlp_ratio: 0.02 of hidden_size 48 leaves no feature of the MLP",
    ),
    (
        {"num_blocks": 1, "linear_probe_vode_indices": "0, 3"},
        "linear_probe_vode_indices: with num_blocks 1 the hidden vodes are 0 to 2, got '0, 3'",
    ),
    (
        {"num_images": 201, "batch_size": 200},
        "num_images: 201 is more than batch_size 200",
    ),
    (
        {"use_early_stopping": True, "early_stopping_metric": "probe_accuracy"},
        "early_stopping_metric: probe_accuracy needs linear_probe_every_n_epochs of 1 or more",
    ),
    (
        {"model_saving_metric": "probe_accuracy", "linear_probe_every_n_epochs": 0},
        "model_saving_metric: probe_accuracy needs linear_probe_every_n_epochs of 1 or more",
    ),
    (
        {"linear_probe_every_n_epochs": 5, "target_class": 3},
        "linear_probe_every_n_epochs: a probe has nothing to tell apart with one target_class",
    ),
    (
        {"config": "1block", "num_heads": 3},
        "num_heads: 3 heads do not divide hidden_size 64",
    ),
]


@pytest.mark.parametrize(("values", "message"), CONFLICTS)
def test_fields_in_conflict_are_named_with_their_values(
    values: dict[str, Any], message: str
) -> None:
    assert problems_of(values) == [message]
    assert all(check_value(name, value) is None for name, value in values.items())


def test_the_fields_that_can_be_in_conflict_are_listed() -> None:
    """A sweep tries the values of the listed fields against each other, and of no others."""
    named = {problem.partition(":")[0] for _, problem in CONFLICTS}
    assert named.union(*(values for values, _ in CONFLICTS)) == CONFLICTING_FIELDS


@pytest.mark.parametrize(
    "values",
    [
        {"batch_size": 100, "train_subset": 100, "num_images": 100},
        {"num_blocks": 1, "linear_probe_vode_indices": "2,0"},
        {"use_early_stopping": False, "early_stopping_metric": "probe_accuracy"},
        {
            "linear_probe_every_n_epochs": 1,
            "early_stopping_metric": "probe_accuracy",
            "model_saving_metric": "probe_accuracy",
        },
        {"target_class": 9},
        {"hidden_size": 50, "num_heads": 1, "mlp_ratio": 0.02},
        {"dataset": "synthetic", "image_shape": [5, 20, 20]},
    ],
)
def test_fields_just_short_of_a_conflict_are_taken(values: dict[str, Any]) -> None:
    model_config(values)


def test_all_conflicts_are_reported_at_once() -> None:
    found = problems_of(
        {
            "num_heads": 7,
            "patch_size": 3,
            "batch_size": 50001,
            "linear_probe_vode_indices": "9",
            "target_class": 11,
        }
    )
    assert [problem.partition(":")[0] for problem in found] == [
        "patch_size",
        "target_class",
        "batch_size",
        "num_heads",
        "linear_probe_vode_indices",
    ]


@pytest.mark.parametrize(
    ("values", "image_shape", "patch_size", "norm"),
    [
        ({}, (3, 32, 32), 4, True),
        ({"dataset": "digits"}, (1, 8, 8), 2, False),
        ({"dataset": "synthetic"}, (3, 32, 32), 4, False),
        ({"dataset": "digits", "image_shape": None}, (1, 8, 8), 2, False),
        ({"dataset": "digits", "patch_size": 4}, (1, 8, 8), 4, False),
        ({"dataset": "synthetic", "image_shape": [1, 16, 16]}, (1, 16, 16), 4, False),
        ({"use_cifar10_norm": False}, (3, 32, 32), 4, False),
        ({"config": "2block", "dataset": "digits"}, (1, 8, 8), 2, False),
        ({"dataset": "mnist"}, (1, 28, 28), 4, False),
        ({"dataset": "./mine"}, (3, 32, 32), 4, False),
        ({"dataset": "mine.npz", "image_shape": [1, 64, 64]}, (1, 64, 64), 4, False),
    ],
)
def test_fields_left_out_follow_the_data_set(
    values: dict[str, Any], image_shape: tuple[int, ...], patch_size: int, norm: bool
) -> None:
    config = model_config(values)
    assert config.image_shape == image_shape
    assert config.patch_size == patch_size
    assert config.use_cifar10_norm == norm


def test_patches_of_the_data_sets_are_those_of_the_definition() -> None:
    assert DATASETS["cifar10"].patch_size == DEFAULTS["patch_size"]


def test_a_configuration_cannot_be_changed() -> None:
    config = model_config({})
    with pytest.raises(ValidationError, match="frozen"):
        config.epochs = 3  # type: ignore[misc]
    assert config.epochs == DEFAULTS["epochs"]
    assert hash(config) == hash(model_config({}))


def test_a_configuration_survives_json() -> None:
    """The way it takes into a checkpoint and back."""
    config = model_config({"config": "6block", "dataset": "digits", "eval_inference_steps": [3]})
    assert ModelConfig(**json.loads(json.dumps(config.model_dump(mode="json")))) == config


def test_the_numeric_fields_are_those_with_a_number_or_an_optional_one() -> None:
    numbers = {
        name
        for name, value in DEFAULTS.items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    optional = {"target_class", "linear_probe_h_lr", "linear_probe_inference_steps"}
    assert numbers | optional == NUMERIC_FIELDS


@pytest.mark.parametrize(
    ("indices", "vodes"), [("0", (0,)), (" 1 , 0,1", (1, 0)), ("2,2", (2,)), ("02", (2,))]
)
def test_probed_vodes_are_read_in_their_order_and_once(
    indices: str, vodes: tuple[int, ...]
) -> None:
    assert model_config({"linear_probe_vode_indices": indices}).probe_vodes == vodes


def test_evaluation_takes_the_most_of_its_steps() -> None:
    assert model_config({"eval_inference_steps": [3, 9, 5]}).evaluation_steps == 9


def test_a_relative_data_directory_is_taken_from_a_folder(tmp_path: Path) -> None:
    config = model_config({"data_dir": "../images"}).with_paths_from(tmp_path / "sweeps")
    assert config.data_dir == str(tmp_path / "images")
    absolute = model_config({"data_dir": str(tmp_path)}).with_paths_from(Path("/elsewhere"))
    assert absolute.data_dir == str(tmp_path)
    assert config.epochs == DEFAULTS["epochs"]


def test_a_path_of_own_images_starts_in_the_folder_also_where_downloads_go_elsewhere(
    tmp_path: Path,
) -> None:
    written = model_config({"dataset": "../mine/", "data_dir": "images"})
    config = written.with_paths_from(tmp_path / "sweeps", downloads=tmp_path / "cache")
    assert Path(config.dataset).resolve() == tmp_path / "mine"
    assert config.data_dir == str(tmp_path / "cache" / "images")
    assert written.dataset == "../mine/"
    named = model_config({"dataset": "digits"}).with_paths_from(tmp_path)
    assert named.dataset == "digits"


def test_what_a_link_to_an_array_is_called_is_kept(tmp_path: Path) -> None:
    (tmp_path / "blob").write_bytes(b"")
    (tmp_path / "mine.npz").symlink_to(tmp_path / "blob")
    config = model_config({"dataset": "mine.npz"}).with_paths_from(tmp_path)
    assert config.dataset == str(tmp_path / "mine.npz")


@pytest.mark.parametrize("module", ["pcsearch.pc.config_values", "pcsearch.pc.metrics"])
def test_checking_a_configuration_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*{{'torch', 'ray', 'numpy', 'wandb'}} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pcsearch.errors import PcsearchError
from pcsearch.pc.config import (
    CONFLICTING_FIELDS,
    NUMERIC_FIELDS,
    ModelConfig,
    check_value,
    model_config,
    suggestion,
    unknown_field,
)
from pcsearch.pc.dataset_sizes import DATASETS
from pcsearch.pc.presets import PRESETS

DEFINITION: dict[str, Any] = json.loads(
    (Path(__file__).parent / "model_config.json").read_text(encoding="utf-8")
)
DEFAULTS: dict[str, Any] = DEFINITION["defaults"]
NEW_FIELDS = {"image_shape": [3, 32, 32], "device": "auto"}


def problems_of(values: dict[str, Any]) -> list[str]:
    with pytest.raises(PcsearchError) as caught:
        model_config(values)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_field_has_the_default_of_the_definition(name: str) -> None:
    found = model_config({}).model_dump(mode="json")[name]
    assert found == DEFAULTS[name]
    assert isinstance(found, bool) == isinstance(DEFAULTS[name], bool)


def test_there_are_no_other_fields_than_those_of_the_definition_and_the_two_new_ones() -> None:
    found = model_config({}).model_dump(mode="json")
    assert {name: found[name] for name in found.keys() - DEFAULTS.keys()} == NEW_FIELDS


def test_values_override_the_preset() -> None:
    config = model_config({"num_blocks": 3, "config": "6block", "theta": 5})
    assert (config.num_blocks, config.theta, config.hidden_size) == (3, 5, 64)


def test_every_default_passes_its_own_check() -> None:
    """What a sweep's values are checked with must allow what the whole configuration allows."""
    for name, value in (DEFAULTS | NEW_FIELDS).items():
        assert check_value(name, value) is None, name
    for preset, values in DEFINITION["presets"].items():
        assert check_value("config", preset) is None
        for name, value in values.items():
            assert check_value(name, value) is None, (preset, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("num_block", "the model has no parameter 'num_block'; did you mean 'num_blocks'?"),
        ("Batch_size", "the model has no parameter 'Batch_size'; did you mean 'batch_size'?"),
        ("confg", "the model has no parameter 'confg'; did you mean 'config'?"),
        ("zzz", "the model has no parameter 'zzz'; docs/parameters.md lists all of them"),
    ],
)
def test_an_unknown_field_is_named_with_its_nearest_neighbour(name: str, message: str) -> None:
    assert unknown_field(name) == message
    assert check_value(name, 1) == message
    assert problems_of({name: 1}) == [f"{name}: {message}"]


def test_a_suggestion_is_made_of_the_known_names_only() -> None:
    assert suggestion("apple", ["apples", "pear"]) == "; did you mean 'apples'?"
    assert suggestion("plum", ["apples", "pear"]) == ""


WRONG: list[tuple[str, Any, str]] = [
    (
        "dataset",
        "imagenet",
        "should be 'cifar10', 'cifar100', 'digits', 'fashion_mnist', 'mnist', 'svhn', 'synthetic', "
        "or the path of your own images, such as './images', got 'imagenet'",
    ),
    ("data_dir", 1, "should be a valid string, got 1"),
    ("image_shape", "x", "should be a list, got 'x'"),
    ("image_shape", [0, 8, 8], "[0] should be greater than or equal to 1, got 0"),
    ("train_subset", 0, "should be greater than or equal to 1, got 0"),
    ("train_subset", "5", "should be a valid integer, got '5'"),
    ("train_subset", 1.5, "should be a valid integer, got 1.5"),
    ("train_subset", True, "should be a valid integer, got True"),
    ("train_subset", None, "should be a valid integer, got None"),
    ("target_class", -1, "should be greater than or equal to 0, got -1"),
    ("use_noise", 1, "should be a valid boolean, got 1"),
    ("use_noise", "true", "should be a valid boolean, got 'true'"),
    ("hidden_size", 7, "should be a multiple of 2, got 7"),
    ("hidden_size", 0, "should be greater than or equal to 2, got 0"),
    ("num_heads", 0, "should be greater than or equal to 1, got 0"),
    ("num_blocks", -1, "should be greater than or equal to 0, got -1"),
    ("mlp_ratio", 0, "should be greater than 0, got 0"),
    ("mlp_ratio", float("nan"), "should be a finite number, got nan"),
    ("mlp_ratio", float("inf"), "should be a finite number, got inf"),
    ("mlp_ratio", "4", "should be a valid number, got '4'"),
    ("theta", 0, "should be greater than 0, got 0"),
    ("seed", 1.5, "should be a valid integer, got 1.5"),
    ("device", "gpu", r"should match pattern '^(auto|cpu|cuda(:\d+)?)$', got 'gpu'"),
    ("peak_lr_weights", True, "should be a valid number, got True"),
    ("peak_lr_hidden", -0.1, "should be greater than 0, got -0.1"),
    ("weight_decay", -1e-9, "should be greater than or equal to 0, got -1e-09"),
    ("w_grad_clip_norm", 0, "should be greater than 0, got 0"),
    ("lr_schedule_min_lr_factor", 1.5, "should be less than or equal to 1, got 1.5"),
    ("lr_schedule_min_lr_factor", float("nan"), "should be less than or equal to 1, got nan"),
    ("hidden_momentum", 1.0, "should be less than 1, got 1.0"),
    ("hidden_momentum", -0.1, "should be greater than or equal to 0, got -0.1"),
    ("corrupt_ratio", 0, "should be greater than 0, got 0"),
    ("corrupt_ratio", 1, "should be less than 1, got 1"),
    ("inference_clamp_alpha", 2, "should be less than or equal to 1, got 2"),
    ("eval_inference_steps", 20, "should be a list, got 20"),
    ("eval_inference_steps", [3, 0], "[1] should be greater than or equal to 1, got 0"),
    ("eval_inference_steps", [1.5], "[0] should be a valid integer, got 1.5"),
    ("reconstruction_steps", [1, -1], "[1] should be greater than or equal to 0, got -1"),
    ("video_fps", 101, "should be less than or equal to 100, got 101"),
    (
        "early_stopping_metric",
        "mse",
        "should be 'train_mse', 'val_mse' or 'probe_accuracy', got 'mse'",
    ),
    ("linear_probe_vode_indices", 0, "should be a valid string, got 0"),
    ("linear_probe_h_lr", 0, "should be greater than 0, got 0"),
    (
        "config",
        "7block",
        "no preset '7block'; the presets are debug_tiny, 0block, 1block, 2block, 5block, 6block",
    ),
    (
        "config",
        ["1block"],
        "no preset ['1block']; the presets are debug_tiny, 0block, 1block, 2block, 5block, 6block",
    ),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_wrong_type_or_range_is_one_readable_line(name: str, value: Any, message: str) -> None:
    assert check_value(name, value) == message
    assert problems_of({name: value}) == [f"{name}: {message}"]


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


def test_all_wrong_values_are_reported_at_once() -> None:
    found = problems_of({"epochs": 0, "num_block": 2, "seed": "x", "config": "none", "theta": 7})
    assert [problem.partition(":")[0] for problem in found] == [
        "epochs",
        "num_block",
        "seed",
        "config",
    ]


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


def test_the_given_values_are_left_as_they_are() -> None:
    values = {"config": "1block", "dataset": "digits", "image_shape": None}
    before, preset = dict(values), dict(PRESETS["1block"])
    model_config(values)
    assert values == before
    assert PRESETS["1block"] == preset


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


@pytest.mark.parametrize("module", ["pcsearch.pc.config", "pcsearch.pc.metrics"])
def test_checking_a_configuration_loads_nothing_heavy(module: str) -> None:
    code = f"import sys, {module}; print(*{{'torch', 'ray', 'numpy', 'wandb'}} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []

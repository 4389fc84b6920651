from __future__ import annotations

from typing import Any

import pytest
from model_configs import DEFAULTS, DEFINITION, NEW_FIELDS, problems_of

from pcsearch.pc.config_values import check_value, model_config, unknown_field
from pcsearch.pc.presets import PRESETS


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


def test_all_wrong_values_are_reported_at_once() -> None:
    found = problems_of({"epochs": 0, "num_block": 2, "seed": "x", "config": "none", "theta": 7})
    assert [problem.partition(":")[0] for problem in found] == [
        "epochs",
        "num_block",
        "seed",
        "config",
    ]


def test_the_given_values_are_left_as_they_are() -> None:
    values = {"config": "1block", "dataset": "digits", "image_shape": None}
    before, preset = dict(values), dict(PRESETS["1block"])
    model_config(values)
    assert values == before
    assert PRESETS["1block"] == preset

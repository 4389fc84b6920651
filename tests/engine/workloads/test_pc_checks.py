"""A sweep held to the model: what is refused, at which place, and that large grids are quick."""

from __future__ import annotations

import time
from typing import Any

import pytest
import yaml

from pcsearch.engine.workloads.pc_checks import (
    COMBINATIONS_CHECKED,
    check,
    check_device,
    combinations,
    largest,
)
from pcsearch.errors import PcsearchError, Problem
from pcsearch.pc.config import CONFLICTING_FIELDS, NUMERIC_FIELDS
from pcsearch.pc.presets import PRESETS
from pcsearch.sweeps.sweep import Sweep, parse_sweep


def sweep(parameters: dict[str, Any], method: str = "random", **top: Any) -> Sweep:
    """A sweep whose parameters start at line 3, each on a line of its own."""
    lines = [f"method: {method}", "parameters:"]
    lines += [
        f"  {name}: {yaml.safe_dump(given, default_flow_style=True, width=10**6).strip()}"
        for name, given in parameters.items()
    ]
    lines += [f"{key}: {yaml.safe_dump(v, default_flow_style=True)}" for key, v in top.items()]
    return parse_sweep("\n".join(lines), "s.yaml", numeric=NUMERIC_FIELDS.__contains__)


def problems(parameters: dict[str, Any], method: str = "random", **top: Any) -> list[Problem]:
    with pytest.raises(PcsearchError) as caught:
        check(sweep(parameters, method, **top))
    return list(caught.value.problems)


def problem(parameters: dict[str, Any], **top: Any) -> str:
    (only,) = problems(parameters, **top)
    return str(only)


def test_a_sound_sweep_passes() -> None:
    check(
        sweep(
            {
                "dataset": {"value": "digits"},
                "num_blocks": {"values": [0, 1, 2]},
                "peak_lr_hidden": {"min": 0.01, "max": 0.1},
                "theta": {"distribution": "q_uniform", "min": 10, "max": 100, "q": 10},
                "seed": {"min": 1, "max": 5},
                "w_grad_clip_norm": {"values": [None, 1.0]},
                "config": {"values": list(PRESETS)},
                "eval_inference_steps": {"values": [[5], [5, 10]]},
                "use_cifar10_norm": {"value": False},
            },
            metric={"name": "best_val_mse", "goal": "minimize"},
        )
    )


def test_an_unknown_parameter_is_named_with_the_nearest_and_its_line() -> None:
    given = {"seed": {"value": 1}, "peak_lr_hiden": {"value": 0.1}}
    assert problem(given) == (
        "s.yaml:4:3: parameters.peak_lr_hiden: the model has no parameter 'peak_lr_hiden'; "
        "did you mean 'peak_lr_hidden'?"
    )


def test_an_unknown_parameter_unlike_all_others_gets_no_guess() -> None:
    message = problem({"zzz": {"value": 1}})
    assert message == (
        "s.yaml:3:3: parameters.zzz: the model has no parameter 'zzz'; "
        "docs/parameters.md lists all of them"
    )


@pytest.mark.parametrize(
    ("names", "named"),
    [
        (["lr", "dropout"], "lr, dropout are no parameters"),
        (["lr", "dropout", "seed", "epochs"], "lr, dropout are no parameters"),
        ([*"abcdef", "seed"], "a, b, c, d and 2 more are no parameters"),
    ],
)
def test_a_file_for_another_program_gets_one_error_that_says_what_to_do(
    names: list[str], named: str
) -> None:
    text = problem({name: {"value": 1} for name in names}, metric={"name": "val_loss"})
    assert text.startswith(f"s.yaml: parameters: {named} of the PC transformer ")
    assert "program: FILE" in text
    assert "--trainable MODULE:FUNCTION" in text


def test_a_file_with_fewer_foreign_names_than_own_ones_gets_a_line_for_each() -> None:
    names = ["lr", "dropout", "seed", "epochs", "theta"]
    found = problems({name: {"value": 5} for name in names})
    assert [each.key for each in found] == ["parameters.lr", "parameters.dropout"]


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("epochs", {"value": 0}, "should be greater than or equal to 1, got 0"),
        ("epochs", {"value": 2.0}, "should be a valid integer, got 2.0"),
        ("epochs", {"value": True}, "should be a valid integer, got True"),
        ("epochs", {"value": "many"}, "should be a valid integer, got 'many'"),
        ("epochs", {"value": None}, "should be a valid integer, got None"),
        ("epochs", {"values": [1, 2, -3]}, "should be greater than or equal to 1, got -3"),
        ("epochs", {"values": [5, "x", -3]}, "should be a valid integer, got 'x'"),
        ("epochs", {"min": 0, "max": 9}, "should be greater than or equal to 1, got 0"),
        ("epochs", {"min": 1.0, "max": 9.0}, "should be a valid integer, got 1.0"),
        ("hidden_momentum", {"min": -0.1, "max": 0.5}, "greater than or equal to 0, got -0.1"),
        ("hidden_momentum", {"min": 0.0, "max": 1.5}, "should be less than 1, got 1.5"),
        ("hidden_momentum", {"value": 1.0}, "should be less than 1, got 1.0"),
        ("peak_lr_hidden", {"value": 0}, "should be greater than 0, got 0"),
        ("peak_lr_hidden", {"value": float("inf")}, "should be a finite number, got inf"),
        ("peak_lr_hidden", {"value": [0.1]}, "should be a valid number, got [0.1]"),
        ("peak_lr_hidden", {"distribution": "normal", "mu": 5}, "greater than 0, got -0.99"),
        ("theta", {"distribution": "q_uniform", "min": 0, "max": 1, "q": 0.5}, "got 0.0"),
        ("hidden_size", {"value": 7}, "should be a multiple of 2, got 7"),
        ("video_fps", {"min": 1, "max": 101}, "should be less than or equal to 100, got 101"),
        ("use_noise", {"value": 1}, "should be a valid boolean, got 1"),
        ("use_noise", {"value": "yes"}, "should be a valid boolean, got 'yes'"),
        ("dataset", {"value": "imagenet"}, "such as './images', got 'imagenet'"),
        ("device", {"value": "gpu"}, "should match pattern"),
        ("data_dir", {"value": 3}, "should be a valid string, got 3"),
        ("eval_inference_steps", {"value": [5, 0]}, "[1] should be greater than or equal to 1"),
        ("eval_inference_steps", {"value": []}, "should have at least 1 item"),
        ("eval_inference_steps", {"value": 5}, "should be a list, got 5"),
        ("target_class", {"min": -1, "max": 3}, "greater than or equal to 0, got -1"),
        ("config", {"values": ["6block", "7block"]}, "no preset '7block'; the presets are "),
        ("config", {"value": [1]}, "no preset [1]; the presets are "),
    ],
)
def test_a_value_of_the_wrong_type_or_range_is_refused(
    name: str, given: dict[str, Any], message: str
) -> None:
    text = problem({"seed": {"value": 1}, name: given})
    assert text.startswith(f"s.yaml:4:3: parameters.{name}: ")
    assert message in text


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("epochs", {"min": 1, "max": 10**9}),
        ("hidden_momentum", {"min": 0.0, "max": 0.999}),
        ("hidden_momentum", {"value": 0}),
        ("peak_lr_hidden", {"distribution": "log_uniform_values", "min": "1e-9", "max": 1e9}),
        ("peak_lr_hidden", {"distribution": "normal", "mu": 5, "sigma": 0.1}),
        ("peak_lr_hidden", {"value": "1e-3"}),
        ("w_grad_clip_norm", {"value": None}),
        ("lr_schedule_min_lr_factor", {"min": 0, "max": 1, "distribution": "uniform"}),
        ("image_shape", {"value": None}),
        ("seed", {"value": -(10**12)}),
    ],
)
def test_values_at_the_edge_of_what_is_allowed_pass(name: str, given: dict[str, Any]) -> None:
    check(sweep({name: given}))


def test_every_problem_is_told_at_once() -> None:
    found = problems(
        {
            "epoks": {"value": 1},
            "epochs": {"value": "x"},
            "seed": {"value": 1},
            "theta": {"min": -1.0, "max": 1.0},
            "num_heads": {"value": 7},
        },
        metric={"name": "nonsense"},
    )
    assert [each.where for each in found] == [
        "s.yaml:3:3",
        "s.yaml:4:3",
        "s.yaml:6:3",
        "s.yaml:8:1",
    ]


def test_conflicts_and_the_metric_are_told_together() -> None:
    found = problems({"num_heads": {"value": 7}}, metric={"name": "nonsense"})
    assert [each.where for each in found] == ["s.yaml:3:3", "s.yaml:4:1"]


def test_a_conflict_anywhere_in_a_grid_is_found_at_its_parameter() -> None:
    found = problems(
        {"hidden_size": {"values": [24, 48, 64]}, "num_heads": {"values": [1, 6, 8]}}, "grid"
    )
    assert [str(each) for each in found] == [
        "s.yaml:4:3: parameters.num_heads: 6 heads do not divide hidden_size 64"
    ]


def test_a_conflict_with_a_presets_value_is_found() -> None:
    given = {"config": {"values": ["6block", "0block"]}, "num_heads": {"values": [1, 6]}}
    assert problem(given) == (
        "s.yaml:4:3: parameters.num_heads: 6 heads do not divide hidden_size 64"
    )


def test_a_conflict_of_a_default_is_told_of_the_file() -> None:
    assert problem({"hidden_size": {"value": 64}}) == (
        "s.yaml: parameters.num_heads: 6 heads do not divide hidden_size 64"
    )


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"dataset": {"value": "digits"}, "batch_size": {"min": 100, "max": 1401}},
            "batch_size: 1401 is more than the 1400 training images",
        ),
        (
            {
                "num_blocks": {"min": 2, "max": 4},
                "linear_probe_vode_indices": {"value": "0,4"},
                "linear_probe_every_n_epochs": {"value": 5},
            },
            "linear_probe_vode_indices: with num_blocks 2 the hidden vodes are 0 to 3, got '0,4'",
        ),
        (
            {
                "num_images": {"value": 10},
                "batch_size": {"distribution": "q_uniform", "min": 8, "max": 40, "q": 8},
            },
            "num_images: 10 is more than batch_size 8",
        ),
        (
            {"model_saving_metric": {"values": ["train_mse", "probe_accuracy"]}},
            "model_saving_metric: probe_accuracy needs linear_probe_every_n_epochs",
        ),
        (
            {"dataset": {"values": ["digits", "cifar10"]}, "patch_size": {"value": 16}},
            "patch_size: 16 does not divide the image's 8 pixels (digits)",
        ),
        ({"target_class": {"values": [None, 10]}}, "target_class: classes are 0 to 9, got 10"),
    ],
)
def test_a_conflict_at_the_end_of_a_range_or_list_is_found(
    parameters: dict[str, Any], message: str
) -> None:
    assert f"parameters.{message}" in problem(parameters)


def test_whole_numbers_between_the_ends_are_held_to_the_model_too() -> None:
    found = problems({"hidden_size": {"min": 8, "max": 64}, "num_heads": {"value": 1}})
    assert "should be a multiple of 2, got 9" in str(found[0])


def test_of_many_conflicts_the_first_few_are_told_and_the_rest_counted() -> None:
    found = problems({"hidden_size": {"value": 2}, "num_heads": {"min": 3, "max": 12}})
    assert len(found) == 6
    assert str(found[0]).endswith("3 heads do not divide hidden_size 2")
    assert str(found[-1]) == "s.yaml: and 5 more conflicts like these"


WIDE = {
    "dataset": {"value": "digits"},
    "hidden_size": {"values": [48, 64]},
    "num_heads": {"values": [1, 6]},
    "train_subset": {"min": 1000, "max": 1300},
    "batch_size": {"min": 1, "max": 999},
}


def test_a_conflict_before_long_ranges_is_found() -> None:
    found = problems(WIDE)
    assert [each.message for each in found] == ["6 heads do not divide hidden_size 64"]


def test_the_end_of_a_range_longer_than_the_checks_is_found() -> None:
    given = {"num_images": {"min": 1, "max": 2 * COMBINATIONS_CHECKED}}
    assert f"{2 * COMBINATIONS_CHECKED} is more than batch_size 200" in str(problems(given))


@pytest.mark.parametrize(
    "parameters",
    [
        {name: {"min": 1, "max": 10} for name in ("seed", "epochs", "inference_steps", "theta")}
        | {"warmup_steps": {"min": 1, "max": 100}},
        {"num_blocks": {"min": 0, "max": 99}, "batch_size": {"min": 1, "max": 100}}
        | {"train_subset": {"min": 100, "max": 199}},
        {"target_class": {"values": [*range(10)]}, "num_blocks": {"values": [*range(100)]}}
        | {"batch_size": {"values": [*range(1, 1001)]}},
    ],
    ids=["nothing in conflict", "ranges", "lists"],
)
def test_a_grid_of_a_million_combinations_is_checked_in_seconds(
    parameters: dict[str, Any],
) -> None:
    wide = sweep(parameters, "grid")
    start = time.process_time()
    check(wide)
    assert time.process_time() - start < 8


def test_combinations_vary_the_fields_asked_for_and_hold_the_others() -> None:
    given = {
        "seed": {"min": 1, "max": 9},
        "dataset": {"values": ["digits", "cifar10"]},
        "theta": {"min": 1.0, "max": 3.0},
    }
    found = list(combinations(sweep(given), ["dataset", "theta", "num_blocks"]))
    assert [(c["dataset"], c["theta"]) for c in found] == [
        (name, theta) for name in ("digits", "cifar10") for theta in (1.0, 3.0, 2.0)
    ]
    assert {c["seed"] for c in found} == {5}


@pytest.mark.parametrize("parameters", [WIDE, {"batch_size": {"min": 1, "max": 10**12}}])
def test_combinations_are_never_more_than_can_be_checked(parameters: dict[str, Any]) -> None:
    count = sum(1 for _ in combinations(sweep(parameters), CONFLICTING_FIELDS))
    assert 1 <= count <= COMBINATIONS_CHECKED


# The metric


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("best_val_mes", "best_val_mse"),
        ("Losses/train_mse", "Losses/train_mse_avg"),
        ("VodeEnergy/vode_9", "VodeEnergy/vode_3"),
        ("early_stop_reson", None),
    ],
)
def test_an_unknown_metric_is_told_with_the_nearest(name: str, nearest: str | None) -> None:
    text = problem({"seed": {"value": 1}}, metric={"name": name, "goal": "minimize"})
    assert text.startswith(f"s.yaml:4:1: metric: the model reports no number {name!r}; ")
    assert "it reports epoch, " in text if nearest is None else f"did you mean {nearest!r}" in text


@pytest.mark.parametrize("name", ["early_stop_reason", "reconstructions_images"])
def test_what_is_reported_but_no_number_is_refused_as_a_metric(name: str) -> None:
    text = problem({"seed": {"value": 1}}, metric={"name": name})
    assert f"the model reports no number {name!r}" in text


@pytest.mark.parametrize("measure", ["mse", "l1", "psnr"])
def test_a_metric_of_the_hidden_part_needs_corruption_in_every_trial(measure: str) -> None:
    metric = {"name": f"ValMetrics/Pretext/masked_{measure}"}
    needs = f"s.yaml:4:1: metric: {metric['name']} exists only where part of the image is hidden"
    assert problem({"seed": {"value": 1}}, metric=metric).startswith(needs)
    assert problem({"use_corruption": {"values": [True, False]}}, metric=metric).startswith(needs)
    check(sweep({"use_corruption": {"value": True}}, metric=metric))
    check(sweep({"use_corruption": {"values": [True, True]}}, metric=metric))


@pytest.mark.parametrize(
    ("parameters", "last"),
    [
        ({"seed": {"value": 1}}, 3),
        ({"num_blocks": {"value": 0}}, 2),
        ({"num_blocks": {"values": [4, 0, 2]}}, 6),
        ({"num_blocks": {"min": 0, "max": 5}}, 7),
        ({"config": {"values": ["0block", "5block", "1block"]}}, 7),
        ({"config": {"value": "6block"}, "num_blocks": {"value": 2}}, 4),
    ],
)
def test_a_vodes_metric_is_known_up_to_the_vodes_of_the_deepest_model(
    parameters: dict[str, Any], last: int
) -> None:
    check(sweep(parameters, metric={"name": f"VodeEnergy/vode_{last}"}))
    check(sweep(parameters, metric={"name": f"VodeGradNorm/vode_{last - 1}"}))
    for name in (f"VodeEnergy/vode_{last + 1}", f"VodeGradNorm/vode_{last}", "VodeEnergy/vode_0"):
        assert f"the model reports no number {name!r}" in problem(parameters, metric={"name": name})


@pytest.mark.parametrize(
    ("parameters", "epochs"),
    [
        ({"seed": {"value": 1}}, 75),
        ({"epochs": {"value": 3}}, 3),
        ({"epochs": {"values": [5, 9, 2]}}, 9),
        ({"epochs": {"min": 2, "max": 40}}, 40),
        ({"epochs": {"distribution": "q_uniform", "min": 2, "max": 41, "q": 10}}, 40),
        ({"config": {"value": "debug_tiny"}}, 25),
        ({"config": {"values": ["debug_tiny", "1block"]}}, 75),
        ({"config": {"value": "debug_tiny"}, "epochs": {"values": [7, 8]}}, 8),
    ],
)
def test_largest_is_the_most_that_any_trial_takes(parameters: dict[str, Any], epochs: int) -> None:
    assert largest(sweep(parameters), "epochs") == epochs


def test_a_nested_field_belongs_at_the_top() -> None:
    given = {"optimizer": {"parameters": {"peak_lr_hidden": {"value": 0.1}}}}
    assert problem(given) == (
        "s.yaml:3:28: parameters.optimizer.peak_lr_hidden: the model's parameters are not nested; "
        "write peak_lr_hidden at the top"
    )


@pytest.mark.parametrize("device", [{"value": "cuda"}, {"values": ["cpu", "cuda:1"]}])
def test_cuda_without_a_gpu_for_each_trial_is_refused(device: dict[str, Any]) -> None:
    with pytest.raises(PcsearchError) as caught:
        check_device(sweep({"device": device}), 0)
    named = "cuda:1" if "values" in device else "cuda"
    assert str(caught.value) == (
        f"s.yaml:3:3: parameters.device: {named}: a trial gets no GPU; set device: auto, or "
        "--gpus-per-trial"
    )
    check_device(sweep({"device": device}), 0.5)


def test_devices_that_are_always_there_need_no_gpu() -> None:
    check_device(sweep({"device": {"values": ["cpu", "auto"]}}), 0)
    check_device(sweep({"seed": {"value": 1}}), 0)


def test_a_search_on_the_probe_needs_classes_to_tell_apart() -> None:
    given = {"target_class": {"value": 3}, "batch_size": {"value": 30}}
    metric = {"name": "best_probe_accuracy", "goal": "maximize"}
    assert "with target_class there is one; remove either" in problem(given, metric=metric)

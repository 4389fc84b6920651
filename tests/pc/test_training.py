from __future__ import annotations

import math
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from pcsearch.errors import PcsearchError
from pcsearch.pc.checkpoint import load_state, save_state
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.config_values import model_config
from pcsearch.pc.metrics import (
    EARLY_STOP_REASON,
    PROBE_ACCURACY,
    SUMMARY,
    TRAIN_MSE,
    VAL_MSE,
)
from pcsearch.pc.training import TrainingRun, train

SMALL: dict[str, Any] = {
    "dataset": "digits",
    "hidden_size": 16,
    "num_heads": 2,
    "num_blocks": 1,
    "batch_size": 50,
    "train_subset": 200,
    "test_subset": 60,
    "validation_subset": 100,
    "epochs": 4,
    "inference_steps": 6,
    "eval_inference_steps": [6],
    "reconstruction_steps": [1, 6],
    "validation_every_n_epochs": 2,
    "use_ssl_augmentations": False,
    "use_early_stopping": False,
}

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "hidden states carried over, one for the other": {"use_status_init_in_training": False},
    "fresh states everywhere": {
        "use_status_init_in_training": True,
        "use_status_init_in_unmasking": True,
        "use_lr_schedule_h": False,
    },
    "every optional part": {
        "use_ssl_augmentations": True,
        "use_adamw_for_hidden_optimizer": True,
        "update_weights_every_inference_step": True,
        "update_weights_during_unmasking": True,
        "use_corruption": True,
        "use_lower_half_mask": True,
        "linear_probe_every_n_epochs": 2,
        "linear_probe_vode_indices": "0, 2",
        "linear_probe_epochs": 3,
        "use_vode_state_layernorm": True,
        "use_vode_grad_norm": True,
        "warmup_steps": 5,
        "reinitialize_model_for_each_epoch": True,
        "save_model_train_mse_threshold": 1.0,
        "use_early_stopping": True,
        "early_stopping_metric": "train_mse",
        "early_stopping_patience": 3,
        "reconstruction_every_n_epochs": 3,
    },
}


def metrics_of(config: ModelConfig, **extra: Any) -> list[dict[str, Any]]:
    return list(train(config, **extra))


@cache
def undisturbed(variant: str) -> tuple[TrainingRun, list[dict[str, Any]]]:
    """A run that has come to its end, and its metrics; they are only looked at."""
    run = TrainingRun(model_config(SMALL | VARIANTS[variant]))
    metrics = []
    while not run.finished:
        epoch = run.run_epoch()
        metrics.append(epoch.metrics)
    assert epoch.reconstructions is not None
    return run, metrics


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_same_configuration_gives_the_same_metrics(variant: str) -> None:
    _, expected = undisturbed(variant)
    torch.manual_seed(2)
    assert metrics_of(model_config(SMALL | VARIANTS[variant])) == expected


@pytest.mark.parametrize(
    ("variant", "stop_after"),
    [
        *((variant, 2) for variant in VARIANTS),
        ("every optional part", 1),
        ("every optional part", 3),
    ],
)
def test_a_restored_run_equals_one_that_never_stopped(
    variant: str, stop_after: int, tmp_path: Path
) -> None:
    whole, expected = undisturbed(variant)
    config = model_config(SMALL | VARIANTS[variant])
    interrupted = TrainingRun(config)
    metrics = [interrupted.run_epoch().metrics for _ in range(stop_after)]
    save_state(tmp_path, config, interrupted.state())
    restored = TrainingRun(config)
    restored.load_state(load_state(tmp_path, config))
    while not restored.finished:
        metrics.append(restored.run_epoch().metrics)

    assert metrics == expected
    assert restored.weights.keys() == whole.weights.keys()
    for name, weight in whole.weights.items():
        assert torch.equal(restored.weights[name], weight), name
    assert (restored.saved_model is None) == (whole.saved_model is None)
    for name, weight in (whole.saved_model or {}).items():
        assert torch.equal((restored.saved_model or {})[name], weight), name


def test_a_checkpoint_is_refused_by_another_configuration(tmp_path: Path) -> None:
    config = model_config(SMALL)
    run = TrainingRun(config)
    run.run_epoch()
    save_state(tmp_path, config, run.state())
    with pytest.raises(PcsearchError, match="belongs to another configuration"):
        load_state(tmp_path, model_config(SMALL | {"seed": 1}))


def test_an_extra_validation_changes_nothing_of_the_run() -> None:
    config = model_config(SMALL | {"use_early_stopping": True, "early_stopping_patience": 1})
    plain, watched = metrics_of(config), metrics_of(config, validate_at=[1, 3], probe_at=[1])
    assert [m[TRAIN_MSE] for m in watched] == [m[TRAIN_MSE] for m in plain]
    assert [m["epoch"] for m in watched if VAL_MSE in m] == [1, 2, 3, 4]
    assert [m["epoch"] for m in watched if PROBE_ACCURACY in m] == [1, 4]
    for one, other in zip(plain, watched, strict=True):
        if VAL_MSE in one:
            assert other[VAL_MSE] == one[VAL_MSE]


def test_every_report_has_the_summary_and_best_values_only_get_better() -> None:
    reports = metrics_of(model_config(SMALL | {"linear_probe_every_n_epochs": 2}))
    assert all(name in report for report in reports for name in SUMMARY)
    assert reports[0]["best_val_mse"] is None
    for before, after in pairwise(reports[1:]):
        assert after["best_val_mse"] <= before["best_val_mse"]
        assert after["best_probe_accuracy"] >= before["best_probe_accuracy"]
    assert reports[-1]["best_train_mse"] == min(report[TRAIN_MSE] for report in reports)
    assert reports[-1]["final_train_mse"] == reports[-1][TRAIN_MSE]


def test_a_diverging_run_ends_with_reason_nan() -> None:
    diverging = {"peak_lr_hidden": 1e6, "h_grad_clip_norm": None, "w_grad_clip_norm": None}
    reports = metrics_of(model_config(SMALL | diverging))
    assert reports[-1][EARLY_STOP_REASON] == "NaN"
    assert len(reports) < SMALL["epochs"]
    assert not math.isfinite(reports[-1]["Losses/train_w_energy_avg"] + reports[-1][TRAIN_MSE])


@pytest.mark.parametrize(
    ("measure", "reason"),
    [
        ("train_mse", "TrainMetric"),
        ("val_mse", "ValidationMetric"),
        ("probe_accuracy", "ProbeMetric"),
    ],
)
def test_patience_counts_evaluations_of_the_chosen_metric(measure: str, reason: str) -> None:
    config = model_config(
        SMALL
        | {
            "epochs": 12,
            "use_early_stopping": True,
            "early_stopping_metric": measure,
            "early_stopping_patience": 2,
            "early_stopping_min_delta": 100.0,
            "linear_probe_every_n_epochs": 3,
            "linear_probe_epochs": 1,
        }
    )
    reports = metrics_of(config)
    cadence = {"train_mse": 1, "val_mse": 2, "probe_accuracy": 3}[measure]
    # The first evaluation sets the best; two more do not better it by 100.
    assert len(reports) == 3 * cadence
    assert reports[-1][EARLY_STOP_REASON] == reason
    assert VAL_MSE in reports[-1]
    assert PROBE_ACCURACY in reports[-1]


def test_a_run_that_is_stopped_before_its_first_validation_has_a_model_and_pictures() -> None:
    stopping = {
        "use_early_stopping": True,
        "early_stopping_metric": "train_mse",
        "early_stopping_patience": 1,
        "early_stopping_min_delta": 100.0,
        "model_saving_metric": "val_mse",
        "save_model_train_mse_threshold": 10.0,
        "validation_every_n_epochs": 3,
    }
    run = TrainingRun(model_config(SMALL | stopping))
    assert run.run_epoch().reconstructions is None
    assert run.saved_model is None
    metrics, pictures = run.run_epoch()
    assert pictures is not None
    assert metrics[EARLY_STOP_REASON] == "TrainMetric"
    assert VAL_MSE in metrics
    assert run.saved_model is not None


def test_a_long_run_takes_the_compiled_blocks_unless_told_not_to() -> None:
    config = model_config(
        {"config": "1block", "dataset": "digits", "batch_size": 100, "epochs": 200}
    )
    short = config.model_copy(update={"epochs": 1})
    assert TrainingRun(config)._trainer._model.compiled is not None
    assert TrainingRun(config, compiled=False)._trainer._model.compiled is None
    assert TrainingRun(short)._trainer._model.compiled is None


@pytest.mark.slow
def test_digits_are_learned() -> None:
    """Errors far below the images' variance (0.14), and classes readable from the latent."""
    config = model_config(
        SMALL
        | {
            "num_blocks": 2,
            "hidden_size": 32,
            "num_heads": 1,
            "batch_size": 100,
            "train_subset": 1400,
            "epochs": 6,
            "inference_steps": 20,
            "eval_inference_steps": [20],
            "hidden_momentum": 0.7,
            "use_status_init_in_training": True,
            "use_status_init_in_unmasking": True,
            "linear_probe_every_n_epochs": 6,
            "linear_probe_use_gap": False,
            "linear_probe_epochs": 20,
            "validation_subset": 200,
            "test_subset": 198,
        }
    )
    last = metrics_of(config)[-1]
    assert last[VAL_MSE] < 0.09
    assert last[PROBE_ACCURACY] > 0.8

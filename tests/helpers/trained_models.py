"""Small trained models for the tests of their files and of their use."""

from __future__ import annotations

from functools import cache
from typing import Any

from pcsearch.pc.config_values import model_config
from pcsearch.pc.model_file import TrainedModel
from pcsearch.pc.training import TrainingRun

SMALL: dict[str, Any] = {
    "dataset": "digits",
    "hidden_size": 16,
    "num_heads": 2,
    "num_blocks": 1,
    "batch_size": 50,
    "train_subset": 100,
    "test_subset": 60,
    "validation_subset": 70,
    "epochs": 3,
    "inference_steps": 3,
    "eval_inference_steps": [4],
    "validation_every_n_epochs": 2,
    "linear_probe_every_n_epochs": 2,
    "linear_probe_epochs": 2,
    "use_ssl_augmentations": False,
    "use_early_stopping": False,
    "save_reconstruction_images": False,
    "save_reconstruction_video": False,
}

VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "fresh states": {"use_status_init_in_unmasking": True, "use_lr_schedule_h": False},
    "weights that adapt to hidden pixels": {
        "update_weights_during_unmasking": True,
        "use_corruption": True,
        "use_vode_state_layernorm": True,
        "linear_probe_vode_indices": "0, 2",
        "num_blocks": 2,
    },
    # A run that is long enough to be compiled, of which two epochs are trained.
    "compiled code": {"epochs": 100_000, "num_heads": 1},
}


@cache
def run_of(variant: str) -> tuple[TrainingRun, dict[str, Any]]:
    """A run after two of its three epochs, and the metrics of the second; only looked at."""
    run = TrainingRun(model_config(SMALL | VARIANTS[variant]))
    run.run_epoch()
    return run, run.run_epoch().metrics


def model_of(variant: str = "plain") -> TrainedModel:
    """The model of that run."""
    run, metrics = run_of(variant)
    return run.trained_model(metrics)

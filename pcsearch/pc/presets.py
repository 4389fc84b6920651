"""The presets: configurations that ``config: NAME`` picks; other parameters override them.

Each has only the values that differ from the defaults of `pcsearch.pc.config.ModelConfig`.
"""

from __future__ import annotations

from typing import Any

_SHALLOW: dict[str, Any] = {
    "reconstruction_every_n_epochs": 10,
    "num_images": 2,
    "hidden_size": 64,
    "num_heads": 1,
    "reconstruction_steps": [20],
    "peak_lr_hidden": 0.095,
    "hidden_momentum": 0.4,
    "hidden_lr_inference": 0.095,
    "use_lr_schedule_w": False,
    "early_stopping_patience": 3,
}

PRESETS: dict[str, dict[str, Any]] = {
    "debug_tiny": {
        "hidden_size": 64,
        "num_heads": 1,
        "num_blocks": 5,
        "epochs": 25,
        "peak_lr_hidden": 0.07,
        "inference_lr_scale_base": 1.1,
        "h_grad_clip_norm": 1000.0,
    },
    "0block": {**_SHALLOW, "num_blocks": 0},
    "1block": _SHALLOW,
    "2block": {**_SHALLOW, "num_blocks": 2},
    "5block": {
        "validation_every_n_epochs": 10,
        "num_images": 2,
        "hidden_size": 64,
        "num_heads": 1,
        "num_blocks": 5,
        "reconstruction_steps": [20],
        "peak_lr_hidden": 0.095,
        "hidden_momentum": 0.3,
        "use_lr_schedule_w": False,
        "h_grad_clip_norm": 5000.0,
        "early_stopping_patience": 3,
    },
    "6block": {
        **_SHALLOW,
        "num_blocks": 6,
        "theta": 10000,
        "use_lr_schedule_h": False,
        "use_ssl_augmentations": False,
        "use_cifar10_norm": False,
    },
}

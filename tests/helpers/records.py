"""An experiment's record and sweep file for tests."""

from __future__ import annotations

import hashlib
from typing import Any

TEXT = "method: grid # ünïcode\nparameters:\n  seed: {value: 1}"
HASHED = {"sweep_sha256": hashlib.sha256(TEXT.encode()).hexdigest()}
RECORD: dict[str, Any] = {
    "created": "2026-01-02T03:04:05+00:00",
    "options": {"num_samples": None, "seed": 3, "overrides": {"epochs": [1, "ü", None, 1e-5]}},
    "tracking": {"wandb": "offline"},
    "folder": "/started/there",
}

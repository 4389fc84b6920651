"""Searches as the live screen shows them, made by hand."""

from __future__ import annotations

import json
from typing import Any

from pcsearch.engine.cluster.usage import InUse
from pcsearch.reports.screen.best import Best
from pcsearch.reports.screen.estimate import Estimate
from pcsearch.reports.screen.view import Row, View
from pcsearch.sweeps.sweep import parse_sweep
from pcsearch.tracking.runs.context import RunsState

ATTACK = "[red]\x1b[31m\nevil"
"""A name with markup, a control character and the end of a line."""
NAMES = ("peak_lr_hidden", "hidden_momentum", ATTACK, "inference_lr_scale_base", "zahl_der_größe")


def made_view(running: int = 4, latest: int = 8, **changes: Any) -> View:
    """A search with five parameters.

    Args:
        running: how many trials run.
        latest: how many ended trials it shows.
        changes: of the view.
    """
    text = "method: random\nmetric: {name: val/loss, goal: minimize}\nparameters:\n"
    text += "".join(f"  {json.dumps(name)}: {{min: 0.0, max: 1.0}}\n" for name in NAMES)
    sweep = parse_sweep(text, "s.yaml", numeric=lambda _: True)
    config = {name: (i + 1) / 7 for i, name in enumerate(NAMES)}
    curve = tuple((float(epoch), 1 / epoch) for epoch in range(1, 9))
    rows = [
        Row(n, (1 / n,), f"{n}/120", "running" if n > latest else "stopped", curve, config)
        for n in range(1, latest + running + 1)
    ]
    best = Best("trial 3", (0.02297,), config)
    facts: dict[str, Any] = {
        "ends": {"stopped by ASHA": 3, "finished": 1},
        "best": best,
        "estimate": Estimate(470, 643.2, 4200.0),
        "usage": (InUse("CPU", 2, 2), InUse("GPU", 0.5, 1)),
        "wandb": RunsState("offline", 3, is_cut_off=True),
        "warnings": tuple(f"warning {i}: {ATTACK} " + "words " * 40 for i in range(5)),
    }
    return View(
        sweep.metrics,
        tuple(sweep.searched()),
        20,
        running=tuple(rows[latest:]),
        latest=tuple(rows[:latest]),
        **{**facts, **changes},
    )

"""Experiments of older searches, as they lie on the disk."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from searching import write_sweep

from pcsearch.engine.experiment.experiment import new_experiment
from pcsearch.engine.records.journal.events import Suggested, TrialEnded
from pcsearch.engine.records.journal.history import VALUES_FILE, folder_name
from pcsearch.engine.records.journal.journal_file import Journal
from pcsearch.engine.records.options import Options
from pcsearch.sweeps.configurations import Grid


def ended(values: Sequence[float | None], failed: bool = False, **last: Any) -> dict[str, Any]:
    """A trial that has ended after reports of these values of the metric."""
    return {"values": values, "failed": failed, "last": last}


def write_experiment(
    folder: Path,
    searched: dict[str, Any],
    trials: Sequence[dict[str, Any] | None],
    overrides: dict[str, Any] | None = None,
    num_samples: int | None = None,
    **top: Any,
) -> None:
    """The directory that a search of a grid leaves behind; a trial of None is unfinished."""
    sweep = write_sweep(folder.with_suffix(".yaml"), searched, **top)
    options = Options(
        storage_path=folder.parent,
        name=folder.name,
        overrides=overrides or {},
        num_samples=num_samples,
    )
    experiment = new_experiment(sweep, options)
    kept = asdict(options)
    del kept["storage_path"], kept["name"]
    kept["num_samples"] = experiment.cap
    record = {"options": kept, "folder": str(folder.parent), "tracking": {"wandb": "disabled"}}
    experiment.directory.create(experiment.sweep.text, record)
    journal = Journal(folder)
    for number, trial in enumerate(trials, start=1):
        journal.add(Suggested(f"t{number}", number))
        if trial is None:
            continue
        reports = [
            {"training_iteration": epoch, "epoch": epoch, "best_val_mse": value}
            for epoch, value in enumerate(trial["values"], start=1)
        ]
        reports[-1] |= trial["last"]
        file = folder / folder_name(number, f"t{number}") / "result.json"
        file.parent.mkdir()
        values = Grid(experiment.sweep).config(number - 1)
        (file.parent / VALUES_FILE).write_text(json.dumps(values))
        file.write_text("".join(json.dumps(report) + "\n" for report in reports))
        journal.add(TrialEnded(f"t{number}", trial["failed"], []))

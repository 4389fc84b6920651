"""What searches have found, made by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pcsearch.engine.experiment.plan import Plan
from pcsearch.engine.records.journal.events import Replicate
from pcsearch.engine.records.trial_result import Status, TrialResult
from pcsearch.engine.results.findings import Finding, Findings
from pcsearch.engine.results.origin import Origin
from pcsearch.sweeps.replicates import Replicates
from pcsearch.sweeps.sweep import parse_sweep


def made_trial(
    number: int,
    config: dict[str, Any],
    *values: float | None,
    status: Status = "finished",
    folder: Path | None = None,
    running: bool = False,
    replicate: Replicate | None = None,
) -> Finding:
    """A trial of five epochs that ran for ten seconds; its reports are written into a folder."""
    path = Path() if folder is None else folder / f"000{number}_t{number}"
    if folder is not None:
        path.mkdir(parents=True, exist_ok=True)
        reports = [
            {"epoch": epoch, "loss": (values[0] or 0) + 5 - epoch, "training_iteration": epoch}
            for epoch in range(1, 6)
        ]
        (path / "result.json").write_text("".join(f"{json.dumps(each)}\n" for each in reports))
    result = TrialResult(
        *(number, f"t{number}", path.name, config, status, 5, values, 10.0), replicate=replicate
    )
    return Finding(result, path, running, "", "one", 1000.0 * number, 1000.0 * number + 10, 5)


def made_findings(text: str, trials: Sequence[Finding]) -> Findings:
    """A search of a sweep file's text."""
    sweep = parse_sweep(text, "s.yaml")
    return Findings("/results/here", sweep, sweep.metrics, tuple(trials), 99, "finished", ())


def made_race(values: Mapping[int, Sequence[float]], seed: str = "seed") -> Findings:
    """A search with two seeds as replicates; later values of a configuration are of fresh seeds.

    Args:
        values: of the runs of each configuration, by its ``x``, which is its number too.
        seed: the name of the parameter of the seeds.
    """
    text = (
        "method: grid\nmetric: {name: loss, goal: minimize}\nrun_cap: 9\nparameters:\n"
        f"  x: {{values: {[*range(1, 10)]}}}\n  {seed}: {{values: [1, 2]}}\n"
    )
    findings = made_findings(text, [])
    runs = [(x, place, value) for x, each in values.items() for place, value in enumerate(each)]
    trials = [
        made_trial(number, {"x": x, seed: place + 1}, value, replicate=Replicate(x, place))
        for number, (x, place, value) in enumerate(runs, start=1)
    ]
    replicates = Replicates(findings.sweep.parameters[seed], [1, 2])
    return replace(findings, trials=tuple(trials), replicates=replicates)


def made_origin(findings: Findings, rungs: Sequence[int] = (), **changes: Any) -> Origin:
    """Where a search comes from."""
    sweep = findings.sweep
    plan = Plan(
        sweep, sweep.metrics, 99, None, "independent draws", 5, tuple(rungs), "epochs", (), ()
    )
    resume = f"python -m pcsearch --resume {findings.place}"
    facts = {"versions": {"ray": "2.60.0"}, "folder": "/work", "tracking": {"wandb": "disabled"}}
    facts |= {"address": None, "repeat": "python -m pcsearch s.yaml --seed 7", "changed": ""}
    return Origin(**{"name": "here", "plan": plan, "seed": 7, "resume": resume, **facts, **changes})

"""Writes the plan of a search as text for a person, or as JSON for a program."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import yaml

from pcsearch.engine.experiment.plan import Plan
from pcsearch.sweeps.messages import bare, shown
from pcsearch.sweeps.parameters import nested, value_of


def as_text(plan: Plan) -> str:
    """The plan as lines of text for a person."""
    return "\n".join(_lines(plan))


def as_document(plan: Plan) -> str:
    """The plan as one JSON document; infinities and NaN are text, as JSON has no such numbers."""
    sweep = plan.sweep
    metrics = [metric.spec() for metric in plan.metrics]
    document = {
        "method": sweep.method,
        "metric": metrics[0] if metrics else None,
        **({"metrics": metrics} if len(metrics) > 1 else {}),
        "trials": plan.trials,
        "begun": plan.begun,
        "first": plan.first,
        "grid_size": plan.grid_size,
        "searcher": plan.searcher,
        "scheduler": _scheduler(plan),
        "parameters": {
            p.name: {
                "distribution": p.distribution.kind,
                **p.distribution.spec(),
                "meaning": p.distribution.describe(),
            }
            for p in sweep.searched()
        },
        "fixed": nested((p, p.distribution.ppf(0)) for p in _fixed(plan)),
        "notes": list(plan.notes),
        "configs": list(plan.configs),
        "runs": plan.runs or "the PC transformer",
        "commands": list(plan.commands),
    }
    return json.dumps(plain(document), indent=2, ensure_ascii=False, allow_nan=False)


def _lines(plan: Plan) -> Iterator[str]:
    sweep = plan.sweep
    if sweep.name is not None:
        yield f"name: {shown(sweep.name)}"
    if plan.runs:
        yield f"trials run: {plan.runs}"
    yield f"method: {sweep.method}: {plan.searcher}"
    for metric in plan.metrics:
        yield f"metric: {metric.describe()}"
    whose = "the grid has" if sweep.method == "grid" else "the parameters have"
    grid = "" if plan.grid_size is None else f" ({whose} {plan.grid_size:,} combinations)"
    begun = f", of which {plan.begun:,} have begun" if plan.begun else ""
    yield f"trials: {'no bound' if plan.trials is None else f'{plan.trials:,}'}{grid}{begun}"
    if sweep.early_terminate is not None:
        yield f"scheduler: {_rungs(plan)}"
    yield "parameters:"
    for parameter in sweep.searched():
        yield f"  {parameter.name}: {parameter.distribution.describe()}"
    fixed = _fixed(plan)
    if fixed:
        yield "fixed:"
    for parameter in fixed:
        yield f"  {parameter.name}: {parameter.distribution.describe()}"
    if plan.notes:
        yield "notes:"
    for note in plan.notes:
        yield f"  {note}"
    for index, config in enumerate(plan.configs):
        values = nested((p, value_of(config, p)) for p in sweep.searched())
        text = yaml.safe_dump(
            values, default_flow_style=True, sort_keys=False, width=math.inf, allow_unicode=True
        )
        yield f"trial {plan.first + index}: {text.strip()}"
        if plan.commands:
            yield f"  $ {plan.commands[index]}"


def _fixed(plan: Plan) -> list[Any]:
    return [parameter for parameter in plan.sweep.parameters.values() if parameter.fixed]


def _rungs(plan: Plan) -> str:
    hyperband = plan.sweep.early_terminate
    assert hyperband is not None, "called only for a sweep with early_terminate"
    curve = "" if hyperband.strict else " by its best values so far"
    whose = f"{bare(_compared_by(plan))} " if len(plan.metrics) > 1 else "value "
    rungs = hyperband.describe_rungs(plan.max_epochs)
    return (
        f"ASHA with rungs after {rungs} {plan.counted}: there and at each later report a trial "
        f"continues while its {whose}at the end, as predicted{curve}, is among the best "
        f"1/{hyperband.eta:g} and may still become one of the best three"
    )


def _scheduler(plan: Plan) -> dict[str, Any] | None:
    hyperband = plan.sweep.early_terminate
    if hyperband is None:
        return None
    return {
        "type": "ASHA",
        "rungs": list(plan.rungs),
        "counted": plan.counted,
        "eta": hyperband.eta,
        "strict": hyperband.strict,
        "metric": _compared_by(plan),
    }


def _compared_by(plan: Plan) -> str:
    """The name of the metric by which trials are stopped early."""
    return plan.metrics[plan.sweep.compared_by].name


def plain(value: Any) -> Any:
    """A value that JSON can hold: infinities and NaN as YAML writes them, and keys as text."""
    if isinstance(value, float) and not math.isfinite(value):
        return yaml.safe_dump(value).split()[0]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else str(key): plain(v) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value

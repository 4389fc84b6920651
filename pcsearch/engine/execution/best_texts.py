"""The files that describe the best model of a search, beside its weights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pcsearch import __version__
from pcsearch.engine.execution.candidate import Candidate
from pcsearch.engine.execution.result_log import plain
from pcsearch.engine.experiment.experiment import Experiment
from pcsearch.engine.records.kept_model import METRICS_FILE
from pcsearch.engine.records.report import epoch_of, reported_by_trial
from pcsearch.engine.results.configurations import Configuration, LiveConfigurations
from pcsearch.engine.results.groups import Group
from pcsearch.sweeps.metrics import Metric

CONFIG_FILE, README = "config.json", "README.md"
TITLE = "# The best model of the search "


def texts_of(
    experiment: Experiment,
    metric: Metric,
    configurations: LiveConfigurations,
    candidate: Candidate,
) -> dict[str, str]:
    """The contents of config.json, README.md and metrics.json of the best model, by these names.

    metrics.json comes last: where it is, the others are.

    Args:
        experiment: the search.
        metric: by which the model is the best.
        configurations: of the search, where seeds are replicates.
        candidate: the checkpoint that has the model.
    """
    configuration = configurations.of(candidate.replicate)
    return {
        CONFIG_FILE: _json(experiment.workload.effective_config(candidate.config)),
        README: "\n".join([*_lines(experiment, metric, configuration, candidate), ""]),
        METRICS_FILE: _json(_metrics(metric, configuration, candidate)),
    }


def is_ours(name: str, text: str) -> bool:
    """Whether pcsearch wrote a file of ``DIR/best``; a checkpoint may have one of the same name."""
    return name == METRICS_FILE or (name == README and text.startswith(TITLE))


def _lines(
    experiment: Experiment,
    metric: Metric,
    configuration: Configuration | None,
    candidate: Candidate,
) -> Iterator[str]:
    epoch = epoch_of(candidate.report, experiment.workload.time_attr)
    folder = Path(candidate.checkpoint.path).name
    load = f"a copy of the files of `{folder}` in the trial's folder, as it wrote them"
    if experiment.workload.model_file is not None:
        load = '`pcsearch.load_model("best")`, or `python -m pcsearch.train --from best --eval`'
    yield f"{TITLE}{experiment.directory.name}"
    yield f"- Trial: {candidate.number} ({candidate.trial_id}), after epoch {epoch}"
    yield f"- {metric.name}: {candidate.value!r} ({metric.goal}d)"
    replicate, replicates = candidate.replicate, experiment.replicates
    if replicate is not None and replicates is not None:
        run = replicates.in_words(*replicate).capitalize()
        yield f"- {run}: the best run of the configuration with the best mean"
    if configuration is not None:
        yield f"- Over its seeds: {metric.name} {configuration.in_words()}"
    yield f"- To load it: {load}"
    yield f"- Kept by pcsearch {__version__}"


def _metrics(
    metric: Metric, configuration: Configuration | None, candidate: Candidate
) -> dict[str, Any]:
    replicate = candidate.replicate
    about: dict[str, Any] = {}
    if replicate is not None:
        about["configuration"] = replicate.configuration
    if configuration is not None:
        about["over_seeds"] = _mean(configuration.judged_by)
        if configuration.confirmation is not None:
            about["chosen_by"] = _mean(configuration.runs)
    return {
        "trial": candidate.number,
        "trial_id": candidate.trial_id,
        "metric": metric.name,
        "goal": metric.goal,
        "value": candidate.value,
        **about,
        "metrics": dict(reported_by_trial(candidate.report)),
    }


def _mean(group: Group) -> dict[str, float | int | None]:
    return {"mean": group.means[0], "deviation": group.deviations[0], "seeds": group.count}


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, default=plain) + "\n"

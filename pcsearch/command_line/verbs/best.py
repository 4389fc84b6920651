"""``python -m pcsearch best DIR``: the best configuration of a search, and its model."""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from pcsearch.command_line.verbs.verb import DIRECTORY, verb
from pcsearch.system.exits import DONE

if TYPE_CHECKING:
    from pcsearch.engine.records.kept_model import KeptModel
    from pcsearch.engine.results.findings import Findings

NAME = "best"


@verb(NAME)
@DIRECTORY
@click.option("--json", "as_json", is_flag=True, help="Print the best trial as JSON.")
def command(directory: str, as_json: bool) -> int:
    """Show the best configuration of the search in DIR, and where its model lies.

    DIR is the directory, or the address, of a search that has ended, is running or was
    interrupted. Nothing in it changes.
    """
    return show_best(directory, as_json=as_json)


def show_best(place: str, *, as_json: bool) -> int:
    """Print the best trial of a search; of several metrics, those that no other trial beats.

    Args:
        place: the path or the address of its directory.
        as_json: whether they are printed as JSON.

    Raises:
        PcsearchError: there is no such search.
    """
    from pcsearch.engine.experiment.experiment import stored_search
    from pcsearch.engine.records.directory import directory_at
    from pcsearch.engine.records.kept_model import best_kept_model
    from pcsearch.engine.results.findings import read_findings
    from pcsearch.reports.plan import plain

    directory = directory_at(place.removeprefix("file://"), NAME)
    with directory.read():
        findings = read_findings(directory)
        model = best_kept_model(directory, findings.metrics)
        # A function's own checkpoint is nothing that this program can load.
        is_transformer = stored_search(directory).workload.model_file is not None
    if as_json:
        document = plain(_document(findings, model))
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print(findings, model, loads_model=directory.copy is None and is_transformer)
    return DONE


def _document(findings: Findings, model: KeptModel | None) -> dict[str, Any]:
    """The best trials, or that of the best configuration, as JSON has them."""
    from pcsearch.reports.configurations import configuration_document
    from pcsearch.reports.findings import trial_document

    document: dict[str, Any] = {
        "place": findings.place,
        "state": findings.state,
        "model": None if model is None else asdict(model),
    }
    if findings.configurations:
        names = [metric.name for metric in findings.metrics]
        document["configuration"] = configuration_document(findings.configurations[0], names)
    if findings.replicates is None:
        front = [each for each in findings.trials if each.result.number in findings.front]
    else:
        front = [] if findings.best is None else [findings.best]
    document["trials"] = [trial_document(each, findings.metrics) for each in front]
    return document


def _print(findings: Findings, model: KeptModel | None, *, loads_model: bool) -> None:
    """Print the best configuration, and where its model lies.

    Args:
        findings: of the search.
        model: its best one, None where none is kept.
        loads_model: whether ``pcsearch.train`` loads it from where it lies.
    """
    from pcsearch.reports.configurations import best_configuration, trial_in_words
    from pcsearch.reports.notes import console, say, warn
    from pcsearch.reports.results import best_configurations, number

    output = console()
    parts = best_configurations(findings.results, findings.sweep, findings.metrics)
    if findings.replicates is not None:
        parts = best_configuration(
            findings.configurations, findings.sweep, findings.metrics[0], findings.replicates
        )
    for part in parts:
        output.print(part)
    if model is not None:
        measured = f"{model.metric} {number(model.value)}"
        of = trial_in_words(model.trial, findings.results, findings.replicates, measured)
        say(output, f"The best model, of {of}, lies in {model.place}")
        if loads_model:
            command = f"python -m pcsearch.train --from {shlex.quote(model.place)}"
            say(output, f"Evaluate it, or train it longer: {command} --eval | --epochs N")
    warn(console(stderr=True), *findings.notes)

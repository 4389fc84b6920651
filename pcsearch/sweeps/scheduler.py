"""The ``scheduler`` of a sweep file: the program that chooses the trials."""

from __future__ import annotations

from pcsearch.errors import Problem
from pcsearch.sweeps.messages import listed, shown
from pcsearch.sweeps.reading.document import Document

ENGINES = ("optuna", "wandb")
LAUNCH = (
    *("job", "name", "num_workers", "resource", "resource_args", "docker_image", "settings"),
    "template_variables",
)
"""Keys of W&B Launch, which runs a scheduler as a job."""

REFUSED = {
    key: f"{key} is not supported: code of a sweep file is not run; list parameters instead"
    for key in ("source", "optimizer", "search_space")
}


def check_scheduler(document: Document, problems: list[Problem], notes: list[str]) -> None:
    """Check that the scheduler of a file is supported and fits its method.

    Args:
        document: the file.
        problems: every problem is appended here.
        notes: every key without effect is appended here, a line each.
    """
    method = document.value.get("method")
    path = ("scheduler",)
    scheduler = document.value.get("scheduler", {})
    if not isinstance(scheduler, dict):
        problems.append(document.not_a_mapping(path, "{engine: optuna}"))
        return
    if scheduler:
        problems += document.unknown_keys(path, ("engine", *LAUNCH), REFUSED)
    for key in LAUNCH:
        if key in scheduler:
            message = "not used: pcsearch starts the trials"
            notes.append(str(document.problem((*path, key), message)))
    if "engine" not in scheduler:
        if method == "custom":
            message = "custom needs an engine; write scheduler: {engine: optuna}"
            problems.append(document.problem(("method",), message))
        return
    engine = scheduler["engine"]
    if engine not in ENGINES:
        message = f"engine {shown(engine)} is not supported; use {listed(ENGINES)}"
        problems.append(document.problem((*path, "engine"), message))
    elif (engine == "optuna") != (method == "custom"):
        needed = "custom" if engine == "optuna" else "grid, random or bayes"
        message = f"engine {engine} is for method {needed}"
        problems.append(document.problem((*path, "engine"), message))

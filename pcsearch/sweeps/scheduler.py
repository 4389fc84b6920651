"""The ``scheduler`` of a sweep file: which program chooses the trials."""

from __future__ import annotations

from pcsearch.errors import Problem
from pcsearch.sweeps.keys import check_keys, not_a_mapping
from pcsearch.sweeps.positions import Document
from pcsearch.sweeps.wording import listed, shown

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
    """Hold the scheduler of a file to its method, and to what there is here.

    Args:
        document: the file.
        problems: where what is wrong is appended.
        notes: where what has no effect is appended.
    """
    method = document.value.get("method")
    path = ("scheduler",)
    given = document.value.get("scheduler", {})
    if not isinstance(given, dict):
        problems.append(not_a_mapping(document, path, "{engine: optuna}"))
        return
    problems += check_keys(document, path, given, ("engine", *LAUNCH), REFUSED)
    for key in LAUNCH:
        if key in given:
            message = "not used: pcsearch starts the trials"
            notes.append(str(document.problem((*path, key), message)))
    if "engine" not in given:
        if method == "custom":
            message = "custom needs an engine; write scheduler: {engine: optuna}"
            problems.append(document.problem(("method",), message))
        return
    engine = given["engine"]
    if engine not in ENGINES:
        message = f"engine {shown(engine)} is not supported; use {listed(ENGINES)}"
        problems.append(document.problem((*path, "engine"), message))
    elif (engine == "optuna") != (method == "custom"):
        needed = "custom" if engine == "optuna" else "grid, random or bayes"
        message = f"engine {engine} is for method {needed}"
        problems.append(document.problem((*path, "engine"), message))

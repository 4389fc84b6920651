"""Notes for the user about settings for W&B that have no effect here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pcsearch.tracking.server.mode import WandbMode
from pcsearch.tracking.server.settings import read_settings, variables

KEPT = {
    "WANDB_PROJECT": "project",
    "WANDB_ENTITY": "entity",
    "WANDB_TAGS": "tags",
    "WANDB_NOTES": "notes",
    "WANDB_JOB_TYPE": "job_type",
}
"""The variables that a search uses when it starts, and their names in its record."""
ONE_RUN = "each trial is a run of its own; --sweep-id ID chooses their sweep"
RESUMES = "--resume DIR resumes a search"
UNUSED_IN_SEARCH = {
    "WANDB_RUN_GROUP": "the group of a search's runs is the experiment, which --name names",
    "WANDB_NAME": "the name of a run is that of its trial's folder",
    "WANDB_DIR": "W&B's files go to the experiment's directory, where --resume finds them",
    "WANDB_SWEEP_ID": ONE_RUN,
    "WANDB_RUN_ID": ONE_RUN,
    "WANDB_RESUME": RESUMES,
    "WANDB_RESUME_FROM": RESUMES,
    "WANDB_FORK_FROM": RESUMES,
}
"""The variables that a search does not use, each with the reason."""
STARTS_ANEW = "a single run starts anew"
UNUSED_IN_SINGLE_RUN = {
    "WANDB_DIR": "W&B's files go to the run's own folder below --output",
    "WANDB_RUN_ID": STARTS_ANEW,
    "WANDB_RESUME": STARTS_ANEW,
    "WANDB_RESUME_FROM": STARTS_ANEW,
    "WANDB_FORK_FROM": STARTS_ANEW,
}
"""The variables that a single run does not use, each with the reason."""


def notes_for_search(
    mode: WandbMode, tracking: Mapping[str, Any], description: str | None
) -> list[str]:
    """A line for each setting that a search does not use, with the reason.

    Args:
        mode: where the runs go.
        tracking: the settings in the search's record. A resumed search keeps those of its start.
        description: of the sweep file; it goes before WANDB_NOTES.
    """
    if mode.mode == "disabled":
        return []
    user = read_settings()
    kept = {**tracking, "notes": description or tracking.get("notes")}
    wished = {name: user.text(name) for name in ("project", "entity")} | user.of_runs()
    unused = dict(UNUSED_IN_SEARCH)
    for variable, name in KEPT.items():
        if wished.get(name) and wished[name] != kept.get(name):
            unused[variable] = f"the search has {_shown(kept.get(name))}"
    return _notes(mode, unused)


def notes_for_single_run(mode: WandbMode, in_agent: bool) -> list[str]:
    """A line for each setting that a single run does not use, with the reason.

    Args:
        mode: where the run goes.
        in_agent: whether an agent of W&B has started it: the agent sets WANDB_DIR and the run's id.
    """
    if mode.mode == "disabled":
        return []
    unused = dict(UNUSED_IN_SINGLE_RUN)
    if in_agent:
        del unused["WANDB_DIR"], unused["WANDB_RUN_ID"]
    return _notes(mode, unused)


def _notes(mode: WandbMode, unused: dict[str, str]) -> list[str]:
    broken = read_settings().broken
    # The reason for the mode may have said so.
    lines = [f"{each} is not used: it is not valid" for each in broken if each not in mode.reason]
    lines += [
        f"{name} is not used: {unused[name]}"
        for name, _ in variables()
        if name in unused and name not in broken
    ]
    return [f"W&B: {line}" for line in lines]


def _shown(value: Any) -> str:
    """A kept setting in the words of a note."""
    if not value:
        return "none"
    return ", ".join(value) if isinstance(value, list) else str(value).partition("\n")[0]

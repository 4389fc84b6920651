"""Notes for the user about settings for W&B that have no effect here."""

from __future__ import annotations

from pcsearch.tracking.server.mode import WandbMode
from pcsearch.tracking.server.settings import read_settings, variables

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
    "WANDB_RESUME": STARTS_ANEW,
    "WANDB_RESUME_FROM": STARTS_ANEW,
    "WANDB_FORK_FROM": STARTS_ANEW,
}
"""The variables that a single run does not use, each with the reason."""


def notes_for_search(mode: WandbMode, described: bool) -> list[str]:
    """A line for each setting that a search does not use, with the reason.

    Args:
        mode: where the runs go.
        described: whether the sweep file has a description, which goes before WANDB_NOTES.
    """
    if mode.mode == "disabled":
        return []
    unused = dict(UNUSED_IN_SEARCH)
    if described:
        unused["WANDB_NOTES"] = "the notes of the runs are the file's description"
    return _notes(mode, unused)


def notes_for_single_run(mode: WandbMode, in_agent: bool) -> list[str]:
    """A line for each setting that a single run does not use, with the reason.

    Args:
        mode: where the run goes.
        in_agent: whether an agent of W&B has started it: the agent sets WANDB_DIR.
    """
    if mode.mode == "disabled":
        return []
    unused = dict(UNUSED_IN_SINGLE_RUN)
    if in_agent:
        del unused["WANDB_DIR"]
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

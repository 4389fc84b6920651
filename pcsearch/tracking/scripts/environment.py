"""What programs are told, so that the run they start at W&B is the run of their trial."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pcsearch.engine.workloads.programs.settings import ProgramTracking
from pcsearch.tracking.runs.context import RunGroup
from pcsearch.tracking.runs.offline_files import largest_value, run_files
from pcsearch.tracking.server.api import Mode
from pcsearch.tracking.server.credentials import SECRETS, SERVICE
from pcsearch.tracking.server.notes import KEPT
from pcsearch.tracking.server.settings import AGENT_VARIABLES, DISABLED, OTHER_RUN

HOOK = "tracking/scripts/hook"
"""The folder below pcsearch's own that programs have first on their Python path."""
FOLDERS = {"online": "{folder}", "offline": "{directory}", "disabled": "{temporary}"}
"""By the mode, where the files of a run go; a run that nobody wants has files, too."""
TAGS = "PCSEARCH_WANDB_TAGS"
PREFIX = "WANDB_"
NOT_FOR_PROGRAMS = (*SECRETS, SERVICE, *AGENT_VARIABLES, *OTHER_RUN, *KEPT, DISABLED)
"""The user's own variables for W&B that would lead a program elsewhere, or that are secret.

What a search has by its record is given to them as it is there. Where W&B is switched off,
libraries make no calls of it, and there would be nothing to follow.
"""


def program_tracking(
    group: RunGroup, mode: Mode, key: str | None, *, replicated: bool = False
) -> ProgramTracking:
    """The variables of a search's programs, and the hook that follows what they log.

    Args:
        group: what the runs have in common.
        mode: where the runs go.
        key: for W&B's server; None where runs do not go there.
        replicated: whether the runs of each configuration are a group.
    """
    if replicated:
        group = group.named("{configuration}")
    variables: dict[str, Any] = {
        "WANDB_MODE": "online" if mode == "online" else "offline",
        "WANDB_DIR": FOLDERS[mode],
        "WANDB_PROJECT": group.project,
        "WANDB_ENTITY": group.entity,
        "WANDB_RUN_GROUP": group.name,
        "WANDB_NOTES": group.notes,
        "WANDB_JOB_TYPE": group.job_type,
        "WANDB_SWEEP_ID": group.sweep_id,
        "WANDB_RUN_ID": "{trial}",
        "WANDB_NAME": "{name}",
        "WANDB_RESUME": "allow",
        "WANDB_SWEEP_PARAM_PATH": "{values}",
        "WANDB_API_KEY": key,
        TAGS: json.dumps(group.tags),
    }
    own = {name: value for name, value in variables.items() if value}
    users = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(PREFIX) and name not in NOT_FOR_PROGRAMS
    }
    return ProgramTracking(
        users | own,
        HOOK,
        ("wandb/offline-run-*-{trial}",),
        (PREFIX,),
        largest_value,
        has_run,
    )


def has_run(variables: Mapping[str, str]) -> bool:
    """Whether a program has begun its trial's run.

    Args:
        variables: of the program.
    """
    return bool(run_files(Path(variables["WANDB_DIR"]), variables["WANDB_RUN_ID"]))

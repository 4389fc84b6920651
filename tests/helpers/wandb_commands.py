"""The commands that W&B's own agent runs."""

from __future__ import annotations

import copy
from typing import Any

from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args


def agents_words(command: list[Any], program: str, values: dict[str, Any]) -> list[str]:
    """What W&B's agent makes of a command: its `_command_run`, without the start of a process."""
    arguments = {name: {"value": value} for name, value in values.items()}
    meant: dict[str, Any] = create_sweep_command_args({"args": arguments})
    meant |= {"interpreter": ["python"], "program": [program], "env": ["/usr/bin/env"]}
    meant["args_json_file"] = ["v.json"]
    words: list[str] = []
    for each in create_sweep_command(copy.deepcopy(command)):
        word = str(each)
        if word.startswith("${") and word.endswith("}"):
            words += meant.get(word[2:-1]) or []
        else:
            words.append(word)
    return words

"""Learns which sweep a script wants that calls ``wandb.sweep`` and then ``wandb.agent``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pcsearch.engine.workloads.programs.errors import last_lines
from pcsearch.engine.workloads.programs.location import search_path
from pcsearch.errors import PcsearchError, Problem, bounded
from pcsearch.sweeps.program import ENV, INTERPRETER, PROGRAM
from pcsearch.system.temporary import temporary_folder

HOOK = str(Path(__file__).parent / "hook")
PLAN, FUNCTION = "PCSEARCH_PLAN_FILE", "PCSEARCH_FUNCTION"
"""The variables of `hook.pcsearch_wandb_sweeps`."""
NEEDED = "it has to call wandb.sweep(...) and then wandb.agent(id, function)"


@dataclass(frozen=True)
class ScriptSweep:
    """The sweep of a script.

    Args:
        text: of a sweep file that has it; its program is the script.
        count: how many trials the script asks for, None where it does not say.
    """

    text: str
    count: int | None


def sweep_of(script: Path, arguments: Sequence[str]) -> ScriptSweep:
    """Start a script, and end it when it calls ``wandb.agent``.

    Args:
        script: its path.
        arguments: its own words.

    Raises:
        PcsearchError: there is no such script, or it does not come to its agent.
    """
    if script.suffix == ".ipynb":
        message = "a notebook cannot be run; save it as a script (jupyter nbconvert --to script)"
        raise PcsearchError(Problem(message, str(script)))
    if not script.is_file():
        raise PcsearchError(Problem("there is no such file", str(script)))
    with temporary_folder() as folder:
        file, output = folder / "plan.json", folder / "output.txt"
        status = _status([sys.executable, str(script), *arguments], file, output)
        if not file.exists():
            raise PcsearchError(Problem(_why(status, last_lines(output)), str(script)))
        plan = json.loads(file.read_text(encoding="utf-8"))
    if "error" in plan:
        raise PcsearchError(Problem(plan["error"], str(script)))
    return _read(plan, script, arguments)


def _status(words: Sequence[str], file: Path, output: Path) -> int:
    """Run the script until it has told its sweep; its exit status."""
    own = {
        "PYTHONPATH": os.pathsep.join(filter(None, [HOOK, os.environ.get("PYTHONPATH")])),
        "PATH": search_path(),
        # Nothing that it logs before is of a trial.
        "WANDB_MODE": "disabled",
        PLAN: str(file),
    }
    with output.open("wb") as stream:
        process = subprocess.Popen(  # noqa: S603 - the user's script
            words,
            env=os.environ | own,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            return process.wait()
        finally:
            # It may have started others, and Ctrl-C does not reach it.
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _why(status: int, lines: Sequence[str]) -> str:
    if status:
        last = f": {lines[-1]}" if lines else ""
        return f"it failed before it called wandb.agent (exit status {status}){last}"
    return f"it has ended without a call of wandb.agent; {NEEDED}"


def _read(plan: Mapping[str, Any], script: Path, arguments: Sequence[str]) -> ScriptSweep:
    config, count = {"name": script.stem, **plan["config"]}, plan["count"]
    if not (count is None or (isinstance(count, int) and count > 0)):
        message = f"wandb.agent: a count of {bounded(str(count), 50)} is no number of trials"
        raise PcsearchError(Problem(message, str(script)))
    if plan["has_function"]:
        words = [f"{FUNCTION}=1", INTERPRETER, PROGRAM, *arguments]
        config |= {"program": str(script), "command": [ENV, *words]}
    elif "program" not in config:
        message = "wandb.agent has no function, and the sweep no program; give one of them"
        raise PcsearchError(Problem(message, str(script)))
    return ScriptSweep(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), count)

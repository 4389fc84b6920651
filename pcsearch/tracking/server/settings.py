"""What the user has set for W&B, in W&B's settings files and in the environment."""

from __future__ import annotations

import configparser
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from pcsearch.errors import PcsearchError, Problem
from pcsearch.tracking.wandb_internals import load_client

if TYPE_CHECKING:
    import wandb

AGENT_VARIABLES = ("WANDB_SWEEP_ID", "WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH")
"""By these an agent of W&B tells a process which run it is, of which sweep, and its values."""
OTHER_RUN = ("WANDB_RESUME", "WANDB_RESUME_FROM", "WANDB_FORK_FROM", "WANDB_LAUNCH")
"""By these W&B's client continues another run than the one that is asked for."""
PROJECT_LENGTH, NOT_IN_PROJECT = 128, "/\\#?%:"
"""What W&B says of the name of a project."""
DEFAULT_PROJECT = "pcsearch"
DISABLED = "WANDB_DISABLED"
NAMES = {
    "WANDB_TAGS": "run_tags",
    "WANDB_NOTES": "run_notes",
    "WANDB_NAME": "run_name",
    "WANDB_JOB_TYPE": "run_job_type",
}
"""The variables that are not ``WANDB_`` and the name of the setting, with the setting."""
USED = ("mode", "project", "entity", "run_group", "sweep_id", "run_id", "silent", *NAMES.values())
"""The settings that are read here; others are left to W&B's client."""
GIVEN = ("WANDB_PROJECT", "WANDB_ENTITY", "WANDB_RUN_GROUP", *NAMES)
"""The variables whose values are given to each run."""
NOT_IN_FILES = ("anonymous", "root_dir", "settings_system")
"""Settings that W&B ignores in its files."""
FALSE = ("", "0", "false", "no", "off", "n", "f")

_SWITCHES: dict[str, Literal["offline", "disabled"]] = {
    "offline": "offline",
    "dryrun": "offline",
    "disabled": "disabled",
}


class Setting(NamedTuple):
    """A setting of the user's.

    Args:
        value: as it is written.
        place: the name of the variable, or the path of the file.
        is_variable: whether it is a variable of the environment.
    """

    value: str
    place: str
    is_variable: bool


class SwitchedOff(NamedTuple):
    """That the user has turned W&B off, and one line that says where."""

    mode: Literal["offline", "disabled"]
    reason: str


@dataclass(frozen=True)
class UserSettings:
    """The user's settings for W&B, in W&B's own order: the environment goes before the files.

    Args:
        settings: by W&B's name of the setting, without those that are not valid.
        broken: where there is something that W&B's client cannot read; no values, which may be
            secret.
    """

    settings: Mapping[str, Setting] = field(default_factory=dict)
    broken: tuple[str, ...] = ()

    @property
    def switched_off(self) -> SwitchedOff | None:
        """Whether the user has turned W&B off, None where not."""
        variable = os.environ.get(DISABLED, "").strip()
        if variable.lower() not in FALSE:
            return SwitchedOff("disabled", f"{DISABLED} is {variable}")
        setting = self.settings.get("mode")
        if setting is None or setting.value not in _SWITCHES:
            return None
        verb = "is" if setting.is_variable else "says"
        return SwitchedOff(_SWITCHES[setting.value], f"{setting.place} {verb} {setting.value}")

    def text(self, name: str) -> str | None:
        """The value of a setting, None where it is not set."""
        setting = self.settings.get(name)
        return None if setting is None else setting.value

    def choose(self, name: str, option: str | None, in_sweep: str | None = None) -> str | None:
        """A setting in the order of ``wandb sweep``; None where it is set nowhere.

        Args:
            name: of the setting.
            option: the value on the command line, which goes first.
            in_sweep: the value in a sweep file, which goes before the settings files.
        """
        setting = self.settings.get(name)
        if option or setting is None:
            return option or in_sweep
        return setting.value if setting.is_variable else in_sweep or setting.value

    def of_runs(self) -> dict[str, Any]:
        """What every run gets, where it is set: ``tags``, ``notes`` and ``job_type``."""
        tags = [tag.strip() for tag in (self.text("run_tags") or "").split(",")]
        values = {
            "tags": [tag for tag in tags if tag],
            "notes": self.text("run_notes"),
            "job_type": self.text("run_job_type"),
        }
        return {name: value for name, value in values.items() if value}


def read_settings() -> UserSettings:
    """Read the user's settings. Nothing is asked or printed, and W&B's client is not started."""
    load_client()
    import wandb

    settings: dict[str, Setting] = {}
    broken: list[str] = []
    probe = wandb.Settings()
    for file in (_global_file(), Path(probe.settings_workspace)):
        for name, value in _in_file(file, broken):
            if not _is_valid(probe, name, value):
                broken.append(f"{name} in {_shown(file)}")
            elif name in USED:
                settings[name] = Setting(value, _shown(file), is_variable=False)
    for variable, value in variables():
        name = NAMES.get(variable, variable.removeprefix("WANDB_").lower())
        if _is_broken(probe, variable, value):
            broken.append(variable)
        elif name in USED:
            settings[name] = Setting(value, variable, is_variable=True)
    return UserSettings(settings, tuple(broken))


def unusable_variables() -> tuple[str, ...]:
    """The variables that keep W&B's client from starting a run, or have it start another one.

    Those that are read here are among them: each run is given what they say.
    """
    load_client()
    import wandb

    probe = wandb.Settings()
    empty = [name for name, value in os.environ.items() if _is_wandbs(name) and not value.strip()]
    broken = [name for name, value in variables() if _is_broken(probe, name, value)]
    return (*AGENT_VARIABLES, *OTHER_RUN, *GIVEN, *empty, *broken)


def variables() -> Iterator[tuple[str, str]]:
    """The environment's variables for W&B, with their values; an empty one is as good as none."""
    for name, text in list(os.environ.items()):
        if _is_wandbs(name) and (value := text.strip()):
            yield name, value.lower() if name == "WANDB_MODE" else value


def _is_wandbs(variable: str) -> bool:
    return variable.startswith("WANDB_")


def _is_broken(probe: wandb.Settings, variable: str, value: str) -> bool:
    try:
        probe.update_from_env_vars({variable: value})
    # The client raises errors of several types.
    except Exception:
        return True
    return False


def _is_valid(probe: wandb.Settings, name: str, value: str) -> bool:
    try:
        probe.update_from_dict({name: value.split(",") if name == "ignore_globs" else value})
    # As above.
    except Exception:
        return False
    return True


def _global_file() -> Path:
    folder = os.environ.get("WANDB_CONFIG_DIR") or Path("~", ".config", "wandb")
    return Path(folder).expanduser() / "settings"


def _in_file(file: Path, broken: list[str]) -> Iterator[tuple[str, str]]:
    """The settings of a file in INI format; a file that cannot be read is added to ``broken``."""
    parser = configparser.ConfigParser()
    try:
        parser.read(file, encoding="utf-8")
        items = parser.items("default") if parser.has_section("default") else []
    except (OSError, UnicodeDecodeError, configparser.Error):
        broken.append(_shown(file))
        return
    yield from ((name, value) for name, value in items if name not in NOT_IN_FILES)


def _shown(file: Path) -> str:
    """A file's path, from the working directory where it is below."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)


def check_project(name: str | None) -> None:
    """Check the name of a project: W&B's client would start no run in it, not even offline.

    Raises:
        PcsearchError: W&B does not take it.
    """
    wrong = sorted({character for character in name or "" if character in NOT_IN_PROJECT})
    if not wrong and len(name or "") <= PROJECT_LENGTH:
        return
    what = f"has {' '.join(wrong)}" if wrong else f"is longer than {PROJECT_LENGTH} characters"
    raise PcsearchError(
        Problem(f"W&B takes no project name that {what}: {name!r}; choose another", "--project")
    )

"""What Ray reads from the environment when it is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pcsearch.engine.cluster.environment import SETTINGS, set_environment

PROGRAM = """
import sys
from pcsearch.engine.cluster.environment import set_environment
set_environment()
assert "ray" not in sys.modules
import ray
from ray._private import auto_init_hook, ray_logging
from ray._private.authentication.authentication_utils import is_token_auth_enabled
line = {"is_err": False, "pid": "raylet", "lines": ["a node has died", ""]}
printed = ray_logging.stdout_deduplicator.deduplicate(line)
print(auto_init_hook.enable_auto_connect, [each["lines"] for each in printed],
      is_token_auth_enabled())
"""


@pytest.mark.usefixtures("no_ray_settings")
@pytest.mark.parametrize("has_token", [False, True])
def test_ray_is_silent_does_not_connect_by_itself_and_sends_a_token_where_there_is_one(
    has_token: bool, tmp_path: Path
) -> None:
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("t" * 64 if has_token else "")
    root = str(Path(__file__).parents[3])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | {"PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == f"False [[]] {has_token}\n", done.stderr


@pytest.mark.usefixtures("no_ray_settings")
def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.setenv(name, "mine")
    set_environment()
    assert {os.environ[name] for name in SETTINGS} == {"mine"}


@pytest.mark.usefixtures("no_ray_settings")
def test_a_process_that_has_loaded_ray_sends_no_token_to_the_ray_that_it_starts(
    tmp_path: Path,
) -> None:
    import ray

    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("t" * 64)
    set_environment()
    assert "RAY_AUTH_MODE" not in os.environ, ray.__version__

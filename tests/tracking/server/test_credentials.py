"""W&B's key is the driver's: no worker, file or log of a search has it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from offline_runs import read_runs
from searching import reports, trial_folders
from wandb.sdk.lib import wbauth
from wandb_server import KEY, running

from pcsearch.tracking.server.credentials import withhold_credentials
from pcsearch.tracking.server.settings import AGENT_VARIABLES

ROOT = Path(__file__).parents[3]
MODULE = """
import os

def main(config):
    names = sorted(name for name in os.environ if name.startswith("WANDB_"))
    yield {"names": " ".join(names), "values": " ".join(os.environ.values())}
"""


HERS = {
    "WANDB_API_KEY": KEY,
    "WANDB_SERVICE": "3-1-unix-/nowhere",
    "WANDB_SWEEP_ID": "abc12345",
    "WANDB_RUN_ID": "elsewhere",
    "WANDB_SWEEP_PARAM_PATH": "/nowhere.yaml",
}
"""What a process that an agent of W&B has started may have."""


def test_the_environment_lacks_what_is_for_one_process_and_has_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in HERS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WANDB_PROJECT", "stays")

    def fail_inside() -> None:
        with withhold_credentials("offline"):
            assert not HERS.keys() & os.environ.keys()
            assert os.environ["WANDB_PROJECT"] == "stays"
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()
    assert os.environ.items() >= HERS.items()


def test_online_the_client_has_it_without_the_environment(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    server = "http://127.0.0.1:9"
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", server)
    with withhold_credentials("online"):
        assert "WANDB_API_KEY" not in os.environ
        held = wbauth.session_credentials(host=server)
        assert isinstance(held, wbauth.AuthApiKey)
        assert held.api_key == KEY
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["offline", "online"])
def test_no_worker_and_no_file_of_a_search_has_the_key_and_every_trial_is_its_run(
    mode: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    sweep = {
        "method": "grid",
        "metric": {"name": "x", "goal": "minimize"},
        "parameters": {"x": {"values": [1, 2]}},
    }
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(sweep))
    command = [sys.executable, "-m", "pcsearch", "s.yaml", "--trainable", "mine:main"]
    command += ["--wandb", mode, "--name", "here", "--storage-path", str(tmp_path)]
    agents = {name: HERS[name] for name in AGENT_VARIABLES}
    environment = os.environ | agents | {"PYTHONPATH": str(ROOT), "WANDB_API_KEY": KEY}
    # Whoever reports errors reports how W&B is used.
    environment["WANDB_ERROR_REPORTING"] = "true"
    with running() as server:
        environment["WANDB_BASE_URL"] = server.url
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout + done.stderr
    assert "Failed to export" not in done.stderr
    assert mode == "online" or server.requests == []
    directory = tmp_path / "here"
    trials = trial_folders(directory)
    for trial in trials:
        (report,) = reports(trial)
        names = set(report["names"].split())
        assert not names & {"WANDB_API_KEY", "WANDB_SERVICE", *agents}
        assert KEY not in report["values"]
    made = server.runs.values() if mode == "online" else read_runs(directory)
    assert {(run.project, run.id) for run in made} == {("pcsearch", t.name[5:]) for t in trials}
    assert len(trials) == 2
    files = [file for file in directory.rglob("*") if file.is_file()]
    assert any(file.suffix == ".wandb" for file in files)
    assert [file for file in files if KEY.encode() in file.read_bytes()] == []

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

from pcsearch.tracking.credentials import withheld

ROOT = Path(__file__).parents[2]
KEY = "fedcba9876543210" * 3
"""Has the form of an API key and is none."""

MODULE = """
import os

def main(config):
    names = sorted(name for name in os.environ if name.startswith("WANDB_"))
    yield {"names": " ".join(names), "values": " ".join(os.environ.values())}
"""


def test_the_environment_lacks_the_key_and_has_it_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_PROJECT", "stays")

    def fail_inside() -> None:
        with withheld("offline"):
            assert "WANDB_API_KEY" not in os.environ
            assert os.environ["WANDB_PROJECT"] == "stays"
            raise KeyError

    with pytest.raises(KeyError):
        fail_inside()
    assert os.environ["WANDB_API_KEY"] == KEY


def test_online_the_client_has_it_without_the_environment(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    server = "http://127.0.0.1:9"
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_BASE_URL", server)
    with withheld("online"):
        assert "WANDB_API_KEY" not in os.environ
        held = wbauth.session_credentials(host=server)
        assert isinstance(held, wbauth.AuthApiKey)
        assert held.api_key == KEY
    printed = capfd.readouterr()
    assert printed.out + printed.err == ""


@pytest.mark.slow
def test_no_worker_and_no_file_of_a_search_has_the_key(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MODULE)
    sweep = {
        "method": "grid",
        "metric": {"name": "x", "goal": "minimize"},
        "parameters": {"x": {"values": [1, 2]}},
    }
    (tmp_path / "s.yaml").write_text(yaml.safe_dump(sweep))
    command = [sys.executable, "-m", "pcsearch", "s.yaml", "--trainable", "mine:main"]
    command += ["--wandb", "offline", "--name", "here", "--storage-path", str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "WANDB_API_KEY": KEY}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout + done.stderr
    directory = tmp_path / "here"
    for trial in trial_folders(directory):
        (report,) = reports(trial)
        assert "WANDB_API_KEY" not in report["names"]
        assert KEY not in report["values"]
    assert len(read_runs(directory)) == 2
    files = [file for file in directory.rglob("*") if file.is_file()]
    assert any(file.suffix == ".wandb" for file in files)
    assert [file for file in files if KEY.encode() in file.read_bytes()] == []

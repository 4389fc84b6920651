"""The page on programs: its script goes on where it was killed."""

from __future__ import annotations

from pathlib import Path

from hooked_programs import Programs
from offline_runs import read_runs
from pages import blocks

OF_THE_USER = """
import os
import torch

def make_model():
    model = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(model.weight)
    return model

def train_one_epoch(model):
    with torch.no_grad():
        model.weight += 1
    trained = int(model.weight.item())
    if trained == 5 and os.environ["DIES"] == "yes":
        os.kill(os.getpid(), 9)
    return 1 / trained
"""


def test_the_script_that_can_be_resumed_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    (script,) = blocks("program.md", "python")
    programs = Programs(tmp_path)
    told = {"WANDB_RUN_ID": "abc", "PCSEARCH_TRIAL_DIR": str(tmp_path)}
    for dies, status in (("yes", -9), ("no", 0)):
        done = programs.run(OF_THE_USER + script, DIES=dies, **told)
        assert done.returncode == status, done.stderr
    expected = [{"loss": 1 / (epoch + 1), "epoch": epoch} for epoch in range(10)]
    assert programs.reports == expected
    assert read_runs(tmp_path)[-1].rows() == expected[4:]

"""What the commands load: seconds of imports that somebody waits for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = ("kornia", "optuna", "ray", "scipy", "sklearn", "torch", "wandb")


def loaded(code: str) -> set[str]:
    """The heavy packages that a program has loaded at its end."""
    program = f"{code}\nimport sys\nprint('LOADED', *sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("LOADED")]
    return set(line.split()) & set(HEAVY)


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("from pcsearch.cli import main; main(['--help'])", set()),
        ("from pcsearch.train import main; main(['--epochs', 'x'])", set()),
        ("import pcsearch.sweeps.sweep, pcsearch.sweeps.configurations", set()),
        ("import pcsearch.pc.config, pcsearch.pc.metrics", set()),
        ("import pcsearch.pc.training", {"torch"}),
        ("import pcsearch.tracking.wandb_mode", set()),
        ("from pcsearch.cli import main; main(['nosuch.yaml'])", set()),
        ("import pcsearch.engine.experiment", set()),
        *(
            (f"from pcsearch.cli import main; assert not main(['{file}', '--plan'])", set())
            for file in ("search_spaces/quickstart.yaml", "search_spaces/architecture_grid.yaml")
        ),
        (
            "from pcsearch.cli import main; "
            "assert not main(['search_spaces/production_random.yaml', '--plan', '--draw', '9'])",
            set(),
        ),
        (
            "from pcsearch.cli import main; "
            "assert not main(['search_spaces/quickstart.yaml', '--plan', '--draw', '9'])",
            {"optuna", "scipy"},
        ),
    ],
)
def test_a_command_loads_what_it_needs_only(code: str, allowed: set[str]) -> None:
    assert loaded(code) <= allowed

"""What the commands load: seconds of imports that somebody waits for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
HEAVY = (
    "kornia",
    "optuna",
    "ray",
    "scipy",
    "sklearn",
    "sympy",
    "torch",
    "torch._dynamo",
    "torch._inductor",
    "wandb",
)

# A trial, with its checkpoint: what it loads is waited for in every new process.
TRAINING = """
from pathlib import Path
from tempfile import TemporaryDirectory
from pcsearch.pc.checkpoint import load_state, save_state
from pcsearch.pc.config_values import model_config
from pcsearch.pc.training import TrainingRun

config = model_config({
    "dataset": "digits", "batch_size": 50, "train_subset": 50, "test_subset": 20, "epochs": 1,
    "validation_subset": 20, "hidden_size": 8, "num_heads": 1, "num_blocks": 1,
    "inference_steps": 1, "eval_inference_steps": [1], "reconstruction_steps": [1],
    "use_ssl_augmentations": False, "linear_probe_every_n_epochs": 1,
    "save_reconstruction_images": False, "save_reconstruction_video": False,
})
run = TrainingRun(config)
run.run_epoch()
with TemporaryDirectory() as folder:
    save_state(Path(folder), config, run.state())
    TrainingRun(config).load_state(load_state(Path(folder), config))
"""


LIGHT = [
    "from pcsearch.command_line.cli import main; main(['--help'])",
    "from pcsearch.train.command import main; main(['--epochs', 'x'])",
    "import pcsearch.sweeps.sweep, pcsearch.sweeps.configurations",
    "import pcsearch.pc.config, pcsearch.pc.metrics",
    "import pcsearch.tracking.server.mode",
    "from pcsearch.command_line.cli import main; main(['nosuch.yaml'])",
    "import pcsearch.engine.experiment.experiment",
    "import pcsearch; pcsearch.load_sweep('search_spaces/quickstart.yaml')",
    "import contextlib, pcsearch\nwith contextlib.suppress(pcsearch.PcsearchError):\n"
    "    pcsearch.open_search('tests')",
    *(
        f"from pcsearch.command_line.cli import main; assert not main(['{file}', '--plan'])"
        for file in ("search_spaces/quickstart.yaml", "search_spaces/architecture_grid.yaml")
    ),
    "from pcsearch.command_line.cli import main; "
    "assert not main(['search_spaces/production_random.yaml', '--plan', '--draw', '9'])",
]
MODELS = ["import pcsearch.pc.training", TRAINING]
BAYES = (
    "from pcsearch.command_line.cli import main; "
    "assert not main(['search_spaces/quickstart.yaml', '--plan', '--draw', '9'])"
)


def loaded(*programs: str) -> list[set[str]]:
    """The heavy packages that are loaded after each of several programs, in one process."""
    told = "\nimport sys\nprint('LOADED', *sys.modules)"
    script = f"for code in {[each + told for each in programs]!r}:\n    exec(code, {{}})"
    result = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    lines = [line for line in result.stdout.splitlines() if line.startswith("LOADED")]
    return [set(line.split()) & set(HEAVY) for line in lines]


def test_a_command_loads_what_it_needs_only() -> None:
    # Those that may load nothing first: what is loaded stays.
    after = loaded(*LIGHT, *MODELS)
    assert dict(zip(LIGHT, after, strict=False)) == {code: set() for code in LIGHT}
    for packages in after[len(LIGHT) :]:
        assert packages <= {"torch"}
    assert len(after) == len(LIGHT) + len(MODELS)


def test_a_plan_of_a_bayes_search_loads_optuna_only() -> None:
    (packages,) = loaded(BAYES)
    assert packages <= {"optuna", "scipy"}


def test_the_package_itself_loads_nothing() -> None:
    """Every process of a trial imports it."""
    program = "import sys, pcsearch; print(*(n for n in sys.modules if n.startswith('pcsearch')))"
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(result.stdout.split()) == {"pcsearch", "pcsearch.errors"}

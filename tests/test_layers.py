from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "import importlinter.cli as c; c.lint_imports_command()"]
    return subprocess.run(
        [*command, "--no-cache"], cwd=folder, capture_output=True, text=True, check=False
    )


def test_imports_go_downwards_only() -> None:
    result = lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


UPWARDS = [
    ("sweeps/sweep.py", "pcsearch.pc.config"),
    ("sweeps/sweep.py", "torch"),
    ("pc/training.py", "ray"),
    ("pc/training.py", "wandb"),
    ("pc/model/inference.py", "pcsearch.pc.evaluation.evaluator"),
    ("pc/schedule/evaluations.py", "pcsearch.pc.data.images"),
    ("engine/records/options.py", "pcsearch.tracking.server.mode"),
    ("engine/records/options.py", "wandb"),
    ("tracking/server/mode.py", "pcsearch.reports.results"),
]


def test_imports_upwards_are_found(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "pcsearch", tmp_path / "pcsearch")
    shutil.copy(ROOT / "setup.cfg", tmp_path)
    for module, imported in UPWARDS:
        with (tmp_path / "pcsearch" / module).open("a", encoding="utf-8") as file:
            file.write(f"\nimport {imported}\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1
    for module, imported in UPWARDS:
        name = module.removesuffix(".py").replace("/", ".")
        assert f"pcsearch.{name} -> {imported} (l." in result.stdout, (module, imported)


SHORT = 25
"""Lines of a module that may be tested through its only user."""
DECLARATIONS = {
    "engine/workloads/programs/settings.py",
    "pc/data/own/image_source.py",
    "reports/listener.py",
    "reports/screen/view.py",
    "tracking/ledger/terms.py",
    "tracking/runs/context.py",
}
"""Modules that only say what other modules have in common."""


def test_every_module_has_its_tests_in_the_file_of_its_name() -> None:
    package, without = ROOT / "pcsearch", []
    for module in package.rglob("*.py"):
        path = module.relative_to(package)
        if path.name == "__init__.py" or path.as_posix() in DECLARATIONS:
            continue
        is_short = len(module.read_text(encoding="utf-8").splitlines()) <= SHORT
        if not is_short and not (ROOT / "tests" / path.parent / f"test_{path.name}").exists():
            without.append(path.as_posix())
    assert without == []

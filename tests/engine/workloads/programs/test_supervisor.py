"""The small process beside a program; `test_process.py` has what it does."""

from __future__ import annotations

import json
import subprocess
import sys

from pcsearch.engine.workloads.programs import supervisor


def test_its_start_costs_little() -> None:
    """Nothing of pcsearch is imported in the supervisor, and no module of other packages."""
    code = (
        f"import sys; sys.argv = ['x']; import runpy\n"
        f"runpy.run_path({supervisor.__file__!r}, run_name='loaded')\nimport json\n"
        "print(json.dumps(sorted(name for name in sys.modules if '.' not in name)))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    names = set(json.loads(done.stdout))
    assert names <= set(sys.stdlib_module_names) | {"__main__"}
    assert not {"pathlib", "asyncio", "logging"} & names

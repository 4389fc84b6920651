"""Files of 5 MB, read in seconds and in little memory."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Of the processor; half of these on a quiet machine.
SECONDS = 20.0
MEGABYTES = 1000
PROGRAM = """
import re, sys, time
from pathlib import Path
from pcsearch.sweeps.reading.text import read_text
from pcsearch.sweeps.sweep import parse_sweep
started = time.process_time()
sweep = parse_sweep(read_text(sys.argv[1]), sys.argv[1])
seconds = time.process_time() - started
# Not that of getrusage, which counts what the process had before it ran this: a copy of the tests.
peak = int(re.search("VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
print(len(sweep.parameters), seconds, peak)
"""


def numbers() -> str:
    values = ", ".join(f"{i / 1e6:.6f}" for i in range(500_000))
    return f"method: random\nparameters:\n  x:\n    values: [{values}]\n"


def parameters() -> str:
    entries = "".join(f"  {'p' * 60}{i}: {{min: 0.1, max: {i}.5}}\n" for i in range(50_000))
    return f"method: random\nparameters:\n{entries}"


def mappings_as_json() -> str:
    """To make parameters of them costs what it costs for those of a YAML file."""
    entries = {f"p{i}": {"min": 0.1, "max": i + 0.5} for i in range(150_000)}
    return json.dumps({"method": "random", "parameters": {"x": {"value": entries}}}, indent="\t")


@pytest.mark.slow
@pytest.mark.parametrize("text", [numbers, parameters, mappings_as_json])
def test_a_file_of_5_mb_is_read_in_seconds_and_in_little_memory(
    text: Callable[[], str], tmp_path: Path
) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(text(), encoding="utf-8")
    assert path.stat().st_size > 4.5e6
    command = [sys.executable, "-c", PROGRAM, path]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    count, seconds, megabytes = map(float, result.stdout.split())
    assert count in (1, 50_000)
    assert seconds < SECONDS
    assert megabytes < MEGABYTES

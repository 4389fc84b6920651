"""How long it takes to see what a large search has found, and how large its page is.

    python tests/benchmarks/found.py [--trials 500 5000] [--repetitions 3] [--json]

Each case is a whole command on the directory of a search that has ended, with ASHA, up to 100
epochs a trial, and as large pictures as a page takes. Medians: ``seconds`` until it ends,
those of ``processor`` time, ``memory`` (the greatest resident memory) in MB, and ``size``, what the
command has written, in MB.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import large_search

from pcsearch.page.figures.model import MOST_PICTURES, PNG, ROOM

ROOT = Path(__file__).parents[2]
CASES: dict[str, tuple[tuple[str, ...], str | None]] = {
    "results": (("results", "{here}"), None),
    "results --by seed": (("results", "{here}", "--by", "seed"), None),
    "results --json": (("results", "{here}", "--json"), None),
    "compare": (("compare", "{here}", "{other}", "--html", "{out}"), "compare.html"),
    "export --csv": (("export", "{here}", "--csv", "{out}"), "t.csv"),
    "export --json": (("export", "{here}", "--json", "{out}"), "t.json"),
    "export --optuna": (("export", "{here}", "--optuna", "sqlite:///{out}"), "t.db"),
    "report": (("report", "{here}", "--output", "{out}"), "page.html"),
}
"""The arguments of each command, and the file that it writes."""


def main() -> int:
    """Run the cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, nargs="+", default=[500, 5000])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    # Noise: what is no picture for a browser is as large as one.
    noise = PNG + os.urandom(ROOM // MOST_PICTURES - len(PNG))
    for trials in given.trials:
        with TemporaryDirectory() as made:
            picture = Path(made) / "picture.png"
            picture.write_bytes(noise)
            here = large_search.make(Path(made), trials, picture)
            other = here.with_name("other")
            shutil.copytree(here, other, copy_function=os.link)
            for name, (arguments, written) in CASES.items():
                runs = [once(arguments, here, written) for _ in range(given.repetitions)]
                middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
                case = {"case": name, "trials": trials, **middle}
                print(json.dumps(case) if given.json else case, flush=True)
    return 0


def once(arguments: tuple[str, ...], here: Path, written: str | None) -> dict[str, float]:
    """One run of a command: what it took."""
    out = None if written is None else here.with_name(written)
    places = {"here": str(here), "other": str(here.with_name("other")), "out": str(out)}
    command = [sys.executable, "-m", "pcsearch", *(each.format(**places) for each in arguments)]
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL
    )
    # What it used is told by the wait for it alone.
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    found = {
        "seconds": round(time.perf_counter() - began, 1),
        "processor": round(used.ru_utime + used.ru_stime, 1),
        "memory": round(used.ru_maxrss / 1e3),
    }
    if out is not None:
        found["size"] = round(out.stat().st_size / 1e6, 1)
        out.unlink()
    return found


if __name__ == "__main__":
    sys.exit(main())

"""Makes the pictures in the docs: runs searches, and draws what they show.

    python tests/benchmarks/screenshots.py [--only terminal|page]

Of the terminal it writes docs/quickstart.svg, the live screen in the middle of the quickstart and
the results at its end, and docs/screen.svg, the screen on a small terminal. Of the page it writes
docs/report-*.webp, parts of it on a wide and on a narrow screen, light and dark; that takes
Debian's packages chromium and chromium-driver. Both take a few minutes.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from page_pictures import draw_pages
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
COMMAND = ("python", "-m", "pcsearch", "search_spaces/quickstart.yaml")
OPTIONS = ("--num-samples", "8", "--seed", "1")
MIDDLE = "5 of 8 ended, 2 running"
REDRAWN = re.compile(r"\r?\x1b\[2K(?:\x1b\[1A\x1b\[2K)*")
HOME = "/home/me/pcsearch"


def shown(width: int, height: int) -> tuple[str, str]:
    """The screen in the middle of the search, and what is printed at its end, with their colours.

    Args:
        width: of the terminal, in columns.
        height: of the terminal, in lines.
    """
    variables = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "WANDB_MODE": "offline"}
    size = {"COLUMNS": str(width), "LINES": str(height), "PYTHONPATH": str(ROOT)}
    with TemporaryDirectory() as folder:
        (Path(folder) / "search_spaces").symlink_to(ROOT / "search_spaces")
        result = subprocess.run(
            [sys.executable, *COMMAND[1:], *OPTIONS],
            cwd=folder,
            env={**os.environ, **variables, **size},
            capture_output=True,
            text=True,
            check=True,
        )
        frames = [frame for frame in REDRAWN.split(result.stderr) if MIDDLE in frame]
        return frames[-1], result.stdout.replace(str(Path(folder).resolve()), HOME)


def draw(file: Path, width: int, *parts: str) -> None:
    """Write a picture of a terminal.

    Args:
        file: for the picture.
        width: of the terminal, in columns.
        parts: what stands on it, with the sequences of its colours.
    """
    console = Console(
        record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="256"
    )
    for part in parts:
        console.print(Text.from_ansi(part.strip("\n"), overflow="fold"))
    console.save_svg(str(file), title="pcsearch")


def main() -> None:
    """Make the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=("terminal", "page"))
    only = parser.parse_args().only
    if only != "page":
        draw_terminals()
    if only != "terminal":
        draw_pages(ROOT / "docs")


def draw_terminals() -> None:
    """Make the pictures of the terminal."""
    command = "$ " + " ".join((*COMMAND, *OPTIONS))
    screen, end = shown(100, 30)
    between = (
        "\x1b[2m   (the same screen, live, until all trials have ended; then the result:)\x1b[0m"
    )
    draw(ROOT / "docs" / "quickstart.svg", 100, command, screen, between, end)
    screen, _ = shown(60, 17)
    draw(ROOT / "docs" / "screen.svg", 60, screen)


if __name__ == "__main__":
    main()

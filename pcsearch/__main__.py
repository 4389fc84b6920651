"""``python -m pcsearch``, and the console script."""

from __future__ import annotations

import sys

from pcsearch.command_line.cli import main


def run() -> None:
    """Run the command and end the process with its status."""
    sys.exit(main())


if __name__ == "__main__":
    run()

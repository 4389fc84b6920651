"""``python -m pcsearch.train``."""

from __future__ import annotations

import sys

from pcsearch.train.command import main

if __name__ == "__main__":
    sys.exit(main())

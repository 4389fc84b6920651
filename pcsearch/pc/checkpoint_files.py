"""The files of a checkpoint, for those who only need to know whether they are whole; no torch."""

from __future__ import annotations

import zipfile
from pathlib import Path

STATE_FILE = "state.pt"
MODEL_FILE = "model.pt"


def damage(directory: Path) -> str:
    """What is wrong with the state in a checkpoint's folder, else an empty string.

    torch writes ZIP archives, whose every part has a checksum.
    """
    path = directory / STATE_FILE
    try:
        with zipfile.ZipFile(path) as archive:
            broken = archive.testzip()
    except FileNotFoundError:
        return f"{STATE_FILE} is missing"
    # zipfile raises many kinds of errors for what is no archive.
    except Exception:
        return f"{STATE_FILE} is damaged"
    return f"{STATE_FILE} is damaged" if broken else ""

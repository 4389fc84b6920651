"""Runs a notebook of docs, and leaves nothing of the machine in what it shows.

``python tests/helpers/notebooks.py`` runs docs/search.ipynb anew, and writes it back.
"""

from __future__ import annotations

import getpass
import os
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "docs" / "search.ipynb"
LONGEST_CELL_S = 240


def executed(notebook: Path, folder: Path) -> Any:
    """The notebook with what its cells show.

    Args:
        notebook: the file.
        folder: where it is run, and where Jupyter keeps its own files.
    """
    for variable in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        os.environ[variable] = str(folder / ".jupyter")
    document = nbformat.read(notebook, as_version=4)
    client = NotebookClient(
        document,
        timeout=LONGEST_CELL_S,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    return document


def cleaned(text: str, folder: Path) -> str:
    """The text of a notebook without the folder in which it was run."""
    return text.replace(f"{folder.resolve()}/", "").replace(f"{folder}/", "")


def traces(text: str) -> list[str]:
    """What a text tells of this machine: its name, its user, its folders."""
    private = [socket.gethostname(), getpass.getuser(), str(Path.home()), str(NOTEBOOK.parents[1])]
    words = [word for word in private if len(word) > 1]
    return [word for word in (*words, "/tmp/", "/home/") if word in text]  # noqa: S108


def main() -> None:
    """Run the notebook in a new folder, and write it: back, or into the file of the argument."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else NOTEBOOK
    with TemporaryDirectory() as name:
        document = executed(NOTEBOOK, Path(name))
        document.metadata = {"kernelspec": document.metadata["kernelspec"]}
        text = cleaned(nbformat.writes(document), Path(name))
    target.write_text(f"{text.rstrip()}\n", encoding="utf-8")


if __name__ == "__main__":
    main()

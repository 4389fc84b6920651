"""Python imports this at its start: it lets pcsearch know what the program logs to W&B.

It runs in any Python that the user's program needs, so it is plain, imports little, and never
raises. Another ``sitecustomize`` of that Python, which this one hides, is run too.
"""

from __future__ import annotations

import os
import sys


def _run_hidden() -> None:
    """Run the sitecustomize that would have been found without this one."""
    from importlib.machinery import PathFinder
    from importlib.util import module_from_spec

    here = os.path.dirname(os.path.abspath(__file__))
    paths = [path for path in sys.path if os.path.abspath(path or ".") != here]
    spec = PathFinder.find_spec("sitecustomize", paths)
    if spec is not None and spec.loader is not None:
        spec.loader.exec_module(module_from_spec(spec))


if os.environ.get("PCSEARCH_CHANNEL") or os.environ.get("PCSEARCH_PLAN_FILE"):
    try:
        import pcsearch_wandb_hook  # type: ignore[import-not-found]

        pcsearch_wandb_hook.install()
    except Exception as error:
        sys.stderr.write(f"pcsearch: what is logged to W&B cannot be followed: {error!r}\n")
_run_hidden()

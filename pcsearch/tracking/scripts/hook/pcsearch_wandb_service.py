"""Lets W&B's own process write an offline run to its end where the program is killed.

By itself that process ends at once with the program, and the newest rows, up to 32 KB of them, are
in no file. Like the hook beside it, this module needs nothing but Python. It uses private names of
wandb 0.31, because there are no public ones, and leaves a wandb alone that does not have them.
"""

from __future__ import annotations

import json
import os
import re
import struct
from contextlib import suppress
from importlib import import_module
from typing import Any

FAREWELLS = "PCSEARCH_FAREWELLS"
"""The variable with the file that says what is sent where when the program has ended."""
IDLE = "30s"
"""After so long without a program it ends also where nobody tells it to; not sooner, because that
counts from its start."""
HEADER = "<BI"
"""What comes before a message: a mark, and its length in bytes."""
KILLED = 1
"""The exit status that the run gets."""


def outlive() -> None:
    """Start W&B's own process in this way from now on, where runs are offline."""
    if os.environ.get("WANDB_MODE") != "offline" or not os.environ.get(FAREWELLS):
        return
    with suppress(ImportError, AttributeError):
        from wandb.sdk.lib.service import service_process

        detached = service_process.start_detached

        def start(settings: Any) -> Any:
            process = detached(settings, idle_timeout=IDLE)
            ask_for_farewell(process.token.env_value)
            return process

        service_process.start = start


def ask_for_farewell(token: str) -> None:
    """Have W&B's process be told the end, when all that have asked for this have ended.

    Args:
        token: by which it is found: ``...-unix-PATH`` or ``...-tcp-localhost-PORT``.
    """
    if os.environ.get("WANDB_MODE") == "offline" and os.environ.get(FAREWELLS):
        with suppress(Exception):
            _ask(token)


def _ask(token: str) -> None:
    messages: Any = import_module("wandb.proto.wandb_server_pb2")
    request = messages.ServerRequest()
    request.inform_teardown.exit_code = KILLED
    data = request.SerializeToString()
    found = re.fullmatch(r".*?-(?:unix-(.+)|tcp-localhost-(\d+))", token)
    if found is not None:
        address = found[1] or int(found[2])
        message = (struct.pack(HEADER, ord("W"), len(data)) + data).hex()
        with open(os.environ[FAREWELLS], "a", encoding="utf-8") as file:
            asked = {"asker": _self(), "address": address, "data": message}
            # A disk that was full may have cut the line before.
            file.write("\n" + json.dumps(asked) + "\n")


def _self() -> tuple[int, int]:
    """This process, and the time of its start, as /proc has it; 0 without that."""
    started = 0
    with suppress(OSError), open("/proc/self/stat", "rb") as file:
        started = int(file.read().rpartition(b")")[2].split()[19])
    return os.getpid(), started

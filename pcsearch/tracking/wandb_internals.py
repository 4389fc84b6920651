"""What W&B's client has no public name for: every private name, file format and message.

Tried with wandb 0.31. ``tests/tracking/test_wandb_internals.py`` names each of them, so that an
upgrade that changes one fails there first. Those that run in programs, which cannot import this
module, are in `scripts/hook/pcsearch_wandb_service.py`, with a test of their own.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcsearch.system.temporary import default_folder, folder_of_process

if TYPE_CHECKING:
    import wandb

CACHE = "WANDB_CACHE_DIR"
"""The variable for the folder of the client's caches and its own logs."""
FLUSH_SECONDS = 1.0
"""How much of its local file a run loses when the driver is killed."""
TRANSMIT_SECONDS = 5.0
"""How much of a run the server lacks when the driver is killed."""
RETRY_SECONDS = 2.0
"""The longest pause before a run sends a request again."""
GIVING_UP_SECONDS = 5.0
"""How long the client's own process may take to give up a run that has failed to start."""

BRIEF_REQUESTS: dict[str, Any] = {
    "x_graphql_timeout_seconds": 3,
    "x_graphql_retry_max": 1,
    "x_graphql_retry_wait_min_seconds": 1,
    "x_graphql_retry_wait_max_seconds": 1,
}
"""Settings of a client that sends each request twice at most, within seconds.

By default the client's own process goes on for minutes. This process waits for it at its end.
Settings that begin with ``x_`` are experimental: there is no other way to set these.
"""

GAVE_UP = "giving up after"
"""In an error's text: the request got no answer, or only answers with status 429 or 5xx.

Such an error has no status and no type of its own.
"""
NO_MESSAGE = "<no message>"
"""The text of an error whose answer had none."""
PREFIXES = ("Failed to execute API request: ", "input: ")
"""What the client puts before the server's message."""

ROWS_REFUSED = "filestream: fatal error: "
REFUSALS = {
    ROWS_REFUSED: "filestream: failed to upload: ",
    "runfiles: CreateRunFiles returned error: ": "input: ",
    "file transfer: upload: failed to upload: ": "status: ",
    "runupserter: failed to upload changes": "input: ",
}
"""In the client's log: how messages begin after which data of a run is never sent, and what comes
before the reason.

The client tells nobody else: it sends nothing more, and the run ends as if all were well.
"""

FILE_HEADER = 7
RECORD_HEADER = 7
BLOCK = 32 * 1024
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4


@cache
def load_client() -> None:
    """Import W&B's client, with everything that a first run imports.

    It makes folders for temporary files then, which would stay when the process is killed.
    Several threads start runs, and the search may import torch meanwhile. Where two threads parse
    source code, as these imports do, Python 3.11.7 may end one of them with a SystemError.
    """
    provide_cache()
    with default_folder(folder_of_process()):
        import wandb

        # The client imports this part when it is first used.
        _ = wandb.Api


def has_settings() -> bool:
    """Whether the client has read its settings for all runs of this process."""
    from wandb.sdk import wandb_setup

    return wandb_setup.singleton().settings_if_loaded is not None


def client_settings() -> wandb.Settings:
    """The client's settings for all runs of this process, which it reads where it has not.

    `wandb.setup` would start its own process besides.
    """
    from wandb.sdk import wandb_setup

    return wandb_setup.singleton().settings


def let_print() -> None:
    """Let the client print what it has to say of other runs of this process, as its settings say.

    It learns when it reads its settings whether it prints, and then that it does not.
    """
    # Where it was not needed, it is not loaded.
    if "wandb" in sys.modules and has_settings():
        import wandb

        wandb.termsetup(client_settings(), None)


def provide_cache() -> None:
    """Give the client a folder for its caches and logs, where that of the user cannot be written.

    It would print its logs instead.
    """
    if CACHE in os.environ:
        return
    try:
        folder = Path.home() / ".cache"
        folder.mkdir(parents=True, exist_ok=True)
        is_writable = os.access(folder, os.W_OK)
    # A user may have no home folder, or none that can be written.
    except (OSError, RuntimeError):
        is_writable = False
    if not is_writable:
        os.environ[CACHE] = str(folder_of_process() / "wandb-cache")


def run_settings() -> dict[str, Any]:
    """The experimental settings of a run; the client refuses a name that it does not know."""
    return {
        # The machine's figures would be the driver's, not the trial's.
        "x_disable_stats": True,
        # The client would read the metadata of all installed packages anew for every run.
        "x_save_requirements": False,
        "x_graphql_retry_wait_max_seconds": RETRY_SECONDS,
        "x_file_stream_retry_wait_max_seconds": RETRY_SECONDS,
        "x_file_transfer_retry_wait_max_seconds": RETRY_SECONDS,
        "x_transaction_log_flush_interval": FLUSH_SECONDS,
        "x_file_stream_transmit_interval": TRANSMIT_SECONDS,
    }


def execute_graphql(
    api: wandb.Api, query: str, variables: Mapping[str, Any], seconds: float
) -> Any:
    """The answer to a GraphQL request.

    The public functions cannot register or read the text of a sweep file, only what is parsed
    from it. ``wandb.sweep`` also prints, sets environment variables and waits for minutes.

    Args:
        api: with the credentials.
        query: in GraphQL.
        variables: of the query.
        seconds: how long to wait for the answer.

    Raises:
        Exception: what the client raises; `failure_of` reads it.
    """
    return api._service_api.execute_graphql(query, variables=variables, timeout=seconds)


def skip_wait_at_exit() -> None:
    """Let this process end before W&B's own process has uploaded everything.

    ``wandb.teardown``, which the client calls at the end of the process, waits without limit.
    """
    import wandb

    connection = wandb.setup()._connection
    if connection is not None and connection._cleanup is not None:
        connection._cleanup()


def give_up_run(run_id: str) -> bool:
    """Let the id of a run that has failed to start be used for another run of this process.

    The client leaves such a run open in its own process, which then refuses the id. There is no
    `wandb.Run` to finish, and ``wandb.teardown`` would end the other runs too.

    Returns:
        Whether the id is free.
    """
    import wandb

    connection = wandb.setup()._connection
    if connection is None:
        return True
    try:
        _, interface = connection.inform_attach(run_id)
        interface.deliver_exit(1).wait_or(timeout=GIVING_UP_SECONDS)
        connection.inform_finish(run_id)
    # There is no such run, or the client's own process does not answer.
    except Exception:
        return False
    return True


def artifact_error(artifact: wandb.Artifact, seconds: float) -> str:
    """Why the server has refused an artifact of a run that has ended; empty if it has not.

    ``Artifact.wait`` asks the server for the artifact besides, and raises the same error where it
    was refused and where that request fails.

    Args:
        artifact: as the run has logged it; one of an offline run is refused by nobody.
        seconds: how long to wait for the answer.

    Raises:
        TimeoutError: there is no answer.
    """
    if artifact._save_handle is None:
        return ""
    result = artifact._save_handle.wait_or(timeout=seconds)
    return first_line(result.response.log_artifact_response.error_message)


def upload_refusal(log: Path, *, of_rows: bool = False) -> str:
    """Why the server has refused data of a run for good, one line; empty if it has not.

    Args:
        log: the client's own log of the run, of which each line is a JSON object.
        of_rows: whether only rows are meant: after that nothing more of the run is sent.
    """
    refusals = {ROWS_REFUSED: REFUSALS[ROWS_REFUSED]} if of_rows else REFUSALS
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return ""
    for line in lines:
        for begin, prefix in refusals.items():
            if begin in line:
                return _refusal(_text(line, begin).removeprefix(prefix))
    return ""


def _text(line: str, begin: str) -> str:
    """What a line of the log says after the beginning of its message."""
    try:
        entry = json.loads(line)
        return str(entry.get("error") or entry["msg"].removeprefix(begin))
    # It is torn, as where it is just being written, or odd.
    except (ValueError, LookupError, AttributeError):
        return line.partition(begin)[2]


def _refusal(text: str) -> str:
    """What a message of the log says of an answer: its status, and the server's own message."""
    before, brace, body = text.partition("{")
    # The address that is in the text may carry credentials.
    found = re.match(r"(returned error )?(\d{3})\b", before)
    if found is None:
        return first_line(re.sub(r"\S+://\S+", "the server", before))
    try:
        answer = json.loads(brace + body) if brace else {}
    except ValueError:
        answer = {}
    errors = answer.get("errors") or [{}]
    message = answer.get("error") or errors[0].get("message")
    status = f"HTTP status {found[2]}"
    return first_line(f"{status}: {message}") if isinstance(message, str) else status


@dataclass(frozen=True)
class Uploading:
    """What the client does with a run that is ending.

    Args:
        progress: changes when the server takes something in.
        error: why the client sends something again, empty where it does not.
    """

    progress: tuple[Any, ...] = ()
    error: str = ""


def uploading(run: wandb.Run, seconds: float) -> Uploading:
    """What the client does with a run for which `finish` was called in another thread.

    Args:
        run: the run.
        seconds: how long to wait for the answer of the client's own process.

    Raises:
        Exception: the client's own process does not answer.
    """
    assert run._interface is not None
    result = run._interface.deliver_poll_exit().wait_or(timeout=seconds)
    answer = result.response.poll_exit_response
    operations = answer.operation_stats.operations
    sent = (answer.pusher_stats.uploaded_bytes, answer.pusher_stats.total_bytes)
    errors = [each.error_status for each in operations if each.error_status]
    names = tuple((each.desc, each.progress) for each in operations)
    return Uploading((*sent, names), errors[0] if errors else "")


@dataclass(frozen=True)
class Failure:
    """Why a request has failed.

    Args:
        status: the HTTP status of the answer; None where the client does not tell one.
        gave_up: whether the client has sent the request again until it gave up.
        text: the message, possibly empty. Where the client gave up, it names the last error only:
            the whole message quotes the address, which may carry credentials.
    """

    status: int | None
    gave_up: bool
    text: str


def failure_of(error: BaseException) -> Failure:
    """What an error of the client says about the request that failed."""
    # The client raises errors of several types, with or without the one that has the answer.
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    status = getattr(response, "http_status", 0) or None
    text = getattr(response, "message", "") or str(error)
    if GAVE_UP in text:
        last = text[text.index(GAVE_UP) :].splitlines()[0].rpartition(": ")[2]
        return Failure(status, True, "" if GAVE_UP in last else last)
    line = first_line(text)
    return Failure(status, False, "" if line == NO_MESSAGE else line)


def first_line(text: str) -> str:
    """The first line of a message that is not empty, without what the client puts before it."""
    lines = (line.strip() for line in text.splitlines())
    first = next((line for line in lines if line), "")
    for prefix in PREFIXES:
        first = first.removeprefix(prefix)
    return first


def read_records(data: bytes, position: int = FILE_HEADER) -> Iterator[Any]:
    """The records of a run's file, up to the first that is torn or damaged.

    A file ``run-<id>.wandb`` has records in LevelDB's log format, each a protocol buffer. The
    client has no reader for them.

    Args:
        data: the file's content, from the start of a block.
        position: where the first record begins.
    """
    from wandb.proto import wandb_internal_pb2 as protocol

    parse: Any = protocol.Record.FromString  # type: ignore[attr-defined]
    for message in _messages(data, position):
        try:
            record = parse(message)
        # An error of protobuf's. What follows a damaged record cannot be trusted.
        except Exception:
            return
        yield record


def _messages(data: bytes, position: int) -> Iterator[bytes]:
    pieces: bytes | None = None
    while position + RECORD_HEADER <= len(data):
        left = BLOCK - position % BLOCK
        if left < RECORD_HEADER:
            position += left
            continue
        length = int.from_bytes(data[position + 4 : position + 6], "little")
        kind = data[position + 6]
        start = position + RECORD_HEADER
        position = start + length
        if kind not in (FULL, FIRST, MIDDLE, LAST) or position > len(data):
            return
        piece = data[start:position]
        if kind in (FULL, FIRST):
            pieces = piece
        elif pieces is not None:
            pieces += piece
        if kind in (FULL, LAST) and pieces is not None:
            yield pieces
            pieces = None

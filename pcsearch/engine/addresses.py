"""``--address``: the running cluster that it names, asked whether it answers before Ray connects.

Ray itself tries a wrong address for minutes, writes its attempts into the terminal, and may end the
process. So another process asks first, and is ended when it takes too long.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from ray._private import services
from ray._raylet import Config  # type: ignore[attr-defined]

from pcsearch.errors import PcsearchError, Problem

OPTION = "--address"
CONNECT_TIMEOUT_S = 4
ASK_TIMEOUT_S = 8
QUESTION = Path(__file__).with_name("cluster_question.py")
MODE, TOKEN, TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
HAVE_A_TOKEN = (
    f"copy the head's ~/.ray/auth_token to this machine's, or set {TOKEN_PATH} or {TOKEN}"
)


def reach(address: str) -> str:
    """The cluster at an address, which has answered and takes this machine's token.

    Args:
        address: ``HOST:PORT`` or ``auto``.

    Returns:
        ``HOST:PORT`` as Ray dials it: a loopback address becomes the machine's own.

    Raises:
        PcsearchError: there is none, it wants another token or version of Ray, or this machine is
            no node of it.
    """
    if address.startswith("ray://"):
        raise _problem(
            "Ray Client (ray://) cannot carry a search: Tune would run on the head, away from this "
            "terminal, its W&B and its storage; run the command on a node of the cluster with "
            f"--address auto, or make this machine one ('ray start --address={_head(address)}:6379 "
            "--num-cpus=0')"
        )
    found = _resolved(address)
    if address == "auto":
        address = found
    _knock(address, found)
    _use_token()
    problem = _trouble(address, _ask(found))
    if problem is not None:
        raise _problem(problem)
    return found


def _head(address: str) -> str:
    return address.removeprefix("ray://").partition(":")[0] or "HEAD"


def _resolved(address: str) -> str:
    """``HOST:PORT`` of an address, as Ray takes it."""
    if address != "auto":
        host, separator, port = address.rpartition(":")
        is_port = port.isascii() and port.isdigit() and int(port) < 1 << 16
        if not separator or not is_port or not host or "/" in host:
            raise _problem(f"{address!r} is not HOST:PORT (the port is 6379 unless told) or auto")
    try:
        found = services.canonicalize_bootstrap_address(address)
    except ConnectionError:
        found = None
    # Ray's own look-up of a host raises almost anything.
    except Exception as error:
        raise _nobody(address, str(error)) from error
    if found is None:
        raise _problem(
            "no Ray cluster runs on this machine; start one with 'ray start --head', give its "
            "HOST:PORT, or leave the option out"
        )
    return str(found)


def _knock(address: str, found: str) -> None:
    """Ask the port whether anybody listens: the quickest of answers."""
    host, _, port = found.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    # A UnicodeError is of a host name that cannot be one.
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        at = "" if address == found else f" at {found}"
        raise _nobody(address, f"{reason}{at}") from error


def _ask(address: str) -> dict[str, Any]:
    """What the cluster says of itself; empty where it says nothing in time."""
    # -P: the folder of the question holds modules with the names of others.
    command = [sys.executable, "-P", str(QUESTION), address]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, capture_output=True, text=True, timeout=ASK_TIMEOUT_S, check=False
        )
        answer = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, IndexError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _trouble(address: str, answer: dict[str, Any]) -> str | None:
    """What keeps a search from the cluster that gave an answer; None for nothing."""
    if not answer:
        return f"no Ray cluster answers at {address}: something listens there, and is not Ray's GCS"
    if answer.get("unauthenticated"):
        return _token_trouble(address)
    if "error" in answer:
        return f"no Ray cluster answers at {address} ({answer['error']})"
    if answer.get("mismatch"):
        return f"the cluster at {address} runs {answer['mismatch']}; use the same versions"
    if not answer.get("is_node"):
        return (
            f"this machine is no node of the cluster at {address}; make it one with "
            f"'ray start --address={address} --num-cpus=0', or run the command on a node"
        )
    return None


def _token_trouble(address: str) -> str:
    if os.environ.get(MODE, "token").lower() != "token":
        return (
            f"the cluster at {address} wants a token, and {MODE}={os.environ[MODE]} sends none; "
            "unset it"
        )
    source = _token_source()
    if source is None:
        return f"the cluster at {address} wants a token, and none is here; {HAVE_A_TOKEN}"
    return f"the cluster at {address} does not take the token of {source}; {HAVE_A_TOKEN}"


def _use_token() -> None:
    """Have Ray send the token where one is at hand: for an address that is given it does not."""
    if TOKEN_PATH in os.environ and TOKEN not in os.environ and _token_source() is None:
        raise _problem(f"{TOKEN_PATH}: {os.environ[TOKEN_PATH]} holds no token; {HAVE_A_TOKEN}")
    if _token_source() is not None:
        os.environ.setdefault(MODE, "token")
    elif os.environ.get(MODE, "").lower() == "token":
        # Ray would end the process.
        raise _problem(f"{MODE} is 'token', and no token is here; {HAVE_A_TOKEN}")
    # Ray has read the mode when it was imported.
    Config.initialize("")


def _token_source() -> str | None:
    """Where the token is that Ray finds: the variables go before the file of the home folder."""
    if os.environ.get(TOKEN, "").strip():
        return TOKEN
    named = os.environ.get(TOKEN_PATH)
    file = Path(named) if named else Path.home() / ".ray" / "auth_token"
    try:
        return str(file) if file.read_text(encoding="utf-8").strip() else None
    except (OSError, UnicodeDecodeError):
        return None


def _nobody(address: str, reason: str) -> PcsearchError:
    reason = " ".join(reason.split())
    return _problem(
        f"nothing answers at {address} ({reason}); start the cluster with 'ray start --head' "
        "there, or leave the option out to run on this machine"
    )


def _problem(message: str) -> PcsearchError:
    return PcsearchError(Problem(message, OPTION))

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
    found = _resolved(address)
    if address == "auto":
        address = found
    knock(address, found)
    use_token()
    trouble = _trouble(address, _ask(found))
    if trouble is not None:
        raise problem(trouble)
    return found


def _resolved(address: str) -> str:
    """``HOST:PORT`` of an address, as Ray takes it."""
    if address != "auto" and not is_host_and_port(address):
        raise problem(
            f"{address!r} is not HOST:PORT (the port is 6379 unless told), ray://HOST:PORT or auto"
        )
    try:
        found = services.canonicalize_bootstrap_address(address)
    except ConnectionError:
        found = None
    # Ray's own look-up of a host raises almost anything.
    except Exception as error:
        raise nobody(address, str(error)) from error
    if found is None:
        raise problem(
            "no Ray cluster runs on this machine; start one with 'ray start --head', give its "
            "HOST:PORT, or leave the option out"
        )
    return str(found)


def is_host_and_port(text: str) -> bool:
    """Whether a text can be ``HOST:PORT``."""
    host, separator, port = text.rpartition(":")
    is_port = port.isascii() and port.isdigit() and int(port) < 1 << 16
    return bool(separator and is_port and host) and "/" not in host


def knock(address: str, found: str) -> None:
    """Ask a port whether anybody listens: the quickest of answers.

    Args:
        address: as it was given.
        found: the ``HOST:PORT`` that it means.

    Raises:
        PcsearchError: nobody does.
    """
    host, _, port = found.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    # A UnicodeError is of a host name that cannot be one.
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        at = "" if address == found else f" at {found}"
        raise nobody(address, f"{reason}{at}") from error


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
        return token_trouble(address)
    if "error" in answer:
        return f"no Ray cluster answers at {address} ({answer['error']})"
    if answer.get("mismatch"):
        return f"the cluster at {address} runs {answer['mismatch']}; use the same versions"
    if not answer.get("is_node"):
        return (
            f"this machine is no node of the cluster at {address}; make it one with "
            f"'ray start --address={address} --num-cpus=0', run the command on a node, or give "
            "ray://HEAD:10001"
        )
    return None


def token_trouble(address: str) -> str:
    """What is wrong with the token that a cluster has refused."""
    if os.environ.get(MODE, "token").lower() != "token":
        return (
            f"the cluster at {address} wants a token, and {MODE}={os.environ[MODE]} sends none; "
            "unset it"
        )
    source = _token_source()
    if source is None:
        return f"the cluster at {address} wants a token, and none is here; {HAVE_A_TOKEN}"
    return f"the cluster at {address} does not take the token of {source}; {HAVE_A_TOKEN}"


def use_token() -> None:
    """Have Ray send the token where one is at hand: for an address that is given it does not.

    Raises:
        PcsearchError: one is promised and is not there.
    """
    if TOKEN_PATH in os.environ and TOKEN not in os.environ and _token_source() is None:
        raise problem(f"{TOKEN_PATH}: {os.environ[TOKEN_PATH]} holds no token; {HAVE_A_TOKEN}")
    if _token_source() is not None:
        os.environ.setdefault(MODE, "token")
    elif os.environ.get(MODE, "").lower() == "token":
        # Ray would end the process.
        raise problem(f"{MODE} is 'token', and no token is here; {HAVE_A_TOKEN}")
    # Ray has read the mode when it was imported.
    Config.initialize("")


def _token_source() -> str | None:
    """Where the token is that Ray finds: the variables go before the file of the home folder."""
    if os.environ.get(TOKEN, "").strip():
        return TOKEN
    named = os.environ.get(TOKEN_PATH)
    try:
        file = Path(named) if named else Path.home() / ".ray" / "auth_token"
        return str(file) if file.read_text(encoding="utf-8").strip() else None
    # A user may have no home folder.
    except (OSError, UnicodeDecodeError, RuntimeError):
        return None


def nobody(address: str, reason: str) -> PcsearchError:
    """What to do where nothing answers at an address."""
    reason = " ".join(reason.split())
    client = " (it serves ray:// where grpcio is installed)" if "://" in address else ""
    return problem(
        f"nothing answers at {address} ({reason}); start the cluster with 'ray start --head' "
        f"there{client}, or leave the option out to run on this machine"
    )


def problem(message: str) -> PcsearchError:
    """What is wrong with the address."""
    return PcsearchError(Problem(message, OPTION))

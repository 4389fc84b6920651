"""The address of a running cluster, ``--address``: checked before Ray connects to it.

Ray tries a wrong address for minutes, writes its attempts into the terminal, and may end the
process. So another process asks the cluster first, and is killed where it takes too long.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pcsearch
from pcsearch.engine.cluster.private_ray import MODE, TOKEN, TOKEN_PATH, public_clusters
from pcsearch.engine.ray_internals import bootstrap_address
from pcsearch.errors import PcsearchError, Problem

OPTION = "--address"
CONNECT_TIMEOUT_S = 4
PROBE_TIMEOUT_S = 8
PROBE = "pcsearch.engine.cluster.probe"
TOKEN_ADVICE = (
    f"copy the head's ~/.ray/auth_token to this machine's, or set {TOKEN_PATH} or {TOKEN}"
)


def reach(address: str) -> str:
    """Check that a cluster answers at an address and takes this machine's token.

    Args:
        address: ``HOST:PORT`` or ``auto``.

    Returns:
        ``HOST:PORT`` as Ray connects to it: a loopback address becomes the machine's own.

    Raises:
        PcsearchError: no cluster answers, it wants another token or version of Ray, or this
            machine is no node of it.
    """
    resolved = _resolved(address)
    if address == "auto":
        address = resolved
    check_port(address, resolved)
    send_token()
    check_token()
    problem = _cluster_problem(address, _probe(resolved))
    if problem is not None:
        raise address_error(problem)
    return resolved


def is_local(address: str | None) -> bool:
    """Whether an address means a Ray that starts and ends with this process."""
    return address in (None, "local")


def is_host_and_port(text: str) -> bool:
    """Whether a text can be ``HOST:PORT``."""
    host, separator, port = text.rpartition(":")
    is_port = port.isascii() and port.isdigit() and int(port) < 1 << 16
    return bool(separator and is_port and host) and "/" not in host


def check_port(address: str, resolved: str) -> None:
    """Check that something listens at a port, which takes no time.

    Args:
        address: as the user has given it.
        resolved: the ``HOST:PORT`` that it means.

    Raises:
        PcsearchError: nothing listens there.
    """
    host, _, port = resolved.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    # A host name that cannot be one raises UnicodeError.
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        at = "" if address == resolved else f" at {resolved}"
        raise no_answer(address, f"{reason}{at}") from error


def send_token() -> None:
    """Let Ray send this machine's token to clusters, where there is one, as a local Ray does.

    Ray reads the setting when it is imported, so this comes before that.
    """
    if _token_source() is not None:
        os.environ.setdefault(MODE, "token")


def check_token() -> None:
    """Check that there is a token where the environment says so: Ray would end the process.

    Raises:
        PcsearchError: there is none.
    """
    if _token_source() is not None:
        return
    if TOKEN_PATH in os.environ and TOKEN not in os.environ:
        message = f"{TOKEN_PATH}: {os.environ[TOKEN_PATH]} holds no token; {TOKEN_ADVICE}"
        raise address_error(message)
    if os.environ.get(MODE, "").lower() == "token":
        raise address_error(f"{MODE} is 'token', and this machine has no token; {TOKEN_ADVICE}")


def token_problem(address: str) -> str:
    """What is wrong with the token that a cluster has refused."""
    if os.environ.get(MODE, "token").lower() != "token":
        return (
            f"the cluster at {address} wants a token, and {MODE}={os.environ[MODE]} sends none; "
            "unset it"
        )
    source = _token_source()
    if source is None:
        return f"the cluster at {address} wants a token, and this machine has none; {TOKEN_ADVICE}"
    return f"the cluster at {address} does not take the token of {source}; {TOKEN_ADVICE}"


def no_answer(address: str, reason: str) -> PcsearchError:
    """The error where nothing answers at an address."""
    reason = " ".join(reason.split())
    client = " (it serves ray:// where grpcio is installed)" if "://" in address else ""
    return address_error(
        f"nothing answers at {address} ({reason}); start the cluster with 'ray start --head' "
        f"there{client}, or run on this machine (--address local)"
    )


def address_error(message: str) -> PcsearchError:
    """An error in the option ``--address``."""
    return PcsearchError(Problem(message, OPTION))


def _resolved(address: str) -> str:
    """``HOST:PORT`` of an address, as Ray takes it."""
    if address != "auto" and not is_host_and_port(address):
        raise address_error(
            f"{address!r} is not HOST:PORT (the default port is 6379), ray://HOST:PORT or auto"
        )
    try:
        resolved = bootstrap_address(address)
    except ConnectionError:
        resolved = None
    # Ray's own look-up of a host raises almost anything.
    except Exception as error:
        raise no_answer(address, str(error)) from error
    if address == "auto":
        public, private = public_clusters()
        if resolved is None or resolved in private:
            # Ray finds several, or one that is another search's own.
            if len(public) > 1:
                found = ", ".join(sorted(public))
                raise address_error(f"several Ray clusters run on this machine ({found}); give one")
            resolved = next(iter(public), None)
    if resolved is None:
        raise address_error(
            "no Ray cluster runs on this machine; start one with 'ray start --head', give its "
            "HOST:PORT, or run on this machine (--address local)"
        )
    return resolved


def _probe(address: str) -> dict[str, Any]:
    """What the cluster answers to the probe; empty where it does not answer in time."""
    folders = (str(Path(pcsearch.__file__).parents[1]), os.environ.get("PYTHONPATH"))
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            [sys.executable, "-P", "-m", PROBE, address],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, folders))},
            capture_output=True,
            text=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
        answer = json.loads(done.stdout.splitlines()[-1])
    except (subprocess.TimeoutExpired, IndexError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _cluster_problem(address: str, answer: dict[str, Any]) -> str | None:
    """Why a search cannot run on the cluster that gave an answer, None where it can."""
    if not answer:
        return f"no Ray cluster answers at {address}: something listens there, and is not Ray's GCS"
    if answer.get("unauthenticated"):
        return token_problem(address)
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


def _token_source() -> str | None:
    """Where Ray finds the token: in a variable, or else in a file."""
    if os.environ.get(TOKEN, "").strip():
        return TOKEN
    named = os.environ.get(TOKEN_PATH)
    try:
        file = Path(named) if named else Path.home() / ".ray" / "auth_token"
        return str(file) if file.read_text(encoding="utf-8").strip() else None
    # A user may have no home folder.
    except (OSError, UnicodeDecodeError, RuntimeError):
        return None

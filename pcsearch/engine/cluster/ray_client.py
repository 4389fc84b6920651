"""``--address ray://HOST:PORT``: a cluster used through Ray Client from a machine outside it.

Ray Client tries a wrong address for long and prints many lines about it, so the port is asked
first. Tune's loop stays in this process; tasks on the cluster find out what only a node can see.
"""

from __future__ import annotations

import logging
import os
import platform
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any, TypeVar

import ray
from ray.exceptions import RayError

from pcsearch.engine.cluster.address import (
    address_error,
    check_port,
    check_token,
    is_host_and_port,
    send_token,
    token_problem,
)
from pcsearch.engine.cluster.variables import variable
from pcsearch.engine.ray_internals import (
    HEAD_RESOURCE,
    ping_client_server,
    short_keepalive,
    staging_folder,
)
from pcsearch.system.temporary import temporary_folder

SCHEME = "ray://"
PING_TIMEOUT_S = 8
TASK_TIMEOUT_S = 90
UNPACKING_S = 20.0
"""How long a busy head may take to unpack pcsearch's modules."""
IGNORE_VERSIONS = "RAY_IGNORE_VERSION_MISMATCH"
CLOSED = "Cannot monitor channel state: Channel closed"
CLIENT_LOGGER, REMOTE_LOGGER = "ray.util.client", "ray.util.client.logsclient"

Result = TypeVar("Result")


def is_client(address: str | None) -> bool:
    """Whether an address is one of Ray Client's."""
    return address is not None and address.startswith(SCHEME)


def reach(address: str) -> str:
    """Check that Ray Client's server answers at an address and takes this machine's token.

    Args:
        address: ``ray://HOST:PORT``.

    Returns:
        The address.

    Raises:
        PcsearchError: no such server answers, or it wants another token.
    """
    target = address.removeprefix(SCHEME)
    if not is_host_and_port(target):
        raise address_error(f"{address!r} is not ray://HOST:PORT (the default port is 10001)")
    check_port(address, target)
    send_token()
    check_token()
    problem = _server_problem(address, target)
    if problem is not None:
        raise address_error(problem)
    return address


@contextmanager
def client_settings() -> Iterator[None]:
    """Adapt Ray to a process that is no node of the cluster, until the block ends.

    Raises:
        PcsearchError: grpcio is missing.
    """
    if find_spec("grpc") is None:
        raise address_error("ray:// needs grpcio: pip install 'ray[client]'")
    # gRPC and Ray Client print their own messages in the terminal.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    hide_closed_channels()
    with (
        temporary_folder() as folder,
        staging_folder(str(folder)),
        short_keepalive(),
        _silent_loggers(),
    ):
        yield


class _OtherErrors:
    """Shows the errors of threads as before, without that of a closed channel.

    Args:
        show: shows an error.
    """

    def __init__(self, show: Callable[[threading.ExceptHookArgs], Any]) -> None:
        self._show = show

    def __call__(self, error: threading.ExceptHookArgs) -> None:
        """Show an error."""
        if not (isinstance(error.exc_value, ValueError) and CLOSED in str(error.exc_value)):
            self._show(error)


def hide_closed_channels() -> None:
    """Hide the error that a thread of gRPC prints where Ray Client has just closed a connection.

    The thread asks for the connection's state five times a second. It may outlive the connection,
    so this holds for the life of the process; all other errors of threads are printed as before.
    gRPC has one class of error for all mistakes, so the text says which it is.
    """
    if not isinstance(threading.excepthook, _OtherErrors):
        threading.excepthook = _OtherErrors(threading.excepthook)


def connect(connect_to_ray: Callable[[], Any], address: str) -> None:
    """Connect through Ray Client, and compare the cluster's versions with this process's.

    Args:
        connect_to_ray: calls ``ray.init`` and returns what it gives.
        address: for messages.

    Raises:
        PcsearchError: the cluster takes no driver, or runs other versions.
    """
    try:
        # Ray tells the versions only in the text of its error.
        with variable(IGNORE_VERSIONS, "1"):
            context = connect_to_ray()
    except (ConnectionError, RuntimeError, ValueError, RayError) as error:
        message = f"the cluster at {address} takes no driver ({last_line(error)})"
        raise address_error(message) from error
    mismatch = version_mismatch(context.ray_version, context.python_version)
    if mismatch:
        ray.shutdown()
        raise address_error(f"the cluster at {address} runs {mismatch}; use the same versions")


def version_mismatch(ray_version: str, python_version: str) -> str:
    """The versions of a cluster that differ from this process's, empty where none does.

    Ray Client needs the same version of Ray, and the same minor version of Python.
    """
    own_python = platform.python_version()
    different = []
    if ray_version != ray.__version__:
        different.append(f"ray {ray_version} (here {ray.__version__})")
    if python_version.split(".")[:2] != own_python.split(".")[:2]:
        different.append(f"python {python_version} (here {own_python})")
    return ", ".join(different)


def on_head(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a function in a task on the head of the cluster.

    Raises:
        PcsearchError: it fails there, or takes too long.
    """
    try:
        result: Result = ray.get(_sent(function, arguments), timeout=TASK_TIMEOUT_S)
    except (RayError, ModuleNotFoundError) as error:
        message = f"the head of the cluster cannot be asked ({last_line(error)})"
        raise address_error(message) from error
    return result


def _sent(function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
    """Submit a task for the head, again while pcsearch's modules are not there.

    For each runtime environment Ray removes the ``working_dir`` on a node and unpacks it anew, also
    while the process that loads the task imports from it.
    """
    deadline = time.monotonic() + UNPACKING_S
    while True:
        # One that has failed is of no more use.
        task: Any = ray.remote(num_cpus=0, resources={HEAD_RESOURCE: 0.001})(function)
        try:
            return task.remote(*arguments)
        except ModuleNotFoundError:
            if time.monotonic() > deadline:
                raise
            time.sleep(UNPACKING_S / 40)


def last_line(error: Exception) -> str:
    """The last line of an error's text: in a chain of errors, the one that the user sees."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else repr(error)


def _server_problem(address: str, target: str) -> str | None:
    """What is wrong with the server at ``HOST:PORT``, None where it is Ray Client's."""
    import grpc
    from ray.exceptions import AuthenticationError

    try:
        ping_client_server(target, PING_TIMEOUT_S)
    # Ray keeps it for the process that it sends a token, also where there is none any more.
    except AuthenticationError:
        return token_problem(address)
    except grpc.RpcError as error:
        code = error.code()
        if code == grpc.StatusCode.UNAUTHENTICATED:
            return token_problem(address)
        is_ray = code == grpc.StatusCode.UNIMPLEMENTED
        return (
            f"no server of Ray Client answers at {address}: "
            f"{'another server of Ray' if is_ray else 'something else'} listens there; 'ray "
            "start --head' starts it at port 10001, or --ray-client-server-port, where the "
            "head has grpcio (pip install 'ray[client]')"
        )
    return None


@contextmanager
def _silent_loggers() -> Iterator[None]:
    client, remote = logging.getLogger(CLIENT_LOGGER), logging.getLogger(REMOTE_LOGGER)
    with ExitStack() as stack:
        stack.callback(client.setLevel, client.level)
        stack.callback(setattr, remote, "disabled", remote.disabled)
        client.setLevel(logging.CRITICAL)
        # Ray sets the level of this one.
        remote.disabled = True
        yield

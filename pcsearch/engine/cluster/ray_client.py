"""``--address ray://HOST:PORT``: a cluster reached through Ray Client, by a machine outside it.

Ray's client waits long for a wrong address and tells of it in many lines, so the port is asked
first. Tune's loop stays in this process; what only a node can see of the cluster is asked by tasks.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from threading import Event
from typing import Any, TypeVar

import ray
from ray._private import auto_init_hook
from ray.exceptions import RayError
from ray.train._internal import storage

from pcsearch.engine.cluster.address import (
    is_host_and_port,
    knock,
    problem,
    token_trouble,
    use_token,
)
from pcsearch.errors import PcsearchError

SCHEME = "ray://"
ASK_TIMEOUT_S = 8
TASK_TIMEOUT_S = 90
PROMPT = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
)
"""Options of grpcio's: the last of a name counts."""
HEAD = "node:__internal_head__"
"""The resource that the head alone has."""
LOGS = "/tmp/ray/session_latest/logs on every node"  # noqa: S108 - it is Ray's own choice
VERSIONS = re.compile(r"Ray: (\S+)\s+Python: (\S+)")

_IN_USE = Event()
Given = TypeVar("Given")


class ConnectionLostError(PcsearchError):
    """The cluster cannot be reached any more; the search can go on later."""


def is_client(address: str | None) -> bool:
    """Whether an address is one of Ray Client's."""
    return address is not None and address.startswith(SCHEME)


def reach(address: str) -> str:
    """An address at which Ray Client's server has answered and takes this machine's token.

    Args:
        address: ``ray://HOST:PORT``.

    Raises:
        PcsearchError: there is none, or it wants another token.
    """
    target = address.removeprefix(SCHEME)
    if not is_host_and_port(target):
        raise problem(f"{address!r} is not ray://HOST:PORT (the port is 10001 unless told)")
    knock(address, target)
    use_token()
    trouble = _trouble(address, target)
    if trouble is not None:
        raise problem(trouble)
    return address


@contextmanager
def adapted() -> Iterator[None]:
    """Fit Ray to a process that is no node, as long as the block lasts.

    Raises:
        PcsearchError: grpcio is missing.
    """
    if find_spec("grpc") is None:
        raise problem("ray:// needs grpcio: pip install 'ray[client]'")
    # The library's own messages would go to the terminal.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from ray.util.client import common

    logging.getLogger("ray.util.client").setLevel(logging.CRITICAL)
    # Ray sets the level of this one.
    logging.getLogger("ray.util.client.logsclient").disabled = True
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory(prefix="pcsearch_tune_"))
        # What Tune writes before it goes to the storage: its own folder is a node's.
        stack.enter_context(_replaced(storage, "_get_ray_train_session_dir", lambda: folder))
        # Where the connection is lost, Ray would go on with another cluster, or a new one.
        stack.enter_context(_replaced(auto_init_hook, "enable_auto_connect", False))
        before = list(common.GRPC_OPTIONS)
        # A head that has gone without a word would be waited for ten minutes.
        common.GRPC_OPTIONS[:] = [*before, *PROMPT]
        stack.callback(common.GRPC_OPTIONS.__setitem__, slice(None), before)
        _IN_USE.set()
        stack.callback(_IN_USE.clear)
        yield


@contextmanager
def connection_kept() -> Iterator[None]:
    """Say it in a line where the connection to the cluster ends a session.

    Raises:
        ConnectionLostError: it has.
    """
    try:
        yield
    except PcsearchError:
        raise
    except Exception as error:
        if is_lost(error):
            raise ConnectionLostError("the connection to the cluster was lost") from error
        raise


def is_lost(error: Any) -> bool:
    """Whether an error comes of a connection through Ray Client which has ended."""
    is_of_it = isinstance(error, ConnectionError) and not isinstance(error, RayError)
    return _IN_USE.is_set() and (is_of_it or not ray.is_initialized())


def on_head(function: Callable[..., Given], *arguments: Any) -> Given:
    """What a function gives on the head of the cluster.

    Raises:
        PcsearchError: it fails there, or takes too long.
    """
    task: Any = ray.remote(num_cpus=0, resources={HEAD: 0.001})(function)
    try:
        given: Given = ray.get(task.remote(*arguments), timeout=TASK_TIMEOUT_S)
    except RayError as error:
        raise problem(f"the head of the cluster cannot be asked ({_last_line(error)})") from error
    return given


def refusal(address: str, error: Exception) -> str:
    """Why Ray Client has not connected, in a line."""
    versions = VERSIONS.findall(str(error))
    if len(versions) == len(("theirs", "ours")):
        pairs = zip(("ray", "python"), *versions, strict=True)
        unlike = ", ".join(f"{name} {its} (here {own})" for name, its, own in pairs if its != own)
        return f"the cluster at {address} runs {unlike}; use the same versions"
    return f"the cluster at {address} takes no driver ({_last_line(error)})"


def _last_line(error: Exception) -> str:
    """The exception that the other lines of an error lead to."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else repr(error)


def _trouble(address: str, target: str) -> str | None:
    """What is wrong with what answers at ``HOST:PORT``; None where Ray Client's server does."""
    import grpc
    from ray._private.grpc_utils import init_grpc_channel
    from ray.core.generated import ray_client_pb2, ray_client_pb2_grpc

    messages: Any = ray_client_pb2
    services: Any = ray_client_pb2_grpc
    ping = messages.ClusterInfoRequest(type=messages.ClusterInfoType.PING)
    with init_grpc_channel(target) as channel:
        stub = services.RayletDriverStub(channel)
        try:
            stub.ClusterInfo(ping, timeout=ASK_TIMEOUT_S, metadata=[("client_id", "ping")])
        except grpc.RpcError as error:
            code = error.code()
            if code == grpc.StatusCode.UNAUTHENTICATED:
                return token_trouble(address)
            is_ray = code == grpc.StatusCode.UNIMPLEMENTED
            return (
                f"no server of Ray Client answers at {address}: "
                f"{'another server of Ray' if is_ray else 'something else'} listens there; 'ray "
                "start --head' starts it at port 10001, or --ray-client-server-port, where the "
                "head has grpcio (pip install 'ray[client]')"
            )
    return None


@contextmanager
def _replaced(place: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)

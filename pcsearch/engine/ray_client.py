"""``--address ray://HOST:PORT``: a cluster reached through Ray Client, from a machine that is no node.

Ray's client waits long for a wrong address and tells of it in many lines, so the port is asked
first. What this process cannot see of the cluster is asked by tasks that run there.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from tempfile import TemporaryDirectory
from typing import Any

from ray.train._internal import storage

from pcsearch.engine.addresses import is_host_and_port, knock, problem, token_trouble, use_token
from pcsearch.errors import PcsearchError

SCHEME = "ray://"
ASK_TIMEOUT_S = 8
LOGS = "/tmp/ray/session_latest/logs on every node"  # noqa: S108 - it is Ray's own choice


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
    if find_spec("grpc") is None:
        raise problem(f"{address} needs grpcio: pip install 'ray[client]', or use HOST:PORT")
    # The library's own messages would go to the terminal.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    logging.getLogger("ray.util.client").setLevel(logging.CRITICAL)
    knock(address, target)
    use_token()
    trouble = _trouble(address, target)
    if trouble is not None:
        raise problem(trouble)
    return address


@contextmanager
def staged() -> Iterator[None]:
    """Give Tune a folder for what it writes before that goes to the storage: its own is a node's."""
    place: Any = storage
    before = place._get_ray_train_session_dir
    with TemporaryDirectory(prefix="pcsearch_tune_") as folder:
        place._get_ray_train_session_dir = lambda: folder
        try:
            yield
        finally:
            place._get_ray_train_session_dir = before


def _trouble(address: str, target: str) -> str | None:
    """What is wrong with what answers at ``HOST:PORT``; None where Ray Client's server does."""
    import grpc
    from ray._private.grpc_utils import init_grpc_channel
    from ray.core.generated import ray_client_pb2, ray_client_pb2_grpc

    ping = ray_client_pb2.ClusterInfoRequest(type=ray_client_pb2.ClusterInfoType.PING)
    with init_grpc_channel(target) as channel:
        stub = ray_client_pb2_grpc.RayletDriverStub(channel)
        try:
            stub.ClusterInfo(ping, timeout=ASK_TIMEOUT_S, metadata=[("client_id", "ping")])
        except grpc.RpcError as error:
            code = error.code()
            if code == grpc.StatusCode.UNAUTHENTICATED:
                return token_trouble(address)
            what = "Ray, and not Ray Client" if code == grpc.StatusCode.UNIMPLEMENTED else "another"
            return (
                f"no server of Ray Client answers at {address}: {what} listens there; its port is "
                "10001 unless 'ray start --head' was told another with --ray-client-server-port, "
                "and the head needs grpcio for it (pip install 'ray[client]')"
            )
    return None

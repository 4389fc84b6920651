"""The connection to Ray: to one of this process's own, or to a running cluster."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError

from pcsearch.engine.cluster import ray_client
from pcsearch.engine.cluster.address import address_error, is_local, reach
from pcsearch.engine.cluster.private_ray import hidden, own_folder, own_token
from pcsearch.engine.cluster.ray_client import client_settings, is_client
from pcsearch.engine.cluster.ray_logs import keep_logs
from pcsearch.engine.cluster.ray_watch import watching
from pcsearch.engine.cluster.shipping import packed
from pcsearch.engine.ray_internals import own_process_groups
from pcsearch.engine.workloads.user_code import Code
from pcsearch.errors import PcsearchError
from pcsearch.system.signals import ENDING, handled

OBJECT_STORE_BYTES = 100 * 1024**2
"""Of a local Ray, where trials share no objects; Ray's default is a third of the memory."""
DEFAULT_LOGS = "/tmp/ray/session_latest/logs on every node"  # noqa: S108 - it is Ray's own choice


class ConnectionLostError(PcsearchError):
    """The cluster cannot be reached any more; the search can be resumed later."""


@dataclass(frozen=True)
class Connection:
    """A connection to Ray.

    Args:
        logs: the folder with Ray's own logs; that of a local Ray is removed with it.
        client: whether the connection is through Ray Client.
        watched: whether to notice that Ray has died: not where another owns the connection, and not
            through Ray Client, which notices it by itself.
        local: whether Ray runs on this machine alone, and ends with the search.
    """

    logs: str = DEFAULT_LOGS
    client: bool = False
    watched: bool = False
    local: bool = False

    @cached_property
    def kept_logs(self) -> str:
        """The folder where Ray's own logs can be read after its end, empty where there is none."""
        return keep_logs(Path(self.logs)) if self.local else self.logs

    def is_lost(self, error: BaseException | None) -> bool:
        """Whether the end of the connection caused an error; the error of a trial does not count.

        Only a connection through Ray Client is lost while its process lives.
        """
        from_client = isinstance(error, ConnectionError) and not isinstance(error, RayError)
        return self.client and (from_client or not ray.is_initialized())

    def watching(self, on_death: Callable[[str], None]) -> AbstractContextManager[None]:
        """Watch during a block whether Ray has died.

        Args:
            on_death: is called, in a thread, with what has died, in words.
        """
        return watching(on_death, local=self.local) if self.watched else nullcontext()

    @contextmanager
    def required(self) -> Iterator[None]:
        """Turn an error that the end of the connection causes into one line.

        Raises:
            ConnectionLostError: the connection has ended in the block.
        """
        try:
            yield
        except PcsearchError:
            raise
        except Exception as error:
            if self.is_lost(error):
                raise ConnectionLostError("the connection to the cluster was lost") from error
            raise


@contextmanager
def connected(
    address: str | None, code: Code | None = None, namespace: str | None = None
) -> Iterator[Connection]:
    """Connect to Ray until the block ends; a local Ray starts and ends with the block.

    Where the caller's process is connected already, that connection is used, and stays.

    Args:
        address: ``HOST:PORT``, ``ray://HOST:PORT`` or ``auto`` for a running cluster; None or
            ``local`` starts a Ray on this machine.
        code: the user's modules or program, which are sent to the nodes of a running cluster.
        namespace: of Ray, by which a running cluster knows the drivers of a search.

    Raises:
        PcsearchError: no cluster answers at the address, or it cannot be used from here.
    """
    if ray.is_initialized():
        context = ray.init(ignore_reinit_error=True, configure_logging=False)
        yield Connection(_logs_folder(context))
    elif is_local(address):
        with own_token(), own_folder() as folder:
            context = _start_local(folder)
            own = Connection(_logs_folder(context), watched=True, local=True)
            with _until_end(own) as connection:
                yield connection
    elif address is not None and is_client(address):
        with client_settings():
            _join_through_client(address, code, namespace)
            with _until_end(Connection(client=True)) as connection:
                yield connection
    else:
        assert address is not None, "no address is a local one"
        context = _join(address, code, namespace)
        with _until_end(Connection(_logs_folder(context), watched=True)) as connection:
            yield connection


def _start_local(folder: Path | None) -> Any:
    """Start a Ray of this process alone, which no other command finds or may join.

    Args:
        folder: for its files, None for Ray's own choice.
    """
    place = {} if folder is None else {"_temp_dir": str(folder)}
    with own_process_groups(), hidden(), _signals_later():
        return _init(
            "local", object_store_memory=OBJECT_STORE_BYTES, include_dashboard=False, **place
        )


@contextmanager
def _signals_later() -> Iterator[None]:
    """Hold Ctrl-C and other signals back while the block starts Ray; then end Ray and raise them.

    In the middle of its start, Ray could not be ended whole.

    Raises:
        KeyboardInterrupt: there was a signal.
    """
    got: list[int] = []
    with handled(ENDING, lambda number, _: got.append(number)):
        yield
        if got:
            ray.shutdown()
    if got:
        raise KeyboardInterrupt


@contextmanager
def _until_end(connection: Connection) -> Iterator[Connection]:
    """Disconnect at the end of the block; an unexpected error tells where Ray's logs are."""
    try:
        yield connection
    except PcsearchError:
        raise
    except Exception as error:
        if connection.kept_logs:
            error.add_note(f"Ray's own logs lie in {connection.kept_logs}")
        raise
    finally:
        ray.shutdown()


def _join(address: str, code: Code | None, namespace: str | None) -> Any:
    resolved = reach(address)
    with packed(code) as environment:
        try:
            return _init(resolved, runtime_env=environment, namespace=namespace)
        except (ConnectionError, RuntimeError, ValueError, RayError) as error:
            reason = " ".join(str(error).split())
            message = f"no Ray cluster answers at {address} ({reason})"
            raise address_error(message) from error


def _join_through_client(address: str, code: Code | None, namespace: str | None) -> None:
    ray_client.reach(address)
    with packed(code) as environment:
        ray_client.connect(
            lambda: _init(address, runtime_env=environment, namespace=namespace), address
        )


def _init(address: str, **options: Any) -> Any:
    return ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)


def _logs_folder(context: Any) -> str:
    """The folder of Ray's logs, by what ``ray.init`` returns for a connection as a node."""
    return str(Path(context.address_info["session_dir"], "logs"))

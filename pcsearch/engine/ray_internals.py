"""Every private name of Ray that pcsearch uses, each with the reason why no public one will do.

No other module imports a private name of Ray. ``tests/engine/test_ray_internals.py`` names each
of them, so a new version of Ray that lacks one fails there first. Ray is imported inside the
functions: a process that needs one of them should not load all of Ray.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from traceback import walk_tb
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import TracebackType

    from ray.tune import Checkpoint
    from ray.tune.experiment import Trial
    from ray.tune.trainable import Trainable

HEAD_RESOURCE = "node:__internal_head__"
"""The resource that only the head node has. Ray's public labels do not name the head."""

KEEPALIVE = (
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),
)
"""Options of gRPC: of several values for one name, the last counts."""


# Patches: names of Ray that are replaced while it runs


@contextmanager
def own_process_groups() -> Iterator[None]:
    """Start the processes of a local Ray in process groups of their own.

    Batch systems send SIGTERM to the whole process group. Ray's processes would end before the
    driver, which would then wait for them for a minute. Ray has no option for it. The public way,
    ``ray start --head`` in a process of its own, takes a third longer until the driver is connected
    (16 instead of 12 seconds on a busy machine with two cores), takes a fixed port, and makes other
    commands on the machine with ``--address auto`` find this Ray.
    """
    from ray._private import services

    module: Any = services
    original = module.ConsolePopen

    class GroupPopen(original):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **{"process_group": 0, **options})

    with _replaced(module, "ConsolePopen", GroupPopen):
        yield


@contextmanager
def staging_folder(folder: str) -> Iterator[None]:
    """Let Tune prepare its files in a folder of this machine.

    Tune asks the local Ray node for its folder, and through Ray Client there is none: without the
    patch every search with ``ray://`` ends with an AttributeError. Ray has no option for it.
    """
    from ray.train._internal import storage

    with _replaced(storage, "_get_ray_train_session_dir", lambda: folder):
        yield


@contextmanager
def short_keepalive() -> Iterator[None]:
    """Let Ray Client notice within 20 seconds that the head is gone.

    Ray waits 600 seconds for the answer to a ping. Neither an argument nor an environment variable
    says less.
    """
    from ray.util.client import common

    original = list(common.GRPC_OPTIONS)
    common.GRPC_OPTIONS[:] = [*original, *KEEPALIVE]
    try:
        yield
    finally:
        common.GRPC_OPTIONS[:] = original


@contextmanager
def _replaced(module: Any, name: str, value: Any) -> Iterator[None]:
    original = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, original)


def ray_psutil() -> Any:
    """The module psutil, of which Ray brings a copy along.

    Nodes of a cluster need no package besides ray and torch, so it is no dependency of its own.
    """
    import ray  # noqa: F401 - it puts the copy on Python's path
    import psutil  # type: ignore[import-untyped]  # isort: skip

    return psutil


def forget_token() -> None:
    """Let Ray look for its token again when it next needs one.

    It keeps the first that it has found in a process, also when it connects to another cluster, and
    a Ray that it starts then has another token than the driver. It keeps too whether there are
    tokens at all: a cluster without them would then get no answer from the driver, and all actors
    would fail.
    """
    from ray._raylet import AuthenticationTokenLoader, Config  # type: ignore[attr-defined]

    AuthenticationTokenLoader.instance().reset_cache()
    # It reads the environment again.
    Config.initialize("")


# A cluster that this process is not connected to


def bootstrap_address(address: str) -> str | None:
    """``HOST:PORT`` of the cluster that an address means, None where ``auto`` finds none.

    A loopback address becomes the machine's own. ``ray.init("auto")`` finds the same cluster, but
    connects to it, and ends the process where the cluster does not answer.

    Raises:
        ConnectionError: several clusters run on this machine.
        Exception: the host cannot be looked up.
    """
    from ray._private import services

    resolved = services.canonicalize_bootstrap_address(address)
    return None if resolved is None else str(resolved)


def cluster_nodes_and_versions(
    address: str, timeout_s: float
) -> tuple[frozenset[str], Mapping[str, Any]]:
    """The ids of a cluster's nodes, and its metadata with ``ray_version`` and ``python_version``.

    ``ray.init(address)`` tells a wrong version only in the text of an error, and on a machine that
    is no node it tries for longer than a user should wait.

    Args:
        address: ``HOST:PORT``.
        timeout_s: how long the cluster may take to answer.

    Raises:
        AuthenticationError: the cluster wants another token.
        Exception: no cluster answers.
    """
    from ray._common.usage.usage_lib import get_cluster_metadata
    from ray._raylet import GcsClient  # type: ignore[attr-defined]

    client = GcsClient(address=address)
    nodes = client.get_all_node_info(timeout=timeout_s)
    return frozenset(node.node_id.hex() for node in nodes.values()), get_cluster_metadata(
        client
    ) or {}


def local_node_ids() -> frozenset[str]:
    """The ids of the Ray nodes whose processes run on this machine.

    Two machines can have the same address (containers), so the public ``ray.nodes()`` cannot tell.
    """
    from ray._private import services

    return frozenset(services.find_node_ids())  # type: ignore[no-untyped-call]


def ping_client_server(address: str, timeout_s: float) -> None:
    """Ask the server of Ray Client for a sign of life.

    ``ray.init("ray://...")`` tries for minutes and prints its tries.

    Args:
        address: ``HOST:PORT``.
        timeout_s: how long the server may take to answer.

    Raises:
        grpc.RpcError: no such server answers, or it wants another token.
    """
    from ray._private.grpc_utils import init_grpc_channel
    from ray.core.generated import ray_client_pb2, ray_client_pb2_grpc

    messages: Any = ray_client_pb2
    services: Any = ray_client_pb2_grpc
    ping = messages.ClusterInfoRequest(type=messages.ClusterInfoType.PING)
    with init_grpc_channel(address) as channel:
        stub = services.RayletDriverStub(channel)
        stub.ClusterInfo(ping, timeout=timeout_s, metadata=[("client_id", "ping")])


# The cluster that this process is connected to


def autoscaler_node_types() -> list[Mapping[str, float]]:
    """The resources of the nodes that the cluster's autoscaler can start.

    Ray's public functions tell of nodes only once they have started.
    """
    from ray._private.state import state

    config = state.get_cluster_config()
    groups = () if config is None else config.node_group_configs
    return [dict(group.resources) for group in groups if group.max_count != 0]


def living_jobs(namespace: str) -> list[str]:
    """The ids of the jobs in a namespace of Ray that have not ended.

    The public ``ray.util.state.list_jobs`` needs the dashboard. A named actor as a lock would take
    a process on the cluster, and would end with its node while the trials go on elsewhere.
    """
    from ray._private import worker

    client: Any = worker.global_worker.gcs_client  # type: ignore[attr-defined]
    jobs = client.get_all_job_info(
        skip_submission_job_info_field=True, skip_is_running_tasks_field=True
    )
    return [
        job_id.hex()
        for job_id, job in jobs.items()
        if not job.is_dead and job.config.ray_namespace == namespace
    ]


# Trials in the driver


def set_folder_name(trial: Trial, name: str) -> None:
    """Set the name of a trial's folder in the storage.

    Tune's ``trial_dirname_creator`` is not asked for trials that a search algorithm makes, and Tune
    adds a suffix where a folder of the name exists, as it does for every resumed trial.
    """
    untyped: Any = trial
    untyped.relative_logdir = untyped.custom_dirname = name
    untyped.storage.trial_dir_name = name


def with_actor_part(function: Callable[..., Any], part: type[Trainable]) -> Callable[..., Any]:
    """A trainable function whose actor's class has a part of pcsearch before Tune's own.

    A public class of a trainable, ``tune.Trainable``, cannot run a function that reports.

    Args:
        function: the trainable, which is changed.
        part: its methods call those of Tune's class.
    """
    untyped: Any = function
    untyped.__mixins__ = (part,)
    return function


def actor(trial: Trial) -> Any:
    """The actor that runs a trial, None where none does: Tune's hooks do not tell it."""
    return trial.temporary_state.ray_actor


def make_controller(**settings: Any) -> Any:
    """Tune's controller, which also retries a trial whose process died while it was reset for it.

    Tune tells itself of such a death twice. At the second time it gives the trial up, and it would
    never give it a process again. No public hook comes between the two.

    Args:
        settings: those of Tune's ``TuneController``.
    """
    from ray.exceptions import RayActorError
    from ray.tune.execution.tune_controller import TuneController
    from ray.tune.experiment import Trial

    class Controller(TuneController):
        _resetting_trials: set[Trial]

        def _trial_task_failure(self, trial: Trial, exception: Exception) -> None:
            is_told_again = trial in self._resetting_trials and trial.status == Trial.PENDING
            if is_told_again and isinstance(exception, RayActorError):
                self._resetting_trials.discard(trial)
            else:
                super()._trial_task_failure(trial, exception)

    return Controller(**settings)


def make_checkpoint_result(checkpoint: Checkpoint, report: Mapping[str, Any]) -> Any:
    """A checkpoint with the report that came with it, as ``Trial.on_checkpoint`` takes it."""
    from ray.train._internal.session import _TrainingResult

    return _TrainingResult(checkpoint, dict(report))


def checkpoint_results(trial: Trial) -> list[Any]:
    """The checkpoints that Tune knows of a trial, oldest first.

    Each is as `make_checkpoint_result` makes it. The public ``CheckpointConfig`` keeps either the
    newest checkpoints or the best, not both.
    """
    manager: Any = trial.run_metadata.checkpoint_manager
    return list(manager._checkpoint_results)


def set_checkpoint_results(trial: Trial, results: list[Any]) -> None:
    """Set the checkpoints that Tune knows of a trial."""
    manager: Any = trial.run_metadata.checkpoint_manager
    manager._checkpoint_results = results


def set_latest_checkpoint(trial: Trial, result: Any) -> None:
    """Set the checkpoint that a trial is restored from, None for a start from the beginning."""
    manager: Any = trial.run_metadata.checkpoint_manager
    manager._latest_checkpoint_result = result


# Trials in their own processes


def reports_made() -> int:
    """How many reports the trial of this process has made since its process began.

    Tune ends a function that has reported nothing as if all were well, and its public context does
    not count.
    """
    from ray.train._internal.session import get_session

    session = get_session()
    assert session is not None, "Tune has a session in the process of a trial"
    return int(session.iteration)


def stopped_by_ray(error: SystemExit) -> bool:
    """Whether a SystemExit is Ray's stop of a trial, and not a ``sys.exit`` of its function.

    A trial that is to end is stopped so in its call of ``tune.report``. The exception is that of
    ``sys.exit(0)``, and nothing else tells the two apart. Its last frame need not be Ray's: W&B's
    client puts a function of its own in the place of ``sys.exit``.
    """
    from ray.train._internal import session

    frames = (frame for frame, _ in walk_tb(error.__traceback__))
    return any(frame.f_globals is vars(session) for frame in frames)


def count_on_from(trainable: Trainable, reports: int) -> None:
    """Let a trial count its next report after so many.

    Tune counts from its checkpoint, and what a program keeps is no checkpoint of Tune's.
    """
    trainable._iteration = reports


def is_storage_error(error: BaseException) -> bool:
    """Whether Ray raised an error while it copied a checkpoint to or from the storage.

    Such errors have no type of their own: pyarrow raises OSError, and fsspec anything.
    """
    from ray.train._internal import storage

    at: TracebackType | None = error.__traceback__
    while at is not None:
        if at.tb_frame.f_globals.get("__name__") == storage.__name__:
            return True
        at = at.tb_next
    return False

"""What of the cluster is in use."""

from __future__ import annotations

import time

import pytest
import ray

from pcsearch.engine.cluster.usage import InUse, Usage


@pytest.mark.parametrize(
    ("total", "free", "expected"),
    [
        ({"CPU": 8.0, "GPU": 2.0, "memory": 9.0}, {"CPU": 5.0, "GPU": 1.5}, [3.0, 0.5]),
        # Ray leaves out what is all in use, and what nobody has.
        ({"CPU": 8.0}, {}, [8.0]),
        # Two answers may be of different moments.
        ({"CPU": 8.0}, {"CPU": 9.0}, [0.0]),
        ({}, {}, []),
    ],
)
def test_what_is_not_free_is_in_use(
    total: dict[str, float], free: dict[str, float], expected: list[float]
) -> None:
    usage = Usage(lambda: total, lambda: free)
    assert usage.newest == ()
    usage.ask()
    assert [each.used for each in usage.newest] == expected
    assert [each.there for each in usage.newest] == [total[each.kind] for each in usage.newest]


def test_a_cluster_that_does_not_answer_holds_nobody_up() -> None:
    def fail() -> dict[str, float]:
        raise ConnectionError("gone")

    usage = Usage(fail, fail)
    with usage.watched():
        assert usage.newest == ()


@pytest.mark.usefixtures("ray_here")
def test_ray_says_what_is_in_use() -> None:
    @ray.remote(num_cpus=1)
    class Busy:
        def ready(self) -> bool:
            return True

    usage, busy = Usage(), Busy.remote()  # type: ignore[attr-defined]
    assert ray.get(busy.ready.remote())
    total = ray.cluster_resources()["CPU"]
    end = time.monotonic() + 240
    while (not usage.newest or usage.newest[0].used < 1) and time.monotonic() < end:
        usage.ask()
        time.sleep(0.1)
    assert usage.newest[0] == InUse("CPU", 1, total)
    ray.kill(busy)

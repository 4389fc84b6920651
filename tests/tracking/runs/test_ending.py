"""What is seen of the runs that are ending."""

from __future__ import annotations

from pcsearch.tracking.runs.ending import EndingRuns
from pcsearch.tracking.wandb_internals import Uploading


def test_only_a_change_between_two_answers_is_progress() -> None:
    """Of many runs not all are asked in time, and the client may not answer."""

    class Run:
        def __init__(self, name: str, *answers: tuple[int, ...]) -> None:
            self.id, self.answers = name, [*answers]

        def uploading(self) -> Uploading:
            return Uploading(self.answers.pop(0))

    one, other = Run("one", (1,), (), (1,), (2,)), Run("other", (5,), (5,), (5,))
    runs = EndingRuns()
    with runs.of(one):  # type: ignore[arg-type]
        with runs.of(other):  # type: ignore[arg-type]
            assert [runs.progress() for _ in range(3)] == [0, 0, 0]
        assert runs.progress() == 1


def test_a_run_that_waits_online_is_the_servers_even_after_others_have_gone_offline() -> None:
    class Run:
        id = "one"

        def __init__(self, mode: str) -> None:
            self.mode = mode

        def uploading(self) -> Uploading:
            return Uploading((1,), "retrying HTTP 500: refused")

    runs = EndingRuns()
    told = "nothing for 3 s (retrying HTTP 500: refused)"
    with runs.of(Run("offline")):  # type: ignore[arg-type]
        with runs.of(Run("online")):  # type: ignore[arg-type]
            assert runs.why_stuck(3, "offline") == f"the server took in {told}"
        assert runs.why_stuck(3, "offline") == f"the client wrote {told}"
    assert runs.why_stuck(3, "online") == "the server took in nothing for 3 s"

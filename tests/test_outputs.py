"""What a command does where nobody reads its output any more."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pcsearch.outputs import lasting_outputs

ROOT = Path(__file__).parents[1]
PRINTING = """
import sys
from pcsearch.outputs import lasting_outputs

with lasting_outputs():
    for number in range(100000):
        print(number)
        print(number, file=sys.stderr)
    open(sys.argv[1], "w").write("complete")
"""


@pytest.mark.parametrize("closed", [("stdout",), ("stderr",), ("stdout", "stderr")])
def test_a_closed_output_ends_nothing(closed: tuple[str, ...], tmp_path: Path) -> None:
    done = tmp_path / "done"
    with subprocess.Popen(
        [sys.executable, "-c", PRINTING, str(done)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE if "stdout" in closed else subprocess.DEVNULL,
        stderr=subprocess.PIPE if "stderr" in closed else subprocess.DEVNULL,
    ) as process:
        for name in closed:
            stream = getattr(process, name)
            assert stream.readline() == b"0\n"
            stream.close()
        assert process.wait(240) == 0
    assert done.read_text() == "complete"


class Failing(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "full")


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", Failing())
    with pytest.raises(OSError, match="full"), lasting_outputs():
        print("a")


def test_what_is_written_arrives(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr
    with lasting_outputs():
        print("a")
        sys.stderr.writelines(["b", "c"])
        assert not sys.stdout.isatty()
    assert capsys.readouterr() == ("a\n", "bc")
    assert (sys.stdout, sys.stderr) == before


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_an_output_that_was_closed_before_ends_nothing(
    closed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, closed, None)
    with lasting_outputs():
        print("a", file=getattr(sys, closed))
        assert getattr(sys, closed) is None

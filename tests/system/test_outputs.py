"""What a command does where nobody reads its output any more."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pcsearch.errors import PcsearchError
from pcsearch.system.outputs import lasting_outputs

ROOT = Path(__file__).parents[2]
PRINTING = """
import sys
from pcsearch.system.outputs import lasting_outputs

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


class Full(io.StringIO):
    """A file on a disk that is full until there is room."""

    has_room = False

    def write(self, text: str) -> int:
        if not self.has_room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(text)


def test_a_full_disk_is_told_once_of_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    with Path("/dev/full").open("w", buffering=1) as full:
        monkeypatch.setattr(sys, "stdout", full)
        with lasting_outputs():
            with pytest.raises(PcsearchError) as caught:
                print("a")
            print("b")
    assert str(caught.value) == "standard output: No space left on device"


def test_what_is_told_on_a_full_disk_is_dropped_until_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Full()
    monkeypatch.setattr(sys, "stderr", stream)
    with lasting_outputs():
        print("a", file=sys.stderr)
        stream.has_room = True
        print("b", file=sys.stderr)
    assert stream.getvalue() == "b\n"


def test_what_the_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", stream)
    with lasting_outputs():
        print("caf\xe9 \u2026")
    assert stream.buffer.getvalue() == b"caf\xe9 \\u2026\n"  # type: ignore[attr-defined]
    assert stream.errors == "strict", "as it was"


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

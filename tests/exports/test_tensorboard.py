"""The trials as TensorBoard's event files, read back with tensorboardX's own messages."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from made_findings import made_findings, made_trial
from tensorboardX.proto.event_pb2 import Event

from pcsearch.engine.records.journal.history import REPORTS
from pcsearch.errors import PcsearchError
from pcsearch.exports.tensorboard import write_runs

TEXT = (
    "method: random\nmetric: {name: loss, goal: minimize}\nparameters:\n"
    "  rate: {min: 0.0, max: 1.0}\n  opt: {values: [[1, 2], adam]}\n"
)


def events(folder: Path) -> Iterator[Event]:
    """The events in the one file of a run, which is a list of records with their lengths."""
    (file,) = folder.iterdir()
    data = file.read_bytes()
    while data:
        (length,) = struct.unpack_from("<Q", data)
        yield Event.FromString(data[12 : 12 + length])
        data = data[16 + length :]


def test_a_run_has_its_parameters_and_every_epoch(tmp_path: Path) -> None:
    trials = [
        made_trial(1, {"rate": 0.5, "opt": [1, 2]}, 0.25, folder=tmp_path / "here"),
        made_trial(2, {"rate": 0.1, "opt": "adam"}, None, status="failed"),
    ]
    reports = map(json.loads, (trials[0].folder / REPORTS).read_text().splitlines())
    timed = (json.dumps(each | {"timestamp": 1000 + 2 * each["epoch"]}) for each in reports)
    (trials[0].folder / REPORTS).write_text("".join(f"{line}\n" for line in timed))
    write_runs(made_findings(TEXT, trials), trials[:1], tmp_path / "runs")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["0001_t1"]
    with pytest.raises(PcsearchError, match="has runs already, such as 0001_t1; give another"):
        write_runs(made_findings(TEXT, trials), trials, tmp_path / "runs")
    found = list(events(tmp_path / "runs" / "0001_t1"))
    scalars = [
        (value.tag, event.step, round(value.simple_value, 6))
        for event in found
        for value in event.summary.value
        if value.HasField("simple_value")
    ]
    assert scalars == [
        ("best/loss", 5, 0.25),
        *(
            (name, epoch, value)
            for epoch in range(1, 6)
            for name, value in [("epoch", epoch), ("loss", 5.25 - epoch)]
        ),
    ]
    # The first event is of the file itself.
    times = [event.wall_time for event in found[1:]]
    assert times[:3] == [1000.0] * 3
    assert times[3:] == [1010.0, *(1000.0 + 2 * epoch for epoch in range(1, 6) for _ in range(2))]
    content = b"".join(event.SerializeToString() for event in found)
    assert b"rate" in content
    assert b"[1, 2]" in content

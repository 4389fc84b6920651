from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from trained_models import model_of, run_of

from pcsearch.errors import PcsearchError
from pcsearch.pc.checkpoint import save_model, save_state
from pcsearch.pc.model_file import write_model
from pcsearch.pc.model_places import find_model, read


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_the_model_of_an_experiment_a_trial_and_a_checkpoint_is_found(tmp_path: Path) -> None:
    experiment, trial = tmp_path / "here", tmp_path / "here" / "0001_a"
    # The third checkpoint was not better than the second.
    touch(
        experiment,
        "best/model.safetensors",
        "0001_a/checkpoint_000001/state.pt",
        "0001_a/checkpoint_000001/model.safetensors",
        "0001_a/checkpoint_000002/state.pt",
        "0001_a/checkpoint_000002/model.safetensors",
        "0001_a/checkpoint_000003/state.pt",
        "0002_b/checkpoint_000003/state.pt",
    )
    best = experiment / "best" / "model.safetensors"
    assert [find_model(each) for each in (experiment, best.parent, best)] == [best] * 3
    assert find_model(trial) == trial / "checkpoint_000002" / "model.safetensors"
    newest = trial / "checkpoint_000003"
    assert find_model(newest) == newest / "state.pt"
    older = trial / "checkpoint_000001"
    assert find_model(older) == older / "model.safetensors"
    # A trial of an earlier version, or that never had a value.
    other = experiment / "0002_b"
    assert find_model(other) == other / "checkpoint_000003" / "state.pt"


def test_where_no_model_is_a_line_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(PcsearchError, match="nosuch: no such file or folder"):
        read(tmp_path / "nosuch")
    with pytest.raises(PcsearchError, match=r"no model of a PC transformer is here.*give the"):
        read(tmp_path)
    with pytest.raises(PcsearchError, match="is an address; copy the model's folder"):
        read(Path("s3://bucket/here/best"))


def test_a_checkpoint_without_a_models_file_gives_the_model_of_its_state(tmp_path: Path) -> None:
    run, metrics = run_of("plain")
    save_state(tmp_path / "state", run.config, run.state())
    write_model(tmp_path / "file", model_of())
    found, expected = read(tmp_path / "state"), read(tmp_path / "file")
    assert found.config == expected.config
    assert all(torch.equal(found.weights[name], w) for name, w in expected.weights.items())
    assert torch.equal(found.hidden.states, expected.hidden.states)
    rates = {name: metrics[name] for name in metrics if name.startswith("LearningRate/")}
    assert {name: found.metrics[name] for name in rates} == rates
    assert found.compiled == expected.compiled


@pytest.mark.parametrize("told", [True, False, None])
def test_a_state_says_whether_compiled_code_was_used(told: bool | None, tmp_path: Path) -> None:
    """A run that is long enough may have been told to use none (``--compile off``)."""
    run, _ = run_of("compiled code")
    assert run.state()["compiled"]
    state = {name: value for name, value in run.state().items() if name != "compiled"}
    save_state(tmp_path, run.config, state if told is None else state | {"compiled": told})
    # Older states do not say it; then the length of the run does.
    assert read(tmp_path).compiled == (told is not False)


def without_a_weight(state: dict[str, Any]) -> dict[str, Any]:
    """The parts of a state that have tensors for each weight, without those for one of them."""
    weights, moments = dict(state["weights"]), dict(state["moments"])
    weights.popitem()
    for name in ("first", "second"):
        moments[name] = moments[name][:-1]
    return {"weights": weights, "moments": moments}


def test_a_saved_model_is_told_to_lack_what_an_evaluation_needs(tmp_path: Path) -> None:
    run, _ = run_of("plain")
    save_model(tmp_path, run.config, run.weights)
    with pytest.raises(PcsearchError) as caught:
        read(tmp_path / "model.pt")
    assert str(caught.value) == (
        f"{tmp_path}/model.pt: the file has weights alone, and lacks what an evaluation starts "
        f"from; give its folder, {tmp_path}"
    )


def test_a_state_of_something_else_is_one_line(tmp_path: Path) -> None:
    run, _ = run_of("plain")
    save_state(tmp_path, run.config, {"epoch": 1})
    with pytest.raises(PcsearchError, match=r"state\.pt: the file is no state of a run"):
        read(tmp_path)
    for problem, content in (
        ("its configuration is none of this version", {"config": json.dumps({"depth": 3})}),
        ("its configuration is none of this version", {"config": "3"}),
        (r"the file is damaged \(Expecting", {"config": "{"}),
        ("the file is damaged", {"config": 3}),
        ("the file is no state of a run", {"state": [1]}),
        ("the file is no state of a run", {"state": run.state() | {"step": 0}}),
        ("the file is no state of a run", {"state": run.state() | {"hidden": []}}),
        ("the tensor .* does not fit", {"state": run.state() | without_a_weight(run.state())}),
    ):
        whole = {"format": 1, "config": run.config.model_dump_json(), "state": run.state()}
        torch.save(whole | content, tmp_path / "state.pt")
        with pytest.raises(PcsearchError, match=rf"state\.pt: {problem}") as caught:
            read(tmp_path)
        assert "\n" not in str(caught.value)
    (tmp_path / "state.pt").write_bytes(b"no archive")
    with pytest.raises(PcsearchError, match=r"state\.pt: the file is damaged"):
        read(tmp_path)

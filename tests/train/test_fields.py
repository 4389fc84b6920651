"""The model's parameters on a command line, as people and W&B's agent write them."""

from __future__ import annotations

from typing import Any

import pytest
from wandb.sdk.launch.sweeps.utils import create_sweep_command_args

from pcsearch.errors import PcsearchError
from pcsearch.pc.config_values import model_config
from pcsearch.train.fields import parse_fields


def as_agent_writes(values: dict[str, Any]) -> list[str]:
    """The arguments in place of ``${args}`` in the command of a sweep file."""
    command = {"args": {name: {"value": value} for name, value in values.items()}}
    arguments: list[str] = create_sweep_command_args(command)["args"]
    return arguments


def test_what_an_agent_passes_has_the_types_of_the_sweep() -> None:
    values = {
        "config": "debug_tiny",
        "num_blocks": 2,
        "use_noise": False,
        "use_corruption": True,
        "peak_lr_weights": 1e-05,
        "linear_probe_h_lr": None,
        "reconstruction_steps": [1, 2],
        "linear_probe_vode_indices": "0",
        "dataset": "digits",
    }
    arguments = as_agent_writes(values)
    assert "--use_noise=False" in arguments
    assert parse_fields(arguments) == values
    assert model_config(parse_fields(arguments)).use_noise is False


def test_a_whole_number_that_wandb_draws_as_a_float_is_one_where_the_field_is() -> None:
    values = {"batch_size": 22.0, "mlp_ratio": 4.0, "linear_probe_inference_steps": 3.0}
    read = parse_fields(as_agent_writes(values))
    assert repr(read) == repr(
        {"batch_size": 22, "mlp_ratio": 4.0, "linear_probe_inference_steps": 3}
    )
    nested = parse_fields(["--training={'epochs': 3.0, 'theta': 1.0}", "--train_subset=1e3"])
    assert repr(nested) == "{'epochs': 3, 'theta': 1.0, 'train_subset': 1000}"
    assert parse_fields(["--epochs=2.5"]) == {"epochs": 2.5}, "the model refuses it"


def test_nested_parameters_stand_for_their_fields() -> None:
    nested = {
        "training": {"epochs": 3, "use_noise": False, "rates": {"peak_lr_weights": 1e-05}},
        "seed": 4,
        "data": {"dataset": "digits", "target_class": None},
    }
    assert parse_fields(as_agent_writes(nested)) == {
        "epochs": 3,
        "use_noise": False,
        "peak_lr_weights": 1e-05,
        "seed": 4,
        "dataset": "digits",
        "target_class": None,
    }


def test_people_write_yaml_dashes_and_spaces() -> None:
    arguments = ["--num-blocks", "3", "--use_noise=false", "--peak-lr-weights", "1e-3"]
    arguments += ["--linear-probe-h-lr=null", "--reconstruction-steps", "[1, 2]"]
    assert parse_fields(arguments) == {
        "num_blocks": 3,
        "use_noise": False,
        "peak_lr_weights": 0.001,
        "linear_probe_h_lr": None,
        "reconstruction_steps": [1, 2],
    }


@pytest.mark.parametrize(
    ("arguments", "problems"),
    [
        (["--a.b={'epochs': 1}", "--colour=3"], ["--colour: the model has no parameter"]),
        (["--group={'colour': 1, 'epochs': 2}"], ["--group.colour: the model has no parameter"]),
        (["--epochs=1", "--group={'epochs': 2}"], ["--group.epochs: is given twice"]),
        (["--group={'epochs': 2}", "--epochs=1"], ["--epochs: is given twice"]),
        (
            ["--colour", "--seed", "digits", "--epochs"],
            ["--colour: the model has no", "--epochs: a value is missing"],
        ),
    ],
)
def test_everything_that_is_wrong_is_told(arguments: list[str], problems: list[str]) -> None:
    with pytest.raises(PcsearchError) as wrong:
        parse_fields(arguments)
    told = str(wrong.value).splitlines()
    assert len(told) == len(problems)
    assert all(line.startswith(start) for line, start in zip(told, problems, strict=True))

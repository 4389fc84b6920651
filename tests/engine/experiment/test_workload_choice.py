"""What trials run: the file's program, a function, or the PC transformer."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcsearch.engine.experiment.definition import define_search
from pcsearch.engine.records.options import Options
from pcsearch.engine.workloads.pc_transformer import PCTransformer
from pcsearch.engine.workloads.programs.workload import ProgramWorkload
from pcsearch.engine.workloads.user_function import UserFunction
from pcsearch.errors import PcsearchError

REST = (
    "method: grid\nmetric: {name: best_val_mse, goal: minimize}\n"
    "parameters: {%s: {values: [1, 2]}}\n"
)
OWN, FOREIGN = REST % "num_blocks", REST % "depth"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.py").write_text("def main(config): yield {'best_val_mse': 1}\n")
    return tmp_path


def chosen(text: str, **options: object) -> tuple[type, str | None, str | None, tuple[str, ...]]:
    search = define_search(Path("s.yaml"), Options(**options), text=text)  # type: ignore[arg-type]
    kept = search.options
    return type(search.workload), kept.trainable, kept.program, search.sweep.notes


def refusal(text: str, **options: object) -> str:
    with pytest.raises(PcsearchError) as caught:
        chosen(text, **options)
    return str(caught.value)


@pytest.mark.parametrize("parameters", [OWN, FOREIGN])
@pytest.mark.parametrize("trainable", [None, "program"])
def test_a_program_that_is_there_is_run(parameters: str, trainable: str | None) -> None:
    found = chosen(f"program: there.py\n{parameters}", trainable=trainable)
    assert found == (ProgramWorkload, "program", "there.py", ())


def test_in_a_file_of_json_too() -> None:
    text = '{"program": "there.py", "method": "grid", "parameters": {"depth": {"value": 1}}}'
    assert chosen(text)[0] is ProgramWorkload


def test_a_program_that_is_not_there_is_a_note_where_the_model_has_all_parameters() -> None:
    kind, trainable, program, notes = chosen(f"program: gone.py\n{OWN}")
    assert (kind, trainable, program) == (PCTransformer, None, None)
    assert notes == ("s.yaml:1:1: program: gone.py is not used: pcsearch runs its own trainable",)


def test_else_it_is_one_error_that_says_what_to_do() -> None:
    text = refusal(f"program: gone.py\n{FOREIGN}")
    assert text.count("\n") == 0
    assert text.startswith("s.yaml:1:1: program: gone.py is not here (looked for ")
    assert "start pcsearch in" in text
    assert "--trainable" in text


def test_a_file_of_other_parameters_without_a_program_has_all_its_problems() -> None:
    assert "depth" in refusal(FOREIGN)


def test_the_programs_own_name_for_single_runs_is_the_transformer() -> None:
    assert chosen(f"program: pcsearch.train\n{OWN}") == (PCTransformer, None, None, ())


def test_the_user_may_choose() -> None:
    program = f"program: there.py\n{OWN}"
    assert chosen(program, trainable="pc")[0] is PCTransformer
    assert chosen(program, trainable="there:main")[0] is UserFunction
    assert "program: gone.py is not here" in refusal(
        f"program: gone.py\n{OWN}", trainable="program"
    )
    assert "the file has no program" in refusal(OWN, trainable="program")


def test_a_search_that_has_begun_keeps_its_choice(here: Path) -> None:
    program = f"program: there.py\n{OWN}"
    for options, kind in (
        (Options(), PCTransformer),
        (Options(trainable="program", program="there.py"), ProgramWorkload),
    ):
        search = define_search(Path("s.yaml"), options, here, program, has_begun=True)
        assert type(search.workload) is kind


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics_from": "stdout"}, "--metrics-from: is for programs only"),
        ({"grace": 3.0}, "--grace: is for programs only"),
        ({"epoch_key": "epoch"}, "--epoch-key: is for programs and functions"),
    ],
)
def test_options_of_programs_are_for_programs(options: dict[str, object], message: str) -> None:
    assert message in refusal(OWN, **options)


def test_trials_that_write_one_file_of_metrics_run_one_at_a_time(here: Path) -> None:
    program = f"program: there.py\n{OWN}"
    for several in ({}, {"max_concurrent": 2}):
        assert refusal(program, metrics_from="m.csv", **several) == (
            "--metrics-from m.csv: is one file for all trials: add --max-concurrent 1, or let the "
            "program print its metrics (--metrics-from stdout)"
        )
    assert chosen(program, metrics_from="m.csv", max_concurrent=1)[0] is ProgramWorkload
    assert chosen(program, metrics_from="stdout", max_concurrent=2)[0] is ProgramWorkload
    options = Options(trainable="program", metrics_from="m.csv")
    with pytest.raises(PcsearchError, match="--max-concurrent 1"):
        define_search(Path("s.yaml"), options, here, program, has_begun=True)


@pytest.mark.parametrize("options", [{"checkpoint_every": 2}, {"compile": "off"}])
def test_options_of_the_transformer_are_not(options: dict[str, object]) -> None:
    assert "for the PC transformer only" in refusal(f"program: there.py\n{OWN}", **options)


def test_a_launcher_that_is_not_there_is_an_error() -> None:
    text = f"program: there.py\ncommand: [no-launcher, '${{program}}']\n{FOREIGN}"
    assert refusal(text) == (
        "s.yaml:1:1: command: no-launcher cannot be run: there is no such command or executable "
        "file; install it in the environment that runs pcsearch, or change the command"
    )

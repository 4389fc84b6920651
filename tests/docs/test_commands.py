"""Every command in every page is one that its program takes.

Run as they are written: the commands of a single run with `--plan`, and, in place of those that
start a search, the same command with `--plan` added. `.ci/run` runs the two set-up commands.

Only taken apart and checked by the command line, because they need what no test of a page has:
``--resume``, ``--join``, ``--warm-start``, the commands on an experiment and ``run`` (`OTHERS`),
``--create-only`` and ``--sweep-id`` (W&B's server, which `tests/tracking/searches` stands in for),
and the commands of wandb and Ray.
The benchmarks, which take minutes, are only looked up. `tests/searches` runs resumed searches.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from pages import PAGES, ROOT, SWEEP_FILES, Command, commands
from ray.scripts import scripts
from reached import reached_by
from trained_models import model_of
from wandb.cli.cli import cli as wandb_cli

from pcsearch.command_line.cli import OTHERS, main
from pcsearch.pc.model_file import write_model
from pcsearch.train import command as train

SEARCHES = commands("python -m pcsearch")
SERVER_OR_EXPERIMENT = {
    *("--resume", "--join", "--warm-start", "--create-only", "--sweep-id"),
    *OTHERS,
}
PLANNED = [each for each in SEARCHES if not set(each.arguments) & SERVER_OR_EXPERIMENT]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands of the pages are run: with the files that they name."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "search_spaces", "search_spaces")
    for name in ("sweep.yaml", "SWEEP"):
        shutil.copy(ROOT / "search_spaces" / "quickstart.yaml", name)
    Path("DIR", "wandb").mkdir(parents=True)
    Path("photos", "cats").mkdir(parents=True)
    for number in range(80):
        # A plan counts images, and reads none.
        Path("photos", "cats", f"{number}.jpg").touch()
    write_model(Path("DIR", "best"), model_of())
    Path("train.py").write_text("def main(config):\n    yield {'loss': 1.0}\n", encoding="utf-8")
    return tmp_path


def test_the_pages_have_commands() -> None:
    """The search for them finds what a reader sees."""
    pages = {each.page for each in SEARCHES}
    assert pages >= {"README.md", "from_wandb_sweeps.md", "resume.md", "storage.md", "cluster.md"}
    assert pages >= set(SWEEP_FILES)
    assert len(SEARCHES) > 30
    slurm = [each for each in SEARCHES if "mysearch" in each.arguments]
    assert slurm[0].arguments[-4:] == ("--storage-path", "/shared/results", "--name", "mysearch")


@pytest.mark.parametrize("command", SEARCHES, ids=str)
@pytest.mark.usefixtures("folder")
def test_the_command_line_takes_a_command(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached = reached_by(monkeypatch)
    for verb in OTHERS.values():
        monkeypatch.setattr(verb, "callback", lambda *_, **__: reached.append("verb") or 0)
    assert main(command.arguments) == 0
    assert len(reached) == 1


@pytest.mark.parametrize("command", PLANNED, ids=str)
@pytest.mark.usefixtures("folder")
def test_the_search_of_a_command_is_planned(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = () if "--plan" in command.arguments else ("--plan",)
    assert main([*command.arguments, *plan]) == 0, capsys.readouterr().err
    assert "method: " in capsys.readouterr().out


@pytest.mark.parametrize("command", commands("python -m pcsearch.train"), ids=str)
@pytest.mark.usefixtures("folder")
def test_a_single_run_is_a_configuration(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    reached: list[str] = []
    uses = {"--eval": train.evaluate, "--export": train.export_model}

    def use(option: str) -> Callable[..., int]:
        return lambda *arguments: reached.append(option) or uses[option](*arguments)

    monkeypatch.setattr(train, "train", lambda *_: reached.append("train") or 0)
    monkeypatch.setattr(train, "evaluate", use("--eval"))
    monkeypatch.setattr(train, "export_model", use("--export"))
    assert train.main(command.arguments) == 0
    expected = [each for each in uses if each in command.arguments]
    assert reached == (expected or ["train"])


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("program", "group"), [("wandb", wandb_cli), ("ray", scripts.cli)], ids=["wandb", "ray"]
)
def test_wandb_and_ray_take_their_commands(program: str, group: click.Group) -> None:
    used = commands(program)
    assert used
    for each in used:
        name, *arguments = each.arguments
        subcommand = group.commands.get(name)
        assert subcommand is not None, str(each)
        # Ray forwards what it does not know itself to `ray start`.
        forwarded = name == "symmetric-run"
        known = {option for parameter in subcommand.params for option in parameter.opts}
        known |= {option for p in scripts.start.params for option in p.opts if forwarded}
        options = {part.partition("=")[0] for part in arguments if part.startswith("-")}
        assert options <= known, str(each)
        # Without arguments it is a name in a sentence.
        if arguments and not forwarded:
            subcommand.make_context(name, arguments)


def test_the_benchmarks_are_there_with_their_options() -> None:
    used = commands("python tests/benchmarks/")
    assert used
    for each in used:
        name, *arguments = each.arguments
        source = (ROOT / "tests" / "benchmarks" / name).read_text(encoding="utf-8")
        for option in (part for part in arguments if part.startswith("--")):
            assert f'"{option}"' in source, str(each)


def test_the_checks_of_the_contributors_are_those_of_every_change() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for line in ("ruff check .", "ruff format --check .", "mypy"):
        assert line in PAGES["CONTRIBUTING.md"].splitlines()
        assert line in ci.splitlines()

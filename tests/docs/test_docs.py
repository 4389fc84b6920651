"""What the documents promise: their commands, options, names and defaults are the real ones."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from pages import PAGES, README, ROOT, SWEEP_FILES, blocks
from trained_models import model_of

from pcsearch.command_line.cli import OTHERS as OTHER_COMMANDS
from pcsearch.command_line.cli import command
from pcsearch.command_line.cli import main as pcsearch_main
from pcsearch.pc import metrics
from pcsearch.pc.config import ModelConfig
from pcsearch.pc.model_file import write_model
from pcsearch.sweeps.distributions import registry
from pcsearch.sweeps.early_terminate import KEYS as HYPERBAND_KEYS
from pcsearch.sweeps.keys import KEYS
from pcsearch.sweeps.metrics import KEYS as METRIC_KEYS
from pcsearch.sweeps.sweep import METHODS, parse_sweep
from pcsearch.train.command import command as train_command
from pcsearch.train.command import main as train_main
from pcsearch.train.from_model import OF_WEIGHTS


def test_the_commands_of_the_set_up_are_where_every_change_runs_them_from() -> None:
    """`.ci/run` reads the first block of each page."""
    install, quickstart = blocks("README.md", "sh")[0].splitlines()
    assert install.startswith("python -m pip install ")
    assert quickstart == "python -m pcsearch search_spaces/quickstart.yaml --num-samples 8"
    (tests,) = blocks("CONTRIBUTING.md", "sh")[0].splitlines()
    assert tests.endswith("python -m pytest")


def test_the_extras_that_pages_install_are_there() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    installed = {extra for text in PAGES.values() for extra in re.findall(r"'\.\[(\w+)\]'", text)}
    assert installed >= {"client", "dev", "test"}
    assert installed <= set(setup["options.extras_require"])


def test_the_comparison_is_of_the_versions_that_are_tested() -> None:
    """On an upgrade the rows are to be looked at again."""
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    (versions,) = re.findall(r"^Versions: (.*)\.$", README, re.MULTILINE)
    for version in versions.split(", "):
        name, _, number = version.lower().partition(" ")
        assert re.search(rf"^{name}=={re.escape(number)}\.", constraints, re.MULTILINE), version


def test_program_is_run_or_a_note_or_an_error_as_the_pages_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text("def main(config):\n    yield {'loss': 1}\n")
    ours = "parameters: {seed: {values: [1, 2]}}"
    theirs = "parameters: {lr: {values: [1, 2]}}"
    for number, parameters in enumerate((ours, theirs)):
        text = f"program: other.py\nmethod: grid\n{parameters}\n"
        (tmp_path / f"{number}.yaml").write_text(text)
    assert pcsearch_main(["0.yaml", "--plan"]) == 0
    assert "program: other.py is not used" in capsys.readouterr().out
    assert pcsearch_main(["1.yaml", "--plan"]) == 2
    assert "--trainable MODULE:FUNCTION" in capsys.readouterr().err
    assert pcsearch_main(["1.yaml", "--plan", "--trainable", "train:main"]) == 0
    (tmp_path / "other.py").touch()
    assert pcsearch_main(["1.yaml", "--plan", "--draw", "1"]) == 0
    assert "  $ /usr/bin/env python other.py --lr=1\n" in capsys.readouterr().out


OPTIONS = {
    option
    for each in (
        command,
        *(verb for name, verb in OTHER_COMMANDS.items() if name != "train"),
    )
    for parameter in each.params
    for option in parameter.opts
}


def test_the_readme_lists_every_option() -> None:
    (listed,) = [block for block in blocks("README.md", "text") if "--num-samples N" in block]
    hidden = {
        "sweep",
        "script",
        "words",
        "directory",
        "directories",
        "file",
        "--version",
        "--help",
        "-h",
        "-q",
        "-v",
    }
    assert set(re.findall(r"--[a-z-]+", listed)) == OPTIONS - hidden


def test_the_page_on_wandb_lists_every_option_of_a_single_run() -> None:
    (listed,) = [block for block in blocks("wandb.md", "text") if "pcsearch.train" in block]
    real = {part for option in train_command.params for part in option.opts if part != "fields"}
    assert set(re.findall(r"--[a-z-]+", listed)) == real - {"--help", "-q"}


def test_the_parameters_of_the_readme_are_a_sweep() -> None:
    (example,) = [block for block in blocks("README.md", "yaml") if block.startswith("parameters:")]
    sweep = parse_sweep(
        f"method: random\nrun_cap: 1\n{example}", "README.md", numeric=lambda _: True
    )
    assert set(sweep.parameters) <= set(ModelConfig.model_fields)
    assert len(sweep.parameters) == len(example.splitlines()) - 1


class Enough(Exception):  # noqa: N818 - not an error
    pass


def test_the_library_example_prints_an_epoch() -> None:
    printed: list[Any] = []

    def first_line(*values: Any) -> None:
        printed.append(values)
        raise Enough

    (example,) = blocks("README.md", "python")
    with pytest.raises(Enough):
        exec(example, {"print": first_line})  # noqa: S102 - our own text
    ((epoch, mse),) = printed
    assert epoch == 1
    assert 0 < mse < 1


def test_the_page_on_the_best_model_loads_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    write_model(Path("DIR", "best"), model_of())
    loaded, exported = blocks("best_model.md", "python")
    exec(loaded, {})  # noqa: S102 - our own text
    assert capsys.readouterr().out == "2 torch.Size([10, 1, 8, 8])\n"
    assert train_main(["--from", "DIR/best", "--export", "best.onnx"]) == 0
    capsys.readouterr()
    exec(exported, {})  # noqa: S102 - our own text
    assert capsys.readouterr().out == "(10, 1, 8, 8) (10, 4)\n"
    (refused,) = re.findall(r"that the weights are made for \(([^)]*)\)", PAGES["best_model.md"])
    assert set(re.findall(r"\w+", refused)) == OF_WEIGHTS.keys()


def test_the_parameters_page_has_every_field_and_its_default() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `(.*?)` \|", PAGES["parameters.md"], re.MULTILINE))
    expected = {name: json.dumps(field.default) for name, field in ModelConfig.model_fields.items()}
    assert rows == expected


def test_the_metrics_page_has_every_name() -> None:
    page = PAGES["metrics.md"]
    for name in (*metrics.names(1), *metrics.SUMMARY, metrics.RECONSTRUCTIONS):
        family = re.sub(r"vode_\d+$", "vode_i", name)
        assert f"`{family}`" in page or f"`{family.rpartition('/')[2]}`" in page, name


def test_the_page_of_sweep_files_has_every_distribution_and_key() -> None:
    page = PAGES["sweep_files.md"]
    for name in (*registry.KINDS, *KEYS, *METRIC_KEYS, *HYPERBAND_KEYS, *METHODS):
        assert f"`{name}`" in page or f"`{name}:" in page or f" {name}`" in page, name


OTHERS = {
    "cluster.md": ("--ray-client-server-port", "--temp-dir", "--exclusive"),
    "figures.md": ("--num_blocks", "--best-report"),
    "from_wandb_sweeps.md": ("--count",),
    "wandb.md": ("--include-synced",),
}
"""Options of other programs that a page names."""


def anchor(heading: str) -> str:
    """The part after # in a link to a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_links_between_the_documents_lead_somewhere() -> None:
    links = 0
    for name, text in PAGES.items():
        folder = ROOT if (ROOT / name).exists() else ROOT / "docs"
        for target, _, part in (
            each.partition("#") for each in re.findall(r"\]\(([^)]+)\)", text) if "://" not in each
        ):
            links += 1
            place = folder / target if target else folder / name
            assert place.exists(), f"{name}: {target}"
            if part:
                headings = re.findall(r"^#+ (.*)$", place.read_text(encoding="utf-8"), re.MULTILINE)
                assert part in map(anchor, headings), f"{name}: {target}#{part}"
    assert links > 50


def test_every_page_is_listed_in_the_readme() -> None:
    _, _, listed = README.partition("## Documentation")
    for name in set(PAGES) - {"README.md", "CONTRIBUTING.md"}:
        assert f"| [{name}](docs/{name}) |" in listed
    assert "(CONTRIBUTING.md)" in README
    assert "(CHANGELOG.md)" in README


def test_every_option_that_a_sentence_names_is_real() -> None:
    """Whole commands are in test_commands.py."""
    known = {"--help"} | OPTIONS | {part for option in train_command.params for part in option.opts}
    for name, text in PAGES.items():
        for option in re.findall(r"`(--[a-z_-]+)[^`]*`", text):
            assert option in known or option in OTHERS.get(name, ()), f"{name}: {option}"


def test_the_functions_of_the_pages_report() -> None:
    """W&B's program on the page is only compiled: it is shown to be changed."""
    before, after = blocks("from_wandb_sweeps.md", "python")
    compile(before, "from_wandb_sweeps.md", "exec")
    (nested,) = blocks("sweep_files.md", "python")
    for source, config in ((after, {"lr": 0.1}), (nested, {"optimizer": {"lr": 0.1}})):
        names: dict[str, Any] = {"train_one_epoch": lambda lr: 2 * lr}
        exec(source, names)  # noqa: S102 - our own text
        assert list(names["main"](config)) == [{"loss": 0.2}] * 10


def test_the_early_termination_of_the_pages_is_one() -> None:
    (example,) = blocks("from_wandb_sweeps.md", "yaml")
    text = f"method: random\nmetric: {{name: loss}}\nparameters: {{lr: {{value: 1}}}}\n{example}"
    assert parse_sweep(text, "page", numeric=lambda _: True).early_terminate is not None


def test_the_commands_of_the_search_spaces_name_their_own_file() -> None:
    for name, text in SWEEP_FILES.items():
        commands = re.findall(r"^#\s+(python -m pcsearch .*)$", text, re.MULTILINE)
        assert commands, name
        for line in commands:
            assert f"search_spaces/{name}" in line.split()
        assert f"{yaml.safe_load(text)['name']}.yaml" == name

"""The sections of the page, as HTML; figures are empty boxes that the page's script fills."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import yaml

from pcsearch.engine.results.effort import effort
from pcsearch.engine.results.findings import Findings
from pcsearch.engine.results.importance import Importance
from pcsearch.engine.results.origin import Origin
from pcsearch.page.figures.columns import MOST_PARAMETERS, chosen, without
from pcsearch.page.figures.contours import contours
from pcsearch.page.figures.figure import Figure
from pcsearch.page.figures.inference import over_steps
from pcsearch.page.figures.learning import learning_curves
from pcsearch.page.figures.model import pictures, vodes
from pcsearch.page.figures.parameters import importance, parallel_coordinates, pareto, slices
from pcsearch.page.figures.progress import best_so_far, timeline
from pcsearch.page.figures.seeds import by_seed
from pcsearch.page.html import Html, joined, tag
from pcsearch.page.tables import behind, plain_table, trials_table
from pcsearch.reports.plan import as_text
from pcsearch.reports.results import duration, failures, number
from pcsearch.sweeps.parameters import nested, settings
from pcsearch.sweeps.replicates import configuration_name

NOTHING = Html("")
MOST_FAILURES = 20
"""The most trials whose errors are listed; the table of trials has all."""


@dataclass(frozen=True)
class Section:
    """A section of the page.

    Args:
        name: its anchor; letters and hyphens.
        title: its heading.
        before: what comes before the figures.
        figures: side by side where there is room.
    """

    name: str
    title: str
    before: Html = NOTHING
    figures: tuple[Figure, ...] = ()

    @property
    def html(self) -> Html:
        """The section."""
        # A figure that is the section needs no heading of its own.
        has_heads = [each.title for each in self.figures] != [self.title]
        boxes = [figure_box(figure, has_head=has_heads) for figure in self.figures]
        figures = tag("div", *boxes, class_="figures")
        content = (self.before, figures if self.figures else NOTHING)
        heading = tag("h2", self.title, id=f"{self.name}-heading")
        return tag(
            "section", heading, *content, id=self.name, aria_labelledby=f"{self.name}-heading"
        )


def sections(
    findings: Findings,
    origin: Origin,
    shares: Sequence[Importance] | str,
    upload: str | None,
    sweep: str,
    *,
    anonymous: bool,
) -> Iterator[Section]:
    """The sections of a search that have something to show.

    Args:
        findings: of the search.
        origin: of the search.
        shares: the importance of the parameters, or why there is none.
        upload: the command that uploads its runs to W&B; None where there is nothing to upload.
        sweep: the text of its sweep file.
        anonymous: whether commands, which have paths, and pictures are left out.
    """
    weights = [] if isinstance(shares, str) else list(shares)
    names = [each.name for each in weights]
    order = names + [each.name for each in findings.searched if each.name not in names]
    metric = findings.metrics[0].name if findings.metrics else ""
    shown = (
        Section("progress", "Best so far", figures=tuple(best_so_far(findings))),
        Section(
            "coordinates",
            "Parallel coordinates",
            figures=tuple(parallel_coordinates(findings, order)),
        ),
        Section(
            "weights",
            "How much each parameter matters",
            before=tag("p", f"No importance: {shares}.") if isinstance(shares, str) else NOTHING,
            figures=(importance(weights, metric),) if weights else (),
        ),
        Section("slices", "Slices", figures=tuple(slices(findings, order))),
        Section("contours", "Contours", figures=tuple(contours(findings, order))),
        Section("front", "Pareto front", figures=tuple(pareto(findings))),
        Section(
            "learning", "Learning curves", figures=tuple(learning_curves(findings, origin.plan))
        ),
        Section("seeds-view", "By seed", figures=tuple(by_seed(findings))),
        Section(
            "model",
            "The model",
            before=NOTHING if anonymous else pictures(findings),
            figures=(*vodes(findings), *over_steps(findings)),
        ),
        Section("time", "Timeline", figures=tuple(timeline(findings))),
    )
    yield Section("result", "Result", before=_headline(findings))
    yield from (each for each in shown if each.figures or each.before)
    yield Section("trials", "Trials", before=_trials(findings, order))
    yield Section(
        "origin", "The search", before=_origin(origin, upload, sweep, anonymous=anonymous)
    )


def figure_box(figure: Figure, *, has_head: bool) -> Html:
    """A figure: its heading, if it has one, a box for the plot, its description and its table."""
    style = f"height:{figure.height}px"
    if figure.least_width:
        style += f";min-width:{figure.least_width}px"
    plot = tag(
        "div",
        class_="plot",
        id=f"plot-{figure.name}",
        style=style,
        role="img",
        aria_label=figure.title,
        aria_describedby=f"about-{figure.name}",
    )
    if figure.table is None:
        link = tag("a", "table of trials", href="#trials")
        table = tag("p", "The values are in the ", link, ".", class_="behind")
    else:
        table = behind(figure.table)
    return tag(
        "figure",
        tag("h3", figure.title) if has_head else NOTHING,
        tag("div", plot, class_="scroll"),
        tag("figcaption", figure.about, id=f"about-{figure.name}"),
        table,
        class_="wide" if figure.is_wide else None,
    )


def _headline(findings: Findings) -> Html:
    ended = sum(each.ended for each in findings.results)
    spent = effort(findings)
    saved = spent.saved_share
    facts = [
        ("state", findings.state),
        ("trials", f"{ended:,} of {findings.cap:,} ended"),
        ("epochs", f"{spent.epochs:,}"),
        ("saved by early termination", None if saved is None else f"{saved:.0%} of all epochs"),
        ("time of all trials", duration(spent.trial_seconds)),
        ("time of the search", duration(spent.wall_seconds)),
        ("machines", ", ".join(spent.nodes) or None),
    ]
    pairs = [
        tag("div", tag("dt", name), tag("dd", value)) for name, value in facts if value is not None
    ]
    failed = list(failures(findings.results))
    problems = failed[:MOST_FAILURES]
    if len(failed) > MOST_FAILURES:
        problems.append(f"and {len(failed) - MOST_FAILURES:,} more: see the table of trials")
    problems += findings.notes
    told = (tag("h3", "Failures and damage"), tag("ul", *(tag("li", each) for each in problems)))
    return joined((tag("dl", *pairs, class_="facts"), _best(findings), *(told if problems else ())))


def _best(findings: Findings) -> Html:
    winner = findings.best
    if winner is None:
        return tag("p", "No trial has a value yet." if findings.metrics else "There is no metric.")
    result = winner.result
    pairs = zip(findings.metrics, result.values, strict=True)
    values = ", ".join(f"{metric.name} {number(value)}" for metric, value in pairs)
    chosen_values, of_run = settings(result.config, findings.sweep.parameters.values()), ""
    if findings.replicates is not None and findings.configurations:
        best = findings.configurations[0]
        name = configuration_name(best.number)
        of_run = f"{name}, {findings.metrics[0].name} {best.in_words(number)}; its best run: "
        seed = findings.replicates.name
        chosen_values = [(each, value) for each, value in chosen_values if each.name != seed]
    text = yaml.safe_dump(nested(chosen_values), sort_keys=False, allow_unicode=True)
    button = tag(
        "button",
        f"trial {result.number}",
        type="button",
        class_="mark",
        data_mark=str(result.number),
        aria_label=f"Mark trial {result.number}",
    )
    title = tag("h3", f"Best: {of_run}", button, f" {values}")
    return joined((title, tag("pre", text.rstrip(), tabindex="0")))


def _trials(findings: Findings, order: Sequence[str]) -> Html:
    filtering = tag(
        "label",
        "Filter ",
        tag("input", type="search", id="filter", autocomplete="off", spellcheck="false"),
    )
    clear = tag("button", "Show all", type="button", id="clear")
    choose = tag("details", tag("summary", "Columns"), tag("div", id="columns", class_="choices"))
    status = tag("p", id="count", role="status", aria_live="polite")
    about = tag(
        "p",
        "A click on a row marks its trial in every plot; a click on a point marks its row. Sort "
        "with the heads of the columns. Filter by words, or by conditions on columns, such as "
        "epochs>=4 or status=failed."
        f"{without(findings, MOST_PARAMETERS, 'have a column; export --csv has all')}",
        class_="note",
    )
    controls = tag("div", filtering, clear, choose, class_="controls")
    table = tag(
        "div",
        trials_table(findings, chosen(findings, order)),
        class_="scroll tall",
        tabindex="0",
        role="region",
        aria_label="Table of trials",
    )
    return joined((about, controls, status, table))


def _origin(origin: Origin, upload: str | None, sweep: str, *, anonymous: bool) -> Html:
    parts = [
        tag("h3", "The plan"),
        tag("pre", as_text(origin.plan), tabindex="0"),
        tag("h3", "The sweep file"),
        tag("pre", sweep.rstrip(), tabindex="0"),
        tag("h3", "To repeat it"),
        tag(
            "p",
            "The same sweep file and options with ",
            tag("code", f"--seed {origin.seed}"),
            " draw the same trials; bayes repeats exactly only with --max-concurrent 1.",
        ),
    ]
    if origin.repeat and not anonymous:
        command = f"cd {shlex.quote(origin.folder)}\n{origin.repeat}"
        parts += [tag("pre", command, tabindex="0")]
        parts += [tag("p", origin.changed)] if origin.changed else []
    if not anonymous:
        parts += [tag("h3", "To resume it"), tag("pre", origin.resume, tabindex="0")]
    if upload and not anonymous:
        parts += [tag("h3", "To upload it to W&B"), tag("pre", upload, tabindex="0")]
    if origin.machines:
        parts += [tag("h3", "Hardware"), _hardware(origin)]
    if origin.versions:
        rows = [(name, str(version)) for name, version in origin.versions.items()]
        parts += [tag("h3", "Versions"), plain_table(("package", "version"), rows)]
    return joined(parts)


def _hardware(origin: Origin) -> Html:
    """A table of the machines that the search ran on."""
    rows = [
        (
            name,
            each.processor,
            each.cpus,
            f"{each.memory / 2**30:.0f} GiB" if each.memory else None,
            f"{each.gpus} {each.gpu}".rstrip() if each.gpus else None,
        )
        for name, each in sorted(origin.machines.items())
    ]
    table = plain_table(("machine", "processor", "CPUs", "memory", "GPUs"), rows)
    return tag("div", table, class_="scroll", tabindex="0")

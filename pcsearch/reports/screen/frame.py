"""Draws the live screen: as many lines as a terminal has, the most important ones first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len
from rich.text import Text

from pcsearch.engine.cluster.usage import InUse
from pcsearch.reports.results import duration, heads, number
from pcsearch.reports.screen.table import table
from pcsearch.reports.screen.view import View
from pcsearch.reports.screen.widgets import bar, cut, filled
from pcsearch.reports.texts import one_line
from pcsearch.sweeps.parameters import has_value, value_of
from pcsearch.tracking.runs.context import RunsState

LABEL = 8
"""Columns of the terminal before what a line says."""
BAR, LEAST_BAR = 30, 6
IMPORTANCE = ("best", "W&B", "in use", "warning", "ended", "values")
"""What has room first, after the progress and some of the running trials."""
LEAST_ROWS = 2
"""So many running trials are shown before anything that is less important."""
VALUES, WARNINGS = 3, 3
"""The most lines for the configuration of the best trial, and for warnings."""


def frame(view: View, width: int, height: int, plain: bool = False) -> list[Text]:
    """The lines of the screen, none wider than the terminal, and fewer than it has lines.

    Args:
        view: what is shown.
        width: of the terminal, in columns.
        height: of the terminal, in lines. One is left for what is printed above the screen.
        plain: whether the terminal knows ASCII only.
    """
    head = [_trials(view, width, plain), _epochs(view, width, plain)]
    room = max(1, height - 1) - len(head)
    least = 0
    if view.running or view.latest:
        # The heads of the columns come before the rows, and a line about what is missing after.
        least = min(len(view.running), LEAST_ROWS) + 2
    room -= least
    blocks = _blocks(view, max(1, width - LABEL))
    shown: dict[str, list[Text]] = {}
    for name in IMPORTANCE:
        texts = blocks[name][: max(0, room)]
        room -= len(texts)
        shown[name] = _labelled(name, texts)
    if len(shown["values"]) < len(blocks["values"]):
        count = len(shown["values"])
        shown["values"] = _labelled("values", _values(view, max(1, width - LABEL), count))
    rows = table(view, width, least + max(0, room), plain) if least else []
    above = [line for name in ("ended", "in use", "W&B", "best", "values") for line in shown[name]]
    # The newest warning is the last.
    lines = [*head, *above, *rows, *reversed(shown["warning"])]
    return lines[: max(1, height - 1)]


def _blocks(view: View, width: int) -> Mapping[str, list[str]]:
    """What may be shown in lines with a label, by their labels."""
    return {
        "best": _best(view, width),
        "W&B": filled(of_wandb(view.wandb), width, counted=False),
        "in use": filled([amount(each) for each in view.usage], width, counted=False),
        "warning": [cut(one_line(each), width) for each in reversed(view.warnings)][:WARNINGS],
        "ended": filled([f"{count:,} {how}" for how, count in view.ends.items()], width),
        "values": _values(view, width, VALUES),
    }


def _labelled(name: str, texts: Sequence[str]) -> list[Text]:
    """Lines with their label, which stands before the first one only."""
    style = {"warning": "yellow", "best": "bold"}.get(name, "")
    labels = [
        name if name == "warning" or (not i and name != "values") else "" for i in range(len(texts))
    ]
    return [
        Text.assemble((f"{label:<{LABEL}}", "dim"), (text, style))
        for label, text in zip(labels, texts, strict=True)
    ]


def _trials(view: View, width: int, plain: bool) -> Text:
    counts = [f"{view.ended:,} of {view.cap:,} ended", f"{len(view.running)} running"]
    if view.elsewhere:
        counts.append(f"{view.elsewhere:,} of other drivers")
    share = (view.ended + view.elsewhere) / max(1, view.cap)
    return _progress("trials", share, counts, width, plain)


def _epochs(view: View, width: int, plain: bool) -> Text:
    done = view.estimate
    if done.expected is None:
        return _progress("epochs", 0.0, [f"{done.epochs:,}"], width, plain)
    parts = [f"{done.epochs:,} of about {done.expected:,.0f}"]
    if done.seconds is not None:
        parts.append(f"about {duration(done.seconds)} left")
    return _progress("epochs", done.epochs / max(1.0, done.expected), parts, width, plain)


def _progress(label: str, share: float, parts: Sequence[str], width: int, plain: bool) -> Text:
    """A line with a bar, which is as long as there is room."""
    (text,) = filled(parts, max(1, width - LABEL), counted=False) or [""]
    length = min(BAR, width - LABEL - cell_len(text) - 1)
    shown = f"{bar(share, length, plain)} " if length >= LEAST_BAR else ""
    return Text.assemble((f"{label:<{LABEL}}", "dim"), (shown, "cyan"), (text, "bold"))


def _best(view: View, width: int) -> list[str]:
    """The best so far with its values; more about them where there is room."""
    if view.best is None:
        return []
    names = heads(view.metrics, [])
    pairs = zip(names, view.best.values, strict=True)
    whole = ", ".join(f"{one_line(name)} {number(value)}" for name, value in pairs)
    values = ", ".join(map(number, view.best.values))
    counted = f"{whole} ({view.best.of_seeds})" if view.best.of_seeds else whole
    texts = (f"{view.best.name}: {each}" for each in (counted, whole, values))
    return [text for text in texts if cell_len(text) <= width][:1]


def _values(view: View, width: int, lines: int) -> list[str]:
    """The configuration of the best so far."""
    if view.best is None or not lines:
        return []
    config = view.best.config
    parts = [
        f"{one_line(p.name)} {number(value_of(config, p))}"
        for p in view.searched
        if has_value(config, p)
    ]
    return filled(parts, width, lines)


def of_wandb(state: RunsState) -> list[str]:
    """Where W&B's runs go, and how many W&B has not taken in."""
    mode = "the server is gone: offline" if state.is_cut_off else state.mode
    waiting = "1 run waits" if state.waiting == 1 else f"{state.waiting:,} runs wait"
    return [mode, waiting] if state.waiting else [mode]


def amount(usage: InUse) -> str:
    """Such as ``2 of 8 CPUs``."""
    return f"{usage.used:g} of {usage.there:g} {usage.kind}s"

"""Whole sweep files, as the mappings that they hold, for hypothesis to choose from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

Mapping = dict[str, Any]
Strategy = st.SearchStrategy[Mapping]

texts = st.text(st.characters(exclude_categories=["Cs"]))
names = st.sampled_from(["lr", "batch-size", "a.b", "model", "x", "min", "value"]) | st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1
)
# Not a number is not equal to itself: equality would say nothing.
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
whole = st.integers(-(10**20), 10**20)
finite = st.floats(-1e6, 1e6) | st.integers(-1000, 1000)
positive = st.floats(1e-6, 1e6) | st.integers(1, 1000)
steps = st.floats(1e-3, 1e3) | st.integers(1, 100)


def ordered(bound: st.SearchStrategy[Any]) -> Strategy:
    """``min`` and ``max``; now and then as text, which is read as the number that it spells."""

    def pair(ends: list[Any], spelt: bool) -> Mapping:
        low, high = sorted(ends)
        return {"min": repr(low) if spelt else low, "max": high}

    return st.builds(pair, st.lists(bound, min_size=2, max_size=2), st.booleans())


def some(**keys: st.SearchStrategy[Any]) -> Strategy:
    """A mapping with any of the keys."""
    return st.fixed_dictionaries({}, optional=keys)


@st.composite
def weighted(draw: st.DrawFn) -> Mapping:
    """``values`` and as many ``probabilities``."""
    weights = draw(st.lists(st.integers(0, 9), min_size=1, max_size=4).filter(any))
    return {
        "values": [draw(values) for _ in weights],
        "probabilities": [weight / sum(weights) for weight in weights],
    }


ARGUMENTS: dict[str, Strategy] = {
    "constant": st.builds(lambda value: {"value": value}, values),
    "categorical": st.builds(
        lambda given: {"values": given}, st.lists(values, min_size=1, max_size=4)
    ),
    "categorical_w_probabilities": weighted(),
    "int_uniform": ordered(whole),
    "uniform": ordered(finite),
    "log_uniform": ordered(st.floats(-690, 690)),
    "inv_log_uniform": ordered(st.floats(-690, 690)),
    "log_uniform_values": ordered(positive),
    "inv_log_uniform_values": ordered(positive),
    "normal": some(mu=finite, sigma=positive),
    "log_normal": some(mu=st.floats(-100, 100), sigma=st.floats(1e-6, 60)),
    "beta": some(a=positive, b=positive),
}
"""What each distribution takes; those of a quantised one are its base's, and perhaps q."""

QUANTISED = ("uniform", "log_uniform", "log_uniform_values", "normal", "log_normal", "beta")
ARGUMENTS |= {
    f"q_{base}": st.builds(lambda given, q: given | q, ARGUMENTS[base], some(q=steps))
    for base in QUANTISED
}
IMPLIED = ("constant", "categorical", "categorical_w_probabilities", "uniform")
"""The distributions whose arguments can stand without a name."""

GRID: dict[str, Strategy] = {
    "constant": ARGUMENTS["constant"],
    "categorical": ARGUMENTS["categorical"],
    "int_uniform": ordered(st.integers(-3, 3)),
    "q_uniform": st.builds(
        lambda given, q: given | q,
        ordered(st.integers(-2, 2) | st.integers(-4, 4).map(lambda half: half / 2)),
        some(q=st.sampled_from([1, 2, 3, 0.5, 1.5, 0.7])),
    ),
}
"""The distributions that a grid can be made of, small ones."""


def entries(kinds: dict[str, Strategy]) -> Strategy:
    """The entry of a parameter."""

    def entry(kind: str, given: Mapping, named: bool) -> Mapping:
        return {"distribution": kind, **given} if named or kind not in IMPLIED else given

    return st.sampled_from(sorted(kinds)).flatmap(
        lambda kind: st.builds(entry, st.just(kind), kinds[kind], st.booleans())
    )


def parameters(kinds: dict[str, Strategy]) -> Strategy:
    """The ``parameters`` of a file, nested to any depth, of which no two share a dotted name."""
    flat = st.dictionaries(names, entries(kinds), min_size=1, max_size=4)

    def deeper(inner: Strategy) -> Strategy:
        nested = st.builds(lambda given: {"parameters": given}, inner)
        return st.dictionaries(names, entries(kinds) | nested, min_size=1, max_size=3)

    return st.recursive(flat, deeper, max_leaves=3).filter(_distinct)


def _distinct(given: Mapping) -> bool:
    dotted = list(_dotted(given))
    return len(set(dotted)) == len(dotted)


def _dotted(given: Mapping) -> Iterator[str]:
    for name, entry in given.items():
        if "parameters" in entry:
            yield from (f"{name}.{inner}" for inner in _dotted(entry["parameters"]))
        else:
            yield name


goals = st.sampled_from(["minimize", "maximize"])
imputes = st.sampled_from(["latest", "best", "worst"])
metric = st.fixed_dictionaries(
    {"name": names},
    optional={
        "goal": goals,
        "target": finite,
        "impute": imputes,
        "impute_while_running": imputes | st.sampled_from(["false", False, None]),
    },
)
hyperband = st.fixed_dictionaries(
    {"type": st.just("hyperband"), "min_iter": st.integers(1, 100)},
    optional={"eta": st.integers(2, 10) | st.floats(1.5, 10)},
)
unimportant = some(
    **dict.fromkeys(("name", "description", "project", "entity"), texts),
    run_cap=st.integers(1, 10**6),
    program=texts,
    command=st.lists(texts, max_size=3),
    count=st.integers(),
)


@st.composite
def sweep_files(
    draw: st.DrawFn, methods: tuple[str, ...] = ("grid", "random", "bayes", "custom")
) -> Mapping:
    """The mapping of a whole file that is sound, in any order."""
    method = draw(st.sampled_from(methods))
    given = {"method": method, **draw(unimportant)}
    given["parameters"] = draw(parameters(GRID if method == "grid" else ARGUMENTS))
    if method == "custom":
        given["scheduler"] = {"engine": "optuna"}
    if method == "custom" and draw(st.booleans()):
        unique = st.lists(metric, min_size=2, max_size=3, unique_by=lambda one: one["name"])
        given["metrics"] = draw(unique)
    elif method in ("bayes", "custom") or draw(st.booleans()):
        given["metric"] = draw(metric)
        if draw(st.booleans()):
            given["early_terminate"] = draw(hyperband)
    order = draw(st.permutations(sorted(given)))
    return {key: given[key] for key in order}

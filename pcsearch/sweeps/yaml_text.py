"""From YAML's events to plain values and their places, in one pass."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import yaml

from pcsearch.sweeps.nodes import Builder, FatalFinding, Finding
from pcsearch.sweeps.scalars import TAG, bad_tag, read_scalar

Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SEVERAL = "a sweep file holds one YAML document; here begins another"


def build(text: str, builder: Builder) -> None:
    """Build the value of a text with one document.

    The events are read one by one, so that a bound on size or depth stops the parser itself.

    Raises:
        FatalFinding: it has more documents, is too large or too deep, or has a wrong alias.
        yaml.YAMLError: it is not YAML.
    """
    documents = 0
    events: Any = yaml.parse(text, Loader=Loader)
    with closing(events):
        for event in events:
            kind = type(event)
            if kind is yaml.ScalarEvent:
                mark = event.start_mark.index
                builder.scalar(read_scalar(builder, event, mark), mark, event.anchor)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                _open(builder, event)
            elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                builder.close()
            elif kind is yaml.AliasEvent:
                builder.alias(event.anchor, event.start_mark.index)
            elif kind is yaml.DocumentStartEvent:
                documents += 1
                if documents > 1:
                    raise FatalFinding(Finding(SEVERAL, event.start_mark.index, ()))


def _open(builder: Builder, event: Any) -> None:
    mapping = isinstance(event, yaml.MappingStartEvent)
    mark = event.start_mark.index
    if event.tag not in (None, "!", TAG + ("map" if mapping else "seq")):
        builder.find(bad_tag(event.tag), mark)
    if mapping:
        builder.open_mapping(mark, event.anchor)
    else:
        builder.open_list(mark, event.anchor)

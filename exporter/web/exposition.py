"""The answer of /metrics: one family after the other, in chunks, so that a large fleet is never joined."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TypeAlias

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from exporter.metrics.families import Family
from exporter.metrics.lines import Lines

Group: TypeAlias = tuple[Sequence[Family], Collection[Lines]]
"""Families, and the lines of the devices that have them."""
OPENMETRICS = "application/openmetrics-text"


def negotiate(accept: str) -> str:
    """Return the content type to answer with."""
    return _choose(accept)[1]


def _choose(accept: str) -> tuple[Callable[[Collector], bytes], str]:
    """Return the library's encoder and content type; its parser raises for a version that is no number."""
    try:
        return choose_encoder(accept)
    except (ValueError, TypeError):
        return choose_encoder("")


def stream(accept: str, groups: Iterable[Group], registry: CollectorRegistry | None) -> Iterator[bytes]:
    """Yield the exposition that `accept` asks for; the self metrics come last, when a registry is given."""
    encode, content_type = _choose(accept)
    openmetrics = content_type.startswith(OPENMETRICS)
    for families, devices in groups:
        for family in families:
            parts = [part for lines in devices if (part := lines.get(family))]
            if parts:
                yield b"".join([family.header(openmetrics=openmetrics).encode(), *parts])
    # The library's encoder closes OpenMetrics with its end mark, over an empty registry too.
    yield encode(registry or CollectorRegistry())

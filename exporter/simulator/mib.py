"""What an agent serves: instances in the order of their OIDs, each with a value or a way to find it."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import Protocol, TypeAlias

from exporter.simulator.ber import Oid, Value, encode_varbind

Source: TypeAlias = Value | Callable[[], Value]


class Mib:
    """Instances in order; names are found in O(log n), and bindings that cannot move are encoded once."""

    def __init__(self, values: Mapping[Oid, Source]) -> None:
        self._values: dict[Oid, Source] = dict(values)
        self._order = sorted(self._values)
        self._rank = {oid: rank for rank, oid in enumerate(self._order, 1)}
        self._encoded: dict[Oid, bytes] = {}

    def __contains__(self, oid: Oid) -> bool:
        return oid in self._values

    def __getitem__(self, oid: Oid) -> Value:
        source = self._values[oid]
        return source if isinstance(source, Value) else source()

    def __iter__(self) -> Iterator[Oid]:
        return iter(self._order)

    def now(self) -> "Mib":
        """Give what to answer one request from: this."""
        return self

    def after(self, oid: Oid) -> Oid | None:
        """Give the first instance behind `oid`, whether that exists or not; None at the end."""
        rank = self._rank.get(oid)
        if rank is None:
            rank = bisect_right(self._order, oid)
        return self._order[rank] if rank < len(self._order) else None

    def has_below(self, oid: Oid) -> bool:
        """Tell whether any instance lies below `oid`."""
        following = self.after(oid)
        return following is not None and following[: len(oid)] == oid

    def varbind(self, oid: Oid) -> bytes:
        """Give the encoded binding of an existing instance."""
        encoded = self._encoded.get(oid)
        if encoded is not None:
            return encoded
        source = self._values[oid]
        if not isinstance(source, Value):
            return encode_varbind(oid, source())
        encoded = self._encoded[oid] = encode_varbind(oid, source)
        return encoded

    def replace(self, changed: Mapping[Oid, Source]) -> None:
        """Give existing instances other sources; a shallow copy goes on sharing the order with its origin."""
        if not changed.keys() <= self._values.keys():
            raise KeyError("only existing instances can be replaced")
        self._values = {**self._values, **changed}
        self._encoded = {oid: binding for oid, binding in self._encoded.items() if oid not in changed}


class View(Protocol):
    """Where an agent finds the instances as they are at the moment of a request."""

    def now(self) -> Mib:
        """Give what to answer one request from."""
        ...


class RecomputedMib:
    """A view that a function of the elapsed seconds works out, anew at most once a second."""

    def __init__(self, compute: Callable[[float], Mapping[Oid, Value]], elapsed: Callable[[], float]) -> None:
        self._compute = compute
        self._elapsed = elapsed
        self._second = -1
        self._mib = Mib({})

    def now(self) -> Mib:
        """Give the instances of the current second."""
        second = int(self._elapsed())
        if second != self._second:
            self._mib = Mib(self._compute(second))
            self._second = second
        return self._mib

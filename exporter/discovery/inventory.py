"""One inventory out of all sources: what a person wrote comes first, and a name once chosen stays.

The config comes before files, and files before print servers. A printer at one host is one device, whoever tells of it.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Literal, TypeAlias

from exporter.config import Config, Credentials, Origin, Printer, PrinterEntry, PrintServer
from exporter.configtypes import plain_host
from exporter.discovery.found import Found

ANY_PORT = 161
"""A source that tells this port of SNMP does not know better; it may mean a printer at any port."""

Kind: TypeAlias = Literal["config", "file", "print_server"]
KINDS: tuple[Kind, ...] = ("config", "file", "print_server")
What: TypeAlias = Literal["added", "removed", "renamed", "address_changed"]
CHANGES: tuple[What, ...] = ("added", "removed", "renamed", "address_changed")
Disputed: TypeAlias = Literal["host", "name", "location"]
CONFLICTS: tuple[Disputed, ...] = ("host", "name", "location")


@dataclass(frozen=True, slots=True)
class Told:
    """What a print server tells of a printer."""

    found: Found
    address: str = ""
    """That of its host; "" when it was never found out."""
    gone: float | None = None
    """Since when the server no longer tells of it, in Unix seconds."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A printer of the inventory, as it is remembered."""

    name: str
    wanted: str
    """The name that its source has for it."""
    kind: Kind = "config"
    source: str = ""
    address: str = ""
    """To which its host last led."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two sources that differ on one printer, of which the first counts."""

    what: Disputed
    printer: str
    source: str
    other: str

    def __str__(self) -> str:
        """Say it to a person."""
        if self.what == "host":
            return f"{self.other}: the printer {self.printer} is left out, since {self.source} has one at the same host"
        return (
            f"{self.source} and {self.other} tell another {self.what} of the printer {self.printer}: the first counts"
        )


@dataclass(frozen=True, slots=True)
class Inventory:
    """All printers, in the order of their sources; `listings` by identity."""

    printers: tuple[Printer, ...] = ()
    listings: Mapping[str, Listing] = field(default_factory=dict)
    conflicts: tuple[Conflict, ...] = ()


def identity(host: str, port: int, device: int | None = None, ipp_path: str = "") -> str:
    """Return what all spellings of one host and port share, with what tells one printer there from the others."""
    which = ipp_path if device is None else str(device)
    return f"{plain_host(host)} {port} {which}" if which else f"{plain_host(host)} {port}"


def identity_of(printer: Printer) -> str:
    """Return the identity of a printer."""
    return identity(printer.host, printer.port, printer.device, _path(printer))


def _path(printer: Printer) -> str:
    return "" if printer.protocol == "snmp" else printer.ipp_path


def merged(
    config: Config,
    files: Sequence[Printer],
    told: Mapping[str, Collection[Told]],
    *,
    remembered: Mapping[str, Listing],
    addresses: Mapping[str, str],
) -> Inventory:
    """Return the inventory of a config, its files, and what its print servers told, by their URLs.

    `remembered` are the listings so far, and `addresses` those to which hosts led meanwhile, both by identity.
    """
    addresses = {key: listing.address for key, listing in remembered.items()} | {**addresses}
    conflicts: list[Conflict] = []
    taken = {printer.name for printer in config.printers}
    in_files = list(_not_listed(files, config.printers, conflicts))
    others = list(_told_of(config, told, [*config.printers, *in_files], addresses, conflicts))
    wanted = [*config.printers, *in_files, *others]
    printers = (*config.printers, *_named(in_files, taken, remembered), *_named(others, taken, remembered))
    listings = {}
    for printer, before in zip(printers, wanted, strict=True):
        key, origin = identity_of(printer), printer.origin
        listings[key] = Listing(printer.name, before.name, origin.kind, origin.name, addresses.get(key, ""))
    return Inventory(printers, listings, tuple(conflicts))


# ---- files beside the config


def _not_listed(files: Sequence[Printer], earlier: Sequence[Printer], conflicts: list[Conflict]) -> Iterator[Printer]:
    """Yield the printers of files that nothing before them lists."""
    seen: dict[str, dict[int | None, Printer]] = {}
    for printer in earlier:
        seen.setdefault(identity(printer.host, printer.port, None, _path(printer)), {})[printer.device] = printer
    for printer in files:
        there = seen.setdefault(identity(printer.host, printer.port, None, _path(printer)), {})
        other = (
            there.get(printer.device)
            or there.get(None)
            or (next(iter(there.values()), None) if printer.device is None else None)
        )
        if other:
            conflicts.append(Conflict("host", printer.name, other.origin.name or "the config", printer.origin.name))
        else:
            there[printer.device] = printer
            yield printer


# ---- print servers


_Teller: TypeAlias = tuple[PrintServer, Told]


def _told_of(
    config: Config,
    told: Mapping[str, Collection[Told]],
    people: Sequence[Printer],
    addresses: Mapping[str, str],
    conflicts: list[Conflict],
) -> Iterator[Printer]:
    """Yield a printer for each host that print servers tell of and nobody lists."""
    listed = _Hosts(people, addresses)
    # One server may have been heard when a name could not be looked up, or led elsewhere.
    led_to = {plain_host(each.found.host): each.address for every in told.values() for each in every if each.address}
    tellers: dict[str, list[_Teller]] = {}
    for server in config.discovery.print_servers:
        for each in told.get(server.url, ()):
            found, address = each.found, led_to.get(plain_host(each.found.host), "")
            if not listed.has(found, address):
                place = identity(address or found.host, found.port, found.device)
                tellers.setdefault(place, []).append((server, each))
    if not tellers:
        return
    shared = config.shared.printer(PrinterEntry(name="told", host="told"))
    for group in tellers.values():
        in_order = sorted(group, key=lambda teller: teller[1].gone is not None)
        conflicts += _differences(in_order)
        yield _told_by(in_order, shared, config.shared.credentials)


class _Hosts:
    """Where people list printers; a host that they write as a name is known by its address too."""

    def __init__(self, printers: Iterable[Printer], addresses: Mapping[str, str]) -> None:
        self._any: set[str] = set()
        self._exact: set[tuple[str, int]] = set()
        for printer in printers:
            for host in {plain_host(printer.host), addresses.get(identity_of(printer), "")} - {""}:
                self._any.add(host)
                self._exact.add((host, printer.port))

    def has(self, found: Found, address: str) -> bool:
        """Tell whether a printer is listed, by its host or the address to which that leads."""
        hosts = {plain_host(found.host), address} - {""}
        if found.port == ANY_PORT:
            return not hosts.isdisjoint(self._any)
        return any((host, found.port) in self._exact for host in hosts)


def _told_by(tellers: Sequence[_Teller], shared: Printer, credentials: Mapping[str, Credentials]) -> Printer:
    """Return the printer as the first of its tellers has it, and else as all are that say nothing of their own."""
    server, told = tellers[0]
    found = told.found
    vanished = None if told.gone is None else max(each.gone for _, each in tellers if each.gone is not None)
    return replace(
        shared,
        name=found.name,
        host=found.host,
        port=shared.port if found.port == ANY_PORT else found.port,
        device=found.device,
        credentials=credentials.get(found.credentials, shared.credentials),
        origin=Origin("print_server", server.url, _location(tellers[0]), vanished),
    )


def _location(teller: _Teller) -> str:
    server, told = teller
    return server.location or told.found.location


def _differences(tellers: Sequence[_Teller]) -> Iterator[Conflict]:
    first, name = tellers[0], tellers[0][1].found.name
    for other in tellers[1:]:
        if other[1].gone is not None or other[0] == first[0]:  # one server may know a printer by name and by address
            continue
        if other[1].found.name != name:
            yield Conflict("name", name, first[0].url, other[0].url)
        if _location(other) not in {"", _location(first)}:
            yield Conflict("location", name, first[0].url, other[0].url)


# ---- names


def _named(printers: Sequence[Printer], taken: set[str], remembered: Mapping[str, Listing]) -> list[Printer]:
    """Return the printers under names that are not `taken`, to which theirs are added: a name once chosen stays."""
    chosen: dict[str, str] = {}
    by_identity = {identity_of(printer): printer for printer in printers}
    for key, printer in by_identity.items():
        known = remembered.get(key)
        if known and known.wanted == printer.name and known.name not in taken:
            chosen[key] = known.name
            taken.add(known.name)
    for key, printer in by_identity.items():
        if key not in chosen:
            chosen[key] = name = next(name for name in _names(printer) if name not in taken)
            taken.add(name)
    return [
        printer if printer.name == chosen[key] else replace(printer, name=chosen[key])
        for key, printer in by_identity.items()
    ]


def _names(printer: Printer) -> Iterator[str]:
    """Yield the names that a printer may have, the best first."""
    yield printer.name
    yield f"{printer.name} ({printer.host})"
    yield from (f"{printer.name} ({printer.host}) {number}" for number in count(2))


# ---- what changed


@dataclass(frozen=True, slots=True)
class Change:
    """One change of the inventory; `host` is an identity, and `before` the name or the identity that it had."""

    what: What
    printer: str
    host: str
    kind: Kind
    source: str
    before: str = ""


def changes(before: Mapping[str, Listing], after: Mapping[str, Listing]) -> list[Change]:
    """Return what leads from some listings to others, both by identity, in the order of the names."""
    found = [
        _change("renamed", after[key], key, before[key].name)
        for key in before.keys() & after.keys()
        if before[key].name != after[key].name
    ]
    gone = {before[key].name: key for key in before.keys() - after.keys()}
    new = {after[key].name: key for key in after.keys() - before.keys()}
    found += [_change("address_changed", after[new[name]], new[name], gone[name]) for name in gone.keys() & new.keys()]
    found += [_change("removed", before[gone[name]], gone[name]) for name in gone.keys() - new.keys()]
    found += [_change("added", after[new[name]], new[name]) for name in new.keys() - gone.keys()]
    return sorted(found, key=lambda change: (change.printer, change.what))


def _change(what: What, listing: Listing, host: str, before: str = "") -> Change:
    return Change(what, listing.name, host, listing.kind, listing.source, before)

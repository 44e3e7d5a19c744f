"""What the inventory is made of while the exporter runs, and what of it survives a restart.

Beside the config that is the files, as they were last read, and what each print server told last.
"""

import json
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from exporter.config import Config
from exporter.configtypes import plain_host, split_host
from exporter.discovery.files import Read
from exporter.discovery.found import Found
from exporter.discovery.inventory import Change, Inventory, Listing, Told, changes, identity, merged
from exporter.repeats import Repeats
from exporter.state import Changes, Key
from exporter.text import tidy

log = logging.getLogger(__name__)

T = TypeVar("T")

FILE: Final = "inventory_file"
TOLD: Final = "told"
LISTING: Final = "inventory"
ALL: Final = "all"
"""The key of the one document of its kind."""
KINDS: Final = (FILE, TOLD, LISTING)

MAX_TOLD = 10_000
"""Printers that all print servers together may tell of."""
# Documents made before the loop has its turn.
_SLICE = 50

_TEXT, _TOLD, _LISTINGS = TypeAdapter(str), TypeAdapter(tuple[str, Told]), TypeAdapter(dict[str, Listing])


class Sources:
    """All that tells of printers, and the inventory that was last made of it.

    `documents` is what the state holds, by kind and key; raises ValueError when that was never written there.
    `on_change` is called when another program dropped something.
    """

    def __init__(
        self, documents: Mapping[Key, str] | None = None, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._on_change = on_change
        self._told: dict[str, dict[str, Told]] = {}
        self._dirty: set[Key] = set()
        self._troubles = Repeats()
        stored = documents or {}
        self.files: Mapping[str, Read] = {
            path: Read(path, text=_loaded(_TEXT, path, text)) for (kind, path), text in stored.items() if kind == FILE
        }
        """As they were last read; of those that were not read yet, the text that the state has."""
        for (kind, key), text in stored.items():
            if kind == TOLD:
                url, told = _loaded(_TOLD, f"printer {key}", text)
                self._told.setdefault(url, {})[_place(told.found)] = told
        self._is_first = (LISTING, ALL) not in stored
        self.inventory = Inventory(listings=_listings_in(stored))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of documents that are kept here."""
        return KINDS

    def told(
        self, url: str, printers: Collection[Found], at: float, *, addresses: Mapping[str, str], forget_after: float
    ) -> None:
        """Take over all printers of which a print server tells at a time in Unix seconds.

        `addresses` are those of their hosts, as far as they were found out. A printer that is missing is kept
        until the server has told for `forget_after` seconds without it.
        """
        before = self._told.get(url, {})
        room = MAX_TOLD - sum(len(told) for other, told in self._told.items() if other != url)
        usable = self._usable(url, printers, before, at, room)
        now = {place: Told(found, _address(found, addresses, before.get(place))) for place, found in usable.items()}
        gone = {
            place: replace(told, gone=at if told.gone is None else told.gone)
            for place, told in before.items()
            if place not in now
        }
        kept = [(place, told) for place, told in gone.items() if at - (told.gone or at) < forget_after]
        now |= dict(kept[: room - len(now)])
        self._dirty |= {_key(url, place) for place in before.keys() | now.keys() if before.get(place) != now.get(place)}
        self._told[url] = now

    def drop(self, name: str) -> bool:
        """Drop the printer with this name that only print servers tell of; return whether there was one."""
        all_told = [told for each in self._told.values() for told in each.values()]
        meant = _meant(self.inventory.listings, name, all_told)
        keys = {(url, place) for url, each in self._told.items() for place, told in each.items() if _is_of(told, meant)}
        for url, place in keys:
            del self._told[url][place]
            self._dirty.add(_key(url, place))
        return bool(keys)

    def take(
        self, config: Config, files: Mapping[str, Read], addresses: Mapping[str, str], at: float
    ) -> list[Change] | None:
        """Make the inventory of now, and return what changed; None for the very first one.

        `addresses` has the address to which the host of a printer led, by identity.
        """
        self._take_files(files)
        self._drop_servers({server.url for server in config.discovery.print_servers})
        before, self.inventory = self.inventory, self.made_of(config, files, addresses)
        if self._is_first or self.inventory.listings != before.listings:
            self._dirty.add((LISTING, ALL))
        for conflict in self.inventory.conflicts:
            if self._troubles.failed(str(conflict), at=at):
                log.warning("two sources differ on a printer", extra={"conflict": conflict})
        self._troubles.keep_only({*map(str, self.inventory.conflicts), *self._told})
        is_first, self._is_first = self._is_first, False
        return None if is_first else changes(before.listings, self.inventory.listings)

    def made_of(self, config: Config, files: Mapping[str, Read], addresses: Mapping[str, str]) -> Inventory:
        """Return the inventory of a config, these files and what was told, and leave all as it is."""
        listed = [printer for file in files.values() for printer in file.printers]
        told = {url: each.values() for url, each in self._told.items()}
        return merged(config, listed, told, remembered=self.inventory.listings, addresses=addresses)

    # ---- what is kept

    def changes(self) -> Iterator[Changes]:
        """Yield what changed since this was last called, in pieces that do not take long to make."""
        keys, self._dirty = iter(sorted(self._dirty)), set()
        while piece := list(islice(keys, _SLICE)):
            yield Changes({key: self.dump(key) for key in piece})

    def dump(self, key: Key) -> str | None:
        """Return a document as it is to be kept now; None for one that is to be dropped."""
        kind, name = key
        if kind == LISTING:
            return _LISTINGS.dump_json(dict(self.inventory.listings), exclude_defaults=True).decode()
        if kind == FILE:
            text = self.files[name].text if name in self.files else None
            return None if text is None else json.dumps(text)
        url, place = json.loads(name)
        told = self._told.get(url, {}).get(place)
        return _TOLD.dump_json((url, told), exclude_defaults=True).decode() if told else None

    def merge(self, _key: Key, _text: str) -> None:
        """Leave what another program has written: we know better."""

    def forget(self, key: Key) -> None:
        """Drop what another program has dropped."""
        kind, name = key
        if kind == TOLD:
            url, place = json.loads(name)
            if self._told.get(url, {}).pop(place, None):
                self._on_change()

    # ---- steps

    def _usable(
        self, url: str, printers: Collection[Found], before: Mapping[str, Told], at: float, room: int
    ) -> dict[str, Found]:
        """Return one printer for each host, the one that was there before where a server has several names for it."""
        clean = [each for found in printers if (each := _clean(found))]
        usable: dict[str, Found] = {}
        for found in clean:
            known = before.get(_place(found))
            if _place(found) not in usable or (known and known.found.name == found.name):
                usable[_place(found)] = found
        without_host, beyond = len(printers) - len(clean), max(0, len(usable) - room)
        if (without_host or beyond) and self._troubles.failed(url, at=at):
            fields = {"server": url, "without_host": without_host, "beyond_limit": beyond}
            log.warning("printers of a print server are left out", extra=fields)
        return dict(islice(usable.items(), room))

    def _take_files(self, files: Mapping[str, Read]) -> None:
        for path in self.files.keys() | files.keys():
            before, now = self.files.get(path), files.get(path)
            if (before.text if before else None) != (now.text if now else None):
                self._dirty.add((FILE, path))
        self.files = files

    def _drop_servers(self, urls: set[str]) -> None:
        for url in self._told.keys() - urls:
            self._dirty |= {_key(url, place) for place in self._told.pop(url)}


def _key(url: str, place: str) -> Key:
    return TOLD, json.dumps([url, place])


def key_of(url: str, found: Found) -> Key:
    """Return the key of the document that holds what a print server tells of a printer."""
    return _key(url, _place(found))


def of_name(documents: Mapping[Key, str], name: str) -> dict[Key, tuple[str, Told]]:
    """Return what the state holds of a printer that print servers tell of, and by which URL; raises ValueError.

    `documents` are those of KINDS.
    """
    told = {key: _loaded(_TOLD, f"printer {key[1]}", text) for key, text in documents.items() if key[0] == TOLD}
    meant = _meant(_listings_in(documents), name, [each for _, each in told.values()])
    return {key: each for key, each in told.items() if _is_of(each[1], meant)}


def _meant(listings: Mapping[str, Listing], name: str, told: Iterable[Told]) -> set[str]:
    """Return the host and the addresses of the printer with this name that only print servers tell of."""
    listed = {key: each for key, each in listings.items() if (each.kind, each.name) == ("print_server", name)}
    hosts = {key.partition(" ")[0] for key in listed}
    led_to = {each.address for each in told if plain_host(each.found.host) in hosts}
    return (hosts | led_to | {each.address for each in listed.values()}) - {""}


def _is_of(told: Told, meant: Collection[str]) -> bool:
    return plain_host(told.found.host) in meant or told.address in meant


def _listings_in(documents: Mapping[Key, str]) -> dict[str, Listing]:
    return _loaded(_LISTINGS, "inventory", documents.get((LISTING, ALL), "{}"))


def _place(found: Found) -> str:
    return identity(found.host, found.port, found.device)


def _address(found: Found, addresses: Mapping[str, str], before: Told | None) -> str:
    """Return the address of a host, the one known so far when it cannot be looked up now."""
    return addresses.get(found.host) or (before.address if before else "")


def _clean(found: Found) -> Found | None:
    """Return what is told of a printer, its words made fit for labels; None where no host can be asked."""
    try:
        split_host(found.spelled)
    except ValueError:
        return None
    name, location = tidy(found.name) or found.host, tidy(found.location)
    return found if (name, location) == (found.name, found.location) else replace(found, name=name, location=location)


def _loaded(adapter: TypeAdapter[T], what: str, text: str) -> T:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{what}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None

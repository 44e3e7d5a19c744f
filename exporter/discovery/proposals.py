"""What a sweep found → the printers that the inventory lacks, as they would be listed; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from exporter.config import Config
from exporter.discovery.entries import named
from exporter.discovery.found import Announced, Found
from exporter.discovery.sweep import Answer, Seen
from exporter.printers.lifecycle import is_distinct


@dataclass(frozen=True, slots=True)
class Known:
    """What is listed: names, addresses with ports, and the serial numbers that the state knows."""

    names: frozenset[str] = frozenset()
    endpoints: frozenset[tuple[str, int]] = frozenset()
    serials: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Proposals:
    """Printers to list, those that only announce themselves, and how many others there were.

    `listed` are in the inventory already, `doubled` are one of the printers to list at a further address.
    """

    fresh: tuple[Found, ...]
    silent: tuple[Announced, ...]
    listed: int
    doubled: int


def propose(answers: Sequence[Answer], announced: Sequence[Announced], config: Config, known: Known) -> Proposals:
    """Return the printers that are not listed, by address; one at several addresses once, as its remark says."""
    seen = sorted((each for answer in answers for each in answer.printers), key=_place)
    listed = {_serial(each) for each in seen if _is_at(each, known)} | known.serials
    unlisted = [each for each in seen if not _is_at(each, known) and (not _serial(each) or _serial(each) not in listed)]
    one_printer: dict[object, list[Seen]] = {}
    for each in unlisted:
        one_printer.setdefault(_identity(each), []).append(each)
    said = {each.address: each for each in announced}
    found = [_found(first, again, said.get(first.address), config) for first, *again in one_printer.values()]
    return Proposals(
        fresh=tuple(named(found, known.names)),
        silent=_silent(answers, announced, known),
        listed=len(seen) - len(unlisted),
        doubled=len(unlisted) - len(one_printer),
    )


def _silent(answers: Sequence[Answer], announced: Sequence[Announced], known: Known) -> tuple[Announced, ...]:
    """Return the printers that announce themselves, are asked, do not show as one over SNMP, and are not listed."""
    listed = {address for address, _ in known.endpoints}
    asked = {answer.address for answer in answers if answer.outcome != "printer"}
    return tuple(each for each in announced if each.address in asked - listed)


def _place(seen: Seen) -> tuple[int, int, int]:
    address = ip_address(seen.address)
    return address.version, int(address), seen.device or 0


def _is_at(seen: Seen, known: Known) -> bool:
    return (seen.address, seen.port) in known.endpoints


def _identity(seen: Seen) -> object:
    serial = _serial(seen)
    return (serial, seen.identity.model, seen.device) if serial else _place(seen)


def _serial(seen: Seen) -> str:
    """Return the serial number; "" for one that tells nobody apart."""
    return seen.identity.serial if is_distinct(seen.identity.serial) else ""


def _found(seen: Seen, again: Sequence[Seen], announced: Announced | None, config: Config) -> Found:
    identity, credentials = seen.identity, seen.candidate.name
    place = seen.location or (announced.location if announced else "")
    location, remark = _location(place, seen.address, config)
    remarks = [remark, seen.candidate.remark, *(f"also at {each.address}" for each in again)]
    found = Found(
        name=identity.hostname or seen.name,
        host=seen.address,
        port=seen.port,
        location=location,
        credentials="" if credentials == config.shared.defaults.credentials else credentials,
        model=identity.model,
        serial=identity.serial,
        device=seen.device,
        remark=", ".join(filter(None, remarks)),
    )
    return found if found.name or not found.model else replace(found, name=f"{found.model} ({found.where})")


def _location(place: str, address: str, config: Config) -> tuple[str, str]:
    """Return the location to write down, "" where its network has one or no known one is meant, and a remark."""
    rule = config.locate(address)
    meant = config.places().get(place.casefold(), "")
    if rule:
        return "", "" if not place or meant == rule.location else f'says it is in "{place}"'
    return meant, f'says it is in "{place}"' if place and not meant else ""

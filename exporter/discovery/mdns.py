"""Printers that announce themselves over multicast DNS (RFC 6762, RFC 6763, Apple's Bonjour Printing).

Imported when it is needed: python-zeroconf is an extra.
"""

import asyncio
import ipaddress
import logging
from collections.abc import Callable
from typing import Final

from zeroconf import BadTypeInNameException, ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from exporter.discovery.found import Announced
from exporter.printers.text import clean
from exporter.text import tidy

SERVICES: Final = ("_ipp._tcp.local.", "_ipps._tcp.local.", "_pdl-datastream._tcp.local.", "_printer._tcp.local.")
LISTEN_SECONDS: Final = 5.0
"""How long printers are listened for: they answer within a second, and sleeping ones a little later."""

MAX_ANNOUNCED: Final = 2_000
"""Services that are looked at; a printer has up to four."""

_DETAIL_SECONDS = 3.0

# The library's warnings are tracebacks of interfaces that cannot send just now.
logging.getLogger("zeroconf").setLevel(logging.ERROR)


async def listen(tell: Callable[[int], None], seconds: float = LISTEN_SECONDS) -> list[Announced]:
    """Return the printers that announce themselves, each address once, IPv4 before IPv6; raises OSError.

    `tell` is called with the number of services heard so far.
    """
    heard: dict[tuple[str, str], None] = {}

    def take(service_type: str, name: str, state_change: ServiceStateChange, **_: object) -> None:
        if state_change is ServiceStateChange.Added and len(heard) < MAX_ANNOUNCED:
            heard[service_type, name] = None
            tell(len(heard))

    network = AsyncZeroconf()
    try:
        browser = AsyncServiceBrowser(network.zeroconf, list(SERVICES), handlers=[take])
        await asyncio.sleep(seconds)
        await browser.async_cancel()
        told = await asyncio.gather(*(_details(network, *service) for service in heard))
    finally:
        await network.async_close()
    by_address = {each.address: each for each in reversed(told) if each}
    return sorted(by_address.values(), key=lambda each: (":" in each.address, ipaddress.ip_address(each.address)))


async def _details(network: AsyncZeroconf, service_type: str, name: str) -> Announced | None:
    """Return what a service says of its printer; None where it tells no address that can be asked from here."""
    try:
        info = AsyncServiceInfo(service_type, name)
    except BadTypeInNameException:  # control characters, which no printer's name has
        return None
    await info.async_request(network.zeroconf, _DETAIL_SECONDS * 1000)
    addresses = [address for address in info.parsed_addresses() if _is_usable(address)]  # IPv4 first
    if not addresses:
        return None
    said = {key.lower(): clean(value or b"") for key, value in info.properties.items()}
    return Announced(addresses[0], tidy(info.get_name()), said.get(b"ty", ""), said.get(b"note", ""))


def _is_usable(address: str) -> bool:
    """Tell whether an address leads to one host, without naming the interface to use."""
    parsed = ipaddress.ip_address(address)
    is_elsewhere = parsed.is_multicast or parsed.is_unspecified
    return not is_elsewhere and not (parsed.version == 6 and parsed.is_link_local)

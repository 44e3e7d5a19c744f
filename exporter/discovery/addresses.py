"""The addresses of many hosts at once."""

import asyncio
from collections.abc import Collection

from exporter.snmp.errors import Resolve
from exporter.snmp.resolve import resolve

_AT_ONCE = 8  # polls look up names too
_LIMIT = 60.0


async def addresses_of(hosts: Collection[str], timeout: float) -> dict[str, str]:
    """Return the address of each host that is found within `timeout` seconds, and all within a minute."""
    slots = asyncio.Semaphore(_AT_ONCE)
    found: dict[str, str] = {}

    async def look_up(host: str) -> None:
        async with slots:
            try:
                found[host] = await resolve(host, 0, timeout)
            except Resolve:
                return

    try:
        async with asyncio.timeout(_LIMIT), asyncio.TaskGroup() as group:
            for host in hosts:
                group.create_task(look_up(host))
    except TimeoutError:
        return found
    return found

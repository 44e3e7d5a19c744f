"""Printers that are asked for by address, without being in the inventory: where the config allows it, and not many."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address

from exporter.configtypes import DEFAULT_PORTS, split_host
from exporter.cycle import Device, stop
from exporter.snmp.errors import Resolve

MAX_UNLISTED = 1000
"""Kept with their sessions and what is known of them, those last asked for; not over a restart or a reload."""


class TargetError(Exception):
    """A target that is not asked: why, and whether it is known but forbidden."""

    def __init__(self, message: str, *, is_forbidden: bool = False) -> None:
        super().__init__(message)
        self.is_forbidden = is_forbidden


class Unlisted:
    """Devices by the target that was asked for.

    `resolve` returns the address of a host and port, raising Resolve; `make` returns the device of a target, an address
    and a port, which is `default_port` where the target has none.
    """

    def __init__(
        self,
        allow: Iterable[IPv4Network | IPv6Network],
        resolve: Callable[[str, int], Awaitable[str]],
        make: Callable[[str, str, int], Device],
        default_port: int = DEFAULT_PORTS["snmp"],
    ) -> None:
        self._allow = tuple(allow)
        self._resolve = resolve
        self._make = make
        self._default_port = default_port
        self._devices: OrderedDict[str, Device] = OrderedDict()
        self._closed = False

    async def find(self, target: str) -> Device:
        """Return the device of a target; raises TargetError.

        A name is looked up each time, and what is asked is the address that was found in an allowed network: a name
        that leads elsewhere tomorrow opens nothing.
        """
        if not self._allow:
            raise TargetError("no printer of the config has this name or host, and probe.allow allows no others")
        address, port = await self._locate(target)
        if self._closed:
            raise TargetError("the config was read again meanwhile; ask again")
        if not any(ip_address(address) in network for network in self._allow):
            raise TargetError("this host is in no network of probe.allow", is_forbidden=True)
        known = self._devices.get(target)
        if known is None or known.printer.host != address:
            self._drop(target)
            self._devices[target] = self._make(target, address, port)
        self._devices.move_to_end(target)
        while len(self._devices) > MAX_UNLISTED:
            self._drop(next(iter(self._devices)))
        return self._devices[target]

    def holds(self, device: Device) -> bool:
        """Tell whether this is one of those that are kept."""
        return self._devices.get(device.printer.name) is device

    def close(self) -> None:
        """Stop and drop all, and find none from now on."""
        self._closed = True
        for target in tuple(self._devices):
            self._drop(target)

    async def _locate(self, target: str) -> tuple[str, int]:
        try:
            host, port = split_host(target, self._default_port)
            return await self._resolve(host, port), port
        except (ValueError, Resolve) as error:
            raise TargetError(f"no printer of the config has this name or host, nor is it a host: {error}") from None

    def _drop(self, target: str) -> None:
        if device := self._devices.pop(target, None):
            stop(device)

"""The seam between policy and engines: an engine sends one request and hands back one answer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from exporter.config import Credentials

SYS_UPTIME = "1.3.6.1.2.1.1.3.0"
"""sysUpTime.0 (RFC 3418), which every agent has."""
Value: TypeAlias = int | str | bytes
"""INTEGER and its kin as int, OCTET STRING as bytes, OBJECT IDENTIFIER and IpAddress as dotted text."""
Row: TypeAlias = tuple[str, Value]
"""An instance's OID in dotted text, without a leading dot, and its value."""


@dataclass(frozen=True, slots=True)
class Target:
    """One agent: a numeric address, its UDP port, the credentials to use, and whether another address may answer."""

    address: str
    port: int
    credentials: Credentials
    accept_other_address: bool = False


class Walk(Protocol):
    """A walk below one OID under way."""

    async def page(self, timeout: float) -> list[Row]:
        """Send one request and return the next rows, [] at the end, at a refusal and where all values are NULL.

        May be called again after a Timeout or a Protocol error.
        """
        ...


class Session(Protocol):
    """A socket and its credentials, kept open between polls; one request in flight at a time.

    What it raises is an SnmpError, or comes from our side, such as CancelledError.
    """

    @property
    def requests(self) -> int:
        """Datagrams sent since the session was opened."""
        ...

    async def get(self, oids: Sequence[str], timeout: float) -> dict[str, Value]:
        """Send one GET; absent objects are missing, and a request that the agent refused gives {}."""
        ...

    def walk(self, root: str, repetitions: int) -> Walk:
        """Walk below `root` with GETBULK of so many repetitions, or with GETNEXT when 0 and on version 1."""
        ...

    def close(self) -> None:
        """Give the socket back and end the request under way; the session is of no use afterwards."""
        ...


class Engine(Protocol):
    """Opens sessions."""

    def open(self, target: Target) -> Session:
        """Open a session without sending anything; raise SnmpError when that is impossible."""
        ...

    def keep_only(self, credentials: Iterable[Credentials]) -> None:
        """Close what the engine shares between sessions with other credentials than these."""
        ...

    def close(self) -> None:
        """Close what the engine shares between its sessions."""
        ...

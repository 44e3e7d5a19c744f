"""The policy above the engines: names, retries, sizes, guarded walks, and what was learnt about an agent.

An agent may be hostile or broken. Whatever it does costs a bounded number of requests, rows and octets here, and
its own data only.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from exporter.config import CommunityCredentials, Credentials
from exporter.snmp.errors import Protocol, Timeout
from exporter.snmp.resolve import resolve
from exporter.snmp.session import Row, Session, Target, Value

T = TypeVar("T")

SYS_UPTIME = "1.3.6.1.2.1.1.3.0"
MAX_CHUNK = 40
MAX_REPETITIONS = 25
# Bounds on one walk: more than any printer's table holds, far less than a hostile one could send.
MAX_ROWS = 4_000
MAX_OCTETS = 1_000_000
_FEWEST_REPETITIONS = 3


@dataclass(slots=True)
class Learnt:
    """What an agent can do, as far as it has shown; kept between polls."""

    version: str | None = None
    has_uptime: bool = True
    chunk: int = MAX_CHUNK
    repetitions: int = MAX_REPETITIONS

    def forget_sizes(self) -> None:
        """Start afresh after a reboot; the version stays, for a wrong guess there costs a whole poll."""
        self.chunk = MAX_CHUNK
        self.repetitions = MAX_REPETITIONS


class Client:
    """One printer's agent: asks it for values and keeps the session open between polls.

    Not for concurrent use: whoever polls a printer waits for its turn.
    """

    def __init__(
        self,
        open_session: Callable[[Target], Session],
        host: str,
        port: int,
        credentials: Credentials,
        *,
        timeout: float,
        retries: int,
    ) -> None:
        self.learnt = Learnt()
        self.address = ""
        self.version: str = credentials.version
        self.faults = 0
        self._open_session = open_session
        self._host = host
        self._port = port
        self._credentials = credentials
        self._timeout = timeout
        self._retries = retries
        self._attempts = 1
        self._session: Session | None = None
        self._heard = False
        self._requests = 0
        self._session_base = 0

    @property
    def requests(self) -> int:
        """Datagrams sent since the poll began."""
        return self._requests + (self._session.requests - self._session_base if self._session else 0)

    async def begin(self, *, silent: bool) -> None:
        """Start a poll; a printer `silent` last time is asked without retry, and as v1 in turn with v2c.

        Raises Resolve, or Refused when no socket can be opened.
        """
        version = self._next_version(silent=silent)
        if version != self.version:
            self.close()
        self.version = version
        self.faults = 0
        self._heard = False
        self._attempts = 1 if silent else 1 + self._retries
        self._requests = 0
        if self._session is None:
            await self._open()
        self._session_base = self._session.requests if self._session else 0

    def end(self, *, failed: bool) -> None:
        """Finish a poll: remember the version that was answered, drop a session that was not."""
        if self._heard:
            self.learnt.version = self.version
        if failed:
            self.close()

    def close(self) -> None:
        """Drop the session; the next poll resolves the name again."""
        if self._session:
            self._requests = self.requests
            self._session.close()
            self._session = None

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """Return the values of these instances, absent ones missing; raises SnmpError.

        Asks in chunks that the agent is known to answer, and halves those that it refuses, breaks or ignores.
        """
        found: dict[str, Value] = {}
        start = 0
        while start < len(oids):
            chunk = oids[start : start + self.learnt.chunk]
            found |= await self._get_chunk(chunk)
            start += len(chunk)
        return found

    async def walk(self, root: str) -> list[Row]:
        """Return the rows below `root`; raises SnmpError.

        Rows end where OIDs cease to increase (RFC 3416 section 4.2.2) or at a bound; that counts as a fault.
        """
        repetitions = 0 if self.version == "1" else self.learnt.repetitions
        while True:
            try:
                rows = await self._walk(root, repetitions)
            except (Timeout, Protocol) as error:
                if not self._heard or not repetitions:
                    raise
                repetitions = _smaller(repetitions) if isinstance(error, Protocol) else 0
            else:
                if self.version != "1":
                    self.learnt.repetitions = repetitions
                return rows

    async def _get_chunk(self, oids: Sequence[str]) -> dict[str, Value]:
        answer: dict[str, Value] | None = None
        try:
            answer = await self._get_once(oids)
        except Timeout:
            if not self._heard or len(oids) == 1:
                raise
        except Protocol:
            if not self._heard:
                raise
            self.faults += 1
        if answer is not None:
            return answer
        return await self._get_halves(oids) if len(oids) > 1 else {}

    async def _get_halves(self, oids: Sequence[str]) -> dict[str, Value]:
        middle = (len(oids) + 1) // 2
        answer = await self._get_chunk(oids[:middle]) | await self._get_chunk(oids[middle:])
        if len(answer) == len(oids):  # nothing was missing, so it was the size
            self.learnt.chunk = min(self.learnt.chunk, middle)
        return answer

    async def _get_once(self, oids: Sequence[str]) -> dict[str, Value] | None:
        """Send one GET; None when it was refused.

        An error-status shows as an empty answer. With sysUpTime in it, a good answer is never empty.
        """
        guarded = len(oids) > 1 and self.learnt.has_uptime and SYS_UPTIME not in oids
        asked = [SYS_UPTIME, *oids] if guarded else oids
        session = self._opened()
        answer = await self._patiently(lambda: session.get(asked, self._timeout))
        if not answer:
            self.learnt.has_uptime &= list(asked) != [SYS_UPTIME]
            return None
        if guarded:
            answer.pop(SYS_UPTIME, None)
        return answer

    async def _walk(self, root: str, repetitions: int) -> list[Row]:
        walk = self._opened().walk(root, repetitions)
        rows: list[Row] = []
        last: tuple[int, ...] = ()
        octets = 0
        while page := await self._patiently(lambda: walk.page(self._timeout)):
            for oid, value in page:
                key = tuple(map(int, oid.split(".")))
                octets += len(value) if isinstance(value, bytes | str) else 0
                if key <= last or len(rows) >= MAX_ROWS or octets > MAX_OCTETS:
                    self.faults += 1
                    return rows
                rows.append((oid, value))
                last = key
        return rows

    async def _patiently(self, request: Callable[[], Awaitable[T]]) -> T:
        for attempts_left in reversed(range(self._attempts)):
            try:
                result = await request()
            except (Timeout, Protocol):
                if not attempts_left:
                    raise
            else:
                self._heard = True
                return result
        raise Timeout("never asked")

    def _next_version(self, *, silent: bool) -> str:
        if silent and self._credentials.version == "2c":
            return "1" if self.version == "2c" else "2c"
        return self.learnt.version or self._credentials.version

    async def _open(self) -> None:
        self.address = await resolve(self._host, self._port, self._timeout)
        credentials = self._credentials
        if isinstance(credentials, CommunityCredentials) and credentials.version != self.version:
            credentials = credentials.model_copy(update={"version": self.version})
        self._session = self._open_session(Target(self.address, self._port, credentials))
        self._session_base = 0

    def _opened(self) -> Session:
        if self._session is None:
            raise RuntimeError("a poll begins with begin()")
        return self._session


def _smaller(repetitions: int) -> int:
    return repetitions // 2 if repetitions > _FEWEST_REPETITIONS else 0

"""The policy above the engines: names, retries, sizes, guarded walks, and what was learnt about an agent.

An agent may be hostile or broken. Whatever it does costs a bounded number of requests, rows and octets here, and
its own data only.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pydantic import SecretStr

from exporter.config import Credentials, UserCredentials
from exporter.snmp.errors import Auth, Protocol, SnmpError, Timeout
from exporter.snmp.resolve import resolve
from exporter.snmp.session import SYS_UPTIME, Row, Session, Target, Value

T = TypeVar("T")

MAX_CHUNK = 60
MAX_REPETITIONS = 25
# Of a table whose size is known.
MOST_REPETITIONS = 60
# Bounds on one walk: more than any printer's table holds, far less than a hostile one could send.
MAX_ROWS = 2_000
MAX_OCTETS = 1_000_000
_FEWEST_REPETITIONS = 3
_GENTLE_REPETITIONS = 5
# Polls in a row without any answer after which a printer may speak another version, or in another context, than it did.
_LONG_IGNORED = 10
# Where agents keep a printer that the configured credentials do not show: HP's network cards, and Toshiba.
_USER_CONTEXTS = ("Jetdirect", "MFP")
_COMMUNITY_CONTEXTS = ("Jetdirect",)


@dataclass(slots=True)
class Learnt:
    """What an agent can do, as far as it has shown; kept between polls until it reboots.

    `version` is the one it answers; while that is doubted, the configured one is asked once before it.
    `bulk_proven`: a GETBULK brought rows. `unreadable` are objects that no answer could be read with, `doubted` those
    and walks that were last met with silence; `proven`: a poll came to a good end.
    """

    version: str | None = None
    version_doubted: bool = False
    has_uptime: bool = True
    bulk_proven: bool = False
    chunk: int = MAX_CHUNK
    repetitions: int = MOST_REPETITIONS
    unreadable: set[str] = field(default_factory=set)
    doubted: set[str] = field(default_factory=set)
    proven: bool = False


@dataclass(frozen=True, slots=True)
class Walked:
    """The rows of a walk; `whole` is False when it was cut off: by us, or by an answer that could not be read."""

    rows: list[Row]
    whole: bool


def in_use(credentials: Iterable[Credentials]) -> set[Credentials]:
    """Return the credentials, of those for v2c what is used to try v1, and of all what is used to try contexts."""
    given = set(credentials)
    given |= {as_v1(one) for one in given if one.version == "2c"}
    return given | {in_context(one, context) for one in given for context in contexts_to_try(one)}


def as_v1(credentials: Credentials) -> Credentials:
    """Return the same community for SNMPv1."""
    return credentials.model_copy(update={"version": "1"})


def contexts_to_try(credentials: Credentials) -> tuple[str, ...]:
    """Return the contexts in which a printer may hide; none where the credentials name one themselves."""
    if isinstance(credentials, UserCredentials):
        return () if credentials.context else _USER_CONTEXTS
    return () if "@" in credentials.community.get_secret_value() else _COMMUNITY_CONTEXTS


def in_context(credentials: Credentials, context: str) -> Credentials:
    """Return the same credentials for a context, which is a suffix of a community; "" leaves them as they are."""
    if not context:
        return credentials
    if isinstance(credentials, UserCredentials):
        return credentials.model_copy(update={"context": context})
    community = f"{credentials.community.get_secret_value()}@{context}"
    return credentials.model_copy(update={"community": SecretStr(community)})


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
        accept_other_address: bool = False,
    ) -> None:
        self.learnt = Learnt()
        self.address = ""
        self.version: str = credentials.version
        self.context = ""
        self.faults = 0
        self.has_lost = False
        """Whether packets may have been lost in this poll, so that what it found is not whole."""
        self._open_session = open_session
        self._host = host
        self._port = port
        self._credentials = credentials
        self._timeout = timeout
        self._retries = retries
        self._accept_other_address = accept_other_address
        self._is_doubtful = False
        self._session: Session | None = None
        self._heard = False
        self._ignored_polls = 0
        self._requests = 0
        self._session_base = 0

    @property
    def requests(self) -> int:
        """Datagrams sent since the poll began."""
        return self._requests + (self._session.requests - self._session_base if self._session else 0)

    @property
    def walks_singly(self) -> bool:
        """Whether a walk takes a request for each row, so that a table is better walked by the columns wanted."""
        return self.version == "1" or not self.learnt.repetitions

    async def begin(self, *, silent: bool) -> None:
        """Start a poll; without retry until it is heard where the printer is `silent`.

        Raises Resolve, or Refused when no socket can be opened.
        """
        version = self._next_version()
        if version != self.version:
            self.close()
        self.version = version
        self.faults = 0
        self.has_lost = False
        self._heard = False
        self._is_doubtful = silent
        self._requests = 0
        self._session_base = self._session.requests if self._session else 0
        if self.learnt.version_doubted:
            await self._try_configured_version()
        if self._session is None:
            await self._open()

    def end(self, failure: str = "") -> None:
        """Finish a poll: remember the version that was answered; drop the session when it failed, for that reason.

        So is a context that was found, when it is refused or not answered for long: the printer may be another.
        """
        if self._heard:
            is_news = self.version not in {self.learnt.version, self._credentials.version}
            self.learnt.version_doubted |= is_news  # lost packets may have led here
            self.learnt.version = self.version
            self._ignored_polls = 0
        elif failure == Timeout.reason:
            self._ignored_polls += 1
        if failure == Auth.reason or self._ignored_polls >= _LONG_IGNORED:
            self.context = ""
        if failure:
            self.close()
        else:
            self.learnt.proven = True

    def forget(self) -> None:
        """Start afresh after a reboot: another firmware may run now."""
        version = self.learnt.version
        self.learnt = Learnt(version, version_doubted=version not in {None, self._credentials.version})

    def forget_sizes(self) -> None:
        """Learn anew what size of requests the agent can do: lost packets may have taught the wrong one."""
        fresh = Learnt()
        self.learnt.chunk, self.learnt.repetitions = fresh.chunk, fresh.repetitions
        self.learnt.unreadable.clear()

    def close(self) -> None:
        """Drop the session; the next poll resolves the name again."""
        if self._session:
            self._requests = self.requests
            self._session.close()
            self._session = None

    async def find_context(self, root: str) -> bool:
        """Tell whether another context has rows below `root`, and go on asking in the first that does.

        Costs one request a context, besides SNMPv3's discovery, and there are two at most; one that fails is as good as
        one without rows.
        """
        contexts = ("", *contexts_to_try(self._credentials))
        for context in contexts:
            if context != self.context and await self._try_context(context, root):
                return True
        return False

    async def _try_context(self, context: str, root: str) -> bool:
        session: Session | None = None
        found = False
        try:
            session = self._open_session(self._target(context))
            found = bool(await session.walk(root, 0).page(self._timeout))
        except SnmpError:
            pass  # an agent says no to a context in many ways; what it said without one holds
        finally:
            if session:
                self._requests += session.requests
                if not found:
                    session.close()
        if session and found:
            self.close()
            self.context, self._session, self._session_base = context, session, session.requests
        return found

    async def get(self, oids: Sequence[str]) -> dict[str, Value]:
        """Return the values of these instances, absent ones missing; raises SnmpError.

        Asks in chunks that the agent is known to answer, and halves those that it refuses, breaks or ignores.
        """
        found: dict[str, Value] = {}
        if self.learnt.unreadable:
            oids = [oid for oid in oids if oid not in self.learnt.unreadable]
        start = 0
        while start < len(oids):
            chunk = oids[start : start + self.learnt.chunk]
            found |= await self._get_chunk(chunk)
            start += len(chunk)
        return found

    async def walk(
        self, root: str, limit: int = MAX_ROWS, *, gently: bool = False, known: Sequence[Row] = ()
    ) -> Walked:
        """Return the rows below `root`, at most `limit`, as far as they can be had; raises SnmpError.

        Rows end where OIDs cease to increase (RFC 3416 section 4.2.2), at a bound, and at what cannot be read.
        `gently`: in answers of few rows. `known` are those of last time: where the same objects come again, in one
        answer that had room for more, nothing is asked of what follows them. A row more would show among them.
        """
        most = _GENTLE_REPETITIONS if gently else max(MAX_REPETITIONS, min(len(known) + 1, MOST_REPETITIONS))
        walked = await self._walk_in_pages(root, limit, min(most, self.learnt.repetitions), known)
        if walked.rows:
            self.learnt.bulk_proven |= not self.walks_singly
        elif not self.walks_singly and not self.learnt.bulk_proven:
            # It may be a GETBULK refused: the fast engine does not tell that from a table without rows.
            walked = await self._walk_in_pages(root, limit, 0)
            if walked.rows:
                self.learnt.repetitions = 0
        return walked

    async def _walk_in_pages(self, root: str, limit: int, most: int, known: Sequence[Row] = ()) -> Walked:
        repetitions = 0 if self.version == "1" else most
        while True:
            rows: list[Row] = []
            try:
                whole = await self._walk(root, repetitions, rows, limit, known)
            except (Timeout, Protocol) as error:
                if not self._heard:
                    raise
                if not repetitions:
                    await self._check_alive(error)
                    self._doubt(root, error)
                    return self._cut(rows)
                repetitions = _smaller(repetitions) if isinstance(error, Protocol) else 0
            else:
                if self.version != "1" and repetitions < most:
                    self.learnt.repetitions = repetitions
                self.learnt.doubted.discard(root)
                return Walked(rows, whole=True) if whole else self._cut(rows)

    async def _get_chunk(self, oids: Sequence[str]) -> dict[str, Value]:
        answer: dict[str, Value] | None = None
        unread: SnmpError | None = None
        try:
            answer = await self._get_once(oids)
        except (Timeout, Protocol) as error:
            if not self._heard:
                raise
            unread = error
        if answer is not None:
            if self.learnt.doubted:
                self.learnt.doubted.difference_update(oids)
            return answer
        if len(oids) > 1:
            return await self._get_halves(oids)
        if unread:
            await self._check_alive(unread)
            if not self._doubt(oids[0], unread):
                self._give_up(oids[0])
        return {}

    def _give_up(self, oid: str) -> None:
        """Leave an object out from now on; without that, each poll would wait for it again."""
        self.faults += 1
        if len(self.learnt.unreadable) < MAX_CHUNK:
            self.learnt.unreadable.add(oid)

    def _doubt(self, asked: str, error: SnmpError) -> bool:
        """Tell whether packets may have been lost: an agent that did well is silent to this, for the first time."""
        is_new = isinstance(error, Timeout) and asked not in self.learnt.doubted
        if not is_new or len(self.learnt.doubted) >= MAX_CHUNK:
            return False
        self.learnt.doubted.add(asked)
        self.has_lost |= self.learnt.proven
        return self.learnt.proven

    def _cut(self, rows: list[Row]) -> Walked:
        self.faults += 1
        return Walked(rows, whole=False)

    async def _check_alive(self, error: SnmpError) -> None:
        """Tell an object that cannot be read from a printer that has gone meanwhile; raises `error` for that."""
        if not isinstance(error, Timeout):
            return
        try:
            await self._opened().get([SYS_UPTIME], self._timeout)
        except Timeout:
            raise error from None

    async def _try_configured_version(self) -> None:
        """Ask once as configured; an agent that still ignores that is asked in the version it answered before."""
        self.learnt.version_doubted = False
        known, self.version = self.version, self._credentials.version
        self.close()
        await self._open()
        try:
            await self._opened().get([SYS_UPTIME], self._timeout)
        except SnmpError:
            self.version = known
            self.close()

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
        answer = await self._patiently(lambda: self._opened().get(asked, self._timeout), self._doubt_session)
        if not answer:
            self.learnt.has_uptime &= list(asked) != [SYS_UPTIME]
            return None
        if guarded:
            answer.pop(SYS_UPTIME, None)
        return answer

    async def _walk(self, root: str, repetitions: int, rows: list[Row], limit: int, known: Sequence[Row]) -> bool:
        """Add the rows to `rows`; return whether the agent ended the walk, and not one of our guards."""
        walk = self._opened().walk(root, repetitions)
        above = f"{root.rpartition('.')[0]}."
        last: tuple[int, ...] = ()
        octets = 0
        while page := await self._patiently(lambda: walk.page(self._timeout)):
            if repetitions > len(known) and _oids(page) == _oids(known):
                rows += page
                break
            for oid, value in page:
                key = tuple(map(int, oid.removeprefix(above).split(".")))  # what they share orders nothing
                octets += len(value) if isinstance(value, bytes | str) else 0
                if key <= last or len(rows) >= limit or octets > MAX_OCTETS:
                    return False
                rows.append((oid, value))
                last = key
        return True

    async def _patiently(
        self, request: Callable[[], Awaitable[T]], before_retry: Callable[[], Awaitable[None]] | None = None
    ) -> T:
        attempts = 1 if self._is_doubtful and not self._heard else 1 + self._retries
        for attempts_left in reversed(range(attempts)):
            try:
                result = await request()
            except (Timeout, Protocol):
                if not attempts_left:
                    raise
                if before_retry:
                    await before_retry()
            else:
                self._heard = True
                return result
        raise Timeout("never asked")

    async def _doubt_session(self) -> None:
        """Open anew a session that may be with the SNMP engine (RFC 3411) of a printer that is gone."""
        if self.version == "3" and not self._heard:
            self.close()
            await self._open()

    def _next_version(self) -> str:
        """Return v1 and v2c in turn for a v2c printer that never answered, or has not for long."""
        if self._credentials.version != "2c" or not self._ignored_polls:
            return self.learnt.version or self._credentials.version
        if self.learnt.version and self._ignored_polls < _LONG_IGNORED:
            return self.learnt.version
        return "1" if self.version == "2c" else "2c"

    async def _open(self) -> None:
        self.address = await resolve(self._host, self._port, self._timeout)
        self._session = self._open_session(self._target(self.context))
        self._session_base = self._session.requests

    def _target(self, context: str) -> Target:
        is_as_configured = self.version == self._credentials.version
        credentials = in_context(self._credentials if is_as_configured else as_v1(self._credentials), context)
        return Target(self.address, self._port, credentials, self._accept_other_address)

    def _opened(self) -> Session:
        if self._session is None:
            raise RuntimeError("a poll begins with begin()")
        return self._session


def _oids(rows: Iterable[Row]) -> list[str]:
    return [oid for oid, _ in rows]


def _smaller(repetitions: int) -> int:
    return repetitions // 2 if repetitions > _FEWEST_REPETITIONS else 0

"""The fast engine: gufo-snmp, a compiled codec with one connected UDP socket a session.

What it hides and where we cope: an error-status shows as an empty answer (the policy halves such requests),
its own timeout starts again at each datagram (so a deadline of ours stands around each request), and contexts
are not offered (such credentials go to the other engine).
"""

import asyncio
import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar
from weakref import WeakSet

from gufo.snmp import (
    Aes128Key,
    Aes192Key,
    Aes256Key,
    DesKey,
    KeyExpansion,
    Md5Key,
    Sha1Key,
    Sha224Key,
    Sha256Key,
    Sha384Key,
    Sha512Key,
    SnmpAuthError,
    SnmpEncodeError,
    SnmpVersion,
    User,
)
from gufo.snmp import (
    SnmpError as GufoError,
)
from gufo.snmp.aio import SnmpSession
from gufo.snmp.policer import BasePolicer

from exporter.config import Credentials, UserCredentials
from exporter.snmp.descriptors import check_left
from exporter.snmp.errors import Auth, Protocol, SnmpError, Timeout, from_system
from exporter.snmp.session import Row, Session, Target, Value, Walk

T = TypeVar("T")

_VERSIONS = {"1": SnmpVersion.v1, "2c": SnmpVersion.v2c}
_AUTH_KEYS = {
    "MD5": Md5Key,
    "SHA": Sha1Key,
    "SHA224": Sha224Key,
    "SHA256": Sha256Key,
    "SHA384": Sha384Key,
    "SHA512": Sha512Key,
}
_PRIV_KEYS = {
    "DES": DesKey,
    "AES128": Aes128Key,
    "AES192": Aes192Key,
    "AES256": Aes256Key,
    "AES192C": Aes192Key,
    "AES256C": Aes256Key,
}
# Beyond every deadline of ours, so that the library's own clock never decides.
_LIBRARY_TIMEOUT = 3600.0


class GufoEngine:
    """Opens gufo-snmp sessions."""

    def open(self, target: Target) -> Session:
        """Open a connected socket to the target; nothing is sent yet."""
        if target.accept_other_address or _context(target.credentials):
            what = "SNMPv3 contexts" if _context(target.credentials) else "answers from another address"
            raise Protocol(f"gufo-snmp has no {what}: set snmp.engine to auto or pysnmp")
        try:
            check_left()
            return _GufoSession(target)
        except Exception as error:  # noqa: BLE001 - every foreign error becomes one of ours
            ours = translate(error)
        raise ours

    def keep_only(self, credentials: Iterable[Credentials]) -> None:
        """Do nothing: sessions share nothing."""

    def close(self) -> None:
        """Do nothing: sessions share nothing."""


class _PageEndError(Exception):
    """The rows received so far are used up."""


class _Turnstile(BasePolicer):
    """The library asks its policer before each datagram: the public place to count them, and to hold them back."""

    def __init__(self) -> None:
        self.requests = 0
        self.shut = False

    def get_timeout(self, ts: int) -> int | None:  # noqa: ARG002 - the library's signature
        if self.shut:
            raise _PageEndError
        self.requests += 1
        return None


class _GufoSession:
    def __init__(self, target: Target) -> None:
        self._turnstile = _Turnstile()
        self._session: SnmpSession | None = _library_session(target, self._turnstile)
        self._walks: WeakSet[_GufoWalk] = WeakSet()
        self._deadline: asyncio.Timeout | None = None
        self._is_v1 = target.credentials.version == "1"
        self._met = False

    @property
    def requests(self) -> int:
        return self._turnstile.requests

    async def get(self, oids: Sequence[str], timeout: float) -> dict[str, Value]:
        answer = await self.bounded(lambda session: session.get_many(oids), timeout)
        return {oid: _value(value) for oid, value in answer.items() if value is not None}

    def walk(self, root: str, repetitions: int) -> Walk:
        walk = _GufoWalk(self, root, 0 if self._is_v1 else repetitions)
        self._walks.add(walk)
        return walk

    def close(self) -> None:
        """Drop all that holds the socket, and end the request under way, which holds it too."""
        self._session = None
        for walk in self._walks:
            walk.drop()
        if self._deadline and not self._deadline.expired():
            self._deadline.reschedule(0)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Send nothing meanwhile: taking a row that was not received yet ends the page."""
        self._turnstile.shut = True
        try:
            with suppress(_PageEndError):
                yield
        finally:
            self._turnstile.shut = False

    async def bounded(self, request: Callable[[SnmpSession], Awaitable[T]], timeout: float) -> T:
        """Send a request and await its answer in the time given; every error but the end of a walk is ours."""
        session = self._session
        if session is None:
            raise Timeout("the session was closed")
        try:
            async with asyncio.timeout(timeout) as self._deadline:
                return await self._ask(session, request)
        except StopAsyncIteration:
            raise
        except Exception as error:  # noqa: BLE001 - every foreign error becomes one of ours
            ours = translate(error)
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # a panic of the compiled codec, not ours to die of
                raise
            ours = Protocol("the SNMP library failed on this answer")
        finally:
            self._deadline = None
            del session
        raise ours

    async def _ask(self, session: SnmpSession, request: Callable[[SnmpSession], Awaitable[T]]) -> T:
        if not self._met:
            await session.refresh()
        try:
            result = await request(session)
        except SnmpAuthError:
            if not self._met:
                raise
            # A report that the agent's clock went on for 150 s, or that it restarted, told the library the new time
            # (RFC 3414 section 3.2.7) before it became this error.
            result = await request(session)
        self._met = True
        return result


class _GufoWalk:
    def __init__(self, session: _GufoSession, root: str, repetitions: int) -> None:
        self._session = session
        self._root = root
        self._repetitions = repetitions
        self._rows: AsyncIterator[tuple[str, object]] | None = None
        self._ended = False

    async def page(self, timeout: float) -> list[Row]:
        page: list[Row] = []
        if self._ended:
            return page
        try:
            _append(page, await self._session.bounded(lambda session: anext(self._iterator(session)), timeout))
            with self._session.held_back():
                while self._rows:
                    _append(page, await anext(self._rows))
        except StopAsyncIteration:
            self._ended = True
        return page

    def drop(self) -> None:
        """Let go of the socket."""
        self._rows = None

    def _iterator(self, session: SnmpSession) -> AsyncIterator[tuple[str, object]]:
        if self._rows is None:
            root, repetitions = self._root, self._repetitions
            self._rows = session.getbulk(root, repetitions) if repetitions else session.getnext(root)
        return self._rows


def _append(page: list[Row], row: tuple[str, object]) -> None:
    oid, value = row
    if value is not None:
        page.append((oid, _value(value)))


def _library_session(target: Target, policer: BasePolicer) -> SnmpSession:
    credentials = target.credentials
    if isinstance(credentials, UserCredentials):
        return SnmpSession(
            target.address,
            target.port,
            user=_user(credentials),
            version=SnmpVersion.v3,
            policer=policer,
            timeout=_LIBRARY_TIMEOUT,
        )
    return SnmpSession(
        target.address,
        target.port,
        community=credentials.community.get_secret_value(),
        version=_VERSIONS[credentials.version],
        policer=policer,
        timeout=_LIBRARY_TIMEOUT,
    )


def _user(credentials: UserCredentials) -> User:
    auth, priv = credentials.auth, credentials.priv
    return User(
        credentials.user,
        auth_key=_AUTH_KEYS[auth.protocol](auth.password.get_secret_value().encode()) if auth else None,
        priv_key=_PRIV_KEYS[priv.protocol](priv.password.get_secret_value().encode()) if priv else None,
        key_expansion=KeyExpansion.Cisco if priv and priv.protocol.endswith("C") else KeyExpansion.Blumenthal,
    )


def can_serve(target: Target) -> bool:
    """Tell whether this engine can: not with SNMPv3 contexts, link-local IPv6 or answers from other addresses."""
    return not (_context(target.credentials) or "%" in target.address or target.accept_other_address)


def _context(credentials: Credentials) -> str:
    return credentials.context if isinstance(credentials, UserCredentials) else ""


def _value(value: object) -> Value:
    if isinstance(value, int | str | bytes):
        return value
    return str(value)


def translate(error: Exception) -> SnmpError:
    """Give our error for one of the library's."""
    if isinstance(error, TimeoutError):
        # The library makes a timeout of the system's ICMP errors, and leaves their text in the cause.
        refused = "refused" in str(error.__cause__)
        return from_system(ConnectionRefusedError(errno.ECONNREFUSED, "") if refused else error)
    if isinstance(error, SnmpAuthError):
        return Auth("user, keys or security level rejected")
    if isinstance(error, OSError):
        return from_system(error)
    if isinstance(error, SnmpEncodeError):
        return Protocol("the request cannot be written down")
    if isinstance(error, GufoError):
        return Protocol("malformed or oversized answer")
    return Protocol(f"unexpected {type(error).__name__}")

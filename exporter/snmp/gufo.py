"""The fast engine: gufo-snmp, a compiled codec with one connected UDP socket a session.

What it hides and where we cope: an error-status shows as an empty answer (the policy halves such requests),
its own timeout starts again at each datagram (so a deadline of ours stands around each request), and contexts
are not offered (such credentials go to the other engine).
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

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
    SnmpVersion,
    User,
)
from gufo.snmp import (
    SnmpError as GufoError,
)
from gufo.snmp.aio import SnmpSession
from gufo.snmp.policer import BasePolicer

from exporter.config import Credentials, UserCredentials
from exporter.snmp.errors import Auth, Protocol, Refused, SnmpError, Timeout
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
# RFC 3414 section 2.2.3: an agent answers only within 150 s of the time we last heard from its engine.
_TIME_WINDOW = 100.0
# Beyond every deadline of ours, so that the library's own clock never decides.
_LIBRARY_TIMEOUT = 3600.0


class GufoEngine:
    """Opens gufo-snmp sessions."""

    def open(self, target: Target) -> Session:
        """Open a connected socket to the target; nothing is sent yet."""
        return _GufoSession(target)

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
        self._is_v3 = isinstance(target.credentials, UserCredentials)
        self._fresh_until = 0.0
        try:
            self._session = _library_session(target, self._turnstile)
        except Exception as error:  # noqa: BLE001 - every foreign error becomes one of ours
            raise _translate(error) from None

    @property
    def requests(self) -> int:
        return self._turnstile.requests

    async def get(self, oids: Sequence[str], timeout: float) -> dict[str, Value]:
        answer = await self._bounded(lambda: self._session.get_many(oids), timeout)
        return {oid: _value(value) for oid, value in answer.items() if value is not None}

    def walk(self, root: str, repetitions: int) -> Walk:
        rows = self._session.getbulk(root, repetitions) if repetitions else self._session.getnext(root)
        return _GufoWalk(self, rows)

    def close(self) -> None:
        del self._session

    async def row(self, rows: AsyncIterator[tuple[str, object]], timeout: float) -> tuple[str, object]:
        """Take the next row, with one request."""
        return await self._bounded(lambda: anext(rows), timeout)

    @contextmanager
    def held_back(self) -> Iterator[None]:
        """Send nothing meanwhile: taking a row that was not received yet ends the page."""
        self._turnstile.shut = True
        try:
            with suppress(_PageEndError):
                yield
        finally:
            self._turnstile.shut = False

    async def _bounded(self, request: Callable[[], Awaitable[T]], timeout: float) -> T:
        try:
            async with asyncio.timeout(timeout):
                if self._is_v3 and time.monotonic() > self._fresh_until:
                    await self._session.refresh()
                result = await request()
        except StopAsyncIteration:
            raise
        except Exception as error:  # noqa: BLE001 - every foreign error becomes one of ours
            raise _translate(error) from None
        except BaseException as error:
            if type(error).__name__ == "PanicException":  # a panic of the compiled codec, not ours to die of
                raise Protocol("the SNMP library failed on this answer") from None
            raise
        self._fresh_until = time.monotonic() + _TIME_WINDOW
        return result


class _GufoWalk:
    def __init__(self, session: _GufoSession, rows: AsyncIterator[tuple[str, object]]) -> None:
        self._session = session
        self._rows = rows
        self._ended = False

    async def page(self, timeout: float) -> list[Row]:
        page: list[Row] = []
        try:
            while not page and not self._ended:
                _append(page, await self._session.row(self._rows, timeout))
                with self._session.held_back():
                    while True:
                        _append(page, await anext(self._rows))
        except StopAsyncIteration:
            self._ended = True
        return page


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


def can_serve(credentials: Credentials) -> bool:
    """Tell whether this engine speaks to such an agent: everything but SNMPv3 contexts."""
    return not (isinstance(credentials, UserCredentials) and credentials.context)


def _value(value: object) -> Value:
    if isinstance(value, int | str | bytes):
        return value
    return str(value)


def _translate(error: Exception) -> SnmpError:
    """Give our error for one of the library's; an answer's content never gets into the text."""
    if isinstance(error, TimeoutError):
        if "refused" in str(error.__cause__):
            return Refused("nothing listens on this port")
        return Timeout("no answer")
    if isinstance(error, SnmpAuthError):
        return Auth("user, keys or security level rejected")
    if isinstance(error, OSError):
        return Refused(error.strerror or str(error))
    if isinstance(error, GufoError):
        return Protocol("malformed or oversized answer")
    return Protocol(f"unexpected {type(error).__name__}")

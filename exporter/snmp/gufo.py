"""The fast engine: gufo-snmp, a compiled codec with one connected UDP socket a session.

Its own asyncio client registers with the event loop for each datagram and starts its timeout again at each, which is
half of what a request costs; so the codec's sockets are read here, with a reader that stays and one deadline. What it
hides and where we cope: an error-status shows as an empty answer (the policy halves such requests), and contexts are
not offered (such credentials go to the other engine).
"""

import asyncio
import errno
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from operator import methodcaller
from typing import Any, Final, TypeAlias

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
    User,
)
from gufo.snmp import (
    SnmpError as GufoError,
)
from gufo.snmp._fast import GetIter, SnmpV1ClientSocket, SnmpV2cClientSocket, SnmpV3ClientSocket
from gufo.snmp.utils import format_sock_addr

from exporter.config import Credentials, UserCredentials
from exporter.snmp.descriptors import check_left
from exporter.snmp.errors import Auth, Protocol, SnmpError, Timeout, from_system
from exporter.snmp.session import Row, Session, Target, Value, Walk

_Socket: TypeAlias = SnmpV1ClientSocket | SnmpV2cClientSocket | SnmpV3ClientSocket
_Send: TypeAlias = Callable[[_Socket], None]
_Receive: TypeAlias = Callable[[_Socket], Any]

_PLAIN: Final = frozenset({int, bool, str, bytes})
# Type of service, size of the send and of the receive buffer, timeout: all as the system has them; no waiting.
_SOCKET_OPTIONS: Final = (0, 0, 0, 0)
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


class GufoEngine:
    """Opens gufo-snmp sessions."""

    def open(self, target: Target) -> Session:
        """Open a connected socket to the target; nothing is sent yet."""
        if target.accept_other_address or _context(target.credentials):
            what = "SNMPv3 contexts" if _context(target.credentials) else "answers from another address"
            raise Protocol(f"gufo-snmp has no {what}: set snmp.engine to auto or pysnmp")
        try:
            check_left()
            return _library_session(target)
        except Exception as error:  # noqa: BLE001 - every foreign error becomes one of ours
            ours = translate(error)
        raise ours

    def keep_only(self, credentials: Iterable[Credentials]) -> None:
        """Do nothing: sessions share nothing."""

    def close(self) -> None:
        """Do nothing: sessions share nothing."""


class _GufoSession:
    """A socket of the library, and a reader of ours that stays with the event loop from one request to the next."""

    def __init__(self, target: Target, socket: _Socket) -> None:
        self.requests = 0
        self._socket: _Socket | None = socket
        self._descriptor = socket.get_fd()
        self._is_v1 = target.credentials.version == "1"
        self._loop = asyncio.get_running_loop()
        self._listens = False
        self._receive: _Receive | None = None
        self._answer: asyncio.Future[Any] | None = None
        self._until = 0.0

    async def get(self, oids: Sequence[str], timeout: float) -> dict[str, Value]:
        send, receive = methodcaller("send_get_many", list(oids)), methodcaller("recv_get_many")
        answer = await self.ask(send, receive, timeout)
        return answer if _PLAIN.issuperset(map(type, answer.values())) else dict(_values(answer.items()))

    def walk(self, root: str, repetitions: int) -> Walk:
        return _GufoWalk(self, root, 0 if self._is_v1 else repetitions)

    def close(self) -> None:
        """Drop all that holds the socket, and end the request under way, which holds it too."""
        self._cease_to_listen()
        self._socket = None
        self._expire()

    async def ask(self, send: _Send, receive: _Receive, timeout: float) -> Any:
        """Send a request and await its answer in the time given; every error but the end of a walk is ours."""
        self._until = self._loop.time() + timeout
        deadline = self._loop.call_at(self._until, self._expire)
        try:
            return await self._exchange(send, receive)
        except (SnmpError, StopAsyncIteration):
            raise
        except Exception as error:  # noqa: BLE001 - every foreign error becomes one of ours
            ours = translate(error)
        except BaseException as error:
            if type(error).__name__ != "PanicException":  # a panic of the compiled codec, not ours to die of
                raise
            ours = Protocol("the SNMP library failed on this answer")
        finally:
            deadline.cancel()
        raise ours

    async def _exchange(self, send: _Send, receive: _Receive) -> Any:
        """Send one datagram and await the one that answers it; ends a request that was under way."""
        if self._socket is None:
            raise Timeout("the session was closed")
        if self._loop.time() >= self._until:  # it ran out when nothing was under way, between two datagrams
            raise TimeoutError
        self._expire()
        self.requests += 1
        with suppress(BlockingIOError):  # as good as lost on the way
            send(self._socket)
        answer = self._loop.create_future()
        self._receive, self._answer = receive, answer
        if not self._listens:
            self._loop.add_reader(self._descriptor, self._readable)
            self._listens = True
        try:
            return await answer
        finally:
            if self._answer is answer:
                self._receive = self._answer = None

    def _readable(self) -> None:
        """Hand over what came; an agent that speaks out of turn is not listened to until it is asked again."""
        answer, receive, socket = self._answer, self._receive, self._socket
        if answer is None or receive is None or socket is None or answer.done():
            self._cease_to_listen()
            return
        try:
            answer.set_result(receive(socket))
        except BlockingIOError:
            pass  # it answers another request
        except BaseException as error:  # noqa: BLE001 - goes on to the one who asked, without the frame that holds the socket
            answer.set_exception(error.with_traceback(None))

    def _cease_to_listen(self) -> None:
        if self._listens:
            self._loop.remove_reader(self._descriptor)
            self._listens = False

    def _expire(self) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_exception(TimeoutError())


class _UserSession(_GufoSession):
    """A session of SNMPv3; the agent's SNMP engine is met before the first request (RFC 3414 section 4)."""

    def __init__(self, target: Target, user: User) -> None:
        # The keys belong to an engine's ID, which is asked for without any.
        super().__init__(target, SnmpV3ClientSocket(_address(target), b"", *_keys(User.default()), *_SOCKET_OPTIONS))
        self._user = user
        self._is_known = False
        self._met = False

    async def _exchange(self, send: _Send, receive: _Receive) -> Any:
        if not self._met:
            await self._meet()
        try:
            result = await super()._exchange(send, receive)
        except SnmpAuthError:
            if not self._met:
                raise
            # A report that the agent's clock went on for 150 s, or that it restarted, told the library the new time
            # (RFC 3414 section 3.2.7) before it became this error.
            result = await super()._exchange(send, receive)
        self._met = True
        return result

    async def _meet(self) -> None:
        """Learn the engine's ID, once, and then its boots and its time, which only a user with keys needs."""
        if not self._is_known:
            await self._refresh()
            if isinstance(self._socket, SnmpV3ClientSocket):
                self._socket.set_keys(*_keys(self._user))
            self._is_known = True
        if self._user.require_auth():
            await self._refresh()

    async def _refresh(self) -> None:
        await super()._exchange(methodcaller("send_refresh"), methodcaller("recv_refresh"))


class _GufoWalk:
    def __init__(self, session: _GufoSession, root: str, repetitions: int) -> None:
        cursor = GetIter(root, repetitions or None)
        kind = "get_bulk" if repetitions else "get_next"
        self._session = session
        self._send, self._receive = methodcaller(f"send_{kind}", cursor), methodcaller(f"recv_{kind}", cursor)
        self._is_bulk = repetitions > 0
        self._ended = False

    async def page(self, timeout: float) -> list[Row]:
        rows: list[tuple[str, Value | None] | None] = []
        with suppress(StopAsyncIteration):
            if not self._ended:
                answer = await self._session.ask(self._send, self._receive, timeout)
                rows = answer if self._is_bulk else [answer]
        self._ended = not rows or rows[-1] is None
        return _values(filter(None, rows))


def _library_session(target: Target) -> _GufoSession:
    credentials = target.credentials
    if isinstance(credentials, UserCredentials):
        return _UserSession(target, _user(credentials))
    kind = SnmpV1ClientSocket if credentials.version == "1" else SnmpV2cClientSocket
    return _GufoSession(target, kind(_address(target), credentials.community.get_secret_value(), *_SOCKET_OPTIONS))


def _address(target: Target) -> str:
    return format_sock_addr(target.address, target.port)


def _keys(user: User) -> tuple[str, int, bytes, int, bytes]:
    return user.name, user.get_auth_alg(), user.get_auth_key(), user.get_priv_alg(), user.get_priv_key()


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


def _values(rows: Iterable[tuple[str, Value | None]]) -> list[Row]:
    """Leave out what is NULL; what is neither number nor text, such as a float, becomes text."""
    return [(oid, value if type(value) in _PLAIN else str(value)) for oid, value in rows if value is not None]


def translate(error: Exception) -> SnmpError:
    """Give our error for one of the library's."""
    if isinstance(error, TimeoutError):
        # The library makes a timeout of the system's ICMP errors, of which the text is left.
        refused = "refused" in str(error)
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

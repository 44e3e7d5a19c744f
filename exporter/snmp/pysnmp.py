"""The portable engine: pysnmp, pure Python, everywhere, with SNMPv3 contexts.

It costs some fifty times the CPU of the compiled engine. Asked too much at once it would let requests time out
that the printer did answer, so a bounded number is in flight and a request's time starts when it is sent.

Requests enter the library at its message dispatcher (RFC 3412 section 4.1.1), and the sockets are ours. The layers
above the dispatcher keep rows for each target for ever; those below leave a task behind when they are closed, and
hand the event loop whatever a datagram breaks.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

from pyasn1.type import univ
from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.carrier.base import AbstractTransportDispatcher
from pysnmp.entity import config
from pysnmp.entity.engine import SnmpEngine
from pysnmp.proto import api, errind
from pysnmp.proto.error import RequestTimeout, StatusInformation

from exporter.config import Credentials, UserCredentials
from exporter.snmp.errors import Auth, Protocol, SnmpError, Timeout, from_system
from exporter.snmp.session import Row, Session, Target, Value, Walk

CONCURRENCY = 16
MAX_WEAR = 500
"""SNMP engines met and stray datagrams after which a library engine is replaced: each may leave rows in it."""

_V1, _V2C = api.PROTOCOL_MODULES[api.SNMP_VERSION_1], api.PROTOCOL_MODULES[api.SNMP_VERSION_2C]
_COMMUNITY = "ours"  # what the library calls it, not what it is
# By version: message processing model and security model (RFC 3411 section 6.1).
_USM = 3
_MODELS = {"1": (0, 1), "2c": (1, 2), "3": (3, _USM)}
_AUTH_PROTOCOLS = {
    "MD5": config.USM_AUTH_HMAC96_MD5,
    "SHA": config.USM_AUTH_HMAC96_SHA,
    "SHA224": config.USM_AUTH_HMAC128_SHA224,
    "SHA256": config.USM_AUTH_HMAC192_SHA256,
    "SHA384": config.USM_AUTH_HMAC256_SHA384,
    "SHA512": config.USM_AUTH_HMAC384_SHA512,
}
_PRIV_PROTOCOLS = {
    "DES": config.USM_PRIV_CBC56_DES,
    "AES128": config.USM_PRIV_CFB128_AES,
    "AES192": config.USM_PRIV_CFB192_AES_BLUMENTHAL,
    "AES256": config.USM_PRIV_CFB256_AES_BLUMENTHAL,
    "AES192C": config.USM_PRIV_CFB192_AES,
    "AES256C": config.USM_PRIV_CFB256_AES,
}
_UNKNOWN_USER = "unknown user"
_WRONG_KEY = "wrong auth password or protocol"
_WRONG_LEVEL = "security level not allowed for this user"
_NO_ACCESS = "not allowed to read this"
_AUTH_ERRORS: dict[type[Exception], str] = {
    errind.UnknownUserName: _UNKNOWN_USER,
    errind.UnknownSecurityName: _UNKNOWN_USER,
    errind.WrongDigest: _WRONG_KEY,
    errind.AuthenticationFailure: _WRONG_KEY,
    errind.AuthenticationError: _WRONG_KEY,
    errind.UnsupportedSecurityLevel: _WRONG_LEVEL,
    errind.NoAuthentication: _WRONG_LEVEL,
    errind.NoEncryption: _WRONG_LEVEL,
    errind.DecryptionError: "wrong privacy password or protocol",
    errind.NotInTimeWindow: "the clock of the agent's SNMP engine does not keep in step",
    errind.UnknownCommunityName: "unknown community",
    errind.NoSuchContext: "unknown context",
    errind.NoSuchView: _NO_ACCESS,
    errind.NoAccessEntry: _NO_ACCESS,
    errind.NoGroupName: _NO_ACCESS,
    errind.NotInView: _NO_ACCESS,
}
# What has to be learnt of an SNMP engine before it can be asked (RFC 3414 section 4), and in how many requests.
_TO_LEARN = (errind.UnknownEngineID, errind.NotInTimeWindow)
_MAX_ROUNDS = 4
# error-status of RFC 3416 section 3
_NO_SUCH_NAME, _AUTHORIZATION_ERROR = 2, 16
# The library counts seconds as they are told to it, and remembers nothing longer than 600.
_LONGEST_MEMORY = 700
_NEVER = float("inf")
# The library runs its MIB modules as scripts, which Python cannot do in two threads at once.
_making = threading.Lock()
# By the length of their socket addresses.
_FAMILIES = {2: socket.AF_INET, 4: socket.AF_INET6}


class PysnmpEngine:
    """Opens pysnmp sessions; those with the same credentials share one library engine and its sockets."""

    def __init__(self) -> None:
        # By credentials: the library keys its users by name, so two of one name must not meet in one engine; and
        # by whether other addresses may answer, since the library does not look at where an answer comes from.
        self._links: dict[tuple[Credentials, bool], _Link] = {}
        self._gate = asyncio.Semaphore(CONCURRENCY)

    @property
    def strays(self) -> int:
        """Datagrams received that answered nothing: garbage, late or foreign."""
        return sum(link.strays for link in self._links.values())

    def open(self, target: Target) -> Session:
        """Prepare a session; a socket opens with the first request."""
        try:
            key = target.credentials, target.accept_other_address
            if key not in self._links:
                self._links[key] = _Link(*key)
            return _PysnmpSession(self._links[key], target, self._gate)
        except Exception as error:  # noqa: BLE001 - every foreign error becomes one of ours
            ours = translate(error)
        raise ours

    def keep_only(self, credentials: Iterable[Credentials]) -> None:
        """Close the sockets that sessions with other credentials shared."""
        kept = set(credentials)
        for key in [key for key in self._links if key[0] not in kept]:
            self._links.pop(key).close()

    def close(self) -> None:
        """End all requests and close all sockets."""
        for link in self._links.values():
            link.close()
        self._links.clear()


class _PysnmpSession:
    def __init__(self, link: "_Link", target: Target, gate: asyncio.Semaphore) -> None:
        self.requests = 0
        self._link = link
        self._gate = gate
        self._closed = False
        self._api = _V1 if target.credentials.version == "1" else _V2C
        # As the system writes it, so that it equals the address of an answer.
        found = socket.getaddrinfo(target.address, target.port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)
        self.address: Any = found[0][4]

    async def get(self, oids: Sequence[str], timeout: float) -> dict[str, Value]:
        return dict(await self._exchange(self._api.GetRequestPDU(), oids, 0, timeout))

    def walk(self, root: str, repetitions: int) -> Walk:
        return _PysnmpWalk(self, root, repetitions)

    def close(self) -> None:
        """End the request under way; the socket belongs to the engine."""
        self._closed = True
        self._link.leave(self, self.address)

    async def page(self, after: str, repetitions: int, timeout: float) -> list[Row]:
        """Send one GETBULK or GETNEXT for what follows `after`."""
        if repetitions and self._api is not _V1:
            return await self._exchange(self._api.GetBulkRequestPDU(), [after], repetitions, timeout)
        return await self._exchange(self._api.GetNextRequestPDU(), [after], 0, timeout)

    async def _exchange(self, pdu: Any, oids: Sequence[str], repetitions: int, timeout: float) -> list[Row]:
        try:
            async with self._gate:
                await self._link.prepare()
                async with asyncio.timeout(timeout):
                    self._fill(pdu, oids, repetitions)
                    answer = await self._answer(pdu)
                    return self._rows(answer, is_walk=pdu.tagSet != self._api.GetRequestPDU.tagSet)
        except Exception as error:  # noqa: BLE001 - every foreign error becomes one of ours
            ours = translate(error)
        raise ours

    def _fill(self, pdu: Any, oids: Sequence[str], repetitions: int) -> None:
        pdu_api = self._api.apiBulkPDU if repetitions else self._api.apiPDU
        pdu_api.set_defaults(pdu)
        if repetitions:
            pdu_api.set_max_repetitions(pdu, repetitions)
        pdu_api.set_varbinds(pdu, [(oid, self._api.null) for oid in oids])

    async def _answer(self, pdu: Any) -> Any:
        """Ask until the agent's SNMP engine is known well enough for it to answer."""
        status: Any = None
        for _ in range(_MAX_ROUNDS):
            if self._closed or self._link.closed:
                raise Timeout("the session was closed")
            self.requests += 1
            answer, status = await self._link.ask(self, self.address, pdu)
            if not status:
                return answer
            if not isinstance(status.get("errorIndication"), _TO_LEARN):
                break
        raise status

    def _rows(self, pdu: Any, *, is_walk: bool) -> list[Row]:
        """Return the answer's bindings: none of a refused GET or at the end of a v1 walk, which noSuchName marks."""
        status = int(self._api.apiPDU.get_error_status(pdu))
        if status == _AUTHORIZATION_ERROR:
            raise Auth(_WRONG_LEVEL)
        if is_walk and status not in {0, _NO_SUCH_NAME}:
            raise Protocol("the agent broke the walk off")
        bindings = [] if status else self._api.apiPDU.get_varbinds(pdu)
        # NULL and the three exceptions of RFC 3416 section 4.2.1 are all Null to the library
        return [(str(name), _plain(value)) for name, value in bindings if not isinstance(value, univ.Null)]


class _PysnmpWalk:
    def __init__(self, session: _PysnmpSession, root: str, repetitions: int) -> None:
        self._session = session
        self._below = f"{root}."
        self._after = root
        self._repetitions = repetitions
        self._ended = False

    async def page(self, timeout: float) -> list[Row]:
        if self._ended:
            return []
        page = await self._session.page(self._after, self._repetitions, timeout)
        rows = list(takewhile(lambda row: row[0].startswith(self._below), page))
        self._ended = len(rows) < len(page)
        if rows:
            self._after = rows[-1][0]
        return rows


class _Link(AbstractTransportDispatcher):  # type: ignore[misc] # the library has no types
    """A library engine with one set of credentials, and the sockets of both address families that it sends through."""

    def __init__(self, credentials: Credentials, accept_other_address: bool) -> None:
        super().__init__()
        self._accepts_any = accept_other_address
        self.set_timer_resolution(1.0)
        self.strays = 0
        self.closed = False
        self._credentials = credentials
        self._model, self._security_model = _MODELS[credentials.version]
        self._level = _level(credentials)
        self._name = _V2C.OctetString(getattr(credentials, "user", _COMMUNITY).encode())
        self._context = _V2C.OctetString(getattr(credentials, "context", "").encode())
        self._sockets: dict[int, tuple[socket.socket, asyncio.AbstractEventLoop]] = {}
        self._waiting: dict[asyncio.Future[Any], _PysnmpSession] = {}
        self._domains: dict[Any, tuple[int, ...]] = {}
        self._send_error: OSError | None = None
        self._receiving = False
        self._answered = 0
        self._told = time.monotonic()
        self._wear = 0
        self._engine: Any = None
        self._renewing = asyncio.Lock()

    async def prepare(self) -> None:
        """Make the library engine, or a new one for one that is worn and idle."""
        async with self._renewing:
            if self._engine is None or (self._wear > MAX_WEAR and not self._waiting):
                # In a thread: it reads a dozen files.
                engine = await asyncio.to_thread(_library_engine, self._credentials)
                if self._engine:
                    self._engine.unregister_transport_dispatcher()
                engine.register_transport_dispatcher(self)
                self._engine, self._wear = engine, 0

    async def ask(self, session: _PysnmpSession, address: Any, pdu: Any) -> tuple[Any, Any]:
        """Send one datagram; return the PDU that answers it, or None and why there is none."""
        self._open(address)
        self._tell_time()
        engine = self._engine
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        handle = engine.message_dispatcher.send_pdu(
            engine,
            self._domain(address),
            address,
            self._model,
            self._security_model,
            self._name,
            self._level,
            None,
            self._context,
            None,
            pdu,
            True,
            _NEVER,
            self._deliver,
            answer,
        )
        self._waiting[answer] = session
        try:
            self._check_sent()
            result: tuple[Any, Any] = await answer
            return result
        finally:
            del self._waiting[answer]
            engine.message_dispatcher.release_state_information(engine, handle, self._model)

    def leave(self, session: _PysnmpSession, address: Any) -> None:
        """End a session's request, and let the next session meet the agent afresh: another may live there then."""
        for waiting, owner in self._waiting.items():
            if owner is session and not waiting.done():
                waiting.set_result((None, StatusInformation(errorIndication=errind.requestTimedOut)))
        if self._security_model == _USM:
            self._domains[address] = (*udp.DOMAIN_NAME, self._domain(address)[-1] + 1)

    def close(self) -> None:
        """End all requests and close the sockets."""
        self.closed = True
        for session in set(self._waiting.values()):
            session.close()
        for opened, loop in self._sockets.values():
            loop.remove_reader(opened)
            opened.close()
        self._sockets.clear()

    def send_message(self, message: bytes, domain: Any, address: Any) -> None:  # noqa: ARG002 - the library's signature
        """Send for the library, but for its answers to strangers' requests: we are no agent."""
        if self._receiving:
            return
        try:
            self._sockets[len(address)][0].sendto(message, address)
        except BlockingIOError:
            pass  # as good as lost on the way
        except OSError as error:  # the library would not tidy up after it
            self._send_error = error

    def _check_sent(self) -> None:
        error, self._send_error = self._send_error, None
        if error:
            raise error

    def _open(self, address: Any) -> None:
        if len(address) in self._sockets:
            return
        loop = asyncio.get_running_loop()
        opened = socket.socket(_FAMILIES[len(address)], socket.SOCK_DGRAM)
        opened.setblocking(False)
        self._sockets[len(address)] = opened, loop
        loop.add_reader(opened, self._receive, opened)

    def _receive(self, opened: socket.socket) -> None:
        """Hand a datagram to the library; nothing that it holds gets through to the event loop as an error."""
        answered = self._answered
        self._receiving = True
        try:
            datagram, address = opened.recvfrom(65_535)
            if not self._accepts_any and all(address != session.address for session in self._waiting.values()):
                raise Protocol("an answer from an address that was not asked")
            self._engine.message_dispatcher.receive_message(self._engine, self._domain(address), address, datagram)
        except BlockingIOError:
            return
        except Exception:  # noqa: BLE001, S110 - counted below
            pass
        finally:
            self._receiving = False
        if self._answered == answered:
            self.strays += 1
            self._wear += 1

    def _deliver(self, *arguments: Any) -> None:
        """Take what the library gives to an application (RFC 3412 section 4.1.2.2): answer, status, handle, our own."""
        answer, status, _, waiting = arguments[8:]
        self._answered += 1
        if status and isinstance(status.get("errorIndication"), errind.UnknownEngineID):
            self._wear += 1
        if not waiting.done():
            waiting.set_result((answer, status))

    def _domain(self, address: Any) -> tuple[int, ...]:
        """Return the transport domain; the library files what it knows of SNMP engines under it and the address."""
        return self._domains.get(address, (*udp.DOMAIN_NAME, 0))

    def _tell_time(self) -> None:
        now = time.monotonic()
        self._told = max(self._told, now - _LONGEST_MEMORY)
        while self._told < now:
            self._told += 1.0
            self.handle_timer_tick(self._told)


def _library_engine(credentials: Credentials) -> Any:
    with _making:
        engine = SnmpEngine()
        _add_credentials(engine, credentials)
    return engine


def _add_credentials(engine: Any, credentials: Credentials) -> None:
    if not isinstance(credentials, UserCredentials):
        community = credentials.community.get_secret_value().encode()
        config.add_v1_system(engine, _COMMUNITY, community)
        return
    auth, priv = credentials.auth, credentials.priv
    config.add_v3_user(
        engine,
        credentials.user,
        _AUTH_PROTOCOLS[auth.protocol] if auth else config.USM_AUTH_NONE,
        auth.password.get_secret_value().encode() if auth else None,
        _PRIV_PROTOCOLS[priv.protocol] if priv else config.USM_PRIV_NONE,
        priv.password.get_secret_value().encode() if priv else None,
    )


def _level(credentials: Credentials) -> int:
    """Return the security level (RFC 3411 section 3.4.3)."""
    if not isinstance(credentials, UserCredentials) or not credentials.auth:
        return 1
    return 3 if credentials.priv else 2


def _plain(value: Any) -> Value:
    if isinstance(value, univ.ObjectIdentifier):
        return str(value)
    if isinstance(value, _V1.IpAddress | _V2C.IpAddress):
        return str(value.prettyPrint())
    return bytes(value) if isinstance(value, univ.OctetString) else int(value)


def translate(error: BaseException) -> SnmpError:
    """Give our error for one of the library's."""
    if isinstance(error, SnmpError):
        return error
    if isinstance(error, StatusInformation):
        indication = error.get("errorIndication")
        return translate(indication) if isinstance(indication, errind.ErrorIndication) else Protocol("an empty report")
    if isinstance(error, OSError):
        return from_system(error)
    if isinstance(error, errind.RequestTimedOut | RequestTimeout):
        return Timeout("no answer")
    for kind, meaning in _AUTH_ERRORS.items():
        if isinstance(error, kind):
            return Auth(meaning)
    return Protocol(f"the SNMP library could not go on: {type(error).__name__}")

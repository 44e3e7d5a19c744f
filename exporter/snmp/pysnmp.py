"""The portable engine: pysnmp, pure Python, everywhere, with SNMPv3 contexts.

It costs some fifty times the CPU of the compiled engine. Asked too much at once it would let requests time out
that the printer did answer, so a bounded number is in flight and a request's time starts when it is sent.
"""

import asyncio
from collections.abc import Sequence
from itertools import takewhile
from typing import Any

from pysnmp.error import PySnmpError
from pysnmp.hlapi.v3arch import asyncio as hlapi
from pysnmp.proto import errind

from exporter.config import Credentials, UserCredentials
from exporter.snmp.errors import Auth, Protocol, Refused, SnmpError, Timeout
from exporter.snmp.session import Row, Session, Target, Value, Walk

CONCURRENCY = 16

_AUTH_PROTOCOLS = {
    "MD5": hlapi.USM_AUTH_HMAC96_MD5,
    "SHA": hlapi.USM_AUTH_HMAC96_SHA,
    "SHA224": hlapi.USM_AUTH_HMAC128_SHA224,
    "SHA256": hlapi.USM_AUTH_HMAC192_SHA256,
    "SHA384": hlapi.USM_AUTH_HMAC256_SHA384,
    "SHA512": hlapi.USM_AUTH_HMAC384_SHA512,
}
_PRIV_PROTOCOLS = {
    "DES": hlapi.USM_PRIV_CBC56_DES,
    "AES128": hlapi.USM_PRIV_CFB128_AES,
    "AES192": hlapi.USM_PRIV_CFB192_AES_BLUMENTHAL,
    "AES256": hlapi.USM_PRIV_CFB256_AES_BLUMENTHAL,
    "AES192C": hlapi.USM_PRIV_CFB192_AES,
    "AES256C": hlapi.USM_PRIV_CFB256_AES,
}
_AUTH_ERRORS = (
    errind.AuthenticationFailure,
    errind.AuthenticationError,
    errind.UnknownUserName,
    errind.UnsupportedSecurityLevel,
    errind.WrongDigest,
    errind.DecryptionError,
    errind.UnknownSecurityName,
    errind.NotInTimeWindow,
)


# error-status of RFC 3416 section 3
_AUTHORIZATION_ERROR = 16


class PysnmpEngine:
    """Opens pysnmp sessions; those with the same credentials share one library engine and its socket."""

    def __init__(self) -> None:
        # By credentials: the library keys its users by name, so two of one name must not meet in one engine.
        self._engines: dict[Credentials, hlapi.SnmpEngine] = {}
        self._gate = asyncio.Semaphore(CONCURRENCY)

    def open(self, target: Target) -> Session:
        """Prepare a session; the socket opens with its first request."""
        engine = self._engines.get(target.credentials)
        if engine is None:
            engine = self._engines[target.credentials] = hlapi.SnmpEngine()
        return _PysnmpSession(engine, target, self._gate)

    def close(self) -> None:
        """Close the sockets of all sessions."""
        for engine in self._engines.values():
            engine.close_dispatcher()
        self._engines.clear()


class _PysnmpSession:
    def __init__(self, engine: Any, target: Target, gate: asyncio.Semaphore) -> None:
        self.requests = 0
        self._engine = engine
        self._target = target
        self._gate = gate
        self._auth = _auth_data(target.credentials)
        self._context = hlapi.ContextData(contextName=_context(target.credentials))

    async def get(self, oids: Sequence[str], timeout: float) -> dict[str, Value]:
        return dict(await self._send(hlapi.get_cmd, timeout, [_binding(oid) for oid in oids]))

    def walk(self, root: str, repetitions: int) -> Walk:
        return _PysnmpWalk(self, root, repetitions)

    def close(self) -> None:
        """Keep the socket: it belongs to the engine."""

    async def page(self, after: str, repetitions: int, timeout: float) -> list[Row]:
        """Send one GETBULK or GETNEXT for what follows `after`."""
        if repetitions and self._target.credentials.version != "1":
            return await self._send(hlapi.bulk_cmd, timeout, [0, repetitions, _binding(after)])
        return await self._send(hlapi.next_cmd, timeout, [_binding(after)])

    async def _send(self, command: Any, timeout: float, arguments: list[Any]) -> list[Row]:
        async with self._gate:
            self.requests += 1
            try:
                async with asyncio.timeout(timeout):
                    transport = await _transport(self._target, timeout)
                    indication, status, _, bindings = await command(
                        self._engine, self._auth, transport, self._context, *arguments, lookupMib=False
                    )
            except (PySnmpError, OSError) as error:
                raise _translate(error) from None
        if indication:
            raise _translate_indication(indication)
        if int(status) == _AUTHORIZATION_ERROR:
            raise Auth("the user may not read this at this security level")
        return [] if int(status) else [row for binding in bindings if (row := _row(binding))]


class _PysnmpWalk:
    def __init__(self, session: _PysnmpSession, root: str, repetitions: int) -> None:
        self._session = session
        self._below = f"{root}."
        self._after = root
        self._repetitions = repetitions

    async def page(self, timeout: float) -> list[Row]:
        page = await self._session.page(self._after, self._repetitions, timeout)
        rows = list(takewhile(lambda row: row[0].startswith(self._below), page))
        if rows:
            self._after = rows[-1][0]
        return rows


def _binding(oid: str) -> Any:
    return hlapi.ObjectType(hlapi.ObjectIdentity(oid))


def _context(credentials: Credentials) -> str:
    return credentials.context if isinstance(credentials, UserCredentials) else ""


def _auth_data(credentials: Credentials) -> Any:
    if not isinstance(credentials, UserCredentials):
        model = 0 if credentials.version == "1" else 1
        return hlapi.CommunityData(credentials.community.get_secret_value(), mpModel=model)
    auth, priv = credentials.auth, credentials.priv
    return hlapi.UsmUserData(
        credentials.user,
        authKey=auth.password.get_secret_value() if auth else None,
        privKey=priv.password.get_secret_value() if priv else None,
        authProtocol=_AUTH_PROTOCOLS[auth.protocol] if auth else hlapi.USM_AUTH_NONE,
        privProtocol=_PRIV_PROTOCOLS[priv.protocol] if priv else hlapi.USM_PRIV_NONE,
    )


async def _transport(target: Target, timeout: float) -> Any:
    kind = hlapi.Udp6TransportTarget if ":" in target.address else hlapi.UdpTransportTarget
    return await kind.create((target.address, target.port), timeout=timeout, retries=0)


def _row(binding: Any) -> Row | None:
    """Return (OID, value), None for the exceptions of RFC 3416 section 4.2.1 and for NULL."""
    name, value = binding
    kind = type(value).__name__
    if kind in {"NoSuchObject", "NoSuchInstance", "EndOfMibView", "Null"}:
        return None
    return str(name), _plain(kind, value)


def _plain(kind: str, value: Any) -> Value:
    if kind in {"ObjectIdentity", "ObjectIdentifier"}:
        return str(value)
    if kind == "IpAddress":
        return str(value.prettyPrint())
    if hasattr(value, "asOctets"):
        return bytes(value.asOctets())
    return int(value)


def _translate(error: Exception) -> SnmpError:
    if isinstance(error, TimeoutError):
        return Timeout("no answer")
    if isinstance(error, OSError):
        return Refused(error.strerror or "unreachable")
    return Protocol("the SNMP library could not use the answer")


def _translate_indication(indication: Any) -> SnmpError:
    if isinstance(indication, errind.RequestTimedOut):
        return Timeout("no answer")
    if isinstance(indication, _AUTH_ERRORS):
        return Auth(str(indication))
    return Protocol(str(indication))

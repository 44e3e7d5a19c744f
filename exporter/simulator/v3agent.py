"""An SNMPv3 agent over the same views as the plain one: users, keys and encryption are pysnmp's."""

import asyncio
from dataclasses import dataclass
from typing import Any

from pysnmp.carrier.asyncio.dgram import udp
from pysnmp.entity import config, engine
from pysnmp.entity.rfc3413 import cmdrsp, context
from pysnmp.proto import rfc1902, rfc1905

from exporter.simulator.ber import (
    Counter32,
    Gauge32,
    Integer,
    IpAddress,
    ObjectId,
    OctetString,
    Oid,
    TimeTicks,
)
from exporter.simulator.mib import Mib, View
from exporter.simulator.running import Running

_USM = 3
_TYPES = {
    Integer: rfc1902.Integer32,
    OctetString: rfc1902.OctetString,
    ObjectId: rfc1902.ObjectIdentifier,
    IpAddress: rfc1902.IpAddress,
    Counter32: rfc1902.Counter32,
    Gauge32: rfc1902.Gauge32,
    TimeTicks: rfc1902.TimeTicks,
}
_RESPONDERS = (cmdrsp.GetCommandResponder, cmdrsp.NextCommandResponder, cmdrsp.BulkCommandResponder)


@dataclass(frozen=True, slots=True)
class User:
    """An SNMPv3 user that authenticates with HMAC-SHA-256 (RFC 7860) and encrypts with AES-128 (RFC 3826)."""

    name: str
    auth_password: str
    priv_password: str


class V3Agent(Running):
    """Answers GET, GETNEXT and GETBULK of one user, authenticated and encrypted."""

    def __init__(self, mib: View, host: str = "127.0.0.1", port: int = 10161, *, user: User) -> None:
        self.host = host
        self.port = port
        self.requests = 0
        self._mib = mib
        self._user = user
        self._engine: Any = None

    async def start(self) -> None:
        """Bind the socket; `port` is then the real one, also when 0 was asked for."""
        self._engine = self._new_engine()
        protocol = udp.UdpTransport()
        # Registered before it is bound: the library raises when a datagram finds no receiver.
        config.add_transport(self._engine, udp.DOMAIN_NAME, protocol)
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_datagram_endpoint(lambda: protocol, local_addr=(self.host, self.port))
        except OSError:
            await self.close()
            raise
        self.port = transport.get_extra_info("sockname")[1]

    async def close(self) -> None:
        """Give the socket back and end the library's timer."""
        if self._engine is None:
            return
        timer = self._engine.transport_dispatcher.loopingcall
        self._engine.close_dispatcher()
        self._engine = None
        await asyncio.wait([timer])
        # A transport closes its socket one turn of the loop after it is told to.
        await asyncio.sleep(0)

    def _new_engine(self) -> Any:
        """Set up the library's engine, without an engine ID of our own: it would keep files under one."""
        snmp = engine.SnmpEngine()
        user = self._user
        config.add_v3_user(
            snmp,
            user.name,
            config.USM_AUTH_HMAC192_SHA256,
            user.auth_password,
            config.USM_PRIV_CFB128_AES,
            user.priv_password,
        )
        config.add_vacm_user(snmp, _USM, user.name, "authPriv", readSubTree=(1,))
        served = context.SnmpContext(snmp)
        served.unregister_context_name(b"")
        served.register_context_name(b"", _Instances(self._mib))
        for responder in _RESPONDERS:
            responder(snmp, served)
        snmp.observer.register_observer(self._count, "rfc3412.receiveMessage:request")
        return snmp

    def _count(self, *_: Any) -> None:
        self.requests += 1


class _Instances:
    """What the library's responders ask for bindings: read access only."""

    def __init__(self, mib: View) -> None:
        self._mib = mib

    def read_variables(self, *bindings: Any, **context: Any) -> list[Any]:
        """Answer a GET (RFC 3416 section 4.2.1)."""
        mib = self._mib.now()
        return [(name, _get(mib, tuple(name))) for name in _allowed(bindings, context)]

    def read_next_variables(self, *bindings: Any, **context: Any) -> list[Any]:
        """Answer a GETNEXT, or one repetition of a GETBULK (RFC 3416 sections 4.2.2 and 4.2.3)."""
        mib = self._mib.now()
        return [_next(mib, name) for name in _allowed(bindings, context)]


def _allowed(bindings: Any, context: Any) -> list[Any]:
    """Give the names; raises the library's error when the request came below authPriv."""
    for binding in bindings[:1]:
        context["acFun"]("read", binding, idx=0, **context)
    return [name for name, _ in bindings]


def _get(mib: Mib, oid: Oid) -> Any:
    if oid in mib:
        return _foreign(mib, oid)
    return rfc1905.noSuchInstance if mib.has_below(oid[:-1]) else rfc1905.noSuchObject


def _next(mib: Mib, name: Any) -> Any:
    following = mib.after(tuple(name))
    if following is None:
        return name, rfc1905.endOfMibView
    return rfc1902.ObjectName(following), _foreign(mib, following)


def _foreign(mib: Mib, oid: Oid) -> Any:
    value: Any = mib[oid]
    return _TYPES[type(value)](value.value)

"""The simulator: its codec against pyasn1, its agents against real clients, its printers against the MIB."""

import asyncio
import ipaddress
import shutil
import signal
import socket
import sys
from collections.abc import Iterator, Mapping
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from gufo.snmp import Aes128Key, Sha256Key, SnmpVersion
from gufo.snmp import User as GufoUser
from gufo.snmp.aio import SnmpSession
from hypothesis import example, given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pyasn1.type import univ
from pysnmp.proto import api, rfc1902, rfc1905

from exporter.simulator import fleet
from exporter.simulator.agent import Agent, respond
from exporter.simulator.ber import (
    BerError,
    Counter32,
    EndOfMibView,
    ErrorStatus,
    Gauge32,
    Integer,
    IpAddress,
    Kind,
    NoSuchInstance,
    NoSuchObject,
    ObjectId,
    OctetString,
    Oid,
    Request,
    TimeTicks,
    Value,
    decode_oid,
    decode_request,
    encode_oid,
    encode_response,
    encode_varbind,
)
from exporter.simulator.fleet import PROFILES, Fleet
from exporter.simulator.mib import Mib, RecomputedMib
from exporter.simulator.office import PLACES, V3_USER, Office, OfficePrinter
from exporter.simulator.printer import (
    CRITICAL,
    HOST,
    MANUAL_FEED,
    PERCENT,
    PRINTER,
    SYSTEM,
    WARNING,
    Cover,
    Duty,
    Maker,
    Printer,
    Supply,
    Tray,
    values,
)
from exporter.simulator.v3agent import User, V3Agent

needs_snmp_tools = pytest.mark.skipif(
    shutil.which("snmpbulkwalk") is None, reason="net-snmp's command line tools are not installed"
)

SYS_DESCR: Oid = (*SYSTEM, 1, 0)
SYS_UP_TIME: Oid = (*SYSTEM, 3, 0)
SYS_NAME: Oid = (*SYSTEM, 5, 0)
SMALL = Mib(
    {
        SYS_DESCR: OctetString(b"a printer"),
        SYS_UP_TIME: TimeTicks(4_000_000_000),
        SYS_NAME: OctetString(b"one"),
        (*PRINTER, 11, 1, 1, 9, 1, 1): Integer(-3),
        (*PRINTER, 11, 1, 1, 9, 1, 5): Integer(70),
    }
)
_MODULES = {"1": api.PROTOCOL_MODULES[0], "2c": api.PROTOCOL_MODULES[1]}


def request(kind: Kind, *oids: Oid, version: str = "2c", first: int = 0, second: int = 0) -> Request:
    return Request(version, b"public", kind, 7, first, second, oids)


def pysnmp_request(wanted: Request) -> bytes:
    """Let pysnmp encode a request."""
    module: Any = _MODULES[wanted.version]
    pdu: Any = {
        Kind.GET: module.GetRequestPDU,
        Kind.GETNEXT: module.GetNextRequestPDU,
        Kind.GETBULK: rfc1905.GetBulkRequestPDU,
    }[wanted.kind]()
    pdu_api: Any = module.apiBulkPDU if wanted.kind is Kind.GETBULK else module.apiPDU
    pdu_api.set_defaults(pdu)
    pdu_api.set_request_id(pdu, wanted.request_id)
    if wanted.kind is Kind.GETBULK:
        pdu_api.set_non_repeaters(pdu, wanted.non_repeaters)
        pdu_api.set_max_repetitions(pdu, wanted.max_repetitions)
    pdu_api.set_varbinds(pdu, [(oid, module.Null("")) for oid in wanted.oids])
    message = module.Message()
    module.apiMessage.set_defaults(message)
    module.apiMessage.set_community(message, wanted.community)
    module.apiMessage.set_pdu(message, pdu)
    encoded: bytes = encoder.encode(message)
    return encoded


def pysnmp_response(datagram: bytes, version: str = "2c") -> tuple[int, int, list[tuple[Oid, Any]]]:
    """Let pysnmp decode a response: error-status, error-index and bindings."""
    module: Any = _MODULES[version]
    message, rest = decoder.decode(datagram, asn1Spec=module.Message())
    assert not rest
    pdu = module.apiMessage.get_pdu(message)
    bindings = [(tuple(name), value) for name, value in module.apiPDU.get_varbinds(pdu)]
    return int(module.apiPDU.get_error_status(pdu)), int(pdu[2]), bindings


def content(foreign: Any) -> int | bytes | Oid:
    """Strip pyasn1's types off a value."""
    if isinstance(foreign, univ.Integer):
        return int(foreign)
    return tuple(foreign) if isinstance(foreign, univ.ObjectIdentifier) else bytes(foreign)


async def run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    # Whichever net-snmp tool runs first on a machine tells of folders that it makes.
    lines = output.decode("utf-8", "replace").splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("Created directory:"))


async def walk(tool: str, host: str, port: int, *options: str) -> list[str]:
    """Walk everything with one of net-snmp's tools; give the OIDs."""
    lines = await run(tool, "-m", "", "-OnQ", "-t1", "-r1", *options, f"{host}:{port}", "1.3")
    return [line.split(" = ")[0].strip(".") for line in lines.splitlines() if "No more variables" not in line]


def dotted(mib: Mib) -> list[str]:
    return [".".join(map(str, oid)) for oid in mib]


class Client:
    """A bare UDP client, to send what no decent library sends."""

    def __init__(self, agent: Agent | V3Agent) -> None:
        self._address = (agent.host, agent.port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    async def send(self, datagram: bytes) -> None:
        await asyncio.get_running_loop().sock_sendto(self._socket, datagram, self._address)

    async def receive(self) -> bytes:
        async with asyncio.timeout(2):
            return await asyncio.get_running_loop().sock_recv(self._socket, 65535)

    def close(self) -> None:
        self._socket.close()


# The codec

sub_identifiers = st.one_of(st.integers(0, 300), st.integers(0, 2**32 - 1))
oids = st.builds(
    lambda first, second, rest: (first, second, *rest),
    st.integers(0, 2),
    st.integers(0, 39),
    st.lists(sub_identifiers, max_size=30),
)
int32 = st.integers(-(2**31), 2**31 - 1)
uint32 = st.integers(0, 2**32 - 1)
requests = st.builds(
    Request,
    version=st.just("2c"),
    community=st.binary(max_size=40),
    kind=st.sampled_from(Kind),
    request_id=int32,
    non_repeaters=st.integers(0, 2**31 - 1),
    max_repetitions=st.integers(0, 2**31 - 1),
    oids=st.lists(oids, max_size=30).map(tuple),
)
some_values = st.one_of(
    int32.map(Integer),
    st.binary(max_size=300).map(OctetString),
    oids.map(ObjectId),
    st.binary(min_size=4, max_size=4).map(IpAddress),
    uint32.map(Counter32),
    uint32.map(Gauge32),
    uint32.map(TimeTicks),
)
_FOREIGN_TYPES: dict[type[Value], Any] = {
    Integer: rfc1902.Integer32,
    OctetString: rfc1902.OctetString,
    ObjectId: rfc1902.ObjectIdentifier,
    IpAddress: rfc1902.IpAddress,
    Counter32: rfc1902.Counter32,
    Gauge32: rfc1902.Gauge32,
    TimeTicks: rfc1902.TimeTicks,
    NoSuchObject: rfc1905.NoSuchObject,
    NoSuchInstance: rfc1905.NoSuchInstance,
    EndOfMibView: rfc1905.EndOfMibView,
}


@given(requests)
@example(Request("2c", b"", Kind.GET, -(2**31), 0, 0, ()))
def test_a_request_that_pysnmp_encodes_is_decoded_to_the_same_fields(wanted: Request) -> None:
    decoded = decode_request(pysnmp_request(wanted))
    if wanted.kind is not Kind.GETBULK:
        wanted = Request("2c", wanted.community, wanted.kind, wanted.request_id, 0, 0, wanted.oids)
    assert decoded == wanted


@given(requests.filter(lambda wanted: wanted.kind is not Kind.GETBULK))
def test_a_v1_request_differs_in_its_version_only(wanted: Request) -> None:
    wanted = Request("1", wanted.community, wanted.kind, wanted.request_id, 0, 0, wanted.oids)
    assert decode_request(pysnmp_request(wanted)) == wanted


@given(requests, st.lists(st.tuples(oids, some_values), max_size=20))
def test_pysnmp_decodes_a_response_to_the_same_types_and_values(
    asked: Request, bindings: list[tuple[Oid, Any]]
) -> None:
    datagram = encode_response(asked, [encode_varbind(oid, value) for oid, value in bindings])
    status, index, decoded = pysnmp_response(datagram)
    assert (status, index) == (0, 0)
    assert [name for name, _ in decoded] == [oid for oid, _ in bindings]
    for (_, value), (_, foreign) in zip(bindings, decoded, strict=True):
        assert foreign.isSameTypeWith(_FOREIGN_TYPES[type(value)]())
        assert content(foreign) == value.value


@pytest.mark.parametrize("mark", [NoSuchObject(), NoSuchInstance(), EndOfMibView()])
def test_pysnmp_knows_the_marks_that_stand_for_absent_values(mark: Value) -> None:
    datagram = encode_response(request(Kind.GET), [encode_varbind(SYS_DESCR, mark)])
    _, _, [(_, foreign)] = pysnmp_response(datagram)
    assert foreign.isSameTypeWith(_FOREIGN_TYPES[type(mark)]())


@given(oids)
def test_oids_are_encoded_as_pyasn1_does(oid: Oid) -> None:
    assert encode_oid(oid) == encoder.encode(univ.ObjectIdentifier(oid))[-len(encode_oid(oid)) :]
    assert decode_oid(encode_oid(oid)) == oid


@given(st.binary(max_size=80))
def test_random_octets_raise_nothing_but_a_ber_error(datagram: bytes) -> None:
    with pytest.raises(BerError):
        decode_request(datagram)


@given(requests, st.data())
def test_a_damaged_request_decodes_or_raises_a_ber_error(wanted: Request, data: st.DataObject) -> None:
    datagram = bytearray(pysnmp_request(wanted))
    at = data.draw(st.integers(0, len(datagram) - 1))
    datagram[at] = data.draw(st.integers(0, 255))
    try:
        decode_request(bytes(datagram))
    except BerError:
        return


@given(requests, st.data())
def test_a_request_that_is_cut_off_raises_a_ber_error(wanted: Request, data: st.DataObject) -> None:
    datagram = pysnmp_request(wanted)
    with pytest.raises(BerError):
        decode_request(datagram[: data.draw(st.integers(0, len(datagram) - 1))])


_GET = pysnmp_request(request(Kind.GET, SYS_DESCR))


@pytest.mark.parametrize(
    "datagram",
    [
        pytest.param(b"", id="empty"),
        pytest.param(_GET + b"\0", id="octets behind the message"),
        pytest.param(_GET.replace(b"\x02\x01\x01", b"\x02\x01\x03", 1), id="version 3"),
        pytest.param(_GET.replace(b"\xa0", b"\xa3", 1), id="a SET"),
        pytest.param(_GET.replace(b"\x02\x01\x01", b"\x02\x01\x00", 1).replace(b"\xa0", b"\xa5"), id="v1 bulk"),
        pytest.param(
            b"\x30\x1c\x02\x01\x01\x04\x06public\xa0\x0f\x02\x05\x01\0\0\0\0\x02\x01\0\x02\x01\0\x30\0",
            id="a number beyond 32 bits",
        ),
        pytest.param(b"\x30\x80" + _GET[2:] + b"\0\0", id="indefinite length"),
        pytest.param(b"\x30\x85\0\0\0\0" + _GET[1:], id="length in five octets"),
        pytest.param(_GET.replace(b"\x06\x08\x2b", b"\x06\x08\xab", 1)[:-3] + b"\x81\x05\0", id="open OID"),
    ],
)
def test_a_malformed_datagram_raises_a_ber_error(datagram: bytes) -> None:
    with pytest.raises(BerError):
        decode_request(datagram)


@pytest.mark.parametrize("oid", [(1, 3, *range(127)), (1, 3, 2**32)], ids=["129 numbers", "beyond 32 bits"])
def test_an_oid_beyond_the_limits_is_refused(oid: Oid) -> None:
    with pytest.raises(BerError):
        decode_oid(encode_oid(oid))


# The ordered map


@given(st.lists(oids, max_size=30, unique=True), oids)
def test_what_follows_an_oid_is_the_smallest_greater_one(present: list[Oid], asked: Oid) -> None:
    mib = Mib(dict.fromkeys(present, Integer(1)))
    for oid in (*present, asked):
        assert mib.after(oid) == min((other for other in present if other > oid), default=None)


def test_a_callable_is_asked_each_time_and_a_value_is_encoded_once() -> None:
    numbers = iter(range(9))
    mib = Mib({SYS_DESCR: OctetString(b"x"), SYS_UP_TIME: lambda: TimeTicks(next(numbers))})
    assert [mib[SYS_UP_TIME], mib[SYS_UP_TIME]] == [TimeTicks(0), TimeTicks(1)]
    assert mib.varbind(SYS_UP_TIME) == encode_varbind(SYS_UP_TIME, TimeTicks(2))
    assert mib.varbind(SYS_DESCR) is mib.varbind(SYS_DESCR)


def test_only_instances_that_exist_can_be_replaced() -> None:
    mib = Mib({SYS_DESCR: OctetString(b"x")})
    mib.varbind(SYS_DESCR)
    mib.replace({SYS_DESCR: OctetString(b"y")})
    assert mib.varbind(SYS_DESCR) == encode_varbind(SYS_DESCR, OctetString(b"y"))
    with pytest.raises(KeyError):
        mib.replace({SYS_NAME: OctetString(b"z")})


def test_a_recomputed_view_is_worked_out_once_a_second() -> None:
    moments = iter((0.2, 0.9, 1.0))
    computed: list[float] = []

    def compute(seconds: float) -> dict[Oid, Value]:
        computed.append(seconds)
        return {SYS_UP_TIME: TimeTicks(int(seconds))}

    view = RecomputedMib(compute, lambda: next(moments))
    assert view.now() is view.now()
    assert view.now()[SYS_UP_TIME] == TimeTicks(1)
    assert computed == [0, 1]


# What an agent answers

LAST: Oid = (*PRINTER, 11, 1, 1, 9, 1, 5)


def answer(asked: Request, max_message: int = 1472, mib: Mib = SMALL) -> tuple[int, int, list[tuple[Oid, Any]]]:
    return pysnmp_response(respond(asked, mib, max_message), asked.version)


@pytest.mark.parametrize("kind", [Kind.GET, Kind.GETNEXT])
def test_v1_refuses_the_whole_request_and_points_at_the_first_absent_name(kind: Kind) -> None:
    present = SYS_DESCR if kind is Kind.GET else SYSTEM
    status, index, bindings = answer(request(kind, present, (*LAST[:-1], 9), (2, 5), version="1"))
    assert (status, index) == (ErrorStatus.NO_SUCH_NAME, 2)
    assert [name for name, _ in bindings] == [present, (*LAST[:-1], 9), (2, 5)]


def test_v2c_tells_an_absent_object_from_an_absent_instance() -> None:
    _, _, bindings = answer(request(Kind.GET, (*LAST[:-1], 2), (*SYSTEM, 4, 0)))
    assert [type(value) for _, value in bindings] == [rfc1905.NoSuchInstance, rfc1905.NoSuchObject]


def test_v2c_marks_the_end_of_the_mib() -> None:
    _, _, [(name, value)] = answer(request(Kind.GETNEXT, LAST))
    assert name == LAST
    assert isinstance(value, rfc1905.EndOfMibView)


def test_bulk_gives_non_repeaters_once_and_the_others_row_by_row() -> None:
    _, _, bindings = answer(request(Kind.GETBULK, SYSTEM, SYSTEM, LAST[:-1], first=1, second=2))
    assert [name for name, _ in bindings] == [SYS_DESCR, SYS_DESCR, (*LAST[:-1], 1), SYS_UP_TIME, LAST]


def test_bulk_ends_with_the_first_row_that_is_all_end() -> None:
    _, _, bindings = answer(request(Kind.GETBULK, (*LAST[:-1], 1), SYS_NAME, second=100))
    assert len(bindings) == 6
    assert all(isinstance(value, rfc1905.EndOfMibView) for _, value in bindings[-2:])


@pytest.mark.parametrize("second", [0, -1])
def test_bulk_without_repetitions_gives_no_rows(second: int) -> None:
    assert answer(request(Kind.GETBULK, SYSTEM, first=-1, second=second)) == (0, 0, [])


@given(st.integers(60, 400))
def test_bulk_is_shortened_to_the_size_that_is_left(max_message: int) -> None:
    mib = Mib({(1, 3, number): OctetString(bytes(20)) for number in range(100)})
    asked = request(Kind.GETBULK, (1, 3), second=100)
    reply = respond(asked, mib, max_message)
    assert len(reply) <= max_message < len(reply) + 28 + 6


def test_a_reply_too_big_is_refused_with_names_in_v1_and_bare_in_v2c() -> None:
    oids = (SYS_DESCR, SYS_NAME)
    assert answer(request(Kind.GET, *oids), 40) == (ErrorStatus.TOO_BIG, 0, [])
    status, index, bindings = answer(request(Kind.GET, *oids, version="1"), 40)
    assert (status, index, len(bindings)) == (ErrorStatus.TOO_BIG, 0, 2)


# The agent and real clients


@needs_snmp_tools
@pytest.mark.parametrize(("tool", "version"), [("snmpwalk", "1"), ("snmpwalk", "2c"), ("snmpbulkwalk", "2c")])
async def test_net_snmp_walks_the_whole_mib(tool: str, version: str) -> None:
    async with Agent(SMALL, "127.61.1.1", 0) as agent:
        rows = await walk(tool, agent.host, agent.port, f"-v{version}", "-cpublic")
    assert [row for row in rows if row != "End of MIB"] == dotted(SMALL)
    assert agent.requests > 0


@needs_snmp_tools
async def test_net_snmp_reads_a_value_above_two_to_the_31() -> None:
    async with Agent(SMALL, "127.61.2.1", 0) as agent:
        output = await run(
            "snmpget", "-m", "", "-v2c", "-cpublic", "-Ovt", f"{agent.host}:{agent.port}", "1.3.6.1.2.1.1.3.0"
        )
    assert "4000000000" in output


async def test_gufo_reads_and_walks_over_v2c() -> None:
    async with (
        Agent(SMALL, "127.61.3.1", 0) as agent,
        SnmpSession(agent.host, agent.port, community="public", version=SnmpVersion.v2c) as session,
    ):
        assert await session.get("1.3.6.1.2.1.1.1.0") == b"a printer"
        walked = [oid async for oid, _ in session.getbulk("1.3.6.1.2.1", max_repetitions=2)]
    assert walked == dotted(SMALL)


@pytest.mark.parametrize(
    "unwelcome",
    [
        pytest.param(pysnmp_request(request(Kind.GET, SYS_DESCR)), id="a version not spoken"),
        pytest.param(pysnmp_request(Request("1", b"secret", Kind.GET, 1, 0, 0, (SYS_DESCR,))), id="a wrong community"),
        pytest.param(b"hello", id="no SNMP at all"),
    ],
)
async def test_what_an_agent_does_not_like_meets_silence(unwelcome: bytes) -> None:
    good = Request("1", b"public", Kind.GET, 99, 0, 0, (SYS_DESCR,))
    async with Agent(SMALL, "127.61.4.1", 0, versions={"1"}) as agent:
        client = Client(agent)
        await client.send(unwelcome)
        await client.send(pysnmp_request(good))
        assert await client.receive() == respond(good, SMALL, 1472)
        client.close()
    assert agent.requests == 1


async def test_a_silent_agent_holds_its_port_and_answers_nothing() -> None:
    async with Agent(SMALL, "127.61.5.1", 0, silent=True) as agent:
        with pytest.raises(OSError, match="in use"):
            await Agent(SMALL, agent.host, agent.port).start()
        agent.datagram_received(_GET, ("127.0.0.1", 9))
    assert agent.requests == 0


async def test_a_hook_may_double_replace_delay_and_drop_replies() -> None:
    def hook(asked: Request, reply: bytes) -> Iterator[tuple[float, bytes]]:
        yield 0.001, b"late"
        yield 0, reply
        yield 0, b"other"
        yield 3600, b"never"

    async with Agent(SMALL, "127.61.6.1", 0, hook=hook) as agent:
        client = Client(agent)
        await client.send(_GET)
        got = [await client.receive() for _ in range(3)]
        client.close()
    assert got == [respond(decode_request(_GET), SMALL, 1472), b"other", b"late"]


async def test_a_closed_agent_can_be_started_again_on_its_port() -> None:
    agent = Agent(SMALL, "127.61.7.1", 0)
    for _ in range(2):
        await agent.start()
        await agent.close()
        await agent.close()


# SNMPv3

USER = User("reader", "authentication", "encryption")
V3_OPTIONS = ("-v3", "-lauthPriv", "-ureader", "-aSHA-256", "-Aauthentication", "-xAES", "-Xencryption")


@needs_snmp_tools
@pytest.mark.parametrize("tool", ["snmpwalk", "snmpbulkwalk"])
async def test_net_snmp_walks_the_whole_mib_over_v3(tool: str) -> None:
    async with V3Agent(SMALL, "127.61.8.1", 0, user=USER) as agent:
        rows = await walk(tool, agent.host, agent.port, *V3_OPTIONS)
    assert rows == dotted(SMALL)
    assert agent.requests > 0


@needs_snmp_tools
async def test_absent_names_are_marked_over_v3() -> None:
    async with V3Agent(SMALL, "127.61.9.1", 0, user=USER) as agent:
        output = await run(
            "snmpget", "-m", "", *V3_OPTIONS, f"{agent.host}:{agent.port}", "1.3.6.1.2.1.1.1.1", "1.3.6.1.2.1.1.2.0"
        )
    assert "No Such Instance" in output.splitlines()[0]
    assert "No Such Object" in output.splitlines()[1]


@needs_snmp_tools
@pytest.mark.parametrize(
    "options",
    [
        pytest.param((*V3_OPTIONS, "-Awrong-password"), id="a wrong password"),
        pytest.param((*V3_OPTIONS, "-lauthNoPriv"), id="no encryption"),
        pytest.param((*V3_OPTIONS, "-lnoAuthNoPriv"), id="no authentication"),
        pytest.param((*V3_OPTIONS, "-unobody"), id="an unknown user"),
        pytest.param(("-v2c", "-cpublic"), id="version 2c"),
    ],
)
async def test_nothing_below_its_own_security_level_gets_a_value_over_v3(options: tuple[str, ...]) -> None:
    async with V3Agent(SMALL, "127.61.10.1", 0, user=USER) as agent:
        output = await run(
            "snmpget", "-m", "", "-t0.2", "-r0", *options, f"{agent.host}:{agent.port}", "1.3.6.1.2.1.1.1.0"
        )
    assert "a printer" not in output


async def test_gufo_reads_and_walks_over_v3() -> None:
    user = GufoUser(USER.name, auth_key=Sha256Key(b"authentication"), priv_key=Aes128Key(b"encryption"))
    async with (
        V3Agent(SMALL, "127.61.11.1", 0, user=USER) as agent,
        SnmpSession(agent.host, agent.port, user=user, version=SnmpVersion.v3) as session,
    ):
        assert await session.get("1.3.6.1.2.1.1.3.0") == 4_000_000_000
        walked = [oid async for oid, _ in session.getbulk("1.3.6.1.2.1", max_repetitions=2)]
    assert walked == dotted(SMALL)


async def test_a_closed_v3_agent_leaves_no_task_and_no_socket() -> None:
    agent = V3Agent(SMALL, "127.61.12.1", 0, user=USER)
    for _ in range(2):
        await agent.start()
        with pytest.raises(OSError, match="in use"):
            await V3Agent(SMALL, agent.host, agent.port, user=USER).start()
        await agent.close()
        await agent.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}


# The printer

MAKER = Maker("Any", (99999,), "Any {model}")
DEVICE_STATUS: Oid = (*HOST, 3, 2, 1, 5, 1)
PRINTER_STATUS: Oid = (*HOST, 3, 5, 1, 1, 1)
ERROR_STATE: Oid = (*HOST, 3, 5, 1, 2, 1)
LIFE_COUNT: Oid = (*PRINTER, 10, 2, 1, 4, 1, 1)


def printer(*supplies: Supply, **options: Any) -> Printer:
    defaults: dict[str, Any] = {"maker": MAKER, "trays": (Tray("Tray 1"),), "duty": Duty(60, job=40, pause=20)}
    return Printer(model="M1", serial="S1", name="n1", supplies=supplies, **defaults | options)


def number(served: Mapping[Oid, Value], *oid: int) -> int:
    value = served[oid]
    assert isinstance(value, Integer)
    return value.value


def text(served: Mapping[Oid, Value], *oid: int) -> bytes:
    value = served[oid]
    assert isinstance(value, OctetString)
    return value.value


def alerts(served: Mapping[Oid, Value], device: int = 1) -> list[tuple[int, int, int]]:
    """Severity, group and code of each row."""
    entry = (*PRINTER, 18, 1, 1)
    keys = [oid[-1] for oid in served if oid[:-1] == (*entry, 2, device)]
    return [
        (
            number(served, *entry, 2, device, key),
            number(served, *entry, 4, device, key),
            number(served, *entry, 7, device, key),
        )
        for key in keys
    ]


def level(served: Mapping[Oid, Value], row: int = 1) -> int:
    return number(served, *PRINTER, 11, 1, 1, 9, 1, row)


def test_page_counters_only_rise_and_jobs_alternate_with_pauses() -> None:
    moments = [values(printer(), seconds) for seconds in range(0, 600, 5)]
    counts = [number(served, *LIFE_COUNT) for served in moments]
    assert counts == sorted(counts)
    assert counts[-1] - counts[0] == 40 * 10
    assert {number(served, *PRINTER_STATUS) for served in moments} == {3, 4}


def test_a_supply_falls_with_the_pages_and_is_refilled_when_used_up() -> None:
    levels = [level(values(printer(Supply("Toner", pages=100)), seconds)) for seconds in range(300)]
    steps = [later - sooner for sooner, later in pairwise(levels)]
    assert levels[0] == 100
    assert min(levels) == 1
    assert set(steps) == {0, -1, 99}


def test_a_tray_empties_and_is_refilled() -> None:
    sheets = [
        number(values(printer(trays=(Tray("1", capacity=30, start=20),)), seconds), *PRINTER, 8, 2, 1, 10, 1, 1)
        for seconds in range(120)
    ]
    assert sheets[0] == 20
    assert (min(sheets), max(sheets)) == (0, 30)


def test_the_same_second_gives_the_same_answers() -> None:
    described = printer(Supply("Toner", start=0.5))
    assert values(described, 77) == values(described, 77)


def test_the_uptime_wraps_like_time_ticks_do() -> None:
    served = values(printer(uptime=2**32 // 100), 10)
    assert number(served, *SYS_UP_TIME) < 2**32


@pytest.mark.parametrize(
    ("supply", "severity", "code", "bits"),
    [
        (Supply("Toner", start=0.5), None, None, b"\x00"),
        (Supply("Toner", start=0.15), WARNING, 1104, b"\x20"),
        (Supply("Toner", start=0.0), CRITICAL, 1101, b"\x10"),
        (Supply("Ink", type=6, start=0.01), WARNING, 1105, b"\x20"),
        (Supply("Waste", type=4, start=0.06), WARNING, 1107, b"\x01"),
        (Supply("Waste", type=4, start=0.0), CRITICAL, 1109, b"\x01"),
        (Supply("Drum", type=9, start=0.03), WARNING, 1111, b"\x01"),
        (Supply("Fuser", type=15, start=0.03), WARNING, 10, b"\x00\x02"),
        (Supply("Toner", start=0.0, sensed=False), None, None, b"\x00"),
    ],
)
def test_a_supply_that_runs_out_raises_its_alert_and_bit(
    supply: Supply, severity: int | None, code: int | None, bits: bytes
) -> None:
    served = values(printer(supply, duty=None), 0)
    assert alerts(served) == ([(severity, 11, code)] if severity else [])
    assert text(served, *ERROR_STATE) == bits
    expected = {None: (2, 3), WARNING: (3, 3), CRITICAL: (5, 1)}[severity]
    assert (number(served, *DEVICE_STATUS), number(served, *PRINTER_STATUS)) == expected


def test_an_open_cover_is_a_row_a_bit_and_a_critical_alert() -> None:
    served = values(printer(covers=(Cover("Front"), Cover("Rear", open=True)), duty=None), 0)
    assert [number(served, *PRINTER, 6, 1, 1, 3, 1, row) for row in (1, 2)] == [4, 3]
    assert text(served, *ERROR_STATE) == b"\x08"
    assert alerts(served) == [(CRITICAL, 6, 3)]


def test_an_empty_tray_warns_and_an_empty_manual_feed_does_not() -> None:
    trays = (Tray("Bypass", start=0, type=MANUAL_FEED), Tray("Tray 1"), Tray("Tray 2", start=0))
    served = values(printer(trays=trays, duty=None), 0)
    assert alerts(served) == [(WARNING, 8, 808)]
    assert number(served, *PRINTER, 18, 1, 1, 5, 1, 803) == 3
    assert text(served, *ERROR_STATE) == b"\x80"


# The office


def clock() -> float:
    return 1000.0


@pytest.fixture(scope="module")
def described() -> dict[str, Printer]:
    return {place.name: place.printer for place in PLACES}


def test_the_office_is_large_and_mixed_enough(described: dict[str, Printer]) -> None:
    printers = Office(clock=clock).printers
    assert len(printers) >= 14
    assert len({one.maker.name for one in described.values()}) >= 7
    assert {one.location for one in printers} == {"B1", "B2", ""}
    assert len({one.host for one in printers}) == len(printers) == len({one.name for one in printers})


def test_its_troubles_are_noted() -> None:
    notes = {one.note for one in Office(clock=clock).printers}
    assert notes >= {
        "jammed",
        "cover open",
        "toner low",
        "toner empty",
        "asleep",
        "SNMPv1 only",
        "SNMPv3",
        "waste nearly full",
        "tray empty",
        "manual feed empty",
    }


@pytest.mark.parametrize(
    ("note", "bits", "row"),
    [
        ("jammed", b"\x04", (CRITICAL, 13, 8)),
        ("cover open", b"\x08\x00", (CRITICAL, 6, 3)),
        ("toner low", b"\x20", (WARNING, 11, 1104)),
        ("toner empty", b"\x10", (CRITICAL, 11, 1101)),
        ("waste nearly full", b"\x01", (WARNING, 11, 1107)),
        ("tray empty", b"\x80", (WARNING, 8, 808)),
    ],
)
def test_each_trouble_shows_as_it_should(
    described: dict[str, Printer], note: str, bits: bytes, row: tuple[int, int, int]
) -> None:
    [one] = [one for one in Office(clock=clock).printers if one.note == note]
    served = values(described[one.name], 0)
    assert text(served, *ERROR_STATE) == bits
    assert alerts(served) == [row]


def test_everybody_else_is_healthy_for_the_first_five_minutes_but_not_idle(described: dict[str, Printer]) -> None:
    troubled = {"jammed", "cover open", "toner low", "toner empty", "waste nearly full", "tray empty"}
    for one in (one for one in Office(clock=clock).printers if one.note not in troubled):
        description = described[one.name]
        start, end = values(description, 0), values(description, 300)
        device = description.maker.device_index
        assert number(start, *HOST, 3, 2, 1, 5, device) == number(end, *HOST, 3, 2, 1, 5, device) == 2
        life = (*PRINTER, 10, 2, 1, 4, device, 1)
        assert number(end, *life) > number(start, *life) + 40


def test_makers_keep_their_habits(described: dict[str, Printer]) -> None:
    served = {name: values(one, 0) for name, one in described.items()}
    supplies = (*PRINTER, 11, 1, 1)
    assert text(served["Accounting"], *supplies, 6, 1, 1) == b"Black Cartridge HP CF410X"
    assert number(served["Accounting"], *supplies, 7, 1, 1) == PERCENT
    assert [number(served["Reception"], *supplies, column, 1, 1) for column in (8, 9)] == [-2, -3]
    assert alerts(served["Reception"]) == [(0, 0, 0)]
    assert alerts(served["Sales"]) == [(4, 5, 503)]
    assert text(served["Sales"], *PRINTER, 8, 2, 1, 13, 1, 2) == b""
    assert number(served["Legal"], *PRINTER, 10, 2, 1, 3, 1, 1) == 8
    assert "Resttonerbehälter".encode("latin-1") in {text(served["Legal"], *supplies, 6, 1, row) for row in (1, 2)}
    assert text(served["Design"], *ERROR_STATE) == b""
    assert text(served["Human Resources"], *ERROR_STATE) == b"\0\0"
    assert (*HOST, 3, 5, 1, 1, 0) in served["IT Lab"]


async def test_two_offices_with_a_clock_that_stands_still_say_the_same() -> None:
    said = []
    for base in ("127.61.20.1", "127.61.20.101"):
        async with Office(base, 0, clock=clock) as office:
            said.append([await everything(one) for one in office.printers if one.note != "asleep"])
    assert said[0] == said[1]
    assert all(len(rows) > 60 for rows in said[0])


async def everything(one: OfficePrinter) -> dict[str, object]:
    """Walk one printer of the office with gufo."""
    user = GufoUser(
        V3_USER.name,
        auth_key=Sha256Key(V3_USER.auth_password.encode()),
        priv_key=Aes128Key(V3_USER.priv_password.encode()),
    )
    options: dict[str, Any] = {"community": "public", "version": SnmpVersion.v2c}
    if one.credentials == "office-v3":
        options = {"user": user, "version": SnmpVersion.v3}
    if one.note == "SNMPv1 only":
        options["version"] = SnmpVersion.v1
    async with SnmpSession(one.host, one.port, timeout=5, **options) as session:
        return dict([row async for row in session.getnext("1.3.6.1.2.1")])


async def test_ports_are_known_once_the_office_is_open_and_stand_in_its_config() -> None:
    async with Office("127.61.21.1", 0, clock=clock) as office:
        config = yaml.safe_load(office.config_text())
        assert [one["host"] for one in config["printers"]] == [f"{one.host}:{one.port}" for one in office.printers]
        assert all(one.port > 1024 for one in office.printers)
    credentials = config["snmp"]["credentials"]
    assert credentials["default"] == {"version": "2c", "community": "public"}
    assert credentials["office-v3"]["auth"]["protocol"] == "SHA256"
    assert sum(one.get("maintenance", False) for one in config["printers"]) == 1
    assert [one["expected_off"] for one in config["printers"] if "expected_off" in one] == [
        {"nights": "19:00-07:00", "weekends": True}
    ]


async def test_an_office_that_finds_a_port_taken_binds_nothing() -> None:
    base = ipaddress.IPv4Address("127.61.22.1")
    async with Agent(SMALL, str(base + 3), 0) as squatter:
        with pytest.raises(OSError, match="in use"):
            await Office(str(base), squatter.port).start()
        async with Agent(SMALL, str(base), squatter.port):
            pass
    assert asyncio.all_tasks() == {asyncio.current_task()}


# The fleet


@pytest.mark.parametrize(
    ("profile", "supplies", "trays", "covers", "alert_rows"), [("large", 15, 6, 8, 3), ("typical", 5, 4, 2, 1)]
)
def test_a_profile_has_the_rows_it_promises(
    profile: str, supplies: int, trays: int, covers: int, alert_rows: int
) -> None:
    served = values(PROFILES[profile], 0)
    columns = {(11, 1, 1, 9): supplies, (8, 2, 1, 10): trays, (6, 1, 1, 3): covers, (18, 1, 1, 7): alert_rows}
    for column, rows in columns.items():
        assert sum(oid[: len(PRINTER) + 4] == (*PRINTER, *column) for oid in served) == rows


async def test_the_printers_of_a_fleet_have_serials_of_their_own_and_some_are_dead() -> None:
    serial = ".".join(map(str, (*PRINTER, 5, 1, 1, 17, 1)))
    async with Fleet(4, "127.61.23.1", 0, dead=0.5) as site:
        found = []
        for agent in site.agents[::2]:
            async with SnmpSession(agent.host, agent.port, community="public") as session:
                found.append(await session.get(serial))
        for agent in site.agents[1::2]:
            agent.datagram_received(_GET, ("127.0.0.1", 9))
    assert found == [b"F0000000", b"F0000002"]
    assert site.requests == 2


def test_the_printers_of_a_fleet_that_print_are_among_those_that_live(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(fleet, "time", SimpleNamespace(monotonic=lambda: clock.now))
    agents = Fleet(100, "127.61.23.1", 0, dead=0.5, printing=0.1).agents
    living = [agent for agent in agents if not agent._silent]
    before = [agent._mib.now()[LIFE_COUNT] for agent in living]
    clock.now += 60
    after = [agent._mib.now()[LIFE_COUNT] for agent in living]
    assert (len(living), sum(one != other for one, other in zip(before, after, strict=True))) == (50, 5)


async def test_the_fleet_process_says_when_it_is_ready_and_what_it_did() -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter.simulator.fleet", "--profile=typical"),
        *("--count=20", "--base=127.61.24.1", "--port=0"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"ready 20\n"
    process.send_signal(signal.SIGTERM)
    output, _ = await process.communicate()
    assert output.startswith(b"answered 0 requests in ")
    assert process.returncode == 0

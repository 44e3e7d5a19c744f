"""Where the exporter listens, and TLS on it."""

import asyncio
import asyncio.constants
import logging
import os
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TypeAlias

import aiohttp
import pytest
import trustme
from cryptography import x509

from exporter.web.listeners import (
    ListenError,
    check_address,
    from_systemd,
    listen,
    listen_on,
    name_of,
    split_address,
)
from exporter.web.server import application, runner
from exporter.web.webfile import Watched, WebConfig
from tests.support.agents import own_address
from tests.support.pems import AUTHORITY, named, write_pair
from tests.test_web import FakeExporter

TLS = "tls_server_config: { cert_file: cert.pem, key_file: key.pem }\n"
CLIENTS = (
    "tls_server_config: { cert_file: cert.pem, key_file: key.pem, client_ca_file: ca.pem,"
    " client_auth_type: RequireAndVerifyClientCert"
)


@asynccontextmanager
async def listening(*addresses: str, config: WebConfig | Watched | None = None) -> AsyncIterator[list[str]]:
    """Serve on the addresses; yields where, with the ports that were free."""
    current = config if isinstance(config, WebConfig) else (config.current if config else WebConfig())

    def now() -> WebConfig:
        return config.current if isinstance(config, Watched) else current

    served = await runner(application(FakeExporter(), web_config=now))
    tls = current.tls
    try:
        await listen(served, addresses, (lambda: now().tls or tls) if tls else None)
        yield [name if isinstance(name, str) else f"{name[0]}:{name[1]}" for name in served.addresses]
    finally:
        await served.cleanup()


async def healthy(
    url: str, connector: aiohttp.BaseConnector | None = None, context: ssl.SSLContext | None = None
) -> int:
    async with (
        aiohttp.ClientSession(connector=connector) as client,
        client.get(f"{url}/-/healthy", ssl=context or True) as answer,
    ):
        return answer.status


# ---- addresses


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (":10143", (None, 10143)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("localhost:80", ("localhost", 80)),
        ("[::1]:10143", ("::1", 10143)),
        ("[fe80::1%eth0]:10143", ("fe80::1%eth0", 10143)),
        ("[::]:10143", ("::", 10143)),
    ],
)
def test_listen_addresses(address: str, expected: tuple[str | None, int]) -> None:
    assert split_address(address) == expected


@pytest.mark.parametrize(
    "address",
    ["", "10143", "host", "host:", ":x", ":-1", ":65536", ":123456", ":²", "::1:80", "[::1:80", "::1]:80", "[]:80"],
)
def test_a_bad_listen_address_is_refused_with_a_hint(address: str) -> None:
    with pytest.raises(ValueError, match="write host:port, :port or unix:/path"):
        check_address(address)


def test_a_unix_socket_has_a_path() -> None:
    check_address("unix:/run/printcam.sock")
    with pytest.raises(ValueError, match="names no path"):
        check_address("unix:")


async def test_all_addresses_are_served_and_closed_together(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    async with listening(f"{own_address()}:0", "[::1]:0", f"unix:{path}", f"{own_address()}:0") as addresses:
        assert len(addresses) == 4
        first, sixth, unix, last = addresses
        for url in (f"http://{first}", f"http://[::1]:{sixth.rpartition(':')[2]}", f"http://{last}"):
            assert await healthy(url) == 200
        assert await healthy("http://x", aiohttp.UnixConnector(unix)) == 200
    for address in (first, last):
        with pytest.raises(aiohttp.ClientConnectionError):
            await healthy(f"http://{address}")
    assert not path.exists()


async def test_a_port_in_use_is_an_error_and_leaks_nothing() -> None:
    async with listening(f"{own_address()}:0") as (address,):
        with pytest.raises(ListenError, match=f"{address}: .*address already in use"):
            async with listening(f"{own_address()}:0", address):
                pass
        assert len(asyncio.all_tasks()) == 1


@pytest.mark.parametrize("address", ["no-such-host.invalid:0", "a..b:0", "192.0.2.1:0"])
async def test_where_nothing_can_listen_is_named(address: str) -> None:
    with pytest.raises(ListenError) as caught:
        async with listening(address):
            pass
    assert caught.value.address == address
    assert str(caught.value.reason)


# ---- Unix sockets


async def test_a_socket_file_that_was_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    async with listening(f"unix:{path}") as (address,):
        assert await healthy("http://x", aiohttp.UnixConnector(address)) == 200
    assert not path.exists()


@pytest.mark.parametrize("backlog", [5, 0])
async def test_a_socket_that_somebody_listens_on_is_left_to_him(backlog: int, tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    with socket.socket(socket.AF_UNIX) as other, socket.socket(socket.AF_UNIX) as waiting:
        other.bind(str(path))
        other.listen(backlog)
        waiting.connect(str(path))  # with a backlog of 0 nobody else gets in
        with pytest.raises(ListenError, match="another process listens there"):
            async with listening(f"unix:{path}"):
                pass
        assert path.is_socket()


async def test_a_file_that_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes"
    path.write_text("mine")
    with pytest.raises(ListenError, match="is there and is no socket"):
        async with listening(f"unix:{path}"):
            pass
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["none/web.sock", "x" * 120])
async def test_a_path_that_cannot_hold_a_socket_is_an_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(ListenError, match=r"No such file|too long"):
        async with listening(f"unix:{tmp_path / name}"):
            pass


async def test_the_socket_of_a_successor_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    async with listening(f"unix:{path}"):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as successor:
            successor.bind(str(path))
    assert path.is_socket()


# ---- systemd


def test_without_sockets_of_systemd_it_says_how_to_get_them() -> None:
    for environ in (
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1"},
        {"LISTEN_PID": str(os.getpid())},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "x"},
        {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "0"},
    ):
        with pytest.raises(ListenError, match=r"--web.systemd-socket: systemd passed no socket; start it by a .socket"):
            from_systemd(environ)
        assert not {name for name in environ if name.startswith("LISTEN_")}, "a child would take them for its own"


def test_a_descriptor_that_is_no_socket_is_an_error(tmp_path: Path) -> None:
    code = (
        "import os; from exporter.web.listeners import *\n"
        "os.dup2(os.open('/dev/null', os.O_RDONLY), 3)\n"
        "try: from_systemd({'LISTEN_PID': str(os.getpid()), 'LISTEN_FDS': '1'})\n"
        "except ListenError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "descriptor 3: Socket operation on non-socket" in done.stdout


async def test_sockets_that_are_open_already_are_served_by_their_names(tmp_path: Path) -> None:
    served = await runner(application(FakeExporter()))
    sockets = [socket.create_server((own_address(), 0)), socket.create_server(("::1", 0), family=socket.AF_INET6)]
    unix = socket.socket(socket.AF_UNIX)
    unix.bind(str(tmp_path / "web.sock"))
    await listen_on(served, [*sockets, unix])
    for each in sockets:
        assert await healthy(f"http://{name_of(each)}") == 200
    assert name_of(unix) == f"unix:{tmp_path / 'web.sock'}"
    assert await healthy("http://x", aiohttp.UnixConnector(str(tmp_path / "web.sock"))) == 200
    await served.cleanup()


async def test_a_socket_that_is_no_stream_is_an_error() -> None:
    served = await runner(application(FakeExporter()))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind((own_address(), 0))
        with pytest.raises(ListenError, match="Stream"):
            await listen_on(served, [datagrams])
        await served.cleanup()


# ---- TLS


def trusting(authority: trustme.CA = AUTHORITY) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    context.check_hostname = False
    return context


def secured(folder: Path, text: str = TLS) -> Watched:
    write_pair(folder)
    (folder / "web.yml").write_text(text)
    return Watched(folder / "web.yml")


async def test_tls_is_served_on_unix_sockets_too(tmp_path: Path) -> None:
    path = tmp_path / "web.sock"
    async with listening(f"{own_address()}:0", f"unix:{path}", config=secured(tmp_path)) as (address, _):
        assert await healthy(f"https://{address}", context=trusting()) == 200
        reader, writer = await asyncio.open_unix_connection(path, ssl=trusting(), server_hostname="localhost")
        writer.write(b"GET /-/healthy HTTP/1.0\r\n\r\n")
        assert (await reader.readline()).endswith(b" 200 OK\r\n")
        writer.close()


async def test_each_connection_has_the_certificate_of_now(tmp_path: Path) -> None:
    async with listening(f"{own_address()}:0", config=secured(tmp_path)) as (address,):
        url, other = f"https://{address}", trustme.CA()
        assert await healthy(url, context=trusting()) == 200
        write_pair(tmp_path, authority=other)
        assert await healthy(url, context=trusting(other)) == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await healthy(url, context=trusting())


async def test_the_lowest_version_is_kept(tmp_path: Path) -> None:
    config = secured(tmp_path, TLS.replace(" }", ", min_version: TLS13 }"))
    async with listening(f"{own_address()}:0", config=config) as (address,):
        old = trusting()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises(aiohttp.ClientConnectorError):
            await healthy(f"https://{address}", context=old)
        assert await healthy(f"https://{address}", context=trusting()) == 200


async def test_the_highest_version_is_kept(tmp_path: Path) -> None:
    config = secured(tmp_path, TLS.replace(" }", ", max_version: TLS12 }"))
    async with listening(f"{own_address()}:0", config=config) as (address,):
        new = trusting()
        new.minimum_version = ssl.TLSVersion.TLSv1_3
        with pytest.raises(aiohttp.ClientConnectorError):
            await healthy(f"https://{address}", context=new)
        assert await healthy(f"https://{address}", context=trusting()) == 200


async def test_what_is_no_tls_costs_its_own_connection_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with listening(f"{own_address()}:0", config=secured(tmp_path)) as (address,):
        host, _, port = address.rpartition(":")
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(50)]
        half, half_writer = await asyncio.open_connection(host, int(port))
        half_writer.write(b"\x16\x03\x01\x02\x00\x01\x00")  # a ClientHello that breaks off
        for garbage in (
            b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\0" * 100,
            b"\x16\x03\x01\xff\xff" + b"x" * 70000,
        ):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(garbage)
            with suppress(ConnectionResetError):
                assert b"HTTP/1" not in await asyncio.wait_for(reader.read(), 10)
            writer.close()
        assert await healthy(f"https://{address}", context=trusting()) == 200
        for _, writer in [*silent, (half, half_writer)]:
            writer.close()
    assert caplog.records == []


async def test_who_does_not_finish_the_handshake_is_sent_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert asyncio.constants.SSL_HANDSHAKE_TIMEOUT == 60
    monkeypatch.setattr(asyncio.constants, "SSL_HANDSHAKE_TIMEOUT", 0.1)
    async with listening(f"{own_address()}:0", config=secured(tmp_path)) as (address,):
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        with suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


# ---- client certificates


Configure: TypeAlias = Callable[[ssl.SSLContext], None]


def leaf(*names: str, authority: trustme.CA = AUTHORITY) -> Configure:
    return authority.issue_cert(*names).configure_cert


def known(configure: Configure) -> ssl.SSLContext:
    """What a client with a certificate connects with."""
    context = trusting()
    configure(context)
    return context


STRANGER = leaf("prometheus.example", authority=trustme.CA())


async def test_without_a_certificate_of_the_authority_nobody_gets_in(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "exporter.web.listeners")
    async with listening(f"{own_address()}:0", config=secured(tmp_path, CLIENTS + " }")) as (address,):
        assert await healthy(f"https://{address}", context=known(leaf("anybody.example"))) == 200
        for stranger in (trusting(), known(STRANGER)):
            with pytest.raises((aiohttp.ClientError, ssl.SSLError)):
                await healthy(f"https://{address}", context=stranger)
    assert set(caplog.messages) == {"TLS handshake failed"}
    reasons = {record.__dict__["reason"] for record in caplog.records}
    assert reasons == {"PEER_DID_NOT_RETURN_A_CERTIFICATE", "CERTIFICATE_VERIFY_FAILED"}


async def test_a_certificate_may_be_optional_but_is_verified_when_given(tmp_path: Path) -> None:
    config = secured(tmp_path, CLIENTS.replace("RequireAndVerifyClientCert", "VerifyClientCertIfGiven") + " }")
    async with listening(f"{own_address()}:0", config=config) as (address,):
        assert await healthy(f"https://{address}", context=trusting()) == 200
        assert await healthy(f"https://{address}", context=known(leaf("anybody.example"))) == 200
        with pytest.raises((aiohttp.ClientError, ssl.SSLError)):
            await healthy(f"https://{address}", context=known(STRANGER))


@pytest.mark.parametrize(
    ("configure", "wanted"),
    [
        (leaf("prometheus.example"), 200),
        (leaf("other.example", "prometheus.example"), 200),
        (leaf("10.1.2.3"), 200),
        (leaf("2001:db8::1"), 200),
        (leaf("monitor@example.com"), 200),
        (named(x509.UniformResourceIdentifier("spiffe://example/prometheus")), 200),
        (named(x509.UniformResourceIdentifier("spiffe://example/other")), 403),
        (leaf("other.example"), 403),
        (leaf("sub.prometheus.example"), 403),
        (leaf("*.example"), 403),
        (leaf("10.1.2.4"), 403),
        (named(x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4"))), 403),
    ],
    ids=[
        "DNS",
        "one of two",
        "IP",
        "IPv6",
        "mail",
        "URI",
        "other URI",
        "other",
        "below",
        "wildcard",
        "other IP",
        "OID",
    ],
)
async def test_a_client_has_one_of_the_allowed_names(configure: Configure, wanted: int, tmp_path: Path) -> None:
    names = (
        '[prometheus.example, 10.1.2.3, 1.2.3.4, "2001:DB8:0::1", monitor@example.com, "spiffe://example/prometheus"]'
    )
    config = secured(tmp_path, f"{CLIENTS}, client_allowed_sans: {names} }}")
    async with listening(f"{own_address()}:0", config=config) as (address,):
        assert await healthy(f"https://{address}", context=known(configure)) == wanted

"""Printers of a CUPS server."""

import asyncio
import base64
import ssl
from collections.abc import Mapping

import aiohttp
from yarl import URL

from exporter.discovery.answer import Answer, LeftOut, Reason, ServerError, answer_of
from exporter.discovery.found import Found
from exporter.discovery.uris import host_of
from exporter.ipp.codec import Attributes, cups_get_printers, parse_each
from exporter.printers.text import clean
from exporter.snmp.errors import SnmpError, from_system
from exporter.snmp.resolve import resolve

MAX_OCTETS = 16 * 1024 * 1024
"""A longer answer is not read; 2,000 printers take about one million."""

_NAMES = ("printer-name", "printer-info", "printer-location", "printer-make-and-model", "device-uri")
_HEADERS = {"Content-Type": "application/ipp", "Accept": "application/ipp", "Accept-Encoding": "identity"}
_UTF8 = 106  # IANA MIBenum; what we ask CUPS to answer in
_TLS_WANTED = 426
# Status codes of RFC 8011 appendix B
_LAST_SUCCESS = 0x00FF
_REJECTED = {0x0401, 0x0402, 0x0403}
_NO_PRINTERS = 0x0406


async def ask(host: str, port: int, *, tls: bool, verify: bool, user: str, password: str, timeout: float) -> Answer:
    """Return the printers of a server within `timeout` seconds; raises ServerError. `user` "" asks as nobody."""
    try:
        async with asyncio.timeout(timeout):
            address = await _address(host, port, timeout)
            url = URL.build(scheme="https" if tls else "http", host=address, port=port, path="/")
            headers = _HEADERS | ({"Authorization": _basic(user, password)} if user else {})
            octets = await _post(url, host, headers, await asyncio.to_thread(_context, verify=verify) if tls else None)
        # Megabytes are not read on the loop, for which scrapes wait.
        return await asyncio.to_thread(_read, octets)
    except TimeoutError:
        raise ServerError("timeout", "no answer") from None


def _basic(user: str, password: str) -> str:
    """Return the header of RFC 7617."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def _address(host: str, port: int, timeout: float) -> str:
    try:
        return await resolve(host, port, timeout)
    except SnmpError as error:
        raise ServerError("unreachable", str(error)) from None


def _context(*, verify: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


async def _post(url: URL, host: str, headers: Mapping[str, str], tls: ssl.SSLContext | None) -> bytes:
    """Ask at an address, under which every CUPS knows itself, and check the certificate for the name of the host."""
    try:
        async with (
            aiohttp.ClientSession(
                headers=headers, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
            ) as session,
            session.post(
                url,
                data=cups_get_printers(_NAMES),
                allow_redirects=False,
                ssl=tls or True,
                server_hostname=host if tls else None,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            ) as response,
        ):
            _check(response.status)
            return await _whole(response.content)
    except aiohttp.ClientConnectorCertificateError:
        raise ServerError("protocol", "the certificate is not trusted; see verify") from None
    except aiohttp.ClientSSLError:
        raise ServerError("protocol", "no TLS that can be understood") from None
    except aiohttp.ClientConnectorError as error:
        raise _unreachable(error.os_error) from None
    except (aiohttp.ClientError, OSError):
        raise ServerError("protocol", "the answer broke off, or is no HTTP") from None


def _unreachable(error: OSError) -> ServerError:
    if isinstance(error, ConnectionError) and not isinstance(error, ConnectionRefusedError):
        return ServerError("protocol", "the connection was closed while TLS was agreed upon")
    return ServerError("unreachable", str(from_system(error)))


def _check(status: int) -> None:
    """Raise ServerError for an HTTP status without a list of printers."""
    if status in {401, 403}:
        raise ServerError("auth", f"refused with HTTP {status}")
    if status == _TLS_WANTED:
        raise ServerError("protocol", "the server answers over TLS only: write ipps:// in the url")
    if status != 200:
        raise ServerError("protocol", f"the server answers HTTP {status}")


async def _whole(content: aiohttp.StreamReader) -> bytes:
    octets = bytearray()
    async for block in content.iter_any():
        octets += block
        if len(octets) > MAX_OCTETS:
            raise ServerError("too_many", f"an answer of more than {MAX_OCTETS:,} octets")
    return bytes(octets)


def _read(octets: bytes) -> Answer:
    try:
        answers = parse_each(octets, _NAMES)
    except ValueError as error:
        raise ServerError("protocol", str(error)) from None
    if answers.status == _NO_PRINTERS:
        return Answer(())
    if answers.status > _LAST_SUCCESS:
        reason: Reason = "auth" if answers.status in _REJECTED else "protocol"
        raise ServerError(reason, f"the server answers status 0x{answers.status:04x}")
    return answer_of(map(_queue, answers.printers))


def _queue(attributes: Attributes) -> Found | LeftOut:
    name, info, location, model, uri = (_text(attributes, each) for each in _NAMES)
    lead = host_of(uri)
    if isinstance(lead, str):
        return LeftOut(name, lead)
    return Found(name or lead.host, lead.host, location=location, model=model, remark=info)


def _text(attributes: Attributes, name: str) -> str:
    value = next(iter(attributes.get(name, ())), b"")
    return clean(value, _UTF8)

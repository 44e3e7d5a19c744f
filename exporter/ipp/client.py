"""Asks one printer over IPP: where it is, how long to wait, what an answer that is none means."""

import asyncio
import functools
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import aiohttp

from exporter.configtypes import bracketed
from exporter.ipp.codec import Answer, Attributes, get_printer_attributes, parse
from exporter.snmp.descriptors import check_left
from exporter.snmp.errors import Auth, Protocol, Timeout, from_system
from exporter.snmp.resolve import resolve

PATHS = ("/ipp/print", "/ipp", "/")
"""Where printers are, the usual place (PWG 5100.14) first."""
MAX_OCTETS = 1_000_000
"""A longer answer is not read: the attributes that are asked for take a few thousand octets."""

_HEADERS = {"Content-Type": "application/ipp", "Accept": "application/ipp", "Accept-Encoding": "identity"}
_NOT_HERE = {404, 405, 410}
_TLS_WANTED = 426
# Status codes of RFC 8011 appendix B
_LAST_SUCCESS = 0x00FF
_NOT_FOUND = 0x0406
_REJECTED = {0x0401, 0x0402, 0x0403}
_STATUSES = {
    0x0400: "client-error-bad-request",
    0x0401: "client-error-forbidden",
    0x0402: "client-error-not-authenticated",
    0x0403: "client-error-not-authorized",
    0x0404: "client-error-not-possible",
    0x0405: "client-error-timeout",
    0x0408: "client-error-request-entity-too-large",
    0x040B: "client-error-attributes-or-values-not-supported",
    0x040D: "client-error-charset-not-supported",
    0x0500: "server-error-internal-error",
    0x0501: "server-error-operation-not-supported",
    0x0502: "server-error-service-unavailable",
    0x0503: "server-error-version-not-supported",
    0x0504: "server-error-device-error",
    0x0505: "server-error-temporary-error",
    0x0507: "server-error-busy",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back over HTTP; `location` is "" where it leads nowhere else."""

    status: int
    location: str
    body: bytes


async def post(url: str, body: bytes, timeout: float) -> Reply:
    """Send a request and read the answer within `timeout` seconds; raises SnmpError.

    The session goes with it, and so does the connection: one that is kept would keep the printer awake.
    """
    try:
        check_left()
        async with (
            asyncio.timeout(timeout),
            _session() as session,
            session.post(url, data=body, allow_redirects=False) as response,
        ):
            return Reply(response.status, response.headers.get("Location", ""), await _whole(response.content))
    except TimeoutError:
        raise Timeout("no answer") from None
    except aiohttp.ClientSSLError:
        raise Protocol("there is no TLS on this port, or none that can be understood") from None
    except aiohttp.ClientConnectorError as error:
        raise from_system(error.os_error) from None
    except aiohttp.ClientError:
        raise Protocol("the answer broke off, or is no HTTP") from None
    except OSError as error:
        raise from_system(error) from None


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=_any_certificate()),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        auto_decompress=False,
        headers=_HEADERS,
    )


@functools.cache
def _any_certificate() -> ssl.SSLContext:
    """Return a context for printers, which sign their own certificates, the old ones with what is weak by now.

    Nothing that is secret is sent.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    return context


async def _whole(content: aiohttp.StreamReader) -> bytes:
    octets = bytearray()
    async for block in content.iter_any():
        octets += block
        if len(octets) > MAX_OCTETS:
            raise Protocol(f"the answer is longer than {MAX_OCTETS} octets")
    return bytes(octets)


class Client:
    """Asks one printer; `requests` is what the last poll took, `address` where it went."""

    def __init__(
        self, host: str, port: int, *, path: str = "", tls: bool = False, timeout: float, retries: int
    ) -> None:
        self._host = host
        self._port = port
        self._scheme = "ipps" if tls else "ipp"
        self._timeout = timeout
        self._retries = retries
        self._paths: Sequence[str] = (path,) if path else PATHS
        self.address = ""
        self.requests = 0

    async def attributes(self, names: Sequence[str], *, silent: bool) -> Attributes:
        """Return what the printer says of these attributes; raises SnmpError. A `silent` one is asked once only."""
        self.requests = 0
        self.address = await resolve(self._host, self._port, self._timeout)
        attempts = 1 if silent else 1 + self._retries
        for path in self._paths:
            if answer := _meant(await self._post(path, names, attempts), names):
                self._paths = tuple(dict.fromkeys([path, *self._paths]))  # asked first from now on
                return answer.attributes
        raise Protocol(f"no printer at {' or '.join(self._paths)}; see ipp_path")

    async def _post(self, path: str, names: Sequence[str], attempts: int) -> Reply:
        """Post to the HTTP URL that stands for the IPP one (RFC 3510, RFC 7472)."""
        place = f"://{bracketed(self.address)}:{self._port}{quote(path, safe='/%')}"
        url = f"https{place}" if self._scheme == "ipps" else f"http{place}"
        body = get_printer_attributes(f"{self._scheme}{place}", names)
        for attempts_left in reversed(range(attempts)):
            self.requests += 1
            try:
                return await post(url, body, self._timeout)
            except Timeout:
                if not attempts_left:
                    raise
        raise Timeout("never asked")


def _meant(reply: Reply, names: Sequence[str]) -> Answer | None:
    """Return the printer's answer, None where no printer is at this path; raises SnmpError for a refusal."""
    if reply.status in {401, 403}:
        raise Auth(f"the printer wants to know who asks (HTTP {reply.status})")
    if reply.status == _TLS_WANTED or reply.location.startswith("https:"):
        raise Protocol("the printer answers over TLS only: set protocol: ipps")
    if reply.status in _NOT_HERE:
        return None
    if reply.status != 200:
        raise Protocol(f"the printer answers HTTP {reply.status}")
    return _granted(_parsed(reply.body, names))


def _parsed(octets: bytes, names: Sequence[str]) -> Answer:
    try:
        return parse(octets, names)
    except ValueError as error:
        raise Protocol(str(error)) from None


def _granted(answer: Answer) -> Answer | None:
    if answer.status == _NOT_FOUND:
        return None
    if answer.status <= _LAST_SUCCESS:
        return answer
    said = f"the printer answers {_STATUSES.get(answer.status, f'status 0x{answer.status:04x}')}"
    raise Auth(said) if answer.status in _REJECTED else Protocol(said)

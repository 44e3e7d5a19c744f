"""What the benchmark asks: pages, as a Prometheus scrapes them, and SNMP requests as fast as agents answer."""

import socket
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from itertools import cycle
from typing import Self

from exporter.simulator.ber import Kind, Oid, Request, encode_null, encode_response

_SUPPLIES: Oid = (1, 3, 6, 1, 2, 1, 43, 11, 1, 1)
_IN_FLIGHT = 64
_AGENT_LIMIT = 5.0
_TRIALS, _TRIAL = 3, 0.4
_COMMUNITY = b"public"


class Scraper:
    """Fetches pages over kept connections, one for each of its workers."""

    def __init__(self, host: str, port: int, workers: int, limit: float) -> None:
        self._connections = threading.local()
        self._address = (host, port, limit)
        self._pool = ThreadPoolExecutor(workers)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def fetch(self, paths: Sequence[str]) -> list[bytes]:
        """Fetch all pages; one that does not come in time is empty."""
        return list(self._pool.map(self._fetch, paths))

    def _fetch(self, path: str) -> bytes:
        connection = self._connection()
        try:
            return _page(connection, path)
        except ConnectionError:  # the server closed what was kept since the last scrape
            connection.close()
            return _page(connection, path)
        except TimeoutError:
            connection.close()
            return b""

    def _connection(self) -> HTTPConnection:
        """Give the calling worker's connection; one that was closed opens again by itself."""
        host, port, limit = self._address
        if not hasattr(self._connections, "own"):
            self._connections.own = HTTPConnection(host, port, timeout=limit)
        own: HTTPConnection = self._connections.own
        return own


def _page(connection: HTTPConnection, path: str) -> bytes:
    connection.request("GET", path)
    return connection.getresponse().read()


def get_request() -> bytes:
    """A GET of 20 objects: type, description, capacity and level of five supplies."""
    names = [(*_SUPPLIES, column, 1, row) for column in (5, 6, 8, 9) for row in range(1, 6)]
    return _request(Kind.GET, names)


def bulk_request() -> bytes:
    """A GETBULK of 25 rows from the supplies' types on, as prometheus-snmp-exporter sends."""
    return _request(Kind.GETBULK, [(*_SUPPLIES, 5)], max_repetitions=25)


def _request(kind: Kind, names: Sequence[Oid], max_repetitions: int = 0) -> bytes:
    """Encode a request, which is a response with another tag behind the community."""
    request = Request("2c", _COMMUNITY, kind, 1, 0, max_repetitions, tuple(names))
    head, tail = encode_response(request, map(encode_null, names), index=max_repetitions).split(_COMMUNITY)
    return head + _COMMUNITY + bytes((kind,)) + tail[1:]


def answer_rate(addresses: Sequence[tuple[str, int]], request: bytes) -> float:
    """How many requests a second are answered when there are always some on the way; the best of a few trials."""
    return max(_answer_rate(addresses, request) for _ in range(_TRIALS))


def _answer_rate(addresses: Sequence[tuple[str, int]], request: bytes) -> float:
    targets = cycle(addresses)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(_AGENT_LIMIT)
        for _ in range(_IN_FLIGHT):
            client.sendto(request, next(targets))
        answered, started = 0, time.monotonic()
        while (passed := time.monotonic() - started) < _TRIAL:
            client.recv(65535)
            client.sendto(request, next(targets))
            answered += 1
        return answered / passed

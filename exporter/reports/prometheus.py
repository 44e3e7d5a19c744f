"""A client of Prometheus' HTTP API, which Thanos, Mimir and VictoriaMetrics answer too.

    async with Client(config.prometheus) as client:
        series = await client.query("printer_up", at)

All that goes wrong is a PrometheusError of one line.
"""

import base64
import math
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Literal, Self, TypeVar

import aiohttp
from pydantic import BaseModel, TypeAdapter, ValidationError

from exporter.config import Prometheus
from exporter.text import tidy

MAX_ANSWER: Final = 64 * 1024 * 1024
"""Bytes of one answer; more is refused."""
TIMEOUT: Final = 130.0
"""Seconds; a Prometheus gives up by itself after two minutes, and says so."""
_CHUNK = 65_536

T = TypeVar("T")


class PrometheusError(Exception):
    """The server gives no answer that numbers can rest on; the text names it and says why, in one line."""


class RefusedError(PrometheusError):
    """The server understood who asks, and does not answer this question."""


@dataclass(frozen=True, slots=True)
class Series:
    """One series of an answer: its labels, and its finite values by time in Unix seconds; an instant query has one."""

    labels: Mapping[str, str]
    points: tuple[tuple[float, float], ...]

    @property
    def value(self) -> float:
        """The last value."""
        return self.points[-1][1]


class _Found(BaseModel):
    metric: dict[str, str]
    value: tuple[float, float] | None = None
    values: tuple[tuple[float, float], ...] = ()


class _Data(BaseModel):
    resultType: Literal["vector", "matrix"]  # noqa: N815 - the name in the API
    result: list[_Found]


class _Answer(BaseModel):
    data: _Data
    warnings: list[str] = []
    isPartial: bool = False  # noqa: N815 - VictoriaMetrics' name


class _Refusal(BaseModel):
    error: str


_ANSWER, _REFUSAL = TypeAdapter(_Answer), TypeAdapter(_Refusal)


class Client:
    """Asks one server, with what the config says of it; to be used in `async with`."""

    def __init__(self, settings: Prometheus, *, timeout: float = TIMEOUT) -> None:
        self._settings = settings
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        """Make a session; raises PrometheusError for a CA file that holds no certificate."""
        connector = aiohttp.TCPConnector(ssl=self._tls() if self._settings.url.startswith("https:") else False)
        self._session = aiohttp.ClientSession(
            connector=connector, headers=self._headers(), timeout=aiohttp.ClientTimeout(self._timeout)
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the session."""
        if self._session:
            await self._session.close()

    async def query(self, expression: str, at: float) -> list[Series]:
        """Return the series of an expression at a time in Unix seconds; raises PrometheusError."""
        return await self._ask("query", {"query": expression, "time": f"{at:.3f}"})

    async def query_range(self, expression: str, start: float, end: float, step: float) -> list[Series]:
        """Return the series of an expression from start to end, in steps of seconds; raises PrometheusError."""
        times = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:.3f}"}
        return await self._ask("query_range", {"query": expression, **times})

    async def _ask(self, path: str, form: Mapping[str, str]) -> list[Series]:
        # VictoriaMetrics rounds start and end to whole steps unless it is told not to use its cache.
        status, body = await self._answer(f"{self._settings.url}/api/v1/{path}", {**form, "nocache": "1"})
        if status != 200:
            raise self._refusal(status, body)
        try:
            answer = _ANSWER.validate_json(body)
        except ValidationError:
            raise self._error("what it answers is no answer of Prometheus' API: is the URL right?") from None
        if answer.warnings or answer.isPartial:
            raise self._error(f"it answers in part only: {tidy(next(iter(answer.warnings), 'isPartial'))}")
        every = map(_series, answer.data.result)
        return [series for series in every if series.points]

    async def _answer(self, url: str, form: Mapping[str, str]) -> tuple[int, bytes]:
        """Return the status and the whole body of an answer; raises PrometheusError."""
        if self._session is None:
            raise RuntimeError("outside of async with")
        try:
            # A redirected POST becomes a GET, and may lead the password elsewhere.
            async with self._session.post(url, data=form, allow_redirects=False) as response:
                body = bytearray()
                async for chunk in response.content.iter_chunked(_CHUNK):
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        raise self._error(f"its answer is larger than {MAX_ANSWER // 1024**2} MiB: ask for less")
                return response.status, bytes(body)
        except TimeoutError:
            raise self._error(f"no answer within {self._timeout:g} s") from None
        except aiohttp.ClientPayloadError:
            raise self._error("its answer broke off") from None
        except aiohttp.ClientSSLError as error:
            raise self._error(f"TLS failed: {tidy(str(error.os_error))}") from None
        except aiohttp.ClientOSError as error:
            raise self._error(f"it cannot be reached: {_said(error)}") from None
        except aiohttp.ClientError as error:
            raise self._error(f"it does not answer as HTTP has it: {tidy(str(error))}") from None

    def _error(self, reason: str) -> PrometheusError:
        return PrometheusError(f"{self._settings.url}: {reason}")

    def _refusal(self, status: int, body: bytes) -> PrometheusError:
        """Return why the server refused, in its own words where it has some."""
        if status in {401, 403}:
            return self._error(f"it refuses who asks ({status}): are user, password or bearer_token right?")
        if 300 <= status < 400:
            return self._error(f"it sends elsewhere ({status}): set the url where it leads to")
        try:
            reason = tidy(_REFUSAL.validate_json(body).error)
        except ValidationError:
            return self._error(f"it answers {status}: is the URL right, with the prefix of its API?")
        return RefusedError(f"{self._settings.url}: it refuses the question ({status}): {reason}")

    def _headers(self) -> dict[str, str]:
        settings = self._settings
        sent = {name: value.get_secret_value() for name, value in settings.headers.items()}
        if settings.bearer_token:
            sent["Authorization"] = f"Bearer {settings.bearer_token.get_secret_value()}"
        if settings.user and settings.password:
            both = f"{settings.user}:{settings.password.get_secret_value()}"
            sent["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
        return sent

    def _tls(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(cafile=self._settings.ca_file)
        except OSError as error:  # ssl.SSLError is one
            reason = "holds no certificate in PEM" if isinstance(error, ssl.SSLError) else str(error.strerror)
            raise self._error(f"ca_file {self._settings.ca_file}: {reason}") from None


def _said(error: OSError) -> str:
    """Return the system's words; those of asyncio name ports and addresses only."""
    return os.strerror(error.errno) if error.errno and error.errno > 0 else tidy(error.strerror or str(error))


def _series(found: _Found) -> Series:
    points = (found.value,) if found.value else found.values
    return Series(found.metric, tuple(point for point in points if math.isfinite(point[1])))

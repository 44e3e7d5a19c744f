"""What the client makes of good and bad answers; a real Prometheus answers in test_reports_*.py."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from aiohttp import web
from pydantic import SecretStr

from exporter.config import Prometheus
from exporter.reports import prometheus
from exporter.reports.prometheus import Client, PrometheusError, Series
from tests.support.prometheus import Prometheus as Server
from tests.support.prometheus import free_port

PLANTED = "s3cr3t-token"
VECTOR = {"status": "success", "data": {"resultType": "vector", "result": [{"metric": {"a": "b"}, "value": [1, "2"]}]}}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Answer every request by `handler`; yields the URL."""
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
    try:
        yield f"http{'s' * bool(tls)}://127.0.0.1:{port}"
    finally:
        await runner.cleanup()


def answering(answer: object, status: int = 200, headers: dict[str, str] | None = None) -> Handler:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=body, status=status, headers=headers)

    return handler


async def asked(url: str, timeout: float = 10, **settings: object) -> list[Series]:
    async with Client(Prometheus.model_validate({"url": url, **settings}), timeout=timeout) as client:
        return await client.query("up", 1_000)


async def fault(url: str, timeout: float = 10, **settings: object) -> str:
    """Return why the client refuses, which is one line and holds no secret."""
    with pytest.raises(PrometheusError) as caught:
        await asked(url, timeout, **settings)
    text = str(caught.value)
    assert text.startswith(f"{url}: ")
    assert "\n" not in text
    assert PLANTED not in text
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    return text.removeprefix(f"{url}: ")


async def test_series_are_told_with_their_labels_and_values() -> None:
    async with serving(answering(VECTOR)) as url:
        assert await asked(url) == [Series({"a": "b"}, ((1.0, 2.0),))]


async def test_what_is_no_number_is_left_out() -> None:
    result = [{"metric": {"n": value}, "value": [1, value]} for value in ("NaN", "+Inf", "-Inf", "1e3")]
    async with serving(answering({"status": "success", "data": {"resultType": "vector", "result": result}})) as url:
        assert [one.value for one in await asked(url)] == [1000.0]


async def test_credentials_tenant_and_prefix_go_with_the_question() -> None:
    seen: list[tuple[str, str | None, str | None]] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append((request.path, request.headers.get("Authorization"), request.headers.get("X-Scope-OrgID")))
        return web.json_response(VECTOR)

    async with serving(handler) as url:
        headers = {"X-Scope-OrgID": SecretStr("office")}
        await asked(f"{url}/prometheus", user="me", password=SecretStr(PLANTED), headers=headers)
        await asked(url, bearer_token=SecretStr(PLANTED))
    basic = base64.b64encode(f"me:{PLANTED}".encode()).decode()
    assert seen == [
        ("/prometheus/api/v1/query", f"Basic {basic}", "office"),
        ("/api/v1/query", f"Bearer {PLANTED}", None),
    ]


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (answering(b"", 401), "it refuses who asks (401): are user, password or bearer_token right?"),
        (answering(b"", 403), "it refuses who asks (403): are user, password or bearer_token right?"),
        (
            answering({"status": "error", "errorType": "bad_data", "error": "parse\nerror"}, 400),
            "it refuses the question (400): parse error",
        ),
        (
            answering({"status": "error", "errorType": "timeout", "error": "query timed out"}, 503),
            "it refuses the question (503): query timed out",
        ),
        (answering(b"no page", 404), "it answers 404: is the URL right, with the prefix of its API?"),
        (answering(b"", 302, {"Location": "/login"}), "it sends elsewhere (302): set the url where it leads to"),
        (answering(b"<html>"), "what it answers is no answer of Prometheus' API: is the URL right?"),
        (answering([1]), "what it answers is no answer of Prometheus' API: is the URL right?"),
        (
            answering({"status": "success", "data": {"resultType": "vector", "result": [{"value": "x"}]}}),
            "what it answers is no answer of Prometheus' API: is the URL right?",
        ),
        (answering({**VECTOR, "warnings": ["store\x1b[1m gone"]}), "it answers in part only: store[1m gone"),
        (answering({**VECTOR, "isPartial": True}), "it answers in part only: isPartial"),
    ],
)
async def test_an_answer_that_no_number_can_rest_on_is_one_clear_line(handler: Handler, reason: str) -> None:
    async with serving(handler) as url:
        assert await fault(url, bearer_token=SecretStr(PLANTED)) == reason


async def test_a_server_that_is_not_there_is_named() -> None:
    assert await fault(f"http://127.0.0.1:{free_port()}") == "it cannot be reached: Connection refused"


async def test_a_name_that_does_not_resolve_is_named() -> None:
    assert (await fault("http://prometheus.invalid:9090")).startswith("it cannot be reached: ")


async def test_a_server_that_is_too_slow_is_given_up() -> None:
    given_up = asyncio.Event()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        given_up.set()

    server = await asyncio.start_server(listen, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert await fault(f"http://127.0.0.1:{port}", timeout=0.1) == "no answer within 0.1 s"
        await asyncio.wait_for(given_up.wait(), 10)


async def test_an_answer_that_breaks_off_is_told() -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"status":"success"')
        assert request.transport is not None
        request.transport.abort()
        return response

    async with serving(handler) as url:
        assert await fault(url) in {"its answer broke off", "it cannot be reached: Connection reset by peer"}


async def test_an_answer_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prometheus, "MAX_ANSWER", 1024 * 1024)
    async with serving(answering(b" " * (1024 * 1024 + 1))) as url:
        assert await fault(url) == "its answer is larger than 1 MiB: ask for less"


async def test_a_server_that_speaks_no_http_is_told() -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH\r\n")
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        assert (await fault(f"http://127.0.0.1:{port}")).startswith("it does not answer as HTTP has it: ")


async def test_the_ca_of_the_config_is_the_one_that_counts(tmp_path: Path) -> None:
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    async with serving(answering(VECTOR), context) as url:
        assert await asked(url, ca_file=str(tmp_path / "ca.pem"))
        assert "certificate verify failed" in await fault(url)


async def test_a_ca_file_without_a_certificate_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no PEM")
    path = tmp_path / "ca.pem"
    assert await fault("https://localhost", ca_file=str(path)) == f"ca_file {path}: holds no certificate in PEM"


async def test_a_real_prometheus_answers_and_says_why_it_does_not(seeded: Server) -> None:
    async with Client(Prometheus(url=seeded.url)) as client:
        assert [one.value for one in await client.query("vector(7)", 0)] == [7.0]
        (steps,) = await client.query_range("vector(7)", 100, 160, 30)
        assert [t for t, _ in steps.points] == [100.0, 130.0, 160.0]
        with pytest.raises(PrometheusError, match=r"it refuses the question \(400\): .*parse error"):
            await client.query("sum(", 0)

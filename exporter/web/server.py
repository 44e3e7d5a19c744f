"""Routes and the listener."""

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import Protocol

from aiohttp import web
from prometheus_client import CollectorRegistry

from exporter.cameras.model import View
from exporter.config import ConfigError
from exporter.metrics.families import PRINTER_FAMILIES
from exporter.metrics.lines import Lines
from exporter.unlisted import TargetError
from exporter.web import api, discovery, exposition, pages
from exporter.web.discovery import Entry
from exporter.web.exposition import Group
from exporter.web.guard import guard, same_site
from exporter.web.picture import Workshop
from exporter.web.webfile import WebConfig

TIMEOUT_HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
TIMEOUT_OFFSET = 0.5
"""Seconds by which an answer leaves before the scraper gives up."""
SHUTDOWN_TIMEOUT = 1.0
POLLED = frozenset({"printers", "cameras"})
COLLECTABLE = POLLED | {"self"}

_HEADERS = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


class Exporter(pages.Source, Protocol):
    """What the routes need of the running exporter."""

    @property
    def registry(self) -> CollectorRegistry:
        """The metrics of the exporter itself."""
        ...

    def groups(self, kinds: Collection[str]) -> Sequence[Group]:
        """Return the lines of these kinds of device."""
        ...

    async def probe(self, target: str, timeout: float) -> Lines:
        """Poll one printer now and return its lines; raises TargetError."""
        ...

    def printer_entries(self) -> Iterable[Entry]:
        """Return every printer of the inventory."""
        ...

    def camera_views(self) -> Iterable[View]:
        """Return every camera known."""
        ...

    async def reload(self) -> None:
        """Read the config again; raises ConfigError."""
        ...


def application(
    exporter: Exporter, *, telemetry_path: str = "/metrics", web_config: Callable[[], WebConfig] = WebConfig
) -> web.Application:
    """Return the application with all routes; `web_config` is asked for each request who may come in."""
    routes = _Routes(exporter)
    workshop = Workshop()
    shown = pages.Pages(exporter, workshop, telemetry_path)
    app = web.Application(middlewares=[api.errors, pages.missing(shown), guard(web_config), same_site])

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        """Reach errors and streams too, which a middleware does not."""
        response.headers.update(_HEADERS)
        if request.path.startswith(api.PREFIX):
            response.headers["Cache-Control"] = "no-store"
        response.headers.update(web_config().headers)

    app.on_response_prepare.append(add_headers)
    # Without HEAD: it would poll a whole fleet for an answer without a body.
    app.router.add_get(telemetry_path, routes.metrics, allow_head=False)
    app.router.add_get("/probe", routes.probe, allow_head=False)
    app.router.add_get("/sd/printers", routes.printer_targets)
    app.router.add_get("/sd/cameras", routes.camera_targets)
    api.add_routes(app, exporter, workshop)
    pages.add_routes(app, shown, with_overview=telemetry_path != "/")
    app.router.add_get("/-/healthy", routes.healthy)
    app.router.add_get("/-/ready", routes.ready)
    app.router.add_post("/-/reload", routes.reload)
    app.router.add_put("/-/reload", routes.reload)
    return app


async def runner(app: web.Application) -> web.AppRunner:
    """Return what serves the application once it listens somewhere; the caller cleans it up."""
    made = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
    await made.setup()
    return made


def scrape_timeout(header: str | None, deadline: float) -> float:
    """Return how long a scrape may take: the deadline, or less when the scraper's patience (seconds) is shorter."""
    try:
        patience = float(header) if header else math.inf
    except ValueError:
        return deadline
    if not patience > 0:
        return deadline
    return min(deadline, max(patience - TIMEOUT_OFFSET, patience / 2))


def accepts_gzip(accept_encoding: str) -> bool:
    """Tell whether gzip is among the encodings offered and not refused by a weight of 0 (RFC 9110 section 12.5.3)."""
    for offer in accept_encoding.lower().split(","):
        name, _, weight = offer.replace(" ", "").partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" if weight else True
    return False


class _Routes:
    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        wanted = set(request.query.getall("collect[]", [])) or COLLECTABLE
        if unknown := wanted - COLLECTABLE:
            known = ", ".join(sorted(COLLECTABLE))
            raise web.HTTPBadRequest(text=f"collect[]={min(unknown)}: not one of {known}\n")
        if polled := wanted & POLLED:
            await self._exporter.scrape(polled, self._timeout(request))
        registry = self._exporter.registry if "self" in wanted else None
        return await self._stream(request, self._exporter.groups(wanted), registry)

    async def probe(self, request: web.Request) -> web.StreamResponse:
        targets = request.query.getall("target", [])
        if len(targets) != 1 or not targets[0]:
            raise web.HTTPBadRequest(text="target: give one name or host of a printer\n")
        try:
            lines = await self._exporter.probe(targets[0], self._timeout(request))
        except TargetError as error:
            refusal = web.HTTPForbidden if error.is_forbidden else web.HTTPNotFound
            raise refusal(text=f"target: {error}\n") from None
        return await self._stream(request, [(PRINTER_FAMILIES, [lines])], None)

    def _timeout(self, request: web.Request) -> float:
        return scrape_timeout(request.headers.get(TIMEOUT_HEADER), self._exporter.deadline)

    async def _stream(
        self, request: web.Request, groups: Sequence[Group], registry: CollectorRegistry | None
    ) -> web.StreamResponse:
        accept = request.headers.get("Accept", "")
        response = web.StreamResponse(headers={"Content-Type": exposition.negotiate(accept)})
        if accepts_gzip(request.headers.get("Accept-Encoding", "")):
            response.enable_compression(web.ContentCoding.gzip)
        with suppress(ConnectionError):  # the scraper left; nobody is there to be told
            await response.prepare(request)
            for chunk in exposition.stream(accept, groups, registry):
                await response.write(chunk)
            await response.write_eof()
        return response

    async def printer_targets(self, _request: web.Request) -> web.Response:
        return web.json_response(discovery.printer_targets(self._exporter.printer_entries()))

    async def camera_targets(self, _request: web.Request) -> web.Response:
        return web.json_response(discovery.camera_targets(self._exporter.camera_views()))

    async def healthy(self, _request: web.Request) -> web.Response:
        return web.Response(text="printcam-exporter is healthy.\n")

    async def ready(self, _request: web.Request) -> web.Response:
        return web.Response(text="printcam-exporter is ready.\n")

    async def reload(self, _request: web.Request) -> web.Response:
        try:
            await self._exporter.reload()
        except ConfigError as error:
            raise web.HTTPInternalServerError(text=f"the config was not loaded:\n{error}\n") from None
        return web.Response(text="config loaded\n")

"""The status page, written on the server; it needs no script in the browser."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final, Protocol, TypeAlias
from urllib.parse import quote, urlencode

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from exporter import __version__
from exporter.cameras.registry import KIND as CAMERA
from exporter.config import Prometheus
from exporter.state import Event, Key
from exporter.web import api, overview, wording
from exporter.web.detail import camera_detail, printer_detail
from exporter.web.forecasts import Forecast, Forecasts
from exporter.web.picture import Picture, Workshop
from exporter.web.records import Json

More: TypeAlias = Callable[[Forecast], Json]
"""Returns what a page shows beside what all pages do; called in the workshop's thread."""

_FOLDER = Path(__file__).parent
_STATIC: Final = {
    "status.css": ("text/css", (_FOLDER / "static" / "status.css").read_bytes()),
    "icon.svg": ("image/svg+xml", (_FOLDER / "static" / "icon.svg").read_bytes()),
}
_STYLE = hashlib.sha256(_STATIC["status.css"][1]).hexdigest()[:12]
_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Folders that a page which is not there leads back from; no page is so deep, and each link names them all.
_DEEPEST = 16
_HEADERS = {"Content-Security-Policy": _POLICY, "Cache-Control": "no-store"}


class Source(api.Source, Protocol):
    """What the pages need of the running exporter."""

    @property
    def prometheus(self) -> Prometheus | None:
        """Whom to ask for forecasts; None for nobody."""
        ...


@cache
def _templates() -> Environment:
    """Return the templates, which are read and compiled when they are first used."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
    )
    made.globals |= {
        "ago": wording.ago,
        "count": wording.count,
        "percent": wording.percent,
        "signs": wording.SIGNS,
        "style": _STYLE,
        "version": __version__,
    }
    return made


class Pages:
    """The pages, and what they have in common; `telemetry_path` is where the metrics are."""

    def __init__(self, source: Source, workshop: Workshop, telemetry_path: str) -> None:
        self._source = source
        self._workshop = workshop
        self._metrics = telemetry_path.lstrip("/")
        self.forecasts = Forecasts(lambda: source.prometheus)

    async def overview(self, request: web.Request) -> web.Response:
        """Answer with all devices, or those that the query chooses."""
        picture, wanted = await self._source.picture(), overview.filter_of(request.query)

        def more(forecast: Forecast) -> Json:
            page = overview.overview(picture, wanted, forecast)
            return {
                "page": page,
                "attention": overview.ATTENTION,
                "statuses": dict.fromkeys((*overview.PRINTER_STATUSES, *overview.CAMERA_STATUSES)),
                "usual_refresh": overview.REFRESH,
                "this_month": f"{picture.local(picture.at):%Y-%m}",
                "watches": picture.search_interval is not None,
                "paused_url": page.filter.url(refresh=0),
                "resumed_url": page.filter.url(refresh=overview.REFRESH),
            }

        return await self._show("overview.html", picture, wanted.refresh, more)

    async def printer(self, request: web.Request) -> web.Response:
        """Answer with everything known of a printer."""
        entry = api.listed(self._source, request.match_info["name"])
        happened, troubles = await self._history(api.printer_keys(entry))
        name = entry.printer.name

        def more(forecast: Forecast) -> Json:
            return {
                "device": printer_detail(entry, happened, forecast),
                "forecast": bool(forecast.left),
                "dashboard": f"printcam-printer?{urlencode({'var-printer': name})}",
                "json": f"../api/printers/{quote(name, safe='')}",
            }

        return await self._show_device("printer.html", request, await self._source.picture(), more, troubles)

    async def camera(self, request: web.Request) -> web.Response:
        """Answer with everything known of a camera."""
        picture = await self._source.picture()
        view = api.seen(picture, request.match_info["mac"])
        mac = view.camera.mac
        happened, troubles = await self._history([(CAMERA, mac)])

        def more(_forecast: Forecast) -> Json:
            return {
                "device": camera_detail(view, happened),
                "dashboard": f"printcam-cameras?{urlencode({'var-camera': view.name})}",
                "json": f"../api/cameras/{mac}",
                "remark": "",
            }

        return await self._show_device("camera.html", request, picture, more, troubles)

    async def missing(self, reason: str, depth: int) -> web.Response:
        """Answer that there is no such page, `depth` folders below the first."""
        picture = await self._source.picture()
        more = {"reason": reason, "root": "../" * depth, "refreshable": False, "remark": ""}
        return await self._show("missing.html", picture, 0, lambda _: more, status=404)

    async def _show_device(
        self, template: str, request: web.Request, picture: Picture, more: More, troubles: Sequence[str]
    ) -> web.Response:
        picture = replace(picture, troubles=(*picture.troubles, *troubles))
        urls = {"root": "../", "paused_url": "?refresh=0", "resumed_url": "?"}
        refresh = overview.refresh_of(request.query)
        return await self._show(template, picture, refresh, lambda forecast: urls | more(forecast))

    async def _show(
        self, template: str, picture: Picture, refresh: int, more: More, *, status: int = 200
    ) -> web.Response:
        forecast = self.forecasts.current()

        def made() -> str:
            common: Json = {
                "local": picture.local,
                "now": picture.at,
                "troubles": picture.troubles,
                "grafana": picture.grafana_url,
                "metrics": self._metrics,
                "remark": forecast.remark,
                "root": "",
                "refresh": refresh,
                "refreshable": True,
                "keep": "" if refresh == overview.REFRESH else f"?refresh={refresh}",
            }
            return _templates().get_template(template).render(common | more(forecast))

        headers = {**_HEADERS, "Refresh": str(refresh)} if refresh else _HEADERS
        text = await self._workshop.make(made)
        return web.Response(text=text, content_type="text/html", headers=headers, status=status)

    async def _history(self, keys: Sequence[Key]) -> tuple[list[Event], list[str]]:
        """Return what happened to a device, and what to say when that cannot be read."""
        try:
            return await api.history(self._source, keys), []
        except web.HTTPServiceUnavailable as error:
            return [], [f"{error.text}"]

    async def static(self, request: web.Request) -> web.Response:
        """Answer with a file that the pages need; its URL changes with it."""
        if (found := _STATIC.get(request.match_info["name"])) is None:
            raise web.HTTPNotFound
        content_type, body = found
        return web.Response(body=body, content_type=content_type, headers={"Cache-Control": "max-age=86400"})


def add_routes(app: web.Application, pages: Pages, *, with_overview: bool) -> None:
    """Add the pages; the metrics may stand where the overview would."""
    if with_overview:
        app.router.add_get("/", pages.overview)
    app.router.add_get(f"/printers/{api.NAME}", pages.printer)
    app.router.add_get("/cameras/{mac}", pages.camera)
    app.router.add_get("/static/{name}", pages.static)

    async def close(_app: web.Application) -> None:
        await pages.forecasts.close()

    app.on_cleanup.append(close)


def missing(pages: Pages) -> Middleware:
    """Return what answers a person with a page where there is none."""

    @web.middleware
    async def answer(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPNotFound as error:
            if "text/html" not in request.headers.get("Accept", "") or request.path.startswith(api.PREFIX):
                raise
            is_told = error.text != f"{error.status}: {error.reason}"
            depth = min(request.rel_url.raw_path.count("/") - 1, _DEEPEST)  # a slash within a name is no folder
            return await pages.missing((error.text or "").strip() if is_told else "", depth)

    return answer

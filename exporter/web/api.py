"""The JSON API: devices, counts, and what may be asked for at once. `openapi.json` beside this file describes it."""

import json
import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from exporter.cameras.model import View
from exporter.cameras.registry import KIND as CAMERA
from exporter.configtypes import mac
from exporter.printers.stored import ENGINE, RECORD, engine_of
from exporter.state import Event, Key, StateError
from exporter.unlisted import TargetError
from exporter.web import records
from exporter.web.discovery import Entry
from exporter.web.picture import Picture, Workshop
from exporter.web.records import Json

log = logging.getLogger(__name__)

PREFIX: Final = "/api/"
NAME: Final = "{name:[^/]+}"
"""A name in the path of a route; what aiohttp takes without the pattern has no braces."""
_OPENAPI = Path(__file__).with_name("openapi.json").read_bytes()
_ACTIONS_OFF = "actions are switched off; web.enable_actions in the config allows them\n"
_TYPE = "application/json"
_KEPT_HEADERS = ("WWW-Authenticate", "Retry-After", "Allow")
# Devices whose history is read before the state is given free.
_SLICE = 100


class Source(Protocol):
    """What the API needs of the running exporter."""

    @property
    def deadline(self) -> float:
        """Seconds that a cycle may take."""
        ...

    @property
    def allows_actions(self) -> bool:
        """Whether a request may start polls and searches."""
        ...

    async def picture(self) -> Picture:
        """Return all that is shown of the devices."""
        ...

    def printer_entry(self, target: str) -> Entry | None:
        """Return the printer of this name or at this host; raises TargetError when there are several."""
        ...

    async def events(self, devices: Iterable[Key]) -> Mapping[Key, Sequence[Event]]:
        """Return what happened to each of these devices; raises StateError."""
        ...

    async def scrape(self, kinds: Collection[str], timeout: float) -> None:
        """Poll what is due of these kinds of device, for at most `timeout` seconds."""
        ...

    async def poll(self, name: str, timeout: float) -> None:
        """Poll a printer of the inventory now, for at most `timeout` seconds."""
        ...


@web.middleware
async def errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Tell in JSON what is wrong with a request to the API."""
    if not request.path.startswith(PREFIX):
        return await handler(request)
    try:
        return await handler(request)
    except web.HTTPException as error:
        answer = _json({"error": (error.text or error.reason).strip(), "status": error.status}, error.status)
        answer.headers.update({name: error.headers[name] for name in _KEPT_HEADERS if name in error.headers})
        return answer
    except Exception:
        log.exception("a request failed", extra={"path": request.path})
        return _json({"error": "the exporter failed; its log says why", "status": 500}, 500)


class _Api:
    def __init__(self, source: Source, workshop: Workshop) -> None:
        self._source = source
        self._workshop = workshop

    async def printers(self, _request: web.Request) -> web.Response:
        picture = await self._source.picture()
        return _answer(await self._workshop.make(_printers, picture))

    async def printer(self, request: web.Request) -> web.Response:
        entry = listed(self._source, request.match_info["name"])
        picture = await self._source.picture()
        happened = await history(self._source, printer_keys(entry))
        return _json(records.printer(entry, picture) | {"events": records.events(happened, picture)})

    async def cameras(self, _request: web.Request) -> web.Response:
        picture = await self._source.picture()
        return _answer(await self._workshop.make(_cameras, picture))

    async def camera(self, request: web.Request) -> web.Response:
        picture = await self._source.picture()
        view = seen(picture, request.match_info["mac"])
        happened = await history(self._source, [(CAMERA, view.camera.mac)])
        past = {"ip_history": records.addresses(happened, picture), "events": records.events(happened, picture)}
        return _json(records.camera(view, picture) | past)

    async def stats(self, _request: web.Request) -> web.Response:
        return _json(await self._workshop.make(records.stats, await self._source.picture()))

    async def export(self, request: web.Request) -> web.StreamResponse:
        """Stream the inventory and the last answers: the addresses of many cameras may be much."""
        picture = await self._source.picture()
        response = web.StreamResponse(headers={"Content-Type": f"{_TYPE}; charset=utf-8"})
        printers = await self._workshop.make(_by_name, _named_printers(picture))
        with suppress(ConnectionError, web.HTTPServiceUnavailable), _told():
            await response.prepare(request)
            start = {"exported": picture.local(picture.at).isoformat(timespec="seconds")}
            await response.write(f'{_text(start)[:-1]},"printers":{printers},"cameras":{{'.encode())
            views, comma = iter(picture.cameras), ""
            while piece := list(islice(views, _SLICE)):
                # Where this fails the answer ends in the middle, and nobody takes it for whole.
                happened = await self._source.events([(CAMERA, view.camera.mac) for view in piece])
                cameras = await self._workshop.make(_by_name, _with_addresses(piece, happened, picture))
                await response.write(f"{comma}{cameras[1:-1]}".encode())
                comma = ","
            await response.write(b"}}\n")
            await response.write_eof()
        return response

    async def openapi(self, _request: web.Request) -> web.Response:
        return web.Response(body=_OPENAPI, content_type=_TYPE)

    async def poll(self, request: web.Request) -> web.Response:
        entry = listed(self._source, request.match_info["name"])
        await self._source.poll(entry.printer.name, self._source.deadline)
        after = listed(self._source, request.match_info["name"])
        is_new = after.record.poll is not entry.record.poll
        message = "polled" if is_new else "not asked again so soon, or still being asked: this is its last answer"
        told = records.printer(after, await self._source.picture())
        return _json({"success": is_new, "message": message, "printer": told})

    async def poll_all(self, _request: web.Request) -> web.Response:
        await self._source.scrape({"printers"}, self._source.deadline)
        return _json({"success": True, "message": "every printer was polled that was due"})

    async def scan(self, _request: web.Request) -> web.Response:
        if (await self._source.picture()).search_interval is None:
            raise web.HTTPConflict(text="cameras are not searched for: the config has no cameras section")
        await self._source.scrape({"cameras"}, self._source.deadline)
        return _json({"success": True, "message": "searched for cameras"})


def add_routes(app: web.Application, source: Source, workshop: Workshop) -> None:
    """Add all routes under /api/."""
    api = _Api(source, workshop)
    gets: dict[str, Handler] = {
        "printers": api.printers,
        f"printers/{NAME}": api.printer,
        "cameras": api.cameras,
        "cameras/{mac}": api.camera,
        "stats": api.stats,
        "export": api.export,
        "openapi.json": api.openapi,
    }
    posts: dict[str, Handler] = {"poll": api.poll_all, f"printers/{NAME}/poll": api.poll, "scan": api.scan}
    for path, handler in gets.items():
        app.router.add_get(PREFIX + path, handler)
    for path, handler in posts.items():
        app.router.add_post(PREFIX + path, _action(source, handler))


def _action(source: Source, handler: Handler) -> Handler:
    async def allowed(request: web.Request) -> web.StreamResponse:
        if not source.allows_actions:
            raise web.HTTPForbidden(text=_ACTIONS_OFF)
        return await handler(request)

    return allowed


# ---- one device, and its history


def listed(source: Source, target: str) -> Entry:
    """Return the printer of this name or at this host; raises HTTPNotFound."""
    try:
        entry = source.printer_entry(target)
    except TargetError as error:
        raise web.HTTPNotFound(text=str(error)) from None
    if entry is None:
        raise web.HTTPNotFound(text="no printer of the inventory has this name or host")
    return entry


def seen(picture: Picture, text: str) -> View:
    """Return the camera with this MAC address in any spelling; raises HTTPNotFound."""
    try:
        wanted = mac(text)
    except ValueError as error:
        raise web.HTTPNotFound(text=str(error)) from None
    view = next((view for view in picture.cameras if view.camera.mac == wanted), None)
    if view is None:
        raise web.HTTPNotFound(text="no camera with this MAC address is known")
    return view


def printer_keys(entry: Entry) -> list[Key]:
    """Return under which keys the state keeps what happened to a printer: its name, and its engine."""
    name = entry.printer.name
    return [(RECORD, name), (ENGINE, engine_of(name, entry.record.serial))]


async def history(source: Source, keys: Sequence[Key]) -> list[Event]:
    """Return what happened to a device; raises HTTPServiceUnavailable."""
    with _told():
        happened = await source.events(keys)
        return [event for each in happened.values() for event in each]
    raise web.HTTPServiceUnavailable(text="the history cannot be read; the log says why")


@contextmanager
def _told() -> Iterator[None]:
    """Leave off where the state cannot be read, and log why."""
    try:
        yield
    except StateError as error:
        log.warning("history not read", extra={"error": error})


# ---- large answers, made in a thread: text for one device at a time, which does not hold the interpreter for long


def _printers(picture: Picture) -> str:
    return f'{{"printers":{_by_name(_named_printers(picture))},"count":{len(picture.printers)}}}\n'


def _cameras(picture: Picture) -> str:
    cameras = ",".join(_text(records.camera(view, picture)) for view in picture.cameras)
    rest = _text({"count": len(picture.cameras), **records.searches(picture)})
    return f'{{"cameras":[{cameras}],{rest[1:]}\n'


def _named_printers(picture: Picture) -> Iterator[tuple[str, Json]]:
    return ((entry.printer.name, records.printer(entry, picture)) for entry in picture.printers)


def _with_addresses(
    views: Iterable[View], happened: Mapping[Key, Sequence[Event]], picture: Picture
) -> Iterator[tuple[str, Json]]:
    for view in views:
        past = records.addresses(happened[CAMERA, view.camera.mac], picture)
        yield view.camera.mac, records.camera(view, picture) | {"ip_history": past}


def _by_name(told: Iterable[tuple[str, Json]]) -> str:
    return "{" + ",".join(f"{_text(name)}:{_text(record)}" for name, record in told) + "}"


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _json(value: Json, status: int = 200) -> web.Response:
    return _answer(f"{_text(value)}\n", status)


def _answer(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, content_type=_TYPE, status=status)

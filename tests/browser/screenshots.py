"""Takes the pictures of the status page that the documents show: `make screenshots`."""

import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from exporter.app import App
from exporter.config import parse
from exporter.printers.lifecycle import Life
from exporter.printers.stored import ENGINE, dump_life
from exporter.simulator.office import Office
from exporter.state import Changes, Event, State
from exporter.web import listeners, server
from tests.support.chromium import chromium

IMAGES = Path(__file__).parents[2] / "docs/images"
_SERIAL = "XL7710233"
_MONTHS = (9214, 8127, 4310, 3902, 8830, 9377, 9120, 8455, 8967, 7043, 6120, 9518)
_DAY = 86_400.0


class Shot(NamedTuple):
    """What to take a picture of."""

    name: str
    path: str
    width: int
    height: int
    dark: bool = False


SHOTS = (
    Shot("status-page", "/", 1180, 900),
    Shot("status-page-phone", "/?status=attention", 390, 844, dark=True),
    Shot("status-page-printer", "/printers/Engineering", 1180, 880, dark=True),
    Shot("status-page-camera", "/cameras/02:00:5e:10:00:01", 1180, 640),
)


async def main() -> None:
    """Run the demo office with a past, and look at it."""
    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "state.db"
        _remember(state)
        async with Office() as office:
            text = office.config_text().replace('":memory:"', f'"{state}"')
            app = App(lambda: parse(f"grafana: {{ url: https://grafana.example.com }}\n{text}"))
            await app.start()
            runner = await server.runner(server.application(app))
            await listeners.listen(runner, ["127.0.0.1:0"])
            try:
                await _take(app, f"http://127.0.0.1:{runner.addresses[0][1]}")
            finally:
                await app.close()
                await runner.cleanup()


def _remember(path: Path) -> None:
    """Write what happened to one printer and one camera into a state."""
    now = time.time()
    today = datetime.fromtimestamp(now, UTC)
    first = today.year * 12 + today.month - 1 - len(_MONTHS)
    months = {f"{(first + n) // 12}-{(first + n) % 12 + 1:02}": pages for n, pages in enumerate(_MONTHS)}
    happened = [
        Event(ENGINE, _SERIAL, now - 96 * _DAY, "replaced Black toner", "2%", "100%"),
        Event(ENGINE, _SERIAL, now - 41 * _DAY, "replaced Yellow toner", "1%", "100%"),
        Event(ENGINE, _SERIAL, now - 17 * _DAY, "jam", None, None),
        Event(ENGINE, _SERIAL, now - 3 * _DAY, "jam", None, None),
        Event("camera", "02:00:5e:10:00:01", now - 60 * _DAY, "firmware", "3.61", "3.67"),
        Event("camera", "02:00:5e:10:00:01", now - 59 * _DAY, "name", "Entrance", "Lobby"),
        Event("camera", "02:00:5e:10:00:01", now - 20 * _DAY + 60, "restart", None, None),
    ]
    state = State(path)
    state.write(Changes({(ENGINE, _SERIAL): dump_life(Life(months=months))}, happened))
    state.close()


async def _take(app: App, url: str) -> None:
    for _ in range(3):  # what has only begun to be polled is known a scrape later
        await app.scrape({"printers", "cameras"}, 20)
        await asyncio.sleep(6)
    IMAGES.mkdir(exist_ok=True)
    async with chromium() as tab:
        for shot in SHOTS:
            await tab.show(width=shot.width, height=shot.height, dark=shot.dark)
            await tab.open(f"{url}{shot.path}")
            await asyncio.to_thread((IMAGES / f"{shot.name}.png").write_bytes, await tab.picture())


if __name__ == "__main__":
    asyncio.run(main())

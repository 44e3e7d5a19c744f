"""Debian's Chromium without a screen, told what to do over its DevTools protocol."""

import asyncio
import base64
import itertools
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

CHROMIUM = shutil.which("chromium")
AXE = Path(__file__).parents[1] / "browser/node_modules/axe-core/axe.min.js"
_LIMIT = 30.0

Json = dict[str, Any]


class Tab:
    """A page in the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)

    async def send(self, method: str, **parameters: Any) -> Json:
        """Send a command and return its result; fails where the browser refuses it."""
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": parameters})
        answer = await self._until(lambda told: told.get("id") == number)
        assert "error" not in answer, (method, answer["error"])
        result: Json = answer["result"]
        return result

    async def open(self, url: str) -> None:
        """Go to a page and wait until it is there."""
        await self.send("Page.navigate", url=url)
        await self._until(lambda told: told.get("method") == "Page.loadEventFired")

    async def show(self, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        """Take a screen of this size, and the color scheme that its user likes; scrollbars take no room."""
        await self.send("Emulation.setScrollbarsHidden", hidden=True)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        await self.send("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])

    async def run(self, script: str) -> Any:
        """Return what a script in the page comes to, once that is there."""
        found = await self.send("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def press(self, key: str) -> None:
        """Press a key and let it go."""
        code = {"Tab": 9, "Enter": 13}[key]
        text = {"text": "\r"} if key == "Enter" else {}
        await self.send("Input.dispatchKeyEvent", type="keyDown", key=key, windowsVirtualKeyCode=code, **text)
        await self.send("Input.dispatchKeyEvent", type="keyUp", key=key, windowsVirtualKeyCode=code)

    async def faults(self) -> list[str]:
        """Return what axe-core finds wrong with the page, by all its rules; what it cannot decide is left out."""
        await self.run(AXE.read_text())
        found = await self.run("axe.run(document, { resultTypes: ['violations'] })")
        return [f"{each['id']}: {node['html'][:200]}" for each in found["violations"] for node in each["nodes"]]

    async def picture(self) -> bytes:
        """Return what is on the screen as a PNG."""
        return base64.b64decode((await self.send("Page.captureScreenshot", format="png"))["data"])

    async def _until(self, is_it: Any) -> Json:
        async with asyncio.timeout(_LIMIT):
            while True:
                told: Json = await self._socket.receive_json()
                if is_it(told):
                    return told


@asynccontextmanager
async def chromium() -> AsyncIterator[Tab]:
    """Run a browser with a page of its own."""
    folder = tempfile.mkdtemp(prefix="chromium-")
    options = ("--headless=new", "--disable-gpu", "--remote-debugging-port=0", f"--user-data-dir={folder}")
    alone = ("--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync")
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    process = await asyncio.create_subprocess_exec(
        str(CHROMIUM),
        *options,
        *alone,
        *sandbox,
        "about:blank",
        stderr=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
    )
    try:
        port = await asyncio.wait_for(_port(process), _LIMIT)
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            async with session.get("/json/list") as answer:
                page = next(target for target in await answer.json(content_type=None) if target["type"] == "page")
            async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                tab = Tab(socket)
                await tab.send("Page.enable")
                yield tab
    finally:
        process.terminate()
        await process.wait()
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _port(process: asyncio.subprocess.Process) -> int:
    """Return the port that the browser says it listens on."""
    assert process.stderr
    async for line in process.stderr:
        if line.startswith(b"DevTools listening on ws://"):
            return int(line.split(b"/")[2].split(b":")[1])
    raise AssertionError("chromium ended")

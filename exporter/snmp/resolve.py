"""Host names to addresses, off the loop and bounded, whatever the name server does."""

import asyncio
import ipaddress
import socket
import threading

from exporter.snmp.errors import Resolve

MAX_LOOKUPS = 16
"""Look-ups under way at once in the process; more of them wait, and fail when they wait too long."""

_slots = threading.BoundedSemaphore(MAX_LOOKUPS)


async def resolve(host: str, port: int, timeout: float) -> str:
    """Return the first address of a host, itself when it is one; raises Resolve."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        async with asyncio.timeout(timeout):
            return await _look_up(host, port)
    except TimeoutError:
        raise Resolve(f"{host}: the name server did not answer") from None
    except (OSError, UnicodeError) as error:
        raise Resolve(f"{host}: {getattr(error, 'strerror', None) or 'not a host name'}") from None


async def _look_up(host: str, port: int) -> str:
    """Ask the system in a daemon thread: one that hangs must not keep the process from ending, as a pool's would."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()
    while not _slots.acquire(blocking=False):  # noqa: ASYNC110 - threads hold them: no asyncio primitive tells
        await asyncio.sleep(0.05)

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            _tell(loop, answer, error)
        else:
            _tell(loop, answer, str(found[0][4][0]))
        finally:
            _slots.release()

    threading.Thread(target=ask, name=f"resolve {host[:40]}", daemon=True).start()
    return await answer


def _tell(loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[str]", result: str | Exception) -> None:
    """Hand a result to whoever still waits for it."""

    def deliver() -> None:
        if answer.done():
            return
        if isinstance(result, str):
            answer.set_result(result)
        else:
            answer.set_exception(result)

    if not loop.is_closed():
        loop.call_soon_threadsafe(deliver)

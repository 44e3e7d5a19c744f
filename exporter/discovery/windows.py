"""Printers of a Windows print server, or of a Samba that is one."""

import asyncio
import json
import signal
import sys
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from exporter.discovery.addresses import addresses_of
from exporter.discovery.answer import Answer, LeftOut, ServerError, Why, answer_of
from exporter.discovery.found import Found
from exporter.discovery.ports import Lead, Queue, leads
from exporter.text import tidy

PORT = 445

_LOOK_UP = 2.0  # seconds for a name, which is a guess
_GRACE = 5.0  # seconds within which a process that was told the time is over by itself


async def ask(host: str, port: int, *, user: str, password: str, timeout: float) -> Answer:
    """Return the printers of a server within `timeout` seconds; raises ServerError.

    `user` is NAME, DOMAIN\\NAME or NAME@DOMAIN; "" asks as nobody.
    """
    domain, _, name = user.rpartition("\\")
    question = {"host": host, "port": port, "user": name, "password": password, "domain": domain, "timeout": timeout}
    answer = await _asked(question, timeout)
    if "reason" in answer:
        raise ServerError(answer["reason"], tidy(answer["detail"]))
    return answer_of(await _followed(answer["queues"], answer["hosts"]))


async def _asked(question: Mapping[str, Any], timeout: float) -> Any:
    """Let a process of its own ask, which is ended when it takes too long or nobody wants to know any more."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "exporter.discovery.spooler"),
        stdin=pipe,
        stdout=pipe,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(timeout + _GRACE):
            output, _ = await process.communicate(json.dumps(question).encode())
        return json.loads(output)
    except ValueError:
        raise _ended(process.returncode) from None
    except TimeoutError:
        raise ServerError("timeout", "the server takes too long") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _followed(queues: Iterable[Mapping[str, str]], hosts: Mapping[str, str]) -> list[Found | LeftOut]:
    """Say of each queue where its printer is, or why it has none."""
    read = [Queue(**{field: tidy(text) for field, text in queue.items()}) for queue in queues]
    found = [(queue, leads(queue, hosts)) for queue in read]
    guesses = {lead.host for _, each in found if not isinstance(each, str) for lead in each if lead.is_guess}
    known = await addresses_of(guesses, _LOOK_UP)
    return [_at(queue, each, known) for queue, each in found]


def _at(queue: Queue, leading: tuple[Lead, ...] | Why, known: Collection[str]) -> Found | LeftOut:
    name = queue.name.rpartition("\\")[2] or queue.port
    if isinstance(leading, str):
        return LeftOut(name, leading)
    host = next((lead.host for lead in leading if not lead.is_guess or lead.host in known), None)
    if host is None:
        return LeftOut(name, "no_address")
    return Found(name, host, location=queue.location, model=queue.driver, remark=queue.comment)


def _ended(code: int | None) -> ServerError:
    """Say why the process ended without an answer."""
    if code == -signal.SIGALRM:
        return ServerError("timeout", "the server takes too long")
    return ServerError("protocol", f"the process that asks it has ended with {code}")

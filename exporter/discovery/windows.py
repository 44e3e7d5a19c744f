"""Printers of a Windows print server, or of a Samba that is one."""

import asyncio
import json
import signal
import sys
from collections.abc import Collection
from typing import TypeAlias

from exporter.discovery.addresses import addresses_of
from exporter.discovery.answer import Answer, LeftOut, ServerError, Why, answer_of
from exporter.discovery.found import Found
from exporter.discovery.ports import Lead, Queue, leads
from exporter.text import tidy

_LOOK_UP = 2.0  # seconds for a name, which is a guess
_GRACE = 5.0  # seconds within which a process that was told the time is over by itself

_Traced: TypeAlias = list[tuple[Queue, tuple[Lead, ...] | Why]]


async def ask(host: str, port: int, *, user: str, password: str, timeout: float) -> Answer:
    """Return the printers of a server within `timeout` seconds; raises ServerError.

    `user` is NAME or DOMAIN\\NAME; "" asks as nobody.
    """
    domain, _, name = user.rpartition("\\")
    question = {"host": host, "port": port, "user": name, "password": password, "domain": domain, "timeout": timeout}
    output = await _asked(json.dumps(question).encode(), timeout)
    # Thousands of queues are not read on the loop, for which scrapes wait.
    traced = await asyncio.to_thread(_traced, output)
    guesses = {lead.host for _, each in traced if not isinstance(each, str) for lead in each if lead.is_guess}
    known = await addresses_of(guesses, _LOOK_UP)
    return answer_of(_at(queue, each, known) for queue, each in traced)


async def _asked(question: bytes, timeout: float) -> bytes:
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
            output, _ = await process.communicate(question)
    except TimeoutError:
        raise ServerError("timeout", "the server takes too long") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode == -signal.SIGALRM:
        raise ServerError("timeout", "the server takes too long")
    if process.returncode:
        raise ServerError("protocol", f"the process that asks it has ended with {process.returncode}")
    return output


def _traced(output: bytes) -> _Traced:
    """Read what the process says: each queue with where its printer is, or why nowhere."""
    answer = json.loads(output)
    if "reason" in answer:
        raise ServerError(answer["reason"], tidy(answer["detail"]))
    queues = (Queue(**{field: tidy(text) for field, text in queue.items()}) for queue in answer["queues"])
    return [(queue, leads(queue, answer["hosts"])) for queue in queues]


def _at(queue: Queue, leading: tuple[Lead, ...] | Why, known: Collection[str]) -> Found | LeftOut:
    name = queue.name.rpartition("\\")[2] or queue.port
    if isinstance(leading, str):
        return LeftOut(name, leading)
    host = next((lead.host for lead in leading if not lead.is_guess or lead.host in known), None)
    if host is None:
        return LeftOut(name, "no_address")
    return Found(name, host, location=queue.location, model=queue.driver, remark=queue.comment)

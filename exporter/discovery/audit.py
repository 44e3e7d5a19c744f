"""The audit log: one line of JSON for every change of the inventory, in a file that only grows."""

import asyncio
import json
import logging
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias

from exporter.configfaults import ConfigError, Fault
from exporter.discovery.inventory import Change
from exporter.repeats import Repeats

log = logging.getLogger(__name__)

Occasion: TypeAlias = Literal["start", "reload", "running"]

MAX_PENDING: Final = 8_000_000
"""Octets that wait in memory while the file cannot be written."""
_MAX_TEXT = 1024  # of one value: escaped, all of them stay far below 64 KiB
_MODE = 0o640


def lines(changes: Iterable[Change], at: float, on: Occasion) -> Iterator[str]:
    """Yield a line for each change, at a time in Unix seconds."""
    for change in changes:
        is_moved = change.what == "address_changed"
        before = _place(change.before, "previous_") if is_moved else {"previous_name": change.before}
        yield _line(
            at,
            change=change.what,
            printer=change.printer,
            **_place(change.host),
            **(before if change.before else {}),
            by=change.kind,
            **({"source": change.source} if change.source else {}),
            on=on,
        )


def _place(identity: str, prefix: str = "") -> dict[str, str | int]:
    host, port, *rest = identity.split(" ", 2)
    which = ((f"{prefix}ipp_path", each) if each.startswith("/") else (f"{prefix}device", int(each)) for each in rest)
    return {f"{prefix}host": host, f"{prefix}port": int(port), **dict(which)}


def first_line(printers: int, at: float) -> str:
    """Return the line of a start of which no earlier inventory is known, with the number of printers."""
    return _line(at, change="began", printers=printers, on="start")


def _line(at: float, **fields: str | int) -> str:
    moment = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    short = {key: value[:_MAX_TEXT] if isinstance(value, str) else value for key, value in fields.items()}
    return json.dumps({"time": moment, **short}, ensure_ascii=False) + "\n"


class AuditLog:
    """Appends lines to a file, which is opened anew each time: it may be rotated. What cannot be written waits."""

    def __init__(self, path: str | None) -> None:
        self.path = path
        self._pending = bytearray()
        self._failures = Repeats()
        self._is_failing = False
        self._lock = asyncio.Lock()

    @property
    def writable(self) -> bool | None:
        """Whether the last attempt was successful; None where there is no file."""
        return None if self.path is None else not self._is_failing

    async def check(self) -> None:
        """Make the file where there is none; raises ConfigError when it cannot be written."""
        if self.path is None:
            return
        try:
            await asyncio.to_thread(append, self.path, b"")
        except OSError as error:
            raise ConfigError((Fault(self.path, 0, "audit.path", f"cannot be written: {error.strerror}"),)) from None

    def add(self, more: Iterable[str]) -> None:
        """Take lines to be written; beyond what memory is there for, the newest are lost."""
        for line in more if self.path else ():
            data = line.encode("utf-8", "backslashreplace")
            if len(self._pending) + len(data) <= MAX_PENDING:
                self._pending += data

    async def flush(self, at: float) -> None:
        """Write what waits; a file that cannot be written is logged now and then, at a time in seconds."""
        # Who is cancelled meanwhile must not leave behind what was written and still waits.
        await asyncio.shield(asyncio.create_task(self._flush(at), name="audit log"))

    async def _flush(self, at: float) -> None:
        async with self._lock:
            if self.path is None or not self._pending:
                return
            try:
                written = await asyncio.to_thread(append, self.path, bytes(self._pending))
            except OSError as error:
                self._is_failing = True
                if times := self._failures.failed(self.path, at=at):
                    fields = {"path": self.path, "error": error.strerror, "failures": times}
                    log.error("audit log not written, its lines wait", extra=fields)  # noqa: TRY400
                return
            del self._pending[:written]
            self._is_failing = False
            if self._failures.ended(self.path):
                log.info("audit log written again", extra={"path": self.path})


def append(path: str, data: bytes) -> int:
    """Write to the end of a file, which is made where there is none; return how many octets; raises OSError."""
    # A pipe that nobody reads must not hold us up.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, _MODE)
    try:
        return os.write(descriptor, data) if data else 0
    finally:
        os.close(descriptor)

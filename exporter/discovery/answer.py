"""What a print server answers: printers that it leads to, and queues that lead to none.

answer = await windows.ask(…)      # or cups.ask; raises ServerError
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from exporter.discovery.found import Found

MAX_PRINTERS: Final = 2_000
"""Printers that are taken from one server; one that tells of more is taken for broken."""
MAX_QUEUES: Final = 5 * MAX_PRINTERS
"""Queues that are looked at."""

Reason = Literal["unreachable", "auth", "timeout", "protocol", "too_many"]
Why = Literal["virtual", "local", "relayed", "no_address", "twin"]


class ServerError(Exception):
    """A print server did not tell its printers: `reason` counts it, the text says why and holds no secret."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A queue without a printer to ask.

    virtual: it prints into a file, a fax or a class of printers; local: by a cable of the server; relayed: through
    another print server; no_address: nothing says where the printer is; twin: another queue has the same printer.
    """

    name: str
    why: Why


@dataclass(frozen=True, slots=True)
class Answer:
    """All printers that a print server tells of, each once, by name."""

    found: tuple[Found, ...]
    left_out: tuple[LeftOut, ...] = ()


def answer_of(queues: Iterable[Found | LeftOut]) -> Answer:
    """Sort out what queues lead to; raises ServerError when there are too many printers.

    Of queues with the same printer the one with the shortest name counts: the others are its variants.
    """
    by_host: dict[tuple[str, int], Found] = {}
    left_out: list[LeftOut] = []
    for queue in sorted(queues, key=lambda queue: (len(queue.name), queue.name)):
        if isinstance(queue, LeftOut):
            left_out.append(queue)
        elif by_host.setdefault((queue.host.casefold(), queue.port), queue) is not queue:
            left_out.append(LeftOut(queue.name, "twin"))
    if len(by_host) > MAX_PRINTERS:
        raise ServerError("too_many", f"{len(by_host):,} printers, of which at most {MAX_PRINTERS:,} are taken")
    return Answer(tuple(sorted(by_host.values(), key=lambda found: found.name)), tuple(left_out))

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
Why = Literal["virtual", "local", "relayed", "no_address"]


class ServerError(Exception):
    """A print server did not tell its printers: `reason` counts it, the text says why and holds no secret."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A queue without a printer to ask.

    virtual: it prints into a file, a fax or a class of printers; local: by a cable of the server; relayed: through
    another print server; no_address: nothing says where the printer is.
    """

    name: str
    why: Why


@dataclass(frozen=True, slots=True)
class Answer:
    """All that a print server tells: queues that lead to a printer, the shortest name first, and the others.

    Several queues may have one printer; the shorter name is its own, the longer ones are those of variants.
    """

    found: tuple[Found, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def printers(self) -> int:
        """How many printers there are, as far as the hosts tell."""
        return len({(found.host.casefold(), found.port) for found in self.found})


def answer_of(queues: Iterable[Found | LeftOut]) -> Answer:
    """Sort out what queues lead to; raises ServerError when there are too many printers."""
    in_order = sorted(queues, key=lambda queue: (len(queue.name), queue.name))
    found = tuple(queue for queue in in_order if isinstance(queue, Found))
    answer = Answer(found, tuple(queue for queue in in_order if isinstance(queue, LeftOut)))
    if answer.printers > MAX_PRINTERS:
        raise ServerError("too_many", f"{answer.printers:,} printers, of which at most {MAX_PRINTERS:,} are taken")
    return answer

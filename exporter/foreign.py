"""JSON files of other tools: read with bounds, and what of them cannot be used is told with its place. Pure."""

import json
import re
from dataclasses import dataclass
from typing import Final, TypeVar

from exporter.text import tidy

T = TypeVar("T")

MAX_SIZE: Final = 64 * 2**20
"""Octets; 2,000 cameras with a hundred changes each have some 25 MB."""
MAX_SKIPPED: Final = 10_000
"""A file with more than so many unreadable parts is something else, and would fill the memory with reports."""
MAX_COUNT: Final = 2**53
"""Counts end up in samples, which are exact up to here."""


class ImportFault(ValueError):  # noqa: N818  (as in the config, what is wrong with a file is a fault)
    """A file of which nothing can be used; the text says why, and does not name the file."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """What could not be read, and was left out."""

    where: str
    """A record (its key, or devices[3]), or a field of one whose rest was read (02:00:5e:10:00:01: ip_history[2])."""
    why: str


def document(data: bytes, max_size: int = MAX_SIZE) -> object:
    """Return what a JSON file holds; raises ImportFault."""
    if len(data) > max_size:
        raise ImportFault(f"it is larger than {max_size >> 20} MB, which no such file is")
    if not data.strip():
        raise ImportFault("it is empty")
    try:
        # Told by their first octets, UTF-16 and UTF-32 are read too: Windows' shells redirect into such files.
        return json.loads(data)
    except UnicodeDecodeError as error:
        raise ImportFault(f"it is not text in UTF-8: the octet at position {error.start} does not fit") from None
    except json.JSONDecodeError as error:
        raise ImportFault(f"it is not JSON: line {error.lineno}, column {error.colno}: {error.msg}") from None
    except ValueError:
        # The interpreter's limit for the digits of an int.
        raise ImportFault("it is not JSON that can be read: a number has thousands of digits") from None
    except RecursionError:
        raise ImportFault("it is not JSON that can be read: brackets are nested too deeply") from None


def described(document: object) -> str:
    """Say in a few words what a file holds that is none of those expected."""
    match document:
        case dict():
            keys = [tidy(key) for key in document]
            return f"an object with {', '.join(keys[:5])}{', …' if len(keys) > 5 else ''}"
        case list():
            return "a list"
        case str():
            return "a text"
        case None | bool():
            return "a single word"
        case _:
            return "a number"


def skip(skipped: list[Skipped], where: str, why: str) -> None:
    """Add to what was left out; raises ImportFault when that is too much."""
    if len(skipped) == MAX_SKIPPED:
        raise ImportFault(f"more than {MAX_SKIPPED:,} parts of it cannot be read; the first is {skipped[0].where}")
    skipped.append(Skipped(where, why))


def of(kind: type[T], value: object, what: str) -> T:
    """Return a value that is of a kind; raises ValueError."""
    if isinstance(value, kind):
        return value
    raise ValueError(f"expected {what}")


def text(value: object) -> str:
    """Return a text, tidied; raises ValueError."""
    return tidy(of(str, value, "a text"))


def number(value: object, most: int) -> int:
    """Return a whole number from 0 to `most`, which may be written as a text; raises ValueError."""
    # A bool is an int, too, but its text has no digits.
    digits = str(value).strip() if isinstance(value, int | str) else ""
    if not re.fullmatch("[0-9]{1,16}", digits) or int(digits) > most:
        raise ValueError(f"expected a number from 0 to {most}")
    return int(digits)

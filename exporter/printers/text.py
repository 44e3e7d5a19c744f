"""Text that devices send: untrusted octets in a doubtful charset, made fit for a label."""

import codecs
import functools
import re

from exporter.printers.names import CHARSETS
from exporter.snmp.session import Value
from exporter.text import MAX_LENGTH, tidy

# Fewer octets or letters may be a name that looks so by chance.
_HEX_DUMP = re.compile(r"[0-9A-Fa-f]{2}(?: [0-9A-Fa-f]{2}){4,}")
_LETTERS_OF_TEXT = 3
# Longer ones are not worth remembering.
_USUAL_LENGTH = 255
# In these an ASCII-looking octet string is not ASCII, so that a trial as UTF-8 would succeed wrongly.
_SHIFTED = {"utf-16-be", "utf-16-le", "utf-16", "iso2022_jp"}


def clean(value: Value | None, mib_enum: int = 0) -> str:
    """Return a value as one line of at most 128 characters, "" for what is no text.

    `mib_enum` is the charset the device declares (prtLocalizationCharacterSet, an IANA MIBenum). Declarations are
    often wrong, so what is valid UTF-8 is taken as that first; Latin-1 is the last resort and cannot fail.
    """
    if not isinstance(value, bytes | str):
        return ""
    return _remembered(value, mib_enum) if len(value) <= _USUAL_LENGTH else _cleaned(value, mib_enum)


def _cleaned(value: bytes | str, mib_enum: int) -> str:
    text = _decode(value, mib_enum) if isinstance(value, bytes) else value
    return tidy(_undumped(text, mib_enum))


# Like printers send the same texts, and share what is made of them.
_remembered = functools.lru_cache(maxsize=8192)(_cleaned)


def _undumped(text: str, mib_enum: int) -> str:
    """Return what a text says that an agent sent as a dump of its octets in hex."""
    dump = " ".join(text.rstrip("\0").split())
    if not _HEX_DUMP.fullmatch(dump):
        return text
    meant = _decode(bytes.fromhex(dump).rstrip(b"\0"), mib_enum)
    is_text = meant.isprintable() and sum(char.isalpha() for char in meant) >= _LETTERS_OF_TEXT
    return meant if is_text else text


def codec_of(octets: bytes, mib_enum: int = 0) -> str:
    """Return the codec that octets are read in, where the device declares this charset."""
    declared = CHARSETS.get(mib_enum, "latin-1")
    if declared in _SHIFTED:
        return declared
    return next((codec for codec in ("utf-8", declared) if _can_read(octets, codec)), "latin-1")


def _can_read(octets: bytes, codec: str) -> bool:
    """Tell whether octets are text in a codec; its last character may be cut off, if another was not ASCII."""
    decoder = codecs.getincrementaldecoder(codec)()
    try:
        text = decoder.decode(octets)
    except UnicodeDecodeError:
        return False
    return not decoder.getstate()[0] or not text.isascii()


def _decode(octets: bytes, mib_enum: int) -> str:
    return octets.decode(codec_of(octets, mib_enum), "replace").replace("\N{REPLACEMENT CHARACTER}", "")


def unique(labels: list[str]) -> list[str]:
    """Return the labels with " 2", " 3" … behind those that occurred before, in order and in 128 characters."""
    seen: set[str] = set()
    result = []
    for label in labels:
        candidate, number = label, 1
        while candidate in seen:
            number += 1
            suffix = f" {number}"
            candidate = label[: MAX_LENGTH - len(suffix)] + suffix
        seen.add(candidate)
        result.append(candidate)
    return result

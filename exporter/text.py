"""Decoded text that devices send: untrusted, made fit for a label."""

import unicodedata

MAX_LENGTH = 128
# How much of a text is looked at, blanks and unwanted characters included.
_MAX_READ = 4 * MAX_LENGTH
# Control and format characters (bidi marks among them), surrogates, private use, line and paragraph separators.
_UNWANTED = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def tidy(text: str) -> str:
    """Return a text as one printable line of at most 128 characters, with single blanks between words."""
    read = text[:_MAX_READ]
    kept = read if read.isprintable() else _without_unwanted(read)
    return " ".join(kept.split())[:MAX_LENGTH].strip()


def _without_unwanted(text: str) -> str:
    # A line break inside a text parts two words; anything else unwanted parts nothing.
    spaced = "".join(" " if char in "\t\n\r" else char for char in text)
    return "".join(char for char in spaced if unicodedata.category(char) not in _UNWANTED)

"""What is typed behind a command, checked."""

import argparse
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def typed(read: Callable[[str], T]) -> Callable[[str], T]:
    """Return a type for argparse, which tells what a ValueError of `read` says."""

    def checked(text: str) -> T:
        try:
            return read(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return checked


def community(text: str) -> str:
    """Return a community; raises ValueError, which does not repeat it."""
    if not text or not text.isprintable():
        raise ValueError("expected printable text")
    return text

"""Files that commands look at and write."""

import os
from pathlib import Path

from exporter.commands.kept import CommandError


def exists(path: Path | str) -> bool:
    """Tell whether there is something at a path; False where this user may not look."""
    return os.path.exists(path)  # noqa: PTH110 - pathlib raises where it may not look


def create(path: Path, text: str, *, is_secret: bool) -> None:
    """Write a file that is not there yet, for this user's eyes only where it `is_secret`; raises CommandError."""
    mode = 0o600 if is_secret else 0o666
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from None

"""Files that commands look at and write."""

import os
import stat
from pathlib import Path

from exporter.commands.errors import CommandError


def exists(path: Path | str) -> bool:
    """Tell whether there is something at a path; False where this user may not look."""
    return os.path.exists(path)  # noqa: PTH110 - pathlib raises where it may not look


def create(path: Path, text: str, *, force: bool = False, is_secret: bool = False) -> None:
    """Write a file whole or not at all; raises CommandError, also for one that is there unless `force`.

    A new one is for this user's eyes only where it `is_secret`.
    """
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    try:
        with os.fdopen(os.open(path, flags, 0o600 if is_secret else 0o666), "w", encoding="utf-8") as stream:
            try:
                stream.write(text)
                stream.flush()
            except OSError:
                if stat.S_ISREG(path.lstat().st_mode):  # and not /dev/stdout
                    path.unlink()
                raise
    except OSError as error:
        raise CommandError(f"{path}: cannot be written: {error.strerror}") from None

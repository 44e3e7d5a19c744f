"""Whether a file has changed since it was read."""

from pathlib import Path
from typing import TypeAlias

Mark: TypeAlias = tuple[int, int, int] | None
"""What changes with a file; None for one that is not there."""


def mark(file: Path) -> Mark:
    """Return the mark of a file as it is now."""
    # Of the times only that of the inode tells every change, a chmod among them.
    try:
        status = file.stat()
    except (OSError, ValueError):
        return None
    return status.st_ctime_ns, status.st_size, status.st_ino

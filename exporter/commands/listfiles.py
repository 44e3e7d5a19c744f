"""Inventory files beside a config, gathered for a backup and put back from one."""

import glob
from collections.abc import Iterable, Mapping
from pathlib import Path

from exporter import config
from exporter.backup import is_below
from exporter.commands.errors import CommandError
from exporter.commands.files import create, exists


def gathered(patterns: Iterable[str], folder: Path) -> tuple[dict[str, str], list[str]]:
    """Return the text of the files below a folder that patterns lead to, by name, and the names of files elsewhere.

    Raises ConfigError for one that cannot be read.
    """
    found = {name for pattern in patterns for name in glob.glob(pattern, root_dir=folder, recursive=True)}  # noqa: PTH207 - the folder may have any name
    names = sorted(name for name in found if (folder / name).is_file())
    return {name: config.read_text(folder / name) for name in names if is_below(name)}, [
        name for name in names if not is_below(name)
    ]


def put_back(files: Mapping[str, str], folder: Path) -> list[str]:
    """Write the files that are not there, and return their names; raises CommandError."""
    missing = [name for name in files if not exists(folder / name)]
    for name in missing:
        try:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CommandError(f"{folder / name}: cannot be written: {error.strerror}") from None
        create(folder / name, files[name])
    return missing

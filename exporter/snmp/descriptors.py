"""Sockets to printers leave some of the process' descriptors to scrapes, the state, name look-ups and cameras."""

import errno
import os
import socket
import sys

if sys.platform != "win32":
    import resource

OTHERS = 100
"""How many are left to others; half of all where there are few."""


def check_left() -> None:
    """Raise OSError when one more socket would take what is left to others."""
    if sys.platform == "win32":
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lowest:  # POSIX hands out the lowest number that is free
        if limit != resource.RLIM_INFINITY and lowest.fileno() >= limit - min(OTHERS, limit // 2):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

"""What can go wrong between us and an SNMP agent.

SnmpError
├── Resolve    the host name has no address
├── Refused    the host says that nothing listens there, or cannot be reached at all
├── Timeout    nobody answered
├── Auth       the agent rejects user, keys or security level
├── Exhausted  this process has no descriptor left
└── Protocol   an answer came that cannot be used, or the engine cannot say what was asked of it

`reason` is the label under which the failure is counted. Every error of the libraries becomes one of these, without
its text, which may hold a secret or what an agent sent, and without itself, which holds on to sockets.
"""

import errno
import os
import re
from typing import ClassVar


class SnmpError(Exception):
    """Base of all; raised only as one of its subclasses."""

    reason: ClassVar[str] = "protocol"


class Resolve(SnmpError):
    """The host name has no address."""

    reason = "resolve"


class Refused(SnmpError):
    """ICMP says no (port closed, host or network unreachable), or our own system does."""

    reason = "refused"


class Timeout(SnmpError):
    """No answer in time: off, asleep, filtered, a wrong community or privacy password."""

    reason = "timeout"


class Auth(SnmpError):
    """SNMPv3 user, key, level or context rejected (RFC 3414 section 3.2)."""

    reason = "auth"


class Exhausted(SnmpError):
    """Our own shortage of descriptors; no printer is to blame."""

    reason = "internal"


class Protocol(SnmpError):
    """The answer is malformed or too large to read, or the engine cannot ask in this way."""

    reason = "protocol"


def from_system(error: OSError) -> SnmpError:
    """Give our error for one of the operating system's."""
    if isinstance(error, TimeoutError):
        return Timeout("no answer")
    # gufo-snmp gives the number in its text only
    in_text = re.search(r"\(os error (\d+)\)", str(error))
    number = int(in_text[1]) if in_text else error.errno or 0
    if number in {errno.EMFILE, errno.ENFILE}:
        return Exhausted("the exporter has no descriptor left: raise its limit of open files")
    if number == errno.ECONNREFUSED:
        return Refused("nothing listens on this port")
    return Refused(os.strerror(number) if number > 0 else "not an address to send to")

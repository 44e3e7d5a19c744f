"""What can go wrong between us and an SNMP agent.

SnmpError
├── Resolve    the host name has no address
├── Refused    the host says that nothing listens there, or cannot be reached at all
├── Timeout    nobody answered
├── Auth       the agent rejects user, keys or security level
└── Protocol   an answer came that cannot be used

`reason` is the label under which the failure is counted.
"""

from typing import ClassVar


class SnmpError(Exception):
    """Base of all; raised only as one of its subclasses."""

    reason: ClassVar[str] = "protocol"


class Resolve(SnmpError):
    """The host name has no address."""

    reason = "resolve"


class Refused(SnmpError):
    """ICMP says no: port closed, host or network unreachable."""

    reason = "refused"


class Timeout(SnmpError):
    """No answer in time: off, asleep, filtered, or a wrong community."""

    reason = "timeout"


class Auth(SnmpError):
    """SNMPv3 user, key or level rejected (RFC 3414 section 3.2)."""

    reason = "auth"


class Protocol(SnmpError):
    """The answer is malformed or too large to read."""

    reason = "protocol"
